//! SentencePiece's files and SentencePiece's trainer.

pub mod model;
pub mod train;

pub use model::{Kind, Model, Piece};
