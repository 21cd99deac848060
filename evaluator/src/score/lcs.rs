//! Defines the length of the longest common subsequence, 64 words of one text at a time.
//!
//! Crochemore, Iliopoulos, Pinzon and Reid, "A fast and practical bit-vector algorithm for the longest common
//! subsequence problem", 2001; carries as in Hyyrö, "Bit-parallel LCS-length computation revisited", 2004.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// How many items `a` and `b` have in common, in the same order.
pub(crate) fn length<T: Hash + Eq>(a: &[T], b: &[T]) -> usize {
    let num_words = a.len().div_ceil(64);
    let mut places: FxHashMap<&T, Vec<u64>> = FxHashMap::default();
    for (at, item) in a.iter().enumerate() {
        places.entry(item).or_insert_with(|| vec![0; num_words])[at / 64] |= 1 << (at % 64);
    }
    // A bit of the row is 0 where the subsequence grows by one.
    let mut row = vec![u64::MAX; num_words];
    for places in b.iter().filter_map(|item| places.get(item)) {
        let mut carry = false;
        for (bits, places) in row.iter_mut().zip(places) {
            let matched = *bits & places;
            let (sum, first) = bits.overflowing_add(matched);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first || second;
            *bits = sum | (*bits & !places);
        }
    }
    // Bits above the length of `a` match nothing and stay 1, but for a carry out of the last item.
    let used = |word: usize| if a.len() - word * 64 >= 64 { u64::MAX } else { (1 << (a.len() % 64)) - 1 };
    row.iter().enumerate().map(|(word, bits)| (!bits & used(word)).count_ones() as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::length;
    use crate::score::random;

    /// The table that everybody knows.
    fn by_table(a: &[u64], b: &[u64]) -> usize {
        let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..a.len() {
            for j in 0..b.len() {
                rows[i + 1][j + 1] = if a[i] == b[j] { rows[i][j] + 1 } else { rows[i][j + 1].max(rows[i + 1][j]) };
            }
        }
        rows[a.len()][b.len()]
    }

    #[test]
    fn equals_the_table_at_every_length_around_a_words_border() {
        let mut next = random();
        for round in 0..600 {
            let sizes = [0, 1, 5, 63, 64, 65, 127, 128, 129, 200];
            let symbols = [1, 2, 4, 30][round % 4];
            let (num_a, num_b) = (sizes[next(10) as usize], sizes[next(10) as usize]);
            let a: Vec<u64> = (0..num_a).map(|_| next(symbols)).collect();
            let b: Vec<u64> = (0..num_b).map(|_| next(symbols)).collect();
            assert_eq!(length(&a, &b), by_table(&a, &b), "{a:?} {b:?}");
        }
    }
}
