//! Streams the texts that a model is trained on out of a corpus.

use arrow::array::{Array, AsArray, RecordBatch};
use corpus_format::{
    Corpus, Position, Selection, Table,
    legal::{InstructionKind, Kind, Split},
};
use rayon::prelude::*;

use super::grams::normalized;
use crate::Result;

/// Rows that are in memory at a time.
const BATCH_ROWS: usize = 512;

/// Which texts are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// Statutes of either split, and records that were derived from them: what is law is no benchmark's own.
    Statutes,
    /// Court documents and given instruction records of the training split; records that were derived from court
    /// documents say nothing that these do not.
    Training,
}

/// Give what `look` finds in each text to `take`, in the order of the corpus; how many texts there were.
///
/// `look` gets a text's id and its letters, and runs on all cores.
///
/// # Errors
/// The corpus cannot be read.
pub(super) fn stream<T: Send>(
    corpus: &Corpus,
    texts: Texts,
    look: impl Fn(&str, &[char]) -> T + Sync,
    mut take: impl FnMut(T),
) -> Result<u64> {
    let mut num_texts = 0;
    for (table, kind) in selections(texts) {
        let selection = Selection {
            kind: Some(kind.to_owned()),
            split: (texts == Texts::Training).then_some(Split::Train),
            columns: columns(table).iter().map(|name| (*name).to_owned()).collect(),
        };
        for batch in corpus.read(table, &selection, BATCH_ROWS, Position::default())? {
            let (_, batch) = batch?;
            let rows = rows(table, &batch);
            num_texts += rows.len() as u64;
            let found: Vec<T> = rows.par_iter().map(|(id, text)| look(id, &normalized(text))).collect();
            found.into_iter().for_each(&mut take);
        }
    }
    Ok(num_texts)
}

/// Tables and the kinds of their rows that are meant.
fn selections(texts: Texts) -> Vec<(Table, &'static str)> {
    let (documents, records) = match texts {
        Texts::Statutes => (Kind::Statute, InstructionKind::derived_from(Kind::Statute)),
        Texts::Training => (Kind::Judgment, &[InstructionKind::Consultation][..]),
    };
    let records = records.iter().map(|kind| (Table::Instructions, kind.as_str()));
    std::iter::once((Table::Documents, documents.as_str())).chain(records).collect()
}

fn columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Documents => &["id", "text"],
        _ => &["id", "instruction", "input", "output", "history"],
    }
}

/// Id and text of each row; of a record all that is said in it, one after the other.
fn rows(table: Table, batch: &RecordBatch) -> Vec<(String, String)> {
    let cell = |name: &str, row: usize| {
        let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        column.filter(|column| column.is_valid(row)).map_or("", |column| column.value(row))
    };
    let text = |row: usize| match table {
        Table::Documents => cell("text", row).to_owned(),
        _ => {
            let turns = history(batch, row).unwrap_or_default();
            [&turns, cell("instruction", row), cell("input", row), cell("output", row)].join("\n")
        }
    };
    (0..batch.num_rows()).map(|row| (cell("id", row).to_owned(), text(row))).collect()
}

/// The earlier turns of a record.
fn history(batch: &RecordBatch, row: usize) -> Option<String> {
    let turns = batch.column_by_name("history")?.as_list_opt::<i32>().filter(|turns| turns.is_valid(row))?.value(row);
    let turns = turns.as_struct_opt()?;
    let mut text = String::new();
    for turn in 0..turns.len() {
        for name in ["question", "answer"] {
            text += turns.column_by_name(name)?.as_string_opt::<i32>()?.value(turn);
            text.push('\n');
        }
    }
    Some(text)
}
