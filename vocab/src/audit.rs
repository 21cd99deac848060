//! Checks the promises of a merged tokenizer, and measures it.

use rustc_hash::FxHashMap;
use sentencepiece::SentencePieceProcessor;
use serde::Serialize;
use tokenizers::Tokenizer;

use crate::{
    Error, Result,
    encode::{Encoder, Scratch},
    hugging_face,
    roles::Uses,
    spm::{Kind, Model, Piece},
    text::KINDS,
};

/// What was checked and measured.
#[derive(Debug, Default, Serialize)]
pub struct Audit {
    /// Ids of the base, and of the merged model.
    pub num_base_pieces: usize,
    /// See `num_base_pieces`.
    pub num_pieces: usize,
    /// Ordinary pieces of the base that no text reaches.
    pub num_base_unreachable: usize,
    /// Of those, the ones that new pieces made reachable.
    pub num_revived: usize,
    /// Lines that were encoded in every way: held-out ones, and made-up ones that put pieces against each other.
    pub num_lines: usize,
    /// Whether tokenizer.json was written and compared; a base whose scores tie has none.
    pub has_json: bool,
    /// By kind of text.
    pub kinds: Vec<KindFigures>,
    /// New pieces, `[PAD]` aside.
    pub num_new: usize,
}

/// Held-out text of one kind.
#[derive(Debug, Default, Clone, Serialize)]
pub struct KindFigures {
    /// The kind.
    pub kind: &'static str,
    /// Characters, line breaks aside.
    pub num_chars: usize,
    /// Tokens of the base.
    pub base_tokens: usize,
    /// Tokens of the merged model.
    pub tokens: usize,
    /// Words, by jieba.
    pub num_words: usize,
}

impl KindFigures {
    /// The change of length against the base, in percent.
    pub fn change_percent(&self) -> f64 {
        100.0 * (self.tokens as f64 / self.base_tokens.max(1) as f64 - 1.0)
    }

    /// Characters a token stands for.
    pub fn chars_per_token(&self) -> f64 {
        self.num_chars as f64 / self.tokens.max(1) as f64
    }

    /// Tokens of a word, of the base and of the merged model.
    pub fn fertility(&self) -> (f64, f64) {
        let of_word = |tokens: usize| tokens as f64 / self.num_words.max(1) as f64;
        (of_word(self.base_tokens), of_word(self.tokens))
    }
}

/// Check that `merged` is `base` with pieces behind it, and every promise on made-up lines and on those of `text`.
///
/// Scores of the base may have been put in order; so what new tokens stand for is read off the base's part of `merged`.
///
/// # Errors
/// A promise that is broken.
pub fn audit(base: &Model, merged: &Model, text: &str, rounds: usize) -> Result<Audit> {
    let mut part = merged.clone();
    part.pieces.truncate(base.pieces.len());
    refuse_moved_ids(base, merged)?;
    let (part_encoder, encoder) = (Encoder::new(&part)?, Encoder::new(merged)?);
    let json = hugging_face::files(merged).ok();
    let mut auditor = Auditor::new(&part, &part_encoder, merged, &encoder, json.as_deref())?;
    for line in text.lines() {
        auditor.check(line)?;
    }
    auditor.fuzz(rounds)?;
    Ok(auditor.finish())
}

/// Compares a merged model with its base and with the libraries that will read it.
pub struct Auditor<'a> {
    base_encoder: &'a Encoder,
    merged: &'a Model,
    encoder: &'a Encoder,
    library: SentencePieceProcessor,
    json: Option<Tokenizer>,
    /// What Hugging Face reads as marks.
    marks: Vec<&'a str>,
    scratch: Scratch,
    /// New piece → the tokens of the base that it stands for.
    stands_for: FxHashMap<u32, Vec<u32>>,
    audit: Audit,
}

impl<'a> Auditor<'a> {
    /// Start an audit of `merged`, whose Hugging Face form is `json`; checks what no text is needed for.
    ///
    /// # Errors
    /// A promise that is broken: an id of the base that moved, a new piece that no text reaches.
    pub fn new(
        base: &'a Model,
        base_encoder: &'a Encoder,
        merged: &'a Model,
        encoder: &'a Encoder,
        json: Option<&[hugging_face::File]>,
    ) -> Result<Self> {
        refuse_moved_ids(base, merged)?;
        let first_new = base.pieces.len() as u32;
        if let Some(id) = encoder.unreachable().iter().find(|id| **id >= first_new) {
            let text = merged.pieces[*id as usize].text();
            return Err(Error::Audit(format!("new piece {id}, `{text}`, cannot be reached by any text")));
        }
        let library = SentencePieceProcessor::from_serialized_proto(&merged.to_bytes())
            .map_err(|e| Error::SentencePiece { doing: "loading the merged model".into(), reason: e.to_string() })?;
        let json =
            match json.and_then(|files| files.first()) {
                Some((_, tokenizer)) => Some(Tokenizer::from_bytes(tokenizer.to_string()).map_err(|e| {
                    Error::HuggingFace { doing: "loading tokenizer.json".into(), reason: e.to_string() }
                })?),
                None => None,
            };
        let new = merged.of_kind(Kind::Normal).map(|(id, _)| id).filter(|id| *id >= first_new);
        let stands_for: FxHashMap<u32, Vec<u32>> = new
            .chain(base_encoder.revived_in(encoder))
            .map(|id| (id, base_encoder.ids_of_piece(merged.pieces[id as usize].text())))
            .collect();
        let num_revived = stands_for.keys().filter(|id| **id < first_new).count();
        let audit = Audit {
            num_base_pieces: base.pieces.len(),
            num_pieces: merged.pieces.len(),
            num_base_unreachable: base_encoder.unreachable().len(),
            num_revived,
            has_json: json.is_some(),
            kinds: KINDS.map(|kind| KindFigures { kind, ..KindFigures::default() }).to_vec(),
            num_new: stands_for.len() - num_revived,
            ..Audit::default()
        };
        Ok(Self {
            base_encoder,
            merged,
            encoder,
            library,
            json,
            marks: hugging_face::marks(merged).map(|(_, piece)| piece.text()).collect(),
            scratch: Scratch::default(),
            stands_for,
            audit,
        })
    }

    /// Measure a held-out line of a kind (an index into [`KINDS`]), check it, and count what it uses.
    ///
    /// # Errors
    /// A broken promise, as [`Auditor::check`].
    pub fn measure(&mut self, kind: usize, line: &str, uses: &mut Uses) -> Result<()> {
        let (base_tokens, ids) = self.check(line)?;
        let figures = &mut self.audit.kinds[kind];
        figures.num_chars += line.chars().count();
        figures.base_tokens += base_tokens;
        figures.tokens += ids.len();
        figures.num_words += uses.measure(line, &ids);
        Ok(())
    }

    /// Check that `line` is encoded alike by this program, by SentencePiece and by Hugging Face's tokenizers, that
    /// it decodes to itself, and that its new tokens expand to exactly what the base makes of it. Gives the number
    /// of the base's tokens and the ids.
    ///
    /// Marks such as `<s>` in a line are text to SentencePiece and marks to Hugging Face; such a line is not
    /// compared with the latter.
    ///
    /// # Errors
    /// The promise that is broken; the line itself is not told, since it may be personal.
    pub fn check(&mut self, line: &str) -> Result<(usize, Vec<u32>)> {
        self.audit.num_lines += 1;
        let broken = |what: &str| Err(Error::Audit(format!("line {}: {what}", self.audit.num_lines)));
        let mut ids = Vec::new();
        self.encoder.encode(line, &mut self.scratch, &mut ids);
        let library = |reason: sentencepiece::SentencePieceError| Error::SentencePiece {
            doing: "encoding a line".into(),
            reason: reason.to_string(),
        };
        let theirs = self.library.encode(line).map_err(library)?;
        if !theirs.iter().map(|piece| piece.id).eq(ids.iter().copied()) {
            return broken("SentencePiece encodes it differently");
        }
        if self.library.decode_piece_ids(&ids).map_err(library)? != line {
            return broken("it does not decode to itself");
        }
        if let Some(json) = self.json.as_ref().filter(|_| !self.has_mark(line)) {
            let theirs = json
                .encode_fast(line, false)
                .map_err(|e| Error::HuggingFace { doing: "encoding a line".into(), reason: e.to_string() })?;
            if theirs.get_ids() != ids {
                return broken("tokenizer.json encodes it differently");
            }
        }
        let mut base_ids = Vec::new();
        self.base_encoder.encode(line, &mut self.scratch, &mut base_ids);
        let expanded = ids.iter().flat_map(|id| match self.stands_for.get(id) {
            Some(base) => &base[..],
            None => std::slice::from_ref(id),
        });
        if !expanded.eq(&base_ids) {
            return broken("its tokens do not expand to those of the base");
        }
        Ok((base_ids.len(), ids))
    }

    fn has_mark(&self, line: &str) -> bool {
        self.marks.iter().any(|mark| line.contains(mark))
    }

    /// Check made-up lines in which each new piece stands alone, beside itself, beside parts of itself and beside
    /// others, `rounds` times; then lines of random characters, pieces and bytes.
    ///
    /// # Errors
    /// A broken promise, as [`Auditor::check`].
    pub fn fuzz(&mut self, rounds: usize) -> Result<()> {
        let merged = self.merged;
        let texts: Vec<&str> = merged.of_kind(Kind::Normal).map(|(_, piece)| piece.text()).collect();
        let mut new: Vec<u32> = self.stands_for.keys().copied().collect();
        new.sort_unstable();
        let mut random = Random(1);
        for id in new {
            let piece = merged.pieces[id as usize].text();
            let inner = piece.char_indices().nth(1).map_or("", |(border, _)| &piece[border..]);
            let outer = piece.char_indices().last().map_or("", |(border, _)| &piece[..border]);
            let other = texts[random.below(texts.len())];
            for line in [
                piece.to_owned(),
                piece.repeat(2),
                format!("{outer}{piece}{inner}"),
                format!("{inner}{piece}{outer}"),
                format!("{other}{piece}"),
                format!("{piece}{other}"),
            ] {
                self.check(&line.replace(crate::spm::model::SPACE, " "))?;
            }
        }
        const RARE: [&str; 12] = [" ", "  ", "　", "。", "２０", "Ａ", "廻", "𠮷", "\t", "🙂", "\u{200B}", "1996"];
        for _ in 0..rounds {
            let line: String = (0..1 + random.below(12))
                .map(|_| {
                    if random.below(4) == 0 { RARE[random.below(RARE.len())] } else { texts[random.below(texts.len())] }
                })
                .collect();
            self.check(&line.replace(crate::spm::model::SPACE, " "))?;
        }
        Ok(())
    }

    /// What was checked and measured.
    pub fn finish(self) -> Audit {
        self.audit
    }
}

/// An id of `base` that stands for something else in `merged` is an error.
fn refuse_moved_ids(base: &Model, merged: &Model) -> Result<()> {
    for (id, piece) in base.pieces.iter().enumerate() {
        if merged.pieces.get(id).map(Piece::text) != Some(piece.text()) {
            return Err(Error::Audit(format!("id {id} is no longer `{}`", piece.text())));
        }
    }
    Ok(())
}

/// Random numbers that are the same every time (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}
