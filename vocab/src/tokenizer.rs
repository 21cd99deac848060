//! Defines the tokenizer as trainer and evaluator use it: text ↔ ids, and the marks around them.

use std::path::Path;

use crate::{
    Encoder, Error, Result,
    encode::Scratch,
    spm::{
        Kind, Model,
        model::{Piece, SPACE},
    },
};

/// A tokenizer that was trained, merged or published.
pub struct Tokenizer {
    model: Model,
    encoder: Encoder,
    begin: u32,
    end: u32,
    pad: Option<u32>,
}

impl Tokenizer {
    /// Open a tokenizer.model, or the folder that holds one.
    ///
    /// # Errors
    /// No such model, one that is not supported, or one without `<s>` and `</s>`.
    pub fn open(path: &Path) -> Result<Self> {
        let path = if path.is_dir() { path.join("tokenizer.model") } else { path.to_owned() };
        if !path.exists() {
            return Err(Error::invalid(path.display(), "there is no tokenizer; run `just train-vocab`"));
        }
        let model = Model::read(&path)?;
        let encoder = Encoder::new(&model).map_err(|e| Error::invalid(path.display(), e.to_string()))?;
        let mark = |text: &str| model.of_kind(Kind::Control).find(|(_, piece)| piece.text() == text).map(|(id, _)| id);
        let needed =
            |text: &str| mark(text).ok_or_else(|| Error::invalid(path.display(), format!("it has no `{text}`")));
        let (begin, end) = (needed("<s>")?, needed("</s>")?);
        let pad = model.pieces.iter().position(|piece| piece.text() == crate::merge::PAD).map(|id| id as u32);
        Ok(Self { encoder, begin, end, pad, model })
    }

    /// The number of ids.
    pub fn num_pieces(&self) -> usize {
        self.model.pieces.len()
    }

    /// The bytes of the model's file, to put beside what was trained with it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.model.to_bytes()
    }

    /// The id of `<s>`.
    pub fn begin(&self) -> u32 {
        self.begin
    }

    /// The id of `</s>`.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// The id of `[PAD]`, where there is one.
    pub fn pad(&self) -> Option<u32> {
        self.pad
    }

    /// Append the ids of `text`; marks written out in it are text.
    pub fn encode(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        self.encoder.encode(text, scratch, ids);
    }

    /// Append the ids of `text` as it goes on after other text: no space before it.
    pub fn encode_on(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        self.encoder.encode_on(text, scratch, ids);
    }

    /// The ids of `text`, in a new vector.
    pub fn ids(&self, text: &str) -> Vec<u32> {
        self.encoder.ids(text)
    }

    /// Bytes of text that an id stands for: a mark is none.
    pub fn num_bytes(&self, id: u32) -> usize {
        let Some(piece) = self.model.pieces.get(id as usize) else { return 0 };
        match piece.kind() {
            Kind::Control | Kind::Unknown => 0,
            Kind::Byte => 1,
            _ => piece.text().chars().map(|c| if c == SPACE { 1 } else { c.len_utf8() }).sum(),
        }
    }

    /// The text of `ids` as it goes on after other text: its first space stays.
    pub fn decode_on(&self, ids: &[u32]) -> String {
        self.decode_from(ids, false)
    }

    /// The text of `ids`, as SentencePiece decodes it: marks vanish, and so does the space before the first piece;
    /// bytes that are no character become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.decode_from(ids, true)
    }

    /// Append the bytes of an id's text as it goes on after other text: of a mark none, of a byte's id that byte, which
    /// may be a part of a character.
    pub fn append_bytes(&self, id: u32, bytes: &mut Vec<u8>) {
        if let Some(piece) = self.model.pieces.get(id as usize) {
            append(piece, false, bytes);
        }
    }

    fn decode_from(&self, ids: &[u32], mut at_start: bool) -> String {
        let mut bytes = Vec::new();
        let pieces = ids.iter().filter_map(|id| self.model.pieces.get(*id as usize));
        for piece in pieces.filter(|piece| piece.kind() != Kind::Control) {
            append(piece, at_start, &mut bytes);
            at_start = false;
        }
        String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
    }
}

/// Append what a piece stands for, without its space at the start of a text.
fn append(piece: &Piece, at_start: bool, bytes: &mut Vec<u8>) {
    let text = match piece.kind() {
        Kind::Control => return,
        Kind::Unknown => " \u{2047} ".to_owned(),
        Kind::Byte => {
            bytes.extend(u8::from_str_radix(piece.text().trim_start_matches("<0x").trim_end_matches('>'), 16));
            return;
        }
        _ => piece.text().replace(SPACE, " "),
    };
    let text = if at_start { text.strip_prefix(' ').unwrap_or(&text) } else { &text };
    bytes.extend_from_slice(text.as_bytes());
}
