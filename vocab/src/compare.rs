//! Compares tokenizers on a text, and lists what one cannot do.

use rayon::prelude::*;
use serde::Serialize;

use crate::{
    Result,
    encode::{Encoder, Scratch},
    spm::{Kind, Model},
};

/// What a tokenizer makes of a text.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// The model's file.
    pub model: String,
    /// Ids.
    pub num_pieces: usize,
    /// Tokens of the text.
    pub num_tokens: usize,
    /// Characters a token stands for, line breaks aside.
    pub chars_per_token: f64,
    /// Tokens of a thousand characters.
    pub tokens_per_1000_chars: f64,
}

/// Encode `text`, line by line, with each model.
///
/// # Errors
/// A model that cannot be read or is not supported.
pub fn compare(models: &[std::path::PathBuf], text: &str) -> Result<Vec<Figures>> {
    let lines: Vec<&str> = text.lines().collect();
    let num_chars: usize = lines.par_iter().map(|line| line.chars().count()).sum();
    models
        .iter()
        .map(|path| {
            let encoder = Encoder::new(&Model::read(path)?)?;
            let num_tokens: usize = lines
                .par_iter()
                .map_init(
                    || (Scratch::default(), Vec::new()),
                    |(scratch, ids), line| {
                        ids.clear();
                        encoder.encode(line, scratch, ids);
                        ids.len()
                    },
                )
                .sum();
            Ok(Figures {
                model: path.display().to_string(),
                num_pieces: encoder.num_pieces(),
                num_tokens,
                chars_per_token: num_chars as f64 / num_tokens.max(1) as f64,
                tokens_per_1000_chars: 1000.0 * num_tokens as f64 / num_chars.max(1) as f64,
            })
        })
        .collect()
}

/// What a model is made of and what is wrong with it.
#[derive(Debug, Serialize)]
pub struct Faults {
    /// Ids.
    pub num_pieces: usize,
    /// Ordinary pieces.
    pub num_ordinary: usize,
    /// Ordinary pieces of several characters that share their score with another: tokenizer.json cannot say which goes first.
    pub num_tied: usize,
    /// Ordinary pieces that no text reaches.
    pub num_unreachable: usize,
    /// The first of these.
    pub unreachable: Vec<String>,
}

/// Look for the faults of a model.
///
/// # Errors
/// A model that is not supported.
pub fn faults(model: &Model) -> Result<Faults> {
    let encoder = Encoder::new(model)?;
    let mut scores: Vec<f32> = model.merged().map(|(_, piece)| piece.score()).collect();
    scores.sort_by(f32::total_cmp);
    let text = |id: &u32| model.pieces[*id as usize].text().to_owned();
    Ok(Faults {
        num_pieces: model.pieces.len(),
        num_ordinary: model.of_kind(Kind::Normal).count(),
        num_tied: scores.chunk_by(|a, b| a == b).filter(|tied| tied.len() > 1).map(<[f32]>::len).sum(),
        num_unreachable: encoder.unreachable().len(),
        unreachable: encoder.unreachable().iter().take(10).map(text).collect(),
    })
}
