//! Gives random numbers that depend on a seed and a purpose only, so that nothing has to be saved of them.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Purposes: each has streams of its own.
pub(crate) const INIT: u64 = 1;
pub(crate) const ADAPTER: u64 = 2;
pub(crate) const SHUFFLE: u64 = 3;
pub(crate) const COPIES: u64 = 4;
pub(crate) const DROPOUT: u64 = 5;
pub(crate) const BENCH: u64 = 6;

/// The stream `number` of a purpose under `seed`.
pub(crate) fn stream(seed: u64, purpose: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    random.set_stream(number);
    random
}
