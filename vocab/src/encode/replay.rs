//! Replays an encoding in another order of merges, and says which merges would have to go first to keep it.

use rustc_hash::FxHashMap;

use super::{
    build::alphabet,
    merges::{Merges, Symbol},
};
use crate::{Result, spm::Model};

/// Encodes text with the ties of a model and with an order in their place.
pub(crate) struct Replay {
    symbols: FxHashMap<String, Symbol>,
    merges: Merges,
}

/// A symbol at its place: the characters from the first to before the second.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Span {
    from: usize,
    to: usize,
    symbol: Symbol,
}

impl Span {
    fn is_in(self, other: Self) -> bool {
        other.from <= self.from && self.to <= other.to
    }
}

impl Replay {
    pub(crate) fn new(model: &Model) -> Result<Self> {
        let alphabet = alphabet(model)?;
        Ok(Self { symbols: alphabet.symbols, merges: alphabet.merges })
    }

    /// Call `demand(first, second)` for each piece that has to go before another of the same score, so that the
    /// order of `place` encodes a stretch as the ties do.
    pub(crate) fn demands(&self, text: &str, place: &[u32], mut demand: impl FnMut(Symbol, Symbol)) {
        let Some(start) = self.spell(text) else { return };
        let mut by_ties = Merging::new(start.clone(), &self.merges);
        let mut made = Vec::new();
        while let Some(at) = by_ties.best(|_, rank, at| (rank, at)) {
            made.push(by_ties.merge(at, &self.merges));
        }
        let tokens = by_ties.spans;
        let mut by_order = Merging::new(start, &self.merges);
        while let Some(at) = by_order.best(|symbol, rank, at| (rank, place[symbol as usize], at)) {
            let (left, right) = (by_order.spans[at], by_order.spans[at + 1]);
            let Some((taken, rank)) = by_order.made[at] else { return };
            let across = Span { from: left.from, to: right.to, symbol: taken };
            if tokens.iter().any(|token| across.is_in(*token)) {
                by_order.merge(at, &self.merges);
                continue;
            }
            // With the ties one half was part of something else by then: whatever makes that has to go first.
            let around = |part: Span| made.iter().find(|span| part.is_in(**span) && **span != part).copied();
            if let Some(whole) = around(left).or_else(|| around(right)) {
                let undone = |span: &&Span| span.is_in(whole) && !by_order.spans.iter().any(|done| span.is_in(*done));
                for span in made.iter().filter(undone) {
                    if span.symbol != taken && self.merges.rank_of(span.symbol) == rank {
                        demand(span.symbol, taken);
                    }
                }
            }
            by_order.made[at] = None;
        }
    }

    fn spell(&self, text: &str) -> Option<Vec<Span>> {
        let mut buffer = [0; 4];
        let span = |(from, c): (usize, char)| {
            let symbol = *self.symbols.get(&*c.encode_utf8(&mut buffer))?;
            Some(Span { from, to: from + 1, symbol })
        };
        text.chars().enumerate().map(span).collect()
    }
}

/// A text while it is merged.
struct Merging {
    spans: Vec<Span>,
    /// For each span: what it makes with the next, and the rank of that.
    made: Vec<Option<(Symbol, u32)>>,
}

impl Merging {
    fn new(spans: Vec<Span>, merges: &Merges) -> Self {
        let made = spans.windows(2).map(|pair| merges.made(pair[0].symbol, pair[1].symbol)).collect();
        Self { spans, made }
    }

    /// The place of the merge with the smallest key.
    fn best<K: Ord>(&self, key: impl Fn(Symbol, u32, usize) -> K) -> Option<usize> {
        let possible = self
            .made
            .iter()
            .enumerate()
            .filter_map(|(at, made)| made.map(|(symbol, rank)| (key(symbol, rank, at), at)));
        possible.min().map(|(_, at)| at)
    }

    fn merge(&mut self, at: usize, merges: &Merges) -> Span {
        let right = self.spans.remove(at + 1);
        let left = &mut self.spans[at];
        if let Some((symbol, _)) = self.made[at] {
            *left = Span { from: left.from, to: right.to, symbol };
        }
        let merged = *left;
        self.made.remove(at);
        let mut look = |at: usize| {
            if let (Some(left), Some(right)) = (self.spans.get(at), self.spans.get(at + 1)) {
                self.made[at] = merges.made(left.symbol, right.symbol);
            }
        };
        look(at);
        if let Some(before) = at.checked_sub(1) {
            look(before);
        }
        merged
    }
}
