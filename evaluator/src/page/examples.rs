//! Picks the answers that are worth a look: those that were judged worst.

use std::path::Path;

use super::Example;
use crate::{
    Result,
    items::TaskItems,
    lawbench::{questions, read_told},
    report::shortened,
};

/// Examples of a model in a task.
const EXAMPLES: usize = 3;

/// The answers of a task that score least among those in which something could be judged.
pub(super) fn worst(of_task: &TaskItems, file: &Path) -> Result<Vec<Example>> {
    let mut scored: Vec<(f64, usize)> = (0..)
        .zip(&of_task.items)
        .filter(|(_, item)| item.abstained != Some(true))
        .filter_map(|(at, item)| Some((item.score.filter(|score| *score < 1.0)?, at)))
        .collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    scored.truncate(EXAMPLES);
    let told = read_told(file)?;
    let prompts: Option<Vec<&str>> = told.iter().map(|told| told.prompt.as_deref()).collect();
    let questions = prompts.map(|prompts| questions(&prompts));
    let example = |(score, at): (f64, usize)| {
        let answer = &told.get(at)?.answer;
        Some(Example {
            model: of_task.model.clone(),
            task: of_task.task,
            item: of_task.items[at].item,
            score,
            question: questions.as_ref().map(|questions| shortened(&questions[at])),
            reference: shortened(&answer.reference),
            prediction: shortened(&answer.prediction),
        })
    };
    Ok(scored.into_iter().filter_map(example).collect())
}
