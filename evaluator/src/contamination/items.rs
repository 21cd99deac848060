//! Reads the items of a benchmark: a file `TASK.json` a task, with questions and answers.

use std::path::Path;

use serde::Deserialize;

use crate::{
    Error, Result,
    run::{entries, task_of},
};

/// An item as published.
#[derive(Debug, Deserialize)]
struct Record {
    question: String,
    answer: String,
}

/// An item to look for.
#[derive(Debug)]
pub(super) struct BenchmarkItem {
    pub task: &'static str,
    /// Its number in the task, from 0.
    pub item: u32,
    pub question: String,
    pub answer: String,
}

/// The items of every task in a folder, and warnings about other files. Instructions are left out: all items of a
/// task have the same.
///
/// # Errors
/// A folder without tasks; a file that cannot be read or is of another form.
pub(super) fn read(folder: &Path) -> Result<(Vec<BenchmarkItem>, Vec<String>)> {
    let (mut tasks, mut warnings) = (Vec::new(), Vec::new());
    for path in entries(folder)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
        match task_of(&path) {
            Some((place, task)) => tasks.push((place, task.id, path)),
            None => warnings.push(format!("{}: no task of LawBench has this number; not looked for", path.display())),
        }
    }
    if tasks.is_empty() {
        return Err(Error::invalid(folder, "no files TASK.json with items (such as 1-1.json)"));
    }
    tasks.sort_unstable();
    let mut items = Vec::new();
    for (_, task, path) in tasks {
        let records = read_task(&path)?;
        items.extend((0..).zip(records).map(|(item, record)| BenchmarkItem {
            task,
            item,
            question: record.question,
            answer: record.answer,
        }));
    }
    Ok((items, warnings))
}

fn read_task(path: &Path) -> Result<Vec<Record>> {
    let bytes = fs_err::read(path)?;
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    if text.trim_ascii().is_empty() {
        return Err(Error::invalid(path, "the file is empty"));
    }
    let records: Vec<Record> =
        serde_json::from_slice(text).map_err(|source| Error::BadItems { at: path.display().to_string(), source })?;
    if records.is_empty() {
        return Err(Error::invalid(path, "no items"));
    }
    Ok(records)
}
