//! Defines the shard index: files, rows and hashes, written last, so that its presence means complete.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    SCHEMA_VERSION, Table,
    error::{Error, Result},
};

/// The name of the index in a corpus folder.
pub const INDEX_FILE: &str = "index.json";

/// Everything a reader needs to know before it opens a shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Version of the tables' columns.
    pub schema_version: u32,
    /// SHA-256 of the effective configuration, paths of this machine left out.
    pub config_hash: String,
    /// SHA-256 over the configuration and the hashes of all inputs.
    pub build_key: String,
    /// What went in and where it went; `inputs == kept + dropped` for each kind.
    pub counts: Vec<KindCount>,
    /// The shards, sorted by path.
    pub files: Vec<ShardFile>,
}

/// What became of the inputs of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindCount {
    /// The kind's name.
    pub kind: String,
    /// Records that were read, those that could not be read included.
    pub inputs: u64,
    /// Rows in `documents` or, for instruction sources, in `instructions`.
    pub kept: u64,
    /// Rows in `dropped`.
    pub dropped: u64,
}

/// One parquet file of the corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardFile {
    /// Path below the corpus folder, `/` between its parts.
    pub path: String,
    /// Name of the table.
    pub table: String,
    /// Kind of all its rows, where the table is partitioned by it.
    pub kind: Option<String>,
    /// Split of all its rows, where the table is partitioned by it.
    pub split: Option<String>,
    /// Rows in the file.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
}

impl Index {
    /// Read the index of the corpus in `dir`.
    ///
    /// # Errors
    /// No index (the build is not complete), an unreadable one, or one of a later schema version.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(INDEX_FILE);
        if !path.exists() {
            return Err(Error::NotBuilt(dir.to_owned()));
        }
        let text = fs_err::read_to_string(&path)?;
        // The version is looked at first: the rest of an index of another version may differ.
        let version: Version =
            serde_json::from_str(&text).map_err(|source| Error::BadIndex { path: path.clone(), source })?;
        if !(1..=SCHEMA_VERSION).contains(&version.schema_version) {
            return Err(Error::SchemaVersion {
                path: dir.to_owned(),
                found: version.schema_version,
                expected: SCHEMA_VERSION,
            });
        }
        serde_json::from_str(&text).map_err(|source| Error::BadIndex { path, source })
    }

    /// The files of one table, in path order.
    pub fn files_of(&self, table: Table) -> impl Iterator<Item = &ShardFile> {
        self.files.iter().filter(move |f| f.table == table.name())
    }

    /// Rows of one table over all its files.
    pub fn rows_of(&self, table: Table) -> u64 {
        self.files_of(table).map(|f| f.rows).sum()
    }
}

#[derive(Deserialize)]
struct Version {
    schema_version: u32,
}
