//! Runs and measures models: answers, how well text is foreseen, LawBench's scores and how certain they are.
//!
//! Read in the order in which a score comes about: a model, its answers, the rule of a task, an item, a row.

#[macro_use(pattern)]
extern crate corpus_format;

/// Records, questions and items → answers that are kept.
pub mod answers;
/// Prompts → answers.
pub mod generate;
/// A folder → a model that computes.
pub mod model;
/// How well a model foresees text.
pub mod perplexity;

/// What LawBench consists of: its tasks, their label lists, and files of answers to them.
pub mod lawbench;
/// Chinese numerals in text.
pub mod number;
/// One rule a file: how an answer is judged.
pub mod score;

/// Floors and ceilings: what answers score that no model gave.
pub mod bounds;
/// What each item scores, in a file that makes any two runs comparable.
pub mod items;
/// An evaluation as one page and one file of figures.
pub mod page;
/// Corrected sentences: the one task that is judged with tables of characters.
pub mod proofreading;
/// Rows as JSON lines or a table.
pub mod report;
/// From a folder of answers to rows.
pub mod run;
/// Intervals, and tests of differences.
pub mod stats;
/// What an item's own text says it is about.
pub mod traits;

/// Whether the articles that answers cite exist, were in force, and say what is quoted.
pub mod citations;
/// How two models differ, item by item.
pub mod compare;
/// A configuration → every measure of its models, and one page.
pub mod suite;

/// Which items stand in the texts that a model was trained on.
pub mod contamination;

/// How fast answers and likelihoods come.
pub mod bench;

mod characters;
mod error;
mod normal;
mod output;

pub use error::{Error, Result};
pub use output::write_file;
pub use score::Mode;
