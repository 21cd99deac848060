//! Measure a document: what its characters are, how much of it repeats, and its MinHash bands.
//!
//! Shingles are five consecutive characters of the content, which is the text without punctuation,
//! spaces and case. MinHash is one-permutation hashing with optimal densification (Shrivastava, ICML
//! 2017): one hash a shingle instead of one a shingle and bin. Candidates are verified by their true
//! Jaccard similarity later, so that the sketch only has to find them.

use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::clean::layout::is_han;

/// Characters in a shingle.
pub const SHINGLE_CHARS: usize = 5;
/// Bands of the sketch; two documents that share one are compared.
pub const BANDS: usize = 16;
/// Bins in a band. 16 × 7 find a pair of similarity 0.8 with probability 0.98, one of 0.5 with 0.12.
const BAND_BINS: usize = 7;
const BINS: usize = BANDS * BAND_BINS;

/// What is measured on a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signals {
    /// Characters of the text.
    pub num_chars: u32,
    /// Share of Han characters.
    pub han_fraction: f32,
    /// Share of ASCII digits.
    pub digit_fraction: f32,
    /// Share of punctuation and symbols.
    pub punctuation_fraction: f32,
    /// Share of masking characters.
    pub masked_fraction: f32,
    /// Share of U+FFFD.
    pub replacement_fraction: f32,
    /// Share of lines that repeat an earlier one.
    pub duplicate_line_fraction: f32,
    /// Share of shingles that repeat an earlier one.
    pub duplicate_5gram_fraction: f32,
    /// XXH3 of the content.
    pub content_key: u64,
    /// A hash a band, the band's index folded in; empty where the content is shorter than a shingle.
    pub bands: Vec<u64>,
}

/// Memory that is used again for every document of a thread.
#[derive(Default)]
pub struct Scratch {
    content: String,
    table: Vec<u64>,
    lines: FxHashSet<u64>,
}

/// Measure `text`.
pub fn measure(text: &str, scratch: &mut Scratch) -> Signals {
    let (mut chars, mut han, mut digits, mut punctuation, mut masked, mut lost) =
        (0_u32, 0_u32, 0_u32, 0_u32, 0_u32, 0_u32);
    scratch.content.clear();
    for c in text.chars() {
        chars += 1;
        if is_han(c) {
            han += 1;
            masked += u32::from(c == '某');
            scratch.content.push(c);
        } else if c.is_ascii_digit() {
            digits += 1;
            scratch.content.push(c);
        } else if c.is_alphabetic() {
            masked += u32::from(c == 'X');
            scratch.content.extend(c.to_lowercase());
        } else if c == '\u{fffd}' {
            lost += 1;
        } else if !c.is_whitespace() {
            punctuation += 1;
            masked += u32::from(matches!(c, '×' | '*' | '＊' | '✕' | '╳'));
        }
    }
    let share = |n: u32| n as f32 / chars.max(1) as f32;
    let (duplicate_5gram_fraction, bands) = sketch(&scratch.content, &mut scratch.table);
    Signals {
        num_chars: chars,
        han_fraction: share(han),
        digit_fraction: share(digits),
        punctuation_fraction: share(punctuation),
        masked_fraction: share(masked),
        replacement_fraction: share(lost),
        duplicate_line_fraction: duplicate_lines(text, &mut scratch.lines),
        duplicate_5gram_fraction,
        content_key: xxh3_64(scratch.content.as_bytes()),
        bands,
    }
}

fn duplicate_lines(text: &str, seen: &mut FxHashSet<u64>) -> f32 {
    seen.clear();
    let mut lines = 0_u32;
    for line in text.lines() {
        lines += 1;
        seen.insert(xxh3_64(line.as_bytes()));
    }
    1.0 - seen.len() as f32 / lines.max(1) as f32
}

/// Hash every shingle of `content`: a polynomial over its characters, then a finaliser.
fn for_each_shingle(content: &str, mut each: impl FnMut(u64)) {
    const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
    const OLDEST: u64 = BASE.wrapping_mul(BASE).wrapping_mul(BASE).wrapping_mul(BASE).wrapping_mul(BASE);
    let mut ring = [0_u64; SHINGLE_CHARS];
    let mut hash = 0_u64;
    for (i, c) in content.chars().enumerate() {
        let slot = i % SHINGLE_CHARS;
        hash = hash.wrapping_mul(BASE).wrapping_add(u64::from(c)).wrapping_sub(ring[slot].wrapping_mul(OLDEST));
        ring[slot] = u64::from(c);
        if i + 1 >= SHINGLE_CHARS {
            each(mix(hash));
        }
    }
}

/// The finaliser of SplitMix64.
fn mix(mut h: u64) -> u64 {
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

/// A hash as a number from 0 to below 1: 53 of its bits, as many as a double holds.
pub fn unit_interval(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// The share of repeated shingles, and the MinHash bands.
fn sketch(content: &str, table: &mut Vec<u64>) -> (f32, Vec<u64>) {
    // A character of content has at least one byte, and Han has three: the table is at most half full.
    let slots = (content.len() * 2 / 3 + content.len() / 2 + 16).next_power_of_two();
    table.clear();
    table.resize(slots, 0);
    let mask = slots - 1;
    let mut bins = [u32::MAX; BINS];
    let (mut total, mut distinct) = (0_u32, 0_u32);
    for_each_shingle(content, |hash| {
        total += 1;
        let key = hash | 1;
        let mut slot = (hash >> 20) as usize & mask;
        while table[slot] != 0 {
            if table[slot] == key {
                return;
            }
            slot = (slot + 1) & mask;
        }
        table[slot] = key;
        distinct += 1;
        let bin = ((hash >> 32) * BINS as u64) >> 32;
        let bin = &mut bins[bin as usize];
        *bin = (*bin).min(hash as u32);
    });
    if total == 0 {
        return (0.0, Vec::new());
    }
    densify(&mut bins);
    let bands = bins
        .chunks_exact(BAND_BINS)
        .zip(0_u64..)
        .map(|(bins, band)| {
            let mut bytes = [0; BAND_BINS * 4];
            bytes.chunks_exact_mut(4).zip(bins).for_each(|(to, bin)| to.copy_from_slice(&bin.to_le_bytes()));
            xxh3_64_with_seed(&bytes, band)
        })
        .collect();
    (1.0 - distinct as f32 / total as f32, bands)
}

/// Give each empty bin the value of a bin that a fixed pseudo-random walk reaches from it.
fn densify(bins: &mut [u32; BINS]) {
    let filled = *bins;
    for (i, bin) in bins.iter_mut().enumerate().filter(|(_, bin)| **bin == u32::MAX) {
        let mut attempt = 0_u64;
        while *bin == u32::MAX {
            attempt += 1;
            let pick = mix((i as u64) << 32 | attempt) % BINS as u64;
            *bin = filled[pick as usize];
        }
    }
}

/// The distinct shingles of a text, sorted: what true similarity is computed on.
pub fn shingles(text: &str) -> Vec<u64> {
    let content: String =
        text.chars().filter(|c| c.is_alphanumeric() || is_han(*c)).flat_map(char::to_lowercase).collect();
    let mut hashes = Vec::with_capacity(content.len() / 3);
    for_each_shingle(&content, |hash| hashes.push(hash));
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// Jaccard similarity of two sorted sets.
pub fn jaccard(a: &[u64], b: &[u64]) -> f32 {
    let (mut i, mut j, mut both) = (0, 0, 0_usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                both += 1;
                i += 1;
                j += 1;
            }
        }
    }
    let either = a.len() + b.len() - both;
    if either == 0 { 1.0 } else { both as f32 / either as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pseudo-random Han text; the same seed gives the same text.
    fn text(seed: u64, chars: usize) -> String {
        (0..chars as u64).filter_map(|i| char::from_u32(0x4e00 + (mix(seed << 32 | i) % 3000) as u32)).collect()
    }

    fn measured(text: &str) -> Signals {
        measure(text, &mut Scratch::default())
    }

    #[test]
    fn shares_are_of_characters_not_bytes() {
        let s = measured("某人12，\u{fffd}××");
        assert_eq!(s.num_chars, 8);
        assert_eq!((s.han_fraction, s.digit_fraction), (0.25, 0.25));
        assert_eq!((s.punctuation_fraction, s.masked_fraction, s.replacement_fraction), (0.375, 0.375, 0.125));
    }

    #[test]
    fn repeats_are_counted() {
        let once = text(1, 500);
        assert_eq!(measured(&once).duplicate_5gram_fraction, 0.0);
        let twice = measured(&format!("{once}\n{once}"));
        assert!((twice.duplicate_5gram_fraction - 0.498).abs() < 0.01, "{}", twice.duplicate_5gram_fraction);
        assert_eq!(twice.duplicate_line_fraction, 0.5);
    }

    #[test]
    fn punctuation_and_spaces_do_not_change_the_content() {
        let (a, b) = (measured("第一条 为了，保护人民。"), measured("第一条为了保护人民"));
        assert_eq!((a.content_key, a.bands.clone()), (b.content_key, b.bands));
        assert_ne!(a.content_key, measured("第二条为了保护人民").content_key);
    }

    #[test]
    fn near_copies_share_a_band_and_strangers_do_not() {
        let mut found = 0;
        for seed in 0..200 {
            let a = text(seed, 1000);
            // Replacing 20 of 1000 characters leaves a similarity of about 0.82.
            let b: String = a.chars().enumerate().map(|(i, c)| if i % 50 == 25 { '改' } else { c }).collect();
            let similarity = jaccard(&shingles(&a), &shingles(&b));
            assert!((0.8..0.85).contains(&similarity), "{similarity}");
            let (a, b) = (measured(&a).bands, measured(&b).bands);
            found += usize::from(a.iter().zip(&b).any(|(x, y)| x == y));
            let stranger = measured(&text(seed + 1000, 1000)).bands;
            assert!(a.iter().zip(&stranger).all(|(x, y)| x != y));
        }
        assert!(found >= 194, "theory says 0.98 or more of 200, found {found}");
    }

    #[test]
    fn short_texts_have_dense_sketches() {
        assert!(measured("四个汉字").bands.is_empty());
        assert_eq!(measured("恰好五个字").bands.len(), BANDS);
    }
}
