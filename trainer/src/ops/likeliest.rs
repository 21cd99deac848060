//! The likeliest token of each row of logits: what is chosen does not have to leave the device as logits.

use super::{Machine, memory::Matrix};
#[cfg(feature = "cuda")]
use super::{
    Part,
    card::{Arguments, Kernel},
};
use crate::Result;

/// The first of the greatest numbers of each row, -1 where there is no number. logits: (rows, ids), singles; out:
/// (1, rows), indices.
///
/// # Errors
/// A device that fails.
pub fn likeliest(on: &mut Machine, logits: Matrix, out: Matrix) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let first = |row: &[f32]| {
                let better = |best: (f32, i32), (number, id): (&f32, i32)| {
                    if *number > best.0 { (*number, id) } else { best }
                };
                row.iter().zip(0..).fold((f32::NEG_INFINITY, -1), better).1
            };
            let ids: Vec<i32> = host.read(logits).chunks(logits.columns).map(first).collect();
            host.write_indices(out, &ids);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default()
                .pointer(card.pointer(logits))
                .pointer(card.pointer(out))
                .int(logits.columns)
                .int(logits.pitch);
            let kernel = Kernel { file: "likeliest", name: "likeliest", threads: 1024, shared_bytes: 0 };
            card.launch(Part::Loss, &kernel, (logits.rows, 1), arguments)
        }
    }
}
