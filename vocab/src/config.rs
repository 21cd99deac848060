//! Defines the configuration of a training run.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, words::Span};

/// What `vocab train` reads, learns and writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The corpus that `pipeline build` wrote.
    pub corpus: PathBuf,
    /// Where the tokenizer goes.
    pub output: PathBuf,
    /// The model that legal tokens are merged into.
    pub base: Base,
    /// How much is learned.
    pub train: Train,
    /// How often each line counts, by its kind.
    pub mix: Mix,
    /// Terms that count for more.
    pub terms: Terms,
    /// Tokenizers to compare with in the report: tokenizer.model or tokenizer.json.
    pub compare: Vec<PathBuf>,
    /// How much memory counting may take.
    pub limits: Limits,
}

/// The model that legal tokens are merged into.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Base {
    /// A SentencePiece BPE model; where absent, a small one is trained on the corpus.
    pub model: Option<PathBuf>,
    /// What becomes of pieces whose scores tie.
    pub ties: Ties,
    /// General text, a line at a time, that the order of ties is learned on beside the corpus.
    pub general_text: Option<PathBuf>,
    /// Pieces of a model that is trained, special ones and bytes included.
    pub vocab_size: usize,
    /// The share of characters, by occurrence, that a model that is trained has pieces for.
    pub character_coverage: f64,
}

/// What becomes of pieces of the base whose scores tie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// They get scores of their own, learned on text, so that tokenizer.json can be written.
    #[default]
    Learn,
    /// They stay; there is no tokenizer.json, and nothing is encoded differently from the base.
    Keep,
}

/// How much is learned.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Train {
    /// How pieces are learned.
    pub method: Method,
    /// New pieces; rounded up so that the size with `[PAD]` is a multiple of 128.
    pub num_pieces: usize,
    /// The widest new piece, in tokens of the base.
    pub max_base_tokens: usize,
    /// What a new piece may span.
    pub span: Span,
}

/// How pieces are learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Byte-pair encoding over the tokens of a base, merged below it.
    #[default]
    Lifted,
    /// A model of its own, without a base: byte-pair encoding over characters.
    Bpe,
    /// A model of its own, without a base: a unigram language model.
    Unigram,
}

/// Terms that count for more.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// A list, one term a line.
    pub list: Option<PathBuf>,
    /// How many times more an occurrence of a listed term counts; 0 only reports on the list.
    pub weight: u64,
    /// How many terms are mined for the report.
    pub num_mined: usize,
}

/// How much memory counting may take.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes for the counts that pieces are learned from, learning included; a larger corpus is sampled.
    pub memory_bytes: usize,
}

/// How often each line counts, by its kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mix {
    /// Statutes.
    pub statute: u64,
    /// Court documents.
    pub judgment: u64,
    /// Questions and answers that were given to the corpus.
    pub consultation: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            corpus: "data/shards".into(),
            output: "data/tokenizer".into(),
            base: Base::default(),
            train: Train::default(),
            mix: Mix::default(),
            terms: Terms::default(),
            compare: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Default for Base {
    fn default() -> Self {
        Self { model: None, ties: Ties::Learn, general_text: None, vocab_size: 6000, character_coverage: 0.9995 }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self { method: Method::Lifted, num_pieces: 2000, max_base_tokens: 8, span: Span::Free }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self { list: None, weight: 1, num_mined: 2000 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: 3_000_000_000 }
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self { statute: 3, judgment: 4, consultation: 6 }
    }
}

impl Mix {
    /// In the order of [`crate::text::KINDS`].
    pub fn weights(&self) -> [u64; 3] {
        [self.statute, self.judgment, self.consultation]
    }
}

impl Config {
    /// Read and check a configuration; its paths are relative to the working directory.
    ///
    /// # Errors
    /// A file that is not TOML, names an unknown setting or asks for something impossible.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path)?;
        let config: Self = toml::from_str(&text)
            .map_err(|source| Error::BadConfig { path: path.to_owned(), source: Box::new(source) })?;
        config.check().map_err(|what| Error::invalid(path.display(), what))?;
        Ok(config)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let positive = |name: &str, value: usize| if value > 0 { Ok(()) } else { Err(format!("{name} is 0")) };
        positive("train.num_pieces", self.train.num_pieces)?;
        if self.limits.memory_bytes < 1 << 16 {
            return Err(format!("limits.memory_bytes is {}; counting needs 65536", self.limits.memory_bytes));
        }
        if !(2..=16).contains(&self.train.max_base_tokens) {
            return Err(format!("train.max_base_tokens is {}; a piece has 2 to 16", self.train.max_base_tokens));
        }
        if self.mix.weights() == [0; 3] {
            return Err("every weight of [mix] is 0: nothing would be learned".into());
        }
        if !(0.98..=1.0).contains(&self.base.character_coverage) {
            return Err(format!("base.character_coverage is {}; it is from 0.98 to 1", self.base.character_coverage));
        }
        Ok(())
    }
}
