//! The on-disk contract of the corpus: what the pipeline writes and everything downstream reads.
//!
//! The crate knows columns, the index, manifests, how to read shards back, and what a reference to an article is, which
//! writer and readers must tell alike; it knows nothing of polars, candle or how text is cleaned, so that every reader
//! can afford to depend on it.

/// Regular expressions as statics.
#[macro_use]
pub mod pattern;

/// References to articles of laws in any text.
pub mod citation;
/// What can be wrong with a corpus or a manifest, and where.
pub mod error;
/// The shard index: files, rows and hashes, written last.
pub mod index;
/// Names of laws, full and short.
pub mod law_name;
/// Names for Chinese legal things, shared by every crate.
pub mod legal;
/// Where a source comes from, its licence, its checksums and its raw form.
pub mod manifest;
/// Chinese numerals and article numbers.
pub mod numeral;
/// A verified, resumable stream of record batches from a finished corpus.
pub mod reader;
/// The columns of the five tables and the version of their schema.
pub mod table;

pub use error::Error;
pub use index::{Index, ShardFile};
pub use manifest::Manifest;
pub use reader::{Corpus, Position, Selection, ShardReader};
pub use table::{SCHEMA_VERSION, Table};
