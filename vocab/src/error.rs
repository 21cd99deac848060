//! Defines the errors of the crate; every variant says where.

use std::path::PathBuf;

/// An error of the vocabulary tools.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written; the message carries its path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The corpus could not be read.
    #[error(transparent)]
    Corpus(#[from] corpus_format::Error),
    /// A configuration is not TOML of the expected form.
    #[error("{}: not a vocabulary configuration", path.display())]
    BadConfig {
        /// The configuration.
        path: PathBuf,
        /// Line and reason.
        source: Box<toml::de::Error>,
    },
    /// A file is readable and wrong, or an option asks for something impossible.
    #[error("{at}: {what}")]
    Invalid {
        /// The file, with a line where there is one, or the option.
        at: String,
        /// What is wrong and how to mend it.
        what: String,
    },
    /// The SentencePiece library refused a model, a text or a training run.
    #[error("{doing}: SentencePiece: {reason}")]
    SentencePiece {
        /// What was being done.
        doing: String,
        /// The library's reason.
        reason: String,
    },
    /// The Hugging Face library refused a tokenizer or a text.
    #[error("{doing}: tokenizers: {reason}")]
    HuggingFace {
        /// What was being done.
        doing: String,
        /// The library's reason.
        reason: String,
    },
    /// A finished tokenizer broke a promise; nothing was written.
    #[error("audit: {0}")]
    Audit(String),
    /// The report could not be rendered.
    #[error("rendering the report")]
    Report(#[from] minijinja::Error),
}

impl Error {
    pub(crate) fn invalid(at: impl std::fmt::Display, what: impl Into<String>) -> Self {
        Self::Invalid { at: at.to_string(), what: what.into() }
    }
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
