//! Defines `evaluator infer`.

use clap::Args;
use evaluator::{Result, answers::infer};

use super::{print, warn};

/// What `evaluator infer` is given.
#[derive(Args)]
pub struct Infer {
    #[command(flatten)]
    options: infer::Options,
}

impl Infer {
    /// Answer, and print how many answers there are.
    pub fn run(self) -> Result<()> {
        let out = self.options.out.clone();
        let (count, cut) = infer::infer(self.options)?;
        if cut > 0 {
            let what = "were cut to leave room for an answer; `cut_characters` says by how much";
            warn(&[format!("{cut} records {what}")]);
        }
        print(&format!("answers    {count}, in {}\n", out.display()))
    }
}
