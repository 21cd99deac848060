//! Defines the configuration of a run.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, data::pack::Packing, model::lora::Lora, optimizer::Optimizer};

/// What a run reads, learns and writes. Paths are relative to the working directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is learned.
    pub task: Task,
    /// The corpus that `pipeline build` wrote.
    #[serde(default = "default_corpus")]
    pub corpus: PathBuf,
    /// The tokenizer that `vocab train` wrote, or another tokenizer.model.
    #[serde(default = "default_tokenizer")]
    pub tokenizer: PathBuf,
    /// Where the run goes: checkpoints, metrics, report.
    pub output: PathBuf,
    /// Decides new weights, the order of the data, and dropout.
    #[serde(default)]
    pub seed: u64,
    /// The model to start from.
    pub model: Model,
    /// How the corpus becomes rows.
    #[serde(default)]
    pub data: Data,
    /// How long and how wide.
    #[serde(default)]
    pub train: Train,
    /// What computes.
    #[serde(default)]
    pub engine: Engine,
    /// How weights are updated.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// Train adapters; all weights are trained where this is absent.
    #[serde(default)]
    pub lora: Option<Lora>,
    /// When to save.
    #[serde(default)]
    pub checkpoint: Checkpoint,
    /// When to measure on the validation split.
    #[serde(default)]
    pub evaluate: Evaluate,
}

/// What is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The documents, every token of them.
    Pretrain,
    /// The answers of the instruction records.
    Instruct,
}

/// The model to start from: a folder, or the numbers of a new one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// A folder with config.json and weights, as Hugging Face has them.
    #[serde(default)]
    pub base: Option<PathBuf>,
    /// An adapter to go on with, as PEFT has it.
    #[serde(default)]
    pub adapter: Option<PathBuf>,
    /// A new model with random weights.
    #[serde(default)]
    pub new: Option<NewModel>,
}

/// The numbers of a new model; the tokenizer decides its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewModel {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward network.
    pub intermediate_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Heads of the queries.
    pub num_attention_heads: usize,
    /// Heads of keys and values.
    pub num_key_value_heads: usize,
    /// Whether the head is the embedding.
    #[serde(default)]
    pub tie_word_embeddings: bool,
}

/// How the corpus becomes rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Tokens of a row.
    pub seq_len: usize,
    /// How texts share rows: `texts` keeps them apart, `concatenate` does not.
    pub packing: Packing,
    /// How often an epoch has each kind of text; 1 where a kind is not named.
    pub weights: BTreeMap<String, f64>,
    /// Row groups of the shards that are shuffled together.
    pub block: usize,
    /// Of records: the chat template, by name or by path.
    pub template: String,
    /// Of records: learn the prompts too.
    pub learn_prompts: bool,
}

/// How long and how wide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Train {
    /// Rows of a step, over all ranks.
    pub rows: usize,
    /// Rows that go through the model at a time, on each rank.
    pub part_rows: usize,
    /// Steps; absent: as many as `epochs` has. The smaller counts where both are given.
    pub steps: Option<u64>,
    /// How often the corpus is read at most; absent: as often as `steps` needs, or once.
    pub epochs: Option<u64>,
    /// The type that is computed in.
    pub dtype: Dtype,
    /// Steps in a row without a finite gradient before the run gives up.
    pub max_skipped: u64,
}

/// The type that is computed in; masters and moments are always f32.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits with the range of 32.
    Bf16,
}

impl From<Dtype> for candle_core::DType {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Self::F32,
            Dtype::Bf16 => Self::BF16,
        }
    }
}

/// What computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// Absent: `fused` for bf16 on a GPU, `reference` elsewhere.
    pub kind: Option<EngineKind>,
    /// Fused: the type of what is trained, its gradients and moments.
    pub states: States,
    /// Fused: the same bits every time. Products are computed in the way that the library proposes first, not in the
    /// fastest, and attention goes back in one order.
    pub deterministic: bool,
    /// Fused, on a GPU: what computes attention.
    pub attention: Attention,
    /// Fused: rows of logits at a time.
    pub loss_rows: usize,
    /// Fused: blocks that are computed again in the backward pass to save memory; absent: as few as fit.
    pub recompute: Option<usize>,
}

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// Written out over kernels of our own, in bf16: fast.
    Fused,
    /// Candle's automatic differentiation: what the other is held against.
    Reference,
}

/// The type of what is trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum States {
    /// Masters, gradients and moments in f32: 18 bytes a trained parameter.
    #[default]
    F32,
    /// Everything in bf16, rounded by chance: 8 bytes a trained parameter. Without adapters only.
    Bf16,
}

/// What computes attention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// cuDNN where it is, our own kernels elsewhere.
    #[default]
    Cudnn,
    /// Our own kernels.
    Own,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            kind: None,
            states: States::F32,
            deterministic: false,
            attention: Attention::Cudnn,
            loss_rows: 2048,
            recompute: None,
        }
    }
}

/// When to save.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoint {
    /// Steps between checkpoints; one is written at the end and on SIGTERM and SIGINT too.
    pub every: u64,
    /// Checkpoints that are kept, beside the best.
    pub keep: usize,
}

/// When to measure on the validation split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluate {
    /// Steps between measurements; also at the start and the end.
    pub every: u64,
    /// Bytes of text to measure on, about; none are measured with 0. The same texts whatever the tokenizer, the seed and
    /// the weights of the data are.
    pub bytes: u64,
}

fn default_corpus() -> PathBuf {
    "data/shards".into()
}

fn default_tokenizer() -> PathBuf {
    "data/tokenizer".into()
}

impl Default for Data {
    fn default() -> Self {
        Self {
            seq_len: 1024,
            packing: Packing::Texts,
            weights: BTreeMap::new(),
            block: 8,
            template: "law".into(),
            learn_prompts: false,
        }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self { rows: 32, part_rows: 4, steps: None, epochs: None, dtype: Dtype::F32, max_skipped: 10 }
    }
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self { every: 100, keep: 3 }
    }
}

impl Default for Evaluate {
    fn default() -> Self {
        Self { every: 100, bytes: 1 << 18 }
    }
}

impl Config {
    /// Read and check a configuration.
    ///
    /// # Errors
    /// A file that is not TOML, names an unknown setting or asks for something impossible.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path)?;
        let config: Self = toml::from_str(&text).map_err(|e| Error::invalid(path.display(), e.to_string()))?;
        config.check().map_err(|what| Error::invalid(path.display(), what))?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let positive = [
            ("data.seq_len", self.data.seq_len),
            ("data.block", self.data.block),
            ("train.rows", self.train.rows),
            ("train.part_rows", self.train.part_rows),
            ("engine.loss_rows", self.engine.loss_rows),
            ("checkpoint.every", self.checkpoint.every as usize),
            ("checkpoint.keep", self.checkpoint.keep),
            ("evaluate.every", self.evaluate.every as usize),
            ("train.steps", self.train.steps.unwrap_or(1) as usize),
            ("train.epochs", self.train.epochs.unwrap_or(1) as usize),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} is 0"));
        }
        if let Some((kind, weight)) = self.data.weights.iter().find(|(_, weight)| !(0.0..=1000.0).contains(*weight)) {
            return Err(format!("data.weights.{kind} is {weight}; it is from 0 to 1000"));
        }
        if self.model.base.is_some() == self.model.new.is_some() {
            return Err("[model] needs either base or new".into());
        }
        if self.model.adapter.is_some() && self.lora.is_some() {
            return Err("model.adapter says what its adapters are; leave out [lora]".into());
        }
        let has_adapters = self.model.adapter.is_some() || self.lora.is_some();
        if self.engine.states == States::Bf16 && has_adapters {
            return Err("engine.states is bf16, which is for all weights; adapters are small, and learn in f32".into());
        }
        self.lora.as_ref().map_or(Ok(()), Lora::check)?;
        self.optimizer.check()
    }
}
