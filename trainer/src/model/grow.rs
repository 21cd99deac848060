//! Grows embedding and head to a tokenizer with more ids than the model was made for.

use candle_core::{DType, Tensor};
use vocab::init_map::NewRow;

use super::{Architecture, EMBEDDING, HEAD, weights::Weights};
use crate::{Error, Result};

/// Rows are padded to a multiple of this, which GPUs multiply faster.
pub const ROW_MULTIPLE: usize = 64;

/// Give `weights` rows for `num_pieces` ids, padded to [`ROW_MULTIPLE`].
///
/// A row of `map` becomes the mean of the base's rows that it names, or of all rows where it names none; a row for
/// padding becomes the mean of all. All other rows stay as they are, to the bit.
///
/// # Errors
/// A tokenizer with fewer ids than the model, new ids that the map lacks, or a map of another base.
pub fn grow(architecture: &mut Architecture, weights: &mut Weights, num_pieces: usize, map: &[NewRow]) -> Result<()> {
    let old = architecture.vocab_size;
    let at = "init_map.jsonl";
    if num_pieces < old {
        let what =
            format!("the tokenizer has {num_pieces} ids and the model {old} rows: it is not this model's tokenizer");
        return Err(Error::invalid("model.base", what));
    }
    let new = num_pieces.next_multiple_of(ROW_MULTIPLE);
    let mut sources: Vec<Option<&[u32]>> = vec![None; num_pieces];
    for row in map {
        let slot = sources
            .get_mut(row.id as usize)
            .ok_or_else(|| Error::invalid(at, format!("id {} is none of the tokenizer's {num_pieces}", row.id)))?;
        if let Some(id) = row.base_ids.iter().find(|id| **id as usize >= old) {
            return Err(Error::invalid(at, format!("id {} comes from id {id}; the model has {old} rows", row.id)));
        }
        *slot = Some(&row.base_ids);
    }
    if let Some(id) = (old..num_pieces).find(|id| sources[*id].is_none()) {
        return Err(Error::invalid(at, format!("id {id} is in the tokenizer, not in the model and not in the map")));
    }
    for name in [EMBEDDING, HEAD] {
        if let Some(tensor) = weights.get(name) {
            let grown = grown(tensor, &sources, new)?;
            weights.insert(name.to_owned(), grown);
        }
    }
    architecture.vocab_size = new;
    Ok(())
}

fn grown(tensor: &Tensor, sources: &[Option<&[u32]>], num_rows: usize) -> Result<Tensor> {
    let (old, width) = tensor.dims2()?;
    let rows = tensor.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    let mean = |ids: &mut dyn Iterator<Item = usize>| {
        let (mut sum, mut count) = (vec![0.0f64; width], 0.0);
        for id in ids {
            sum.iter_mut().zip(&rows[id]).for_each(|(sum, value)| *sum += f64::from(*value));
            count += 1.0;
        }
        sum.into_iter().map(|sum| (sum / count) as f32).collect::<Vec<f32>>()
    };
    let of_all = mean(&mut (0..old));
    let mut values = Vec::with_capacity(num_rows * width);
    for id in 0..num_rows {
        match sources.get(id).copied().flatten() {
            Some([]) => values.extend_from_slice(&of_all),
            Some(ids) => values.extend(mean(&mut ids.iter().map(|id| *id as usize))),
            None => values.extend_from_slice(rows.get(id).unwrap_or(&of_all)),
        }
    }
    // To f32 and back gives every f16 and bf16 its bits again.
    Ok(Tensor::from_vec(values, (num_rows, width), tensor.device())?.to_dtype(tensor.dtype())?)
}
