//! Defines a LLaMA model as it is run on a CPU: its weights, put together where one product does for several.

use candle_core::{DType, Tensor};
use half::bf16;
use trainer::model::{Architecture, EMBEDDING, HEAD, LAST_NORM, weights::Weights};

use super::product::{Matrix, Values};
use crate::{Error, Result};

/// A model.
pub struct Llama {
    pub(super) architecture: Architecture,
    pub(super) embedding: Matrix,
    pub(super) layers: Vec<Layer>,
    pub(super) last_norm: Vec<f32>,
    /// None where it is the embedding.
    pub(super) head: Option<Matrix>,
}

/// A block.
pub(super) struct Layer {
    pub attention_norm: Vec<f32>,
    /// Queries, keys, values.
    pub qkv: Matrix,
    pub output: Matrix,
    pub feed_norm: Vec<f32>,
    /// Gates, ups.
    pub gate_up: Matrix,
    pub down: Matrix,
}

impl Llama {
    /// A model of tensors by Hugging Face's names, in f32, f16 or bf16.
    ///
    /// # Errors
    /// A tensor that is missing.
    pub fn new(architecture: Architecture, mut weights: Weights) -> Result<Self> {
        let mut take = |name: String| -> Result<Tensor> {
            let missing = || Error::Invalid { at: name.clone(), what: "no such tensor in this model".into() };
            weights.remove(&name).ok_or_else(missing)
        };
        let mut layers = Vec::with_capacity(architecture.num_hidden_layers);
        for layer in 0..architecture.num_hidden_layers {
            let mut part = |name: &str| take(format!("model.layers.{layer}.{name}.weight"));
            let mut parts = |names: &[&str]| matrix(&names.iter().map(|n| part(n)).collect::<Result<Vec<_>>>()?);
            layers.push(Layer {
                qkv: parts(&["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"])?,
                output: parts(&["self_attn.o_proj"])?,
                gate_up: parts(&["mlp.gate_proj", "mlp.up_proj"])?,
                down: parts(&["mlp.down_proj"])?,
                attention_norm: numbers(&part("input_layernorm")?)?,
                feed_norm: numbers(&part("post_attention_layernorm")?)?,
            });
        }
        let head = if architecture.tie_word_embeddings { None } else { Some(matrix(&[take(HEAD.into())?])?) };
        Ok(Self {
            embedding: matrix(&[take(EMBEDDING.into())?])?,
            last_norm: numbers(&take(LAST_NORM.into())?)?,
            layers,
            head,
            architecture,
        })
    }

    /// Its numbers.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?)
}

/// Tensors one below the other: in bf16 where all are, in f32 otherwise.
fn matrix(parts: &[Tensor]) -> Result<Matrix> {
    let mut dims = (0, 0);
    for part in parts {
        let (rows, columns) = part.dims2()?;
        dims = (dims.0 + rows, columns);
    }
    let values = if parts.iter().all(|part| part.dtype() == DType::BF16) {
        let mut values: Vec<bf16> = Vec::with_capacity(dims.0 * dims.1);
        for part in parts {
            values.extend(part.flatten_all()?.to_vec1::<bf16>()?);
        }
        Values::Half(values)
    } else {
        let mut values = Vec::with_capacity(dims.0 * dims.1);
        for part in parts {
            values.extend(numbers(part)?);
        }
        Values::Single(values)
    };
    Ok(Matrix { rows: dims.0, columns: dims.1, values })
}
