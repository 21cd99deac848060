//! Scores a folder of answers: `MODEL/TASK.json`, as LawBench lays it out.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use serde::Serialize;

use crate::{
    Error, Mode, Result,
    lawbench::{NUM_ITEMS, Rule, Task, read, task},
    score::{Verdict, judge},
};

/// The score of a model in a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The model: the name of its folder.
    pub model: String,
    /// The task's number.
    pub task: &'static str,
    /// What the score is.
    pub metric: &'static str,
    /// The mean over items, 1 at best; none where the task is not scored or every item is left out.
    pub score: Option<f64>,
    /// The share of items with nothing in them that could be judged; none where the score is.
    pub abstention: Option<f64>,
    /// Items read.
    pub items: usize,
}

/// Rows by model and task, and what a reader of them should know.
#[derive(Debug, Default)]
pub struct Scores {
    /// In the order of models' names and tasks' numbers.
    pub rows: Vec<Row>,
    /// Tasks that are not whole, not scored, or no tasks.
    pub warnings: Vec<String>,
}

/// A file of answers.
struct Predictions {
    model: String,
    task: &'static Task,
    path: PathBuf,
}

/// Score every file `MODEL/TASK.json` below `folder`, or below the folder of the split in it.
///
/// # Errors
/// A folder without such files; a file that cannot be read or is not of that form.
pub fn score(folder: &Path, split: &str, mode: Mode) -> Result<Scores> {
    let below_split = folder.join(split);
    let folder = if below_split.is_dir() { &below_split } else { folder };
    let (files, mut warnings) = find(folder)?;
    // Of several bad files the first is told of, whichever is found first.
    let scored: Vec<Result<(Row, Vec<String>)>> = files.par_iter().map(|file| score_file(file, mode)).collect();
    let mut rows = Vec::with_capacity(scored.len());
    for scored in scored {
        let (row, more) = scored?;
        rows.push(row);
        warnings.extend(more);
    }
    Ok(Scores { rows, warnings })
}

/// Files in the order of models' names and tasks' numbers; warnings about others.
fn find(folder: &Path) -> Result<(Vec<Predictions>, Vec<String>)> {
    let (mut files, mut warnings) = (Vec::new(), Vec::new());
    let (models, others): (Vec<PathBuf>, Vec<PathBuf>) = entries(folder)?.into_iter().partition(|path| path.is_dir());
    for path in models {
        let of_model = find_of_model(&path, &mut warnings)?;
        if of_model.is_empty() {
            warnings.push(format!("{}: no files TASK.json", path.display()));
        }
        files.extend(of_model.into_values());
    }
    if files.is_empty() {
        let is_of_model = others.iter().any(|path| task_of(path).is_some());
        let hint = if is_of_model { "; give the folder above, that of all models" } else { "" };
        return Err(Error::invalid(folder, format!("no files MODEL/TASK.json (such as GPT4/1-1.json){hint}")));
    }
    Ok((files, warnings))
}

/// The files of one model by the place of their tasks.
fn find_of_model(folder: &Path, warnings: &mut Vec<String>) -> Result<BTreeMap<usize, Predictions>> {
    let model = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut files = BTreeMap::new();
    for path in entries(folder)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
        match task_of(&path) {
            Some((place, task)) => {
                files.insert(place, Predictions { model: model.clone().into_owned(), task, path });
            }
            None => warnings.push(format!("{}: no task of LawBench has this number; not scored", path.display())),
        }
    }
    Ok(files)
}

/// The visible entries of a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn task_of(path: &Path) -> Option<(usize, &'static Task)> {
    path.extension().filter(|end| *end == "json")?;
    task(path.file_stem()?.to_str()?)
}

fn score_file(file: &Predictions, mode: Mode) -> Result<(Row, Vec<String>)> {
    let answers = read(&file.path)?;
    let mut warnings = Vec::new();
    if answers.len() < NUM_ITEMS {
        warnings.push(format!("{}: {} items of {NUM_ITEMS}", file.path.display(), answers.len()));
    }
    let Task { id, metric, rule, .. } = *file.task;
    let mut row =
        Row { model: file.model.clone(), task: id, metric, score: None, abstention: None, items: answers.len() };
    if rule == Rule::Unscored {
        warnings.push(format!("{}: task {id} is not scored by this program", file.path.display()));
        return Ok((row, warnings));
    }
    let judged: Vec<_> = answers.par_iter().filter_map(|answer| judge(rule, answer, mode)).collect();
    let verdicts = judged
        .into_iter()
        .enumerate()
        .map(|(at, judged)| judged.map_err(|what| Error::at_item(&file.path, at, what)))
        .collect::<Result<Vec<Verdict>>>()?;
    row.score = mean(verdicts.iter().filter_map(|verdict| verdict.score));
    row.abstention = mean(verdicts.iter().filter_map(|verdict| verdict.abstained).map(|a| f64::from(u8::from(a))));
    Ok((row, warnings))
}

fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = numbers.fold((0, 0.0), |(count, sum), number| (count + 1, sum + number));
    (count > 0).then(|| sum / f64::from(count))
}
