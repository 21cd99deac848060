//! Puts the indices of a batch side by side, so that they go to the device in one copy.

use super::memory::Matrix;

/// Pieces begin at a multiple of so many indices, for 16-byte accesses.
pub const ALIGNMENT: usize = 64;

/// Indices in pieces, numbered as they were pushed.
#[derive(Debug, Default)]
pub struct Pieces {
    values: Vec<i32>,
    /// Where each begins, and how many indices it has.
    places: Vec<(usize, usize)>,
}

impl Pieces {
    /// Add a piece.
    pub fn push(&mut self, values: impl IntoIterator<Item = i32>) {
        let from = self.values.len();
        self.values.extend(values);
        self.places.push((from, self.values.len() - from));
        self.values.resize(self.values.len().next_multiple_of(ALIGNMENT), 0);
    }

    /// All indices, with what fills the gaps.
    pub fn values(&self) -> &[i32] {
        &self.values
    }

    /// The indices of a piece.
    ///
    /// # Panics
    /// No such piece.
    pub fn get(&self, number: usize) -> &[i32] {
        let (from, count) = self.places[number];
        &self.values[from..from + count]
    }

    /// A piece, once all indices lie in `all`: (1, its indices).
    ///
    /// # Panics
    /// No such piece.
    pub fn of(&self, all: Matrix, number: usize) -> Matrix {
        let (from, count) = self.places[number];
        all.columns(from, count)
    }
}
