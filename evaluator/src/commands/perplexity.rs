//! Defines `evaluator perplexity`.

use clap::Args;
use evaluator::{
    Result,
    perplexity::{self, report},
};

use super::{print, warn};

/// What `evaluator perplexity` is given.
#[derive(Args)]
pub struct Perplexity {
    #[command(flatten)]
    options: perplexity::Options,
    /// Print JSON lines in place of a table.
    #[arg(long)]
    json: bool,
}

impl Perplexity {
    /// Measure, and print.
    pub fn run(self) -> Result<()> {
        let report = perplexity::perplexity(&self.options)?;
        warn(&report.notes);
        print(&if self.json { report::json_lines(&report) } else { report::table(&report) })
    }
}
