//! Turns tokens of texts into the indices that a pass needs: whole beginnings of texts first, whose tokens look at each
//! other, then single tokens, which look at what is kept of their texts.

use trainer::ops::{
    attention::{Heads, Texts},
    decode::Places,
    memory::Matrix,
    pieces::{ALIGNMENT, Pieces},
};

use crate::model::Place;

/// Rows of which products are tried out beforehand, and kernels chosen; a text's place and length are likewise rounded
/// up, so that few shapes occur.
const FEW_ROWS: usize = 64;
const MANY_ROWS: usize = 128;
const MIN_PLACES: usize = 4;

/// The indices that a pass of `num_tokens` tokens needs at most.
pub fn max_len(num_tokens: usize) -> usize {
    let texts = num_tokens.next_power_of_two().max(MIN_PLACES) + 1;
    6 * num_tokens.next_multiple_of(ALIGNMENT) + 4 * texts.next_multiple_of(ALIGNMENT)
}

/// Rows that are computed for so many, of at most `most`.
pub fn filled(rows: usize, most: usize) -> usize {
    let filled = match rows {
        0..=8 => rows.next_power_of_two(),
        9..=FEW_ROWS => rows.next_multiple_of(8),
        _ => rows.next_multiple_of(MANY_ROWS),
    };
    filled.min(most)
}

/// Whether the fastest products for so many rows are worth being looked for.
pub fn is_few(rows: usize) -> bool {
    rows <= FEW_ROWS
}

/// Tokens in the order in which they are computed.
#[derive(Debug, Default)]
pub struct Batch {
    pieces: Pieces,
    /// Tokens of beginnings of texts, and single ones after them.
    pub num_whole: usize,
    pub num_single: usize,
    /// Rows that attention among beginnings is asked for.
    whole_rows: usize,
    /// The tokens of the longest beginning, rounded up, and of the longest text with a single token.
    longest: usize,
    pub longest_kept: usize,
}

/// A batch on a device.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    pub tokens: Matrix,
    pub places: Places,
    pub texts: Texts,
    /// The tokens that something is wanted of: (1, wanted)
    pub wanted: Matrix,
    /// What follows them, where that is known.
    pub targets: Matrix,
}

/// The order in which tokens are computed, by their indices, and where beginnings of texts are in it: each from one number
/// to the next.
fn arrange(places: &[Place], is_kept: bool) -> (Vec<usize>, Vec<usize>) {
    let follows = |a: &Place, b: &Place| a.slot == b.slot && a.position + 1 == b.position;
    let (mut order, mut single, mut ends, mut from) = (Vec::with_capacity(places.len()), Vec::new(), vec![0], 0);
    for run in places.chunk_by(follows) {
        let indices = from..from + run.len();
        from = indices.end;
        // A text of one token is cheaper as a single one.
        if run[0].position == 0 && (run.len() > 1 || !is_kept) {
            order.extend(indices);
            ends.push(order.len());
        } else {
            single.extend(indices);
        }
    }
    order.extend(single);
    (order, ends)
}

/// Numbers from one token to the next in what attention reads and writes.
fn pitches(heads: Heads) -> [usize; 3] {
    [heads.columns(), heads.queries * heads.size, heads.queries]
}

impl Batch {
    /// The indices of `places`, in rows of at most `most`, and of what is `wanted` (by index) with `targets`.
    ///
    /// Without a cache (`is_kept`) every text begins here, however short.
    pub fn of(places: &[Place], is_kept: bool, wanted: &[usize], targets: &[u32], heads: Heads, most: usize) -> Self {
        let (order, ends) = arrange(places, is_kept);
        let num_whole = ends.last().copied().unwrap_or(0);
        let lengths = || ends.windows(2).map(|text| text[1] - text[0]);
        let filled_up = |count: usize| count.next_power_of_two().max(MANY_ROWS);
        let mut batch = Self {
            num_whole,
            num_single: places.len() - num_whole,
            whole_rows: if num_whole == 0 { 0 } else { filled_up(num_whole).min(most) },
            longest: filled_up(lengths().max().unwrap_or(0)),
            longest_kept: order[num_whole..].iter().map(|at| places[*at].position + 1).max().unwrap_or(0),
            ..Self::default()
        };
        let filling = std::iter::repeat_n(0, filled(places.len(), most) - places.len());
        batch.pieces.push(order.iter().map(|at| places[*at].token as i32).chain(filling));
        batch.pieces.push(order.iter().map(|at| places[*at].slot as i32));
        batch.pieces.push(order.iter().map(|at| places[*at].position as i32));
        // Rows beyond the beginnings look at themselves.
        let starts = ends.iter().zip(lengths()).flat_map(|(start, length)| std::iter::repeat_n(*start as i32, length));
        batch.pieces.push(starts.chain(num_whole as i32..batch.whole_rows as i32));
        let num_places = lengths().len().next_power_of_two().max(MIN_PLACES);
        batch.pieces.push(lengths().map(|length| length as i32).chain(std::iter::repeat(0)).take(num_places));
        for pitch in pitches(heads) {
            let starts = ends.iter().copied().chain(std::iter::repeat(num_whole));
            batch.pieces.push(starts.take(num_places + 1).map(|start| (start * pitch) as i32));
        }
        let mut rows = vec![0; places.len()];
        order.iter().zip(0..).for_each(|(at, row)| rows[*at] = row);
        batch.pieces.push(wanted.iter().map(|at| rows[*at]));
        batch.pieces.push(targets.iter().map(|target| *target as i32));
        batch
    }

    /// All indices.
    pub fn values(&self) -> &[i32] {
        self.pieces.values()
    }

    /// The rows that attention among beginnings takes.
    pub fn whole_rows(&self) -> usize {
        self.whole_rows
    }

    /// The batch, once its indices lie in `at`.
    pub fn input(&self, at: Matrix) -> Input {
        let piece = |number: usize| self.pieces.of(at, number);
        let starts = piece(3);
        Input {
            tokens: piece(0),
            places: Places { slots: piece(1), positions: piece(2) },
            // What only a backward pass reads is not there.
            texts: Texts {
                starts,
                ends: starts,
                lengths: piece(4),
                offsets: [piece(5), piece(6), piece(7)],
                longest: self.longest,
            },
            wanted: piece(8),
            targets: piece(9),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_come_first_and_single_tokens_after_them() {
        let place = |token, slot, position| Place { token, slot, position };
        // A single token, a text of three, the rest of a text, a text of one, which looks at what is kept, and one of two.
        let places = [
            place(10, 4, 7),
            place(11, 0, 0),
            place(12, 0, 1),
            place(13, 0, 2),
            place(14, 2, 5),
            place(15, 2, 6),
            place(16, 1, 0),
            place(17, 3, 0),
            place(18, 3, 1),
        ];
        let heads = Heads { queries: 2, values: 1, size: 3 };
        let batch = Batch::of(&places, true, &[0, 3, 8], &[], heads, 200);
        let piece = |number: usize| batch.pieces.get(number);
        assert_eq!((batch.num_whole, batch.num_single, batch.longest_kept), (5, 4, 8));
        assert_eq!(piece(0)[..9], [11, 12, 13, 17, 18, 10, 14, 15, 16]);
        assert_eq!(piece(0).len(), 16);
        assert_eq!((piece(1)[5], piece(2)[5]), (4, 7));
        assert_eq!((&piece(3)[..7], piece(3).len()), (&[0, 0, 0, 3, 3, 5, 6][..], 128));
        assert_eq!(piece(4), [3, 2, 0, 0]);
        assert_eq!(piece(5), [0, 36, 60, 60, 60]);
        assert_eq!(piece(8), [5, 2, 4]);
        assert!(batch.values().len() <= max_len(200));
        // Without a cache a text of one token is whole, too.
        let batch = Batch::of(&places[6..], false, &[0], &[17], heads, 200);
        assert_eq!((batch.num_whole, batch.num_single), (3, 0));
    }

    #[test]
    fn rows_are_filled_up_a_little() {
        let found: Vec<usize> = [1, 3, 8, 9, 33, 64, 65, 8100, 8190].iter().map(|rows| filled(*rows, 8191)).collect();
        assert_eq!(found, [1, 4, 8, 16, 40, 64, 128, 8191, 8191]);
    }
}
