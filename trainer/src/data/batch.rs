//! Defines the rows that a model is trained on.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::random;

/// The target of a token after which nothing is learned.
pub const NO_TARGET: u32 = u32::MAX;

/// A sequence of `seq_len` tokens that holds one text or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// By token: the token that should follow, or [`NO_TARGET`].
    pub targets: Vec<u32>,
    /// By token: its place in its text.
    pub positions: Vec<u32>,
    /// By token: the number of its text in the row; tokens see those of their own text only.
    pub texts: Vec<u32>,
}

impl Row {
    /// Tokens at the end that only fill the row.
    pub fn filling(&self) -> usize {
        let last = self.texts.last().copied();
        let is_filling =
            |at: &usize| Some(self.texts[*at]) == last && self.tokens[*at] == 0 && self.targets[*at] == NO_TARGET;
        (0..self.tokens.len()).rev().take_while(is_filling).count()
    }

    /// Tokens after which something is learned.
    pub fn num_targets(&self) -> usize {
        self.targets.iter().filter(|target| **target != NO_TARGET).count()
    }
}

/// Rows of one length that go through the model together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The rows.
    pub rows: Vec<Row>,
}

impl Batch {
    /// Rows that are each a text of random tokens, to measure with.
    pub fn random(num_rows: usize, seq_len: usize, num_ids: u32, seed: u64) -> Self {
        let row = |number: usize| {
            let mut random = random::stream(seed, random::BENCH, number as u64);
            let tokens: Vec<u32> = (0..=seq_len).map(|_| random.random_range(0..num_ids)).collect();
            let (tokens, targets) = (tokens[..seq_len].to_vec(), tokens[1..].to_vec());
            Row { tokens, targets, positions: (0..seq_len as u32).collect(), texts: vec![0; seq_len] }
        };
        Self { rows: (0..num_rows).map(row).collect() }
    }

    /// Tokens in all rows.
    pub fn num_tokens(&self) -> usize {
        self.rows.iter().map(|row| row.tokens.len()).sum()
    }

    /// Tokens after which something is learned.
    pub fn num_targets(&self) -> usize {
        self.rows.iter().map(Row::num_targets).sum()
    }

    /// The share of a rank: every `world`-th row, and those in parts of at most `rows`.
    pub fn share(&self, rank: usize, world: usize, rows: usize) -> Vec<Self> {
        let mine: Vec<Row> = self.rows.iter().skip(rank).step_by(world).cloned().collect();
        mine.chunks(rows.max(1)).map(|rows| Self { rows: rows.to_vec() }).collect()
    }
}
