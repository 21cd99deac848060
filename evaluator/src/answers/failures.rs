//! Counts answers that fail in form, apart from those that are wrong.

use serde::Serialize;

use super::{Kept, Log};
use crate::{
    Error, Mode, Result,
    generate::Stop,
    lawbench::{Answer, Task, read_told, task},
    run::Scores,
    score::judge,
};

/// How the answers of a task ended. Each answer counts in one of `no_room` to `well_formed`; `cut` is
/// beside them. An answer that did not end is scored as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// The model.
    pub model: String,
    /// The task's number.
    pub task: String,
    /// Items.
    pub items: usize,
    /// Items that were cut to leave room for an answer.
    pub cut: usize,
    /// Items that left no room for an answer, however much of them was cut.
    pub no_room: usize,
    /// Answers that repeated themselves and were ended.
    pub loops: usize,
    /// Answers that had not ended when they had as many tokens as they may have.
    pub no_stop: usize,
    /// Answers that had not ended when the context was full.
    pub truncated: usize,
    /// Answers that ended and are nothing, or white space.
    pub empty: usize,
    /// Answers that ended and have nothing in them that the task could judge.
    pub unparsable: usize,
    /// Answers that ended and have something in them that the task can judge, right or wrong.
    pub well_formed: usize,
}

impl Failures {
    /// Those of each file of answers beside which a file says how they ended.
    ///
    /// # Errors
    /// A file that is not of its form, or answers to items that there are not.
    pub fn of_scores(scores: &Scores) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for (file, row) in scores.files.iter().zip(&scores.rows) {
            let log = file.with_extension("jsonl");
            let Some((_, task)) = task(row.task).filter(|_| log.exists()) else { continue };
            let (kept, told) = (Log::read(&log)?, read_told(file)?);
            if let Some(kept) = kept.iter().find(|kept| kept.item >= told.len()) {
                let what = format!("item {}, and {} has {} items", kept.item, file.display(), told.len());
                return Err(Error::invalid(&log, what));
            }
            let answers = kept.iter().map(|kept| (kept, told[kept.item].answer.reference.as_str()));
            all.push(Self::of(&row.model, task, answers, scores.mode));
        }
        Ok(all)
    }

    fn of<'a>(model: &str, task: &Task, answers: impl Iterator<Item = (&'a Kept, &'a str)>, mode: Mode) -> Self {
        let mut all = Self { model: model.into(), task: task.id.into(), ..Self::default() };
        for (answer, reference) in answers {
            all.items += 1;
            all.cut += usize::from(answer.cut_characters > 0);
            let place = match answer.stop {
                None => &mut all.no_room,
                Some(Stop::Loop) => &mut all.loops,
                Some(Stop::Length) => &mut all.no_stop,
                Some(Stop::Context) => &mut all.truncated,
                Some(Stop::End | Stop::Text) if answer.prediction.trim().is_empty() => &mut all.empty,
                Some(Stop::End | Stop::Text) if is_unparsable(task, &answer.prediction, reference, mode) => {
                    &mut all.unparsable
                }
                Some(Stop::End | Stop::Text) => &mut all.well_formed,
            };
            *place += 1;
        }
        all
    }
}

fn is_unparsable(task: &Task, prediction: &str, reference: &str, mode: Mode) -> bool {
    let answer = Answer { prediction: prediction.into(), reference: reference.into() };
    judge(task.rule, &answer, mode).and_then(Result::ok).is_some_and(|verdict| verdict.abstained == Some(true))
}

/// A JSON line for each task.
pub fn json_lines(rows: &[Failures]) -> String {
    // Text and numbers: all of it has a JSON form.
    rows.iter().map(|row| serde_json::to_string(row).unwrap_or_default() + "\n").collect()
}

/// A table: how the answers of each task ended.
pub fn table(rows: &[Failures]) -> String {
    let names =
        ["task", "items", "cut", "no_room", "loops", "no_stop", "truncated", "empty", "unparsable", "well_formed"];
    let line = |cells: &[String]| cells.iter().map(|cell| format!("{cell:>12}")).collect::<String>() + "\n";
    let cells = |row: &Failures| {
        let counts = [row.items, row.cut, row.no_room, row.loops, row.no_stop];
        let more = [row.truncated, row.empty, row.unparsable, row.well_formed];
        let counts = counts.iter().chain(&more).map(ToString::to_string);
        line(&[row.task.clone()].into_iter().chain(counts).collect::<Vec<_>>())
    };
    let head = line(&names.map(str::to_owned));
    format!("how answers ended:\n{head}{}", rows.iter().map(cells).collect::<String>())
}
