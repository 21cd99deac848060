//! Defines everything that a page shows, and gathers it.

use std::path::{Path, PathBuf};

use corpus_format::{Corpus, Index, reader::hash_file};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::examples::worst;
use crate::{
    Error, Mode, Result,
    answers::{Log, failures::Failures, held_out},
    bounds::Bounds,
    citations::{Asked, Laws, Summary, check_file},
    compare::{Comparison, Settings, Side, compare},
    contamination::{Flagged, OfTask},
    items::TaskItems,
    perplexity::Report,
    proofreading::Proofreader,
    run::{self, Mean, Row, Scores},
    stats::Bootstrap,
};

/// What is asked for.
#[derive(Clone)]
pub struct Request<'a> {
    /// The folder of models' answers to LawBench, where there are any.
    pub predictions: Option<&'a Path>,
    /// What proofreading (2-1) is scored with; it has no score without.
    pub proofreader: Option<&'a Proofreader>,
    /// The models and the tasks that are shown; all that there are where none are named.
    pub only: (&'a [String], &'a [String]),
    /// Which split the answers are to.
    pub split: &'a str,
    /// Which faults of the published scorer are kept.
    pub mode: Mode,
    /// How intervals are drawn, and what slices are shown.
    pub settings: Settings,
    /// The model that the others are compared with; the best one where none is named.
    pub against: Option<&'a str>,
    /// The corpus whose statutes citations are checked against.
    pub corpus: Option<&'a Path>,
    /// The flagged items.
    pub flagged: Option<&'a Path>,
    /// The command, as it was given.
    pub command: String,
    /// What was measured beside LawBench.
    pub extra: Extra,
}

/// What was measured beside LawBench.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// SHA-256 of the configuration.
    pub config: Option<String>,
    /// How well held-out documents are foreseen.
    pub perplexity: Option<Report>,
    /// How near answers to held-out records come.
    pub held_out: Vec<held_out::Row>,
    /// Files of these answers.
    pub answers: Vec<PathBuf>,
    /// How much of LawBench stands in the corpus.
    pub contamination: Vec<OfTask>,
    /// What a reader should know.
    pub warnings: Vec<String>,
}

/// Everything that a page shows.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// What ran.
    pub ran: Ran,
    /// How well held-out documents are foreseen.
    pub perplexity: Option<Report>,
    /// How near answers to held-out records come.
    pub held_out: Vec<held_out::Row>,
    /// Whether what answers cite exists and is right.
    pub citations: Vec<Summary>,
    /// How answers to LawBench ended.
    pub failures: Vec<Failures>,
    /// How much of LawBench stands in the corpus.
    pub contamination: Vec<OfTask>,
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
    /// What each item scores: the figures name files, not items.
    #[serde(skip)]
    pub scores: Vec<TaskItems>,
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
    /// Key of the build of the corpus, where one was given.
    pub corpus: Option<String>,
    /// SHA-256 of the file of flagged items, where one was given.
    pub flagged: Option<String>,
    /// SHA-256 of the configuration, where there was one.
    pub config: Option<String>,
    /// What answered, as far as the files beside the answers say.
    pub models: Vec<Answerer>,
    /// The files of answers.
    pub predictions: Vec<PredictionFile>,
}

/// What answered: hashes of its files, and the template. Nothing where it has none, such as an adapter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answerer {
    /// What it is called.
    pub name: String,
    /// SHA-256 of its weights.
    pub model: Option<String>,
    /// SHA-256 of its adapter.
    pub adapter: Option<String>,
    /// SHA-256 of its tokenizer.
    pub tokenizer: Option<String>,
    /// The chat template.
    pub template: Option<String>,
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
    let mut scores = match request.predictions {
        Some(folder) => run::score(folder, request.split, request.mode, request.proofreader)?,
        None => Scores { mode: request.mode, ..Scores::default() },
    };
    let is_among = |names: &[String], name: &str| names.is_empty() || names.iter().any(|known| known == name);
    scores.retain(|model, task| is_among(request.only.0, model) && is_among(request.only.1, task));
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
        config: request.extra.config.clone(),
        models: answerers(request, &scores)?,
        predictions: predictions.collect::<Result<_>>()?,
    };
    let examples = examples(&scores)?;
    let (citations, failures) = (citations(request, &scores)?, Failures::of_scores(&scores)?);
    let Extra { perplexity, held_out, contamination, warnings, .. } = request.extra.clone();
    let warnings = [warnings, scores.above_gold(), scores.warnings].concat();
    let rows = scores.rows;
    Ok(Evaluation {
        ran,
        perplexity,
        held_out,
        citations,
        failures,
        contamination,
        rows,
        means,
        bounds,
        comparisons,
        examples,
        warnings,
        scores: scores.tasks,
    })
}

/// What the files beside answers say of who gave them: each once.
fn answerers(request: &Request, scores: &Scores) -> Result<Vec<Answerer>> {
    let of_lawbench =
        scores.files.iter().zip(&scores.rows).map(|(file, row)| (file.with_extension("jsonl"), &*row.model));
    let of_held_out = request.extra.answers.iter().map(|path| {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        (path.clone(), name)
    });
    let mut all: Vec<Answerer> = Vec::new();
    for (log, name) in of_held_out.chain(of_lawbench) {
        let Some(settings) = Log::settings(&log)? else { continue };
        // What else they tell decides answers, not who answered.
        let told: Answerer = serde_json::from_value(settings).unwrap_or_default();
        let answerer = Answerer { name: name.to_owned(), ..told };
        if !all.contains(&answerer) {
            all.push(answerer);
        }
    }
    Ok(all)
}

/// Tasks of LawBench whose answers cite articles.
const CITING: [&str; 3] = ["1-1", "3-2", "3-8"];

/// What answers cite, checked against the corpus where there is one.
fn citations(request: &Request, scores: &Scores) -> Result<Vec<Summary>> {
    let Some(corpus) = request.corpus else { return Ok(Vec::new()) };
    let name = |path: &PathBuf| path.file_stem().unwrap_or_default().display().to_string();
    let held_out = request.extra.answers.iter().map(|path| (format!("{} held out", name(path)), path));
    let lawbench = scores.files.iter().zip(&scores.rows);
    let lawbench = lawbench
        .filter(|(_, row)| CITING.contains(&row.task))
        .map(|(path, row)| (format!("{} {}", row.model, row.task), path));
    let files: Vec<(String, &PathBuf)> = held_out.chain(lawbench).collect();
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let (laws, asked) = (Laws::read(&Corpus::open(corpus)?)?, Asked::default());
    files.iter().map(|(name, path)| Ok(Summary::from(&check_file(name, path, &laws, &asked)?))).collect()
}

/// Each other model against the one that is asked for, or the best.
fn comparisons(request: &Request, scores: &Scores, means: &[Mean]) -> Result<Vec<Comparison>> {
    let means: Vec<&Mean> = means.iter().filter(|mean| !mean.with_proofreading).collect();
    let best = || means.iter().max_by(|a, b| a.score.total_cmp(&b.score)).map(|mean| mean.model.as_str());
    let Some(against) = request.against.or_else(best) else { return Ok(Vec::new()) };
    let models: Vec<&str> = means.iter().map(|mean| mean.model.as_str()).collect();
    if !models.contains(&against) {
        let what = format!("no model {against:?} to compare with; there are {}", models.join(", "));
        return Err(Error::invalid(request.predictions.unwrap_or(Path::new("models")), what));
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
    let file_of = |task: &TaskItems| {
        let place = scores.rows.iter().position(|row| row.model == task.model && row.task == task.task);
        place.and_then(|place| scores.files.get(place))
    };
    let found = scores.tasks.par_iter().filter_map(|task| Some(worst(task, file_of(task)?)));
    Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}
