//! Root-mean-square norm (Zhang and Sennrich, 2019): `out = x · rstd · weight`, `rstd = 1 / √(mean(x²) + ε)`.

use super::{Machine, memory::Matrix};
#[cfg(feature = "cuda")]
use super::{
    Part,
    card::{Arguments, Card, Kernel},
    memory::Kind,
};
use crate::Result;

/// Columns that a kernel can hold.
pub const MAX_COLUMNS: usize = 8192;
/// Blocks of rows whose sums are added up last for a weight's gradient.
pub const NUM_PARTIALS: usize = 64;

/// x: (any, columns), weight: (1, columns), out: (rows, columns), rstd: (1, ≥ rows).
///
/// Row r of `out` comes from row `rows[r]` of `x`; from row r where `rows` is absent.
///
/// # Errors
/// A device that fails.
pub fn forward(
    on: &mut Machine,
    x: Matrix,
    weight: Matrix,
    rows: Option<Matrix>,
    out: Matrix,
    rstd: Matrix,
    epsilon: f64,
) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let (values, weight) = (host.read(x), host.read(weight));
            let places = places(rows.map(|rows| host.read_indices(rows)), out.rows);
            let (mut normed, mut scales) = (Vec::new(), Vec::new());
            for place in places {
                let row = &values[place * x.columns..][..x.columns];
                let scale = 1.0 / (mean(row.iter().map(|x| x * x)) + epsilon as f32).sqrt();
                normed.extend(row.iter().zip(&weight).map(|(x, w)| x * scale * w));
                scales.push(scale);
            }
            host.write(out, &normed);
            host.write(rstd.columns(0, out.rows), &scales);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default()
                .pointer(card.pointer(x))
                .pointer(card.pointer(weight))
                .pointer(rows_pointer(card, rows))
                .pointer(card.pointer(out))
                .pointer(card.pointer(rstd))
                .int(x.columns)
                .int(out.pitch)
                .float(epsilon);
            card.launch(Part::Elementwise, &kernel("rms_norm_forward"), (out.rows, 1), arguments)
        }
    }
}

/// The gradient of `x` from that of `out`, added to what `dx` holds where `is_added` says so; see [`forward`].
///
/// # Errors
/// A device that fails.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    on: &mut Machine,
    dout: Matrix,
    x: Matrix,
    weight: Matrix,
    rows: Option<Matrix>,
    rstd: Matrix,
    dx: Matrix,
    is_added: bool,
) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let (values, gradients) = (host.read(x), host.read(dout));
            let (weight, scales) = (host.read(weight), host.read(rstd));
            let places = places(rows.map(|rows| host.read_indices(rows)), dout.rows);
            host.change(dx, |dx| {
                for (row, place) in places.into_iter().enumerate() {
                    let x = &values[place * x.columns..][..x.columns];
                    let weighed = gradients[row * x.len()..].iter().zip(&weight).map(|(g, w)| g * w);
                    let scale = scales[row];
                    let shrink = scale * scale * mean(weighed.clone().zip(x).map(|(g, x)| g * x));
                    for ((dx, g), x) in dx[place * x.len()..].iter_mut().zip(weighed).zip(x) {
                        *dx = if is_added { *dx } else { 0.0 } + scale * (g - x * shrink);
                    }
                }
            });
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default()
                .pointer(card.pointer(dout))
                .pointer(card.pointer(x))
                .pointer(card.pointer(weight))
                .pointer(rows_pointer(card, rows))
                .pointer(card.pointer(rstd))
                .pointer(card.pointer(dx))
                .int(x.columns)
                .int(dout.pitch)
                .int(usize::from(is_added));
            card.launch(Part::Elementwise, &kernel("rms_norm_backward"), (dout.rows, 1), arguments)
        }
    }
}

/// Add the weight's gradient to `dweight`: (1, columns). partial: (NUM_PARTIALS, columns), overwritten.
///
/// # Errors
/// A device that fails.
pub fn backward_weight(
    on: &mut Machine,
    dout: Matrix,
    x: Matrix,
    rows: Option<Matrix>,
    rstd: Matrix,
    partial: Matrix,
    dweight: Matrix,
) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let (values, gradients, scales) = (host.read(x), host.read(dout), host.read(rstd));
            let places = places(rows.map(|rows| host.read_indices(rows)), dout.rows);
            host.change(dweight, |dweight| {
                for (row, place) in places.into_iter().enumerate() {
                    let (x, g) = (&values[place * x.columns..], &gradients[row * x.columns..]);
                    for ((dweight, x), g) in dweight.iter_mut().zip(x).zip(g) {
                        *dweight += g * x * scales[row];
                    }
                }
            });
            let _only_cards_need_it = partial;
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let span = dout.rows.div_ceil(NUM_PARTIALS);
            let num_partials = dout.rows.div_ceil(span.max(1));
            let arguments = Arguments::default()
                .pointer(card.pointer(dout))
                .pointer(card.pointer(x))
                .pointer(rows_pointer(card, rows))
                .pointer(card.pointer(rstd))
                .pointer(card.pointer(partial))
                .int(dout.rows)
                .int(x.columns)
                .int(dout.pitch)
                .int(span);
            let grid = (x.columns.div_ceil(256), num_partials);
            card.launch(Part::Elementwise, &kernel("rms_norm_weight_partial"), grid, arguments)?;
            let arguments = Arguments::default()
                .pointer(card.pointer(partial))
                .pointer(card.pointer(dweight))
                .int(num_partials)
                .int(x.columns);
            let name =
                if dweight.kind == Kind::Half { "rms_norm_weight_sum_half" } else { "rms_norm_weight_sum_single" };
            card.launch(Part::Elementwise, &kernel(name), (x.columns.div_ceil(256), 1), arguments)
        }
    }
}

fn places(rows: Option<Vec<i32>>, count: usize) -> Vec<usize> {
    rows.map_or((0..count).collect(), |rows| rows[..count].iter().map(|row| *row as usize).collect())
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len() as f32;
    values.sum::<f32>() / count
}

#[cfg(feature = "cuda")]
fn rows_pointer(card: &Card, rows: Option<Matrix>) -> u64 {
    rows.map_or(0, |rows| card.pointer(rows))
}

#[cfg(feature = "cuda")]
fn kernel(name: &'static str) -> Kernel {
    Kernel { file: "rms_norm", name, threads: 256, shared_bytes: 0 }
}
