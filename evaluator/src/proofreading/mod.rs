//! Judges corrected sentences (2-1) by F0.5 over edits, as ChERRANT finds them: source and correction are aligned by
//! character, and what differs is an edit.
//!
//! Zhang et al., "MuCGEC: a multi-reference multi-source evaluation dataset for Chinese grammatical error
//! correction", 2022; after Bryant et al., "Automatic annotation and evaluation of error types for grammatical error
//! correction", 2017. Unlike other tasks' scores this is no mean over items: edits of all items are counted together.

mod alignment;
mod cost;
mod counts;
mod edits;
mod sentence;
mod tables;

use std::path::Path;

use rand::RngExt as _;
use rayon::prelude::*;

pub use counts::Counts;

use crate::{
    Error, Mode, Result,
    characters::is_blank,
    lawbench::Told,
    stats::{Bootstrap, mean},
};
use edits::Edits;
use sentence::{corrected, question};
use tables::Tables;

/// Alignments of a sentence up to which all of them are looked at.
pub const MAX_ALIGNMENTS: u64 = 80_000;

/// Which random numbers items are drawn by: not by those of the other tasks, on which nothing here depends.
const PART: u64 = 1;

/// Judges corrected sentences with tables of characters.
pub struct Proofreader {
    tables: Tables,
    max_alignments: u64,
}

/// What became of a file of corrected sentences.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proofread {
    /// By item.
    pub counts: Vec<Counts>,
    /// By item: whether nothing that could be judged was found in the answer.
    pub abstained: Vec<bool>,
    /// Answers and references with more alignments than are looked at.
    pub over_bound: usize,
}

impl Proofreader {
    /// Read the tables of a folder: `cilin.txt` and `confusion_dict.txt`, as LawBench and ChERRANT have them.
    ///
    /// # Errors
    /// A table that is not there, or a line of one that is not of its form.
    pub fn read(folder: &Path, max_alignments: u64) -> Result<Self> {
        Ok(Self { tables: Tables::read(folder)?, max_alignments })
    }

    /// Alignments of a sentence up to which all of them are looked at.
    pub fn max_alignments(&self) -> u64 {
        self.max_alignments
    }

    /// Judge the answers of the file at `path`.
    ///
    /// # Errors
    /// An item whose prompt has no sentence to correct.
    pub fn judge(&self, path: &Path, told: &[Told], mode: Mode) -> Result<Proofread> {
        let judged: Vec<Option<Judged>> = told.par_iter().map(|told| self.judge_one(told, mode)).collect();
        let mut proofread = Proofread::default();
        for (at, judged) in judged.into_iter().enumerate() {
            let judged =
                judged.ok_or_else(|| Error::at_item(path, at, "the prompt has no line 句子： and none below"))?;
            proofread.counts.push(judged.counts);
            proofread.abstained.push(judged.abstained);
            proofread.over_bound += judged.over_bound;
        }
        Ok(proofread)
    }

    fn judge_one(&self, told: &Told, mode: Mode) -> Option<Judged> {
        let source = question(told.prompt.as_deref()?)?;
        let (prediction, reference) = (&told.answer.prediction, &told.answer.reference);
        // The published rate of abstention counts no answer.
        let abstained = mode == Mode::Strict && is_blank(prediction);
        let predicted = if abstained { source.clone() } else { corrected(prediction, Some(reference)) };
        let (predicted, predicted_over) = self.edits(&source, &predicted, mode);
        let (expected, expected_over) = self.edits(&source, &corrected(reference, None), mode);
        let over_bound = usize::from(predicted_over) + usize::from(expected_over);
        Some(Judged { counts: Counts::of(&predicted, &expected), abstained, over_bound })
    }

    /// The edits that make `target` of `source`, and whether they have more alignments than are looked at.
    fn edits(&self, source: &str, target: &str, mode: Mode) -> (Edits, bool) {
        let tokens = |text: &str| self.tables.tokens(text);
        let simplified = |text: &str| self.tables.simplified(text);
        match mode {
            Mode::Official => {
                let (source, target) = (tokens(source), tokens(&simplified(target)));
                match edits::of_all_alignments(&source, &target, self.max_alignments) {
                    Some(edits) => (edits, false),
                    // The published scorer gives up after ten seconds, and judges this in the answer's place.
                    None => (edits::of_first_alignment(&source, &tokens(sentence::NOTHING)), true),
                }
            }
            Mode::Strict => {
                let (source, target) = (tokens(&simplified(source)), tokens(&simplified(target)));
                (edits::of_first_alignment(&source, &target), false)
            }
        }
    }
}

impl Proofread {
    /// F0.5 of all edits; official scores have four decimals.
    pub fn score(&self, mode: Mode) -> f64 {
        let score = self.counts.iter().copied().sum::<Counts>().f_half();
        match mode {
            // The decimals of a number are the nearest ones, as Python's `round` has them.
            Mode::Official => format!("{score:.4}").parse().unwrap_or(score),
            Mode::Strict => score,
        }
    }

    /// The share of answers with nothing in them that could be judged; none of none.
    pub fn abstention(&self) -> Option<f64> {
        mean(self.abstained.iter().map(|abstained| f64::from(u8::from(*abstained))))
    }

    /// F0.5 of samples of items, in the order in which they are drawn.
    pub fn draw(&self, bootstrap: Bootstrap) -> Vec<f64> {
        let counts = &self.counts;
        bootstrap.draw(PART, |random| {
            let drawn = (0..counts.len()).map(|_| counts[random.random_range(0..counts.len())]);
            drawn.sum::<Counts>().f_half()
        })
    }
}

struct Judged {
    counts: Counts,
    abstained: bool,
    over_bound: usize,
}

#[cfg(test)]
mod tests;
