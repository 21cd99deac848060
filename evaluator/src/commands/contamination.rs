//! Defines `evaluator contamination`.

use std::path::PathBuf;

use clap::Args;
use evaluator::{
    Result,
    contamination::{look, table},
    report::json_lines,
};

use super::{print, warn};

/// What `evaluator contamination` is given.
#[derive(Args)]
pub struct Contamination {
    /// A folder with the benchmark's items, TASK.json for each task.
    items: PathBuf,
    /// The corpus that a model was trained on.
    #[arg(long, default_value = "data/shards")]
    corpus: PathBuf,
    /// The share of a question, statutes left out, from which on an item is flagged.
    #[arg(long, default_value_t = 0.5, value_name = "SHARE", value_parser = share)]
    threshold: f64,
    /// Print a JSON line for each item in place of a table.
    #[arg(long)]
    json: bool,
    /// Write the JSON lines to this file, for `evaluator score --flagged`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Contamination {
    /// Look, and print.
    pub fn run(self) -> Result<()> {
        let contamination = look(&self.items, &self.corpus, self.threshold)?;
        warn(&contamination.warnings);
        let lines = json_lines(&contamination.findings);
        if let Some(path) = &self.out {
            evaluator::write_file(path, lines.as_bytes())?;
        }
        print(&if self.json { lines } else { table(&contamination) })
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is a number from 0 to 1".to_owned())
}
