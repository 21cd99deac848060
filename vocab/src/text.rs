//! Reads the text that a tokenizer is trained and measured on: the corpus, line by line, with its kind.

use arrow::array::{Array, AsArray};
use corpus_format::{Corpus, Position, Selection, Table, legal::Split};

use crate::Result;

/// The kinds of text, as the corpus names them.
///
/// Records that the corpus derives from its own statutes are left out: their text is there already.
pub const KINDS: [&str; 3] = ["statute", "judgment", "consultation"];

const BATCH_ROWS: usize = 1024;

/// Call `take` with the kind (an index into [`KINDS`]) and each line that is not blank of a split of `corpus`.
///
/// # Errors
/// A shard that is missing or is not the one in the index.
pub fn each_line(corpus: &Corpus, split: Split, mut take: impl FnMut(usize, &str)) -> Result<()> {
    for (kind, name) in KINDS.into_iter().enumerate() {
        let (table, columns): (_, &[&str]) = match name {
            "consultation" => (Table::Instructions, &["instruction", "input", "output", "history"]),
            _ => (Table::Documents, &["text"]),
        };
        let selection = Selection {
            kind: Some(name.to_owned()),
            split: Some(split),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
        };
        for batch in corpus.read(table, &selection, BATCH_ROWS, Position::default())? {
            let (_, batch) = batch?;
            for row in 0..batch.num_rows() {
                for column in batch.columns() {
                    each_text(column, row, &mut |text| {
                        text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| take(kind, line));
                    });
                }
            }
        }
    }
    Ok(())
}

/// Call `take` with the texts of a row: a column's own, or those of the structures in its list.
pub(crate) fn each_text(column: &dyn Array, row: usize, take: &mut impl FnMut(&str)) {
    if let Some(texts) = column.as_string_opt::<i32>() {
        if texts.is_valid(row) {
            take(texts.value(row));
        }
    } else if let Some(lists) = column.as_list_opt::<i32>() {
        let list = lists.value(row);
        (0..list.len()).for_each(|item| each_text(&list, item, take));
    } else if let Some(structure) = column.as_struct_opt() {
        structure.columns().iter().for_each(|column| each_text(column, row, take));
    }
}
