//! Builds an encoder from a model: which pieces merging can make, and how it makes them.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Bigrams, Characters, Encoder, UNKNOWN,
    merges::{LEAF, MAX_DEPTH, MAX_SYMBOLS, Merges, Node, Symbol},
    trie::{NONE, Trie},
};
use crate::{
    Error, Result,
    spm::{Kind, Model, Piece, model::Algorithm},
};

/// An encoder for `model`; see [`Encoder::new`].
pub(super) fn encoder(model: &Model) -> Result<Encoder> {
    let add_dummy_prefix = check(model)?;
    let pieces = &model.pieces;
    let num_pieces = pieces.len() as u32;
    let Alphabet { normal, characters, symbols, merges } = alphabet(model)?;
    let num_symbols = pieces.len() + characters.bare.len();
    let spell = |text: &[char]| text.iter().map(|c| symbols[&*c.encode_utf8(&mut [0; 4])]).collect::<Vec<_>>();
    let (nodes, unreachable) = make_all(&merges, &normal, num_symbols, spell);

    let is_made = |symbol: Symbol| symbol >= num_pieces || nodes[symbol as usize].is_some();
    let mut entries: Vec<(Vec<u32>, Symbol)> = Vec::new();
    let mut inside = Bigrams(vec![0; 1 << (Bigrams::BITS - 6)].into());
    let code = |c: &char| characters.code(*c);
    for (id, text) in normal.iter().filter(|(id, _)| is_made(*id)) {
        let codes: Vec<u32> = text.iter().map(code).collect();
        codes.windows(2).for_each(|pair| inside.insert(pair[0], pair[1]));
        entries.push((codes, *id));
    }
    entries.extend((num_pieces..).zip(&characters.bare).map(|(symbol, character)| (vec![code(character)], symbol)));

    let mut lengths = vec![0; num_symbols];
    entries.iter().for_each(|(codes, symbol)| lengths[*symbol as usize] = codes.len() as u8);
    let num_codes = 1 + entries.iter().filter(|(codes, _)| codes.len() == 1).count() as u32;
    let user_defined = user_defined(model);
    Ok(Encoder {
        shorter: shorter(&entries, num_symbols),
        trie: Trie::new(entries, num_codes),
        table: merges.table(is_made),
        nodes: nodes.into_iter().map(|node| node.unwrap_or(LEAF)).collect(),
        lengths,
        characters,
        inside,
        num_pieces,
        unknown: model.first_of(Kind::Unknown).unwrap_or(0),
        byte_fallback: byte_fallback(model)?,
        user_defined,
        add_dummy_prefix,
        unreachable,
    })
}

/// What a model can spell and merge.
pub(super) struct Alphabet {
    /// The ordinary pieces.
    normal: Vec<(u32, Vec<char>)>,
    characters: Characters,
    pub(super) symbols: FxHashMap<String, Symbol>,
    pub(super) merges: Merges,
}

/// The characters, symbols and merges of a model.
pub(super) fn alphabet(model: &Model) -> Result<Alphabet> {
    let pieces = &model.pieces;
    let num_pieces = pieces.len() as u32;
    let normal = spelled(model, Kind::Normal);
    let characters = characters(model, &normal);
    let symbols: FxHashMap<String, Symbol> = normal
        .iter()
        .map(|(id, _)| (pieces[*id as usize].text().to_owned(), *id))
        .chain((num_pieces..).zip(&characters.bare).map(|(symbol, character)| (character.to_string(), symbol)))
        .collect();
    let num_symbols = pieces.len() + characters.bare.len();
    if num_symbols > MAX_SYMBOLS {
        return Err(Error::invalid(
            "model",
            format!("{num_symbols} symbols; the encoder can tell {MAX_SYMBOLS} apart"),
        ));
    }

    let mut merges = Merges::new(ranks(pieces));
    for (id, text) in &normal {
        let piece = pieces[*id as usize].text();
        for (border, _) in piece.char_indices().skip(1) {
            if let (Some(&left), Some(&right)) = (symbols.get(&piece[..border]), symbols.get(&piece[border..])) {
                merges.insert(left, right, *id);
            }
        }
        if text.len() > MAX_DEPTH {
            return Err(Error::invalid("model", format!("piece {id} is longer than {MAX_DEPTH} characters")));
        }
    }
    Ok(Alphabet { normal, characters, symbols, merges })
}

/// The pieces of a kind as characters.
fn spelled(model: &Model, kind: Kind) -> Vec<(u32, Vec<char>)> {
    model.of_kind(kind).map(|(id, piece)| (id, piece.text().chars().collect())).collect()
}

/// Refuse what this encoder would encode differently; whether a space goes before every text.
fn check(model: &Model) -> Result<bool> {
    let trainer = model.trainer()?;
    let normalizer = model.normalizer()?;
    let no = |what: &str| Err(Error::invalid("model", what));
    if trainer.algorithm() != Algorithm::Bpe {
        return no(&format!("its algorithm is {:?}; legal tokens are merged into a BPE model", trainer.algorithm()));
    }
    if !normalizer.precompiled_charsmap().is_empty() || normalizer.remove_extra_whitespaces() {
        return no(&format!(
            "it changes text before it encodes it (rule `{}`, or removing spaces); only an identity normalizer is supported",
            normalizer.name(),
        ));
    }
    if !normalizer.escape_whitespaces() || trainer.treat_whitespace_as_suffix() {
        return no("it does not mark spaces as LLaMA does");
    }
    if model.first_of(Kind::Unused).is_some() {
        return no("it has pieces of the kind UNUSED, which are not supported");
    }
    Ok(normalizer.add_dummy_prefix())
}

/// The place of each score, best first, from 1.
fn ranks(pieces: &[Piece]) -> Vec<u32> {
    let mut scores: Vec<f32> = pieces.iter().map(Piece::score).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores.dedup();
    pieces.iter().map(|piece| 1 + scores.partition_point(|score| *score > piece.score()) as u32).collect()
}

fn characters(model: &Model, normal: &[(u32, Vec<char>)]) -> Characters {
    let mut counts: FxHashMap<char, u32> = FxHashMap::default();
    let mut alone: FxHashSet<char> = FxHashSet::default();
    for (_, text) in normal {
        text.iter().for_each(|c| *counts.entry(*c).or_default() += 1);
        if let [only] = text[..] {
            alone.insert(only);
        }
    }
    // Characters of user-defined pieces need codes too, so that those pieces can be found.
    let marks = model.of_kind(Kind::UserDefined).flat_map(|(_, piece)| piece.text().chars());
    marks.for_each(|c| *counts.entry(c).or_default() += 0);
    let mut all: Vec<(char, u32)> = counts.into_iter().collect();
    all.sort_unstable_by_key(|&(c, count)| (std::cmp::Reverse(count), c));

    let mut basic = vec![UNKNOWN as u16; 1 << 16];
    let mut astral = FxHashMap::default();
    for (code, &(c, _)) in (1u16..).zip(&all) {
        match basic.get_mut(c as usize) {
            Some(slot) => *slot = code,
            None => drop(astral.insert(c, code)),
        }
    }
    let bare = all.iter().map(|&(c, _)| c).filter(|c| !alone.contains(c)).collect();
    Characters { basic: basic.into(), astral, bare }
}

/// How each symbol comes about when its own text is encoded, `None` where it does not, and the pieces of those.
fn make_all(
    merges: &Merges,
    normal: &[(u32, Vec<char>)],
    num_symbols: usize,
    spell: impl Fn(&[char]) -> Vec<Symbol>,
) -> (Vec<Option<Node>>, Vec<u32>) {
    let mut nodes = vec![LEAF; num_symbols];
    let mut made: Vec<Option<Node>> = vec![None; num_symbols];
    let mut unreachable = Vec::new();
    let mut by_length: Vec<&(u32, Vec<char>)> = normal.iter().collect();
    by_length.sort_by_key(|(_, text)| text.len());
    for (id, text) in by_length {
        let mut symbols = spell(text);
        merges.apply(&mut symbols, &mut nodes);
        if symbols == [*id] {
            made[*id as usize] = Some(nodes[*id as usize]);
        } else {
            unreachable.push(*id);
        }
    }
    unreachable.sort_unstable();
    (made, unreachable)
}

/// For each symbol, the longest shorter one at the start of its text.
fn shorter(entries: &[(Vec<u32>, Symbol)], num_symbols: usize) -> Vec<Symbol> {
    let symbols: FxHashMap<&[u32], Symbol> = entries.iter().map(|(codes, symbol)| (&codes[..], *symbol)).collect();
    let mut shorter = vec![NONE; num_symbols];
    for (codes, symbol) in entries {
        let found = (1..codes.len()).rev().find_map(|length| symbols.get(&codes[..length]));
        shorter[*symbol as usize] = found.copied().unwrap_or(NONE);
    }
    shorter
}

fn byte_fallback(model: &Model) -> Result<Option<Box<[u32; 256]>>> {
    if !model.trainer()?.byte_fallback() {
        return Ok(None);
    }
    let ids = model.ids();
    let mut bytes = Box::new([0; 256]);
    for (byte, id) in bytes.iter_mut().enumerate() {
        let name = format!("<0x{byte:02X}>");
        let Some(found) = ids.get(name.as_str()) else {
            return Err(Error::invalid("model", format!("it falls back to bytes and has no piece `{name}`")));
        };
        *id = *found;
    }
    Ok(Some(bytes))
}

/// The user-defined pieces, longest first.
fn user_defined(model: &Model) -> Vec<(u32, Vec<char>)> {
    let mut all = spelled(model, Kind::UserDefined);
    all.sort_by_key(|(_, text)| std::cmp::Reverse(text.len()));
    all
}
