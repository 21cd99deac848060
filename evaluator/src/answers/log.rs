//! Keeps answers: a JSON line each as soon as it is there, in the order of the items once all are.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Prompt;
use crate::{
    Error, Result,
    generate::{Answer, Stop},
    write_file,
};

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The place of its item, from 0.
    pub item: usize,
    /// What is kept beside the answer.
    #[serde(flatten)]
    pub more: Map<String, Value>,
    /// What the model answered.
    pub prediction: String,
    /// Why the answer ended; none where the prompt left no room for one.
    pub stop: Option<Stop>,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the answer.
    pub answer_tokens: usize,
    /// Characters that were cut off the item to leave room for an answer.
    pub cut_characters: usize,
}

impl Record {
    pub(super) fn answered(answer: &Answer, prompt: &Prompt, more: Map<String, Value>) -> Self {
        Self {
            item: answer.id,
            more,
            prediction: answer.text.clone(),
            stop: Some(answer.stop),
            prompt_tokens: answer.prompt_tokens,
            answer_tokens: answer.tokens.len(),
            cut_characters: prompt.cut_characters,
        }
    }

    pub(super) fn unanswered(item: usize, prompt: &Prompt, more: Map<String, Value>) -> Self {
        let cut_characters = prompt.cut_characters;
        Self { item, more, prediction: String::new(), stop: None, prompt_tokens: 0, answer_tokens: 0, cut_characters }
    }
}

/// Answers in a file, and beside it what they were made with.
pub struct Log {
    path: PathBuf,
    file: fs_err::File,
    records: BTreeMap<usize, Record>,
}

impl Log {
    /// Begin a file of answers to `num_items` items, or go on with the one that is there.
    ///
    /// # Errors
    /// A file that is no such one, or that was made with other settings.
    pub fn open(path: &Path, settings: &Value, num_items: usize) -> Result<Self> {
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let beside = beside(path);
        if !path.exists() {
            fs_err::write(&beside, format!("{settings:#}\n"))?;
        } else if !beside.exists() {
            return Err(Error::invalid(path, "is there already, and nothing says what made it; it is left alone"));
        } else {
            check(path, &Self::settings(path)?.unwrap_or_default(), settings)?;
        }
        let records = read(path, num_items)?;
        let file = fs_err::OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file, records })
    }

    /// What made the answers of a file, where the file beside it says so.
    ///
    /// # Errors
    /// A file that is there and is none of settings.
    pub fn settings(path: &Path) -> Result<Option<Value>> {
        let beside = beside(path);
        if !beside.exists() {
            return Ok(None);
        }
        let text = fs_err::read_to_string(&beside)?;
        serde_json::from_str(&text).map(Some).map_err(|e| Error::invalid(&beside, e.to_string()))
    }

    /// The answers of a file, in the order of their items.
    ///
    /// # Errors
    /// A file that is no such one.
    pub fn read(path: &Path) -> Result<Vec<Record>> {
        Ok(read(path, usize::MAX)?.into_values().collect())
    }

    /// Whether an item has its answer.
    pub fn has(&self, item: usize) -> bool {
        self.records.contains_key(&item)
    }

    /// Answers so far.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The answers, in the order of their items.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// Keep an answer.
    pub(super) fn add(&mut self, record: Record) -> Result<()> {
        self.file.write_all(line(&record).as_bytes())?;
        self.records.insert(record.item, record);
        Ok(())
    }

    /// Put the lines in order.
    pub(super) fn finish(&mut self) -> Result<()> {
        let lines: String = self.records().map(line).collect();
        write_file(&self.path, lines.as_bytes())
    }
}

fn line(record: &Record) -> String {
    // Text, numbers and nothing: all of it has a JSON form.
    serde_json::to_string(record).unwrap_or_default() + "\n"
}

/// The file beside a file of answers that says what made them.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.to_owned().into_os_string();
    beside.push(".settings");
    beside.into()
}

fn check(path: &Path, before: &Value, settings: &Value) -> Result<()> {
    let empty = Map::new();
    let (old, new) = (before.as_object().unwrap_or(&empty), settings.as_object().unwrap_or(&empty));
    let changed: Vec<&str> = new.keys().filter(|key| old.get(*key) != new.get(*key)).map(String::as_str).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let what = format!(
        "was begun with other settings ({}); going on would mix them. Remove it, or write elsewhere",
        changed.join(", ")
    );
    Err(Error::invalid(path, what))
}

/// The answers of a file; what a write left that was interrupted is taken away.
fn read(path: &Path, num_items: usize) -> Result<BTreeMap<usize, Record>> {
    let mut records = BTreeMap::new();
    if !path.exists() {
        return Ok(records);
    }
    let bytes = fs_err::read(path)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    if whole < bytes.len() {
        fs_err::OpenOptions::new().write(true).open(path)?.set_len(whole as u64)?;
    }
    for (number, line) in (1..).zip(bytes[..whole].split_inclusive(|byte| *byte == b'\n')) {
        let at = || format!("{}: line {number}", path.display());
        let record: Record = serde_json::from_slice(line)
            .map_err(|e| Error::Invalid { at: at(), what: format!("not an answer: {e}") })?;
        if record.item >= num_items {
            let what = format!("item {} of {num_items}", record.item);
            return Err(Error::Invalid { at: at(), what });
        }
        records.insert(record.item, record);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(item: usize) -> Record {
        let prompt = Prompt { tokens: Vec::new(), cut_characters: 3 };
        let more = json!({"instruction": "甲"}).as_object().unwrap().clone();
        Record::unanswered(item, &prompt, more)
    }

    #[test]
    fn a_run_goes_on_after_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/out.jsonl");
        let settings = json!({"model": "a", "seed": 1});
        let mut log = Log::open(&path, &settings, 3).unwrap();
        log.add(record(2)).unwrap();
        log.add(record(0)).unwrap();
        drop(log);
        let whole = fs_err::read(&path).unwrap();
        fs_err::write(&path, [&whole[..], b"{\"item\":1,\"pred"].concat()).unwrap();
        let mut log = Log::open(&path, &settings, 3).unwrap();
        assert_eq!((log.len(), log.has(1)), (2, false));
        assert_eq!(fs_err::read(&path).unwrap(), whole);
        log.add(record(1)).unwrap();
        log.finish().unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        let items: Vec<Record> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(items, [record(0), record(1), record(2)]);
        assert!(text.starts_with("{\"item\":0,\"instruction\":\"甲\",\"prediction\":\"\""), "{text}");
    }

    #[test]
    fn what_was_made_otherwise_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let refused = |settings: Value, num_items: usize| {
            Log::open(&path, &settings, num_items).err().expect("refused").to_string()
        };
        Log::open(&path, &json!({"model": "a", "seed": 1}), 3).unwrap().add(record(2)).unwrap();
        assert!(refused(json!({"model": "b", "seed": 1}), 3).contains("other settings (model)"));
        assert!(refused(json!({"model": "a", "seed": 1}), 2).contains("line 1: item 2 of 2"));
        fs_err::write(&path, "{}\n").unwrap();
        assert!(refused(json!({"model": "a", "seed": 1}), 3).contains("line 1: not an answer"));
        fs_err::remove_file(beside(&path)).unwrap();
        assert!(refused(json!({"model": "a", "seed": 1}), 3).contains("nothing says what made it"));
    }
}
