//! The on-disk contract of the corpus: what the pipeline writes and everything downstream reads.
//!
//! The crate knows columns, the index, manifests and how to read shards back; it knows nothing of
//! polars, candle or how text is cleaned, so that every reader can afford to depend on it.

/// What can be wrong with a corpus or a manifest, and where.
pub mod error;
/// The shard index: files, rows and hashes, written last.
pub mod index;
/// Names for Chinese legal things, shared by every crate.
pub mod legal;
/// Where a source comes from, its licence, its checksums and its raw form.
pub mod manifest;
/// A verified, resumable stream of record batches from a finished corpus.
pub mod reader;
/// The columns of the five tables and the version of their schema.
pub mod table;

pub use error::Error;
pub use index::{Index, ShardFile};
pub use manifest::Manifest;
pub use reader::{Corpus, Position, Selection, ShardReader};
pub use table::{SCHEMA_VERSION, Table};
