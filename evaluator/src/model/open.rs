//! Opens a model with its tokenizer and adapter, and refuses what does not belong together.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use candle_core::DType;
use corpus_format::reader::hash_file;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use trainer::{
    Config, checkpoint,
    model::{
        Architecture,
        grow::ROW_MULTIPLE,
        lora::Lora,
        weights::{self, Weights},
    },
    run, start,
};
use vocab::Tokenizer;

use super::{Device, Engine, device, fused};
use crate::{Error, Result};

/// Where a model lies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// A folder with config.json, weights and tokenizer.model; or a run of the trainer, or one of its checkpoints.
    pub model: PathBuf,
    /// An adapter of this model, as PEFT or the trainer writes it.
    #[arg(long)]
    pub adapter: Option<PathBuf>,
    /// The tokenizer, where it does not lie beside the model.
    #[arg(long)]
    pub tokenizer: Option<PathBuf>,
    /// What it is called in results; the names of its folder and its adapter's where absent.
    #[arg(long)]
    pub name: Option<String>,
    /// What the model is computed on; a GPU where absent, where one is there and the program was built for it.
    #[arg(long)]
    pub device: Option<Device>,
}

impl Files {
    /// Check that the folders are there, and that a folder can have the name.
    ///
    /// # Errors
    /// What is not so.
    pub fn check(&self) -> Result<()> {
        if self.name.as_ref().is_some_and(|name| name.is_empty() || name.starts_with('.') || name.contains('/')) {
            let what = "it is to be the name of a folder: not empty, without / and not beginning with a point";
            return Err(Error::Invalid { at: "name".into(), what: what.into() });
        }
        match [Some(&self.model), self.adapter.as_ref()].into_iter().flatten().find(|folder| !folder.is_dir()) {
            Some(folder) => Err(Error::invalid(folder, "there is no such folder")),
            None => Ok(()),
        }
    }

    /// What the model is called.
    pub fn name(&self) -> String {
        let last = |path: &Path| {
            let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            path.file_name().unwrap_or_default().to_string_lossy().into_owned()
        };
        let of_folders = || match &self.adapter {
            Some(adapter) => format!("{}+{}", last(&self.model), last(adapter)),
            None => last(&self.model),
        };
        self.name.clone().unwrap_or_else(of_folders)
    }
}

/// A model that can be run.
pub struct Model {
    /// Its numbers.
    pub architecture: Architecture,
    /// What computes.
    pub engine: Engine,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// What it is called.
    pub name: String,
    /// SHA-256 of its weights' files, of its adapter's and of its tokenizer.
    pub sha256: [Option<String>; 3],
    /// SHA-256 of the index of the corpus that it was trained on, where a run says so.
    pub trained_on: Option<String>,
    /// What could not be checked.
    pub notes: Vec<String>,
}

/// Weights that were read.
struct Read {
    architecture: Architecture,
    weights: Weights,
    tokenizer: Tokenizer,
    sha256: String,
    trained_on: Option<String>,
}

impl Model {
    /// Open a model.
    ///
    /// # Errors
    /// A folder that holds no whole model, an adapter that is not of this model, a tokenizer that is not; a name that
    /// no folder can have.
    pub fn open(files: &Files) -> Result<Self> {
        files.check()?;
        let folder = &files.model;
        let mut read = match run_of(folder) {
            Some(run) => read_run(run, folder, files.tokenizer.as_deref())?,
            None => read_folder(folder, files.tokenizer.as_deref())?,
        };
        check_rows(folder, &read)?;
        let (mut adapter_sha256, mut notes) = (None, Vec::new());
        if let Some(adapter) = &files.adapter {
            notes.extend(check_base(adapter, folder, &read.sha256)?);
            let (lora, tensors) = Lora::read(adapter, &read.architecture)?;
            adapt(&lora, &mut read.weights, &tensors)?;
            adapter_sha256 = Some(Lora::hash_folder(adapter)?);
        }
        let tokenizer_sha256 = start::hash_tokenizer(&read.tokenizer);
        let device = open_device(files.device, &read.architecture)?;
        Ok(Self {
            engine: Engine::new(read.architecture.clone(), read.weights, device.as_ref())?,
            architecture: read.architecture,
            tokenizer: read.tokenizer,
            name: files.name(),
            trained_on: read.trained_on,
            notes,
            sha256: [Some(read.sha256), adapter_sha256, Some(tokenizer_sha256)],
        })
    }

    /// The ids that end a text: the tokenizer's marks, of which `<s>` begins another one, and what config.json names.
    pub fn ends(&self) -> HashSet<u32> {
        let named = self.architecture.other.get("eos_token_id");
        let ids = named.map_or(&[][..], |value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
        let ids = ids.iter().filter_map(|id| u32::try_from(id.as_u64()?).ok());
        ids.chain([self.tokenizer.begin(), self.tokenizer.end()]).collect()
    }

    /// What it is computed on.
    pub fn device(&self) -> Device {
        match self.engine {
            Engine::Host(_) => Device::Cpu,
            Engine::Card(_) => Device::Cuda,
        }
    }

    /// What is to be said where a run trained the model on another build of a corpus than the one that is here.
    ///
    /// # Errors
    /// A corpus without an index.
    pub fn stranger_to(&self, corpus: &Path) -> Result<Option<String>> {
        let Some(trained_on) = &self.trained_on else { return Ok(None) };
        let what = "was trained on another build of the corpus: what is held out of this one may have been learned";
        let is_other = hash_file(&corpus.join("index.json"))?.1 != *trained_on;
        Ok(is_other.then(|| format!("{} {what}", self.name)))
    }

    /// Tokens of a text that the model was made for.
    pub fn context(&self) -> usize {
        self.architecture.max_position_embeddings
    }
}

/// The GPU that a model is to run on; none for a CPU.
///
/// # Errors
/// A GPU that is asked for, and is not there or cannot run the model.
pub fn open_device(asked: Option<Device>, architecture: &Architecture) -> Result<Option<candle_core::Device>> {
    device::find(asked, fused::refuses(architecture))
}

/// The run that a folder is, or is a checkpoint of.
fn run_of(folder: &Path) -> Option<&Path> {
    if folder.join("checkpoints").is_dir() {
        return Some(folder);
    }
    folder.join("trained.safetensors").exists().then(|| folder.ancestors().nth(2)).flatten()
}

fn read_folder(folder: &Path, tokenizer: Option<&Path>) -> Result<Read> {
    // A large model's files take as long to hash as to read.
    let (read, sha256) = rayon::join(|| weights::read_folder(folder), || weights::hash_folder(folder));
    let (architecture, weights) = read?;
    if tokenizer.is_none() && !folder.join("tokenizer.model").exists() {
        return Err(Error::invalid(folder, "it has no tokenizer.model; --tokenizer says where there is one"));
    }
    let tokenizer = Tokenizer::open(tokenizer.unwrap_or(folder))?;
    Ok(Read { architecture, weights, tokenizer, sha256: sha256?, trained_on: None })
}

/// The model of a checkpoint: that of the folder, or the newest where the folder is that of a run.
fn read_run(run: &Path, folder: &Path, tokenizer: Option<&Path>) -> Result<Read> {
    let config: Config = read_json(&run.join(run::CONFIG))?;
    let newest = if run == folder {
        checkpoint::newest(run, |error| eprintln!("left aside: {error}"))?
            .ok_or_else(|| Error::invalid(run, "it has no whole checkpoint"))?
    } else {
        folder.to_owned()
    };
    let (progress, saved) = checkpoint::read(&newest)?;
    let tokenizer = Tokenizer::open(tokenizer.unwrap_or(&config.tokenizer))?;
    progress
        .check(&start::hash_tokenizer(&tokenizer), start::hash_base(&config)?.as_deref())
        .map_err(|what| Error::invalid(run, what))?;
    let start::Start { architecture, mut weights, adapter, .. } = start::start(&config, &tokenizer)?;
    match adapter {
        Some((lora, _)) => adapt(&lora, &mut weights, &saved.trained)?,
        None => weights = saved.trained,
    }
    let sha256 = hash_file(&newest.join("manifest.json"))
        .map_err(|_| Error::invalid(&newest, "it has no manifest.json: not a whole checkpoint"))?;
    Ok(Read { architecture, weights, tokenizer, sha256: sha256.1, trained_on: Some(progress.corpus) })
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_str(&fs_err::read_to_string(path)?).map_err(|e| Error::invalid(path, e.to_string()))
}

/// Put an adapter into weights, in f32: rounding the sum to halves would lose of the adapter. A GPU computes in halves,
/// and rounds it all the same.
fn adapt(lora: &Lora, weights: &mut Weights, adapter: &Weights) -> Result<()> {
    for (name, tensor) in weights.iter_mut() {
        if name.strip_suffix(".weight").is_some_and(|linear| lora.adapts(linear)) {
            *tensor = tensor.to_dtype(DType::F32)?;
        }
    }
    Ok(lora.merge(weights, adapter)?)
}

/// Check that a tokenizer is the model's: rows for all its ids, and no more than padding beside.
fn check_rows(folder: &Path, Read { architecture, tokenizer, .. }: &Read) -> Result<()> {
    let (rows, pieces) = (architecture.vocab_size, tokenizer.num_pieces());
    if rows >= pieces && rows <= pieces.next_multiple_of(ROW_MULTIPLE) {
        return Ok(());
    }
    let what = format!("the model has {rows} rows and the tokenizer {pieces} ids: it is not this model's tokenizer");
    Err(Error::invalid(folder, what))
}

/// Check that an adapter's base, where it lies on this machine, is the model; what is to be said where it does not.
fn check_base(adapter: &Path, model: &Path, sha256: &str) -> Result<Option<String>> {
    #[derive(Deserialize)]
    struct Base {
        base_model_name_or_path: Option<PathBuf>,
    }
    let path = adapter.join("adapter_config.json");
    if !path.exists() {
        return Err(Error::invalid(adapter, "it has no adapter_config.json: not an adapter"));
    }
    let Base { base_model_name_or_path } = read_json(&path)?;
    let base = base_model_name_or_path.unwrap_or_else(|| "a base that it does not name".into());
    if !base.join("config.json").exists() {
        let what = "which is not here: that this is its model is known by shapes alone";
        return Ok(Some(format!("{} was trained on {}, {what}", adapter.display(), base.display())));
    }
    if weights::hash_folder(&base)? == sha256 {
        return Ok(None);
    }
    let what = format!("it was trained on {}, whose files are not those of {}", base.display(), model.display());
    Err(Error::invalid(&path, what))
}
