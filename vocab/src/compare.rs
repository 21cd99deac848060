//! Compares tokenizers on a text, and lists what one cannot do.

use std::path::Path;

use rayon::prelude::*;
use sentencepiece::SentencePieceProcessor;
use serde::Serialize;
use tokenizers::Tokenizer;

use crate::{
    Error, Result,
    encode::{Encoder, Scratch},
    spm::{Kind, Model},
};

/// A tokenizer of any kind, to count tokens with.
pub enum Reader {
    /// A model that our encoder reads.
    Own(Box<Encoder>),
    /// Another SentencePiece model.
    SentencePiece(SentencePieceProcessor),
    /// A tokenizer.json.
    HuggingFace(Box<Tokenizer>),
}

impl Reader {
    /// Read a tokenizer.model or a tokenizer.json.
    ///
    /// # Errors
    /// A file that is neither.
    pub fn open(path: &Path) -> Result<Self> {
        let at = || path.display().to_string();
        if path.extension().is_some_and(|extension| extension == "json") {
            let bytes = fs_err::read(path)?;
            let tokenizer =
                Tokenizer::from_bytes(bytes).map_err(|e| Error::HuggingFace { doing: at(), reason: e.to_string() })?;
            return Ok(Self::HuggingFace(Box::new(tokenizer)));
        }
        let model = Model::read(path)?;
        match Encoder::new(&model) {
            Ok(encoder) => Ok(Self::Own(Box::new(encoder))),
            Err(_) => SentencePieceProcessor::from_serialized_proto(&model.to_bytes())
                .map(Self::SentencePiece)
                .map_err(|e| Error::SentencePiece { doing: at(), reason: e.to_string() }),
        }
    }

    /// The number of ids.
    pub fn num_pieces(&self) -> usize {
        match self {
            Self::Own(encoder) => encoder.num_pieces(),
            Self::SentencePiece(library) => library.len(),
            Self::HuggingFace(tokenizer) => tokenizer.get_vocab_size(true),
        }
    }

    /// The number of tokens of a line.
    ///
    /// # Errors
    /// What the library says.
    pub fn num_tokens(&self, line: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) -> Result<usize> {
        ids.clear();
        match self {
            Self::Own(encoder) => {
                encoder.encode(line, scratch, ids);
                Ok(ids.len())
            }
            Self::SentencePiece(library) => library
                .encode(line)
                .map(|pieces| pieces.len())
                .map_err(|e| Error::SentencePiece { doing: "encoding a line".into(), reason: e.to_string() }),
            Self::HuggingFace(tokenizer) => tokenizer
                .encode_fast(line, false)
                .map(|encoding| encoding.len())
                .map_err(|e| Error::HuggingFace { doing: "encoding a line".into(), reason: e.to_string() }),
        }
    }
}

/// What a tokenizer makes of a text.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// The tokenizer's file.
    pub model: String,
    /// Ids.
    pub num_pieces: usize,
    /// Tokens of the text.
    pub num_tokens: usize,
    /// Characters of the text, line breaks aside.
    pub num_chars: usize,
}

/// Encode `text`, line by line, with each tokenizer.
///
/// # Errors
/// A tokenizer that cannot be read.
pub fn compare(models: &[std::path::PathBuf], text: &str) -> Result<Vec<Figures>> {
    let lines: Vec<&str> = text.lines().collect();
    let num_chars: usize = lines.par_iter().map(|line| line.chars().count()).sum();
    models
        .iter()
        .map(|path| {
            let reader = Reader::open(path)?;
            let num_tokens = lines
                .par_iter()
                .map_init(Default::default, |(scratch, ids), line| reader.num_tokens(line, scratch, ids))
                .sum::<Result<usize>>()?;
            Ok(Figures { model: path.display().to_string(), num_pieces: reader.num_pieces(), num_tokens, num_chars })
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
