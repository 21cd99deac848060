//! Defines what can be wrong with a corpus on disk or with a manifest.

use std::path::PathBuf;

/// Print an error and its causes, as every program of the workspace ends.
pub fn print_chain(error: &dyn std::error::Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}

/// An error of the contract; every variant says where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read; the message carries its path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A folder has no index, so its build never finished.
    #[error("{}: no index.json, so the build here is not complete; run `just build-corpus`", .0.display())]
    NotBuilt(PathBuf),
    /// The index is not JSON of the expected form.
    #[error("{}: not a shard index", path.display())]
    BadIndex {
        /// The index file.
        path: PathBuf,
        /// Line, column and reason.
        source: serde_json::Error,
    },
    /// The shards were written under another schema.
    #[error("{}: written with schema version {found}, this program reads {expected}; rebuild with `just build-corpus`", path.display())]
    SchemaVersion {
        /// The corpus folder.
        path: PathBuf,
        /// Version on disk.
        found: u32,
        /// Version of this crate.
        expected: u32,
    },
    /// A shard is not what the index says it is.
    #[error("{}: {what}; rebuild with `just build-corpus`", path.display())]
    Damaged {
        /// The shard.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// The parquet library could not read a shard.
    #[error("{}: unreadable shard", path.display())]
    Parquet {
        /// The shard.
        path: PathBuf,
        /// The library's reason.
        source: parquet::errors::ParquetError,
    },
    /// A position does not lie inside the selected shards.
    #[error("position (file {file}, row group {row_group}, row {row}) is outside the selected shards")]
    Position {
        /// Index of the file in the selection.
        file: usize,
        /// Row group in the file.
        row_group: usize,
        /// Row in the row group.
        row: usize,
    },
    /// A column was asked for that the table does not have.
    #[error("table {table} has no column `{column}`")]
    NoSuchColumn {
        /// The table's name.
        table: &'static str,
        /// The column asked for.
        column: String,
    },
    /// A manifest is not TOML of the expected form.
    #[error("{}: not a manifest", path.display())]
    BadManifest {
        /// The manifest.
        path: PathBuf,
        /// Line and reason.
        source: Box<toml::de::Error>,
    },
    /// A manifest is well-formed but says something impossible.
    #[error("{}: {what}", path.display())]
    Invalid {
        /// The manifest or checksum file.
        path: PathBuf,
        /// What is wrong and how to mend it.
        what: String,
    },
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
