//! Writes what was found of a benchmark in a corpus: a JSON line an item, or a table.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Contamination, Finding};
use crate::{report::percent, stats::mean};

/// Flagged items that the table names.
const NAMED: usize = 10;

/// What was found of a task's items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfTask {
    /// The task's number.
    pub task: String,
    /// Items.
    pub items: usize,
    /// Flagged items.
    pub flagged: usize,
    /// The mean share of a question that stands in court documents and given records.
    pub share: Option<f64>,
    /// The mean share of a question that stands in statutes and what was derived from them.
    pub statute_share: Option<f64>,
    /// Answers that were looked for.
    pub answers: usize,
    /// Answers that were found.
    pub found: usize,
}

/// Counts and shares by task.
pub fn by_task(findings: &[Finding]) -> Vec<OfTask> {
    let of_task = |findings: &[Finding]| {
        let count = |is_so: fn(&Finding) -> bool| findings.iter().filter(|finding| is_so(finding)).count();
        OfTask {
            task: findings[0].task.clone(),
            items: findings.len(),
            flagged: count(|finding| finding.flagged),
            share: mean(findings.iter().filter_map(|finding| finding.share)),
            statute_share: mean(findings.iter().filter_map(|finding| finding.statute_share)),
            answers: count(|finding| finding.answer.is_some()),
            found: count(|finding| finding.answer == Some(true)),
        }
    };
    findings.chunk_by(|a, b| a.task == b.task).map(of_task).collect()
}

/// A line for each task, and the flagged items that are nearest to a training text.
pub fn table(contamination: &Contamination) -> String {
    let Contamination { findings, num_texts, num_statutes, build_key, .. } = contamination;
    let mut text = format!(
        "corpus {build_key:.12}: {num_texts} court documents and records, {num_statutes} statutes and records of them\n\n\
         {:<4}  {:>5}  {:>7}  {:>10}  {:>12}  {:>8}  {:>7}\n",
        "task", "items", "flagged", "mean share", "in statutes", "answers", "found"
    );
    for OfTask { task, items, flagged, share, statute_share, answers, found } in by_task(findings) {
        let (share, statute_share) = (percent(share), percent(statute_share));
        let _ = writeln!(
            text,
            "{task:<4}  {items:>5}  {flagged:>7}  {share:>10}  {statute_share:>12}  {answers:>8}  {found:>7}",
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
