//! Raw court documents and statutes → parquet shards. The modules stand in the order of the flow.

#[macro_use(pattern)]
extern crate corpus_format;

/// What a build depends on.
pub mod config;
/// The whole pipeline as one list of stages.
pub mod run;

/// Clean text by named rules.
pub mod clean;
/// Read metadata out of text.
pub mod enrich;
/// Cut statutes and judgments into named parts.
pub mod segment;
/// Measure a document.
pub mod signals;
/// Read raw files: find, unpack, decode, recognise, split into records.
pub mod sources;
/// Turn raw files into cleaned rows on disk, a unit at a time.
pub mod work;

/// What is known of every cleaned document without its text.
pub mod catalog;
/// What becomes of every cleaned document: filter, dedup, split.
pub mod decide;
/// Find documents that are one.
pub mod dedup;
/// Drop what is not worth training on.
pub mod filter;
/// Generate instruction records through a language model.
pub mod generate;
/// The analysts' entry: overview, one document through every stage, samples of what was dropped.
pub mod inspect;
/// Derive instruction records from statutes and court documents.
pub mod instruct;
/// A page that shows what a build did.
pub mod report;
/// Parquet files as one lazy frame.
pub mod scan;
/// Write the shards.
pub mod shard;

/// What ends a run.
pub mod error;
/// What can become of a raw document.
pub mod outcome;
/// How files come to be, never half-written.
pub mod output;
/// A bar a stage on a terminal.
pub mod progress;

pub use config::Config;
pub use error::{Error, Result};
