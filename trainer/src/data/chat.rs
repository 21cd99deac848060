//! Renders instruction records with a chat template in Jinja, as Hugging Face defines it, and says which tokens are answers.

use std::path::Path;

use minijinja::{Environment, Value, context};
use serde::Serialize;
use vocab::{Tokenizer, encode::Scratch};

use super::{batch::NO_TARGET, pack::Text};
use crate::{Error, Result};

/// A question with its answer, and the turns before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Earlier turns: questions and answers, oldest first.
    pub history: Vec<(String, String)>,
    /// What is asked.
    pub instruction: String,
    /// What it is asked about; may be empty.
    pub input: String,
    /// The answer.
    pub output: String,
}

/// A message as templates see it: `role` and `content`, and of a question its two parts.
#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: String,
    instruction: &'a str,
    input: &'a str,
}

/// The templates that come with the program.
const BUILT_IN: [(&str, &str); 3] = [
    ("alpaca", include_str!("../../templates/alpaca.jinja")),
    ("chinese-alpaca", include_str!("../../templates/chinese-alpaca.jinja")),
    ("law", include_str!("../../templates/law.jinja")),
];

/// A chat template.
pub struct Template {
    environment: Environment<'static>,
    name: String,
}

/// Stands for the tokenizer's marks while a template is rendered, so that marks written out in a record stay text.
const BEGIN: char = '\u{F0001}';
const END: char = '\u{F0002}';

impl Template {
    /// A template by name (`alpaca`, `chinese-alpaca`, `law`) or by the path of its file.
    ///
    /// # Errors
    /// No such file, or one that is no template.
    pub fn open(name: &str) -> Result<Self> {
        let source = match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((_, source)) => (*source).to_owned(),
            None => fs_err::read_to_string(Path::new(name))?,
        };
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |what: String| -> Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, what))
        });
        environment
            .add_template_owned("chat", source)
            .map_err(|e| Error::invalid(name, format!("not a Jinja template: {e:#}")))?;
        Ok(Self { environment, name: name.to_owned() })
    }

    /// A record as tokens, of which only the answers are learned, or all with `learn_all`.
    ///
    /// # Errors
    /// A template that fails, or that changes what it said when a message is added.
    pub fn tokens(
        &self,
        record: &Record,
        tokenizer: &Tokenizer,
        learn_all: bool,
        scratch: &mut Scratch,
    ) -> Result<Text> {
        let messages = messages(record);
        let mut tokens = Vec::new();
        let mut is_answer = Vec::new();
        let mut said = String::new();
        for turn in (0..messages.len()).step_by(2) {
            let prompt = self.render(&messages[..=turn], true)?;
            let answered = self.render(&messages[..=turn + 1], false)?;
            for (whole, answers) in [(prompt, false), (answered, true)] {
                let new = whole.strip_prefix(said.as_str()).ok_or_else(|| {
                    Error::invalid(
                        &self.name,
                        "it renders the start of a conversation differently once there is more of it",
                    )
                })?;
                encode(new, tokenizer, said.is_empty(), scratch, &mut tokens);
                is_answer.resize(tokens.len(), answers);
                said = whole;
            }
        }
        if tokens.last() != Some(&tokenizer.end()) {
            tokens.push(tokenizer.end());
            is_answer.push(true);
        }
        let learned = |(token, is_answer): (&u32, &bool)| if learn_all || *is_answer { *token } else { NO_TARGET };
        let targets = tokens.iter().zip(&is_answer).skip(1).map(learned).chain([NO_TARGET]).collect();
        Ok(Text { tokens, targets })
    }

    /// The tokens of a prompt, for generation.
    ///
    /// # Errors
    /// A template that fails.
    pub fn prompt(&self, record: &Record, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
        let messages = messages(record);
        let mut tokens = Vec::new();
        let prompt = self.render(&messages[..messages.len() - 1], true)?;
        encode(&prompt, tokenizer, true, &mut Scratch::default(), &mut tokens);
        Ok(tokens)
    }

    fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let template = self.environment.get_template("chat")?;
        let (bos_token, eos_token) = (BEGIN.to_string(), END.to_string());
        let rendered = template.render(context! {
            messages, add_generation_prompt, bos_token, eos_token,
            // Not undefined: templates ask whether they are none, as transformers passes them.
            tools => Value::from(()), documents => Value::from(()),
        });
        rendered.map_err(|e| Error::invalid(&self.name, format!("{e:#}")))
    }
}

fn messages(record: &Record) -> Vec<Message<'_>> {
    let mut messages = Vec::new();
    let turns = record.history.iter().map(|(question, answer)| (question.as_str(), "", answer.as_str()));
    for (instruction, input, answer) in
        turns.chain([(record.instruction.as_str(), record.input.as_str(), record.output.as_str())])
    {
        let content = if input.is_empty() { instruction.to_owned() } else { format!("{instruction}\n{input}") };
        messages.push(Message { role: "user", content, instruction, input });
        messages.push(Message { role: "assistant", content: answer.to_owned(), instruction: "", input: "" });
    }
    messages
}

/// Append the tokens of `text`; only the very first text gets the space that SentencePiece puts before one.
fn encode(text: &str, tokenizer: &Tokenizer, is_first: bool, scratch: &mut Scratch, tokens: &mut Vec<u32>) {
    let mut is_first = is_first;
    for part in text.split_inclusive([BEGIN, END]) {
        let plain = part.trim_end_matches([BEGIN, END]);
        if !plain.is_empty() {
            if is_first {
                tokenizer.encode(plain, scratch, tokens);
            } else {
                tokenizer.encode_on(plain, scratch, tokens);
            }
            is_first = false;
        }
        match part.chars().last() {
            Some(BEGIN) => tokens.push(tokenizer.begin()),
            Some(END) => tokens.push(tokenizer.end()),
            _ => {}
        }
    }
}
