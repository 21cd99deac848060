//! Runs a model on a CPU or on a GPU, through one interface: answers side by side, and the likelihood of texts.

use std::cell::{RefCell, RefMut};

use candle_core::Device;
use rayon::prelude::*;
use trainer::model::{Architecture, weights::Weights};

use super::{Cache, Fused, Llama, Place};
use crate::{Error, Result};

/// Tokens that go through a model on a CPU at a time.
const HOST_TOKENS: usize = 256;

/// A model on its device.
pub enum Engine {
    /// A CPU.
    Host(Box<Llama>),
    /// A GPU.
    Card(Box<RefCell<Fused>>),
}

/// Texts on their way through a model, each in a slot.
pub enum Texts<'a> {
    /// On a CPU.
    Host {
        /// The model.
        llama: &'a Llama,
        /// What is kept of the texts.
        cache: Cache,
    },
    /// On a GPU, of which they have all memory.
    Card {
        /// The model.
        fused: RefMut<'a, Fused>,
        /// Slots.
        num_slots: usize,
        /// Tokens that a text may have.
        capacity: usize,
    },
}

/// A part of a text whose likelihood is measured.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The tokens that are seen.
    pub tokens: &'a [u32],
    /// What follows each of them.
    pub targets: &'a [u32],
    /// The first of them whose target counts.
    pub counted: usize,
}

impl Engine {
    /// A model on a GPU where there is one, else on a CPU.
    ///
    /// # Errors
    /// A tensor that is missing, a model that does not fit into the GPU.
    pub fn new(architecture: Architecture, weights: Weights, device: Option<&Device>) -> Result<Self> {
        Ok(match device {
            None => Self::Host(Box::new(Llama::new(architecture, weights)?)),
            Some(device) => Self::Card(Box::new(RefCell::new(Fused::on_card(&architecture, weights, device)?))),
        })
    }

    /// Answers at a time where nothing is asked for.
    pub fn usual_batch(&self) -> usize {
        match self {
            Self::Host(_) => 16,
            Self::Card(_) => 64,
        }
    }

    /// Texts of up to `capacity` tokens that memory has room for, one at least on a CPU.
    ///
    /// # Errors
    /// A GPU that other texts have.
    pub fn slots_that_fit(&self, architecture: &Architecture, capacity: usize) -> Result<usize> {
        match self {
            Self::Host(_) => Ok(Cache::slots_that_fit(architecture, capacity)),
            Self::Card(fused) => Ok(borrow(fused)?.slots_that_fit(capacity)),
        }
    }

    /// Begin with `num_slots` texts of up to `capacity` tokens.
    ///
    /// # Errors
    /// More texts than a GPU holds, or a GPU that other texts have.
    pub fn texts(&self, num_slots: usize, capacity: usize) -> Result<Texts<'_>> {
        match self {
            Self::Host(llama) => {
                let cache = Cache::new(llama.architecture(), num_slots, capacity);
                Ok(Texts::Host { llama, cache })
            }
            Self::Card(fused) => {
                let mut fused = borrow(fused)?;
                fused.begin(num_slots, capacity)?;
                Ok(Texts::Card { fused, num_slots, capacity })
            }
        }
    }

    /// Tokens of windows that are best measured together; a window may have more on a CPU.
    ///
    /// # Errors
    /// A GPU that other texts have.
    pub fn window_tokens(&self) -> Result<usize> {
        match self {
            Self::Host(_) => Ok(0),
            Self::Card(fused) => Ok(borrow(fused)?.max_tokens()),
        }
    }

    /// The negative log-likelihood of what counts in each window, in nats.
    ///
    /// # Errors
    /// A GPU that fails, that other texts have, or that has no memory for so many tokens.
    pub fn nats(&self, windows: &[Window]) -> Result<Vec<f64>> {
        match self {
            Self::Host(llama) => Ok(windows.iter().map(|window| host_nats(llama, window)).collect()),
            Self::Card(fused) => borrow(fused)?.nats(windows),
        }
    }
}

fn borrow(fused: &RefCell<Fused>) -> Result<RefMut<'_, Fused>> {
    let what =
        || Error::Invalid { at: "the GPU".into(), what: "other texts are on their way through the model".into() };
    fused.try_borrow_mut().map_err(|_| what())
}

impl Texts<'_> {
    /// Texts at a time.
    pub fn num_slots(&self) -> usize {
        match self {
            Self::Host { cache, .. } => cache.num_slots(),
            Self::Card { num_slots, .. } => *num_slots,
        }
    }

    /// Tokens that a text may have.
    pub fn capacity(&self) -> usize {
        match self {
            Self::Host { cache, .. } => cache.capacity(),
            Self::Card { capacity, .. } => *capacity,
        }
    }

    /// Tokens that go through the model at a time.
    pub fn max_tokens(&self) -> usize {
        match self {
            // One of each answer, and some of prompts.
            Self::Host { cache, .. } => HOST_TOKENS.max(cache.num_slots() + 1),
            Self::Card { fused, .. } => fused.max_tokens(),
        }
    }

    /// Whether the beginning of a text is best computed whole: what comes after it costs as much as single tokens do.
    pub fn wants_whole_prompts(&self) -> bool {
        matches!(self, Self::Card { .. })
    }

    /// The logits after some of the tokens (`wanted`, by their index): (wanted, ids). The keys and values of all are kept.
    ///
    /// # Errors
    /// A GPU that fails, or logits that are no numbers.
    pub fn logits(&mut self, places: &[Place], wanted: &[usize]) -> Result<Vec<f32>> {
        let logits = match self {
            Self::Host { llama, cache } => llama.forward(cache, places, wanted),
            Self::Card { fused, .. } => fused.logits(places, wanted)?,
        };
        if logits.iter().any(|logit| logit.is_nan()) { Err(Error::no_numbers()) } else { Ok(logits) }
    }

    /// The likeliest of the first `num_ids` tokens after some of the tokens, of equals the first; see [`Texts::logits`].
    ///
    /// # Errors
    /// A GPU that fails, or logits that are no numbers.
    pub fn likeliest(&mut self, places: &[Place], wanted: &[usize], num_ids: usize) -> Result<Vec<u32>> {
        match self {
            Self::Host { llama, cache } => {
                let logits = llama.forward(cache, places, wanted);
                let rows = logits.chunks(llama.architecture().vocab_size);
                let first = |row: &[f32]| Some(likeliest(row)).filter(|id| row[*id as usize] > f32::NEG_INFINITY);
                rows.map(|row| first(&row[..num_ids]).ok_or_else(Error::no_numbers)).collect()
            }
            Self::Card { fused, .. } => fused.likeliest(places, wanted, num_ids),
        }
    }
}

/// The first of the greatest logits; what is no number is passed over.
pub(crate) fn likeliest(logits: &[f32]) -> u32 {
    let better = |best: (f32, u32), (logit, id): (&f32, u32)| if *logit > best.0 { (*logit, id) } else { best };
    logits.iter().zip(0..).fold((f32::NEG_INFINITY, 0), better).1
}

impl Fused {
    /// See [`Engine::nats`].
    fn nats(&mut self, windows: &[Window]) -> Result<Vec<f64>> {
        let (mut places, mut wanted, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for (slot, window) in windows.iter().enumerate() {
            wanted.extend((window.counted..window.tokens.len()).map(|at| places.len() + at));
            targets.extend(&window.targets[window.counted..]);
            places.extend(window.tokens.iter().zip(0..).map(|(token, position)| Place {
                token: *token,
                slot,
                position,
            }));
        }
        let losses = self.losses(&places, &wanted, &targets)?;
        let mut losses = losses.into_iter().map(f64::from);
        let of = |window: &Window| losses.by_ref().take(window.tokens.len() - window.counted).sum();
        Ok(windows.iter().map(of).collect())
    }
}

fn host_nats(llama: &Llama, window: &Window) -> f64 {
    let (count, ids) = (window.tokens.len(), llama.architecture().vocab_size);
    let mut cache = Cache::new(llama.architecture(), 1, count);
    let mut sum = 0.0;
    for start in (0..count).step_by(HOST_TOKENS) {
        let part = start..count.min(start + HOST_TOKENS);
        let place = |position: usize| Place { token: window.tokens[position], slot: 0, position };
        let places: Vec<Place> = part.clone().map(place).collect();
        let wanted: Vec<usize> = part.filter(|at| *at >= window.counted).map(|at| at - start).collect();
        let logits = llama.forward(&mut cache, &places, &wanted);
        let of = |(logits, at): (&[f32], &usize)| nats(logits, window.targets[start + at]);
        // Summed in the order of the text, so that the sum is the same every time.
        let nats: Vec<f64> = logits.par_chunks(ids).zip(&wanted).map(of).collect();
        sum += nats.iter().sum::<f64>();
    }
    sum
}

/// The negative log-likelihood of a token.
fn nats(logits: &[f32], token: u32) -> f64 {
    let greatest = f64::from(logits.iter().fold(f32::NEG_INFINITY, |greatest, logit| greatest.max(*logit)));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - greatest).exp()).sum();
    sum.ln() + greatest - f64::from(logits[token as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nats_are_those_of_softmax() {
        let logits = [1.0f32, 2.0, 800.0];
        assert!((nats(&logits[..2], 0) - (1.0 + std::f64::consts::E).ln()).abs() < 1e-12);
        assert_eq!((nats(&logits, 2), nats(&logits, 0)), (0.0, 799.0));
    }
}
