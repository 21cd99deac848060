//! Lifts text: the runs of Han tokens that the base makes of it, counted.

use crate::{
    counts::Counts,
    encode::{Encoder, Scratch},
    spm::{Kind, Model},
};

/// Distinct runs of at least two Han tokens of the base, with weighted counts.
///
/// New pieces are learned from these, so a new piece is a sequence of base tokens, and whatever is not Han
/// (spaces, digits, punctuation, bytes) keeps its tokens.
pub type Runs = Counts<[u32]>;

/// Of the memory for learning, one part in so many is for the runs: learning from them needs the rest.
const RUNS_SHARE: usize = 4;

/// Runs from which pieces can be learned within `memory_bytes`, learning included.
pub fn runs_within(memory_bytes: usize) -> Runs {
    Runs::within(memory_bytes / RUNS_SHARE)
}

/// Turns lines into runs.
pub struct Lifter<'a> {
    encoder: &'a Encoder,
    is_han: Vec<bool>,
    scratch: Scratch,
    ids: Vec<u32>,
}

impl<'a> Lifter<'a> {
    /// A lifter over the tokens of `base`, whose encoder is `encoder`.
    pub fn new(base: &Model, encoder: &'a Encoder) -> Self {
        let is_han = base.pieces.iter().map(|p| p.kind() == Kind::Normal && p.text().chars().all(is_han)).collect();
        Self { encoder, is_han, scratch: Scratch::default(), ids: Vec::new() }
    }

    /// Count the runs of a line `weight` times.
    pub fn lift(&mut self, line: &str, weight: u64, runs: &mut Runs) {
        self.ids.clear();
        self.encoder.encode(line, &mut self.scratch, &mut self.ids);
        let is_han = &self.is_han;
        for run in self.ids.split(|&id| !is_han[id as usize]).filter(|run| run.len() > 1) {
            runs.add(run, weight);
        }
    }
}

/// Whether a character is a Chinese character: a CJK ideograph, or 〇.
pub fn is_han(character: char) -> bool {
    matches!(character, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{20000}'..='\u{323AF}' | '\u{F900}'..='\u{FAFF}' | '〇')
}
