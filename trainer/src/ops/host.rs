//! The CPU as an engine's machine: every matrix in f32, every operation as plain as it can be. It is what the kernels
//! are held against, and it lets the whole engine be tested where there is no GPU.

use super::memory::{Kind, Layout, Matrix};

enum Slot {
    Numbers(Vec<f32>),
    Indices(Vec<i32>),
}

/// See the module.
pub struct Host {
    slots: Vec<Slot>,
}

impl Host {
    pub(super) fn new(layout: &Layout) -> Self {
        let slot = |(_, kind, count): &(_, Kind, usize)| match kind {
            Kind::Index => Slot::Indices(vec![0; *count]),
            Kind::Half | Kind::Single => Slot::Numbers(vec![0.0; *count]),
        };
        Self { slots: layout.slots.iter().map(slot).collect() }
    }

    /// A copy of a matrix, without gaps between its rows.
    pub(super) fn read(&self, matrix: Matrix) -> Vec<f32> {
        match &self.slots[matrix.slot] {
            Slot::Numbers(values) => gather(values, matrix),
            Slot::Indices(_) => panic!("indices are read as numbers"),
        }
    }

    pub(super) fn read_indices(&self, matrix: Matrix) -> Vec<i32> {
        match &self.slots[matrix.slot] {
            Slot::Indices(values) => gather(values, matrix),
            Slot::Numbers(_) => panic!("numbers are read as indices"),
        }
    }

    pub(super) fn write(&mut self, matrix: Matrix, from: &[f32]) {
        match &mut self.slots[matrix.slot] {
            Slot::Numbers(values) => scatter(values, matrix, from),
            Slot::Indices(_) => panic!("numbers are written to indices"),
        }
    }

    pub(super) fn write_indices(&mut self, matrix: Matrix, from: &[i32]) {
        match &mut self.slots[matrix.slot] {
            Slot::Indices(values) => scatter(values, matrix, from),
            Slot::Numbers(_) => panic!("indices are written to numbers"),
        }
    }

    /// Replace a matrix by what `change` makes of its numbers.
    pub(super) fn change(&mut self, matrix: Matrix, change: impl FnOnce(&mut Vec<f32>)) {
        let mut values = self.read(matrix);
        change(&mut values);
        self.write(matrix, &values);
    }
}

fn gather<T: Copy>(values: &[T], matrix: Matrix) -> Vec<T> {
    let row = |row: usize| &values[matrix.offset + row * matrix.pitch..][..matrix.columns];
    (0..matrix.rows).flat_map(row).copied().collect()
}

fn scatter<T: Copy>(values: &mut [T], matrix: Matrix, from: &[T]) {
    assert_eq!(from.len(), matrix.len());
    for (row, from) in from.chunks(matrix.columns.max(1)).enumerate() {
        values[matrix.offset + row * matrix.pitch..][..matrix.columns].copy_from_slice(from);
    }
}
