//! Multiplies rows by a weight. A row's numbers are the same to the bit whatever rows are computed beside it: each is a
//! sum over the same lanes in the same order, so that neither a batch nor a cache nor the number of threads shows.

use std::borrow::Cow;

use half::bf16;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Rows and columns of the result that are computed together: as many sums as registers hold.
const ROWS: usize = 3;
const COLUMNS: usize = 4;
/// Columns of the result that a thread computes at a time.
const PANEL: usize = 32;
/// Multiplications below which threads cost more than they save.
const SHARED: usize = 1 << 18;

/// A linear map: (rows, columns), a row for each number of the result.
pub(crate) struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub values: Values,
}

/// The numbers of a matrix, as its file has them: computing with either gives what f32 gives.
pub(crate) enum Values {
    Single(Vec<f32>),
    Half(Vec<bf16>),
}

impl Matrix {
    /// Some rows in f32, one after the other.
    fn rows(&self, from: usize, count: usize) -> Cow<'_, [f32]> {
        let range = from * self.columns..(from + count) * self.columns;
        match &self.values {
            Values::Single(values) => Cow::Borrowed(&values[range]),
            Values::Half(values) => Cow::Owned(values[range].iter().map(wide).collect()),
        }
    }

    /// A row in f32.
    pub fn row(&self, row: usize) -> Cow<'_, [f32]> {
        self.rows(row, 1)
    }

    /// `x` times the transpose of this. x: (n, columns); the result: (n, rows).
    pub fn product(&self, x: &[f32]) -> Vec<f32> {
        let num_rows = x.len() / self.columns;
        // Column by column, so that a thread writes to a place of its own.
        let mut by_column = vec![0.0; num_rows * self.rows];
        let panel = |(panel, out): (usize, &mut [f32])| {
            let weight = self.rows(panel * PANEL, out.len() / num_rows);
            Arch::new().dispatch(Panel { x, weight: &weight, width: self.columns, out });
        };
        let size = PANEL * num_rows.max(1);
        if x.len() * self.rows < SHARED {
            by_column.chunks_mut(size).enumerate().for_each(panel);
        } else {
            by_column.par_chunks_mut(size).enumerate().for_each(panel);
        }
        if num_rows == 1 {
            return by_column;
        }
        let mut out = vec![0.0; by_column.len()];
        for (row, out) in out.chunks_mut(self.rows).enumerate() {
            out.iter_mut().zip(by_column[row..].iter().step_by(num_rows)).for_each(|(out, value)| *out = *value);
        }
        out
    }
}

fn wide(half: &bf16) -> f32 {
    f32::from_bits(u32::from(half.to_bits()) << 16)
}

/// Some columns of a product, column by column.
struct Panel<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for Panel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, weight, width, out } = self;
        let (x, weight) = (Lines { values: x, width }, Lines { values: weight, width });
        let num_rows = x.values.len() / width;
        let num_columns = weight.values.len() / width;
        let mut column = 0;
        while column + COLUMNS <= num_columns {
            columns::<S, COLUMNS>(simd, x, weight.lines(column), &mut out[column * num_rows..]);
            column += COLUMNS;
        }
        while column < num_columns {
            columns::<S, 1>(simd, x, weight.lines(column), &mut out[column * num_rows..]);
            column += 1;
        }
    }
}

/// Numbers line by line.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub values: &'a [f32],
    pub width: usize,
}

impl<'a> Lines<'a> {
    /// Some lines.
    #[inline(always)]
    pub fn lines<const N: usize>(self, from: usize) -> [&'a [f32]; N] {
        std::array::from_fn(|at| &self.values[(from + at) * self.width..(from + at + 1) * self.width])
    }
}

/// All rows of some columns.
#[inline(always)]
fn columns<S: Simd, const C: usize>(simd: S, x: Lines, weight: [&[f32]; C], out: &mut [f32]) {
    let num_rows = x.values.len() / x.width;
    let mut row = 0;
    while row + ROWS <= num_rows {
        put(tile::<S, ROWS, C>(simd, x.lines(row), weight), row, num_rows, out);
        row += ROWS;
    }
    while row < num_rows {
        put(tile::<S, 1, C>(simd, x.lines(row), weight), row, num_rows, out);
        row += 1;
    }
}

#[inline(always)]
fn put<const R: usize, const C: usize>(sums: [[f32; R]; C], row: usize, num_rows: usize, out: &mut [f32]) {
    for (column, sums) in sums.iter().enumerate() {
        out[column * num_rows + row..][..R].copy_from_slice(sums);
    }
}

/// The products of `R` lines with `C` others.
#[inline(always)]
pub(super) fn tile<S: Simd, const R: usize, const C: usize>(
    simd: S,
    x: [&[f32]; R],
    weight: [&[f32]; C],
) -> [[f32; R]; C] {
    let mut sums = [[simd.splat_f32s(0.0); R]; C];
    let count = x[0].len() / S::F32_LANES;
    let xs: [&[S::f32s]; R] = std::array::from_fn(|r| &S::as_simd_f32s(x[r]).0[..count]);
    let weights: [&[S::f32s]; C] = std::array::from_fn(|c| &S::as_simd_f32s(weight[c]).0[..count]);
    for at in 0..count {
        for r in 0..R {
            for c in 0..C {
                sums[c][r] = simd.mul_add_f32s(xs[r][at], weights[c][at], sums[c][r]);
            }
        }
    }
    let rest = count * S::F32_LANES;
    if rest < x[0].len() {
        for r in 0..R {
            for c in 0..C {
                let (x, weight) = (simd.partial_load_f32s(&x[r][rest..]), simd.partial_load_f32s(&weight[c][rest..]));
                sums[c][r] = simd.mul_add_f32s(x, weight, sums[c][r]);
            }
        }
    }
    let mut out = [[0.0; R]; C];
    for c in 0..C {
        for r in 0..R {
            out[c][r] = simd.reduce_sum_f32s(sums[c][r]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn products_are_right_and_rows_do_not_know_of_each_other() {
        for (width, rows) in [(1, 1), (7, 5), (8, 4), (44, 33), (64, 70), (172, 64), (600, 301)] {
            let weight = numbers(width * rows, 3);
            let halves: Vec<bf16> = weight.iter().map(|value| bf16::from_f32(*value)).collect();
            let rounded: Vec<f32> = halves.iter().map(wide).collect();
            let x = numbers(19 * width, 5);
            let matrix = |values| Matrix { rows, columns: width, values };
            let single = matrix(Values::Single(rounded.clone())).product(&x);
            assert_eq!(bits(&matrix(Values::Half(halves)).product(&x)), bits(&single), "halves are f32");
            for (row, line) in x.chunks(width).enumerate() {
                let alone = matrix(Values::Single(rounded.clone())).product(line);
                assert_eq!(bits(&alone), bits(&single[row * rows..(row + 1) * rows]), "{width} {rows} {row}");
                for (column, value) in alone.iter().enumerate() {
                    let weight = &rounded[column * width..(column + 1) * width];
                    let exact: f64 = line.iter().zip(weight).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                    assert!((f64::from(*value) - exact).abs() < 1e-6 * width as f64, "{value} {exact}");
                }
            }
            let some = matrix(Values::Single(rounded.clone())).product(&x[..4 * width]);
            assert_eq!(bits(&some), bits(&single[..4 * rows]));
        }
    }

    #[test]
    #[ignore = "a measurement"]
    fn multiplications_a_second() {
        let (width, rows) = (2048, 4096);
        let values = numbers(width * rows, 3);
        let halves = values.iter().map(|value| bf16::from_f32(*value)).collect();
        for (name, values) in [("f32", Values::Single(values)), ("bf16", Values::Half(halves))] {
            let matrix = Matrix { rows, columns: width, values };
            for count in [1, 4, 16, 64, 256] {
                let x = numbers(count * width, 5);
                let start = std::time::Instant::now();
                let mut runs = 0;
                while start.elapsed().as_secs_f64() < 0.5 {
                    std::hint::black_box(matrix.product(&x));
                    runs += 1;
                }
                let rate = (runs * count * width * rows) as f64 / start.elapsed().as_secs_f64() / 1e9;
                println!("{name}, {count} rows: {rate:.1} G multiplications/s");
            }
        }
    }
}
