//! Defines everything that a page shows, and gathers it.

use std::path::Path;

use corpus_format::{Index, reader::hash_file};
use rayon::prelude::*;
use serde::Serialize;

use super::examples::worst;
use crate::{
    Error, Mode, Result,
    bounds::Bounds,
    compare::{Comparison, Settings, Side, compare},
    contamination::Flagged,
    run::{self, Mean, Row, Scores},
    stats::Bootstrap,
};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The folder of models.
    pub predictions: &'a Path,
    /// Which split the answers are to.
    pub split: &'a str,
    /// Which faults of the published scorer are kept.
    pub mode: Mode,
    /// How intervals are drawn, and what slices are shown.
    pub settings: Settings,
    /// The model that the others are compared with; the best one where none is named.
    pub against: Option<&'a str>,
    /// The corpus that the models were trained on.
    pub corpus: Option<&'a Path>,
    /// The flagged items.
    pub flagged: Option<&'a Path>,
    /// The command, as it was given.
    pub command: String,
}

/// Everything that a page shows.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// What ran.
    pub ran: Ran,
    /// A row for each model and task.
    pub rows: Vec<Row>,
    /// The mean of each model over its tasks.
    pub means: Vec<Mean>,
    /// Floors and ceilings of each task.
    pub bounds: Vec<Bounds>,
    /// Every other model against one.
    pub comparisons: Vec<Comparison>,
    /// The answers that were judged worst.
    pub examples: Vec<Example>,
    /// What a reader should know.
    pub warnings: Vec<String>,
}

/// What ran.
#[derive(Debug, Serialize)]
pub struct Ran {
    /// The command, as it was given.
    pub command: String,
    /// Which split the answers are to.
    pub split: String,
    /// Which faults of the published scorer are kept.
    pub mode: Mode,
    /// How intervals were drawn.
    #[serde(flatten)]
    pub bootstrap: Bootstrap,
    /// Key of the build of the corpus that the models were trained on, where one was given.
    pub corpus: Option<String>,
    /// SHA-256 of the file of flagged items, where one was given.
    pub flagged: Option<String>,
    /// The files of answers.
    pub predictions: Vec<PredictionFile>,
}

/// A file of answers.
#[derive(Debug, Serialize)]
pub struct PredictionFile {
    /// The model.
    pub model: String,
    /// The task's number.
    pub task: &'static str,
    /// Items in it.
    pub items: usize,
    /// Its SHA-256.
    pub sha256: String,
}

/// An answer, shortened.
#[derive(Debug, Serialize)]
pub struct Example {
    /// The model.
    pub model: String,
    /// The task's number.
    pub task: &'static str,
    /// The item's number.
    pub item: u32,
    /// What the answer scores.
    pub score: f64,
    /// What was asked, where the predictions say so.
    pub question: Option<String>,
    /// The reference.
    pub reference: String,
    /// The answer.
    pub prediction: String,
}

impl Evaluation {
    /// The tasks that any model has, in the order of their numbers.
    pub(super) fn tasks(&self) -> Vec<&'static str> {
        let has = |task: &&crate::lawbench::Task| self.rows.iter().any(|row| row.task == task.id);
        crate::lawbench::TASKS.iter().filter(has).map(|task| task.id).collect()
    }
}

/// Score a folder of models and compare them.
///
/// # Errors
/// Answers, corpus or flags that cannot be read; a model to compare with that is not there.
pub fn evaluate(request: &Request) -> Result<Evaluation> {
    let bootstrap = request.settings.bootstrap;
    let flagged = request.flagged.map(|path| Ok::<_, Error>((Flagged::read(path)?, hash_file(path)?.1))).transpose()?;
    let corpus = request.corpus.map(Index::read).transpose()?.map(|index| index.build_key);
    let mut scores = run::score(request.predictions, request.split, request.mode, None)?;
    scores.draw_intervals(bootstrap);
    if let Some((flagged, _)) = &flagged {
        scores.without(flagged, bootstrap);
    }
    let bounds = Bounds::of_tasks(&scores.references, &[Mode::Official, Mode::Strict]);
    let means = scores.means(bootstrap);
    let comparisons = comparisons(request, &scores, &means)?;
    let files = scores.files.par_iter().zip(&scores.rows);
    let predictions = files.map(|(file, row)| {
        let sha256 = hash_file(file)?.1;
        Ok(PredictionFile { model: row.model.clone(), task: row.task, items: row.items, sha256 })
    });
    let ran = Ran {
        command: request.command.clone(),
        split: request.split.to_owned(),
        mode: request.mode,
        bootstrap,
        corpus,
        flagged: flagged.map(|(_, sha256)| sha256),
        predictions: predictions.collect::<Result<_>>()?,
    };
    let examples = examples(&scores)?;
    let warnings = [scores.above_gold(), scores.warnings].concat();
    Ok(Evaluation { ran, rows: scores.rows, means, bounds, comparisons, examples, warnings })
}

/// Each other model against the one that is asked for, or the best.
fn comparisons(request: &Request, scores: &Scores, means: &[Mean]) -> Result<Vec<Comparison>> {
    let best = || means.iter().max_by(|a, b| a.score.total_cmp(&b.score)).map(|mean| mean.model.as_str());
    let Some(against) = request.against.or_else(best) else { return Ok(Vec::new()) };
    let models: Vec<&str> = means.iter().map(|mean| mean.model.as_str()).collect();
    if !models.contains(&against) {
        let what = format!("no model {against:?} to compare with; there are {}", models.join(", "));
        return Err(Error::invalid(request.predictions, what));
    }
    let side = |model: &str| Side {
        model: model.to_owned(),
        mode: request.mode,
        tasks: scores.tasks.iter().filter(|task| task.model == model).cloned().collect(),
        warnings: Vec::new(),
    };
    let against = side(against);
    let others = models.into_iter().filter(|model| *model != against.model);
    Ok(others.map(|model| compare(&side(model), &against, request.settings)).collect())
}

fn examples(scores: &Scores) -> Result<Vec<Example>> {
    let file_of = |task: &crate::items::TaskItems| {
        let place = scores.rows.iter().position(|row| row.model == task.model && row.task == task.task);
        place.and_then(|place| scores.files.get(place))
    };
    let found = scores.tasks.par_iter().filter_map(|task| Some(worst(task, file_of(task)?)));
    Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}
