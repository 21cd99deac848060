//! Rows by token. The gradient adds up a token's places in their order, so that it is the same every time.

use super::{Machine, memory::Matrix};
#[cfg(feature = "cuda")]
use super::{
    Part,
    card::{Arguments, Kernel},
    memory::Kind,
};
use crate::Result;

/// table: (ids, columns), tokens: (1, rows), out: (rows, columns) without gaps.
///
/// # Errors
/// A device that fails.
pub fn forward(on: &mut Machine, table: Matrix, tokens: Matrix, out: Matrix) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let values = host.read(table);
            let tokens = host.read_indices(tokens);
            let row = |token: i32| &values[token as usize * table.columns..][..table.columns];
            let rows: Vec<f32> = tokens.into_iter().flat_map(row).copied().collect();
            host.write(out, &rows);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default()
                .pointer(card.pointer(table))
                .pointer(card.pointer(tokens))
                .pointer(card.pointer(out))
                .int(table.columns);
            card.launch(Part::Elementwise, &kernel("embedding_forward"), (out.rows, 1), arguments)
        }
    }
}

/// The places of each token, in order.
#[derive(Debug, Clone, Copy)]
pub struct Sorted {
    /// All places, by token: (1, tokens).
    pub order: Matrix,
    /// Where each token begins in `order`, and the end: (1, different tokens + 1).
    pub starts: Matrix,
}

/// Add to the rows of `dtable` the rows of `dout`: (rows, columns) without gaps.
///
/// # Errors
/// A device that fails.
pub fn backward(on: &mut Machine, dout: Matrix, tokens: Matrix, sorted: Sorted, dtable: Matrix) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let gradients = host.read(dout);
            let tokens = host.read_indices(tokens);
            host.change(dtable, |dtable| {
                for (token, gradient) in tokens.into_iter().zip(gradients.chunks(dout.columns)) {
                    let row = &mut dtable[token as usize * dout.columns..][..dout.columns];
                    row.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += gradient);
                }
            });
            let _only_cards_need_it = sorted;
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default()
                .pointer(card.pointer(dout))
                .pointer(card.pointer(tokens))
                .pointer(card.pointer(sorted.order))
                .pointer(card.pointer(sorted.starts))
                .pointer(card.pointer(dtable))
                .int(dout.columns);
            let name = if dtable.kind == Kind::Half { "embedding_backward_half" } else { "embedding_backward_single" };
            card.launch(Part::Elementwise, &kernel(name), (sorted.starts.columns - 1, 1), arguments)
        }
    }
}

#[cfg(feature = "cuda")]
fn kernel(name: &'static str) -> Kernel {
    Kernel { file: "embedding", name, threads: 256, shared_bytes: 0 }
}
