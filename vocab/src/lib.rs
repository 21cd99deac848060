//! Trains legal tokens and merges them into Chinese-LLaMA's tokenizer.
//!
//! The modules stand in the order in which data flows through them.

/// What a tokenizer promises, checked and measured.
pub mod audit;
/// Runs → new pieces.
pub mod bpe;
/// Tokenizers side by side.
pub mod compare;
/// What a run reads, learns and writes.
pub mod config;
/// Corpus → tokens of each row.
pub mod count;
/// Things and their weights, in bounded memory.
pub mod counts;
/// Text → token ids.
pub mod encode;
/// Model → tokenizer.json.
pub mod hugging_face;
/// New ids → ids of the base.
pub mod init_map;
/// Lines → counted runs of the base's tokens.
pub mod lift;
/// New pieces → merged model.
pub mod merge;
/// What new pieces are in the language: words, phrases, fragments, scaffolds.
pub mod roles;
/// The whole run.
pub mod run;
/// SentencePiece's files and trainer.
pub mod spm;
/// Mined legal terms, and given ones as a prior.
pub mod terms;
/// Corpus → lines.
pub mod text;
/// A base whose scores tie → one whose scores do not.
pub mod ties;
/// What downstream encodes and decodes with.
pub mod tokenizer;
/// Text → words.
pub mod words;

mod error;
/// Folders of results.
pub mod output;
mod report;

pub use config::Config;
pub use encode::Encoder;
pub use error::{Error, Result};
pub use tokenizer::Tokenizer;
