//! The gated activation (Shazeer, "GLU variants improve Transformer", 2020): `silu(gate) · up`.

use super::{Machine, memory::Matrix};
#[cfg(feature = "cuda")]
use super::{
    Part,
    card::{Arguments, Kernel},
};
use crate::Result;

/// gate_up: (rows, 2 · columns), gates first; out: (rows, columns).
///
/// # Errors
/// A device that fails.
pub fn forward(on: &mut Machine, gate_up: Matrix, out: Matrix) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let values = host.read(gate_up);
            let row = |row: &[f32]| {
                let (gates, ups) = row.split_at(out.columns);
                gates.iter().zip(ups).map(|(gate, up)| gate * sigmoid(*gate) * up).collect::<Vec<_>>()
            };
            let activated: Vec<f32> = values.chunks(gate_up.columns).flat_map(row).collect();
            host.write(out, &activated);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default()
                .pointer(card.pointer(gate_up))
                .pointer(card.pointer(out))
                .int(out.columns)
                .int(out.pitch);
            card.launch(Part::Elementwise, &kernel("swiglu_forward"), grid(out), arguments)
        }
    }
}

/// Replace `gate_up` by its gradient. dout: (rows, columns).
///
/// # Errors
/// A device that fails.
pub fn backward(on: &mut Machine, dout: Matrix, gate_up: Matrix) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let gradients = host.read(dout);
            host.change(gate_up, |values| {
                for (row, gradients) in values.chunks_mut(gate_up.columns).zip(gradients.chunks(dout.columns)) {
                    let (gates, ups) = row.split_at_mut(dout.columns);
                    for ((gate, up), gradient) in gates.iter_mut().zip(ups).zip(gradients) {
                        let s = sigmoid(*gate);
                        let silu = *gate * s;
                        *gate = gradient * *up * (s + silu * (1.0 - s));
                        *up = gradient * silu;
                    }
                }
            });
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default()
                .pointer(card.pointer(dout))
                .pointer(card.pointer(gate_up))
                .int(dout.columns)
                .int(dout.pitch);
            card.launch(Part::Elementwise, &kernel("swiglu_backward"), grid(dout), arguments)
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(feature = "cuda")]
fn kernel(name: &'static str) -> Kernel {
    Kernel { file: "swiglu", name, threads: 256, shared_bytes: 0 }
}

#[cfg(feature = "cuda")]
fn grid(out: Matrix) -> (usize, usize) {
    (out.rows, out.columns.div_ceil(8 * 256))
}
