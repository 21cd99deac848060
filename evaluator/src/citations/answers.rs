//! Defines where texts with citations come from: LawBench's answers, JSON lines, plain text.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Error, Result, lawbench::read_told};

/// Fields of a JSON line that may hold the text, the first that is there is taken.
const FIELDS: [&str; 4] = ["prediction", "output", "answer", "text"];

/// A text, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Place in its file, from 0.
    pub item: usize,
    /// What was asked, where the file says so.
    pub prompt: Option<String>,
    /// The text.
    pub text: String,
}

/// The files below `input` that are read, in the order of their paths; a file is its own.
///
/// # Errors
/// A folder that cannot be read or has no such file.
pub fn files(input: &Path) -> Result<Vec<PathBuf>> {
    if !input.is_dir() {
        return Ok(vec![input.to_owned()]);
    }
    let (mut found, mut folders) = (Vec::new(), vec![input.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder)? {
            let path = entry?.path();
            let is_text = path.extension().is_some_and(|end| end == "json" || end == "jsonl" || end == "txt");
            if path.is_dir() {
                folders.push(path);
            } else if is_text {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() { Err(Error::invalid(input, "no .json, .jsonl or .txt file below")) } else { Ok(found) }
}

/// The texts of a file.
///
/// # Errors
/// A file that is not what its name says; of JSON lines the line is named.
pub fn read(path: &Path) -> Result<Vec<Text>> {
    let is = |end: &str| path.extension().is_some_and(|extension| extension == end);
    if is("json") {
        let told = read_told(path)?.into_iter().enumerate();
        return Ok(told.map(|(item, told)| Text { item, prompt: told.prompt, text: told.answer.prediction }).collect());
    }
    let text = fs_err::read_to_string(path)?;
    if !is("jsonl") {
        return Ok(vec![Text { item: 0, prompt: None, text }]);
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| from_line(path, at, line)).collect()
}

fn from_line(path: &Path, at: usize, line: &str) -> Result<Text> {
    let bad = |source| Error::BadLine { at: path.display().to_string(), line: at + 1, source };
    let value: Value = serde_json::from_str(line).map_err(bad)?;
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let Some(text) = FIELDS.into_iter().find_map(field) else {
        return Err(Error::invalid(path, format!("line {}: no text under {}", at + 1, FIELDS.join(", "))));
    };
    Ok(Text { item: at, prompt: field("instruction").map(str::to_owned), text: text.to_owned() })
}
