//! Defines the commands: what each is given, and what it prints.

mod bench;
mod chat;
mod citations;
mod compare;
mod contamination;
mod infer;
mod lawbench;
mod perplexity;
mod report;
mod run;
mod score;

pub use bench::Bench;
pub use chat::Chat;
pub use citations::Citations;
pub use compare::Compare;
pub use contamination::Contamination;
pub use infer::Infer;
pub use lawbench::Lawbench;
pub use perplexity::Perplexity;
pub use report::Report;
pub use run::Run;
pub use score::Score;

use std::{io::Write as _, path::PathBuf};

use clap::{Args, ValueEnum};
use evaluator::{
    Result,
    proofreading::{MAX_ALIGNMENTS, Proofreader},
    stats::Bootstrap,
};

/// Which split the answers are to.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Split {
    /// The task alone.
    ZeroShot,
    /// The task with an example.
    OneShot,
}

impl Split {
    fn name(self) -> &'static str {
        match self {
            Self::ZeroShot => "zero_shot",
            Self::OneShot => "one_shot",
        }
    }
}

/// How intervals are drawn.
#[derive(Args, Clone, Copy)]
pub struct Drawing {
    /// How often items are drawn again for an interval; 0 for no intervals.
    #[arg(long, default_value_t = Bootstrap::default().resamples)]
    resamples: usize,
    /// What random numbers start from: the same seed gives the same intervals.
    #[arg(long, default_value_t = Bootstrap::default().seed)]
    seed: u64,
}

impl From<Drawing> for Bootstrap {
    fn from(Drawing { resamples, seed }: Drawing) -> Self {
        Self { resamples, seed }
    }
}

/// What proofreading (2-1) is scored with.
#[derive(Args)]
pub struct Proofreading {
    /// Score proofreading (2-1), too, with the tables in this folder: cilin.txt and confusion_dict.txt.
    #[arg(long, value_name = "DIR")]
    proofreading_tables: Option<PathBuf>,
    /// Alignments of a corrected sentence up to which all are looked at, as published; beyond, 无 is judged instead.
    #[arg(long, default_value_t = MAX_ALIGNMENTS, value_name = "COUNT")]
    max_alignments: u64,
}

impl Proofreading {
    /// The tables, where a folder is given.
    fn read(&self) -> Result<Option<Proofreader>> {
        let tables = self.proofreading_tables.as_deref();
        tables.map(|folder| Proofreader::read(folder, self.max_alignments)).transpose()
    }
}

/// Print to where results go.
fn print(text: &str) -> Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// Print to where messages go.
fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
}
