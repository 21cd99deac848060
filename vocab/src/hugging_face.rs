//! Writes a model as Hugging Face reads it: tokenizer.json and its two companions.

use rustc_hash::FxHashSet;
use serde_json::{Value, json};

use crate::{
    Error, Result,
    merge::PAD,
    spm::{Kind, Model, Piece, model::SPACE},
};

/// A file beside tokenizer.model: its name and its content.
pub type File = (&'static str, Value);

/// tokenizer.json, tokenizer_config.json and special_tokens_map.json for `model`.
///
/// Hugging Face's BPE takes a rank for each merge of two pieces, SentencePiece a score for each result. Every way
/// to split a piece is listed as a merge, best score first: the two then agree on every text, except for marks
/// such as `<s>` written out in it, which Hugging Face reads as marks and SentencePiece as text.
///
/// # Errors
/// A model whose ordinary pieces share a score: ranks cannot say "the leftmost first". One with user-defined pieces:
/// the format puts a space before what follows them.
pub fn files(model: &Model) -> Result<Vec<File>> {
    if let Some((id, piece)) = model.of_kind(Kind::UserDefined).next() {
        let what = format!("piece {id}, `{}`, is user-defined, which tokenizer.json cannot say", piece.text());
        return Err(Error::invalid("model", what));
    }
    let marks = Marks::of(model)?;
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": marks.all.iter().map(|(id, text)| added_token(Some(*id), text)).collect::<Vec<_>>(),
        // Not the pre-tokenizer Metaspace: it adds no space where a text starts with one.
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": SPACE.to_string()},
            {"type": "Replace", "pattern": {"String": " "}, "content": SPACE.to_string()},
        ]},
        "pre_tokenizer": null,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special(&marks.begin.1), sequence("A", 0)],
            "pair": [special(&marks.begin.1), sequence("A", 0), {"SpecialToken": {"id": marks.begin.1, "type_id": 1}}, sequence("B", 1)],
            "special_tokens": {&marks.begin.1: {"id": marks.begin.1, "ids": [marks.begin.0], "tokens": [marks.begin.1]}},
        },
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": SPACE.to_string()}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]},
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": marks.unknown.1,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": true,
            "byte_fallback": model.trainer()?.byte_fallback(),
            "ignore_merges": false,
            "vocab": model.pieces.iter().zip(0u32..).map(|(p, id)| (p.text().to_owned(), json!(id))).collect::<serde_json::Map<_, _>>(),
            "merges": merges(model)?,
        },
    });
    let pad = marks.all.iter().find(|(_, text)| text == PAD).map(|(_, text)| text.as_str());
    let config = json!({
        "tokenizer_class": "LlamaTokenizer",
        "add_bos_token": true,
        "add_eos_token": false,
        "legacy": true,
        "clean_up_tokenization_spaces": false,
        "model_max_length": 2048,
        "added_tokens_decoder": marks.all.iter().map(|(id, text)| (id.to_string(), added_token(None, text))).collect::<serde_json::Map<_, _>>(),
        "bos_token": marks.begin.1,
        "eos_token": marks.end.1,
        "unk_token": marks.unknown.1,
        "pad_token": pad,
    });
    let map =
        json!({"bos_token": marks.begin.1, "eos_token": marks.end.1, "unk_token": marks.unknown.1, "pad_token": pad});
    Ok(vec![("tokenizer.json", tokenizer), ("tokenizer_config.json", config), ("special_tokens_map.json", map)])
}

/// The pieces that no text produces.
struct Marks {
    unknown: (u32, String),
    begin: (u32, String),
    end: (u32, String),
    all: Vec<(u32, String)>,
}

impl Marks {
    fn of(model: &Model) -> Result<Self> {
        let all: Vec<(u32, String)> = marks(model).map(|(id, piece)| (id, piece.text().to_owned())).collect();
        let find = |text: &str| {
            let found = all.iter().find(|(_, t)| t == text).cloned();
            found.ok_or_else(|| Error::invalid("model", format!("it has no mark `{text}`")))
        };
        Ok(Self { unknown: find("<unk>")?, begin: find("<s>")?, end: find("</s>")?, all })
    }
}

/// The pieces that this format reads as marks wherever a text spells them.
pub fn marks(model: &Model) -> impl Iterator<Item = (u32, &Piece)> {
    let is_mark = |p: &Piece| matches!(p.kind(), Kind::Unknown | Kind::Control);
    (0..).zip(&model.pieces).filter(move |(_, piece)| is_mark(piece))
}

fn added_token(id: Option<u32>, text: &str) -> Value {
    let mut token = json!({"content": text, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true});
    if let Some(id) = id {
        token["id"] = id.into();
    }
    token
}

fn special(text: &str) -> Value {
    json!({"SpecialToken": {"id": text, "type_id": 0}})
}

fn sequence(name: &str, type_id: u32) -> Value {
    json!({"Sequence": {"id": name, "type_id": type_id}})
}

/// All splits of all ordinary pieces into two others, in the order of the pieces' scores.
fn merges(model: &Model) -> Result<Vec<(&str, &str)>> {
    let mut ordinary: Vec<&Piece> = model.of_kind(Kind::Normal).map(|(_, piece)| piece).collect();
    ordinary.sort_by(|a, b| b.score().total_cmp(&a.score()));
    if let Some([first, second]) =
        ordinary.array_windows().find(|[a, b]| a.score() == b.score() && a.text().chars().nth(1).is_some())
    {
        return Err(Error::invalid(
            "model",
            format!(
                "pieces `{}` and `{}` share the score {}; SentencePiece merges the leftmost of them first, which tokenizer.json cannot say",
                first.text(),
                second.text(),
                first.score(),
            ),
        ));
    }
    let known: FxHashSet<&str> = ordinary.iter().map(|p| p.text()).collect();
    let mut merges = Vec::new();
    for text in ordinary.iter().map(|p| p.text()) {
        let halves = text.char_indices().skip(1).map(|(border, _)| text.split_at(border));
        merges.extend(halves.filter(|(left, right)| known.contains(left) && known.contains(right)));
    }
    Ok(merges)
}
