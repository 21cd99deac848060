//! Defines `evaluator lawbench`.

use clap::Args;
use evaluator::{
    Result,
    answers::{failures, lawbench},
    items, report,
    stats::Bootstrap,
};

use super::{Split, print, warn};

/// What `evaluator lawbench` is given.
#[derive(Args)]
pub struct Lawbench {
    #[command(flatten)]
    options: lawbench::Options,
    /// Which split is answered.
    #[arg(long, default_value = "zero_shot")]
    split: Split,
    /// Print JSON lines in place of tables.
    #[arg(long)]
    json: bool,
}

impl Lawbench {
    /// Answer, score, and print.
    pub fn run(self) -> Result<()> {
        let (mut scores, failures, folder) = lawbench::lawbench(self.options, self.split.name())?;
        let bootstrap = Bootstrap::default();
        scores.draw_intervals(bootstrap);
        warn(&scores.warnings);
        items::write(&folder.join("items.parquet"), &scores.tasks)?;
        print(&match self.json {
            true => report::json_lines(&scores.rows) + &failures::json_lines(&failures),
            false => report::table(&scores.rows, &scores.means(bootstrap)) + "\n" + &failures::table(&failures),
        })
    }
}
