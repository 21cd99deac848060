//! Reads one side of a comparison: a folder of answers, or a file of scored items.

use std::path::{Path, PathBuf};

use crate::{
    Error, Mode, Result,
    items::{self, TaskItems},
    run,
};

/// A model with its scored items.
#[derive(Debug, Clone)]
pub struct Side {
    /// The model.
    pub model: String,
    /// Which faults of the published scorer are kept.
    pub mode: Mode,
    /// Its tasks.
    pub tasks: Vec<TaskItems>,
    /// What was odd about its files.
    pub warnings: Vec<String>,
}

impl Side {
    /// Read a folder `MODEL` with `TASK.json` in it, which is scored, or a file of items. Where a file has items of
    /// several models, `FILE#MODEL` says which.
    ///
    /// # Errors
    /// A file that cannot be read or is of another form; a file of several models, or without the one named.
    pub fn read(path: &Path, split: &str, mode: Mode) -> Result<Self> {
        let (file, model) = file_and_model(path);
        if file.is_dir() {
            let scores = run::score_model(&file, split, mode)?;
            let model = scores.rows.first().map(|row| row.model.clone()).unwrap_or_default();
            return Ok(Self { model, mode, tasks: scores.tasks, warnings: scores.warnings });
        }
        let mut tasks = items::read(&file)?;
        tasks.retain(|task| task.split == split);
        if tasks.is_empty() {
            return Err(Error::invalid(&file, format!("no items of the split {split}")));
        }
        let mut models: Vec<String> = tasks.iter().map(|task| task.model.clone()).collect();
        models.sort_unstable();
        models.dedup();
        let model = match (model, models.as_slice()) {
            (Some(model), models) if models.contains(&model) => model,
            (None, [model]) => model.clone(),
            _ => {
                let what = format!("say which model is meant, as FILE#MODEL; there are {}", models.join(", "));
                return Err(Error::invalid(&file, what));
            }
        };
        tasks.retain(|task| task.model == model);
        let mode = tasks.first().map_or(mode, |task| task.mode);
        Ok(Self { model, mode, tasks, warnings: Vec::new() })
    }
}

/// `FILE#MODEL` in parts, unless there is a file of that name.
fn file_and_model(path: &Path) -> (PathBuf, Option<String>) {
    let text = path.to_str().filter(|_| !path.exists());
    match text.and_then(|text| text.rsplit_once('#')) {
        Some((file, model)) => (file.into(), Some(model.to_owned())),
        None => (path.to_owned(), None),
    }
}
