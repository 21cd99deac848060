//! `evaluator`: a model's answers, and measures of them.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use commands::{Bench, Chat, Citations, Compare, Contamination, Infer, Lawbench, Perplexity, Report, Run, Score};
use corpus_format::error::print_chain;

/// Runs and measures models: answers, perplexity, LawBench's scores, comparisons, citations.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a whole evaluation: models through every measure that a configuration asks for, and one page on all.
    Run(Run),
    /// Talk with a model.
    Chat(Chat),
    /// Answer a file of records with a model.
    Infer(Infer),
    /// Answer LawBench's items with a model, score the answers, and count those that fail in form.
    Lawbench(Lawbench),
    /// Measure how well a model foresees text: nats a token, bits a byte, with intervals.
    Perplexity(Perplexity),
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
    /// Measure how fast answers and likelihoods come, with a model of random weights.
    Bench(Bench),
}

const HELP: &str = include_str!("help.txt");

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(run) => run.run(),
        Command::Chat(chat) => chat.run(),
        Command::Infer(infer) => infer.run(),
        Command::Lawbench(lawbench) => lawbench.run(),
        Command::Perplexity(perplexity) => perplexity.run(),
        Command::Score(score) => score.run(),
        Command::Compare(compare) => compare.run(),
        Command::Citations(citations) => citations.run(),
        Command::Contamination(contamination) => contamination.run(),
        Command::Report(report) => report.run(),
        Command::Bench(bench) => bench.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_chain(&error);
            ExitCode::FAILURE
        }
    }
}
