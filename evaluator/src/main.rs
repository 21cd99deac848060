//! `evaluator`: measures of a model.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use commands::{Citations, Compare, Contamination, Report, Score};
use corpus_format::error::print_chain;

/// Measures a model: LawBench's scores of its answers, how certain they are, and how two models differ.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Score answers to LawBench; no model is needed.
    #[command(after_long_help = HELP)]
    Score(Score),
    /// Tell how two models differ on the items that both answered, and whether that is more than chance.
    Compare(Compare),
    /// Check the articles that texts cite, and what they quote, against the statutes of a corpus.
    Citations(Citations),
    /// Look for a benchmark's items in the corpus that a model was trained on.
    Contamination(Contamination),
    /// Write one page and one file of figures: scores, floors and ceilings, differences, and the worst answers.
    Report(Report),
}

const HELP: &str = include_str!("help.txt");

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Score(score) => score.run(),
        Command::Compare(compare) => compare.run(),
        Command::Citations(citations) => citations.run(),
        Command::Contamination(contamination) => contamination.run(),
        Command::Report(report) => report.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_chain(&error);
            ExitCode::FAILURE
        }
    }
}
