//! The forward pass, in the order in which `backward.rs` goes back.

use super::{
    input::Input,
    memory::{Buffers, Saved},
    model::{Layer, Linear, Model},
};
use crate::{
    Result,
    ops::{
        Machine,
        attention::{self, Heads},
        cross_entropy,
        dropout::{Dropout, dropout},
        embedding,
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

/// What is the same in all blocks of one pass over a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass<'a> {
    pub input: &'a Input,
    pub buffers: &'a Buffers,
    pub heads: Heads,
    pub angles: Angles,
    pub epsilon: f64,
    /// What adapters leave out; its seed is that of the batch.
    pub dropout: Option<Dropout>,
    /// Nothing waits for the next update yet: gradients of products need not be added to anything.
    pub is_first: bool,
}

impl Pass<'_> {
    /// What the gradient of a weight is added to.
    pub fn waiting(&self) -> Base {
        if self.is_first { Base::Nothing } else { Base::Out }
    }

    /// The rows of a matrix that this batch has.
    pub fn rows(&self, matrix: Matrix) -> Matrix {
        matrix.rows(0, self.input.num_tokens)
    }

    /// What a block leaves, and what goes into it.
    pub fn saved(&self, layer: usize) -> (Saved, Matrix) {
        let saved = self.buffers.saved[layer];
        let rows = |matrix: Matrix| self.rows(matrix);
        let saved = Saved {
            qkv: rows(saved.qkv),
            attended: rows(saved.attended),
            lse: rows(saved.lse),
            middle: rows(saved.middle),
            gate_up: rows(saved.gate_up),
            ..saved
        };
        (saved, rows(self.buffers.states[layer]))
    }
}

/// Everything up to the state after the last block.
pub(super) fn blocks(on: &mut Machine, model: &Model, pass: &Pass) -> Result<()> {
    embedding::forward(on, model.embedding.value, pass.input.tokens, pass.rows(pass.buffers.states[0]))?;
    for (number, layer) in model.layers.iter().enumerate() {
        first_half(on, layer, number, pass)?;
        second_half(on, layer, number, pass)?;
    }
    Ok(())
}

/// A block up to its activation's input: what the backward pass needs of it.
pub(super) fn first_half(on: &mut Machine, layer: &Layer, number: usize, pass: &Pass) -> Result<()> {
    let (saved, state) = pass.saved(number);
    let normed = pass.rows(pass.buffers.attention_input);
    norm(on, state, layer.input_norm.value, normed.columns(0, state.columns), saved.input_rstd, pass)?;
    layer.qkv.forward(on, normed, saved.qkv, Base::Nothing, pass)?;
    let turned = saved.qkv.columns(0, (pass.heads.queries + pass.heads.values) * pass.heads.size);
    rope(on, turned, pass.input.positions, pass.angles, Turn::Forward)?;
    attention::forward(on, saved.qkv, pass.heads, &pass.input.texts, saved.mixed(pass.heads))?;
    layer.output.forward(on, saved.attended, saved.middle, Base::Other(state), pass)?;
    let normed = pass.rows(pass.buffers.mlp_input);
    norm(on, saved.middle, layer.post_norm.value, normed.columns(0, state.columns), saved.post_rstd, pass)?;
    layer.gate_up.forward(on, normed, saved.gate_up, Base::Nothing, pass)
}

fn second_half(on: &mut Machine, layer: &Layer, number: usize, pass: &Pass) -> Result<()> {
    let (saved, _) = pass.saved(number);
    let activated = pass.rows(pass.buffers.activated);
    swiglu::forward(on, saved.gate_up, activated.columns(0, layer.down.columns))?;
    layer.down.forward(on, activated, pass.rows(pass.buffers.states[number + 1]), Base::Other(saved.middle), pass)
}

pub(super) fn norm(on: &mut Machine, x: Matrix, weight: Matrix, out: Matrix, rstd: Matrix, pass: &Pass) -> Result<()> {
    rms_norm::forward(on, x, weight, None, out, rstd, pass.epsilon)
}

impl Linear {
    /// x: (tokens, columns + tail); its tail is overwritten.
    pub fn forward(&self, on: &mut Machine, x: Matrix, out: Matrix, base: Base, pass: &Pass) -> Result<()> {
        self.adapt(on, x, pass)?;
        product(on, out, Plain(x), Transposed(self.weight), 1.0, base)
    }

    /// Put behind x what the adapters' first halves make of it.
    pub fn adapt(&self, on: &mut Machine, x: Matrix, pass: &Pass) -> Result<()> {
        let Some(adapters) = &self.adapters else { return Ok(()) };
        let seen = self.seen(on, x, pass)?;
        let tail = x.columns(self.columns, adapters.a.value.rows);
        product(on, tail, Plain(seen), Transposed(adapters.a.value), 1.0, Base::Nothing)
    }

    /// What the adapters see of x: what dropout leaves of it.
    pub fn seen(&self, on: &mut Machine, x: Matrix, pass: &Pass) -> Result<Matrix> {
        let x = x.columns(0, self.columns);
        let Some(share) = self.dropout(pass) else { return Ok(x) };
        let seen = pass.buffers.dropped(x.rows, x.columns);
        dropout(on, x, seen, false, share)?;
        Ok(seen)
    }

    /// What these adapters leave out.
    pub fn dropout(&self, pass: &Pass) -> Option<Dropout> {
        let number = self.adapters.as_ref()?.number as u64;
        // An odd factor far from others: adapters of one batch leave out what has nothing to do with each other.
        pass.dropout.map(|of| Dropout { seed: of.seed ^ (number + 1).wrapping_mul(0xd6e8_feb8_6659_fd93), ..of })
    }
}

/// The losses of all learned tokens, and their sum added to the total; with the gradient of the last state, and of what
/// the head trains, where `has_gradient` says so. Logits are computed some rows at a time.
pub(super) fn loss(on: &mut Machine, model: &Model, pass: &Pass, has_gradient: bool) -> Result<()> {
    let (buffers, input) = (pass.buffers, pass.input);
    let state = pass.rows(buffers.states[model.layers.len()]);
    let learned = input.learned.columns;
    let padded = buffers.padded_rows(learned);
    let normed = buffers.head_input.rows(0, padded);
    let rows = Some(input.learned);
    // Rows that only fill up a product: their losses are not computed, and 0 times what lies here has to be 0.
    on.zero(normed.rows(learned, padded - learned))?;
    let (norm, rstd) = (model.last_norm, buffers.last_rstd);
    rms_norm::forward(on, state, norm.value, rows, normed.rows(0, learned), rstd, pass.epsilon)?;
    if let Some(gradient) =
        model.head.gradient.filter(|_| has_gradient && padded == 0 && pass.is_first && !model.is_tied)
    {
        on.zero(gradient)?;
    }
    for from in (0..padded).step_by(buffers.logits.rows) {
        let count = buffers.logits.rows.min(padded - from);
        let (part, logits) = (normed.rows(from, count), buffers.logits.rows(0, count));
        let num_targets = count.min(learned.saturating_sub(from));
        let (targets, losses) = (input.targets.columns(from, num_targets), buffers.losses.columns(from, num_targets));
        product(on, logits, Plain(part), Transposed(model.head.value), 1.0, Base::Nothing)?;
        cross_entropy::cross_entropy(on, logits, targets, losses, has_gradient)?;
        if has_gradient {
            if let Some(gradient) = model.head.gradient {
                // A tied head's gradient has the embedding's place, and was set to 0 with it.
                let base = if from == 0 && !model.is_tied { pass.waiting() } else { Base::Out };
                product(on, gradient, Transposed(logits), Plain(part), 1.0, base)?;
            }
            // The gradient of the head's input takes its place.
            product(on, part, Plain(logits), Plain(model.head.value), 1.0, Base::Nothing)?;
        }
    }
    cross_entropy::add_up(on, buffers.losses.columns(0, learned), buffers.total)?;
    if has_gradient {
        let (dnormed, dstate) = (normed.rows(0, learned), pass.rows(buffers.dstate));
        if let Some(gradient) = norm.gradient {
            rms_norm::backward_weight(on, dnormed, state, rows, rstd, buffers.partial, gradient)?;
        }
        on.zero(dstate)?;
        rms_norm::backward(on, dnormed, state, norm.value, rows, rstd, dstate, false)?;
    }
    Ok(())
}
