//! Runs a whole evaluation: every model of a configuration through every measure that it asks for, and one page on all.

mod config;

use std::path::{Path, PathBuf};

use corpus_format::reader::hash_file;

pub use config::{Config, HeldOut, Lawbench, Perplexity};

use crate::{
    Result,
    answers::{self, Session, held_out, lawbench},
    compare::Settings,
    contamination::{by_task, look},
    items,
    model::Files,
    page::{self, Evaluation, Extra},
    perplexity::{OfModel, Report, Windows, documents},
    proofreading::{MAX_ALIGNMENTS, Proofreader},
    report::json_lines,
    run::of_split,
    stats::Bootstrap,
    write_file,
};

/// Items that a slice of LawBench must have to be shown.
const MIN_ITEMS: usize = 20;

/// Evaluate. An interrupted evaluation measures documents again, and goes on after its last answer.
///
/// # Errors
/// A configuration, a model, a corpus or items that cannot be read; answers that were made otherwise.
pub fn run(path: &Path, command: String) -> Result<(Config, Evaluation)> {
    let config = Config::read(path)?;
    let bootstrap = Bootstrap::default();
    let answers = Answers { folder: config.output.join("answers") };
    let mut extra = Extra { config: Some(hash_file(path)?.1), ..Extra::default() };
    let mut notes = Vec::new();
    let texts = match &config.perplexity {
        Some(asked) => documents(&config.corpus, &asked.split, asked.max_documents, &mut notes)?,
        None => Vec::new(),
    };
    let records = config.held_out.as_ref().map(|asked| held_out::read(&config.corpus, asked.per_kind)).transpose()?;
    let names: Vec<String> = config.models.iter().map(Files::name).collect();
    check(&config, &answers)?;
    let mut foreseen: Vec<OfModel> = Vec::new();
    let mut report = Report { notes, ..Report::default() };
    for files in &config.models {
        let session = Session::open(answers::Options {
            files: files.clone(),
            template: config.template.clone(),
            batch: config.batch,
            generate: config.generate.clone(),
        })?;
        extra.warnings.extend(session.model.notes.iter().cloned());
        extra.warnings.extend(session.model.stranger_to(&config.corpus)?);
        if let Some(asked) = &config.perplexity {
            let windows = Windows::of(&session.model, asked.context, asked.stride)?;
            foreseen.push(report.add(&session.model, &texts, windows, bootstrap)?);
        }
        if let Some(records) = &records {
            let path = answers.held_out(&session.model.name);
            extra.held_out.extend(held_out::answer(&session, records, &path, bootstrap)?);
            extra.answers.push(path);
        }
        if let Some(asked) = &config.lawbench {
            lawbench::answer(&session, &answers.asked(asked), &asked.split)?;
        }
    }
    if let Some((first, others)) = foreseen.split_first() {
        others.iter().for_each(|other| report.compare(&texts, other, first, bootstrap));
        extra.perplexity = Some(report);
    }
    let flagged = config.lawbench.as_ref().map(|asked| flagged(&config, asked, &mut extra)).transpose()?;
    let predictions = config.lawbench.as_ref().map(|_| answers.lawbench());
    let tables = config.lawbench.as_ref().and_then(|asked| asked.proofreading_tables.as_deref());
    let proofreader = tables.map(|folder| Proofreader::read(folder, MAX_ALIGNMENTS)).transpose()?;
    let evaluation = page::evaluate(&page::Request {
        proofreader: proofreader.as_ref(),
        predictions: predictions.as_deref(),
        only: (&names, config.lawbench.as_ref().map_or(&[], |asked| &asked.tasks)),
        split: config.lawbench.as_ref().map_or("zero_shot", |asked| &asked.split),
        mode: config.lawbench.as_ref().map(|asked| asked.mode).unwrap_or_default(),
        settings: Settings { bootstrap, min_items: MIN_ITEMS },
        against: names.first().filter(|_| predictions.is_some()).map(String::as_str),
        corpus: Some(&config.corpus),
        flagged: flagged.as_deref(),
        command,
        extra,
    })?;
    if !evaluation.scores.is_empty() {
        items::write(&config.output.join("items.parquet"), &evaluation.scores)?;
    }
    Ok((config, evaluation))
}

/// Say what is missing before the first of many answers.
fn check(config: &Config, answers: &Answers) -> Result<()> {
    if let Some(asked) = &config.lawbench {
        answers.asked(asked).check(&asked.split)?;
    }
    config.models.iter().try_for_each(Files::check)
}

/// Look for the items in the corpus: the file of what was found.
fn flagged(config: &Config, asked: &Lawbench, extra: &mut Extra) -> Result<PathBuf> {
    let items = of_split(&asked.items, &asked.split);
    let contamination = look(&items, &config.corpus, asked.flag_from)?;
    extra.contamination = by_task(&contamination.findings);
    let path = config.output.join("contamination.jsonl");
    write_file(&path, json_lines(&contamination.findings).as_bytes())?;
    Ok(path)
}

/// Where answers go.
struct Answers {
    folder: PathBuf,
}

impl Answers {
    fn held_out(&self, model: &str) -> PathBuf {
        self.folder.join("held_out").join(format!("{model}.jsonl"))
    }

    fn lawbench(&self) -> PathBuf {
        self.folder.join("lawbench")
    }

    fn asked(&self, Lawbench { items, tasks, mode, .. }: &Lawbench) -> lawbench::Asked {
        lawbench::Asked { items: items.clone(), out: self.lawbench(), tasks: tasks.clone(), mode: *mode }
    }
}
