//! Opens a model and runs it, on a CPU or a GPU: a folder as Hugging Face has it, or a run of the trainer, with or without an adapter.

/// Keys and values that were computed.
mod cache;
mod curve;
/// A device by name.
mod device;
/// A CPU or a GPU, through one interface.
mod engine;
/// Tokens → logits.
mod forward;
/// A model over the trainer's operations: what runs on GPUs.
mod fused;
mod llama;
mod open;
mod product;

pub use cache::Cache;
pub use device::Device;
pub(crate) use engine::likeliest;
pub use engine::{Engine, Texts, Window};
pub use forward::Place;
pub use fused::Fused;
pub use llama::Llama;
pub(crate) use open::open_device;
pub use open::{Files, Model};
