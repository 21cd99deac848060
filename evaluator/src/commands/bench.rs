//! Defines `evaluator bench`.

use clap::Args;
use evaluator::{Result, bench};

use super::print;

/// What `evaluator bench` is given.
#[derive(Args)]
pub struct Bench {
    #[command(flatten)]
    options: bench::Options,
}

impl Bench {
    /// Measure, and print a JSON line for each measurement as soon as it is there.
    pub fn run(self) -> Result<()> {
        bench::bench(&self.options, |line| print(&format!("{line}\n")))
    }
}
