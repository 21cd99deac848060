//! Defines a SentencePiece model file: its pieces, and the specifications around them kept to the byte.

use std::path::Path;

use prost::Message;
use rustc_hash::FxHashMap;

use crate::{Error, Result};

/// The character that stands for a space inside pieces: `▁`.
pub const SPACE: char = '\u{2581}';

/// A SentencePiece model (`ModelProto` of sentencepiece_model.proto).
///
/// The specifications are held as the bytes in which they were found, so that fields which this
/// program does not know survive a merge.
#[derive(Clone, PartialEq, Message)]
pub struct Model {
    /// The pieces; a piece's id is its index.
    #[prost(message, repeated, tag = "1")]
    pub pieces: Vec<Piece>,
    #[prost(bytes = "vec", optional, tag = "2")]
    trainer_spec: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    normalizer_spec: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    self_test_data: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    denormalizer_spec: Option<Vec<u8>>,
}

/// A piece of a vocabulary.
#[derive(Clone, PartialEq, Message)]
pub struct Piece {
    /// The text, with [`SPACE`] for a space.
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    /// A larger score is merged earlier.
    #[prost(float, optional, tag = "2")]
    score: Option<f32>,
    #[prost(enumeration = "Kind", optional, tag = "3")]
    kind: Option<i32>,
}

/// What a piece is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Kind {
    /// Text that merging can produce.
    Normal = 1,
    /// What stands for text outside the vocabulary.
    Unknown = 2,
    /// A mark that no text produces: `<s>`, `[PAD]`.
    Control = 3,
    /// Text that is matched before any merge.
    UserDefined = 4,
    /// Text that is merged, then taken apart again.
    Unused = 5,
    /// One byte of a character outside the vocabulary.
    Byte = 6,
}

/// The algorithm of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Algorithm {
    /// Unigram language model.
    Unigram = 1,
    /// Byte-pair encoding, over characters.
    Bpe = 2,
    /// Whole words.
    Word = 3,
    /// Single characters.
    Char = 4,
}

/// The part of `TrainerSpec` that decides how text is encoded.
#[derive(Clone, PartialEq, Message)]
pub struct TrainerSpec {
    #[prost(enumeration = "Algorithm", optional, tag = "3", default = "Unigram")]
    algorithm: Option<i32>,
    #[prost(bool, optional, tag = "24")]
    treat_whitespace_as_suffix: Option<bool>,
    #[prost(bool, optional, tag = "35")]
    byte_fallback: Option<bool>,
}

/// The part of `NormalizerSpec` that decides how text is changed before it is encoded.
#[derive(Clone, PartialEq, Message)]
pub struct NormalizerSpec {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(bytes = "vec", optional, tag = "2")]
    precompiled_charsmap: Option<Vec<u8>>,
    #[prost(bool, optional, tag = "3", default = "true")]
    add_dummy_prefix: Option<bool>,
    #[prost(bool, optional, tag = "4", default = "true")]
    remove_extra_whitespaces: Option<bool>,
    #[prost(bool, optional, tag = "5", default = "true")]
    escape_whitespaces: Option<bool>,
}

impl Piece {
    /// A piece of ordinary text, written as the merge scripts of LLaMA's descendants write it: without a kind.
    pub fn normal(text: impl Into<String>, score: f32) -> Self {
        Self { text: Some(text.into()), score: Some(score), kind: None }
    }

    /// A mark that no text produces.
    pub fn control(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), score: Some(0.0), kind: Some(Kind::Control.into()) }
    }

    /// The same piece at another score.
    #[must_use]
    pub fn at_score(&self, score: f32) -> Self {
        Self { score: Some(score), ..self.clone() }
    }
}

impl Model {
    /// Read a model.
    ///
    /// # Errors
    /// A file that is not a SentencePiece model, is cut short, or has a piece that SentencePiece itself
    /// would refuse: empty, or there twice.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&fs_err::read(path)?, &path.display().to_string())
    }

    /// Read a model from bytes; `at` names them in errors.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn parse(bytes: &[u8], at: &str) -> Result<Self> {
        let invalid = |what: String| Error::invalid(at, what);
        let model = Self::decode(bytes)
            .map_err(|e| invalid(format!("not a SentencePiece model, or one that is cut short ({e})")))?;
        if model.pieces.is_empty() {
            return Err(invalid("not a SentencePiece model: it holds no piece".into()));
        }
        if model.encode_to_vec() != bytes {
            return Err(invalid(
                "not laid out as SentencePiece lays out a model: writing it again would lose something".into(),
            ));
        }
        model.check(at)?;
        Ok(model)
    }

    /// Check that SentencePiece would load the model; `at` names it in errors.
    ///
    /// # Errors
    /// A piece that is empty, there twice, or without a number for a score.
    pub fn check(&self, at: &str) -> Result<()> {
        let invalid = |what: String| Error::invalid(at, what);
        let mut first = FxHashMap::default();
        let mut repeats: Vec<(usize, usize)> = Vec::new();
        for (id, piece) in self.pieces.iter().enumerate() {
            if piece.text().is_empty() {
                return Err(invalid(format!("piece {id} is empty")));
            }
            if piece.score().is_nan() {
                return Err(invalid(format!("piece {id}, `{}`, has no number for a score", piece.text())));
            }
            if let Some(&earlier) = first.get(piece.text()) {
                repeats.push((earlier, id));
            } else {
                first.insert(piece.text(), id);
            }
        }
        if let Some(&(earlier, id)) = repeats.first() {
            return Err(invalid(format!(
                "piece `{}` is there twice, as {earlier} and as {id}, and {} more are; SentencePiece refuses to load \
                 such a model. Merge it again without repeats",
                self.pieces[id].text(),
                repeats.len() - 1,
            )));
        }
        Ok(())
    }

    /// The bytes of the file; those of the file that was read where nothing was changed.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// How text is encoded.
    ///
    /// # Errors
    /// A specification that is not one.
    pub fn trainer(&self) -> Result<TrainerSpec> {
        decode(self.trainer_spec.as_deref(), "the trainer specification")
    }

    /// How text is changed before it is encoded.
    ///
    /// # Errors
    /// A specification that is not one.
    pub fn normalizer(&self) -> Result<NormalizerSpec> {
        decode(self.normalizer_spec.as_deref(), "the normalizer specification")
    }

    /// The ids by text.
    pub fn ids(&self) -> FxHashMap<&str, u32> {
        (0u32..).zip(&self.pieces).map(|(id, piece)| (piece.text(), id)).collect()
    }

    /// The pieces of a kind with their ids.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (u32, &Piece)> {
        (0u32..).zip(&self.pieces).filter(move |(_, piece)| piece.kind() == kind)
    }

    /// The pieces that a merge makes: ordinary ones of several characters.
    pub fn merged(&self) -> impl Iterator<Item = (u32, &Piece)> {
        self.of_kind(Kind::Normal).filter(|(_, piece)| piece.text().chars().nth(1).is_some())
    }

    /// The id of the first piece of a kind.
    pub fn first_of(&self, kind: Kind) -> Option<u32> {
        self.of_kind(kind).next().map(|(id, _)| id)
    }
}

fn decode<M: Message + Default>(bytes: Option<&[u8]>, what: &str) -> Result<M> {
    M::decode(bytes.unwrap_or_default()).map_err(|e| Error::invalid(what, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_we_do_not_know_survive_inside_a_specification() {
        let mut bytes = Model { pieces: vec![Piece::normal("法", -1.0)], ..Model::default() }.encode_to_vec();
        // A trainer specification with field 99, a varint.
        bytes.extend([0x12, 0x03, 0x98, 0x06, 0x07]);
        let model = Model::parse(&bytes, "test").unwrap();
        assert_eq!(model.to_bytes(), bytes);
    }

    #[test]
    fn what_would_be_lost_outside_a_specification_is_refused() {
        let mut bytes = Model { pieces: vec![Piece::normal("法", -1.0)], ..Model::default() }.encode_to_vec();
        bytes.extend([0x98, 0x06, 0x07]);
        let error = Model::parse(&bytes, "test.model").unwrap_err().to_string();
        assert!(error.starts_with("test.model: ") && error.contains("would lose something"), "{error}");
    }

    #[test]
    fn a_repeated_piece_is_named_with_both_places() {
        let pieces = ["本案", "争议", "本案"].map(|text| Piece::normal(text, 0.0)).to_vec();
        let bytes = Model { pieces, ..Model::default() }.encode_to_vec();
        let error = Model::parse(&bytes, "m").unwrap_err().to_string();
        assert!(error.contains("`本案` is there twice, as 0 and as 2"), "{error}");
    }
}
