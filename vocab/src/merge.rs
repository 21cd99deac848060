//! Merges pieces into a base model: ours, and the ways of the two projects before us.

use rustc_hash::FxHashSet;

use crate::{
    Error, Result,
    spm::{Model, Piece},
};

/// The mark for padding, where Chinese-Alpaca has it: right behind the base.
pub const PAD: &str = "[PAD]";

/// Sizes are rounded up to a multiple of this, which GPUs multiply fastest.
pub const SIZE_MULTIPLE: usize = 128;

/// How many new pieces bring `base`, a padding mark and at least `wanted` pieces to a rounded size.
pub fn num_new_pieces(base: &Model, wanted: usize) -> usize {
    let taken = base.pieces.len() + usize::from(!has_pad(base));
    (taken + wanted).next_multiple_of(SIZE_MULTIPLE) - taken
}

/// `base`, `[PAD]` if it has none, and `texts` as pieces with strictly falling scores below every merge of the base.
///
/// So all merges of the base happen first, and each new token stands for a sequence of base tokens.
///
/// # Errors
/// A text that is a piece already.
pub fn append_below(base: &Model, texts: &[&str]) -> Result<Model> {
    let mut merged = base.clone();
    if !has_pad(base) {
        merged.pieces.push(Piece::control(PAD));
    }
    // Below all, even the -1e9 of LLaMA's `▁▁`: a new piece can bring a dead one of the base to life that starts
    // with a space, and two spaces have to be joined by then.
    let mut score = base.pieces.iter().map(Piece::score).fold(0.0, f32::min);
    for text in texts {
        score = score.next_down().min(score - 1.0);
        merged.pieces.push(Piece::normal(*text, score));
    }
    merged.check("the merged model")?;
    Ok(merged)
}

fn has_pad(model: &Model) -> bool {
    model.pieces.iter().any(|p| p.text() == PAD)
}

/// Chinese-LLaMA's merge: every piece of `add` that `base` lacks, with a score of 0, which ties them all.
///
/// With `pad`, `[PAD]` follows as in Chinese-Alpaca: as an ordinary piece.
pub fn like_chinese_llama(base: &Model, add: &Model, pad: bool) -> Model {
    append_tied(base, add.pieces.iter().map(Piece::text).chain(pad.then_some(PAD)))
}

/// What a list of terms held.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ListFaults {
    /// Lines, empty ones too.
    pub num_lines: usize,
    /// Lines without text.
    pub num_empty: usize,
    /// Lines that an earlier line says already: merged as they stand, they make SentencePiece refuse the model.
    pub num_repeats: usize,
    /// Terms that are pieces of the base.
    pub num_in_base: usize,
    /// Terms with a character outside Chinese writing.
    pub num_not_han: usize,
    /// Terms longer than [`MAX_TERM_CHARS`].
    pub num_too_long: usize,
}

/// The longest term that may become a piece, in characters: the limit of LLaMA's own pieces.
pub const MAX_TERM_CHARS: usize = 16;

/// The distinct terms of a list, one a line, and what was wrong with it. A byte-order mark and CRLF are removed.
///
/// # Errors
/// A list that is not UTF-8, with the line.
pub fn read_terms(path: &std::path::Path) -> Result<(Vec<String>, ListFaults)> {
    let bytes = fs_err::read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count();
        Error::invalid(format!("{}:{line}", path.display()), "not UTF-8; convert the list to UTF-8")
    })?;
    let mut faults = ListFaults::default();
    let mut seen = FxHashSet::default();
    let mut terms = Vec::new();
    for line in text.trim_start_matches('\u{FEFF}').lines() {
        faults.num_lines += 1;
        let term = line.trim();
        if term.is_empty() {
            faults.num_empty += 1;
        } else if seen.insert(term) {
            faults.num_not_han += usize::from(!term.chars().all(crate::lift::is_han));
            faults.num_too_long += usize::from(term.chars().count() > MAX_TERM_CHARS);
            terms.push(term.to_owned());
        } else {
            faults.num_repeats += 1;
        }
    }
    Ok((terms, faults))
}

/// LaWGPT's merge of a list, without its repeats: every term that `base` lacks, with a score of 0.
pub fn like_lawgpt(base: &Model, terms: &[String], faults: &mut ListFaults) -> Model {
    let merged = append_tied(base, terms.iter().map(String::as_str));
    faults.num_in_base = base.pieces.len() + terms.len() - merged.pieces.len();
    merged
}

/// `base` and those of `texts` that it lacks, all with a score of 0.
fn append_tied<'a>(base: &Model, texts: impl Iterator<Item = &'a str>) -> Model {
    let known = base.ids();
    let mut merged = base.clone();
    merged.pieces.extend(texts.filter(|text| !known.contains_key(text)).map(|text| Piece::normal(text, 0.0)));
    merged
}
