//! Inverted dropout (Srivastava et al., 2014): what is left out follows from a seed and the place alone.

use super::{Machine, memory::Matrix, noise::noise};
#[cfg(feature = "cuda")]
use super::{
    Part,
    card::{Arguments, Kernel},
};
use crate::Result;

/// How much is left out, and what decides it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// The share that is left out.
    pub share: f64,
    /// The same seed leaves out the same.
    pub seed: u64,
}

/// `out = x / (1 - share)` where x is kept, 0 elsewhere; added to what `out` holds where `is_added` says so.
/// x and out: (rows, columns). The backward pass is the same, on the gradient.
///
/// # Errors
/// A device that fails.
pub fn dropout(on: &mut Machine, x: Matrix, out: Matrix, is_added: bool, dropout: Dropout) -> Result<()> {
    let threshold = (dropout.share * f64::from(u32::MAX)) as u32;
    let scale = 1.0 / (1.0 - dropout.share);
    match on {
        Machine::Host(host) => {
            let values = host.read(x);
            host.change(out, |out| {
                for (place, (out, x)) in out.iter_mut().zip(values).enumerate() {
                    let kept =
                        if noise(dropout.seed, place as u64) as u32 >= threshold { x * scale as f32 } else { 0.0 };
                    *out = if is_added { *out + kept } else { kept };
                }
            });
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default()
                .pointer(card.pointer(x))
                .pointer(card.pointer(out))
                .int(x.columns)
                .int(x.pitch)
                .int(out.pitch)
                .int(usize::from(is_added))
                .int(threshold as usize)
                .float(scale)
                .long(dropout.seed);
            let kernel = Kernel { file: "dropout", name: "dropout", threads: 256, shared_bytes: 0 };
            card.launch(Part::Elementwise, &kernel, (x.rows, x.columns.div_ceil(8 * 256)), arguments)
        }
    }
}
