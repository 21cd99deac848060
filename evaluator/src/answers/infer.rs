//! Answers a file of records: a JSON object a line, with `instruction` and, where there is one, `input`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use trainer::data::chat::Record;

use super::{Log, Session};
use crate::{Error, Result};

/// What is answered, and where to.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Who answers.
    #[command(flatten)]
    pub session: super::Options,
    /// Records: {"instruction", "input", "output"}, one a line.
    pub input: PathBuf,
    /// The answers: the records with `prediction`, why it ended, and counts. An interrupted run goes on.
    #[arg(long)]
    pub out: PathBuf,
}

/// Answer the records; how many there are, and how many of them were cut.
///
/// # Errors
/// Records that are none, a model that cannot be read, answers that were made otherwise.
pub fn infer(options: Options) -> Result<(usize, usize)> {
    let records = read(&options.input)?;
    let session = Session::open(options.session)?;
    let asked: Vec<Record> = records.iter().map(question).collect();
    let prompts = session.prompts(&asked)?;
    let mut log = Log::open(&options.out, &session.settings(&prompts), prompts.len())?;
    session.answer(&prompts, &mut log, |item| records[item].clone())?;
    Ok((records.len(), prompts.iter().filter(|prompt| prompt.cut_characters > 0).count()))
}

fn question(record: &Map<String, Value>) -> Record {
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Record { instruction: text("instruction"), input: text("input"), ..Record::default() }
}

/// Names that an answer gets beside those of its record.
const OURS: [&str; 6] = ["item", "prediction", "stop", "prompt_tokens", "answer_tokens", "cut_characters"];

fn read(path: &Path) -> Result<Vec<Map<String, Value>>> {
    let bytes = fs_err::read(path)?;
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let mut records = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let bad = |what: String| Error::Invalid { at: format!("{}: line {number}", path.display()), what };
        if line.trim_ascii_start().starts_with(b"[") {
            return Err(bad("a list; one JSON object a line is read".into()));
        }
        let record: Map<String, Value> =
            serde_json::from_slice(line).map_err(|e| bad(format!("not a JSON object: {e}")))?;
        if question(&record).instruction.trim().is_empty() {
            return Err(bad("it has no text `instruction`".into()));
        }
        if record.get("input").is_some_and(|input| !input.is_string() && !input.is_null()) {
            return Err(bad("its `input` is no text".into()));
        }
        if let Some(name) = OURS.iter().find(|name| record.contains_key(**name)) {
            return Err(bad(format!("it has `{name}`, which the answer is to have")));
        }
        records.push(record);
    }
    if records.is_empty() {
        return Err(Error::invalid(path, "no records"));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.jsonl");
        let read_text = |text: &str| {
            fs_err::write(&path, text).unwrap();
            read(&path).map_err(|e| e.to_string())
        };
        let good =
            "\u{feff}{\"instruction\":\"甲\",\"input\":null}\n\n{\"instruction\":\"乙\",\"input\":\"丙\",\"id\":7}";
        let records = read_text(good).unwrap();
        assert_eq!((records.len(), question(&records[1]).input.as_str()), (2, "丙"));
        assert_eq!(question(&records[0]).input, "");
        for (text, expected) in [
            ("", "no records"),
            ("[{\"instruction\":\"甲\"}]", "line 1: a list"),
            ("{\"instruction\":\"甲\"}\n{\"instruction\":\"乙\"", "line 2: not a JSON object"),
            ("{\"instruction\":\" \"}", "line 1: it has no text `instruction`"),
            ("{\"input\":\"甲\"}", "line 1: it has no text `instruction`"),
            ("{\"instruction\":\"甲\",\"input\":3}", "line 1: its `input` is no text"),
            ("{\"instruction\":\"甲\",\"prediction\":\"乙\"}", "line 1: it has `prediction`"),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
