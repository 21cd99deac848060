//! `evaluator`: measures of a model.

use clap::Parser;

/// Measures a model: perplexity, LawBench, citations checked against the statutes, chat.
///
/// No command exists yet: this crate begins when there is a model to measure.
#[derive(Parser)]
#[command(version)]
struct Cli {}

fn main() {
    Cli::parse();
    println!("evaluator: nothing to run yet; see `evaluator --help`");
}
