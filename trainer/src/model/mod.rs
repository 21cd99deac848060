//! Defines the LLaMA architecture: its numbers, as Hugging Face's config.json has them, and its tensors.

/// Embedding and head for more ids.
pub mod grow;
/// Low-rank adapters.
pub mod lora;
/// Files ↔ tensors.
pub mod weights;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, json};

/// The numbers of a LLaMA model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// Rows of the embedding and of the head.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward network.
    pub intermediate_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Heads of the queries.
    pub num_attention_heads: usize,
    /// Heads of keys and values; each serves as many queries' heads. As many as the queries' where absent.
    #[serde(default)]
    pub num_key_value_heads: Option<usize>,
    /// Width of a head; `hidden_size / num_attention_heads` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_dim: Option<usize>,
    /// Positions that the model was made for.
    #[serde(default = "default_positions")]
    pub max_position_embeddings: usize,
    /// Added to the mean square under the root.
    #[serde(default = "default_eps")]
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    #[serde(default = "default_theta")]
    pub rope_theta: f64,
    /// How the rotary frequencies are stretched.
    #[serde(default)]
    pub rope_scaling: Option<RopeScaling>,
    /// Whether the head is the embedding.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// Standard deviation of new weights.
    #[serde(default = "default_range")]
    pub initializer_range: f64,
    /// What else the file says.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// How the rotary frequencies are stretched for longer texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RopeScaling {
    /// `linear`, `llama3` or `default`.
    #[serde(alias = "type")]
    pub rope_type: String,
    /// Positions are divided by this.
    #[serde(default = "one")]
    pub factor: f64,
    /// `llama3`: wavelengths above the original length over this are stretched in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_freq_factor: Option<f64>,
    /// `llama3`: wavelengths below the original length over this are left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_freq_factor: Option<f64>,
    /// `llama3`: the original length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_max_position_embeddings: Option<u64>,
}

fn default_positions() -> usize {
    2048
}

fn default_eps() -> f64 {
    1e-6
}

fn default_theta() -> f64 {
    10_000.0
}

fn default_range() -> f64 {
    0.02
}

fn one() -> f64 {
    1.0
}

/// A linear map of a block that adapters can sit on: its name, and its rows and columns.
pub const LINEAR: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

/// The name of the embedding's tensor.
pub const EMBEDDING: &str = "model.embed_tokens.weight";
/// The name of the head's tensor; absent where it is the embedding.
pub const HEAD: &str = "lm_head.weight";
/// The name of the last norm's tensor.
pub const LAST_NORM: &str = "model.norm.weight";

impl Architecture {
    /// Read a config.json and check it.
    ///
    /// # Errors
    /// A file that is not one, or of a model that is no LLaMA.
    pub fn read(path: &Path) -> Result<Self> {
        let mut architecture: Self = json::read(path)?;
        // transformers 5 puts what concerns the rotation into one object.
        if let Some(rope) = architecture.other.remove("rope_parameters").filter(|rope| !rope.is_null()) {
            architecture.rope_theta = rope["rope_theta"].as_f64().unwrap_or(architecture.rope_theta);
            let scaling: RopeScaling = serde_json::from_value(rope)
                .map_err(|e| Error::invalid(path.display(), format!("rope_parameters: {e}")))?;
            architecture.rope_scaling = Some(scaling).filter(|scaling| scaling.rope_type != "default");
        }
        architecture.check().map_err(|what| Error::invalid(path.display(), what))?;
        Ok(architecture)
    }

    /// Check that this is a model that can be trained here.
    ///
    /// # Errors
    /// What is not supported or does not fit.
    pub fn check(&self) -> Result<(), String> {
        let text = |name: &str| self.other.get(name).and_then(|value| value.as_str());
        if let Some(other) = text("model_type").filter(|kind| *kind != "llama") {
            return Err(format!("its model_type is `{other}`; only llama is supported"));
        }
        if let Some(other) = text("hidden_act").filter(|act| *act != "silu") {
            return Err(format!("its hidden_act is `{other}`; only silu is supported"));
        }
        for bias in ["attention_bias", "mlp_bias"] {
            if self.other.get(bias).is_some_and(|value| value == true) {
                return Err(format!("it has {bias}, which is not supported"));
            }
        }
        if let Some(scaling) = &self.rope_scaling {
            let known = match scaling.rope_type.as_str() {
                "linear" | "default" => true,
                "llama3" => {
                    let factors = [scaling.low_freq_factor, scaling.high_freq_factor];
                    factors.iter().all(Option::is_some) && scaling.original_max_position_embeddings.is_some()
                }
                _ => false,
            };
            if !known {
                return Err(format!("its rope_scaling `{}` is not supported, or incomplete", scaling.rope_type));
            }
        }
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_kv_heads()),
            ("head_dim", self.head_dim.unwrap_or(1)),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(format!("its {name} is 0"));
        }
        if !self.num_attention_heads.is_multiple_of(self.num_kv_heads()) {
            return Err("its num_attention_heads is no multiple of num_key_value_heads".into());
        }
        if self.head_dim.is_none() && !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err("its hidden_size is no multiple of num_attention_heads".into());
        }
        if !self.head_size().is_multiple_of(2) {
            return Err("its heads have an odd width, which cannot be rotated".into());
        }
        Ok(())
    }

    /// Heads of keys and values.
    pub fn num_kv_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    /// Width of a head.
    pub fn head_size(&self) -> usize {
        self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads.max(1))
    }

    /// Rows and columns of a linear map of a block (a name of [`LINEAR`]).
    pub fn linear_shape(&self, name: &str) -> (usize, usize) {
        let (queries, values) = (self.num_attention_heads * self.head_size(), self.num_kv_heads() * self.head_size());
        match name.rsplit('.').next() {
            Some("q_proj") => (queries, self.hidden_size),
            Some("k_proj" | "v_proj") => (values, self.hidden_size),
            Some("o_proj") => (self.hidden_size, queries),
            Some("down_proj") => (self.hidden_size, self.intermediate_size),
            _ => (self.intermediate_size, self.hidden_size),
        }
    }

    /// Every tensor by Hugging Face's name, with its shape, in the order of the computation.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut all = vec![(EMBEDDING.to_owned(), vec![self.vocab_size, self.hidden_size])];
        for layer in 0..self.num_hidden_layers {
            for norm in ["input_layernorm", "post_attention_layernorm"] {
                all.push((format!("model.layers.{layer}.{norm}.weight"), vec![self.hidden_size]));
            }
            for linear in LINEAR {
                let (rows, columns) = self.linear_shape(linear);
                all.push((format!("model.layers.{layer}.{linear}.weight"), vec![rows, columns]));
            }
        }
        all.push((LAST_NORM.to_owned(), vec![self.hidden_size]));
        if !self.tie_word_embeddings {
            all.push((HEAD.to_owned(), vec![self.vocab_size, self.hidden_size]));
        }
        all
    }

    /// Numbers in all tensors.
    pub fn num_parameters(&self) -> usize {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// The rotary frequencies, one for each pair of a head's numbers, in radians a position.
    ///
    /// `llama3` stretches long wavelengths, leaves short ones, and goes from one to the other between
    /// (the release of Llama 3.1, 2024).
    pub fn rotary_frequencies(&self) -> Vec<f64> {
        let size = self.head_size();
        let plain = (0..size / 2).map(|pair| self.rope_theta.powf(-2.0 * pair as f64 / size as f64));
        let Some(scaling) = &self.rope_scaling else { return plain.collect() };
        let stretch = |frequency: f64| match scaling.rope_type.as_str() {
            "linear" => frequency / scaling.factor,
            "llama3" => {
                let original = scaling.original_max_position_embeddings.unwrap_or(8192) as f64;
                let (low, high) = (scaling.low_freq_factor.unwrap_or(1.0), scaling.high_freq_factor.unwrap_or(4.0));
                let wavelength = std::f64::consts::TAU / frequency;
                let share = ((original / wavelength - low) / (high - low)).clamp(0.0, 1.0);
                (1.0 - share) * frequency / scaling.factor + share * frequency
            }
            _ => frequency,
        };
        plain.map(stretch).collect()
    }
}
