//! The reference engine: candle's automatic differentiation, a block at a time.
//!
//! Only operations that candle differentiates are used; its fused ones (`rms_norm`, `softmax_last_dim`, `rope`) cut
//! gradients without a word. A step first runs forward and keeps what goes into each block; then it runs each block
//! again, last first, to differentiate it alone (Chen et al., "Training deep nets with sublinear memory cost", 2016).
//! So the memory is that of one block, and gradients of frozen weights, which candle computes too, do not pile up.

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, IndexOp, Tensor, Var, backprop::GradStore};
use rand::RngExt;
use rayon::prelude::*;

use super::{Engine, Loss, Saved, Updated};
use crate::{
    Error, Result,
    data::batch::{Batch, NO_TARGET},
    group::Group,
    model::{Architecture, EMBEDDING, HEAD, LAST_NORM, lora::Lora, weights::Weights},
    optimizer::{Step, Trained},
    random,
};

/// Numbers whose dropout comes from one stream; many streams are drawn at a time.
const DROPOUT_CHUNK: usize = 1 << 16;

/// Rows of logits that are computed at a time.
const LOSS_ROWS: usize = 1024;

/// See the module.
pub struct Reference {
    architecture: Architecture,
    lora: Option<Lora>,
    device: Device,
    dtype: DType,
    seed: u64,
    /// What stays as it is, in the type of the computation.
    frozen: BTreeMap<String, Tensor>,
    /// What is trained, in the type of the computation.
    vars: BTreeMap<String, Var>,
    /// The same in f32, with moments.
    trained: BTreeMap<String, Trained>,
    /// Gradients of the summed loss, in f32.
    gradients: BTreeMap<String, Tensor>,
    frequencies: Vec<f64>,
    loss: Loss,
}

/// What a part of a batch is for the model.
struct Input {
    /// (rows, tokens)
    tokens: Tensor,
    /// Cosine and sine of the rotation: (rows, 1, tokens, head / 2).
    rotation: (Tensor, Tensor),
    /// 0 where a token may look, -∞ elsewhere: (rows, 1, tokens, tokens), f32.
    mask: Tensor,
    /// Indices of tokens with a target in the flattened batch, and the targets.
    learned: Vec<u32>,
    targets: Vec<u32>,
    /// What dropout depends on; none leaves nothing out.
    dropout: Option<(u64, u64)>,
}

impl Reference {
    /// A model in training on `device`, computing in `dtype`.
    ///
    /// Without `lora` all of `weights` are trained; with it the adapter, of which `adapter` holds `lora_A` and `lora_B`.
    ///
    /// # Errors
    /// A computation that fails, for example for want of memory.
    pub fn new(
        architecture: Architecture,
        weights: Weights,
        adapter: Option<(Lora, Weights)>,
        device: Device,
        dtype: DType,
        seed: u64,
    ) -> Result<Self> {
        let (lora, adapter) = adapter.map_or((None, Weights::new()), |(lora, adapter)| (Some(lora), adapter));
        let is_trained = |name: &str| match &lora {
            None => true,
            Some(lora) => {
                let saves = |module: &str| lora.modules_to_save.contains(module);
                name == EMBEDDING && saves("embed_tokens") || name == HEAD && saves("lm_head")
            }
        };
        let (mut frozen, mut trained) = (BTreeMap::new(), BTreeMap::new());
        for (name, tensor) in weights {
            let value = adapter.get(&name).unwrap_or(&tensor);
            if is_trained(&name) {
                trained.insert(name, Trained::new(&value.to_device(&device)?)?);
            } else {
                frozen.insert(name, value.to_device(&device)?.to_dtype(dtype)?);
            }
        }
        for (name, tensor) in adapter.into_iter().filter(|(name, _)| name.contains(".lora_")) {
            trained.insert(name, Trained::new(&tensor.to_device(&device)?)?);
        }
        let mut vars = BTreeMap::new();
        for (name, trained) in &trained {
            vars.insert(name.clone(), Var::from_tensor(&trained.master.to_dtype(dtype)?)?);
        }
        let frequencies = architecture.rotary_frequencies();
        Ok(Self {
            architecture,
            lora,
            device,
            dtype,
            seed,
            frozen,
            vars,
            trained,
            gradients: BTreeMap::new(),
            frequencies,
            loss: Loss::default(),
        })
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        if let Some(var) = self.vars.get(name) {
            return Ok(var.as_tensor().clone());
        }
        self.frozen.get(name).cloned().ok_or_else(|| Error::invalid(name, "no such tensor in this model"))
    }

    fn head_name(&self) -> &'static str {
        if self.architecture.tie_word_embeddings { EMBEDDING } else { HEAD }
    }

    fn input(&self, batch: &Batch, dropout: Option<(u64, u64)>) -> Result<Input> {
        let (num_rows, seq_len) = (batch.rows.len(), batch.rows.first().map_or(0, |row| row.tokens.len()));
        let shape = (num_rows, seq_len);
        let flat = |column: fn(&crate::data::batch::Row) -> &Vec<u32>| batch.rows.iter().flat_map(column).copied();
        if let Some(token) = flat(|row| &row.tokens).find(|token| *token as usize >= self.architecture.vocab_size) {
            let what = format!("token {token} has no row in an embedding of {}", self.architecture.vocab_size);
            return Err(Error::invalid("tokenizer", what));
        }
        let tokens = Tensor::from_iter(flat(|row| &row.tokens), &self.device)?.reshape(shape)?;
        let angles: Vec<f64> = flat(|row| &row.positions)
            .flat_map(|position| self.frequencies.iter().map(move |frequency| f64::from(position) * frequency))
            .collect();
        let half = (num_rows, 1, seq_len, self.frequencies.len());
        let turn = |f: fn(f64) -> f64| -> Result<Tensor> {
            let turned = Tensor::from_iter(angles.iter().map(|angle| f(*angle) as f32), &self.device)?;
            Ok(turned.reshape(half)?.to_dtype(self.dtype)?)
        };
        let mut mask = Vec::with_capacity(num_rows * seq_len * seq_len);
        for row in &batch.rows {
            for at in 0..seq_len {
                mask.extend((0..seq_len).map(|other| {
                    if other <= at && row.texts[other] == row.texts[at] { 0.0 } else { f32::NEG_INFINITY }
                }));
            }
        }
        let learned = (0u32..).zip(flat(|row| &row.targets)).filter(|(_, target)| *target != NO_TARGET);
        let (learned, targets) = learned.unzip();
        Ok(Input {
            tokens,
            rotation: (turn(f64::cos)?, turn(f64::sin)?),
            mask: Tensor::from_vec(mask, (num_rows, 1, seq_len, seq_len), &self.device)?,
            learned,
            targets,
            dropout,
        })
    }

    /// `x` times the transpose of a weight, and what its adapter adds. x: (rows, tokens, columns).
    fn linear(&self, x: &Tensor, name: &str, input: &Input) -> Result<Tensor> {
        let (rows, tokens, columns) = x.dims3()?;
        let flat = x.reshape((rows * tokens, columns))?;
        let mut y = flat.matmul(&self.tensor(&format!("{name}.weight"))?.t()?)?;
        if let Some(lora) = self.lora.as_ref().filter(|lora| lora.adapts(name)) {
            let a = self.tensor(&format!("{name}.lora_A.weight"))?;
            let b = self.tensor(&format!("{name}.lora_B.weight"))?;
            let kept = self.drop(&flat, name, lora.dropout, input)?;
            y = (y + (kept.matmul(&a.t()?)?.matmul(&b.t()?)? * lora.scale())?)?;
        }
        Ok(y.reshape((rows, tokens, ()))?)
    }

    /// Inverted dropout; the same step, part and name leave out the same.
    fn drop(&self, x: &Tensor, name: &str, share: f64, input: &Input) -> Result<Tensor> {
        let Some((step, part)) = input.dropout.filter(|_| share > 0.0) else { return Ok(x.clone()) };
        let place = name.bytes().fold(part, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
        let seed = self.seed ^ step.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let dropped = (share * 65536.0) as u16;
        let mut mask = vec![0u8; x.elem_count()];
        mask.par_chunks_mut(DROPOUT_CHUNK).enumerate().for_each(|(chunk, mask)| {
            let mut random = random::stream(seed ^ place, random::DROPOUT, chunk as u64);
            mask.iter_mut().for_each(|kept| *kept = u8::from(random.random::<u16>() >= dropped));
        });
        let mask = Tensor::from_vec(mask, x.shape(), &self.device)?.to_dtype(self.dtype)?;
        Ok(((x * mask)? / (1.0 - f64::from(dropped) / 65536.0))?)
    }

    /// Root-mean-square norm, computed in f32. x: (…, hidden).
    fn norm(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let wide = if self.dtype == DType::F64 { x.clone() } else { x.to_dtype(DType::F32)? };
        let mean = wide.sqr()?.mean_keepdim(D::Minus1)?;
        let normed = wide.broadcast_div(&(mean + self.architecture.rms_norm_eps)?.sqrt()?)?.to_dtype(self.dtype)?;
        Ok(normed.broadcast_mul(&self.tensor(name)?)?)
    }

    /// Rotate each half of a head against the other. x: (rows, heads, tokens, head).
    fn rotate(&self, x: &Tensor, (cos, sin): &(Tensor, Tensor)) -> Result<Tensor> {
        let half = x.dim(D::Minus1)? / 2;
        let (first, second) = (x.narrow(D::Minus1, 0, half)?, x.narrow(D::Minus1, half, half)?);
        let turned_first = (first.broadcast_mul(cos)? - second.broadcast_mul(sin)?)?;
        let turned_second = (second.broadcast_mul(cos)? + first.broadcast_mul(sin)?)?;
        Ok(Tensor::cat(&[turned_first, turned_second], D::Minus1)?)
    }

    /// A block. x: (rows, tokens, hidden).
    fn block(&self, x: &Tensor, layer: usize, input: &Input) -> Result<Tensor> {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let normed = self.norm(x, &name("input_layernorm.weight"))?;
        let x = (x + self.attention(&normed, &name("self_attn"), input)?)?;
        let normed = self.norm(&x, &name("post_attention_layernorm.weight"))?;
        let gate = self.linear(&normed, &name("mlp.gate_proj"), input)?.silu()?;
        let up = self.linear(&normed, &name("mlp.up_proj"), input)?;
        Ok((x + self.linear(&(gate * up)?, &name("mlp.down_proj"), input)?)?)
    }

    fn attention(&self, x: &Tensor, name: &str, input: &Input) -> Result<Tensor> {
        let (rows, tokens, _) = x.dims3()?;
        let (heads, kv_heads) = (self.architecture.num_attention_heads, self.architecture.num_kv_heads());
        let size = self.architecture.head_size();
        let split = |part: &str, heads: usize| -> Result<Tensor> {
            let y = self.linear(x, &format!("{name}.{part}"), input)?;
            Ok(y.reshape((rows, tokens, heads, size))?.transpose(1, 2)?.contiguous()?)
        };
        let q = self.rotate(&split("q_proj", heads)?, &input.rotation)?;
        let k = self.rotate(&split("k_proj", kv_heads)?, &input.rotation)?;
        let v = split("v_proj", kv_heads)?;
        // Each head of keys and values serves a group of the queries' heads.
        let shared = |y: &Tensor| -> Result<Tensor> {
            let group = heads / kv_heads;
            let y = y.unsqueeze(2)?.broadcast_as((rows, kv_heads, group, tokens, size))?;
            Ok(y.contiguous()?.reshape((rows, heads, tokens, size))?)
        };
        let (k, v) = (shared(&k)?, shared(&v)?);
        let scores = (q.contiguous()?.matmul(&k.transpose(2, 3)?.contiguous()?)? / (size as f64).sqrt())?;
        let scores = if self.dtype == DType::F64 { scores } else { scores.to_dtype(DType::F32)? };
        let scores = scores.broadcast_add(&input.mask.to_dtype(scores.dtype())?)?;
        // The greatest score only keeps the exponentials in range; it needs no gradient.
        let greatest = scores.max_keepdim(D::Minus1)?.detach();
        let exponentials = scores.broadcast_sub(&greatest)?.exp()?;
        let shares = exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)?.to_dtype(self.dtype)?;
        let mixed = shares.matmul(&v)?.transpose(1, 2)?.contiguous()?.reshape((rows, tokens, heads * size))?;
        self.linear(&mixed, &format!("{name}.o_proj"), input)
    }

    fn embed(&self, tokens: &Tensor) -> Result<Tensor> {
        let (rows, seq_len) = tokens.dims2()?;
        let embedded = self.tensor(EMBEDDING)?.index_select(&tokens.flatten_all()?, 0)?;
        Ok(embedded.reshape((rows, seq_len, ()))?)
    }

    /// What goes into each block, and what comes out of the last.
    fn forward(&self, input: &Input) -> Result<Vec<Tensor>> {
        let mut states = vec![self.embed(&input.tokens)?.detach()];
        for layer in 0..self.architecture.num_hidden_layers {
            let next = self.block(&states[layer], layer, input)?.detach();
            states.push(next);
        }
        Ok(states)
    }

    /// Losses of targets in nats: f32 (or f64), as many as rows in `hidden`.
    fn target_losses(&self, hidden: &Tensor, targets: &[u32]) -> Result<Tensor> {
        let normed = self.norm(hidden, LAST_NORM)?;
        let logits = normed.matmul(&self.tensor(self.head_name())?.t()?)?;
        let logits = if self.dtype == DType::F64 { logits } else { logits.to_dtype(DType::F32)? };
        let targets = Tensor::new(targets, &self.device)?.unsqueeze(1)?;
        let greatest = logits.max_keepdim(1)?.detach();
        let sums = logits.broadcast_sub(&greatest)?.exp()?.sum_keepdim(1)?.log()?;
        Ok(((sums + greatest)? - logits.gather(&targets, 1)?)?.squeeze(1)?)
    }

    /// Parts of the learned tokens: their indices on the device, and their targets.
    fn parts<'a>(device: &Device, input: &'a Input) -> Result<Vec<(Tensor, &'a [u32])>> {
        let parts = input.learned.chunks(LOSS_ROWS).zip(input.targets.chunks(LOSS_ROWS));
        parts.map(|(learned, targets)| Ok((Tensor::new(learned, device)?, targets))).collect()
    }

    fn add_gradients(&mut self, store: &GradStore) -> Result<()> {
        for (name, var) in &self.vars {
            if let Some(gradient) = store.get(var) {
                let gradient = gradient.to_dtype(DType::F32)?;
                let sum = match self.gradients.remove(name) {
                    Some(sum) => (sum + gradient)?,
                    None => gradient,
                };
                self.gradients.insert(name.clone(), sum.detach());
            }
        }
        Ok(())
    }
}

impl Engine for Reference {
    fn forward_backward(&mut self, batch: &Batch, step: u64, part: u64, _last: Option<&mut dyn Group>) -> Result<()> {
        let input = self.input(batch, Some((step, part)))?;
        let mut states = self.forward(&input)?;
        let last = states.pop().ok_or_else(|| Error::invalid("model", "it has no blocks"))?;
        let (rows, tokens, width) = last.dims3()?;
        let last = last.reshape((rows * tokens, width))?;
        let mut gradient = last.zeros_like()?;
        let mut loss = Loss { nats: 0.0, num_targets: input.targets.len() as u64 };
        for (learned, targets) in Self::parts(&self.device, &input)? {
            let hidden = Var::from_tensor(&last.index_select(&learned, 0)?)?;
            let nats = self.target_losses(&hidden, targets)?.sum_all()?;
            loss.nats += nats.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            let store = nats.backward()?;
            if let Some(of_hidden) = store.get(&hidden) {
                gradient = gradient.index_add(&learned, of_hidden, 0)?;
            }
            self.add_gradients(&store)?;
        }
        let mut gradient = gradient.reshape((rows, tokens, width))?;
        for (layer, state) in states.into_iter().enumerate().rev() {
            let state = Var::from_tensor(&state)?;
            let store = (self.block(&state, layer, &input)? * gradient)?.sum_all()?.backward()?;
            gradient = store.get(&state).ok_or_else(|| Error::invalid("model", "a block without a gradient"))?.detach();
            self.add_gradients(&store)?;
        }
        if self.vars.contains_key(EMBEDDING) {
            let store = (self.embed(&input.tokens)? * gradient)?.sum_all()?.backward()?;
            self.add_gradients(&store)?;
        }
        self.loss += loss;
        Ok(())
    }

    fn loss(&mut self) -> Result<Loss> {
        Ok(std::mem::take(&mut self.loss))
    }

    fn losses(&mut self, batch: &Batch) -> Result<(Loss, Vec<Vec<f32>>)> {
        let input = self.input(batch, None)?;
        let last = self.forward(&input)?.pop().ok_or_else(|| Error::invalid("model", "it has no blocks"))?;
        let (rows, tokens, width) = last.dims3()?;
        let last = last.reshape((rows * tokens, width))?;
        let mut flat = vec![0.0; rows * tokens];
        let mut nats = 0.0;
        let mut learned = input.learned.iter();
        for (indices, targets) in Self::parts(&self.device, &input)? {
            let losses = self.target_losses(&last.index_select(&indices, 0)?, targets)?;
            for (loss, at) in losses.to_dtype(DType::F64)?.to_vec1::<f64>()?.into_iter().zip(&mut learned) {
                flat[*at as usize] = loss as f32;
                nats += loss;
            }
        }
        let loss = Loss { nats, num_targets: input.targets.len() as u64 };
        Ok((loss, flat.chunks(tokens.max(1)).map(<[f32]>::to_vec).collect()))
    }

    fn logits(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let text = crate::data::pack::Text::plain(tokens.to_vec());
        let mut packer = crate::data::pack::Packer::new(tokens.len(), Default::default(), false);
        let input = self.input(&Batch { rows: packer.push(&text) }, None)?;
        let last = self.forward(&input)?.pop().ok_or_else(|| Error::invalid("model", "it has no blocks"))?;
        let normed = self.norm(&last.i(0)?, LAST_NORM)?;
        Ok(normed.matmul(&self.tensor(self.head_name())?.t()?)?.to_dtype(DType::F32)?)
    }

    fn update(&mut self, num_targets: u64, step: &Step, group: &mut dyn Group) -> Result<Updated> {
        let mut gradients = std::mem::take(&mut self.gradients);
        let mut squares = 0.0;
        // Every rank has every name, in one order; one without rows adds nothing.
        for (name, trained) in &self.trained {
            let own = match gradients.remove(name) {
                Some(gradient) => gradient,
                None => trained.master.zeros_like()?,
            };
            let mean = (group.sum(&own)? / num_targets.max(1) as f64)?;
            squares += mean.sqr()?.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            gradients.insert(name.clone(), mean);
        }
        let gradient_norm = squares.sqrt();
        if !gradient_norm.is_finite() {
            return Ok(Updated { gradient_norm, is_finite: false });
        }
        let shrink = if step.clip_norm > 0.0 { (step.clip_norm / (gradient_norm + 1e-6)).min(1.0) } else { 1.0 };
        for (name, trained) in &mut self.trained {
            let Some(gradient) = gradients.remove(name) else { continue };
            trained.update(&(gradient * shrink)?, step)?;
            if let Some(var) = self.vars.get(name) {
                var.set(&trained.master.to_dtype(self.dtype)?)?;
            }
        }
        Ok(Updated { gradient_norm, is_finite: true })
    }

    fn gradients(&self) -> Result<Weights> {
        self.gradients.iter().map(|(name, tensor)| Ok((name.clone(), tensor.to_device(&Device::Cpu)?))).collect()
    }

    fn save(&mut self, _group: &mut dyn Group) -> Result<Saved> {
        let mut saved = Saved::default();
        for (name, trained) in &self.trained {
            let parts = [
                (&mut saved.trained, &trained.master),
                (&mut saved.first, &trained.first),
                (&mut saved.second, &trained.second),
            ];
            for (all, tensor) in parts {
                all.insert(name.clone(), tensor.to_device(&Device::Cpu)?);
            }
        }
        Ok(saved)
    }

    fn restore(&mut self, saved: &Saved) -> Result<()> {
        for (name, trained) in &mut self.trained {
            for (from, to) in [
                (&saved.trained, &mut trained.master),
                (&saved.first, &mut trained.first),
                (&saved.second, &mut trained.second),
            ] {
                let tensor = from.get(name).filter(|tensor| tensor.dims() == to.dims()).ok_or_else(|| {
                    Error::invalid("checkpoint", format!("tensor `{name}` is missing or has another shape"))
                })?;
                *to = tensor.to_device(&self.device)?;
            }
            if let Some(var) = self.vars.get(name) {
                var.set(&trained.master.to_dtype(self.dtype)?)?;
            }
        }
        if let Some(extra) = saved.trained.keys().find(|name| !self.trained.contains_key(*name)) {
            return Err(Error::invalid("checkpoint", format!("tensor `{extra}` is not trained by this configuration")));
        }
        self.gradients.clear();
        Ok(())
    }
}
