//! Measures the fused engine on a configuration's shape, with random weights and tokens: nothing is read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    time::Instant,
};

use candle_core::{DType, Device, Tensor};
use rand_distr::{Distribution, Normal};

use crate::{
    Config, Error, Result,
    data::batch::Batch,
    engine::{Engine, fused::Fused},
    group::Group,
    metrics,
    model::{Architecture, lora::Lora, weights::Weights},
    ops::Part,
    plan::Cost,
    random, start,
};

/// Steps before those that count.
const NUM_WARM_UP: u64 = 2;

/// What was measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Tokens of a step, over all ranks.
    pub num_tokens: usize,
    /// Ranks.
    pub world: usize,
    /// The median step, in seconds; of scoring, as many tokens.
    pub step_s: f64,
    /// Of the card's peak: the products that are needed; none where the card is not known.
    pub peak_share: Option<f64>,
    /// Milliseconds of one more step by part.
    pub parts: BTreeMap<Part, f64>,
    /// Memory by what it is for, in bytes, as it was planned.
    pub planned: Vec<(&'static str, usize)>,
    /// Blocks that are computed again.
    pub num_recomputed: usize,
    /// What the card shows, in bytes.
    pub memory_bytes: u64,
    /// Attention by what.
    pub attention: String,
}

/// Train `config`'s model for `num_steps` steps; or only compute losses with it where `scores` says so.
///
/// # Errors
/// A model that does not fit, or a device that fails.
pub fn bench(
    config: &Config,
    device: &Device,
    group: &mut dyn Group,
    vocab_size: usize,
    num_steps: u64,
    scores: bool,
) -> Result<Measured> {
    let place = (group.rank(), group.world());
    let (architecture, mut lora) = start::shape(config, vocab_size)?;
    if scores {
        // Nothing is trained, and nothing is kept for it.
        lora = Some(Lora { targets: BTreeSet::new(), modules_to_save: BTreeSet::new(), ..Lora::default() });
    }
    let cost = Cost::of(&architecture, lora.as_ref(), place, config);
    let adapter = match lora {
        Some(lora) => {
            let fresh = lora.fresh(&architecture, config.seed)?;
            Some((lora, fresh))
        }
        None => None,
    };
    let weights = weights(&architecture, config.seed)?;
    let mut engine = Fused::new(architecture, weights, adapter, device, place, config)?;
    let mut step = |engine: &mut Fused, number: u64| -> Result<()> {
        let batch = Batch::random(config.train.rows, config.data.seq_len, vocab_size as u32, number);
        let parts = batch.share(place.0, place.1, config.train.part_rows);
        if scores {
            return parts.iter().try_for_each(|part| engine.losses(part).map(|_| ()));
        }
        for (number, part) in (0..).zip(&parts) {
            let last: Option<&mut dyn Group> =
                if number as usize + 1 == parts.len() { Some(&mut *group) } else { None };
            engine.forward_backward(part, 0, number, last)?;
        }
        let step = config.optimizer.step(number, NUM_WARM_UP + num_steps);
        engine.update(batch.num_targets() as u64, &step, group)?;
        let loss = engine.loss()?.mean();
        if loss.is_finite() { Ok(()) } else { Err(Error::invalid("bench", format!("the loss is {loss}"))) }
    };
    let mut times = Vec::new();
    for number in 0..NUM_WARM_UP + num_steps {
        let started = Instant::now();
        step(&mut engine, number)?;
        if number >= NUM_WARM_UP {
            times.push(started.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    let step_s = times[times.len() / 2];
    engine.machine().start_clock();
    step(&mut engine, 0)?;
    let parts = engine.machine().stop_clock()?;
    let num_tokens = config.train.rows * config.data.seq_len;
    let tokens_per_s = num_tokens as f64 / step_s / place.1 as f64;
    let (planned, num_recomputed) = engine.memory();
    Ok(Measured {
        num_tokens,
        world: place.1,
        step_s,
        peak_share: if scores { None } else { cost.peak_share(tokens_per_s) },
        parts,
        planned,
        num_recomputed,
        memory_bytes: metrics::memory(),
        attention: engine.machine().attention(),
    })
}

impl Measured {
    /// As lines to read.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            let _written = writeln!(text, "{name:<28}{value:>16}");
        };
        line("tokens a step", self.num_tokens.to_string());
        line("GPUs", self.world.to_string());
        line("tokens/s", format!("{:.0}", self.num_tokens as f64 / self.step_s));
        line("step, median", format!("{:.1} ms", 1e3 * self.step_s));
        if let Some(share) = self.peak_share {
            line("share of the card's peak", format!("{:.1} %", 100.0 * share));
        }
        let bound: f64 = [Part::Products, Part::Attention].iter().filter_map(|part| self.parts.get(part)).sum();
        if bound > 0.0 {
            line("share of products+attention", format!("{:.1} %", 0.1 * bound / self.step_s));
        }
        for (part, ms) in &self.parts {
            line(&format!("  {part:?}").to_lowercase(), format!("{ms:.1} ms"));
        }
        line("attention by", self.attention.clone());
        let gib = |bytes: f64| format!("{:.2} GiB", bytes / f64::from(1 << 30));
        for (name, bytes) in &self.planned {
            line(&format!("planned: {name}"), gib(*bytes as f64));
        }
        line("blocks computed again", self.num_recomputed.to_string());
        line("memory that the card shows", gib(self.memory_bytes as f64));
        text
    }
}

/// Weights that are made fast: each tensor is the beginning of the same random numbers.
///
/// # Errors
/// A computation that fails.
pub fn weights(architecture: &Architecture, seed: u64) -> Result<Weights> {
    let tensors = architecture.tensors();
    let size = |shape: &[usize]| shape.iter().product::<usize>();
    let most = tensors.iter().map(|(_, shape)| size(shape)).max().unwrap_or(0);
    let normal = Normal::new(0.0, architecture.initializer_range as f32)
        .map_err(|e| Error::invalid("initializer_range", e.to_string()))?;
    // A prime, so that the numbers do not repeat along rows.
    const POOL: usize = 4_194_301;
    let mut random = random::stream(seed, random::INIT, 0);
    let pool: Vec<half::bf16> = normal.sample_iter(&mut random).take(POOL).map(half::bf16::from_f32).collect();
    let numbers: Vec<half::bf16> = pool.iter().copied().cycle().take(most).collect();
    let numbers = Tensor::from_vec(numbers, most, &Device::Cpu)?;
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let tensor = match shape.len() {
            1 => Tensor::ones(shape, DType::BF16, &Device::Cpu)?,
            _ => numbers.narrow(0, 0, size(&shape))?.reshape(shape)?,
        };
        Ok((name, tensor))
    };
    tensors.into_iter().map(tensor).collect()
}
