//! Measures a model: LawBench's scores of its answers.
//!
//! Read in the order in which a score comes about: a folder of answers, the rule of a task, a row.

#[macro_use]
mod pattern;

/// What LawBench consists of: its tasks, their label lists, and files of answers to them.
pub mod lawbench;
/// Chinese numerals in text.
pub mod number;
/// One rule a file: how an answer is judged.
pub mod score;

/// Rows as JSON lines or a table.
pub mod report;
/// From a folder of answers to rows.
pub mod run;

mod characters;
mod error;

pub use error::{Error, Result};
pub use score::Mode;
