//! Defines low-rank adapters (Hu et al., "LoRA", 2021) and their files, which are PEFT's.

use std::{collections::BTreeSet, path::Path};

use candle_core::{DType, Device, Tensor};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{
    Architecture, EMBEDDING, HEAD, LINEAR,
    weights::{self, Weights},
};
use crate::{Error, Result, json, random};

/// Which maps get an adapter, and how it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lora {
    /// Rank of the update.
    pub rank: usize,
    /// The update is scaled by this over the rank.
    pub alpha: f64,
    /// The share of an adapter's inputs that training leaves out.
    pub dropout: f64,
    /// Maps by their last names: `q_proj`, `k_proj`, `v_proj`, `o_proj`, `gate_proj`, `up_proj`, `down_proj`.
    pub targets: BTreeSet<String>,
    /// Scale by alpha over the root of the rank (Kalajdzievski, "rsLoRA", 2023).
    pub rank_stabilized: bool,
    /// What is trained in full beside: `embed_tokens`, `lm_head`.
    pub modules_to_save: BTreeSet<String>,
}

impl Default for Lora {
    fn default() -> Self {
        let targets = ["q_proj", "k_proj", "v_proj", "o_proj"].map(str::to_owned).into();
        Self { rank: 16, alpha: 32.0, dropout: 0.05, targets, rank_stabilized: false, modules_to_save: BTreeSet::new() }
    }
}

/// PEFT's adapter_config.json, as far as it decides what an adapter computes.
#[derive(Serialize, Deserialize)]
struct PeftConfig {
    peft_type: String,
    task_type: Option<String>,
    base_model_name_or_path: Option<String>,
    r: usize,
    lora_alpha: f64,
    lora_dropout: f64,
    target_modules: BTreeSet<String>,
    modules_to_save: Option<BTreeSet<String>>,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    fan_in_fan_out: bool,
    #[serde(default)]
    bias: Option<String>,
    #[serde(default)]
    inference_mode: bool,
    /// Ranks and scales of single maps; only none are supported.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    rank_pattern: serde_json::Map<String, serde_json::Value>,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    alpha_pattern: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    lora_bias: bool,
}

const CONFIG: &str = "adapter_config.json";
const MODEL: &str = "adapter_model.safetensors";
const PREFIX: &str = "base_model.model.";

impl Lora {
    /// Check the settings.
    ///
    /// # Errors
    /// What does not make sense.
    pub fn check(&self) -> Result<(), String> {
        if self.rank == 0 || self.targets.is_empty() {
            return Err("lora.rank is 0, or lora.targets is empty: nothing would be adapted".into());
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return Err(format!("lora.alpha is {}; it has to be above 0", self.alpha));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(format!("lora.dropout is {}; it is from 0 to below 1", self.dropout));
        }
        let known = |target: &&String| LINEAR.iter().any(|linear| linear.rsplit('.').next() == Some(target));
        if let Some(target) = self.targets.iter().find(|target| !known(target)) {
            return Err(format!("lora.targets names `{target}`, which no block has"));
        }
        if let Some(module) =
            self.modules_to_save.iter().find(|module| !["embed_tokens", "lm_head"].contains(&module.as_str()))
        {
            return Err(format!("lora.modules_to_save names `{module}`; it can name embed_tokens and lm_head"));
        }
        Ok(())
    }

    /// Check that these adapters can be trained on a model.
    ///
    /// # Errors
    /// A head of its own, where the head is the embedding.
    pub fn check_on(&self, architecture: &Architecture) -> Result<(), String> {
        if architecture.tie_word_embeddings && self.modules_to_save.contains("lm_head") {
            let what = "modules_to_save names lm_head, and this model's head is its embedding (tie_word_embeddings)";
            return Err(format!("{what}; embed_tokens trains both"));
        }
        Ok(())
    }

    /// What the update is multiplied by.
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.rank_stabilized { rank.sqrt() } else { rank }
    }

    /// Whether a linear map, such as `model.layers.0.self_attn.q_proj`, has an adapter.
    pub fn adapts(&self, linear: &str) -> bool {
        linear.rsplit('.').next().is_some_and(|name| self.targets.contains(name))
    }

    /// The names and shapes of the tensors that training changes: `….lora_A.weight` (rank, columns),
    /// `….lora_B.weight` (rows, rank), and what is trained in full.
    pub fn tensors(&self, architecture: &Architecture) -> Vec<(String, Vec<usize>)> {
        let mut all = Vec::new();
        for layer in 0..architecture.num_hidden_layers {
            for linear in LINEAR.iter().filter(|linear| self.adapts(linear)) {
                let (rows, columns) = architecture.linear_shape(linear);
                all.push((format!("model.layers.{layer}.{linear}.lora_A.weight"), vec![self.rank, columns]));
                all.push((format!("model.layers.{layer}.{linear}.lora_B.weight"), vec![rows, self.rank]));
            }
        }
        let saved = self.modules_to_save.iter().map(|module| if module == "lm_head" { HEAD } else { EMBEDDING });
        let shapes = architecture.tensors();
        all.extend(shapes.into_iter().filter(|(name, _)| saved.clone().any(|saved| saved == name)));
        all
    }

    /// Fresh adapters: `A` uniform as PEFT draws it (Kaiming with a = √5, which is ±1/√columns), `B` zero, so that
    /// nothing changes yet.
    ///
    /// # Errors
    /// A computation that fails.
    pub fn fresh(&self, architecture: &Architecture, seed: u64) -> Result<Weights> {
        let mut adapter = Weights::new();
        for (stream, (name, shape)) in self.tensors(architecture).into_iter().enumerate() {
            let tensor = if name.ends_with("lora_A.weight") {
                let bound = 1.0 / (shape[1] as f32).sqrt();
                let mut random = random::stream(seed, random::ADAPTER, stream as u64);
                let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| random.random_range(-bound..bound)).collect();
                Tensor::from_vec(values, shape, &Device::Cpu)?
            } else if name.ends_with("lora_B.weight") {
                Tensor::zeros(shape, DType::F32, &Device::Cpu)?
            } else {
                continue;
            };
            adapter.insert(name, tensor);
        }
        Ok(adapter)
    }

    /// Write an adapter as PEFT reads it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &Path, base: Option<&str>, adapter: &Weights) -> Result<()> {
        fs_err::create_dir_all(folder)?;
        let config = PeftConfig {
            peft_type: "LORA".into(),
            task_type: Some("CAUSAL_LM".into()),
            base_model_name_or_path: base.map(str::to_owned),
            r: self.rank,
            lora_alpha: self.alpha,
            lora_dropout: self.dropout,
            target_modules: self.targets.clone(),
            modules_to_save: Some(self.modules_to_save.clone()).filter(|modules| !modules.is_empty()),
            use_rslora: self.rank_stabilized,
            use_dora: false,
            fan_in_fan_out: false,
            bias: Some("none".into()),
            inference_mode: true,
            rank_pattern: serde_json::Map::new(),
            alpha_pattern: serde_json::Map::new(),
            lora_bias: false,
        };
        let named = adapter.iter().map(|(name, tensor)| (format!("{PREFIX}{name}"), tensor.clone())).collect();
        weights::write_file(&folder.join(MODEL), &named)?;
        Ok(fs_err::write(folder.join(CONFIG), format!("{:#}\n", serde_json::json!(config)))?)
    }

    /// SHA-256 over the files of an adapter: what `sha256sum adapter_config.json adapter_model.safetensors | sha256sum`
    /// says.
    ///
    /// # Errors
    /// A file that is missing.
    pub fn hash_folder(folder: &Path) -> Result<String> {
        weights::hash_files(vec![folder.join(CONFIG), folder.join(MODEL)])
    }

    /// Read an adapter that PEFT or this program wrote, for a model of `architecture`.
    ///
    /// # Errors
    /// An adapter of another kind, or one that does not fit the model: it names the tensor.
    pub fn read(folder: &Path, architecture: &Architecture) -> Result<(Self, Weights)> {
        let path = folder.join(CONFIG);
        let config: PeftConfig = json::read(&path)?;
        let bias = config.bias.as_deref().unwrap_or("none");
        let has_pattern = !config.rank_pattern.is_empty() || !config.alpha_pattern.is_empty();
        let has_bias = bias != "none" || config.lora_bias;
        if config.peft_type != "LORA" || config.use_dora || config.fan_in_fan_out || has_bias || has_pattern {
            let what = "only plain LoRA adapters are supported: no DoRA, biases, or ranks of single maps";
            return Err(Error::invalid(path.display(), what));
        }
        let lora = Self {
            rank: config.r,
            alpha: config.lora_alpha,
            dropout: config.lora_dropout,
            targets: config.target_modules,
            rank_stabilized: config.use_rslora,
            modules_to_save: config.modules_to_save.unwrap_or_default(),
        };
        lora.check().and_then(|()| lora.check_on(architecture)).map_err(|what| Error::invalid(path.display(), what))?;
        let path = folder.join(MODEL);
        let mut adapter = Weights::new();
        for (name, tensor) in weights::read_file(&path)? {
            let name = name.strip_prefix(PREFIX).map(str::to_owned).unwrap_or(name);
            adapter.insert(name, tensor);
        }
        let expected = lora.tensors(architecture);
        for (name, shape) in &expected {
            match adapter.get(name).map(Tensor::dims) {
                None => {
                    return Err(Error::invalid(
                        path.display(),
                        format!("tensor `{name}` is missing: not an adapter of this model"),
                    ));
                }
                Some(found) if found != shape => {
                    let what = format!("tensor `{name}` has the shape {found:?}, the model asks for {shape:?}");
                    return Err(Error::invalid(path.display(), what));
                }
                Some(_) => {}
            }
        }
        if let Some(extra) = adapter.keys().find(|name| expected.iter().all(|(expected, _)| expected != *name)) {
            return Err(Error::invalid(path.display(), format!("tensor `{extra}` fits nothing in this model")));
        }
        Ok((lora, adapter))
    }

    /// Put an adapter into the weights of its base: `W + scale · B A`, computed in f32.
    ///
    /// # Errors
    /// A computation that fails.
    pub fn merge(&self, weights: &mut Weights, adapter: &Weights) -> Result<()> {
        for (name, tensor) in adapter {
            if let Some(linear) = name.strip_suffix(".lora_A.weight") {
                let base = format!("{linear}.weight");
                let (Some(old), Some(b)) = (weights.get(&base), adapter.get(&format!("{linear}.lora_B.weight"))) else {
                    return Err(Error::invalid("adapter", format!("`{linear}` has no base, or no second half")));
                };
                let update = b.to_dtype(DType::F32)?.matmul(&tensor.to_dtype(DType::F32)?)?;
                let merged = (old.to_dtype(DType::F32)? + (update * self.scale())?)?.to_dtype(old.dtype())?;
                weights.insert(base, merged);
            } else if !name.ends_with(".lora_B.weight") {
                let dtype = weights.get(name).map_or(DType::F32, Tensor::dtype);
                weights.insert(name.clone(), tensor.to_dtype(dtype)?);
            }
        }
        Ok(())
    }
}
