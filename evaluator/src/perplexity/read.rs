//! Reads the documents that a model is measured on.

use std::path::Path;

use arrow::array::AsArray;
use corpus_format::{Corpus, Position, Selection, Table, legal::Split};

use crate::{Error, Result};

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// statute, judgment, or text where it is of no corpus.
    pub kind: String,
    /// All of it.
    pub text: String,
}

/// Rows that are read at a time.
const BATCH_ROWS: usize = 256;

/// A file as a document.
pub(super) fn text(path: &Path) -> Result<Document> {
    let text = fs_err::read_to_string(path)?;
    if text.is_empty() {
        return Err(Error::invalid(path, "the file is empty"));
    }
    Ok(Document { kind: "text".into(), text })
}

/// The documents of a split, in the order of the shards, of each kind the first `max`; what is left out is noted.
pub(super) fn corpus(
    folder: &Path,
    split: Split,
    max: Option<usize>,
    notes: &mut Vec<String>,
) -> Result<Vec<Document>> {
    let corpus = Corpus::open(folder)?;
    let kinds: std::collections::BTreeSet<Option<String>> =
        corpus.index().files_of(Table::Documents).map(|file| file.kind.clone()).collect();
    let mut documents = Vec::new();
    for kind in kinds {
        let name = kind.clone().unwrap_or_else(|| "document".into());
        let selection = Selection { kind, split: Some(split), columns: vec!["text".into()] };
        let reader = corpus.read(Table::Documents, &selection, BATCH_ROWS, Position::default())?;
        let (total, first) = (reader.total_rows() as usize, documents.len());
        let wanted = max.unwrap_or(total).min(total);
        for batch in reader {
            let (_, batch) = batch?;
            let missing = || Error::invalid(folder, "its column `text` is missing or holds no text");
            let texts = batch.column_by_name("text").and_then(|column| column.as_string_opt::<i32>());
            let texts = texts.ok_or_else(missing)?.iter().flatten().filter(|text| !text.is_empty());
            documents.extend(texts.map(|text| Document { kind: name.clone(), text: text.to_owned() }));
            if documents.len() - first >= wanted {
                break;
            }
        }
        documents.truncate(first + wanted);
        if wanted < total {
            notes.push(format!("{name}: {wanted} documents of {total}"));
        }
    }
    if documents.is_empty() {
        return Err(Error::invalid(folder, format!("it has no documents in the split `{}`", split.as_str())));
    }
    Ok(documents)
}
