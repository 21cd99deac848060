//! Opens a model and runs it: a folder as Hugging Face has it, or a run of the trainer, with or without an adapter.

/// Keys and values that were computed.
mod cache;
mod curve;
/// Tokens → logits.
mod forward;
mod llama;
mod open;
mod product;

pub use cache::Cache;
pub use forward::Place;
pub use llama::Llama;
pub use open::{Files, Model};
