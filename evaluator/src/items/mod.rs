//! Defines what an item scores, and the file of them.

mod file;

pub use file::{read, write};

use crate::{
    Mode,
    lawbench::{Task, Told, questions},
    score::Verdict,
    stats::Value,
    traits::{Traits, fingerprint},
};

/// The items of a model in a task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskItems {
    /// The model: the name of its folder.
    pub model: String,
    /// The task.
    pub task: &'static str,
    /// Which split the answers are to.
    pub split: String,
    /// Which faults of the published scorer are kept.
    pub mode: Mode,
    /// In the order of their numbers.
    pub items: Vec<Item>,
}

/// An item as judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its number in the task, from 0.
    pub item: u32,
    /// 1 at best; none where the mean leaves the item out.
    pub score: Option<f64>,
    /// Whether nothing that could be judged was found in the answer; none where the rate leaves the item out.
    pub abstained: Option<bool>,
    /// How the answer ended, where the predictions say so.
    pub outcome: Option<String>,
    /// Hash of the reference: items of one number are the same only if it is.
    pub reference: String,
    /// What the item is about.
    pub traits: Traits,
}

impl TaskItems {
    /// The values of the items that count, for statistics.
    pub fn values(&self) -> Vec<Value<'_>> {
        let items = self.items.iter().filter_map(|item| item.score.map(|score| (item, score)));
        items.map(|(item, value)| Value { task: self.task, case: item.traits.case.as_deref(), value }).collect()
    }
}

/// Items from answers and what became of them.
pub(crate) fn items(task: &Task, told: &[Told], verdicts: &[Verdict]) -> Vec<Item> {
    let prompts: Option<Vec<&str>> = told.iter().map(|told| told.prompt.as_deref()).collect();
    // Questions are found by what all prompts share, so that with one prompt missing none can be trusted.
    let questions = prompts.map(|prompts| questions(&prompts));
    let item = |(at, (told, verdict)): (usize, (&Told, &Verdict))| {
        let question = questions.as_ref().map(|questions| questions[at].as_str());
        Item {
            item: u32::try_from(at).unwrap_or(u32::MAX),
            score: verdict.score,
            abstained: verdict.abstained,
            outcome: told.outcome.clone(),
            reference: fingerprint(&told.answer.reference),
            traits: Traits::read(task, question, &told.answer.reference),
        }
    };
    told.iter().zip(verdicts).enumerate().map(item).collect()
}
