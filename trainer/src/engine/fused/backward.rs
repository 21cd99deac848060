//! The backward pass: each block goes back through what `forward.rs` did, last first.

use super::{
    forward::{self, Pass, norm},
    model::{Layer, Linear, Model, Weight},
};
use crate::{
    Result,
    ops::{
        Machine, attention,
        dropout::dropout,
        embedding,
        matmul::{
            Base,
            Factor::{Plain, Transposed},
            product,
        },
        memory::Matrix,
        rms_norm,
        rope::{Turn, rope},
        swiglu,
    },
};

/// From the gradient of the state after the last block to everything that is trained before it; `done` is called once
/// the gradients of a block are whole.
pub(super) fn blocks(
    on: &mut Machine,
    model: &Model,
    pass: &Pass,
    mut done: impl FnMut(&mut Machine, usize) -> Result<()>,
) -> Result<()> {
    for (number, layer) in model.layers.iter().enumerate().rev() {
        if pass.buffers.is_recomputed(number) {
            forward::first_half(on, layer, number, pass)?;
        }
        second_half(on, layer, number, pass)?;
        first_half(on, layer, number, pass)?;
        done(on, number)?;
    }
    match model.embedding.gradient {
        Some(gradient) => {
            let dstate = pass.rows(pass.buffers.dstate);
            embedding::backward(on, dstate, pass.input.tokens, pass.input.sorted, gradient)
        }
        None => Ok(()),
    }
}

/// Back through the activation and what came before it since the attention.
fn second_half(on: &mut Machine, layer: &Layer, number: usize, pass: &Pass) -> Result<()> {
    let (saved, state) = pass.saved(number);
    let dstate = pass.rows(pass.buffers.dstate);
    let activated = pass.rows(pass.buffers.activated);
    if layer.down.needs_input() {
        swiglu::forward(on, saved.gate_up, activated.columns(0, layer.down.columns))?;
        layer.down.adapt(on, activated, pass)?;
    }
    let dactivated = pass.buffers.gradient(dstate.rows, layer.down.width());
    layer.down.backward(on, activated, dstate, dactivated, pass)?;
    swiglu::backward(on, dactivated.columns(0, layer.down.columns), saved.gate_up)?;

    let normed = pass.rows(pass.buffers.mlp_input);
    if layer.gate_up.needs_input() {
        norm(on, saved.middle, layer.post_norm.value, normed.columns(0, state.columns), saved.post_rstd, pass)?;
        layer.gate_up.adapt(on, normed, pass)?;
    }
    let dnormed = pass.buffers.gradient(dstate.rows, layer.gate_up.width());
    layer.gate_up.backward(on, normed, saved.gate_up, dnormed, pass)?;
    norm_backward(on, dnormed.columns(0, state.columns), saved.middle, layer.post_norm, saved.post_rstd, pass)
}

/// Back through the attention and what came before it.
fn first_half(on: &mut Machine, layer: &Layer, number: usize, pass: &Pass) -> Result<()> {
    let (saved, state) = pass.saved(number);
    let dstate = pass.rows(pass.buffers.dstate);
    let (heads, texts) = (pass.heads, &pass.input.texts);
    let dattended = pass.buffers.gradient(dstate.rows, layer.output.width());
    layer.output.backward(on, saved.attended, dstate, dattended, pass)?;
    let dqkv = pass.rows(pass.buffers.dqkv);
    let (dmixed, delta) = (dattended.columns(0, layer.output.columns), pass.rows(pass.buffers.delta));
    attention::backward(on, dmixed, saved.qkv, heads, texts, saved.mixed(heads), delta, dqkv)?;
    let turned = dqkv.columns(0, (heads.queries + heads.values) * heads.size);
    rope(on, turned, pass.input.positions, pass.angles, Turn::Backward)?;

    let normed = pass.rows(pass.buffers.attention_input);
    if layer.qkv.needs_input() {
        norm(on, state, layer.input_norm.value, normed.columns(0, state.columns), saved.input_rstd, pass)?;
        layer.qkv.adapt(on, normed, pass)?;
    }
    let dnormed = pass.buffers.gradient(dstate.rows, layer.qkv.width());
    layer.qkv.backward(on, normed, dqkv, dnormed, pass)?;
    norm_backward(on, dnormed.columns(0, state.columns), state, layer.input_norm, saved.input_rstd, pass)
}

/// Add what comes back through a norm to the gradient that went past it.
fn norm_backward(
    on: &mut Machine,
    dnormed: Matrix,
    x: Matrix,
    weight: Weight,
    rstd: Matrix,
    pass: &Pass,
) -> Result<()> {
    if let Some(gradient) = weight.gradient {
        rms_norm::backward_weight(on, dnormed, x, None, rstd, pass.buffers.partial, gradient)?;
    }
    rms_norm::backward(on, dnormed, x, weight.value, None, rstd, pass.rows(pass.buffers.dstate), true)
}

impl Linear {
    /// The gradient of x (with its tail) from that of the output, and those of what is trained. x is only read where
    /// [`Linear::needs_input`] says so.
    pub fn backward(&self, on: &mut Machine, x: Matrix, dout: Matrix, dx: Matrix, pass: &Pass) -> Result<()> {
        product(on, dx, Plain(dout), Plain(self.weight), 1.0, Base::Nothing)?;
        if let Some(gradient) = self.gradient {
            product(on, gradient, Transposed(dout), Plain(x), 1.0, pass.waiting())?;
        }
        let Some(adapters) = &self.adapters else { return Ok(()) };
        let ranks = adapters.a.value.rows;
        let (tail, dtail) = (x.columns(self.columns, ranks), dx.columns(self.columns, ranks));
        for b in &adapters.b {
            let dout = dout.columns(b.row, b.master.rows);
            let tail = tail.columns(b.rank, b.master.columns);
            product(on, b.gradient, Transposed(dout), Plain(tail), adapters.scale, Base::Out)?;
        }
        let seen = self.seen(on, x, pass)?;
        if let Some(gradient) = adapters.a.gradient {
            product(on, gradient, Transposed(dtail), Plain(seen), 1.0, Base::Out)?;
        }
        let dx = dx.columns(0, self.columns);
        let Some(share) = self.dropout(pass) else {
            return product(on, dx, Plain(dtail), Plain(adapters.a.value), 1.0, Base::Out);
        };
        let dseen = pass.buffers.dropped(dx.rows, dx.columns);
        product(on, dseen, Plain(dtail), Plain(adapters.a.value), 1.0, Base::Nothing)?;
        dropout(on, dseen, dx, true, share)
    }
}
