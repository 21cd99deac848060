//! Defines the configuration of an evaluation.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Mode, Result, generate, model::Files};

/// What is evaluated, by what, and where results go. Paths are relative to the working directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The corpus that `pipeline build` wrote: held-out documents and records, statutes to check citations against, and
    /// texts in which a benchmark's items may stand.
    #[serde(default = "default_corpus")]
    pub corpus: PathBuf,
    /// The folder for index.html, report.json and, below it, the answers.
    pub output: PathBuf,
    /// The models. Each of the others is compared with the first.
    pub models: Vec<Files>,
    /// The chat template: alpaca, chinese-alpaca, law, or the path of a Jinja file.
    #[serde(default = "default_template")]
    pub template: String,
    /// Answers at a time; 16 on a CPU and 64 on a GPU where absent.
    pub batch: Option<usize>,
    /// How answers are generated.
    #[serde(default)]
    pub generate: generate::Options,
    /// Measure how well the models foresee held-out documents.
    pub perplexity: Option<Perplexity>,
    /// Answer held-out instruction records.
    pub held_out: Option<HeldOut>,
    /// Answer LawBench's items.
    pub lawbench: Option<Lawbench>,
}

/// Held-out documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Perplexity {
    /// The split of the corpus.
    #[serde(default = "default_split")]
    pub split: String,
    /// The first so many documents of each kind; all where absent.
    pub max_documents: Option<usize>,
    /// Tokens of a window; what a model was made for where absent.
    pub context: Option<usize>,
    /// Tokens that a window goes on by; half of the context where absent.
    pub stride: Option<usize>,
}

/// Held-out instruction records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldOut {
    /// Records of each kind.
    #[serde(default = "default_per_kind")]
    pub per_kind: usize,
}

/// LawBench.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lawbench {
    /// A folder with LawBench's items, TASK.json, or with such a folder for each split.
    pub items: PathBuf,
    /// zero_shot or one_shot.
    #[serde(default = "default_shots")]
    pub split: String,
    /// Only these tasks; all that there are items of where empty.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// Which faults of the published scorer are kept: all (official), or none (strict).
    #[serde(default)]
    pub mode: Mode,
    /// A folder with the tables that proofreading (2-1) is scored with.
    pub proofreading_tables: Option<PathBuf>,
    /// The share of a question in the corpus from which on an item is flagged.
    #[serde(default = "default_threshold")]
    pub flag_from: f64,
}

fn default_corpus() -> PathBuf {
    "data/shards".into()
}

fn default_template() -> String {
    "law".into()
}

fn default_split() -> String {
    "validation".into()
}

fn default_per_kind() -> usize {
    100
}

fn default_shots() -> String {
    "zero_shot".into()
}

fn default_threshold() -> f64 {
    0.5
}

impl Config {
    /// Read and check a configuration.
    ///
    /// # Errors
    /// A file that is not TOML, names an unknown setting or asks for nothing, or for the impossible.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path)?;
        let config: Self = toml::from_str(&text).map_err(|e| Error::invalid(path, e.to_string()))?;
        config.check().map_err(|what| Error::invalid(path, what))?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        self.generate.check()?;
        if self.models.is_empty() {
            return Err("no [[models]]: there is nothing to evaluate".into());
        }
        let mut names: Vec<String> = self.models.iter().map(Files::name).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two models are called {:?}; give one of them a `name` of its own", pair[0]));
        }
        if self.perplexity.is_none() && self.held_out.is_none() && self.lawbench.is_none() {
            return Err("none of [perplexity], [held_out] and [lawbench]: there is nothing to evaluate by".into());
        }
        if let Some(lawbench) = &self.lawbench {
            if !["zero_shot", "one_shot"].contains(&lawbench.split.as_str()) {
                return Err(format!("lawbench.split is {:?}; there are zero_shot and one_shot", lawbench.split));
            }
            if !(0.0..=1.0).contains(&lawbench.flag_from) {
                return Err("lawbench.flag_from is a share, from 0 to 1".into());
            }
        }
        if self.batch == Some(0) || self.held_out.as_ref().is_some_and(|records| records.per_kind == 0) {
            return Err("batch or held_out.per_kind is 0: nothing would be answered".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_for_nothing_or_the_impossible_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evaluation.toml");
        let read = |text: &str| {
            fs_err::write(&path, text).unwrap();
            Config::read(&path).map_err(|e| e.to_string())
        };
        let models = "output = 'o'\n[[models]]\nmodel = 'm'\n";
        let config = read(&format!("{models}[held_out]\n")).unwrap();
        assert_eq!((config.held_out.unwrap().per_kind, config.batch, config.template.as_str()), (100, None, "law"));
        for (text, expected) in [
            (models.to_owned(), "none of [perplexity], [held_out] and [lawbench]"),
            (
                format!("{models}[[models]]\nmodel = 'n/m'\n[held_out]"),
                "two models are called \"m\"; give one of them a `name`",
            ),
            ("output = 'o'\nmodels = []\n[held_out]\n".into(), "no [[models]]"),
            (format!("{models}[held_out]\nper_kind = 0"), "per_kind is 0"),
            (format!("{models}[lawbench]\nitems = 'i'\nsplit = 'two_shot'"), "lawbench.split is \"two_shot\""),
            (format!("{models}[lawbench]\nitems = 'i'\nflag_from = 2.0"), "flag_from is a share"),
            (format!("{models}[perplexity]\nstrid = 3"), "unknown field `strid`"),
            (format!("{models}[generate]\nmax_new_tokens = 0\n[held_out]"), "there would be no answer"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(expected) && error.contains("evaluation.toml"), "{error}");
        }
    }
}
