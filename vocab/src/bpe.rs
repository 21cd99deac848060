//! Trains byte-pair encoding over sequences of symbols: the pairs that SentencePiece's trainer would choose, in its order.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, hash_map},
};

use rustc_hash::{FxHashMap, FxHashSet};

/// A learned piece: the base symbols that it stands for, and how often it stood there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The base symbols.
    pub symbols: Box<[u32]>,
    /// Occurrences, weighted, when it was learned.
    pub count: u64,
    /// Those that no later piece took in.
    pub left: u64,
}

/// Between runs.
const BORDER: u32 = u32::MAX;

/// Learn up to `num_pieces` pieces of at most `max_width` base symbols from weighted runs of base symbols,
/// most frequent pair first; of equally frequent ones the shorter, then the first in the order of symbols.
///
/// This is the incremental algorithm of Sennrich, Haddow and Birch, "Neural machine translation of rare words
/// with subword units" (2016): the places of every pair are kept, so that a merge touches only its neighbourhood.
pub fn train<'a>(
    runs: impl IntoIterator<Item = (&'a [u32], u64)>,
    num_pieces: usize,
    max_width: usize,
) -> Vec<Learned> {
    let mut trainer = Trainer::new(runs, max_width);
    let mut learned = Vec::new();
    let mut chosen: FxHashSet<Box<[u32]>> = FxHashSet::default();
    while learned.len() < num_pieces {
        let Some(pair) = trainer.best() else { break };
        let symbols = trainer.spelled(pair);
        if !chosen.insert(symbols.clone()) {
            // The same text in other halves is a piece already.
            trainer.pairs[pair as usize].count = 0;
            continue;
        }
        learned.push(Learned { symbols, count: trainer.pairs[pair as usize].count, left: 0 });
        trainer.merge(pair);
    }
    let first = trainer.spelling.len() - learned.len();
    for (symbol, weight) in trainer.symbols() {
        if let Some(piece) = (symbol as usize).checked_sub(first) {
            learned[piece].left += weight;
        }
    }
    learned
}

struct Trainer {
    /// All runs, a border between each two. A symbol wider than one place stands at its first and its last
    /// place, so that both neighbours of a place can be read off directly.
    places: Vec<u32>,
    /// The weight of the run at each place, as an index into `weights`.
    run_of: Vec<u32>,
    weights: Vec<u64>,
    /// By symbol: the base symbols it stands for. Base symbols are renumbered densely, in their order.
    spelling: Vec<Box<[u32]>>,
    pairs: Vec<Pair>,
    index: FxHashMap<(u32, u32), u32>,
    queue: BinaryHeap<Candidate>,
    max_width: usize,
}

struct Pair {
    left: u32,
    right: u32,
    count: u64,
    places: Vec<u32>,
}

/// A pair in the queue, with the count it had when it was put there. The order is the order of choice, but
/// for symbols after the first two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    count: u64,
    width: Reverse<u16>,
    first_two: Reverse<(u32, u32)>,
    pair: u32,
}

impl Trainer {
    fn new<'a>(runs: impl IntoIterator<Item = (&'a [u32], u64)>, max_width: usize) -> Self {
        let (mut places, mut run_of, mut weights) = (vec![BORDER], vec![0], Vec::new());
        for (run, weight) in runs {
            places.extend_from_slice(run);
            places.push(BORDER);
            run_of.resize(places.len(), weights.len() as u32);
            weights.push(weight);
        }
        let mut base: Vec<u32> = places.iter().copied().filter(|&s| s != BORDER).collect();
        base.sort_unstable();
        base.dedup();
        let dense: FxHashMap<u32, u32> = base.iter().copied().zip(0..).collect();
        places.iter_mut().filter(|s| **s != BORDER).for_each(|s| *s = dense[s]);

        let spelling = base.iter().map(|&s| [s].into()).collect();
        let mut trainer = Self {
            places,
            run_of,
            weights,
            spelling,
            pairs: Vec::new(),
            index: FxHashMap::default(),
            queue: BinaryHeap::new(),
            max_width,
        };
        for at in 1..trainer.places.len() - 1 {
            trainer.count_pair(at, at + 1);
        }
        let all: Vec<Candidate> = (0..trainer.pairs.len() as u32).map(|pair| trainer.candidate(pair)).collect();
        trainer.queue = all.into();
        trainer
    }

    /// The symbols that the runs are made of now, with the weights of their runs.
    fn symbols(&self) -> impl Iterator<Item = (u32, u64)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            while self.places.get(at) == Some(&BORDER) {
                at += 1;
            }
            let symbol = *self.places.get(at)?;
            let weight = self.weights[self.run_of[at] as usize];
            at += self.width(symbol);
            Some((symbol, weight))
        })
    }

    fn width(&self, symbol: u32) -> usize {
        self.spelling[symbol as usize].len()
    }

    /// Count the pair of the symbols at two places, if there are two and they fit into one piece.
    fn count_pair(&mut self, left_at: usize, right_at: usize) -> Option<u32> {
        let (left, right) = (self.places[left_at], self.places[right_at]);
        if left == BORDER || right == BORDER || self.width(left) + self.width(right) > self.max_width {
            return None;
        }
        let new = self.pairs.len() as u32;
        let pair = match self.index.entry((left, right)) {
            hash_map::Entry::Occupied(known) => *known.get(),
            hash_map::Entry::Vacant(slot) => {
                self.pairs.push(Pair { left, right, count: 0, places: Vec::new() });
                *slot.insert(new)
            }
        };
        let weight = self.weights[self.run_of[left_at] as usize];
        let counted = &mut self.pairs[pair as usize];
        counted.count += weight;
        counted.places.push(left_at as u32);
        (pair == new).then_some(pair)
    }

    fn uncount_pair(&mut self, left: u32, right: u32, weight: u64) {
        if left != BORDER
            && right != BORDER
            && let Some(&pair) = self.index.get(&(left, right))
        {
            let counted = &mut self.pairs[pair as usize];
            counted.count = counted.count.saturating_sub(weight);
        }
    }

    fn spelled(&self, pair: u32) -> Box<[u32]> {
        let Pair { left, right, .. } = self.pairs[pair as usize];
        [&self.spelling[left as usize][..], &self.spelling[right as usize][..]].concat().into()
    }

    fn candidate(&self, pair: u32) -> Candidate {
        let Pair { left, right, count, .. } = self.pairs[pair as usize];
        let (left, right) = (&self.spelling[left as usize], &self.spelling[right as usize]);
        let mut symbols = left.iter().chain(right.iter()).copied();
        let first_two = (symbols.next().unwrap_or(0), symbols.next().unwrap_or(0));
        Candidate { count, width: Reverse((left.len() + right.len()) as u16), first_two: Reverse(first_two), pair }
    }

    /// The pair to merge next.
    fn best(&mut self) -> Option<u32> {
        let first = self.pop_current()?;
        let mut tied = vec![first];
        while self.queue.peek().is_some_and(|next| (next.count, next.width, next.first_two) == key(&first)) {
            let Some(next) = self.pop_current() else { break };
            tied.push(next);
            if key(&next) != key(&first) {
                break;
            }
        }
        let best = tied.iter().filter(|c| key(c) == key(&first)).min_by_key(|c| self.spelled(c.pair))?.pair;
        self.queue.extend(tied.into_iter().filter(|c| c.pair != best));
        Some(best)
    }

    /// The first candidate whose count still holds.
    fn pop_current(&mut self) -> Option<Candidate> {
        loop {
            let candidate = self.queue.pop()?;
            let count = self.pairs[candidate.pair as usize].count;
            if count == candidate.count {
                return Some(candidate).filter(|c| c.count > 0);
            }
            if count > 0 {
                self.queue.push(Candidate { count, ..candidate });
            }
        }
    }

    /// Make one symbol of a pair wherever it stands.
    fn merge(&mut self, pair: u32) {
        let spelled = self.spelled(pair);
        let Pair { left, right, .. } = self.pairs[pair as usize];
        let merged = self.spelling.len() as u32;
        let (left_width, width) = (self.width(left), spelled.len());
        self.spelling.push(spelled);
        let mut new = Vec::new();
        let mut places = std::mem::take(&mut self.pairs[pair as usize].places);
        places.sort_unstable();
        for at in places {
            let at = at as usize;
            let right_at = at + left_width;
            // A place may have gone to another merge, or to this one where halves are alike.
            if self.places[at] != left || self.places[right_at] != right {
                continue;
            }
            let end = at + width;
            let weight = self.weights[self.run_of[at] as usize];
            let (before, after) = (self.places[at - 1], self.places[end]);
            self.uncount_pair(before, left, weight);
            self.uncount_pair(right, after, weight);
            // What lies inside a symbol must not be taken for one.
            self.places[at..end].fill(BORDER - 1);
            self.places[at] = merged;
            self.places[end - 1] = merged;
            if before != BORDER {
                let before_at = at - self.width(before);
                new.extend(self.count_pair(before_at, at));
            }
            new.extend(self.count_pair(at, end));
        }
        self.pairs[pair as usize].count = 0;
        for pair in new {
            let candidate = self.candidate(pair);
            self.queue.push(candidate);
        }
    }
}

fn key(candidate: &Candidate) -> (u64, Reverse<u16>, Reverse<(u32, u32)>) {
    (candidate.count, candidate.width, candidate.first_two)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spm::{
        model::Algorithm,
        train::{Options, train as train_with_library},
    };

    /// Base symbol `n` as a character that no rule of the library knows.
    fn character(symbol: u32) -> char {
        char::from_u32(0xF0000 + symbol).unwrap()
    }

    /// Runs over a few symbols, skewed, with long repeats and ties.
    fn random_runs(seed: u64) -> Vec<(Vec<u32>, u64)> {
        let mut state = seed;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        (0..400)
            .map(|_| {
                let length = 2 + next(14);
                let run = (0..length).map(|_| (next(12) * next(12) / 6) as u32).collect();
                (run, 1 + next(5))
            })
            .collect()
    }

    #[test]
    fn pieces_are_those_of_sentencepiece_in_its_order() {
        for seed in 0..8 {
            let runs = random_runs(seed);
            let ours = train(runs.iter().map(|(run, weight)| (&run[..], *weight)), 150, 8);
            let lines = runs
                .iter()
                .map(|(run, weight)| format!("{}\t{weight}", run.iter().map(|&s| character(s)).collect::<String>()));
            let alphabet: FxHashSet<u32> = runs.iter().flat_map(|(run, _)| run.iter().copied()).collect();
            let options = Options {
                algorithm: Algorithm::Bpe,
                vocab_size: 3 + alphabet.len() + 150,
                character_coverage: 1.0,
                more: [
                    ("input_format", "tsv"),
                    ("byte_fallback", "false"),
                    ("add_dummy_prefix", "false"),
                    ("split_by_unicode_script", "false"),
                    ("split_by_whitespace", "false"),
                    ("split_digits", "false"),
                    ("max_sentencepiece_length", "8"),
                ]
                .map(|(name, value)| (name, value.to_owned()))
                .to_vec(),
            };
            let model = train_with_library(lines, &options).unwrap();
            let theirs: Vec<&str> = model.pieces[3..153].iter().map(|piece| piece.text()).collect();
            let ours: Vec<String> =
                ours.iter().map(|piece| piece.symbols.iter().map(|&s| character(s)).collect()).collect();
            assert_eq!(ours, theirs, "seed {seed}");
        }
    }

    #[test]
    fn what_is_left_of_a_piece_is_what_no_later_one_took() {
        let (abc, ab) = ([1, 2, 3], [1, 2]);
        let learned = train([(&abc[..], 3), (&ab[..], 2)], 2, 8);
        let left: Vec<(usize, u64, u64)> = learned.iter().map(|p| (p.symbols.len(), p.count, p.left)).collect();
        assert_eq!(left, [(2, 5, 2), (3, 3, 3)]);
    }

    #[test]
    fn no_piece_is_wider_than_allowed_and_a_short_text_ends_early() {
        let run = [1, 2, 3, 4, 5];
        let learned = train([(&run[..], 3)], 100, 3);
        assert!(learned.iter().all(|piece| piece.symbols.len() <= 3 && piece.count > 0));
        assert!(learned.len() < 5);
    }
}
