//! Defines the ledger of answers: a line each, appended whole, from which records and rejects are made again at any
//! time. What was paid for is never asked twice.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use super::client::Reply;
use crate::error::{Error, Result};

/// An answer with what was asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Key of the request.
    pub key: String,
    /// Build key of the corpus.
    pub corpus: String,
    /// Ids of the articles given.
    pub articles: Vec<String>,
    /// The model as configured.
    pub model: String,
    /// Version of the prompt's wording.
    pub prompt_version: u32,
    /// What the model was told to be.
    pub system: String,
    /// What it was asked.
    pub user: String,
    /// Seed of its sampling.
    pub seed: u32,
    /// Temperature of its sampling.
    pub temperature: f64,
    /// Tokens it was allowed.
    pub max_tokens: u64,
    /// The answer.
    #[serde(flatten)]
    pub reply: Reply,
}

impl Entry {
    /// Tokens paid for; of an endpoint that does not count them, one a character.
    pub fn tokens(&self) -> u64 {
        let counted = self.reply.prompt_tokens + self.reply.completion_tokens;
        let chars = [&self.system, &self.user, &self.reply.content].map(|text| text.chars().count() as u64);
        if counted > 0 { counted } else { chars.iter().sum() }
    }
}

/// The ledger of an output folder.
pub struct Ledger {
    path: PathBuf,
    file: fs_err::File,
    /// All answers, in the order in which they came.
    pub entries: Vec<Entry>,
    keys: FxHashSet<String>,
}

impl Ledger {
    /// Open the ledger at `path`, and make it where there is none. A line that a crash cut short is removed.
    ///
    /// # Errors
    /// The file cannot be read or written, another run holds it, or a whole line is no answer.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = fs_err::OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let invalid = |what: String| Error::Invalid { path: path.to_owned(), what };
        file.file().try_lock().map_err(|_| invalid("another run is generating into this folder".into()))?;
        let text = fs_err::read_to_string(path)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        file.flush()?;
        let line = |(n, line): (usize, &str)| {
            serde_json::from_str(line).map_err(|e| invalid(format!("line {}: no answer: {e}", n + 1)))
        };
        let entries: Vec<Entry> = text[..whole].lines().enumerate().map(line).collect::<Result<_>>()?;
        let keys = entries.iter().map(|entry| entry.key.clone()).collect();
        Ok(Self { path: path.to_owned(), file, entries, keys })
    }

    /// Whether the request of that key is answered.
    pub fn has(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// Append an answer: on disk when this returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, entry: Entry) -> Result<()> {
        let json = serde_json::to_string(&entry);
        let line = json.map_err(|e| Error::Invalid { path: self.path.clone(), what: e.to_string() })? + "\n";
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        self.keys.insert(entry.key.clone());
        self.entries.push(entry);
        Ok(())
    }

    /// Tokens paid for so far.
    pub fn tokens(&self) -> u64 {
        self.entries.iter().map(Entry::tokens).sum()
    }
}
