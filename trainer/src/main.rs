//! `trainer`: a language model from the corpus.

use clap::Parser;

/// Continues pretraining on the corpus and tunes on its instructions.
///
/// No command exists yet: this crate begins when the corpus and the tokenizer it reads are settled.
#[derive(Parser)]
#[command(version)]
struct Cli {}

fn main() {
    Cli::parse();
    println!("trainer: nothing to run yet; see `trainer --help`");
}
