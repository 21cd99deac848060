//! Writes a model's tensors to where they are planned. What is filled up stays zero, and changes nothing: heads of zeros
//! take part in no product, and silu(0) · 0 is 0.

use candle_core::{DType, Device, Tensor};
use trainer::{
    model::{Architecture, EMBEDDING, HEAD, LAST_NORM, weights::Weights},
    ops::{Machine, memory::Matrix},
};

use super::plan::Plan;
use crate::{Error, Result};

/// Where heads lie in a map.
#[derive(Clone, Copy)]
enum Side {
    Rows,
    Columns,
}

/// Write all of a model, and the angles of its positions, to a machine whose memory is zero.
pub fn load(on: &mut Machine, plan: &Plan, architecture: &Architecture, mut weights: Weights) -> Result<()> {
    let mut take = |name: &str| -> Result<Tensor> {
        let missing = || Error::Invalid { at: name.into(), what: "no such tensor in this model".into() };
        weights.remove(name).ok_or_else(missing)
    };
    on.write(plan.embedding.rows(0, architecture.vocab_size), &take(EMBEDDING)?)?;
    on.write(plan.last_norm, &take(LAST_NORM)?)?;
    if !architecture.tie_word_embeddings {
        on.write(plan.head.rows(0, architecture.vocab_size), &take(HEAD)?)?;
    }
    let (size, wide) = (architecture.head_size(), plan.heads.size);
    let (queries, keys) = (plan.heads.queries * wide, plan.heads.values * wide);
    for (number, layer) in plan.layers.iter().enumerate() {
        let mut part = |name: &str| take(&format!("model.layers.{number}.{name}.weight"));
        on.write(layer.attention_norm, &part("input_layernorm")?)?;
        on.write(layer.feed_norm, &part("post_attention_layernorm")?)?;
        let mut query = part("self_attn.q_proj")?;
        if wide != size {
            // Scores are divided by the root of the width, which is greater now.
            query = (query.to_dtype(DType::F32)? * (wide as f64 / size as f64).sqrt())?;
        }
        for (tensor, from, count) in [
            (query, 0, queries),
            (part("self_attn.k_proj")?, queries, keys),
            (part("self_attn.v_proj")?, queries + keys, keys),
        ] {
            write_heads(on, layer.qkv.rows(from, count), &tensor, (size, wide), Side::Rows)?;
        }
        write_heads(on, layer.output, &part("self_attn.o_proj")?, (size, wide), Side::Columns)?;
        let inner = architecture.intermediate_size;
        on.write(layer.gate_up.rows(0, inner), &part("mlp.gate_proj")?)?;
        on.write(layer.gate_up.rows(plan.inner, inner), &part("mlp.up_proj")?)?;
        on.write(layer.down.columns(0, inner), &part("mlp.down_proj")?)?;
    }
    write_angles(on, plan, architecture)
}

/// Write a map of heads `size` wide to one of heads `wide`: the halves of each head, which turn against each other, to the
/// beginnings of the halves of the wider one.
fn write_heads(on: &mut Machine, to: Matrix, tensor: &Tensor, (size, wide): (usize, usize), side: Side) -> Result<()> {
    if size == wide {
        return Ok(on.write(to, tensor)?);
    }
    let dim = if matches!(side, Side::Rows) { 0 } else { 1 };
    for half in 0..tensor.dim(dim)? / (size / 2) {
        let (from, at) = (half * (size / 2), half * (wide / 2));
        let place = if dim == 0 { to.rows(at, size / 2) } else { to.columns(at, size / 2) };
        on.write(place, &tensor.narrow(dim, from, size / 2)?)?;
    }
    Ok(())
}

fn write_angles(on: &mut Machine, plan: &Plan, architecture: &Architecture) -> Result<()> {
    let frequencies = architecture.rotary_frequencies();
    for (matrix, turn) in [(plan.buffers.cosines, f64::cos as fn(f64) -> f64), (plan.buffers.sines, f64::sin)] {
        let angles = (0..matrix.rows).flat_map(|at| frequencies.iter().map(move |by| at as f64 * by));
        let values: Vec<f32> = angles.map(|angle| turn(angle) as f32).collect();
        on.write(matrix.columns(0, frequencies.len()), &Tensor::new(values, &Device::Cpu)?)?;
    }
    Ok(())
}
