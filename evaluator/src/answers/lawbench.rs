//! Answers LawBench's items, writes the answers as LawBench lays them out, and scores them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use trainer::data::chat::Record;

use super::{Log, Session, failures::Failures};
use crate::{
    Error, Mode, Result,
    lawbench::{TASKS, Task},
    run::{self, Scores},
    write_file,
};

/// Who answers what.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Who answers.
    #[command(flatten)]
    pub session: super::Options,
    /// What is answered.
    #[command(flatten)]
    pub asked: Asked,
}

/// What is answered, and where to.
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {
    /// A folder with LawBench's items, TASK.json, or with such a folder for each split.
    #[arg(long)]
    pub items: PathBuf,
    /// Where answers go: SPLIT/MODEL/TASK.json as LawBench lays them out, beside it how each ended, and items.parquet
    /// with what each scores. An interrupted run goes on.
    #[arg(long)]
    pub out: PathBuf,
    /// Only these tasks, such as 1-2; all that there are items of where absent.
    #[arg(long, value_delimiter = ',')]
    pub tasks: Vec<String>,
    /// Which faults of the published scorer are kept: all, or none.
    #[arg(long, default_value = "official")]
    pub mode: Mode,
}

impl Asked {
    /// Check that the items can be read.
    ///
    /// # Errors
    /// Items that are none, or not those of the tasks that are asked for.
    pub fn check(&self, split: &str) -> Result<()> {
        read(&self.items, split, &self.tasks).map(|_| ())
    }
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Item {
    instruction: String,
    question: String,
    answer: String,
}

/// A task with its items.
type Items = (&'static Task, Vec<Item>);

/// An answer as LawBench keeps it.
#[derive(Serialize)]
struct Prediction<'a> {
    origin_prompt: [Message<'a>; 1],
    prediction: &'a str,
    refr: &'a str,
}

/// What was asked, before the template.
#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    prompt: String,
}

impl Item {
    /// LawBench's prompt.
    fn prompt(&self) -> String {
        format!("{}\n{}", self.instruction, self.question)
    }
}

/// Answer the items of `split` and score the answers: rows of this model, how its answers ended, and their folder.
///
/// # Errors
/// Items that are none, a model that cannot be read, answers that were made otherwise.
pub fn lawbench(options: Options, split: &str) -> Result<(Scores, Vec<Failures>, PathBuf)> {
    let Options { session, asked } = options;
    let tasks = read(&asked.items, split, &asked.tasks)?;
    let session = Session::open(session)?;
    answer_tasks(&session, &tasks, &asked, split)?;
    let folder = asked.out.join(split).join(&session.model.name);
    let is_here = |_: &str, task: &str| tasks.iter().any(|(here, _)| here.id == task);
    let mut scores = run::score_model(&folder, split, asked.mode)?;
    scores.retain(is_here);
    let failures = Failures::of_scores(&scores)?;
    Ok((scores, failures, folder))
}

/// Answer the items of `split`.
///
/// # Errors
/// Items that are none, answers that were made otherwise.
pub fn answer(session: &Session, asked: &Asked, split: &str) -> Result<()> {
    answer_tasks(session, &read(&asked.items, split, &asked.tasks)?, asked, split)
}

fn answer_tasks(session: &Session, tasks: &[Items], asked: &Asked, split: &str) -> Result<()> {
    let folder = asked.out.join(split).join(&session.model.name);
    for (task, items) in tasks {
        let record = |item: &Item| Record { instruction: item.prompt(), ..Record::default() };
        let prompts = session.prompts(&items.iter().map(record).collect::<Vec<_>>())?;
        let path = folder.join(format!("{}.jsonl", task.id));
        let mut log = Log::open(&path, &session.settings(&prompts), prompts.len())?;
        session.answer(&prompts, &mut log, |_| Map::new())?;
        write(&folder.join(format!("{}.json", task.id)), items, &log)?;
    }
    Ok(())
}

/// The items of the tasks that are asked for, in the order of the tasks.
fn read(folder: &Path, split: &str, wanted: &[String]) -> Result<Vec<Items>> {
    static ALL: [Task; 20] = TASKS;
    if let Some(unknown) = wanted.iter().find(|id| ALL.iter().all(|task| task.id != id.as_str())) {
        return Err(Error::Invalid { at: "tasks".into(), what: format!("LawBench has no task `{unknown}`") });
    }
    let folder = &run::of_split(folder, split);
    let mut tasks = Vec::new();
    for task in ALL.iter().filter(|task| wanted.is_empty() || wanted.iter().any(|id| id == task.id)) {
        let path = folder.join(format!("{}.json", task.id));
        if path.exists() || !wanted.is_empty() {
            tasks.push((task, read_items(&path)?));
        }
    }
    if tasks.is_empty() {
        return Err(Error::invalid(folder, "no items TASK.json (such as 1-2.json)"));
    }
    Ok(tasks)
}

fn read_items(path: &Path) -> Result<Vec<Item>> {
    let bytes = fs_err::read(path)?;
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let items: Vec<Item> = serde_json::from_slice(text).map_err(|e| {
        Error::invalid(path, format!("not a list of items with `instruction`, `question` and `answer`: {e}"))
    })?;
    if items.is_empty() {
        return Err(Error::invalid(path, "no items"));
    }
    Ok(items)
}

/// Write the answers of a task as LawBench lays them out.
fn write(path: &Path, items: &[Item], log: &Log) -> Result<()> {
    let entry = |record: &super::Kept| {
        let item = &items[record.item];
        let origin_prompt = [Message { role: "HUMAN", prompt: item.prompt() }];
        let prediction = Prediction { origin_prompt, prediction: &record.prediction, refr: &item.answer };
        (record.item.to_string(), json!(prediction))
    };
    let all: Map<_, _> = log.records().map(entry).collect();
    write_file(path, format!("{:#}\n", json!(all)).as_bytes())
}
