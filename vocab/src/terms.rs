//! Finds legal terms in text, and lets given ones count for more.
//!
//! A term is a sequence of words that stand together more often than chance has it (pointwise mutual information) and
//! beside many different neighbours (branch entropy), and that general text says less often (TF-IDF).
//! (Church and Hanks, "Word association norms", 1990; Jin and Tanaka-Ishii, "Unsupervised segmentation of Chinese
//! text by use of branching entropy", 2006.)

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use crate::{Encoder, lift::Runs, spm::Model, words::Words};

/// A mined term.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Term {
    /// Its text.
    pub text: String,
    /// Its words.
    pub num_words: usize,
    /// How often it stood in the weighted text.
    pub count: u64,
    /// Bits by which its weakest joint is stronger than chance; none for a single word.
    pub mutual_information: Option<f64>,
    /// Entropy in bits of the words beside it, on the side where there is less.
    pub branch_entropy: f64,
    /// Logarithm of the number of lines of general text over those that hold it.
    pub inverse_document_frequency: f64,
    /// Tokens of the base, standing alone.
    pub base_tokens: usize,
    /// Tokens of the merged model, standing alone.
    pub tokens: usize,
}

/// The longest term, in words and in characters.
const MAX_WORDS: usize = 4;
const MAX_CHARS: usize = 12;

/// What stands together by chance is not a term, nor what stands beside the same words every time.
const MIN_MUTUAL_INFORMATION: f64 = 3.0;
const MIN_BRANCH_ENTROPY: f64 = 1.5;

/// A term stands at least once in so many words, and this often.
const RAREST: u64 = 500_000;
const MIN_COUNT: u64 = 20;

/// No word: a border of a run, or the rest of a short sequence.
const NONE: u32 = u32::MAX;

type Sequence = [u32; MAX_WORDS];

/// The `limit` terms of `runs` that say most, by the logarithm of their count (sublinear term frequency) times their
/// inverse document frequency in `general_text`, a document a line. Without general text single words are left out, since nothing tells which
/// of them are legal. Their tokens are not counted yet.
pub fn mine(runs: &Runs, base: &Model, words: &Words, general_text: Option<&str>, limit: usize) -> Vec<Term> {
    let text = Text::of(runs, base, words);
    let candidates = text.candidates(general_text.is_some());
    let entropies = text.branch_entropies(&candidates);
    let mut terms: Vec<Term> = candidates
        .into_iter()
        .zip(entropies)
        .filter(|(_, entropy)| *entropy >= MIN_BRANCH_ENTROPY)
        .map(|((sequence, count, mutual_information), branch_entropy)| Term {
            text: text.spelled(&sequence),
            num_words: sequence.iter().filter(|word| **word != NONE).count(),
            count,
            mutual_information,
            branch_entropy,
            inverse_document_frequency: 1.0,
            base_tokens: 0,
            tokens: 0,
        })
        .collect();
    if let Some(general_text) = general_text {
        let frequencies = document_frequencies(&terms, general_text);
        let num_lines = general_text.lines().count() as f64;
        for (term, frequency) in terms.iter_mut().zip(frequencies) {
            term.inverse_document_frequency = ((1.0 + num_lines) / (1.0 + frequency as f64)).ln();
        }
    }
    let weight = |term: &Term| (1.0 + (term.count as f64).ln()) * term.inverse_document_frequency;
    terms.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then_with(|| a.text.cmp(&b.text)));
    terms.truncate(limit);
    terms
}

/// How many lines of `text` hold each term.
fn document_frequencies(terms: &[Term], text: &str) -> Vec<usize> {
    let index: FxHashMap<&str, usize> = terms.iter().enumerate().map(|(at, term)| (term.text.as_str(), at)).collect();
    let mut frequencies = vec![0; terms.len()];
    for line in text.lines() {
        let borders: Vec<usize> = line.char_indices().map(|(at, _)| at).chain([line.len()]).collect();
        let mut found: FxHashSet<usize> = FxHashSet::default();
        for (from, start) in borders.iter().enumerate() {
            let ends = borders[from..].iter().skip(1).take(MAX_CHARS);
            found.extend(ends.filter_map(|end| index.get(&line[*start..*end]).copied()));
        }
        found.into_iter().for_each(|term| frequencies[term] += 1);
    }
    frequencies
}

/// Runs as words.
struct Text {
    spelling: Vec<String>,
    is_content: Vec<bool>,
    runs: Vec<(Vec<u32>, u64)>,
    counts: Vec<u64>,
    num_words: u64,
    min_count: u64,
}

impl Text {
    fn of(runs: &Runs, base: &Model, words: &Words) -> Self {
        let mut ids: FxHashMap<String, u32> = FxHashMap::default();
        let mut text = Self {
            spelling: Vec::new(),
            is_content: Vec::new(),
            runs: Vec::new(),
            counts: Vec::new(),
            num_words: 0,
            min_count: 0,
        };
        for (run, weight) in runs.sorted() {
            let spelled: String = run.iter().map(|&id| base.pieces[id as usize].text()).collect();
            let mut sequence = Vec::new();
            for word in words.cut(&spelled) {
                let id = match ids.get(word.text) {
                    Some(&id) => id,
                    None => {
                        let id = text.spelling.len() as u32;
                        ids.insert(word.text.to_owned(), id);
                        text.spelling.push(word.text.to_owned());
                        text.is_content.push(word.is_content());
                        text.counts.push(0);
                        id
                    }
                };
                text.counts[id as usize] += weight;
                text.num_words += weight;
                sequence.push(id);
            }
            text.runs.push((sequence, weight));
        }
        text.min_count = MIN_COUNT.max(text.num_words / RAREST);
        text
    }

    fn spelled(&self, sequence: &Sequence) -> String {
        sequence.iter().filter(|word| **word != NONE).map(|word| self.spelling[*word as usize].as_str()).collect()
    }

    /// Call `take` with every sequence of up to [`MAX_WORDS`] words of which each two neighbours are frequent,
    /// its weight, and the words before and after it.
    fn each_sequence(&self, is_frequent: impl Fn(u32, u32) -> bool, mut take: impl FnMut(&Sequence, u64, (u32, u32))) {
        for (run, weight) in &self.runs {
            for from in 0..run.len() {
                let mut sequence = [NONE; MAX_WORDS];
                let before = from.checked_sub(1).map_or(NONE, |at| run[at]);
                for (length, &word) in run[from..].iter().take(MAX_WORDS).enumerate() {
                    if length > 0 && !is_frequent(sequence[length - 1], word) {
                        break;
                    }
                    sequence[length] = word;
                    take(&sequence, *weight, (before, run.get(from + length + 1).copied().unwrap_or(NONE)));
                }
            }
        }
    }

    /// Sequences that are frequent, hold together and begin and end as terms do: with counts and mutual information.
    fn candidates(&self, with_words: bool) -> Vec<(Sequence, u64, Option<f64>)> {
        let mut pairs: FxHashMap<(u32, u32), u64> = FxHashMap::default();
        for (run, weight) in &self.runs {
            run.windows(2).for_each(|pair| *pairs.entry((pair[0], pair[1])).or_default() += weight);
        }
        pairs.retain(|_, count| *count >= self.min_count);
        let mut counts: FxHashMap<Sequence, u64> = FxHashMap::default();
        self.each_sequence(
            |left, right| pairs.contains_key(&(left, right)),
            |sequence, weight, _| *counts.entry(*sequence).or_default() += weight,
        );
        counts.retain(|_, count| *count >= self.min_count);
        let mut candidates: Vec<(Sequence, u64, Option<f64>)> = counts
            .iter()
            .filter(|(sequence, _)| {
                let length = sequence.iter().filter(|word| **word != NONE).count();
                let is_content = |at: usize| self.is_content[sequence[at] as usize];
                let num_chars = self.spelled(sequence).chars().count();
                (length > 1 || with_words)
                    && is_content(0)
                    && is_content(length - 1)
                    && (2..=MAX_CHARS).contains(&num_chars)
            })
            .map(|(sequence, count)| (*sequence, *count, self.mutual_information(sequence, &counts)))
            .filter(|(_, _, information)| information.is_none_or(|bits| bits >= MIN_MUTUAL_INFORMATION))
            .collect();
        candidates.sort_unstable_by_key(|(sequence, _, _)| *sequence);
        candidates
    }

    /// Bits by which a sequence stands more often than its halves would by chance, where they are cut best.
    fn mutual_information(&self, sequence: &Sequence, counts: &FxHashMap<Sequence, u64>) -> Option<f64> {
        let length = sequence.iter().filter(|word| **word != NONE).count();
        let count = |part: &[u32]| {
            let mut key = [NONE; MAX_WORDS];
            key[..part.len()].copy_from_slice(part);
            counts.get(&key).map_or(1.0, |count| *count as f64)
        };
        let whole = count(&sequence[..length]) * self.num_words as f64;
        (1..length)
            .map(|cut| (whole / (count(&sequence[..cut]) * count(&sequence[cut..length]))).log2())
            .min_by(f64::total_cmp)
    }

    /// The smaller of the entropies on both sides of each candidate.
    fn branch_entropies(&self, candidates: &[(Sequence, u64, Option<f64>)]) -> Vec<f64> {
        let index: FxHashMap<&Sequence, usize> =
            candidates.iter().enumerate().map(|(at, (sequence, _, _))| (sequence, at)).collect();
        let pairs: FxHashSet<(u32, u32)> =
            candidates.iter().flat_map(|(s, _, _)| s.windows(2).map(|pair| (pair[0], pair[1]))).collect();
        let mut sides: Vec<[Neighbours; 2]> = candidates.iter().map(|_| Default::default()).collect();
        self.each_sequence(
            |left, right| pairs.contains(&(left, right)),
            |sequence, weight, (before, after)| {
                if let Some(&at) = index.get(sequence) {
                    sides[at][0].add(before, weight);
                    sides[at][1].add(after, weight);
                }
            },
        );
        sides.iter().map(|[before, after]| before.entropy().min(after.entropy())).collect()
    }
}

/// What stands on one side of a candidate.
#[derive(Default)]
struct Neighbours {
    words: FxHashMap<u32, u64>,
    total: u64,
}

impl Neighbours {
    fn add(&mut self, word: u32, weight: u64) {
        // A border is as good as a new word each time: what stands between commas stands by itself.
        if word != NONE {
            *self.words.entry(word).or_default() += weight;
        }
        self.total += weight;
    }

    fn entropy(&self) -> f64 {
        let total = self.total.max(1) as f64;
        let of_words: f64 =
            self.words.values().map(|count| *count as f64 / total * (total / *count as f64).log2()).sum();
        let borders = self.total - self.words.values().sum::<u64>();
        of_words + borders as f64 / total * total.log2()
    }
}

/// Given terms as runs of their own, each counting `weight` times for every time that it stands in `runs`: pieces
/// that lead to a term then win over others, where the term stands often enough to pay for them.
pub fn prior(runs: &Runs, encoder: &Encoder, terms: &[String], weight: u64) -> Vec<(Vec<u32>, u64)> {
    let mut counts: FxHashMap<Vec<u32>, u64> =
        terms.iter().map(|term| (encoder.ids_of_piece(term), 0)).filter(|(ids, _)| ids.len() > 1).collect();
    let mut lengths: Vec<usize> = counts.keys().map(Vec::len).collect();
    lengths.sort_unstable();
    lengths.dedup();
    for (run, count) in runs.sorted() {
        for from in 0..run.len() {
            for part in lengths.iter().map_while(|length| run.get(from..from + length)) {
                if let Some(sum) = counts.get_mut(part) {
                    *sum += weight * count;
                }
            }
        }
    }
    let mut prior: Vec<(Vec<u32>, u64)> = counts.into_iter().filter(|(_, sum)| *sum > 0).collect();
    prior.sort_unstable();
    prior
}

/// How many terms were, and are, single tokens.
#[derive(Debug, Default, Serialize)]
pub struct TermFigures {
    /// Terms.
    pub num_terms: usize,
    /// Single tokens of the base.
    pub num_single_in_base: usize,
    /// Single tokens of the merged model.
    pub num_single: usize,
    /// Tokens of all in the base.
    pub base_tokens: usize,
    /// Tokens of all in the merged model.
    pub tokens: usize,
}

impl TermFigures {
    /// Count `terms`, each standing alone.
    pub fn of<'a>(terms: impl IntoIterator<Item = &'a str>, base: &Encoder, merged: &Encoder) -> Self {
        let mut figures = Self::default();
        for term in terms {
            let (before, after) = (base.ids_of_piece(term).len(), merged.ids_of_piece(term).len());
            figures.num_terms += 1;
            figures.num_single_in_base += usize::from(before == 1);
            figures.num_single += usize::from(after == 1);
            figures.base_tokens += before;
            figures.tokens += after;
        }
        figures
    }
}
