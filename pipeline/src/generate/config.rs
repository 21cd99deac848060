//! Defines the configuration of `generate`: typed, closed, validated before anything is asked.

use std::path::{Path, PathBuf};

use corpus_format::legal::Split;
use serde::{Deserialize, Serialize};

use crate::{config::read_valid, error::Result};

/// Everything that generated records depend on. Paths are relative to the working directory.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GenerateConfig {
    /// The finished corpus whose articles are given.
    pub corpus: PathBuf,
    /// Folder of the answers, the records and the rejects.
    pub output: PathBuf,
    /// Which articles are given.
    #[serde(default)]
    pub articles: ArticlesConfig,
    /// Who is asked.
    pub endpoint: EndpointConfig,
    /// When to stop.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// Which pairs are taken.
    #[serde(default)]
    pub answers: AnswersConfig,
    /// What tokens cost; without it no cost is told.
    #[serde(default)]
    pub price: Option<PriceConfig>,
}

/// Which articles are given.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArticlesConfig {
    /// Seed of the choice, and of the endpoint's sampling.
    pub seed: u64,
    /// Number of requests, each about a group of articles that follow one another.
    pub groups: usize,
    /// Articles in a group.
    pub per_group: usize,
    /// Titles of the laws to choose from; all where empty.
    pub laws: Vec<String>,
    /// Split of the laws to choose from.
    pub split: Split,
    /// Characters an article must have.
    pub min_chars: u32,
    /// Characters an article may have.
    pub max_chars: u32,
}

impl Default for ArticlesConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            groups: 100,
            per_group: 3,
            laws: Vec::new(),
            split: Split::Train,
            min_chars: 40,
            max_chars: 1200,
        }
    }
}

/// Who is asked: any server that speaks OpenAI's chat completions.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Base URL; `/chat/completions` is appended.
    pub url: String,
    /// Name of the model.
    pub model: String,
    /// Environment variable that holds the key; without it none is sent.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// Sampling temperature.
    #[serde(default = "temperature")]
    pub temperature: f64,
    /// Tokens an answer may have.
    #[serde(default = "max_tokens")]
    pub max_tokens: u64,
    /// Requests at a time.
    #[serde(default = "parallel")]
    pub parallel: usize,
    /// Seconds to wait for an answer.
    #[serde(default = "timeout_s")]
    pub timeout_s: f64,
    /// How often a request that failed is sent again.
    #[serde(default = "retries")]
    pub retries: u32,
    /// Seconds before it is sent again, doubled every time; the server may ask for more.
    #[serde(default = "backoff_s")]
    pub backoff_s: f64,
}

fn temperature() -> f64 {
    0.7
}

fn max_tokens() -> u64 {
    2048
}

fn parallel() -> usize {
    4
}

fn timeout_s() -> f64 {
    120.0
}

fn retries() -> u32 {
    5
}

fn backoff_s() -> f64 {
    2.0
}

/// When to stop. All answers in the output folder count, those of earlier runs too.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Answers to pay for.
    pub max_requests: usize,
    /// Tokens to pay for, of questions and answers together.
    pub max_total_tokens: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { max_requests: 100, max_total_tokens: 500_000 }
    }
}

/// Which pairs are taken.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswersConfig {
    /// Pairs to ask for in a request.
    pub pairs: usize,
    /// Characters a question must and may have.
    pub question_chars: [usize; 2],
    /// Characters an answer must and may have.
    pub answer_chars: [usize; 2],
}

impl Default for AnswersConfig {
    fn default() -> Self {
        Self { pairs: 4, question_chars: [8, 300], answer_chars: [20, 1500] }
    }
}

/// What a million tokens cost.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Of the prompt.
    pub prompt: f64,
    /// Of the answer.
    pub completion: f64,
    /// In which currency: yuan, dollars.
    pub currency: String,
}

impl GenerateConfig {
    /// Read and validate the configuration at `path`.
    ///
    /// # Errors
    /// An unreadable file, TOML that is not a configuration (with its line), or an impossible value.
    pub fn read(path: &Path) -> Result<Self> {
        read_valid(path, Self::validate)
    }

    fn validate(&self) -> std::result::Result<(), String> {
        let url = &self.endpoint.url;
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(format!("endpoint.url = {url:?} begins with neither http:// nor https://"));
        }
        if self.endpoint.model.is_empty() {
            return Err("endpoint.model is empty".into());
        }
        let counts = [
            ("articles.groups", self.articles.groups),
            ("articles.per_group", self.articles.per_group),
            ("answers.pairs", self.answers.pairs),
            ("endpoint.parallel", self.endpoint.parallel),
        ];
        if let Some((field, _)) = counts.iter().find(|(_, n)| *n == 0) {
            return Err(format!("{field} = 0 asks for nothing"));
        }
        let ranges = [
            ("endpoint.temperature", self.endpoint.temperature, 0.0, 2.0),
            ("endpoint.timeout_s", self.endpoint.timeout_s, 0.1, 86_400.0),
            ("endpoint.backoff_s", self.endpoint.backoff_s, 0.0, 3600.0),
        ];
        for (field, value, min, max) in ranges {
            if !(min..=max).contains(&value) {
                return Err(format!("{field} = {value} is not between {min} and {max}"));
            }
        }
        let ranges = [("question_chars", self.answers.question_chars), ("answer_chars", self.answers.answer_chars)];
        for (field, [min, max]) in ranges {
            if min > max {
                return Err(format!("answers.{field} = [{min}, {max}] lets nothing through"));
            }
        }
        Ok(())
    }
}
