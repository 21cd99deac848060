//! Defines the initialisation map: from which rows of the base's embedding each new row starts.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, encode::Encoder, spm::Model};

/// A row of `init_map.jsonl`: an id that the base's weights know nothing about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRow {
    /// The id in the merged model.
    pub id: u32,
    /// Its text.
    pub piece: String,
    /// What the base made of that text: the mean of these rows is a good start. Empty for a mark such as `[PAD]`.
    pub base_ids: Vec<u32>,
}

/// The rows of `merged` that `base` has not, and those of its pieces that no text could reach before:
/// their rows were never trained.
pub fn rows(base: &Model, encoder: &Encoder, merged: &Model, merged_encoder: &Encoder) -> Vec<NewRow> {
    let new = base.pieces.len() as u32..merged.pieces.len() as u32;
    encoder
        .revived_in(merged_encoder)
        .chain(new)
        .map(|id| {
            let piece = &merged.pieces[id as usize];
            let is_text = piece.kind() == crate::spm::Kind::Normal;
            let base_ids = if is_text { encoder.ids_of_piece(piece.text()) } else { Vec::new() };
            NewRow { id, piece: piece.text().to_owned(), base_ids }
        })
        .collect()
}

/// The file: a row a line.
pub fn to_jsonl(rows: &[NewRow]) -> String {
    rows.iter().map(|row| serde_json::json!(row).to_string() + "\n").collect()
}

/// Read a map.
///
/// # Errors
/// A line that is not a row, by its number.
pub fn read(path: &Path) -> Result<Vec<NewRow>> {
    let text = fs_err::read_to_string(path)?;
    let row = |(index, line): (usize, &str)| {
        serde_json::from_str(line)
            .map_err(|e| Error::invalid(format!("{}:{}", path.display(), index + 1), e.to_string()))
    };
    text.lines().enumerate().map(row).collect()
}
