//! Scores a folder of answers: `MODEL/TASK.json`, as LawBench lays it out.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use serde::Serialize;

use crate::{
    Error, Mode, Result,
    bounds::gold,
    contamination::Flagged,
    items::{TaskItems, items},
    lawbench::{NUM_ITEMS, Rule, Task, Told, read_told, task},
    proofreading::{Proofread, Proofreader},
    score::{Verdict, judge, load_words},
    stats::{Bootstrap, Interval, Sample, mean, sorted},
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
    /// Where the score's 95 % interval starts; none where none was drawn.
    pub low: Option<f64>,
    /// Where it ends.
    pub high: Option<f64>,
    /// The share of items with nothing in them that could be judged; none where the score is.
    pub abstention: Option<f64>,
    /// Items read.
    pub items: usize,
    /// The score without flagged items, where some were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unflagged: Option<Unflagged>,
}

/// A score without flagged items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unflagged {
    /// The mean over the items that are left; none where none is.
    pub score: Option<f64>,
    /// Where its 95 % interval starts.
    pub low: Option<f64>,
    /// Where it ends.
    pub high: Option<f64>,
    /// Items that are left.
    pub items: usize,
}

/// The mean of a model over the tasks that are scored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mean {
    /// The model.
    pub model: String,
    /// Tasks with a score.
    pub tasks: usize,
    /// Whether proofreading (2-1) is one of them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub with_proofreading: bool,
    /// The mean of their scores.
    pub score: f64,
    /// Its 95 % interval.
    #[serde(flatten)]
    pub interval: Option<Interval>,
}

/// Rows by model and task, and what a reader of them should know.
#[derive(Debug, Default)]
pub struct Scores {
    /// In the order of models' names and tasks' numbers.
    pub rows: Vec<Row>,
    /// The file that each row is of.
    pub files: Vec<PathBuf>,
    /// What each item scores: a task for each row that has a score.
    pub tasks: Vec<TaskItems>,
    /// What each model's edits are, where proofreading is judged: by model.
    pub proofread: BTreeMap<String, Proofread>,
    /// Which faults of the published scorer are kept.
    pub mode: Mode,
    /// The references of each task, as the first model's file has them.
    pub references: BTreeMap<&'static str, Vec<String>>,
    /// Tasks that are not whole, not scored, or no tasks.
    pub warnings: Vec<String>,
}

impl Scores {
    /// Keep what `is_kept`, by model and task.
    pub fn retain(&mut self, is_kept: impl Fn(&str, &str) -> bool) {
        let mut kept = self.rows.iter().map(|row| is_kept(&row.model, row.task)).collect::<Vec<_>>().into_iter();
        self.files.retain(|_| kept.next().unwrap_or(false));
        self.rows.retain(|row| is_kept(&row.model, row.task));
        self.tasks.retain(|task| is_kept(&task.model, task.task));
    }

    /// Give every row its interval, drawing items again.
    pub fn draw_intervals(&mut self, bootstrap: Bootstrap) {
        for task in &self.tasks {
            let Some(row) = self.rows.iter_mut().find(|row| row.model == task.model && row.task == task.task) else {
                continue;
            };
            let interval = Sample::of(&task.values()).interval(bootstrap);
            (row.low, row.high) = (interval.map(|i| i.low), interval.map(|i| i.high));
        }
        for row in self.rows.iter_mut().filter(|row| is_proofreading(row)) {
            let Some(proofread) = self.proofread.get(&row.model) else { continue };
            let interval = Interval::of(&sorted(proofread.draw(bootstrap)));
            (row.low, row.high) = (interval.map(|i| i.low), interval.map(|i| i.high));
        }
    }

    /// The scores without flagged items, which every row is given too.
    pub fn without(&mut self, flagged: &Flagged, bootstrap: Bootstrap) -> Self {
        let mut left = Self::default();
        for of_task in &self.tasks {
            let num_others = flagged.num_others(of_task);
            if num_others > 0 {
                let (model, task) = (&of_task.model, of_task.task);
                let what = "flagged items have other references here; they are kept";
                self.warnings.push(format!("{model}/{task}: {num_others} {what}"));
            }
            let of_task = flagged.left(of_task);
            if let Some((_, task)) = task(of_task.task) {
                left.rows.push(row(&of_task, task));
                left.tasks.push(of_task);
            }
        }
        left.draw_intervals(bootstrap);
        for Row { model, task, score, low, high, items, .. } in &left.rows {
            let row = self.rows.iter_mut().find(|row| row.model == *model && row.task == *task);
            let unflagged = Unflagged { score: *score, low: *low, high: *high, items: *items };
            row.into_iter().for_each(|row| row.unflagged = Some(unflagged.clone()));
        }
        left
    }

    /// Rows whose score is above what the references themselves get: their models may have seen the references.
    pub fn above_gold(&self) -> Vec<String> {
        let of_task =
            |(id, references): (&&'static str, &Vec<String>)| Some((*id, gold(task(id)?.1, references, self.mode)?));
        let golds: BTreeMap<&str, f64> = self.references.par_iter().filter_map(of_task).collect();
        let above = self.rows.iter().filter_map(|row| {
            let gold = golds.get(row.task)?;
            (row.score? > gold + 1e-9).then(|| {
                let what = "above what the references themselves get; the model may have been trained on them";
                format!("{}/{}: the score is {what}", row.model, row.task)
            })
        });
        above.collect()
    }

    /// The mean of every model over its tasks but proofreading, and where that is judged, another one with it.
    pub fn means(&self, bootstrap: Bootstrap) -> Vec<Mean> {
        let of_model = |rows: &[Row]| {
            let model = &rows[0].model;
            let values: Vec<_> =
                self.tasks.iter().filter(|task| task.model == *model).flat_map(TaskItems::values).collect();
            let sample = Sample::of(&values);
            let draws = sample.draws(bootstrap);
            let scores: Vec<f64> =
                rows.iter().filter(|row| !is_proofreading(row)).filter_map(|row| row.score).collect();
            let of = |tasks: usize, with_proofreading, score, draws| {
                let interval = Interval::of_score(&sorted(draws), sample.num_cases());
                Mean { model: model.clone(), tasks, with_proofreading, score, interval }
            };
            let others = mean(scores.iter().copied()).map(|score| of(scores.len(), false, score, draws.clone()));
            let proofread = rows.iter().filter(|row| is_proofreading(row)).find_map(|row| row.score);
            let all = proofread.zip(self.proofread.get(model)).and_then(|(score, proofread)| {
                let (count, score) = (scores.len(), mean(scores.iter().copied().chain([score]))?);
                let both = |(others, edits): (f64, f64)| (others * count as f64 + edits) / (count + 1) as f64;
                Some(of(
                    count + 1,
                    true,
                    score,
                    draws.iter().copied().zip(proofread.draw(bootstrap)).map(both).collect(),
                ))
            });
            [others, all]
        };
        self.rows.chunk_by(|a, b| a.model == b.model).flat_map(of_model).flatten().collect()
    }
}

fn is_proofreading(row: &Row) -> bool {
    task(row.task).is_some_and(|(_, task)| task.rule == Rule::Edits)
}

/// A file of answers.
struct Predictions {
    model: String,
    task: &'static Task,
    path: PathBuf,
}

/// Score every file `MODEL/TASK.json` below `folder`, or below the folder of the split in it.
///
/// Without a proofreader proofreading (2-1) has no score.
///
/// # Errors
/// A folder without such files; a file that cannot be read or is not of that form.
pub fn score(folder: &Path, split: &str, mode: Mode, proofreader: Option<&Proofreader>) -> Result<Scores> {
    let (files, warnings) = find(&of_split(folder, split))?;
    score_files(&files, warnings, &Scorer { split, mode, proofreader })
}

/// Score every file `TASK.json` of one model's folder, proofreading (2-1) left out.
///
/// # Errors
/// A folder without such files; a file that cannot be read or is not of that form.
pub fn score_model(folder: &Path, split: &str, mode: Mode) -> Result<Scores> {
    let mut warnings = Vec::new();
    let files: Vec<Predictions> = find_of_model(folder, &mut warnings)?.into_values().collect();
    if files.is_empty() {
        return Err(Error::invalid(folder, "no files TASK.json (such as 1-1.json); give the folder of one model"));
    }
    score_files(&files, warnings, &Scorer { split, mode, proofreader: None })
}

/// How files are scored.
struct Scorer<'a> {
    split: &'a str,
    mode: Mode,
    proofreader: Option<&'a Proofreader>,
}

fn score_files(files: &[Predictions], mut warnings: Vec<String>, scorer: &Scorer) -> Result<Scores> {
    // Building the dictionary of words takes longer than scoring a file: others are scored meanwhile, and none waits.
    let needs_words = |file: &&Predictions| matches!(file.task.rule, Rule::RougeL { .. });
    let (with_words, others): (Vec<&Predictions>, Vec<&Predictions>) = files.iter().partition(needs_words);
    let score = |files: &[&Predictions]| files.par_iter().map(|file| scorer.score(file)).collect::<Vec<_>>();
    let load = || {
        if with_words.is_empty() {
            Vec::new()
        } else {
            load_words();
            score(&with_words)
        }
    };
    let (with_words, others) = rayon::join(load, || score(&others));
    let (mut with_words, mut others) = (with_words.into_iter(), others.into_iter());
    // Of several bad files the first is told of, whichever is found first.
    let scored = files.iter().filter_map(|file| if needs_words(&file) { with_words.next() } else { others.next() });
    let mut scores = Scores { mode: scorer.mode, ..Scores::default() };
    for scored in scored {
        let scored = scored?;
        scores.references.entry(scored.row.task).or_insert(scored.references);
        scores.proofread.extend(scored.proofread.map(|proofread| (scored.row.model.clone(), proofread)));
        scores.rows.push(scored.row);
        scores.tasks.extend(scored.items);
        warnings.extend(scored.warnings);
    }
    let files = files.iter().map(|file| file.path.clone()).collect();
    Ok(Scores { files, warnings, ..scores })
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

/// The folder of a split in a folder, or the folder itself where there is none.
pub(crate) fn of_split(folder: &Path, split: &str) -> PathBuf {
    let below_split = folder.join(split);
    if below_split.is_dir() { below_split } else { folder.to_owned() }
}

/// The visible entries of a folder, by name.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
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

/// The task that a file's name is the number of, and its place.
pub(crate) fn task_of(path: &Path) -> Option<(usize, &'static Task)> {
    path.extension().filter(|end| *end == "json")?;
    task(path.file_stem()?.to_str()?)
}

/// What comes of a file.
struct Scored {
    row: Row,
    items: Option<TaskItems>,
    proofread: Option<Proofread>,
    references: Vec<String>,
    warnings: Vec<String>,
}

impl Scorer<'_> {
    fn score(&self, file: &Predictions) -> Result<Scored> {
        let told = read_told(&file.path)?;
        let mut warnings = Vec::new();
        if told.len() < NUM_ITEMS {
            warnings.push(format!("{}: {} items of {NUM_ITEMS}", file.path.display(), told.len()));
        }
        let Task { id, rule, .. } = *file.task;
        let (model, split, mode) = (file.model.clone(), self.split.to_owned(), self.mode);
        let of_task = TaskItems { model, task: id, split, mode, items: Vec::new() };
        if rule == Rule::Edits {
            let (proofread, warning) = self.proofread(file, &told)?;
            warnings.extend(warning);
            let row = Row { items: told.len(), ..row(&of_task, file.task) };
            let (score, abstention) = proofread.as_ref().map(|p| (p.score(mode), p.abstention())).unzip();
            let row = Row { score, abstention: abstention.flatten(), ..row };
            return Ok(Scored { row, items: None, proofread, references: Vec::new(), warnings });
        }
        let judged: Vec<_> = told.par_iter().filter_map(|told| judge(rule, &told.answer, mode)).collect();
        let verdicts = judged
            .into_iter()
            .enumerate()
            .map(|(at, judged)| judged.map_err(|what| Error::at_item(&file.path, at, what)))
            .collect::<Result<Vec<Verdict>>>()?;
        let of_task = TaskItems { items: items(file.task, &told, &verdicts), ..of_task };
        let references = told.into_iter().map(|told| told.answer.reference).collect();
        Ok(Scored { row: row(&of_task, file.task), items: Some(of_task), proofread: None, references, warnings })
    }

    /// What becomes of a file of corrected sentences, and what a reader of it should know.
    fn proofread(&self, file: &Predictions, told: &[Told]) -> Result<(Option<Proofread>, Option<String>)> {
        let (path, id) = (file.path.display(), file.task.id);
        let Some(proofreader) = self.proofreader else {
            let what = "needs tables of characters, which `evaluator score --proofreading-tables` takes";
            return Ok((None, Some(format!("{path}: task {id} is not scored: it {what}"))));
        };
        let proofread = proofreader.judge(&file.path, told, self.mode)?;
        let (count, max) = (proofread.over_bound, proofreader.max_alignments());
        let instead = "无 is judged in their place";
        let warning = format!("{path}: {count} answers and references have more than {max} alignments; {instead}");
        Ok((Some(proofread), (count > 0).then_some(warning)))
    }
}

/// The row of a task's items, without an interval.
fn row(of_task: &TaskItems, task: &Task) -> Row {
    let items = &of_task.items;
    Row {
        model: of_task.model.clone(),
        task: task.id,
        metric: task.metric,
        score: mean(items.iter().filter_map(|item| item.score)),
        low: None,
        high: None,
        abstention: mean(items.iter().filter_map(|item| item.abstained).map(|a| f64::from(u8::from(a)))),
        items: items.len(),
        unflagged: None,
    }
}
