//! Defines what an engine does: losses, gradients and updates of a model whose state anyone can save.

/// Written out block by block over kernels of our own: fast.
pub mod fused;
/// Automatic differentiation by candle: slow, small, and what other engines are held against.
pub mod reference;

use candle_core::{Device, Tensor};

use crate::{
    Config, Result,
    config::{Dtype, EngineKind},
    data::batch::Batch,
    group::Group,
    model::{Architecture, lora::Lora, weights::Weights},
    optimizer::Step,
};

/// Whether a configuration asks for the fused engine: where it does not say, for bf16 if the kernels know the model's
/// sizes. (On a CPU the reference takes its place then.)
pub fn is_fused(config: &Config, architecture: &Architecture) -> bool {
    let fits = config.train.dtype == Dtype::Bf16 && fused::refuses(architecture).is_none();
    config.engine.kind.map_or(fits, |kind| kind == EngineKind::Fused)
}

/// The engine that a configuration asks for, for a rank of a world (`place`).
///
/// # Errors
/// An engine that cannot train the model, or does not find the memory that it needs.
pub fn start(
    architecture: Architecture,
    weights: Weights,
    adapter: Option<(Lora, Weights)>,
    device: &Device,
    place: (usize, usize),
    config: &Config,
) -> Result<Box<dyn Engine>> {
    let dtype = config.train.dtype;
    let has_place = device.is_cuda() || config.engine.kind.is_some();
    Ok(match has_place && is_fused(config, &architecture) {
        true => Box::new(fused::Fused::new(architecture, weights, adapter, device, place, config)?),
        false => {
            let (device, seed) = (device.clone(), config.seed);
            Box::new(reference::Reference::new(architecture, weights, adapter, device, dtype.into(), seed)?)
        }
    })
}

/// The loss over some tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Loss {
    /// Negative log-likelihood of all targets together, in nats.
    pub nats: f64,
    /// Targets.
    pub num_targets: u64,
}

impl Loss {
    /// Nats a target.
    pub fn mean(self) -> f64 {
        self.nats / self.num_targets.max(1) as f64
    }
}

impl std::ops::AddAssign for Loss {
    fn add_assign(&mut self, other: Self) {
        self.nats += other.nats;
        self.num_targets += other.num_targets;
    }
}

/// What became of an update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Updated {
    /// Euclidean norm of the mean gradient, before it was clipped.
    pub gradient_norm: f64,
    /// Whether it was a number; if not, nothing was changed.
    pub is_finite: bool,
}

/// What an engine has to keep to go on: tensors by name, on the CPU.
#[derive(Debug, Clone, Default)]
pub struct Saved {
    /// What is trained, in f32: the masters where weights are computed with in another type.
    pub trained: Weights,
    /// First moments.
    pub first: Weights,
    /// Second moments.
    pub second: Weights,
}

/// A model in training.
pub trait Engine {
    /// Add the gradients of the summed loss of a part of a batch to those that wait for the next update.
    ///
    /// In the last part of a step `last` is the group: its ranks may sum gradients while the pass goes on.
    /// `part` numbers the parts of a step, and decides with the seed and the step what dropout leaves out.
    ///
    /// # Errors
    /// A computation that fails, for example for want of memory.
    fn forward_backward(&mut self, batch: &Batch, step: u64, part: u64, last: Option<&mut dyn Group>) -> Result<()>;

    /// The loss of the parts since this was last asked. Waits for the device, where `forward_backward` need not.
    ///
    /// # Errors
    /// As [`Engine::forward_backward`].
    fn loss(&mut self) -> Result<Loss>;

    /// The loss, and by row and token the loss in nats (0 where nothing is learned); nothing is left out by dropout.
    ///
    /// # Errors
    /// As [`Engine::forward_backward`].
    fn losses(&mut self, batch: &Batch) -> Result<(Loss, Vec<Vec<f32>>)>;

    /// The logits after each token of a text: (tokens, ids), f32.
    ///
    /// # Errors
    /// As [`Engine::forward_backward`].
    fn logits(&mut self, tokens: &[u32]) -> Result<Tensor>;

    /// Sum the waiting gradients over all ranks, divide them by `num_targets`, clip them, and update what is trained.
    /// The gradients are gone then, also where they were no numbers and nothing was updated.
    ///
    /// # Errors
    /// As [`Engine::forward_backward`]; a rank that is gone.
    fn update(&mut self, num_targets: u64, step: &Step, group: &mut dyn Group) -> Result<Updated>;

    /// The waiting gradients by name, on the CPU, in f32: of the summed loss.
    ///
    /// # Errors
    /// As [`Engine::forward_backward`].
    fn gradients(&self) -> Result<Weights>;

    /// What has to be kept, on the first rank; all ranks ask for it together, between steps.
    ///
    /// # Errors
    /// As [`Engine::forward_backward`].
    fn save(&mut self, group: &mut dyn Group) -> Result<Saved>;

    /// Go on from what was kept.
    ///
    /// # Errors
    /// Tensors that are not those of this engine: the first that does not fit is named.
    fn restore(&mut self, saved: &Saved) -> Result<()>;
}
