//! Orders the pieces of a base whose scores tie, so that its text is encoded as before, as far as an order can.
//!
//! Of merges that tie, SentencePiece takes the leftmost; Hugging Face's format needs an order. The order is learned:
//! text is encoded with the ties, then replayed with the order so far. Wherever the order would let a piece take
//! what the ties give to another, the other has to go first; the weighted contradictions between such demands are
//! what an order minimises (the feedback arc set problem, here by moving one piece at a time to its best place).

use std::collections::BTreeMap;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    Encoder, Result,
    counts::Counts,
    encode::Replay,
    spm::{Kind, Model},
};

/// Distinct stretches of text in which pieces compete, with how often they stood there.
pub type Stretches = Counts<str>;

/// Rounds of replaying and ordering.
const ROUNDS: usize = 6;

/// Whether two ordinary pieces of several characters share a score.
pub fn has_ties(model: &Model) -> bool {
    let mut seen = FxHashSet::default();
    model.merged().any(|(_, piece)| !seen.insert(piece.score().to_bits()))
}

/// `model` with a score of its own for each ordinary piece, learned on `stretches` of text.
///
/// # Errors
/// A model that the encoder does not support.
pub fn break_ties(model: &Model, stretches: &Stretches) -> Result<Model> {
    let replay = Replay::new(model)?;
    let stretches = stretches.sorted();
    let mut demands = Demands::default();
    let mut place: Vec<u32> = (0..model.pieces.len() as u32).collect();
    let mut best = (u64::MAX, place.clone());
    for _ in 0..ROUNDS {
        let found = stretches
            .par_chunks(4096)
            .map(|part| {
                let mut found = FxHashMap::default();
                for &(text, count) in part {
                    replay.demands(text, &place, |first, second| *found.entry((first, second)).or_default() += count);
                }
                found
            })
            .reduce(FxHashMap::default, |mut all: FxHashMap<(u32, u32), u64>, part| {
                part.into_iter().for_each(|(demand, count)| *all.entry(demand).or_default() += count);
                all
            });
        let broken: u64 = found.values().sum();
        if broken < best.0 {
            best = (broken, place.clone());
        }
        if broken == 0 {
            break;
        }
        demands.add(found);
        demands.order(&mut place);
    }
    Ok(rescored(model, &best.1))
}

/// Give the pieces that share a score the scores between it and the next, in the order of `place`.
fn rescored(model: &Model, place: &[u32]) -> Model {
    let mut by_score: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    for (id, piece) in model.of_kind(Kind::Normal) {
        // The order of f32, as an integer.
        let bits = i64::from(piece.score().to_bits() as i32);
        let key = if bits < 0 { i64::from(i32::MIN) - bits } else { bits };
        by_score.entry(key).or_default().push(id);
    }
    let mut changed = model.clone();
    let mut lower: Option<f32> = None;
    for ids in by_score.values_mut() {
        let score = model.pieces[ids[0] as usize].score();
        if ids.len() > 1 {
            ids.sort_by_key(|id| place[*id as usize]);
            let room =
                f64::from(score) - lower.map_or(f64::from(score) - 1.0 - f64::from(score).abs() / 1e3, f64::from);
            for (index, id) in ids.iter().enumerate() {
                let new = f64::from(score) - room * (index + 1) as f64 / (ids.len() + 1) as f64;
                changed.pieces[*id as usize] = model.pieces[*id as usize].at_score(new as f32);
            }
        }
        lower = Some(score);
    }
    changed
}

/// Which piece has to go before which, and how much text asks for it.
#[derive(Default)]
struct Demands {
    /// By piece: the pieces it has to go before (positive) or after (negative), with the weight.
    of: FxHashMap<u32, FxHashMap<u32, i64>>,
}

impl Demands {
    fn add(&mut self, found: FxHashMap<(u32, u32), u64>) {
        for ((first, second), count) in found {
            *self.of.entry(first).or_default().entry(second).or_default() += count as i64;
            *self.of.entry(second).or_default().entry(first).or_default() -= count as i64;
        }
    }

    /// Move pieces to where least is broken, one at a time, until none gains.
    fn order(&self, place: &mut [u32]) {
        let mut pieces: Vec<u32> = self.of.keys().copied().collect();
        pieces.sort_unstable();
        // Places as keys between which there is always room; few enough moves are made for f64.
        let mut keys: FxHashMap<u32, f64> = pieces.iter().map(|id| (*id, f64::from(place[*id as usize]))).collect();
        for _ in 0..20 {
            let mut moved = 0;
            for &piece in &pieces {
                if let Some(key) = self.best_key(piece, &keys) {
                    keys.insert(piece, key);
                    moved += 1;
                }
            }
            let mut sorted = pieces.clone();
            sorted.sort_by(|a, b| keys[a].total_cmp(&keys[b]).then(a.cmp(b)));
            keys = sorted.iter().enumerate().map(|(at, id)| (*id, at as f64)).collect();
            if moved == 0 {
                break;
            }
        }
        // The others hold no opinion: they go behind.
        let mut behind = pieces.len() as u32;
        for (id, place) in (0u32..).zip(place) {
            *place = keys.get(&id).map_or_else(
                || {
                    behind += 1;
                    behind
                },
                |key| *key as u32,
            );
        }
    }

    /// A better place for a piece among those it has to do with, if there is one.
    fn best_key(&self, piece: u32, keys: &FxHashMap<u32, f64>) -> Option<f64> {
        let mut others: Vec<(f64, i64)> =
            self.of[&piece].iter().map(|(other, weight)| (keys[other], *weight)).collect();
        others.sort_by(|a, b| a.0.total_cmp(&b.0));
        // At the very front, all that have to go before it are behind: their demands are broken.
        let mut broken: i64 = others.iter().map(|(_, weight)| (-weight).max(0)).sum();
        let own = keys[&piece];
        let (mut now, mut best, mut best_at) = (broken, broken, 0);
        for (index, (key, weight)) in others.iter().enumerate() {
            broken += weight;
            if *key < own {
                now = broken;
            }
            if broken < best {
                (best, best_at) = (broken, index + 1);
            }
        }
        (best < now).then(|| {
            let before = best_at.checked_sub(1).map(|at| others[at].0);
            let after = others.get(best_at).map(|other| other.0);
            match (before, after) {
                (Some(before), Some(after)) => f64::midpoint(before, after),
                (Some(before), None) => before + 0.5,
                (None, Some(after)) => after - 0.5,
                (None, None) => own,
            }
        })
    }
}

/// How much of an encoding changed: tokens of the first that the second has not, at their place in the text.
pub fn num_changed(model: &Model, first: &[u32], second: &[u32]) -> usize {
    let spans = |ids: &[u32]| {
        let mut end = 0;
        let span = |id: &u32| {
            let start = end;
            end += model.pieces[*id as usize].text().len();
            (start, end)
        };
        ids.iter().map(span).collect::<Vec<_>>()
    };
    let second: FxHashSet<(usize, usize)> = spans(second).into_iter().collect();
    spans(first).iter().filter(|span| !second.contains(span)).count()
}

/// Count the stretches of a line.
pub fn count_stretches(encoder: &Encoder, line: &str, weight: u64, stretches: &mut Stretches) {
    encoder.stretches(line, |text| stretches.add(text, weight));
}
