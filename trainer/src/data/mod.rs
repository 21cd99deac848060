//! Turns a corpus into rows of tokens, in an order that a seed decides.

/// Rows on their way to the device.
pub mod batch;
/// Instruction records → prompts and answers.
pub mod chat;
/// Rows ahead of the device, on threads of their own.
pub mod loader;
/// Texts → rows of a length.
pub mod pack;
/// Rows as text, for people.
pub mod show;
/// The corpus in its shuffled order, as tokens.
pub mod stream;
