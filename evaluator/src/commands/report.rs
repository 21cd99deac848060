//! Defines `evaluator report`.

use std::path::{Path, PathBuf};

use clap::Args;
use evaluator::{
    Mode, Result,
    compare::Settings,
    page::{Evaluation, Extra, Request, evaluate, render},
    write_file,
};

use super::{Drawing, Proofreading, Split, print, warn};

/// What `evaluator report` is given.
#[derive(Args)]
pub struct Report {
    /// A folder with MODEL/TASK.json in it, or with such a folder for each split.
    predictions: PathBuf,
    /// Which split the answers are to.
    #[arg(long, default_value = "zero_shot")]
    split: Split,
    /// Which faults of the published scorer are kept: all, or none.
    #[arg(long, default_value = "official")]
    mode: Mode,
    /// The model that the others are compared with; the best one by default, which these answers chose: its lead is
    /// flattered.
    #[arg(long, value_name = "MODEL")]
    against: Option<String>,
    /// A corpus: what answers cite is checked against its statutes.
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Give scores without the items that this file flags, too: the JSON lines of `evaluator contamination`.
    #[arg(long, value_name = "FILE")]
    flagged: Option<PathBuf>,
    /// Items that a slice must have to be shown.
    #[arg(long, default_value_t = 20, value_name = "ITEMS")]
    min_items: usize,
    #[command(flatten)]
    proofreading: Proofreading,
    #[command(flatten)]
    drawing: Drawing,
    /// The folder for index.html and report.json.
    #[arg(long, default_value = "data/reports/evaluation")]
    out: PathBuf,
}

impl Report {
    /// Evaluate, and write page and figures.
    pub fn run(self) -> Result<()> {
        let proofreader = self.proofreading.read()?;
        let evaluation = evaluate(&Request {
            proofreader: proofreader.as_ref(),
            predictions: Some(&self.predictions),
            only: (&[], &[]),
            split: self.split.name(),
            mode: self.mode,
            settings: Settings { bootstrap: self.drawing.into(), min_items: self.min_items },
            against: self.against.as_deref(),
            corpus: self.corpus.as_deref(),
            flagged: self.flagged.as_deref(),
            command: command_line(),
            extra: Extra::default(),
        })?;
        warn(&evaluation.warnings);
        write(&evaluation, &self.out)
    }
}

/// The command, as it was given.
pub(super) fn command_line() -> String {
    std::env::args_os().skip(1).fold("evaluator".to_owned(), |line, argument| line + " " + &argument.to_string_lossy())
}

/// Write page and figures to a folder, and say where.
pub(super) fn write(evaluation: &Evaluation, folder: &Path) -> Result<()> {
    let page = folder.join("index.html");
    write_file(&page, render(evaluation)?.as_bytes())?;
    // Text, numbers and nothing: all of it has a JSON form.
    let figures = serde_json::to_string_pretty(evaluation).unwrap_or_default() + "\n";
    write_file(&folder.join("report.json"), figures.as_bytes())?;
    print(&format!("report  {}\n", page.display()))
}
