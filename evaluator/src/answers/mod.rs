//! Answers many records with a model: as many at a time as asked for, kept one by one, so that an interrupted run goes on.

/// A conversation in the terminal.
pub mod chat;
/// Answers that fail before anyone looks at what they say.
pub mod failures;
/// A file of records.
pub mod infer;
/// LawBench's items.
pub mod lawbench;

/// Instruction records that no model was trained on.
pub mod held_out;

/// Answers as they are kept.
mod log;
/// Records → prompts that leave room for an answer.
mod prompt;

use indicatif::ProgressBar;
use serde_json::{Map, Value, json};
use trainer::data::chat::Template;

pub use log::{Log, Record as Kept};
pub use prompt::Prompt;

use crate::{
    Error, Result,
    generate::{self, Event, Generator, Request},
    model::{Files, Model},
};

/// What answers, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The model.
    #[command(flatten)]
    pub files: Files,
    /// The chat template: alpaca, chinese-alpaca, law, or the path of a Jinja file.
    #[arg(long, default_value = "law")]
    pub template: String,
    /// Answers at a time, 16 on a CPU and 64 on a GPU where absent; fewer where memory has no room. It changes how fast
    /// they come, and on a CPU no bit of them.
    #[arg(long)]
    pub batch: Option<usize>,
    /// How answers are generated.
    #[command(flatten)]
    pub generate: generate::Options,
}

/// A model with its template, ready to answer.
pub struct Session {
    /// The model.
    pub model: Model,
    template: Template,
    options: Options,
    /// Tokens of prompt and answer together.
    context: usize,
}

impl Session {
    /// Open a model.
    ///
    /// # Errors
    /// Settings that make no sense; a model or a template that cannot be read.
    pub fn open(options: Options) -> Result<Self> {
        let invalid = |at: &str, what: String| Error::Invalid { at: at.into(), what };
        options.generate.check().map_err(|what| invalid("options", what))?;
        if options.batch == Some(0) {
            return Err(invalid("options", "batch is 0: nothing would be answered".into()));
        }
        let template = Template::open(&options.template)?;
        let model = Model::open(&options.files)?;
        model.notes.iter().for_each(|note| eprintln!("warning: {note}"));
        let context = options.generate.context.unwrap_or(model.context());
        if context > model.context() {
            let what = format!("{context} tokens, and the model was made for {}", model.context());
            return Err(invalid("context", what));
        }
        Ok(Self { model, template, options, context })
    }

    /// What decides the answers to prompts, beside the program: kept with them.
    fn settings(&self, prompts: &[Prompt]) -> Value {
        let [model, adapter, tokenizer] = &self.model.sha256;
        json!({
            "device": self.model.device().name(), "model": model, "adapter": adapter, "tokenizer": tokenizer, "template": self.options.template,
            "context": self.context, "generate": self.options.generate, "prompts": prompt::hash(prompts),
        })
    }

    /// Answer the prompts that `log` has no answer to. `more` says of an item what else is kept with its answer.
    fn answer(&self, prompts: &[Prompt], log: &mut Log, more: impl Fn(usize) -> Map<String, Value>) -> Result<()> {
        let open: Vec<usize> = (0..prompts.len()).filter(|item| !log.has(*item)).collect();
        let (able, unable): (Vec<usize>, _) = open.into_iter().partition(|item| !prompts[*item].tokens.is_empty());
        for item in unable {
            log.add(Kept::unanswered(item, &prompts[item], more(item)))?;
        }
        let longest = able.iter().map(|item| prompts[*item].tokens.len()).max().unwrap_or(0);
        let capacity = self.context.min(longest + self.options.generate.max_new_tokens);
        let engine = &self.model.engine;
        let fit = engine.slots_that_fit(&self.model.architecture, capacity)?.max(1);
        let num_slots = self.options.batch.unwrap_or(engine.usual_batch()).min(able.len()).min(fit);
        let mut generator = Generator::new(&self.model, &self.options.generate, num_slots, capacity)?;
        for item in able {
            generator.push(Request { id: item, tokens: prompts[item].tokens.clone() })?;
        }
        let bar = ProgressBar::new(prompts.len() as u64).with_position(log.len() as u64);
        while !generator.is_idle() {
            for event in generator.step()? {
                let Event::Done(answer) = event else { continue };
                bar.inc(1);
                log.add(Kept::answered(&answer, &prompts[answer.id], more(answer.id)))?;
            }
        }
        bar.finish_and_clear();
        log.finish()
    }
}
