//! Defines the encoder: text → token ids, equal to SentencePiece on every text.
//!
//! SentencePiece keeps a queue of possible merges. This encoder never merges. It rests on a property of every
//! BPE whose preference between two merges does not depend on the text around them, ties by position included:
//! a sequence of tokens is the encoding of its text if, and only if, each two neighbours are the encoding of
//! theirs. So it takes the longest piece at each position, checks it against the piece before, and steps back
//! where nothing fits; there is one sequence that fits throughout. (The property is Hendrik van Antwerpen and
//! Alexander Neubeck's, "So many tokens, so little time", 2024, shown there for ranks without ties.)

mod build;
mod merges;
mod replay;
mod trie;

pub(crate) use self::replay::Replay;

use rustc_hash::FxHashMap;

use self::{
    merges::{Node, RankTable, Spines, Symbol, stay_apart},
    trie::{NONE, Trie},
};
use crate::{
    Result,
    spm::{Model, model::SPACE},
};

/// Encodes text with a SentencePiece BPE model.
pub struct Encoder {
    characters: Characters,
    trie: Trie,
    /// By symbol: how it comes about.
    nodes: Vec<Node>,
    /// By symbol: the longest shorter symbol that its text starts with.
    shorter: Vec<Symbol>,
    /// By symbol: characters.
    lengths: Vec<u8>,
    table: RankTable,
    inside: Bigrams,
    num_pieces: u32,
    unknown: u32,
    byte_fallback: Option<Box<[u32; 256]>>,
    user_defined: Vec<(u32, Vec<char>)>,
    add_dummy_prefix: bool,
    unreachable: Vec<u32>,
}

/// Room that encoding needs, kept between texts.
#[derive(Default)]
pub struct Scratch {
    /// The text as character codes.
    codes: Vec<u32>,
    /// The characters without a code, in order.
    unknown: Vec<char>,
    /// Where tokens cannot end.
    dead: Vec<usize>,
    spines: Spines,
}

impl Encoder {
    /// An encoder for `model`.
    ///
    /// # Errors
    /// A model that is not BPE, or changes text before it encodes it.
    pub fn new(model: &Model) -> Result<Self> {
        build::encoder(model)
    }

    /// The number of ids.
    pub fn num_pieces(&self) -> usize {
        self.num_pieces as usize
    }

    /// The ordinary pieces that no text encodes to, in the order of their ids.
    ///
    /// A piece comes out of merging in some text if and only if it comes out of its own text, since merging
    /// inside it goes on as if nothing stood around it.
    pub fn unreachable(&self) -> &[u32] {
        &self.unreachable
    }

    /// The unreachable pieces that `merged`, this model with more pieces, brought to life.
    pub fn revived_in(&self, merged: &Self) -> impl Iterator<Item = u32> {
        self.unreachable.iter().copied().filter(|id| merged.unreachable.binary_search(id).is_err())
    }

    /// Append the ids of `text` to `ids`.
    pub fn encode(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        if !text.is_empty() {
            self.encode_after(text, self.add_dummy_prefix, scratch, ids);
        }
    }

    /// Append the ids of `text` as it goes on after other text: no space before it.
    pub fn encode_on(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        self.encode_after(text, false, scratch, ids);
    }

    fn encode_after(&self, text: &str, add_dummy_prefix: bool, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        let Scratch { codes, unknown, dead, spines } = scratch;
        unknown.clear();
        self.characters.read(text, add_dummy_prefix, codes, unknown);
        let mut unknown = unknown.iter().copied();
        let mut after_unknown = false;
        let mut rest: &[u32] = codes;
        while let Some(&code) = rest.first() {
            if let Some((length, id)) = self.user_defined_at(rest) {
                ids.push(id);
                rest = &rest[length..];
                after_unknown = false;
            } else if code == UNKNOWN {
                if let Some(character) = unknown.next() {
                    self.spell(character, after_unknown, ids);
                }
                rest = &rest[1..];
                after_unknown = true;
            } else {
                let end = self.run_end(rest);
                let first = ids.len();
                self.encode_run(&rest[..end], dead, spines, ids);
                after_unknown =
                    !self.characters.bare.is_empty() && self.spell_bare_characters(first, after_unknown, ids);
                rest = &rest[end..];
            }
        }
    }

    /// The ids of a piece's own text: [`SPACE`] as it is, no space before it.
    pub fn ids_of_piece(&self, piece: &str) -> Vec<u32> {
        let (mut ids, mut scratch) = (Vec::new(), Scratch::default());
        self.encode_on(piece, &mut scratch, &mut ids);
        ids
    }

    /// The ids of `text`, in a new vector.
    pub fn ids(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        self.encode(text, &mut Scratch::default(), &mut ids);
        ids
    }

    /// Call `take` with the stretches of a text in which pieces can compete: at least three characters, each two
    /// neighbours side by side in some piece.
    pub(crate) fn stretches(&self, text: &str, mut take: impl FnMut(&str)) {
        let (mut stretch, mut length, mut last) = (String::new(), 0, UNKNOWN);
        for character in spaced(text, self.add_dummy_prefix) {
            let code = self.characters.code(character);
            if code == UNKNOWN || last == UNKNOWN || !self.inside.contains(last, code) {
                if length > 2 {
                    take(&stretch);
                }
                stretch.clear();
                length = 0;
            }
            if code != UNKNOWN {
                stretch.push(character);
                length += 1;
            }
            last = code;
        }
        if length > 2 {
            take(&stretch);
        }
    }

    /// Where the characters that can merge with their neighbours end.
    fn run_end(&self, codes: &[u32]) -> usize {
        if self.user_defined.is_empty() {
            return codes.iter().position(|&code| code == UNKNOWN).unwrap_or(codes.len());
        }
        (1..codes.len())
            .find(|&at| codes[at] == UNKNOWN || self.user_defined_at(&codes[at..]).is_some())
            .unwrap_or(codes.len())
    }

    /// The longest user-defined piece at the start of `codes`.
    fn user_defined_at(&self, codes: &[u32]) -> Option<(usize, u32)> {
        let fits = |(_, text): &&(u32, Vec<char>)| {
            text.len() <= codes.len() && text.iter().zip(codes).all(|(&c, &code)| self.characters.code(c) == code)
        };
        self.user_defined.iter().find(fits).map(|(id, text)| (text.len(), *id))
    }

    /// Encode characters that all have codes.
    #[inline]
    fn encode_run(&self, codes: &[u32], dead: &mut Vec<usize>, spines: &mut Spines, ids: &mut Vec<u32>) {
        dead.clear();
        let mut at = 0;
        while at < codes.len() {
            let mut symbol = self.trie.longest(&codes[at..]);
            loop {
                while symbol == NONE {
                    // Nothing fits after the last token, so it is not a token that ends here.
                    dead.push(at);
                    let last = ids.pop().unwrap_or(NONE);
                    at -= usize::from(self.lengths[last as usize]);
                    symbol = self.shorter[last as usize];
                }
                let end = at + usize::from(self.lengths[symbol as usize]);
                let fits = at == 0
                    || !self.inside.contains(codes[at - 1], codes[at])
                    || stay_apart(&self.nodes, &self.table, spines, ids[ids.len() - 1], symbol);
                if fits && !dead.contains(&end) {
                    ids.push(symbol);
                    at = end;
                    break;
                }
                symbol = self.shorter[symbol as usize];
            }
        }
    }

    /// Replace the characters that are no piece by themselves, in the tokens from `first` on.
    fn spell_bare_characters(&self, first: usize, after_unknown: bool, ids: &mut Vec<u32>) -> bool {
        let mut after_unknown = after_unknown;
        if ids[first..].iter().all(|&id| id < self.num_pieces) {
            return ids.len() == first && after_unknown;
        }
        for id in ids.split_off(first) {
            after_unknown = match self.characters.bare.get((id as usize).wrapping_sub(self.num_pieces as usize)) {
                Some(&character) => {
                    self.spell(character, after_unknown, ids);
                    true
                }
                None => {
                    ids.push(id);
                    false
                }
            };
        }
        after_unknown
    }

    /// Write a character outside the vocabulary: its bytes, or one mark for all in a row.
    fn spell(&self, character: char, after_unknown: bool, ids: &mut Vec<u32>) {
        match &self.byte_fallback {
            Some(bytes) => {
                let mut buffer = [0; 4];
                ids.extend(character.encode_utf8(&mut buffer).bytes().map(|byte| bytes[usize::from(byte)]));
            }
            None if after_unknown => {}
            None => ids.push(self.unknown),
        }
    }
}

/// The code of a character that is in no piece.
const UNKNOWN: u32 = 0;

/// Characters ↔ dense codes, the most frequent in pieces first.
struct Characters {
    /// Codes of the basic plane.
    basic: Box<[u16]>,
    astral: FxHashMap<char, u16>,
    /// The characters that are in pieces and no piece by themselves.
    bare: Vec<char>,
}

impl Characters {
    #[inline]
    fn code(&self, character: char) -> u32 {
        match self.basic.get(character as usize) {
            Some(&code) => u32::from(code),
            None => self.astral.get(&character).map_or(UNKNOWN, |&code| u32::from(code)),
        }
    }

    /// Turn `text` into codes, spaces into [`SPACE`], and collect the characters without a code.
    fn read(&self, text: &str, add_dummy_prefix: bool, codes: &mut Vec<u32>, unknown: &mut Vec<char>) {
        codes.clear();
        codes.extend(spaced(text, add_dummy_prefix).map(|character| {
            let code = self.code(character);
            if code == UNKNOWN {
                unknown.push(character);
            }
            code
        }));
    }
}

/// A text with [`SPACE`] for its spaces and, where asked for, before it.
#[inline]
fn spaced(text: &str, add_dummy_prefix: bool) -> impl Iterator<Item = char> {
    let spaced = text.chars().map(|c| if c == ' ' { SPACE } else { c });
    add_dummy_prefix.then_some(SPACE).into_iter().chain(spaced)
}

/// The pairs of characters that stand side by side in some piece: a token can reach only across these.
///
/// A bit per hash: a wrong yes costs a check, a wrong no cannot happen.
struct Bigrams(Box<[u64]>);

impl Bigrams {
    const BITS: u32 = 21;

    fn place(first: u32, second: u32) -> (usize, u32) {
        let hash = (first << 16 ^ second).wrapping_mul(0x9e37_79b1) >> (32 - Self::BITS);
        ((hash >> 6) as usize, hash & 63)
    }

    fn insert(&mut self, first: u32, second: u32) {
        let (word, bit) = Self::place(first, second);
        self.0[word] |= 1 << bit;
    }

    #[inline]
    fn contains(&self, first: u32, second: u32) -> bool {
        let (word, bit) = Self::place(first, second);
        self.0[word] >> bit & 1 == 1
    }
}
