//! Reads and writes the tensors of a model as Hugging Face lays them out: safetensors, single or in shards, and
//! PyTorch's pickles, of which no code is run.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use candle_core::{DType, Device, Tensor};
use corpus_format::reader::{hash_file, hex};
use rand_distr::{Distribution, Normal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Architecture, EMBEDDING, HEAD};
use crate::{Error, Result, json, random};

/// Tensors by Hugging Face's names.
pub type Weights = BTreeMap<String, Tensor>;

/// The file that lists what lies in which shard.
const INDEX: &str = "model.safetensors.index.json";

/// A shard is at most this large.
const SHARD_BYTES: usize = 5_000_000_000;

#[derive(Serialize, Deserialize)]
struct Index {
    metadata: serde_json::Value,
    weight_map: BTreeMap<String, String>,
}

/// Read the model in `folder`: its config.json and all its tensors, on the CPU, as they are.
///
/// # Errors
/// A file that is missing, cut short or not what it says; a tensor that is missing, too many or of another shape.
pub fn read_folder(folder: &Path) -> Result<(Architecture, Weights)> {
    let architecture = Architecture::read(&folder.join("config.json"))?;
    let mut weights = Weights::new();
    for path in files(folder)? {
        for (name, tensor) in read_file(&path)? {
            if let Some(name) = weights.insert(name.clone(), tensor).map(|_| name) {
                return Err(Error::invalid(path.display(), format!("tensor `{name}` is in another file too")));
            }
        }
    }
    account(&architecture, &mut weights).map_err(|what| Error::invalid(folder.display(), what))?;
    Ok((architecture, weights))
}

/// SHA-256 over the model in `folder`: what `sha256sum config.json <files of tensors> | sha256sum` says, the files in
/// the order of their names, without the path.
///
/// # Errors
/// A file that is missing.
pub fn hash_folder(folder: &Path) -> Result<String> {
    let mut files = files(folder)?;
    files.push(folder.join("config.json"));
    hash_files(files)
}

/// SHA-256 over what sha256sum says of files, in the order of their names.
///
/// # Errors
/// A file that is missing.
pub(crate) fn hash_files(mut files: Vec<PathBuf>) -> Result<String> {
    files.sort();
    let line = |path: &PathBuf| -> Result<String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(format!("{}  {name}\n", hash_file(path)?.1))
    };
    let lines = files.par_iter().map(line).collect::<Result<String>>()?;
    Ok(hex(&Sha256::digest(lines)))
}

/// The files that hold the tensors.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    for index in [INDEX, "pytorch_model.bin.index.json"] {
        let path = folder.join(index);
        if path.exists() {
            let index: Index = json::read(&path)?;
            let names: std::collections::BTreeSet<String> = index.weight_map.into_values().collect();
            return Ok(names.into_iter().map(|name| folder.join(name)).collect());
        }
    }
    let single = ["model.safetensors", "pytorch_model.bin"].map(|name| folder.join(name));
    let found = single.into_iter().find(|path| path.exists());
    found.map(|path| vec![path]).ok_or_else(|| {
        Error::invalid(folder.display(), "it has no model.safetensors, no pytorch_model.bin and no index of shards")
    })
}

/// The tensors of a safetensors file or a pickle.
///
/// # Errors
/// A file that is cut short or not what it says.
pub fn read_file(path: &Path) -> Result<Vec<(String, Tensor)>> {
    let bad = |e: candle_core::Error| Error::invalid(path.display(), e.to_string());
    if path.extension().is_some_and(|extension| extension == "bin") {
        fs_err::metadata(path)?;
        // candle's reader panics at tuples that are shorter than PyTorch's.
        let read = std::panic::catch_unwind(|| candle_core::pickle::read_all(path));
        let torn = |_| Err(candle_core::Error::Msg("not a pickle of tensors as PyTorch writes it".into()));
        return read.unwrap_or_else(torn).map_err(bad);
    }
    let bytes = fs_err::read(path)?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(bad)?;
    Ok(tensors.into_iter().collect())
}

/// Check that each tensor of the architecture is there once, in its shape, and nothing else is.
fn account(architecture: &Architecture, weights: &mut Weights) -> Result<(), String> {
    // Older checkpoints hold the rotary frequencies, which follow from the configuration.
    weights.retain(|name, _| !name.ends_with(".self_attn.rotary_emb.inv_freq"));
    if architecture.tie_word_embeddings
        && let Some(head) = weights.remove(HEAD)
    {
        let same = weights.get(EMBEDDING).is_some_and(|embedding| same_bits(embedding, &head));
        if !same {
            return Err(format!("`{HEAD}` differs from `{EMBEDDING}`, and tie_word_embeddings says they are one"));
        }
    }
    let expected: BTreeMap<String, Vec<usize>> = architecture.tensors().into_iter().collect();
    for (name, shape) in &expected {
        let Some(tensor) = weights.get(name) else {
            return Err(format!("tensor `{name}` is missing"));
        };
        if tensor.dims() != shape {
            return Err(format!("tensor `{name}` has the shape {:?}, config.json asks for {shape:?}", tensor.dims()));
        }
        if !matches!(tensor.dtype(), DType::F32 | DType::F16 | DType::BF16) {
            return Err(format!("tensor `{name}` holds {:?}; f32, f16 and bf16 are supported", tensor.dtype()));
        }
    }
    match weights.keys().find(|name| !expected.contains_key(*name)) {
        Some(extra) => Err(format!("tensor `{extra}` is not part of the model that config.json describes")),
        None => Ok(()),
    }
}

fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    let bytes =
        |tensor: &Tensor| tensor.flatten_all().and_then(|t| t.to_dtype(DType::F32)).and_then(|t| t.to_vec1::<f32>());
    a.dims() == b.dims()
        && matches!((bytes(a), bytes(b)), (Ok(a), Ok(b)) if a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits()))
}

/// New weights for `architecture`: normal with its standard deviation, norms at 1. The same seed gives the same weights.
///
/// # Errors
/// A computation that fails.
pub fn random(architecture: &Architecture, seed: u64) -> Result<Weights> {
    let normal = Normal::new(0.0, architecture.initializer_range as f32)
        .map_err(|e| Error::invalid("initializer_range", e.to_string()))?;
    let tensor = |(stream, (name, shape)): (usize, (String, Vec<usize>))| {
        if shape.len() == 1 {
            return Ok((name, Tensor::ones(shape, DType::F32, &Device::Cpu)?));
        }
        let mut random = random::stream(seed, random::INIT, stream as u64);
        let values: Vec<f32> = normal.sample_iter(&mut random).take(shape.iter().product()).collect();
        Ok((name, Tensor::from_vec(values, shape, &Device::Cpu)?))
    };
    architecture.tensors().into_par_iter().enumerate().map(tensor).collect()
}

/// Write `tensors` to a safetensors file and bring it to the disk.
///
/// # Errors
/// A full disk, or another reason that the file cannot be written.
pub fn write_file(path: &Path, tensors: &Weights) -> Result<()> {
    let views: Vec<(&str, &Tensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    // The library makes files that only their owner reads; ours are as readable as any other new file.
    let permissions = fs_err::File::create(path)?.metadata()?.permissions();
    safetensors::serialize_to_file(views, Some(metadata), path)
        .map_err(|e| Error::invalid(path.display(), e.to_string()))?;
    fs_err::set_permissions(path, permissions)?;
    Ok(fs_err::File::open(path)?.sync_all()?)
}

/// Write a model as transformers reads it: config.json, and its tensors in one file or in shards with an index.
///
/// # Errors
/// A full disk, or another reason that a file cannot be written.
pub fn write_folder(folder: &Path, architecture: &Architecture, weights: &Weights) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    let mut config = serde_json::json!(architecture);
    let dtype = match weights.get(EMBEDDING).map(Tensor::dtype) {
        Some(DType::BF16) => "bfloat16",
        Some(DType::F16) => "float16",
        _ => "float32",
    };
    for (key, value) in [
        ("architectures", serde_json::json!(["LlamaForCausalLM"])),
        ("model_type", "llama".into()),
        ("hidden_act", "silu".into()),
        // transformers 5 reads the first, 4 the second.
        ("dtype", dtype.into()),
        ("torch_dtype", dtype.into()),
    ] {
        config[key] = value;
    }
    fs_err::write(folder.join("config.json"), format!("{config:#}\n"))?;

    let num_bytes = |tensor: &Tensor| tensor.elem_count() * tensor.dtype().size_in_bytes();
    let mut shards: Vec<Weights> = vec![Weights::new()];
    let mut room = SHARD_BYTES;
    for (name, tensor) in weights {
        if num_bytes(tensor) > room && shards.last().is_some_and(|shard| !shard.is_empty()) {
            shards.push(Weights::new());
            room = SHARD_BYTES;
        }
        room = room.saturating_sub(num_bytes(tensor));
        if let Some(shard) = shards.last_mut() {
            shard.insert(name.clone(), tensor.clone());
        }
    }
    if let [single] = &shards[..] {
        return write_file(&folder.join("model.safetensors"), single);
    }
    let mut weight_map = BTreeMap::new();
    for (number, shard) in (1..).zip(&shards) {
        let name = format!("model-{number:05}-of-{:05}.safetensors", shards.len());
        write_file(&folder.join(&name), shard)?;
        weight_map.extend(shard.keys().map(|tensor| (tensor.clone(), name.clone())));
    }
    let total: usize = weights.values().map(num_bytes).sum();
    let index = Index { metadata: serde_json::json!({"total_size": total}), weight_map };
    fs_err::write(folder.join(INDEX), format!("{:#}\n", serde_json::json!(index)))?;
    Ok(())
}
