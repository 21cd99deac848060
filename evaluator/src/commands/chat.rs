//! Defines `evaluator chat`.

use clap::Args;
use evaluator::{
    Result,
    answers::{self, chat},
};

/// What `evaluator chat` is given.
#[derive(Args)]
pub struct Chat {
    #[command(flatten)]
    options: answers::Options,
}

impl Chat {
    /// Talk in the terminal.
    pub fn run(self) -> Result<()> {
        chat::chat(self.options, std::io::stdin().lock(), std::io::stdout())
    }
}
