//! Defines the errors that end a run. What is wrong with one document never does: it is dropped with a reason.

use std::path::PathBuf;

use corpus_format::Table;

/// An error of the pipeline; every variant says where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written; the message carries its path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The corpus contract was broken.
    #[error(transparent)]
    Format(#[from] corpus_format::Error),
    /// A configuration is not TOML of the expected form.
    #[error("{}: not a pipeline configuration", path.display())]
    BadConfig {
        /// The configuration.
        path: PathBuf,
        /// Line and reason.
        source: Box<toml::de::Error>,
    },
    /// A configuration is well-formed but asks for something impossible.
    #[error("{}: {what}", path.display())]
    Invalid {
        /// The configuration, or the path that is wrong.
        path: PathBuf,
        /// What is wrong and how to mend it.
        what: String,
    },
    /// A column operation failed.
    #[error("{doing}")]
    Polars {
        /// What the pipeline was doing.
        doing: &'static str,
        /// The library's reason.
        source: polars::error::PolarsError,
    },
    /// A parquet file could not be read or written.
    #[error("{}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The library's reason.
        source: parquet::errors::ParquetError,
    },
    /// A record batch could not be assembled.
    #[error("{doing}")]
    Arrow {
        /// What the pipeline was doing.
        doing: &'static str,
        /// The library's reason.
        source: arrow::error::ArrowError,
    },
    /// The report could not be rendered.
    #[error("rendering the report")]
    Report(#[from] minijinja::Error),
    /// The counts of a finished build do not add up: a defect of the program.
    #[error("{0}; please report this")]
    Defect(String),
    /// The environment variable of a key is not set.
    #[error("the environment variable {variable} holds no key; set it, or remove `endpoint.api_key_env`")]
    NoApiKey {
        /// The variable.
        variable: String,
    },
    /// The endpoint that generates gave no answer.
    #[error("the endpoint gave no answer: {what}; attempts: {attempts}")]
    Endpoint {
        /// What it said, or what happened to the request.
        what: String,
        /// How often the request was sent.
        attempts: u32,
    },
    /// A limit of the cost is reached.
    #[error("stopped after {answers} answers and {tokens} tokens, {left} requests are left; raise {field} to go on")]
    Limit {
        /// Answers paid for.
        answers: usize,
        /// Tokens paid for.
        tokens: u64,
        /// Requests that were not sent.
        left: usize,
        /// The limit.
        field: &'static str,
    },
    /// There is no such document, reason or source.
    #[error("{0}")]
    NotFound(String),
}

impl Error {
    /// The defect of rows of a table that lack a column.
    pub(crate) fn lacking(table: Table) -> Self {
        Self::Defect(format!("{table} lack a column"))
    }

    /// The status with which a program ends: 3 where a limit stopped it, 1 else.
    pub fn exit_status(&self) -> u8 {
        if matches!(self, Self::Limit { .. }) { 3 } else { 1 }
    }
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Attach what was being done to a polars error.
pub(crate) fn polars(doing: &'static str) -> impl Fn(polars::error::PolarsError) -> Error {
    move |source| Error::Polars { doing, source }
}

/// Attach what was being done to an arrow error.
pub(crate) fn arrow(doing: &'static str) -> impl Fn(::arrow::error::ArrowError) -> Error {
    move |source| Error::Arrow { doing, source }
}

/// Attach a file to a parquet error.
pub(crate) fn parquet(path: &std::path::Path) -> impl Fn(::parquet::errors::ParquetError) -> Error {
    let path = path.to_owned();
    move |source| Error::Parquet { path: path.clone(), source }
}
