//! Rotary position embedding (Su et al., "RoFormer", 2021): the two halves of a head turn against each other.

use super::{Machine, host::Host, memory::Matrix};
#[cfg(feature = "cuda")]
use super::{
    Part,
    card::{Arguments, Kernel},
};
use crate::Result;

/// The angles: cosines and sines, each (positions, head / 2).
#[derive(Debug, Clone, Copy)]
pub struct Angles {
    /// Cosines.
    pub cosines: Matrix,
    /// Sines.
    pub sines: Matrix,
}

/// Which way heads turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// By the angle of the position.
    Forward,
    /// Back, which is what the gradient does.
    Backward,
}

/// Turn the heads in `x`, in place. x: (tokens, heads · head), positions: (1, tokens).
///
/// # Errors
/// A device that fails.
pub fn rope(on: &mut Machine, x: Matrix, positions: Matrix, angles: Angles, turn: Turn) -> Result<()> {
    let direction = if turn == Turn::Forward { 1.0 } else { -1.0 };
    match on {
        Machine::Host(host) => {
            turn_heads(host, x, positions, angles, direction as f32);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let half = angles.cosines.columns;
            let heads = x.columns / (2 * half);
            let arguments = Arguments::default()
                .pointer(card.pointer(x))
                .pointer(card.pointer(positions))
                .pointer(card.pointer(angles.cosines))
                .pointer(card.pointer(angles.sines))
                .int(x.rows)
                .int(heads)
                .int(half)
                .int(x.pitch)
                .float(direction);
            let kernel = Kernel { file: "rope", name: "rope", threads: 256, shared_bytes: 0 };
            card.launch(Part::Elementwise, &kernel, ((x.rows * heads * half / 8).div_ceil(256), 1), arguments)
        }
    }
}

/// The twin of the kernels that turn.
pub(super) fn turn_heads(host: &mut Host, x: Matrix, positions: Matrix, angles: Angles, direction: f32) {
    let half = angles.cosines.columns;
    let (cosines, sines) = (host.read(angles.cosines), host.read(angles.sines));
    let positions = host.read_indices(positions);
    host.change(x, |values| {
        for (row, position) in values.chunks_mut(x.columns).zip(positions) {
            let angle = position as usize * half;
            for head in row.chunks_mut(2 * half) {
                for pair in 0..half {
                    let (cosine, sine) = (cosines[angle + pair], sines[angle + pair] * direction);
                    let (a, b) = (head[pair], head[pair + half]);
                    head[pair] = a * cosine - b * sine;
                    head[pair + half] = b * cosine + a * sine;
                }
            }
        }
    });
}
