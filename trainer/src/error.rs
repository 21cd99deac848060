//! Defines the errors of the crate; every variant says where.

/// An error of the trainer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written; the message carries its path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The corpus could not be read.
    #[error(transparent)]
    Corpus(#[from] corpus_format::Error),
    /// The tokenizer could not be read.
    #[error(transparent)]
    Vocab(#[from] vocab::Error),
    /// A file is readable and wrong, or an option asks for something impossible.
    #[error("{at}: {what}")]
    Invalid {
        /// The file, with a line where there is one, or the option.
        at: String,
        /// What is wrong and how to mend it.
        what: String,
    },
    /// A tensor computation failed.
    #[error("computing: {0}")]
    Compute(#[from] candle_core::Error),
    /// A GPU, or a library on it, failed.
    #[error("the GPU: {0}")]
    Gpu(String),
    /// A template or the report could not be rendered.
    #[error("rendering")]
    Render(#[from] minijinja::Error),
    /// Loss or gradient was not a number too often in a row.
    #[error("step {step}: {num_skipped} steps in a row had no finite gradient; the last batch is in {}", batch.display())]
    NotFinite {
        /// The last step.
        step: u64,
        /// Steps in a row.
        num_skipped: u64,
        /// The batch, as JSON.
        batch: std::path::PathBuf,
    },
}

impl Error {
    pub(crate) fn invalid(at: impl std::fmt::Display, what: impl Into<String>) -> Self {
        Self::Invalid { at: at.to_string(), what: what.into() }
    }
}

#[cfg(feature = "cuda")]
mod gpu {
    use candle_core::cuda_backend::cudarc::{cublaslt::result::CublasError, driver::DriverError};

    use super::Error;

    impl From<DriverError> for Error {
        fn from(error: DriverError) -> Self {
            Self::Gpu(error.to_string())
        }
    }

    impl From<CublasError> for Error {
        fn from(error: CublasError) -> Self {
            Self::Gpu(format!("cuBLASLt: {error}"))
        }
    }
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
