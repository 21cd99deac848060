//! Defines the runs of thirteen letters by which texts are found to share words, and their hashes.

use rustc_hash::FxHashMap;

use crate::normal::letters;

/// Letters of a run. T. Brown et al., "Language models are few-shot learners", 2020, appendix C, takes thirteen
/// words, which are some twenty letters of Chinese; thirteen find more.
pub const GRAM: usize = 13;

/// A Mersenne prime, 2^61 - 1: so many texts as there are make no two runs of it equal by chance.
const PRIME: u64 = (1 << 61) - 1;
const BASE: u64 = 0x1f3d_5b79_a2c4_e687;

/// The letters and digits of a text, in one width and one case.
pub(super) fn normalized(text: &str) -> Vec<char> {
    letters(text).collect()
}

/// The hash of every run of letters, in their order: that of the next follows from that of the one before.
///
/// R. Karp and M. Rabin, "Efficient randomized pattern-matching algorithms", 1987.
pub(super) fn hashes(letters: &[char]) -> impl Iterator<Item = u64> {
    let highest = (1..GRAM).fold(1, |power, _| multiply(power, BASE));
    let start = letters.get(..GRAM).map(|run| run.iter().fold(0, |hash, c| append(hash, *c)));
    let next = move |hash: u64, (out, new): (char, char)| {
        append((hash + PRIME - multiply(u64::from(u32::from(out)), highest)) % PRIME, new)
    };
    let pairs = letters.iter().copied().zip(letters.iter().copied().skip(GRAM));
    start.into_iter().chain(pairs.scan(start.unwrap_or_default(), move |hash, pair| {
        *hash = next(*hash, pair);
        Some(*hash)
    }))
}

fn append(hash: u64, c: char) -> u64 {
    (multiply(hash, BASE) + u64::from(u32::from(c))) % PRIME
}

fn multiply(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(PRIME)) as u64
}

/// The runs of all items, numbered, with the items that have each.
#[derive(Debug, Default)]
pub(super) struct Grams {
    numbers: FxHashMap<u64, u32>,
    /// By number: where its items start in `items`.
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Grams {
    /// Number the runs of items; of each item the numbers of its different runs.
    pub fn of(texts: &[Vec<char>]) -> (Self, Vec<Vec<u32>>) {
        let mut numbers: FxHashMap<u64, u32> = FxHashMap::default();
        let mut of_items = Vec::with_capacity(texts.len());
        for text in texts {
            let mut of_item: Vec<u32> = hashes(text)
                .map(|hash| {
                    let next = numbers.len() as u32;
                    *numbers.entry(hash).or_insert(next)
                })
                .collect();
            of_item.sort_unstable();
            of_item.dedup();
            of_items.push(of_item);
        }
        let mut pairs: Vec<(u32, u32)> =
            (0_u32..).zip(&of_items).flat_map(|(i, of)| of.iter().map(move |g| (*g, i))).collect();
        pairs.sort_unstable();
        let mut starts: Vec<u32> = vec![0; numbers.len() + 1];
        pairs.iter().for_each(|(gram, _)| starts[*gram as usize + 1] += 1);
        (1..starts.len()).for_each(|gram| starts[gram] += starts[gram - 1]);
        let items = pairs.into_iter().map(|(_, item)| item).collect();
        (Self { numbers, starts, items }, of_items)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Where in a text which runs are, in order.
    pub fn find(&self, text: &[char]) -> impl Iterator<Item = (usize, u32)> {
        hashes(text).enumerate().filter_map(|(at, hash)| Some((at, *self.numbers.get(&hash)?)))
    }

    /// The items that have a run.
    pub fn items_of(&self, gram: u32) -> &[u32] {
        &self.items[self.starts[gram as usize] as usize..self.starts[gram as usize + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_run_does_not_depend_on_where_it_stands() {
        let text = normalized("被告人甲于二〇一六年五月在某市某区盗窃他人财物，价值人民币三千元。");
        let rolled: Vec<u64> = hashes(&text).collect();
        assert_eq!(rolled.len(), text.len() - GRAM + 1);
        for (run, hash) in text.windows(GRAM).zip(&rolled) {
            assert_eq!(hashes(run).collect::<Vec<_>>(), [*hash]);
        }
        let distinct: std::collections::BTreeSet<&u64> = rolled.iter().collect();
        assert_eq!(distinct.len(), rolled.len());
        assert_eq!(hashes(&text[..GRAM - 1]).count(), 0);
        assert_eq!(hashes(&[]).count(), 0);
    }

    #[test]
    fn runs_know_their_items() {
        let texts = ["天地玄黄宇宙洪荒日月盈昃辰", "另一天地玄黄宇宙洪荒日月盈昃辰", "天地"].map(normalized);
        let (grams, of_items) = Grams::of(&texts);
        assert_eq!((grams.len(), of_items[0].len(), of_items[1].len(), of_items[2].len()), (3, 1, 3, 0));
        let found: Vec<(usize, u32)> = grams.find(&normalized("且：天地玄黄，宇宙洪荒；日月盈昃辰宿")).collect();
        assert_eq!(found, [(1, of_items[0][0])]);
        assert_eq!(grams.items_of(of_items[0][0]), [0, 1]);
        assert_eq!(grams.items_of(of_items[1][2]), [1]);
    }
}
