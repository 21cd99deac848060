//! Defines what LawBench consists of: its tasks, their label lists, and files of answers to them.
//!
//! Fei et al., "LawBench: Benchmarking Legal Knowledge of Large Language Models", 2023.

mod labels;
mod predictions;
mod questions;
mod tasks;

pub use labels::{LabelList, Labels};
pub use predictions::{Answer, Told, read, read_told};
pub use questions::questions;
pub use tasks::{NUM_ITEMS, Rule, TASKS, Task, task};
