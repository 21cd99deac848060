//! Chooses a token from logits.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::model::likeliest;

/// How a token is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct Sampling {
    /// Logits are divided by this; 0 takes the likeliest token.
    #[arg(long, default_value_t = 0.0)]
    pub temperature: f64,
    /// Only so many of the likeliest tokens; 0 for all.
    #[arg(long, default_value_t = 0)]
    pub top_k: usize,
    /// Only the likeliest tokens that have this probability together.
    #[arg(long, default_value_t = 1.0)]
    pub top_p: f64,
    /// Logits of tokens that are in prompt or answer are divided by this, or multiplied where negative (Keskar et al.,
    /// "CTRL", 2019).
    #[arg(long, default_value_t = 1.0)]
    pub repetition_penalty: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_k: 0, top_p: 1.0, repetition_penalty: 1.0 }
    }
}

impl Sampling {
    /// Whether the likeliest token is taken, whatever came before it.
    pub(super) fn is_plain(&self) -> bool {
        self.temperature == 0.0 && self.repetition_penalty == 1.0
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return Err(format!("temperature is {}; it has to be 0 or above", self.temperature));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(format!("top-p is {}; it is above 0 and up to 1", self.top_p));
        }
        if !(self.repetition_penalty.is_finite() && self.repetition_penalty > 0.0) {
            return Err(format!("repetition-penalty is {}; it has to be above 0", self.repetition_penalty));
        }
        Ok(())
    }
}

/// Chooses the tokens of an answer.
pub(super) struct Sampler {
    sampling: Sampling,
    random: ChaCha8Rng,
    /// By id: whether it is in the prompt or the answer. Empty where that does not matter.
    seen: Vec<bool>,
}

impl Sampler {
    /// For an answer to `prompt`. The same seed and id give the same answer, whatever is answered beside it.
    pub fn new(sampling: Sampling, seed: u64, id: usize, prompt: &[u32], num_ids: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(id as u64);
        let mut seen = Vec::new();
        if sampling.repetition_penalty != 1.0 {
            seen.resize(num_ids, false);
            prompt.iter().for_each(|token| seen[*token as usize] = true);
        }
        Self { sampling, random, seen }
    }

    /// The next token.
    pub fn choose(&mut self, logits: &mut [f32]) -> u32 {
        let penalty = self.sampling.repetition_penalty as f32;
        for (logit, _) in logits.iter_mut().zip(&self.seen).filter(|(_, seen)| **seen) {
            *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
        }
        let token = if self.sampling.temperature == 0.0 { likeliest(logits) } else { self.draw(logits) };
        if let Some(seen) = self.seen.get_mut(token as usize) {
            *seen = true;
        }
        token
    }

    fn draw(&mut self, logits: &[f32]) -> u32 {
        let candidates = candidates(logits, &self.sampling);
        let total: f64 = candidates.iter().map(|(share, _)| share).sum();
        let mut left = self.random.random::<f64>() * total;
        for (share, id) in &candidates {
            left -= share;
            if left < 0.0 {
                return *id;
            }
        }
        // Rounding may leave a little.
        candidates.last().map_or_else(|| likeliest(logits), |(_, id)| *id)
    }
}

/// The tokens that may be drawn, each with its share; the likeliest first, and of equals the first, where not all may.
fn candidates(logits: &[f32], Sampling { temperature, top_k, top_p, .. }: &Sampling) -> Vec<(f64, u32)> {
    let greatest = f64::from(logits[likeliest(logits) as usize]);
    let share = |(id, logit): (usize, &f32)| (((f64::from(*logit) - greatest) / temperature).exp(), id as u32);
    let mut all: Vec<(f64, u32)> = logits.iter().enumerate().map(share).collect();
    let before = |a: &(f64, u32), b: &(f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if *top_k > 0 && *top_k < all.len() {
        all.select_nth_unstable_by(*top_k, before);
        all.truncate(*top_k);
        all.sort_unstable_by(before);
    }
    if *top_p < 1.0 {
        let total: f64 = all.iter().map(|(share, _)| share).sum();
        // Tokens below this do not have 1 - p together, so that none of them is among the likeliest.
        let least = (1.0 - top_p) * total / all.len() as f64;
        all.retain(|(share, _)| *share >= least);
        all.sort_unstable_by(before);
        let mut sum = 0.0;
        let enough = all.iter().position(|(share, _)| {
            sum += share;
            sum >= top_p * total
        });
        all.truncate(enough.map_or(all.len(), |last| last + 1));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [1.0, 3.0, 2.0, 3.0, -1.0];

    fn ids(sampling: Sampling) -> Vec<u32> {
        candidates(&LOGITS, &sampling).into_iter().map(|(_, id)| id).collect()
    }

    #[test]
    fn candidates_are_the_likeliest() {
        let base = Sampling { temperature: 1.0, ..Sampling::default() };
        assert_eq!(ids(base).len(), 5);
        assert_eq!(ids(Sampling { top_k: 1, ..base }), [1], "of equals the first");
        assert_eq!(ids(Sampling { top_k: 3, ..base }), [1, 3, 2]);
        // Shares: 0.40, 0.40, 0.15, 0.05, 0.01.
        assert_eq!(ids(Sampling { top_p: 0.3, ..base }), [1]);
        assert_eq!(ids(Sampling { top_p: 0.79, ..base }), [1, 3]);
        assert_eq!(ids(Sampling { top_p: 0.93, ..base }), [1, 3, 2]);
        assert_eq!(ids(Sampling { top_p: 0.96, ..base }), [1, 3, 2, 0]);
        // Of the two that are left after top-k each has half.
        assert_eq!(ids(Sampling { top_k: 2, top_p: 0.4, ..base }), [1]);
    }

    #[test]
    fn draws_follow_the_shares_and_the_seed() {
        let sampling = Sampling { temperature: 0.7, ..Sampling::default() };
        let draw = |seed, id| {
            let mut sampler = Sampler::new(sampling, seed, id, &[], 5);
            (0..20_000).map(|_| sampler.choose(&mut LOGITS.clone())).collect::<Vec<u32>>()
        };
        let drawn = draw(1, 0);
        assert_eq!(drawn, draw(1, 0));
        assert!(drawn != draw(2, 0) && drawn != draw(1, 1));
        let shares = LOGITS.map(|logit| (f64::from(logit) / 0.7).exp());
        for (id, share) in shares.iter().enumerate() {
            let found = drawn.iter().filter(|drawn| **drawn as usize == id).count() as f64 / 20_000.0;
            assert!((found - share / shares.iter().sum::<f64>()).abs() < 0.015, "{id}: {found}");
        }
    }

    #[test]
    fn greedy_takes_the_first_of_the_greatest_and_penalties_turn_it_away() {
        let mut plain = Sampler::new(Sampling::default(), 0, 0, &[], 5);
        assert_eq!((plain.choose(&mut LOGITS.clone()), plain.choose(&mut LOGITS.clone())), (1, 1));
        let sampling = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        let mut penalised = Sampler::new(sampling, 0, 0, &[2], 5);
        let chosen: Vec<u32> = (0..3).map(|_| penalised.choose(&mut LOGITS.clone())).collect();
        assert_eq!(chosen, [1, 3, 1], "3 / 2 twice, 2 / 2, 1, and the first of equals");
        let mut logits = [-1.0, -1.5];
        assert_eq!(Sampler::new(sampling, 0, 0, &[0], 2).choose(&mut logits), 1, "-1 · 2 < -1.5");
    }

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let base = Sampling::default();
        for (sampling, name) in [
            (Sampling { temperature: -1.0, ..base }, "temperature"),
            (Sampling { temperature: f64::NAN, ..base }, "temperature"),
            (Sampling { top_p: 0.0, ..base }, "top-p"),
            (Sampling { repetition_penalty: 0.0, ..base }, "repetition-penalty"),
        ] {
            assert!(sampling.check().unwrap_err().starts_with(name));
        }
    }
}
