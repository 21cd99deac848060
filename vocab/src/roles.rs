//! Tells what new pieces are in the language, by the places at which held-out text uses them.

use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::{
    bpe::Learned,
    spm::{Model, model::SPACE},
    words::Words,
};

/// What a piece is, by most of its uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A word.
    Term,
    /// Several whole words.
    Phrase,
    /// Begins or ends inside a word.
    Fragment,
    /// Made to make others of: while it was learned, nearly all its places went to longer pieces. Not used.
    Scaffold,
    /// Not used for another reason: held-out text does not say it.
    Unseen,
}

/// All roles, in the order in which they are reported.
pub const ROLES: [Role; 5] = [Role::Term, Role::Phrase, Role::Fragment, Role::Scaffold, Role::Unseen];

/// A piece is a scaffold if less than one in so many of its places is left to it.
const SCAFFOLD_SHARE: u64 = 20;

/// The pieces of a role.
#[derive(Debug, Serialize)]
pub struct RoleFigures {
    /// The role.
    pub role: Role,
    /// How many they are.
    pub num_pieces: usize,
    /// How often held-out text uses them.
    pub num_uses: usize,
    /// The ones that are used most, or were learned first.
    pub examples: Vec<String>,
}

/// Uses of new pieces in held-out text.
pub struct Uses<'a> {
    words: &'a Words,
    lengths: Vec<usize>,
    first_new: u32,
    /// By piece: as a word, as several, and across borders.
    of: FxHashMap<u32, [usize; 3]>,
    ends: Vec<bool>,
}

impl<'a> Uses<'a> {
    /// Uses of the pieces of `merged` from `first_new` on.
    pub fn new(merged: &Model, first_new: u32, words: &'a Words) -> Self {
        // A space is one byte, the mark that stands for it three; bytes of rare characters are one each.
        let length = |text: &str| text.len() - 2 * text.matches(SPACE).count();
        let is_byte = |id: u32| merged.pieces[id as usize].kind() == crate::spm::Kind::Byte;
        let lengths = (0..).zip(&merged.pieces).map(|(id, p)| if is_byte(id) { 1 } else { length(p.text()) }).collect();
        Self { words, lengths, first_new, of: FxHashMap::default(), ends: Vec::new() }
    }

    /// Count a line, of which `ids` is the encoding; the number of its words.
    pub fn measure(&mut self, line: &str, ids: &[u32]) -> usize {
        self.ends.clear();
        self.ends.resize(line.len() + 1, false);
        self.ends[0] = true;
        let mut num_words = 0;
        for end in self.words.ends(line) {
            self.ends[end] = true;
            num_words += usize::from(!line[..end].ends_with(char::is_whitespace));
        }
        let total: usize = ids.iter().map(|id| self.lengths[*id as usize]).sum();
        // A space may go before a text that is not in it. Without pieces for bytes, lengths are not known.
        let mut start = line.len() as isize - total as isize;
        if !(-1..=0).contains(&start) {
            return num_words;
        }
        for id in ids {
            let end = start + self.lengths[*id as usize] as isize;
            if *id >= self.first_new && start >= 0 {
                let (start, end) = (start as usize, end as usize);
                let role = match self.ends[start + 1..end].contains(&true) {
                    _ if !self.ends[start] || !self.ends[end] => 2,
                    true => 1,
                    false => 0,
                };
                self.of.entry(*id).or_default()[role] += 1;
            }
            start = end;
        }
        num_words
    }

    /// The number of pieces that were used.
    pub fn num_used(&self) -> usize {
        self.of.len()
    }

    /// The roles of `learned`, which are the pieces from `first_new` on.
    pub fn roles(&self, learned: &[(String, Learned)]) -> Vec<RoleFigures> {
        let mut by_role: Vec<Vec<(usize, &str)>> = vec![Vec::new(); ROLES.len()];
        for (id, (text, piece)) in (self.first_new..).zip(learned) {
            let (role, num_uses) = match self.of.get(&id) {
                Some(uses) => {
                    let most = (0..3).max_by_key(|role| (uses[*role], std::cmp::Reverse(*role))).unwrap_or(0);
                    (ROLES[most], uses.iter().sum())
                }
                None if piece.left * SCAFFOLD_SHARE < piece.count => (Role::Scaffold, 0),
                None => (Role::Unseen, 0),
            };
            by_role[role as usize].push((num_uses, text));
        }
        let figures = |(role, mut pieces): (Role, Vec<(usize, &str)>)| {
            pieces.sort_by_key(|(num_uses, _)| std::cmp::Reverse(*num_uses));
            RoleFigures {
                role,
                num_pieces: pieces.len(),
                num_uses: pieces.iter().map(|(num_uses, _)| num_uses).sum(),
                examples: pieces.iter().take(12).map(|(_, text)| (*text).to_owned()).collect(),
            }
        };
        ROLES.into_iter().zip(by_role).map(figures).collect()
    }
}
