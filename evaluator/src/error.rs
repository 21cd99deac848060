//! Defines the errors of the crate; every variant says where.

use std::path::Path;

/// An error of the evaluator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read; the message carries its path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A file is not predictions of the form that LawBench writes.
    #[error("{at}: not a file of predictions")]
    BadPredictions {
        /// The file.
        at: String,
        /// Line, column and reason.
        source: serde_json::Error,
    },
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
    pub(crate) fn invalid(path: &Path, what: impl Into<String>) -> Self {
        Self::Invalid { at: path.display().to_string(), what: what.into() }
    }

    pub(crate) fn at_item(path: &Path, item: usize, what: &str) -> Self {
        Self::Invalid { at: format!("{}: item {item}", path.display()), what: what.to_owned() }
    }
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
