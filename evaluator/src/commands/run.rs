//! Defines `evaluator run`.

use std::path::PathBuf;

use clap::Args;
use evaluator::{Result, perplexity::report as perplexity, report::table, suite};

use super::{
    print,
    report::{command_line, write},
    warn,
};

/// What `evaluator run` is given.
#[derive(Args)]
pub struct Run {
    /// The configuration, in TOML.
    config: PathBuf,
}

impl Run {
    /// Evaluate, print the main figures, and write the page.
    pub fn run(self) -> Result<()> {
        let (config, evaluation) = suite::run(&self.config, command_line())?;
        warn(&evaluation.warnings);
        if let Some(report) = &evaluation.perplexity {
            print(&(perplexity::table(report) + "\n"))?;
        }
        if !evaluation.rows.is_empty() {
            print(&(table(&evaluation.rows, &evaluation.means) + "\n"))?;
        }
        write(&evaluation, &config.output)
    }
}
