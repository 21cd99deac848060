//! Defines the errors of the crate; every variant says where.

use std::path::Path;

/// An error of the evaluator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read; the message carries its path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The model, its adapter or a template could not be read, or did not compute.
    #[error(transparent)]
    Model(#[from] trainer::Error),
    /// A tensor could not be read.
    #[error("reading a tensor: {0}")]
    Tensor(#[from] candle_core::Error),
    /// The tokenizer could not be read.
    #[error(transparent)]
    Tokenizer(#[from] vocab::Error),
    /// A file is not predictions of the form that LawBench writes.
    #[error("{at}: not a file of predictions")]
    BadPredictions {
        /// The file.
        at: String,
        /// Line, column and reason.
        source: serde_json::Error,
    },
    /// A file is not items of the form that LawBench publishes.
    #[error("{at}: not a list of items with `question` and `answer`")]
    BadItems {
        /// The file.
        at: String,
        /// Line, column and reason.
        source: serde_json::Error,
    },
    /// A line of a file is not what it should be.
    #[error("{at}: line {line}")]
    BadLine {
        /// The file.
        at: String,
        /// The line, from 1.
        line: usize,
        /// Column and reason.
        source: serde_json::Error,
    },
    /// A file of items is not parquet, or cannot be written as such.
    #[error("{at}: not a file of scored items as `evaluator score --items` writes it")]
    Parquet {
        /// The file.
        at: String,
        /// What the reader says.
        source: parquet::errors::ParquetError,
    },
    /// A corpus cannot be read; the message carries the path.
    #[error(transparent)]
    Corpus(#[from] corpus_format::Error),
    /// The page does not fit its figures: a defect.
    #[error("drawing the page")]
    Page(#[from] minijinja::Error),
    /// A file or a folder is readable and wrong.
    #[error("{at}: {what}")]
    Invalid {
        /// The file, with an item where there is one, or the folder.
        at: String,
        /// What is wrong and how to mend it.
        what: String,
    },
}

impl Error {
    /// Two sides of a comparison that share no item.
    pub fn nothing_in_common(a: &Path, b: &Path) -> Self {
        Self::invalid(a, format!("no item that both answered, this and {}", b.display()))
    }

    /// Logits that are no numbers.
    pub(crate) fn no_numbers() -> Self {
        let what = "they are no numbers: its weights are damaged, or too great for what it is computed in";
        Self::Invalid { at: "the model's logits".into(), what: what.into() }
    }

    pub(crate) fn invalid(path: &Path, what: impl Into<String>) -> Self {
        Self::Invalid { at: path.display().to_string(), what: what.into() }
    }

    pub(crate) fn parquet(path: &Path, source: impl Into<parquet::errors::ParquetError>) -> Self {
        Self::Parquet { at: path.display().to_string(), source: source.into() }
    }

    pub(crate) fn at_item(path: &Path, item: usize, what: &str) -> Self {
        Self::Invalid { at: format!("{}: item {item}", path.display()), what: what.to_owned() }
    }
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
