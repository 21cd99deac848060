//! `evaluator`: measures of a model.

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};
use evaluator::{Mode, report, run};

/// Measures a model: LawBench's scores of its answers.
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
    Score {
        /// A folder with MODEL/TASK.json in it, or with such a folder for each split.
        predictions: PathBuf,
        /// Which split the answers are to.
        #[arg(long, default_value = "zero_shot")]
        split: Split,
        /// Which faults of the published scorer are kept: all, or none.
        #[arg(long, default_value = "official")]
        mode: Mode,
        /// Print a JSON line for each model and task in place of a table.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Split {
    /// The task alone.
    ZeroShot,
    /// The task with an example.
    OneShot,
}

const HELP: &str = include_str!("help.txt");

fn main() -> ExitCode {
    let Command::Score { predictions, split, mode, json } = Cli::parse().command;
    let split = match split {
        Split::ZeroShot => "zero_shot",
        Split::OneShot => "one_shot",
    };
    let outcome = run::score(&predictions, split, mode).and_then(|scores| {
        scores.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        let text = if json { report::json_lines(&scores.rows) } else { report::table(&scores.rows) };
        Ok(std::io::stdout().write_all(text.as_bytes())?)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}
