//! Answers prompts: many at a time, each as if it were alone.

/// Prompts that come and go.
mod batch;
/// Answers that go round in circles.
mod repeat;
/// A token from logits.
mod sample;
/// Tokens → text that is whole characters.
mod text;

pub use batch::Generator;
pub use sample::Sampling;

use serde::{Deserialize, Serialize};

/// How answers are generated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(default)]
pub struct Options {
    /// Tokens that an answer has at most.
    #[arg(long, default_value_t = 512)]
    pub max_new_tokens: usize,
    /// How a token is chosen.
    #[command(flatten)]
    pub sampling: Sampling,
    /// Decides what chance decides; each item has a seed of its own that follows from it.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// A text that ends an answer and is no part of it; may be given several times.
    #[arg(long = "stop")]
    pub stops: Vec<String>,
    /// Let answers go on that repeat themselves.
    #[arg(long)]
    pub allow_loops: bool,
    /// Tokens of prompt and answer together; what the model was made for where absent.
    #[arg(long)]
    pub context: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_new_tokens: 512,
            sampling: Sampling::default(),
            seed: 0,
            stops: Vec::new(),
            allow_loops: false,
            context: None,
        }
    }
}

impl Options {
    /// Check the settings.
    ///
    /// # Errors
    /// What does not make sense.
    pub fn check(&self) -> Result<(), String> {
        if self.max_new_tokens == 0 || self.context == Some(0) {
            return Err("max-new-tokens or context is 0: there would be no answer".into());
        }
        if self.stops.iter().any(String::is_empty) {
            return Err("a stop is empty: it would end every answer before it begins".into());
        }
        self.sampling.check()
    }
}

/// A prompt to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What the answer is known by.
    pub id: usize,
    /// The prompt.
    pub tokens: Vec<u32>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The model ended it.
    End,
    /// A text that ends answers came up.
    Text,
    /// It had as many tokens as it may have.
    Length,
    /// Prompt and answer fill the context.
    Context,
    /// It repeated itself.
    Loop,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What the prompt was known by.
    pub id: usize,
    /// The text, without marks.
    pub text: String,
    /// Its tokens, without that which ended it.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub stop: Stop,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
}

/// What happens while answers are generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An answer went on by a text.
    Text {
        /// Whose.
        id: usize,
        /// Whole characters.
        text: String,
    },
    /// An answer is there in whole.
    Done(Answer),
}
