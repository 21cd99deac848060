//! Defines how it is shown from when until when a version is in force, as all statutes of the corpus say together.

use std::fmt::Write;

use arrow::{
    array::{Array, AsArray, StructArray},
    util::display::array_value_to_string,
};
use corpus_format::{
    Corpus, Position, Selection, Table,
    legal::{Kind, Split},
};

use crate::error::Result;

/// Rows read at a time.
const BATCH_ROWS: usize = 8192;

/// The lines on the validity of the statute with that id.
///
/// # Errors
/// A shard cannot be read.
pub fn shown(corpus: &Corpus, id: &str, split: &str) -> Result<String> {
    let selection = Selection {
        kind: Some(Kind::Statute.as_str().to_owned()),
        split: Split::ALL.iter().find(|known| known.as_str() == split).copied(),
        columns: vec!["id".to_owned(), "metadata".to_owned()],
    };
    for batch in corpus.read(Table::Documents, &selection, BATCH_ROWS, Position::default())? {
        let (_, batch) = batch?;
        let row = batch.column(0).as_string::<i32>().iter().position(|other| other == Some(id));
        if let Some(row) = row {
            return Ok(lines(batch.column(1).as_struct(), row));
        }
    }
    Ok(String::new())
}

fn lines(metadata: &StructArray, row: usize) -> String {
    let value = |name: &str| {
        let column = metadata.column_by_name(name).filter(|column| column.is_valid(row))?;
        array_value_to_string(column, row).ok()
    };
    let mut text = String::new();
    if let Some(from) = value("in_force_from") {
        let to = value("in_force_to").map(|day| format!(" to {day}")).unwrap_or_default();
        let by = value("repealed_by").map(|id| format!(", repealed by {id}")).unwrap_or_default();
        let _ = writeln!(text, "validity  in force from {from}{to}{by}");
    }
    for (label, name) in [("before it", "previous_version"), ("after it", "next_version")] {
        if let Some(id) = value(name) {
            let _ = writeln!(text, "            {label} {id}");
        }
    }
    text
}
