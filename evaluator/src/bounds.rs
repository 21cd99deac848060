//! Defines what a score is read against: answers that know nothing, and the references themselves.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use crate::{
    Mode,
    lawbench::{Answer, Rule, TASKS, Task},
    score::judge,
    stats::mean,
};

/// What answers score that no model gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bounds {
    /// The task's number.
    pub task: &'static str,
    /// Which faults of the published scorer are kept.
    pub mode: Mode,
    /// Empty answers.
    pub empty: Option<f64>,
    /// The commonest reference as every answer.
    pub majority: Option<f64>,
    /// The references as answers.
    pub gold: Option<f64>,
    /// The reference that is commonest.
    pub commonest: String,
    /// How many items have it.
    pub commonest_items: usize,
}

impl Bounds {
    /// Of a task with these references; none where it is not scored or a reference is none of the task.
    pub fn of(task: &'static Task, references: &[String], mode: Mode) -> Option<Self> {
        if task.rule == Rule::Edits {
            return None;
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        references.iter().for_each(|reference| *counts.entry(reference).or_default() += 1);
        // Of references that are equally common the first in order.
        let (commonest, items) = counts.into_iter().max_by_key(|(text, count)| (*count, std::cmp::Reverse(*text)))?;
        Some(Self {
            task: task.id,
            mode,
            empty: score(task, references, mode, |_| String::new()),
            majority: score(task, references, mode, |_| commonest.to_owned()),
            gold: gold(task, references, mode),
            commonest: commonest.to_owned(),
            commonest_items: items,
        })
    }

    /// The bounds of every task from its references, in both modes or one.
    pub fn of_tasks(references: &BTreeMap<&'static str, Vec<String>>, modes: &[Mode]) -> Vec<Self> {
        static ALL: [Task; 20] = TASKS;
        let of_task = |task: &'static Task| {
            let references = references.get(task.id);
            modes.par_iter().filter_map(move |mode| Self::of(task, references?, *mode))
        };
        ALL.par_iter().flat_map(of_task).collect()
    }
}

/// What the references of a task score as answers.
pub fn gold(task: &Task, references: &[String], mode: Mode) -> Option<f64> {
    score(task, references, mode, str::to_owned)
}

fn score(task: &Task, references: &[String], mode: Mode, answer: impl Fn(&str) -> String + Sync) -> Option<f64> {
    let verdicts = references.par_iter().map(|reference| {
        let answer = Answer { prediction: answer(reference), reference: reference.clone() };
        judge(task.rule, &answer, mode)?.ok()
    });
    let verdicts: Option<Vec<_>> = verdicts.collect();
    mean(verdicts?.iter().filter_map(|verdict| verdict.score))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lawbench::task;

    fn bounds(id: &str, references: &[&str], mode: Mode) -> Bounds {
        let references: Vec<String> = references.iter().map(|reference| (*reference).to_owned()).collect();
        Bounds::of(task(id).unwrap().1, &references, mode).unwrap()
    }

    #[test]
    fn nothing_the_commonest_and_the_reference_are_answers() {
        let exam = bounds("1-2", &["正确答案：B。", "正确答案：A。", "正确答案：B。"], Mode::Official);
        assert_eq!((exam.empty, exam.gold), (Some(0.0), Some(1.0)));
        assert!((exam.majority.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!((exam.commonest.as_str(), exam.commonest_items), ("正确答案：B。", 2));
        let tie = bounds("1-2", &["正确答案：D。", "正确答案：A。"], Mode::Official);
        assert_eq!((tie.commonest.as_str(), tie.majority), ("正确答案：A。", Some(0.5)));
    }

    #[test]
    fn the_published_scorer_keeps_references_below_the_best() {
        let charge = |mode| bounds("3-3", &["罪名:合同诈骗"], mode).gold.unwrap();
        assert!((charge(Mode::Official) - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(charge(Mode::Strict), 1.0);
    }

    #[test]
    fn a_task_without_a_score_has_no_bounds() {
        assert!(Bounds::of(task("2-1").unwrap().1, &["甲".into()], Mode::Official).is_none());
        assert!(Bounds::of(task("1-2").unwrap().1, &[], Mode::Official).is_none());
        let references = BTreeMap::from([("1-2", vec!["正确答案：B。".to_owned()])]);
        assert_eq!(Bounds::of_tasks(&references, &[Mode::Official, Mode::Strict]).len(), 2);
    }
}
