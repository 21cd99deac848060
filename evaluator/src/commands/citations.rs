//! Defines `evaluator citations`.

use std::path::PathBuf;

use clap::Args;
use evaluator::{
    Result,
    citations::{Asked, Cited, check, table},
    report::json_lines,
};

use super::print;

/// What `evaluator citations` is given.
#[derive(Args)]
pub struct Citations {
    /// A file of texts, or a folder of them: LawBench's TASK.json, JSON lines with `output` or `text`, plain text.
    input: PathBuf,
    /// The corpus whose statutes are looked up.
    #[arg(long, default_value = "data/shards")]
    corpus: PathBuf,
    /// The day on which a law must be in force, YYYY-MM-DD; the newest versions where it is not given.
    #[arg(long, value_parser = day)]
    date: Option<i32>,
    /// The corpus holds every law, so that one it lacks does not exist.
    #[arg(long)]
    complete: bool,
    /// The share of a quotation that may differ from the article.
    #[arg(long, default_value_t = Asked::default().max_distance, value_name = "SHARE")]
    max_distance: f64,
    /// Print a JSON line for each citation in place of a table.
    #[arg(long)]
    json: bool,
}

impl Citations {
    /// Check, and print.
    pub fn run(self) -> Result<()> {
        let asked = Asked { day: self.date, is_complete: self.complete, max_distance: self.max_distance };
        let files = check(&self.input, &self.corpus, &asked)?;
        let cited: Vec<&Cited> = files.iter().flat_map(|of| &of.cited).collect();
        print(&if self.json { json_lines(&cited) } else { table(&files) })
    }
}

/// Days since 1970 of a date.
fn day(text: &str) -> Result<i32, String> {
    let date = text.parse::<chrono::NaiveDate>().map_err(|e| e.to_string())?;
    Ok(chrono::Datelike::num_days_from_ce(&date) - 719_163)
}
