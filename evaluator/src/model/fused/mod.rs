//! A model over the trainer's operations, which are kernels on a GPU: in halves there, in f32 where the tests run it on a
//! CPU. Tokens of many texts go through it side by side without any filling: whole beginnings of texts, whose tokens look
//! at each other, and single tokens, which look at the keys and values that are kept of their texts.

/// Tokens → indices.
mod batch;
/// Tensors → memory.
mod load;
/// Memory.
mod plan;

use std::collections::HashSet;

use candle_core::Device;
use trainer::{
    metrics,
    model::{Architecture, weights::Weights},
    ops::{
        Machine, Options,
        attention::{self, Mixed},
        cross_entropy, decode, embedding,
        likeliest::likeliest,
        matmul::{
            Base,
            Factor::{Plain, Transposed},
            product,
        },
        memory::Matrix,
        rms_norm,
        rope::{Angles, Turn, rope},
        swiglu,
    },
};

pub use plan::refuses;

use self::{
    batch::{Batch, Input, filled, is_few},
    plan::{Keep, Plan},
};
use super::Place;
use crate::{Error, Result};

/// Tokens that go through the model at a time: enough to fill a card, and as many as the longest text may have.
const MIN_TOKENS: usize = 8192;
const MAX_TOKENS: usize = 32768;
const MULTIPLE: usize = plan::LOGIT_ROWS;

/// A model with its keys and values.
pub struct Fused {
    machine: Machine,
    plan: Plan,
    epsilon: f64,
    num_ids: usize,
    /// Slots, and tokens that a text may have in each.
    texts: (usize, usize),
    /// Passes so far: their indices lie in one place and the other in turn.
    num_passes: usize,
    /// Rows of products for which the fastest way is known: of blocks, and of the head.
    tried: HashSet<(bool, usize)>,
}

impl Fused {
    /// A model on a GPU, with all memory that is left for keys and values.
    ///
    /// # Errors
    /// A card with too little memory, or that the kernels are not built for; a tensor that is missing.
    pub fn on_card(architecture: &Architecture, weights: Weights, device: &Device) -> Result<Self> {
        let num_tokens = architecture.max_position_embeddings.clamp(MIN_TOKENS, MAX_TOKENS).next_multiple_of(MULTIPLE);
        let keep = Keep::Rest(metrics::card_bytes().unwrap_or(0));
        Self::new(architecture, weights, device, num_tokens, keep)
    }

    /// A model on a CPU, which computes as a GPU would, in f32 and slowly; for tests.
    ///
    /// # Errors
    /// A tensor that is missing.
    pub fn on_host(architecture: &Architecture, weights: Weights, num_tokens: usize, num_kept: usize) -> Result<Self> {
        Self::new(architecture, weights, &Device::Cpu, num_tokens, Keep::Tokens(num_kept))
    }

    fn new(
        architecture: &Architecture,
        weights: Weights,
        device: &Device,
        num_tokens: usize,
        keep: Keep,
    ) -> Result<Self> {
        let invalid = |what| Error::Invalid { at: "the GPU's memory".into(), what };
        let plan = Plan::new(architecture, num_tokens, keep).map_err(invalid)?;
        let options = Options { deterministic: false, cudnn: true };
        let mut machine = Machine::new(device, &plan.layout, batch::max_len(num_tokens), &options)?;
        load::load(&mut machine, &plan, architecture, weights)?;
        Ok(Self {
            machine,
            plan,
            epsilon: architecture.rms_norm_eps,
            num_ids: architecture.vocab_size,
            texts: (0, 0),
            num_passes: 0,
            tried: HashSet::new(),
        })
    }

    /// The machine, for measurements.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// Tokens that go through the model at a time.
    pub fn max_tokens(&self) -> usize {
        self.plan.num_tokens
    }

    /// Texts of up to `capacity` tokens whose keys and values memory holds.
    pub fn slots_that_fit(&self, capacity: usize) -> usize {
        self.plan.kept.columns / (self.plan.kept_of_token() * capacity.max(1))
    }

    /// Begin with `num_slots` new texts of up to `capacity` tokens; what was kept of others is gone.
    ///
    /// # Errors
    /// More than memory holds, or than the model has positions.
    pub fn begin(&mut self, num_slots: usize, capacity: usize) -> Result<()> {
        let (fit, positions) = (self.slots_that_fit(capacity), self.plan.buffers.cosines.rows);
        if num_slots > fit || capacity > positions {
            let what = format!(
                "{num_slots} texts of {capacity} tokens; the GPU's memory holds {fit}, of up to {positions} tokens each"
            );
            return Err(Error::Invalid { at: "batch".into(), what });
        }
        self.texts = (num_slots, capacity);
        Ok(())
    }

    /// The logits after some of the tokens (`wanted`, by their index): (wanted, ids). All tokens go to the cache.
    ///
    /// # Errors
    /// A device that fails.
    pub fn logits(&mut self, places: &[Place], wanted: &[usize]) -> Result<Vec<f32>> {
        let input = self.pass(places, true, wanted, &[])?;
        let (mut logits, ids) = (Vec::with_capacity(wanted.len() * self.num_ids), self.num_ids);
        self.head(input, |on, rows, _| {
            logits.extend(on.read(rows.columns(0, ids))?.flatten_all()?.to_vec1::<f32>()?);
            Ok(())
        })?;
        Ok(logits)
    }

    /// The likeliest of the first `num_ids` tokens after some of the tokens; see [`Fused::logits`].
    ///
    /// # Errors
    /// A device that fails, or logits that are no numbers.
    pub fn likeliest(&mut self, places: &[Place], wanted: &[usize], num_ids: usize) -> Result<Vec<u32>> {
        let input = self.pass(places, true, wanted, &[])?;
        let (mut tokens, chosen) = (Vec::with_capacity(wanted.len()), self.plan.buffers.chosen);
        self.head(input, |on, rows, _| {
            let chosen = chosen.columns(0, rows.rows);
            likeliest(on, rows.columns(0, num_ids), chosen)?;
            tokens.extend(on.read_indices(chosen)?);
            Ok(())
        })?;
        tokens.into_iter().map(|token| u32::try_from(token).map_err(|_| Error::no_numbers())).collect()
    }

    /// The losses, in nats, of tokens that follow some of the tokens of texts; nothing is kept of the texts.
    ///
    /// # Errors
    /// A device that fails.
    pub fn losses(&mut self, places: &[Place], wanted: &[usize], targets: &[u32]) -> Result<Vec<f32>> {
        let input = self.pass(places, false, wanted, targets)?;
        let (losses, ids) = (self.plan.buffers.losses, self.num_ids);
        self.head(input, |on, rows, from| {
            let part = |of: Matrix| of.columns(from, rows.rows);
            Ok(cross_entropy::losses(on, rows.columns(0, ids), part(input.targets), part(losses))?)
        })?;
        Ok(self.machine.read(losses.columns(0, wanted.len()))?.flatten_all()?.to_vec1()?)
    }

    /// Tokens through all blocks.
    ///
    /// # Panics
    /// A token that the model has no row for, or a place that the cache does not have.
    fn pass(&mut self, places: &[Place], is_kept: bool, wanted: &[usize], targets: &[u32]) -> Result<Input> {
        let Plan { heads, num_tokens, buffers, .. } = self.plan;
        if places.len() > num_tokens {
            let what = format!("{} tokens at a time; there is memory for {num_tokens}", places.len());
            return Err(Error::Invalid { at: "context".into(), what });
        }
        let (num_slots, capacity) = if is_kept { self.texts } else { (usize::MAX, buffers.cosines.rows) };
        let has = |place: &Place| place.slot < num_slots && place.position < capacity;
        assert!(places.iter().all(has), "a place that the cache does not have");
        let mut ids = places.iter().map(|place| &place.token).chain(targets);
        assert!(ids.all(|id| (*id as usize) < self.num_ids), "a token that the model has no row for");
        let batch = Batch::of(places, is_kept, wanted, targets, heads, num_tokens);
        let at = buffers.indices[self.num_passes % 2].columns(0, batch.values().len());
        self.num_passes += 1;
        self.machine.send(at, batch.values())?;
        let input = batch.input(at);
        self.rehearse(input.tokens.columns)?;
        let state = buffers.state.rows(0, input.tokens.columns);
        embedding::forward(&mut self.machine, self.plan.embedding, input.tokens, state)?;
        for number in 0..self.plan.layers.len() {
            self.block(number, &batch, &input, is_kept)?;
        }
        Ok(input)
    }

    /// A block, added to the residual stream.
    fn block(&mut self, number: usize, batch: &Batch, input: &Input, is_kept: bool) -> Result<()> {
        let (on, heads, buffers) = (&mut self.machine, self.plan.heads, &self.plan.buffers);
        let rows = |matrix: Matrix| matrix.rows(0, input.tokens.columns);
        let (state, normed, qkv, attended) =
            (rows(buffers.state), rows(buffers.normed), rows(buffers.qkv), rows(buffers.attended));
        let layer = &self.plan.layers[number];
        rms_norm::forward(on, state, layer.attention_norm, None, normed, buffers.rstd, self.epsilon)?;
        product(on, qkv, Plain(normed), Transposed(layer.qkv), 1.0, Base::Nothing)?;
        let (num_whole, num_single) = (batch.num_whole, batch.num_single);
        let real = qkv.rows(0, num_whole + num_single);
        let angles = Angles { cosines: buffers.cosines, sines: buffers.sines };
        let cache = self.plan.cache(number, if is_kept { self.texts } else { (0, 0) });
        if is_kept {
            decode::put(on, real, heads, input.places, angles, &cache)?;
        } else {
            let turned = real.columns(0, (heads.queries + heads.values) * heads.size);
            rope(on, turned, input.places.positions, angles, Turn::Forward)?;
        }
        if num_whole > 0 {
            let rows = |matrix: Matrix| matrix.rows(0, batch.whole_rows());
            let mixed = Mixed { out: rows(buffers.attended), lse: rows(buffers.lse) };
            attention::forward(on, rows(buffers.qkv), heads, &input.texts, mixed)?;
        }
        if num_single > 0 {
            let rows = |matrix: Matrix| matrix.rows(num_whole, num_single);
            let of = |matrix: Matrix| matrix.columns(num_whole, num_single);
            let places = decode::Places { slots: of(input.places.slots), positions: of(input.places.positions) };
            let (qkv, out) = (rows(qkv), rows(attended));
            decode::attend(on, qkv, heads, places, &cache, batch.longest_kept, buffers.scratch, out)?;
        }
        product(on, state, Plain(attended), Transposed(layer.output), 1.0, Base::Out)?;
        rms_norm::forward(on, state, layer.feed_norm, None, normed, buffers.rstd, self.epsilon)?;
        let (gate_up, gated) = (rows(buffers.gate_up), rows(buffers.gated));
        product(on, gate_up, Plain(normed), Transposed(layer.gate_up), 1.0, Base::Nothing)?;
        swiglu::forward(on, gate_up, gated)?;
        Ok(product(on, state, Plain(gated), Transposed(layer.down), 1.0, Base::Out)?)
    }

    /// The logits of what is wanted, some rows at a time: what `then` does with them, and with the first one's number.
    fn head(&mut self, input: Input, mut then: impl FnMut(&mut Machine, Matrix, usize) -> Result<()>) -> Result<()> {
        let (num_wanted, on, buffers) = (input.wanted.columns, &mut self.machine, &self.plan.buffers);
        let normed = buffers.normed.rows(0, num_wanted);
        let wanted = Some(input.wanted);
        rms_norm::forward(on, buffers.state, self.plan.last_norm, wanted, normed, buffers.rstd, self.epsilon)?;
        for from in (0..num_wanted).step_by(buffers.logits.rows) {
            let count = buffers.logits.rows.min(num_wanted - from);
            let rows = filled(count, buffers.logits.rows);
            let logits = buffers.logits.rows(0, rows);
            let (x, head) = (Plain(buffers.normed.rows(from, rows)), Transposed(self.plan.head));
            let is_new = (is_few(rows) || rows == buffers.logits.rows) && self.tried.insert((false, rows));
            if is_new {
                on.begin_rehearsal();
            }
            product(on, logits, x, head, 1.0, Base::Nothing)?;
            on.end_rehearsal();
            then(on, logits.rows(0, count), from)?;
        }
        Ok(on.release()?)
    }

    /// Find the fastest ways for a block's products with so many rows, where they occur often: those of single tokens, and
    /// of full passes. What lies in the buffers is worth nothing afterwards.
    fn rehearse(&mut self, rows: usize) -> Result<()> {
        let is_often = is_few(rows) || rows == self.plan.num_tokens;
        let Some(layer) = self.plan.layers.first().filter(|_| is_often && self.tried.insert((true, rows))) else {
            return Ok(());
        };
        let (on, buffers) = (&mut self.machine, &self.plan.buffers);
        let rows = |matrix: Matrix| matrix.rows(0, rows);
        on.begin_rehearsal();
        for (out, x, weight, base) in [
            (buffers.qkv, buffers.normed, layer.qkv, Base::Nothing),
            (buffers.state, buffers.attended, layer.output, Base::Out),
            (buffers.gate_up, buffers.normed, layer.gate_up, Base::Nothing),
            (buffers.state, buffers.gated, layer.down, Base::Out),
        ] {
            product(on, rows(out), Plain(rows(x)), Transposed(weight), 1.0, base)?;
        }
        on.end_rehearsal();
        Ok(())
    }
}
