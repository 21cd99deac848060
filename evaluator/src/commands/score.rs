//! Defines `evaluator score`.

use std::path::PathBuf;

use clap::Args;
use evaluator::{Mode, Result, items, report, run};

use super::{Drawing, Split, print, warn};

/// What `evaluator score` is given.
#[derive(Args)]
pub struct Score {
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
    /// Write what each item scores to this file of parquet.
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    #[command(flatten)]
    drawing: Drawing,
}

impl Score {
    /// Score, and print.
    pub fn run(self) -> Result<()> {
        let bootstrap = self.drawing.into();
        let mut scores = run::score(&self.predictions, self.split.name(), self.mode)?;
        warn(&scores.warnings);
        scores.draw_intervals(bootstrap);
        if let Some(path) = &self.items {
            items::write(path, &scores.tasks)?;
        }
        if self.json {
            return print(&report::json_lines(&scores.rows));
        }
        print(&report::table(&scores.rows, &scores.means(bootstrap)))
    }
}
