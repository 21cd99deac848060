//! Continues pretraining on the corpus and tunes on its instructions.
//!
//! Data flows from `data` through `engine`, which computes with a `model`, to `checkpoint` and `export`.

/// How fast the fused engine is.
pub mod bench;
/// Checkpoints.
pub mod checkpoint;
/// What a run reads, learns and writes.
pub mod config;
/// Corpus → rows of tokens.
pub mod data;
/// Losses, gradients and updates.
pub mod engine;
/// Run → a model that others load.
pub mod export;
/// Ranks that train together.
pub mod group;
/// What a run says of itself.
pub mod metrics;
/// LLaMA's architecture and its files.
pub mod model;
/// What engines compute with.
pub mod ops;
/// AdamW and its schedule.
pub mod optimizer;
/// What a run needs, before it starts.
pub mod plan;
/// Where a run goes on.
mod resume;
/// The whole run.
pub mod run;
/// The model that a run starts from.
pub mod start;

mod error;
mod json;
mod random;

pub use config::Config;
pub use error::{Error, Result};
