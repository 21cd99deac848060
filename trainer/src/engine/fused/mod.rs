//! The fused engine: forward and backward written out block by block over kernels of our own and cuBLASLt, in memory that
//! is planned before the first step. It has no tape: what the backward pass needs is named, the rest is overwritten.
//!
//! It computes in bf16 on GPUs, and in f32 on CPUs, where the tests hold all of it against the reference engine.

mod backward;
mod forward;
mod input;
/// What a run needs of a card's memory.
pub mod memory;
mod model;
mod share;

use candle_core::{DType, Device, Tensor};

use self::{
    forward::Pass,
    input::{Indices, Input, Pitches},
    memory::Plan,
    model::Spot,
    share::{Owned, Sums, When},
};
use super::{Engine, Loss, Saved, Updated};
use crate::{
    Config, Error, Result,
    config::Attention,
    data::batch::Batch,
    group::Group,
    model::{Architecture, lora::Lora, weights::Weights},
    ops::{
        Machine, Options, adamw, attention, cross_entropy,
        dropout::Dropout,
        matmul::{
            Base,
            Factor::{Plain, Transposed},
            product,
        },
        memory::Matrix,
        rms_norm,
        rope::Angles,
    },
    optimizer::Step,
};

/// Multiples that a model's sizes are of, so that kernels read 16 bytes at a time.
const SIZE_MULTIPLE: usize = 8;
/// A card's memory that a plan is made for where there is no card: an H100 with 80 GB.
const CARD_BYTES: usize = 79 << 30;

/// See the module.
pub struct Fused {
    machine: Machine,
    plan: Plan,
    architecture: Architecture,
    lora: Option<Lora>,
    seq_len: usize,
    seed: u64,
    /// Batches so far: their indices lie in one place and the other in turn.
    num_batches: usize,
    num_targets: u64,
    /// Whether gradients wait for the next update; what lies in their place is worth nothing otherwise.
    has_gradients: bool,
    /// Whether they were summed over all ranks while the backward pass went on.
    is_summed: bool,
}

/// Why the fused engine does not train a model on a GPU, where it does not.
pub fn refuses(architecture: &Architecture) -> Option<String> {
    let sizes = [
        ("vocab_size", architecture.vocab_size),
        ("hidden_size", architecture.hidden_size),
        ("intermediate_size", architecture.intermediate_size),
    ];
    if let Some((name, size)) = sizes.iter().find(|(_, size)| !size.is_multiple_of(SIZE_MULTIPLE)) {
        return Some(format!("its {name} is {size}, which is no multiple of {SIZE_MULTIPLE}"));
    }
    if architecture.hidden_size > rms_norm::MAX_COLUMNS {
        return Some(format!("its hidden_size is above {}", rms_norm::MAX_COLUMNS));
    }
    let size = architecture.head_size();
    (!attention::HEAD_SIZES.contains(&size)).then(|| format!("its heads are {size} wide; the kernels know 64 and 128"))
}

/// What a run needs of a card's memory: bytes by what they are for, and how many blocks are computed again.
///
/// # Errors
/// A model that does not fit.
pub fn memory_table(
    architecture: &Architecture,
    lora: Option<&Lora>,
    place: (usize, usize),
    config: &Config,
) -> Result<(Vec<(&'static str, usize)>, usize)> {
    let bytes = crate::metrics::card_bytes().unwrap_or(CARD_BYTES);
    let plan = Plan::fitting(architecture, lora, config, place, bytes)?;
    Ok((plan.table(), plan.buffers.num_recomputed))
}

impl Fused {
    /// A model in training on `device`, for a rank of a world (`place`).
    ///
    /// Without `adapter` all of `weights` are trained; with it the adapter, of which the map holds `lora_A` and `lora_B`.
    ///
    /// # Errors
    /// A model that does not fit into the card's memory, or that the kernels are not made for.
    pub fn new(
        architecture: Architecture,
        weights: Weights,
        adapter: Option<(Lora, Weights)>,
        device: &Device,
        place: (usize, usize),
        config: &Config,
    ) -> Result<Self> {
        let (lora, adapter) = adapter.map_or((None, Weights::new()), |(lora, adapter)| (Some(lora), adapter));
        if let Some(what) = refuses(&architecture).filter(|_| device.is_cuda()) {
            return Err(Error::invalid("model", format!("{what}; engine.kind = \"reference\" trains it")));
        }
        let bytes = crate::metrics::card_bytes().unwrap_or(CARD_BYTES);
        let plan = Plan::fitting(&architecture, lora.as_ref(), config, place, bytes)?;
        let options =
            Options { deterministic: config.engine.deterministic, cudnn: config.engine.attention == Attention::Cudnn };
        let machine = Machine::new(device, &plan.layout, input::max_len(plan.num_tokens), &options)?;
        let (seq_len, seed) = (config.data.seq_len, config.seed);
        let mut engine = Self {
            machine,
            plan,
            architecture,
            lora,
            seq_len,
            seed,
            num_batches: 0,
            num_targets: 0,
            has_gradients: false,
            is_summed: false,
        };
        engine.fill(weights, adapter)?;
        if device.is_cuda() {
            engine.rehearse(config.train.part_rows)?;
        }
        Ok(engine)
    }

    /// Write the model and its angles to the machine.
    fn fill(&mut self, mut weights: Weights, mut adapter: Weights) -> Result<()> {
        let missing = |name: &str| Error::invalid(name, "no such tensor in this model");
        for (name, matrix) in self.plan.model.frozen.clone() {
            let tensor = weights.remove(&name).ok_or_else(|| missing(&name))?;
            self.machine.write(matrix, &tensor)?;
        }
        for spot in self.plan.model.spots.clone() {
            let tensor = adapter.remove(&spot.name).or_else(|| weights.remove(&spot.name));
            self.set_trained(&spot, &tensor.ok_or_else(|| missing(&spot.name))?)?;
        }
        self.place_adapters()?;
        let frequencies = self.architecture.rotary_frequencies();
        for (matrix, turn) in
            [(self.plan.buffers.cosines, f64::cos as fn(f64) -> f64), (self.plan.buffers.sines, f64::sin)]
        {
            let angles = (0..matrix.rows).flat_map(|at| frequencies.iter().map(move |by| at as f64 * by));
            let values: Vec<f32> = angles.map(|angle| turn(angle) as f32).collect();
            self.machine.write(matrix, &Tensor::new(values, &Device::Cpu)?)?;
        }
        Ok(())
    }

    /// Write a trained tensor, and this rank's part of its master.
    fn set_trained(&mut self, spot: &Spot, tensor: &Tensor) -> Result<()> {
        let trained = self.plan.model.trained;
        self.machine.write(trained.value.columns(spot.from, spot.len()), tensor)?;
        trained.master.map_or(Ok(()), |master| self.set_kept(master, spot, tensor))
    }

    /// Write this rank's part of a tensor to masters or moments.
    fn set_kept(&mut self, kept: Matrix, spot: &Spot, tensor: &Tensor) -> Result<()> {
        let flat = tensor.flatten_all()?;
        for (numbers, at) in self.plan.model.kept(spot) {
            self.machine.write(kept.columns(at, numbers.len()), &flat.narrow(0, numbers.start, numbers.len())?)?;
        }
        Ok(())
    }

    /// Write the adapters' second halves behind their bases.
    fn place_adapters(&mut self) -> Result<()> {
        for layer in &self.plan.model.layers {
            for linear in [&layer.qkv, &layer.output, &layer.gate_up, &layer.down] {
                let Some(adapters) = &linear.adapters else { continue };
                for b in &adapters.b {
                    let (rows, rank) = (b.master.rows, b.master.columns);
                    let to = linear.weight.rows(b.row, rows).columns(linear.columns + b.rank, rank);
                    adamw::place(&mut self.machine, b.master, to, adapters.scale)?;
                }
            }
        }
        Ok(())
    }

    /// Send a batch to the machine.
    fn send(&mut self, batch: &Batch) -> Result<Input> {
        if batch.num_tokens() > self.plan.num_tokens {
            let what = format!("{} tokens at a time, and memory for {}", batch.num_tokens(), self.plan.num_tokens);
            return Err(Error::invalid("batch", what));
        }
        let (heads, buffers) = (self.plan.heads, &self.plan.buffers);
        let pitches = Pitches { qkv: heads.columns(), out: buffers.saved[0].attended.pitch, lse: heads.queries };
        let indices = Indices::of(batch, self.architecture.vocab_size, pitches)?;
        let place = buffers.indices[self.num_batches % 2].columns(0, indices.values().len());
        self.machine.send(place, indices.values())?;
        self.num_batches += 1;
        let longest = batch.rows.iter().map(|row| row.tokens.len()).max().unwrap_or(0);
        Ok(indices.input(place, longest.max(self.seq_len)))
    }

    /// Forward over a batch, and whatever `then` does; the batch's indices are free again afterwards.
    fn pass<T>(
        &mut self,
        batch: &Batch,
        dropout: Option<Dropout>,
        then: impl FnOnce(&mut Machine, &model::Model, &Pass) -> Result<T>,
    ) -> Result<T> {
        let input = self.send(batch)?;
        let Plan { model, buffers, heads, .. } = &self.plan;
        let angles = Angles { cosines: buffers.cosines, sines: buffers.sines };
        let epsilon = self.architecture.rms_norm_eps;
        let is_first = !self.has_gradients;
        let pass = Pass { input: &input, buffers, heads: *heads, angles, epsilon, dropout, is_first };
        forward::blocks(&mut self.machine, model, &pass)?;
        let done = then(&mut self.machine, model, &pass)?;
        self.machine.release()?;
        Ok(done)
    }

    fn dropout(&self, step: u64, part: u64) -> Option<Dropout> {
        let share = self.lora.as_ref().map(|lora| lora.dropout).filter(|share| *share > 0.0)?;
        let seed = self.seed ^ step.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ part.wrapping_mul(0x9fb2_1c65_1e98_df25);
        Some(Dropout { share, seed })
    }

    /// A step on a full batch that finds the fastest way for each product, and leaves nothing behind.
    fn rehearse(&mut self, part_rows: usize) -> Result<()> {
        let num_ids = self.architecture.vocab_size as u32;
        let batch = Batch::random(part_rows, self.seq_len, num_ids, self.seed);
        self.machine.begin_rehearsal();
        self.forward_backward(&batch, 0, 0, None)?;
        self.machine.end_rehearsal();
        self.has_gradients = false;
        self.loss()?;
        Ok(())
    }

    /// The machine, for measurements.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// Memory by what it is for, in bytes, and how many blocks are computed again.
    pub fn memory(&self) -> (Vec<(&'static str, usize)>, usize) {
        (self.plan.table(), self.plan.buffers.num_recomputed)
    }

    /// The trained tensors by name, of a row that has all their numbers.
    fn tensors(&self, flat: Matrix) -> Result<Weights> {
        let of = |spot: &Spot| {
            let tensor = self.machine.read(flat.columns(spot.from, spot.len()))?;
            Ok((spot.name.clone(), tensor.reshape(&spot.shape[..])?))
        };
        self.plan.model.spots.iter().map(of).collect()
    }

    /// Masters or moments of all ranks, by name. They are brought together where gradients would lie: none wait between
    /// steps, which is when this is asked for where there are other ranks.
    fn whole(&mut self, kept: Matrix, group: &mut dyn Group) -> Result<Weights> {
        if group.world() == 1 {
            return self.tensors(kept);
        }
        let model = &self.plan.model;
        let (on, place) = (&mut self.machine, model.trained.gradient);
        for owned in &model.owned {
            let tensor = on.read(kept.columns(owned.at, owned.len))?;
            on.write(place.columns(owned.from, owned.len), &tensor)?;
        }
        for bucket in model.buckets.iter().filter(|bucket| bucket.is_shared) {
            group.gather(on, place.columns(bucket.from, bucket.len))?;
        }
        group.wait(on)?;
        self.has_gradients = false;
        // Only the first rank writes.
        if group.rank() == 0 { self.tensors(place) } else { self.machine.wait().map(|()| Weights::new()) }
    }
}

impl Engine for Fused {
    fn forward_backward(&mut self, batch: &Batch, step: u64, part: u64, last: Option<&mut dyn Group>) -> Result<()> {
        let dropout = self.dropout(step, part);
        self.num_targets += batch.num_targets() as u64;
        if !self.has_gradients {
            for gradient in self.plan.model.added() {
                self.machine.zero(gradient)?;
            }
        }
        self.is_summed = last.is_some();
        let mut sums = Sums { group: last };
        self.pass(batch, dropout, |on, model, pass| {
            forward::loss(on, model, pass, true)?;
            sums.sum(on, model, When::Head)?;
            backward::blocks(on, model, pass, |on, layer| sums.sum(on, model, When::Layer(layer)))?;
            sums.sum(on, model, When::Last)
        })?;
        self.has_gradients = true;
        Ok(())
    }

    fn loss(&mut self) -> Result<Loss> {
        let total = self.plan.buffers.total;
        let nats = cross_entropy::total(&self.machine, total)?;
        self.machine.zero(total)?;
        Ok(Loss { nats, num_targets: std::mem::take(&mut self.num_targets) })
    }

    fn losses(&mut self, batch: &Batch) -> Result<(Loss, Vec<Vec<f32>>)> {
        let waiting = self.loss()?;
        let losses = self.pass(batch, None, |on, model, pass| {
            forward::loss(on, model, pass, false)?;
            on.read(pass.buffers.losses.columns(0, pass.input.learned.columns))
        })?;
        let nats = self.loss()?.nats;
        // What waited goes on waiting.
        let _nothing = waiting;
        let mut losses = losses.flatten_all()?.to_vec1::<f32>()?.into_iter();
        let mut of =
            |target: &u32| if *target == crate::data::batch::NO_TARGET { 0.0 } else { losses.next().unwrap_or(0.0) };
        let by_row = batch.rows.iter().map(|row| row.targets.iter().map(&mut of).collect()).collect();
        Ok((Loss { nats, num_targets: batch.num_targets() as u64 }, by_row))
    }

    fn logits(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let text = crate::data::pack::Text::plain(tokens.to_vec());
        let mut packer = crate::data::pack::Packer::new(tokens.len(), Default::default(), false);
        let batch = Batch { rows: packer.push(&text) };
        let parts = self.pass(&batch, None, |on, model, pass| {
            let buffers = pass.buffers;
            let state = pass.rows(buffers.states[model.layers.len()]);
            let normed = buffers.head_input.rows(0, state.rows);
            forward::norm(on, state, model.last_norm.value, normed, buffers.last_rstd, pass)?;
            let part = |from: usize| {
                let count = buffers.logits.rows.min(state.rows - from);
                let logits = buffers.logits.rows(0, count);
                let (x, head) = (Plain(normed.rows(from, count)), Transposed(model.head.value));
                product(on, logits, x, head, 1.0, Base::Nothing)?;
                on.read(logits)
            };
            (0..state.rows).step_by(buffers.logits.rows).map(part).collect::<Result<Vec<_>>>()
        })?;
        Ok(Tensor::cat(&parts, 0)?.to_dtype(DType::F32)?)
    }

    fn update(&mut self, num_targets: u64, step: &Step, group: &mut dyn Group) -> Result<Updated> {
        let Plan { model, buffers, .. } = &self.plan;
        let on = &mut self.machine;
        if !std::mem::take(&mut self.has_gradients) {
            on.zero(model.trained.gradient)?;
        }
        if !std::mem::take(&mut self.is_summed) {
            Sums { group: Some(&mut *group) }.sum_all(on, model)?;
        }
        group.wait(on)?;
        // What all ranks keep is counted once.
        let counts = |owned: &&Owned| !owned.is_everywhere || group.rank() == 0;
        let pieces: Vec<_> = model.owned.iter().filter(counts).map(|owned| model.piece(owned).gradient).collect();
        adamw::squares(on, &pieces, buffers.squares, buffers.state)?;
        group.sum_at(on, adamw::squares_of(buffers.state))?;
        group.wait(on)?;
        adamw::decide(on, buffers.state, num_targets, step.clip_norm)?;
        let seed = self.seed ^ step.number.wrapping_mul(0x9e6c_63d0_876a_68de);
        for owned in &model.owned {
            adamw::update(on, model.piece(owned), buffers.state, step, owned.has_decay, (seed, owned.from))?;
        }
        for bucket in model.buckets.iter().filter(|bucket| bucket.is_shared) {
            group.gather(on, model.trained.value.columns(bucket.from, bucket.len))?;
        }
        group.wait(on)?;
        self.place_adapters()?;
        let adamw::State { norm, is_finite } = adamw::decided(&self.machine, self.plan.buffers.state)?;
        Ok(Updated { gradient_norm: norm, is_finite })
    }

    fn gradients(&self) -> Result<Weights> {
        if self.has_gradients { self.tensors(self.plan.model.trained.gradient) } else { Ok(Weights::new()) }
    }

    fn save(&mut self, group: &mut dyn Group) -> Result<Saved> {
        let trained = self.plan.model.trained;
        Ok(Saved {
            trained: match trained.master {
                Some(master) => self.whole(master, group)?,
                None => self.tensors(trained.value)?,
            },
            first: self.whole(trained.first, group)?,
            second: self.whole(trained.second, group)?,
        })
    }

    fn restore(&mut self, saved: &Saved) -> Result<()> {
        for spot in self.plan.model.spots.clone() {
            let find = |all: &Weights| {
                let tensor = all.get(&spot.name).filter(|tensor| tensor.dims() == spot.shape).cloned();
                tensor.ok_or_else(|| {
                    let what = format!("tensor `{}` is missing or has another shape", spot.name);
                    Error::invalid("checkpoint", what)
                })
            };
            let trained = self.plan.model.trained;
            self.set_trained(&spot, &find(&saved.trained)?)?;
            self.set_kept(trained.first, &spot, &find(&saved.first)?)?;
            self.set_kept(trained.second, &spot, &find(&saved.second)?)?;
        }
        let is_ours = |name: &&String| self.plan.model.spots.iter().any(|spot| spot.name == **name);
        if let Some(extra) = saved.trained.keys().find(|name| !is_ours(name)) {
            return Err(Error::invalid("checkpoint", format!("tensor `{extra}` is not trained by this configuration")));
        }
        self.has_gradients = false;
        self.place_adapters()
    }
}
