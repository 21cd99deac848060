//! Defines `evaluator compare`.

use std::path::PathBuf;

use clap::Args;
use evaluator::{
    Error, Mode, Result,
    compare::{Settings, Side, compare, table},
};

use super::{Drawing, Split, print, warn};

/// What `evaluator compare` is given.
#[derive(Args)]
pub struct Compare {
    /// The one model: a folder with TASK.json in it, or a file of scored items (FILE#MODEL where it has several).
    a: PathBuf,
    /// The other model.
    b: PathBuf,
    /// Which split the answers are to.
    #[arg(long, default_value = "zero_shot")]
    split: Split,
    /// Which faults of the published scorer are kept when a folder is scored: all, or none.
    #[arg(long, default_value = "official")]
    mode: Mode,
    /// Print JSON in place of tables.
    #[arg(long)]
    json: bool,
    /// Items that a slice must have to be shown.
    #[arg(long, default_value_t = 20, value_name = "ITEMS")]
    min_items: usize,
    #[command(flatten)]
    drawing: Drawing,
}

impl Compare {
    /// Compare, and print.
    pub fn run(self) -> Result<()> {
        let read = |path| Side::read(path, self.split.name(), self.mode);
        let settings = Settings { bootstrap: self.drawing.into(), min_items: self.min_items };
        let comparison = compare(&read(&self.a)?, &read(&self.b)?, settings);
        warn(&comparison.warnings);
        if comparison.tasks.is_empty() {
            return Err(Error::nothing_in_common(&self.a, &self.b));
        }
        if self.json {
            // Text, numbers and nothing: all of it has a JSON form.
            return print(&(serde_json::to_string_pretty(&comparison).unwrap_or_default() + "\n"));
        }
        print(&table(&comparison))
    }
}
