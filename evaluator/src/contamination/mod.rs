//! Finds the items of a benchmark in the texts that a model was trained on.
//!
//! Statutes are exempt: an item that quotes an article is not known for that. Runs of letters that stand in any
//! statute, or in a record that was derived from one, are counted apart; an item is judged by the others. Only the benchmark's runs are in
//! memory, some 20 bytes for each letter of it; the corpus is streamed, statutes first.

mod corpus;
mod flagged;
mod grams;
mod items;
mod table;

use std::path::Path;

use corpus_format::Corpus;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

pub use flagged::Flagged;
pub use grams::GRAM;
pub use table::{OfTask, by_task, table};

use crate::{Result, traits::fingerprint};
use corpus::{Texts, stream};
use grams::{Grams, normalized};
use items::BenchmarkItem;

/// Runs beyond statutes that must be found before an item is flagged: fewer are a phrase that anyone may use.
const MIN_FOUND: usize = 5;

/// How much of an item is in the training texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The task's number.
    pub task: String,
    /// The item's number in it, from 0.
    pub item: u32,
    /// Hash of the reference, as in a file of scored items.
    pub reference: String,
    /// Different runs of thirteen letters in the question.
    pub grams: usize,
    /// The share of them that stand in statutes and what was derived from them; none of a question too short.
    pub statute_share: Option<f64>,
    /// Of the others, the share that stands in court documents and given records of the training split.
    pub share: Option<f64>,
    /// Of the others, the share that stands in the one text which has most.
    pub nearest_share: Option<f64>,
    /// The id of that text.
    pub nearest: Option<String>,
    /// Whether the whole answer stands in such a text; none of an answer that is too short, or is statute.
    pub answer: Option<bool>,
    /// The id of the first such text.
    pub answer_in: Option<String>,
    /// Whether the share reaches the threshold, or the answer was found.
    pub flagged: bool,
}

/// What was found, and in how much.
#[derive(Debug, Clone)]
pub struct Contamination {
    /// A row for each item.
    pub findings: Vec<Finding>,
    /// Court documents and given records that were looked through.
    pub num_texts: u64,
    /// Statutes, and records derived from them.
    pub num_statutes: u64,
    /// Key of the corpus's build.
    pub build_key: String,
    /// Files that are no tasks.
    pub warnings: Vec<String>,
}

/// Look for the items in `folder` in a corpus. An item is flagged from a share of `threshold` on.
///
/// # Errors
/// Items or corpus cannot be read.
pub fn look(folder: &Path, corpus: &Path, threshold: f64) -> Result<Contamination> {
    let (items, warnings) = items::read(folder)?;
    let corpus = Corpus::open(corpus)?;
    let mut search = Search::of(&items);
    let num_statutes = search.mark_statutes(&corpus)?;
    let num_texts = search.look(&corpus)?;
    let findings = (0..).zip(&items).map(|(at, item)| search.finding(at, item, threshold)).collect();
    Ok(Contamination { findings, num_texts, num_statutes, build_key: corpus.index().build_key.clone(), warnings })
}

/// Items under search: questions first, then answers in the same order, as texts with a number each.
struct Search {
    num_items: usize,
    grams: Grams,
    of_texts: Vec<Vec<u32>>,
    /// Answers by their first run.
    answers: FxHashMap<u32, Vec<(usize, Vec<char>)>>,
    in_statutes: Vec<bool>,
    in_training: Vec<bool>,
    /// By item: runs in the text that has most, and its id.
    nearest: Vec<(u32, String)>,
    /// By item: the first text that has the answer.
    answer_in: Vec<Option<String>>,
}

/// What a training text has.
struct Hits {
    grams: Vec<u32>,
    /// Items and how many runs of their questions.
    items: Vec<(u32, u32)>,
    answers: Vec<usize>,
    id: String,
}

impl Search {
    fn of(items: &[BenchmarkItem]) -> Self {
        // What a reference begins with to say that it is one.
        pattern!(PREFIX, r"^\[?(?:正确)?(?:答案|回答)\]?[:：]?");
        let answers = items.iter().map(|item| normalized(&PREFIX.replace(&item.answer, "")));
        let texts: Vec<Vec<char>> = items.iter().map(|item| normalized(&item.question)).chain(answers).collect();
        let (grams, of_texts) = Grams::of(&texts);
        let mut answers: FxHashMap<u32, Vec<(usize, Vec<char>)>> = FxHashMap::default();
        for (item, answer) in texts.into_iter().skip(items.len()).enumerate() {
            let first = grams.find(&answer).next();
            if let Some((_, first)) = first {
                answers.entry(first).or_default().push((item, answer));
            }
        }
        Self {
            num_items: items.len(),
            in_statutes: vec![false; grams.len()],
            in_training: vec![false; grams.len()],
            nearest: vec![(0, String::new()); items.len()],
            answer_in: vec![None; items.len()],
            grams,
            of_texts,
            answers,
        }
    }

    fn mark_statutes(&mut self, corpus: &Corpus) -> Result<u64> {
        let Self { grams, in_statutes, .. } = self;
        let look = |_: &str, text: &[char]| grams.find(text).map(|(_, gram)| gram).collect::<Vec<u32>>();
        stream(corpus, Texts::Statutes, look, |found| {
            found.into_iter().for_each(|gram| in_statutes[gram as usize] = true)
        })
    }

    fn look(&mut self, corpus: &Corpus) -> Result<u64> {
        let (mut found, mut nearest) = (vec![false; self.grams.len()], self.nearest.clone());
        let mut answer_in = self.answer_in.clone();
        let take = |hits: Hits| {
            hits.grams.iter().for_each(|gram| found[*gram as usize] = true);
            for item in &hits.answers {
                answer_in[*item].get_or_insert_with(|| hits.id.clone());
            }
            for (item, count) in hits.items {
                let best = &mut nearest[item as usize];
                if count > best.0 {
                    *best = (count, hits.id.clone());
                }
            }
        };
        let num_texts = stream(corpus, Texts::Training, |id, text| self.hits(id, text), take)?;
        (self.in_training, self.nearest, self.answer_in) = (found, nearest, answer_in);
        Ok(num_texts)
    }

    fn hits(&self, id: &str, text: &[char]) -> Hits {
        let (mut grams, mut answers) = (Vec::new(), Vec::new());
        for (at, gram) in self.grams.find(text) {
            let begun = self.answers.get(&gram).into_iter().flatten();
            answers.extend(begun.filter(|(_, answer)| text[at..].starts_with(answer)).map(|(item, _)| *item));
            if !self.in_statutes[gram as usize] {
                grams.push(gram);
            }
        }
        grams.sort_unstable();
        grams.dedup();
        let mut items: FxHashMap<u32, u32> = FxHashMap::default();
        for gram in &grams {
            let questions = self.grams.items_of(*gram).iter().filter(|text| (**text as usize) < self.num_items);
            questions.for_each(|item| *items.entry(*item).or_default() += 1);
        }
        Hits { grams, items: items.into_iter().collect(), answers, id: id.to_owned() }
    }

    fn finding(&self, at: usize, item: &BenchmarkItem, threshold: f64) -> Finding {
        let grams = &self.of_texts[at];
        let beyond_statutes = |grams: &[u32]| grams.iter().filter(|gram| !self.in_statutes[**gram as usize]).count();
        let beyond = beyond_statutes(grams);
        let found = grams.iter().filter(|gram| self.in_training[**gram as usize]).count();
        let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        let (most, nearest) = &self.nearest[at];
        let is_told = beyond_statutes(&self.of_texts[self.num_items + at]) >= MIN_FOUND;
        let answer_in = self.answer_in[at].clone().filter(|_| is_told);
        let answer = is_told.then_some(answer_in.is_some());
        let reaches = found >= MIN_FOUND && share(found, beyond).is_some_and(|share| share >= threshold);
        Finding {
            task: item.task.to_owned(),
            item: item.item,
            reference: fingerprint(&item.answer),
            grams: grams.len(),
            statute_share: share(grams.len() - beyond, grams.len()),
            share: share(found, beyond),
            nearest_share: share(*most as usize, beyond),
            nearest: (*most > 0).then(|| nearest.clone()),
            answer,
            answer_in,
            flagged: reaches || answer == Some(true),
        }
    }
}
