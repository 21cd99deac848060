//! Turns a batch into the indices that the operations need, in one piece that goes to the device in one copy.

use crate::{
    Error, Result,
    data::batch::{Batch, NO_TARGET},
    ops::{
        attention::Texts,
        embedding::Sorted,
        memory::Matrix,
        pieces::{ALIGNMENT, Pieces},
    },
};

/// Places for texts: cuDNN makes a plan for each number of them, and places may be left over.
const TEXT_PLACES: [usize; 6] = [4, 8, 16, 64, 128, 512];

/// Indices by what they are for.
#[derive(Debug, Default)]
pub(super) struct Indices {
    num_tokens: usize,
    pieces: Pieces,
}

/// A batch on a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input {
    /// Tokens of all rows.
    pub num_tokens: usize,
    /// (1, tokens) each.
    pub tokens: Matrix,
    pub positions: Matrix,
    /// The tokens that learn something, and what: (1, learned) each.
    pub learned: Matrix,
    pub targets: Matrix,
    pub sorted: Sorted,
    pub texts: Texts,
}

/// The numbers from one token to the next in what attention reads and writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pitches {
    pub qkv: usize,
    pub out: usize,
    pub lse: usize,
}

/// The indices that a batch of `num_tokens` tokens needs at most.
pub(super) fn max_len(num_tokens: usize) -> usize {
    11 * (num_tokens + 1).next_multiple_of(ALIGNMENT) + 4 * places(num_tokens).next_multiple_of(ALIGNMENT)
}

fn places(num_texts: usize) -> usize {
    let known = TEXT_PLACES.into_iter().find(|places| *places >= num_texts);
    known.unwrap_or(num_texts.next_multiple_of(512))
}

impl Indices {
    /// The indices of a batch for a model with `num_ids` rows of embedding.
    ///
    /// # Errors
    /// A token without a row.
    pub fn of(batch: &Batch, num_ids: usize, pitches: Pitches) -> Result<Self> {
        let flat = |column: fn(&crate::data::batch::Row) -> &Vec<u32>| -> Vec<u32> {
            batch.rows.iter().flat_map(column).copied().collect()
        };
        let (tokens, targets) = (flat(|row| &row.tokens), flat(|row| &row.targets));
        let is_known = |id: &&u32| (**id as usize) < num_ids || **id == NO_TARGET;
        if let Some(token) = tokens.iter().chain(&targets).find(|id| !is_known(id)) {
            return Err(Error::invalid("tokenizer", format!("token {token} has no row in an embedding of {num_ids}")));
        }
        let texts = texts(batch);
        let places = places(texts.len());
        let mut indices = Pieces::default();
        indices.push(tokens.iter().map(|token| *token as i32));
        indices.push(flat(|row| &row.positions).into_iter().map(|position| position as i32));
        let learned = || (0i32..).zip(&targets).filter(|(_, target)| **target != NO_TARGET);
        indices.push(learned().map(|(place, _)| place));
        indices.push(learned().map(|(_, target)| *target as i32));
        let mut order: Vec<i32> = (0..tokens.len() as i32).collect();
        order.sort_by_key(|place| tokens[*place as usize]);
        let is_first = |at: &usize| *at == 0 || tokens[order[at - 1] as usize] != tokens[order[*at] as usize];
        indices.push((0..order.len()).filter(is_first).chain([order.len()]).map(|at| at as i32));
        indices.push(order.iter().copied());
        let spread = |of: fn(&(usize, usize)) -> usize| {
            texts.iter().flat_map(move |text| std::iter::repeat_n(of(text) as i32, text.1 - text.0))
        };
        indices.push(spread(|text| text.0));
        indices.push(spread(|text| text.1));
        let lengths = texts.iter().map(|(start, end)| (end - start) as i32);
        indices.push(lengths.chain(std::iter::repeat(0)).take(places));
        for pitch in [pitches.qkv, pitches.out, pitches.lse] {
            let starts = texts.iter().map(|(start, _)| *start).chain(std::iter::repeat(tokens.len()));
            indices.push(starts.take(places + 1).map(|start| (start * pitch) as i32));
        }
        Ok(Self { num_tokens: tokens.len(), pieces: indices })
    }

    /// All of them.
    pub fn values(&self) -> &[i32] {
        self.pieces.values()
    }

    /// The batch, once its indices lie in `at`.
    pub fn input(&self, at: Matrix, longest: usize) -> Input {
        let piece = |number: usize| self.pieces.of(at, number);
        Input {
            num_tokens: self.num_tokens,
            tokens: piece(0),
            positions: piece(1),
            learned: piece(2),
            targets: piece(3),
            sorted: Sorted { starts: piece(4), order: piece(5) },
            texts: Texts {
                starts: piece(6),
                ends: piece(7),
                lengths: piece(8),
                offsets: [piece(9), piece(10), piece(11)],
                longest,
            },
        }
    }
}

/// The first token of each text and the one after its last, over all rows.
fn texts(batch: &Batch) -> Vec<(usize, usize)> {
    let mut texts = Vec::new();
    let mut from = 0;
    for row in &batch.rows {
        for text in row.texts.chunk_by(|a, b| a == b) {
            texts.push((from, from + text.len()));
            from += text.len();
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::batch::Row;

    #[test]
    fn indices_say_where_tokens_texts_and_targets_are() {
        let row = |tokens: [u32; 4], texts: [u32; 4]| Row {
            tokens: tokens.to_vec(),
            targets: vec![tokens[1], NO_TARGET, tokens[3], NO_TARGET],
            positions: vec![0, 1, 0, 1],
            texts: texts.to_vec(),
        };
        let batch = Batch { rows: vec![row([5, 3, 5, 9], [0, 0, 1, 1]), row([3, 3, 1, 2], [0, 0, 0, 0])] };
        let indices = Indices::of(&batch, 10, Pitches { qkv: 12, out: 4, lse: 2 }).unwrap();
        let piece = |number: usize| indices.pieces.get(number);
        assert_eq!(piece(0), [5, 3, 5, 9, 3, 3, 1, 2]);
        assert_eq!((piece(2), piece(3)), (&[0, 2, 4, 6][..], &[3, 9, 3, 2][..]));
        assert_eq!((piece(4), piece(5)), (&[0, 1, 2, 5, 7, 8][..], &[6, 7, 1, 4, 5, 0, 2, 3][..]));
        assert_eq!((piece(6), piece(7)), (&[0, 0, 2, 2, 4, 4, 4, 4][..], &[2, 2, 4, 4, 8, 8, 8, 8][..]));
        assert_eq!(piece(8), [2, 2, 4, 0]);
        assert_eq!(piece(9), [0, 24, 48, 96, 96]);
        assert!(indices.values().len() <= max_len(8));
        let error = Indices::of(&batch, 9, Pitches { qkv: 1, out: 1, lse: 1 }).unwrap_err().to_string();
        assert!(error.contains("token 9 has no row"), "{error}");
    }
}
