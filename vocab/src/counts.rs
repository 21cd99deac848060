//! Counts things in bounded memory.

use std::hash::{BuildHasher, Hash};

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::Xxh3Builder;

/// Distinct things with the weights that were added for them; exact until they need more room than there is.
///
/// When they do, they are thinned by threshold sampling: what weighs less than the threshold stays with a chance of
/// its weight over the threshold, and then weighs as much as the threshold. Every expected weight is unchanged, and
/// the variance of a sum of weights `w` is at most twice the threshold times `w`, thinnings at lower ones included.
/// (Duffield, Lund and Thorup, "Learn more, sample less", 2005.) Chance is a hash: the same things, added in the same
/// order, are thinned in the same way.
pub struct Counts<K: ?Sized> {
    weights: FxHashMap<Box<K>, u64>,
    bytes: usize,
    room: usize,
    threshold: u64,
    num_thinned: u64,
}

/// Memory of an entry beside its key: the pointer, the weight, the slot's share of empty ones, the allocator's.
const ENTRY_BYTES: usize = 56;

impl<K: ?Sized + Hash + Eq + Ord> Counts<K>
where
    Box<K>: for<'a> From<&'a K>,
{
    /// Counts that take up about `room` bytes at most.
    pub fn within(room: usize) -> Self {
        Self { weights: FxHashMap::default(), bytes: 0, room, threshold: 0, num_thinned: 0 }
    }

    /// Empty counts with the same room, and the same error behind them.
    pub fn emptied(&self) -> Self {
        Self { weights: FxHashMap::default(), bytes: 0, ..*self }
    }

    /// Add `weight` for `key`.
    pub fn add(&mut self, key: &K, weight: u64) {
        if let Some(sum) = self.weights.get_mut(key) {
            *sum += weight;
            return;
        }
        self.bytes += ENTRY_BYTES + size_of_val(key);
        self.weights.insert(key.into(), weight);
        if self.bytes > self.room {
            self.thin();
            // What is light goes at the same threshold; it rises where most of what stays is heavy.
            while self.bytes > self.room / 4 * 3 && self.weights.len() > 1 {
                let lightest = self.weights.values().min().copied().unwrap_or(1);
                self.threshold = 2 * self.threshold.max(lightest);
                self.thin();
            }
            self.weights.shrink_to_fit();
        }
    }

    fn thin(&mut self) {
        self.num_thinned += 1;
        let (hasher, threshold) = (Xxh3Builder::new().with_seed(self.num_thinned), self.threshold);
        let mut bytes = 0;
        self.weights.retain(|key, weight| {
            let chance = hasher.hash_one(key) as f64 / u64::MAX as f64;
            let stays = *weight >= threshold || chance < *weight as f64 / threshold as f64;
            if stays {
                *weight = threshold.max(*weight);
                bytes += ENTRY_BYTES + size_of_val::<K>(key);
            }
            stays
        });
        self.bytes = bytes;
    }

    /// The number of distinct things.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// All, in the order of the keys, so that the same text gives the same bytes.
    pub fn sorted(&self) -> Vec<(&K, u64)> {
        let mut all: Vec<(&K, u64)> = self.weights.iter().map(|(key, weight)| (&**key, *weight)).collect();
        all.sort_unstable();
        all
    }

    /// The relative standard error of a sum of weights, at most; 0 while everything is counted.
    pub fn standard_error(&self, sum: u64) -> f64 {
        (2.0 * self.threshold as f64 / sum.max(1) as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_counted_exactly() {
        let mut counts = Counts::<str>::within(1 << 20);
        for (key, weight) in [("法", 2), ("律", 1), ("法", 3)] {
            counts.add(key, weight);
        }
        assert_eq!(counts.sorted(), [("律", 1), ("法", 5)]);
        assert_eq!(counts.standard_error(1), 0.0);
    }

    #[test]
    fn sums_keep_within_their_stated_error_in_a_twentieth_of_the_room() {
        // Keys of 10 groups: many rare ones, a few frequent ones; the sum of a group is what pairs are counted by.
        let (mut counts, mut exact) = (Counts::<[u32]>::within(20_000), [0u64; 10]);
        let mut state = 7u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let rare = (state >> 33) % 10_000;
            let key = if state >> 63 == 0 { [rare as u32, 1] } else { [(rare % 20) as u32, 2] };
            counts.add(&key, 3);
            exact[(key[0] % 10) as usize] += 3;
        }
        assert!(counts.len() < 400, "{}", counts.len());
        let mut sums = [0u64; 10];
        counts.sorted().iter().for_each(|(key, weight)| sums[(key[0] % 10) as usize] += weight);
        let mut squares = 0.0;
        for (sum, exact) in sums.iter().zip(exact) {
            let (error, stated) = (*sum as f64 / exact as f64 - 1.0, counts.standard_error(exact));
            assert!(stated > 0.0 && stated < 0.4, "{stated}");
            squares += (error / stated).powi(2);
        }
        assert!(squares < 10.0, "{}", (squares / 10.0).sqrt());
    }
}
