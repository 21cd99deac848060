//! `vocab`: legal tokens for a Chinese LLaMA.

use clap::Parser;

/// Trains legal tokens and merges them into Chinese-LLaMA's tokenizer.
///
/// No command exists yet: this crate begins when the corpus it reads is settled.
#[derive(Parser)]
#[command(version)]
struct Cli {}

fn main() {
    Cli::parse();
    println!("vocab: nothing to run yet; see `vocab --help`");
}
