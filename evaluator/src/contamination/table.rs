//! Writes what was found of a benchmark in a corpus: a JSON line an item, or a table.

use std::fmt::Write as _;

use super::{Contamination, Finding};
use crate::{report::percent, stats::mean};

/// Flagged items that the table names.
const NAMED: usize = 10;

/// A line for each task, and the flagged items that are nearest to a training text.
pub fn table(contamination: &Contamination) -> String {
    let Contamination { findings, num_texts, num_statutes, build_key, .. } = contamination;
    let mut text = format!(
        "corpus {build_key:.12}: {num_texts} court documents and records, {num_statutes} statutes and records of them\n\n\
         {:<4}  {:>5}  {:>7}  {:>10}  {:>12}  {:>8}  {:>7}\n",
        "task", "items", "flagged", "mean share", "in statutes", "answers", "found"
    );
    for of_task in findings.chunk_by(|a, b| a.task == b.task) {
        let count = |is_so: fn(&Finding) -> bool| of_task.iter().filter(|finding| is_so(finding)).count();
        let _ = writeln!(
            text,
            "{:<4}  {:>5}  {:>7}  {:>10}  {:>12}  {:>8}  {:>7}",
            of_task[0].task,
            of_task.len(),
            count(|finding| finding.flagged),
            percent(mean(of_task.iter().filter_map(|finding| finding.share))),
            percent(mean(of_task.iter().filter_map(|finding| finding.statute_share))),
            count(|finding| finding.answer.is_some()),
            count(|finding| finding.answer == Some(true)),
        );
    }
    let mut flagged: Vec<&Finding> = findings.iter().filter(|finding| finding.flagged).collect();
    flagged.sort_by(|a, b| b.nearest_share.unwrap_or(0.0).total_cmp(&a.nearest_share.unwrap_or(0.0)));
    if !flagged.is_empty() {
        let _ =
            writeln!(text, "\n{:<4}  {:>5}  {:>7}  nearest text, or the one with the answer", "task", "item", "share");
    }
    for finding in flagged.iter().take(NAMED) {
        let nearest = finding.answer_in.as_deref().or(finding.nearest.as_deref()).unwrap_or("-");
        let _ = writeln!(text, "{:<4}  {:>5}  {:>7}  {nearest}", finding.task, finding.item, percent(finding.share));
    }
    if flagged.len() > NAMED {
        let _ = writeln!(text, "and {} more", flagged.len() - NAMED);
    }
    text
}
