//! Defines the memory of an engine: matrices that are planned first, and then taken from a device in one piece.

use std::collections::BTreeMap;

/// What memory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The model, as it is computed with.
    Weights,
    /// What waits for the next update.
    Gradients,
    /// Masters and moments.
    Optimizer,
    /// What the forward pass leaves for the backward pass.
    Activations,
    /// What is overwritten from block to block.
    Workspace,
}

/// The type of a matrix's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What is computed with: bf16 on a GPU, f32 on a CPU.
    Half,
    /// f32.
    Single,
    /// i32.
    Index,
}

impl Kind {
    /// Bytes of a number on a GPU.
    pub fn bytes(self) -> usize {
        if self == Self::Half { 2 } else { 4 }
    }
}

/// A matrix in the memory of a [`Machine`](super::Machine), or a part of one: its place, not its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matrix {
    pub(super) slot: usize,
    /// The numbers before it in its slot.
    pub(super) offset: usize,
    /// The type of its numbers.
    pub kind: Kind,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Numbers from one row to the next.
    pub pitch: usize,
}

impl Matrix {
    /// `count` rows from row `from`.
    pub fn rows(self, from: usize, count: usize) -> Self {
        debug_assert!(from + count <= self.rows);
        Self { offset: self.offset + from * self.pitch, rows: count, ..self }
    }

    /// `count` columns from column `from`.
    pub fn columns(self, from: usize, count: usize) -> Self {
        debug_assert!(from + count <= self.columns);
        Self { offset: self.offset + from, columns: count, ..self }
    }

    /// The numbers from `from` of a matrix of one row, as `rows` rows of `columns`.
    pub fn reshaped(self, from: usize, rows: usize, columns: usize) -> Self {
        debug_assert!(self.rows == 1 && from + rows * columns <= self.columns);
        Self { offset: self.offset + from, rows, columns, pitch: columns, ..self }
    }

    /// Its numbers.
    pub fn len(self) -> usize {
        self.rows * self.columns
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Where slots begin on a GPU, in bytes.
const ALIGNMENT: usize = 256;

/// What an engine will need, before anything is taken.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    pub(super) slots: Vec<(Class, Kind, usize)>,
}

impl Layout {
    /// Plan a matrix.
    pub fn matrix(&mut self, class: Class, kind: Kind, rows: usize, columns: usize) -> Matrix {
        self.slots.push((class, kind, rows * columns));
        Matrix { slot: self.slots.len() - 1, offset: 0, kind, rows, columns, pitch: columns }
    }

    #[cfg(feature = "cuda")]
    /// The bytes from the start of the arena to each slot on a GPU, and those of all.
    pub(super) fn offsets(&self) -> (Vec<usize>, usize) {
        let mut end = 0;
        let mut place = |(_, kind, count): &(Class, Kind, usize)| {
            let start = end;
            end += (count * kind.bytes()).next_multiple_of(ALIGNMENT);
            start
        };
        (self.slots.iter().map(&mut place).collect(), end)
    }

    /// The bytes of each class on a GPU.
    pub fn bytes(&self) -> BTreeMap<Class, usize> {
        let mut bytes = BTreeMap::new();
        for (class, kind, count) in &self.slots {
            *bytes.entry(*class).or_default() += (count * kind.bytes()).next_multiple_of(ALIGNMENT);
        }
        bytes
    }
}
