//! Defines the true Jaccard similarity of candidate pairs, within a bound of memory.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    catalog::Catalog,
    error::Result,
    signals::{jaccard, shingles},
};

/// The similarity of each pair of rows. Texts are read in rounds: as many as fit `memory_bytes`.
///
/// # Errors
/// A unit cannot be read.
pub fn similarities(catalog: &Catalog, pairs: &[(u32, u32)], memory_bytes: u64) -> Result<Vec<f32>> {
    let mut found = Vec::with_capacity(pairs.len());
    let mut rest = pairs;
    while !rest.is_empty() {
        let (round, later) = rest.split_at(round_len(catalog, rest, memory_bytes));
        let rows: FxHashSet<u32> = round.iter().flat_map(|(a, b)| [*a, *b]).collect();
        let mut rows: Vec<u32> = rows.into_iter().collect();
        rows.sort_unstable();
        let sets: FxHashMap<u32, Vec<u64>> = catalog.files.map_column("text", &rows, shingles)?.into_iter().collect();
        found.par_extend(round.par_iter().map(|(a, b)| jaccard(&sets[a], &sets[b])));
        rest = later;
    }
    Ok(found)
}

/// How many of the first pairs have shingles that fit together; at least one.
fn round_len(catalog: &Catalog, pairs: &[(u32, u32)], memory_bytes: u64) -> usize {
    let mut seen = FxHashSet::default();
    let mut bytes = 0_u64;
    for (n, (a, b)) in pairs.iter().enumerate() {
        for row in [a, b] {
            if seen.insert(*row) {
                // A shingle a character, eight bytes each; the text itself while it is hashed.
                bytes += u64::from(catalog.num_chars[*row as usize]) * 8 + u64::from(catalog.text_bytes[*row as usize]);
            }
        }
        if bytes > memory_bytes && n > 0 {
            return n;
        }
    }
    pairs.len()
}
