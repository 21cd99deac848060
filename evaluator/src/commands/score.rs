//! Defines `evaluator score`.

use std::path::PathBuf;

use clap::Args;
use evaluator::{Mode, Result, bounds::Bounds, contamination::Flagged, items, report, run};

use super::{Drawing, Proofreading, Split, print, warn};

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
    /// Give scores without the items that this file flags, too: the JSON lines of `evaluator contamination`.
    #[arg(long, value_name = "FILE")]
    flagged: Option<PathBuf>,
    /// Give floors and ceilings, too: what empty answers, the commonest reference and the references score.
    #[arg(long)]
    bounds: bool,
    #[command(flatten)]
    proofreading: Proofreading,
    #[command(flatten)]
    drawing: Drawing,
}

impl Score {
    /// Score, and print.
    pub fn run(self) -> Result<()> {
        let bootstrap = self.drawing.into();
        let flagged = self.flagged.as_deref().map(Flagged::read).transpose()?;
        let proofreader = self.proofreading.read()?;
        let mut scores = run::score(&self.predictions, self.split.name(), self.mode, proofreader.as_ref())?;
        scores.draw_intervals(bootstrap);
        let left = flagged.map(|flagged| scores.without(&flagged, bootstrap));
        warn(&scores.warnings);
        warn(&scores.above_gold());
        let modes: &[Mode] = if self.bounds { &[Mode::Official, Mode::Strict] } else { &[] };
        let bounds = Bounds::of_tasks(&scores.references, modes);
        if let Some(path) = &self.items {
            items::write(path, &scores.tasks)?;
        }
        if self.json {
            return print(&(report::json_lines(&scores.rows) + &report::json_lines(&bounds)));
        }
        print(&report::table(&scores.rows, &scores.means(bootstrap)))?;
        if let Some(left) = left {
            let table = report::table(&left.rows, &left.means(bootstrap));
            print(&format!("\nWithout the items that are flagged:\n\n{table}"))?;
        }
        if bounds.is_empty() { Ok(()) } else { print(&format!("\n{}", report::bounds_table(&bounds))) }
    }
}
