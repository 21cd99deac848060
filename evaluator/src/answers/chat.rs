//! A conversation in the terminal.

use std::io::{BufRead, Write};

use trainer::data::chat::Record;

use super::{Options, Session};
use crate::{
    Result,
    generate::{Event, Generator, Request, Stop},
};

/// What can be said beside questions.
const HELP: &str = "A line is a question; /new begins another conversation, and an empty line or Ctrl-D ends this one.";

/// Talk: a question a line from `input`, answers to `output` as they come.
///
/// # Errors
/// A model or a template that cannot be read.
pub fn chat(options: Options, input: impl BufRead, mut output: impl Write) -> Result<()> {
    let session = Session::open(options)?;
    writeln!(output, "{}. {HELP}", session.model.name)?;
    let mut record = Record::default();
    write!(output, "\n> ")?;
    output.flush()?;
    for line in input.split(b'\n') {
        // A terminal may send anything; a conversation does not end for that.
        let line = line?;
        match String::from_utf8_lossy(&line).trim() {
            "" => break,
            "/new" => record.history.clear(),
            question => {
                record.instruction = question.to_owned();
                let answer = session.reply(&mut record, &mut output)?;
                record.history.push((question.to_owned(), answer));
            }
        }
        write!(output, "\n> ")?;
        output.flush()?;
    }
    Ok(writeln!(output)?)
}

impl Session {
    /// Answer the last question of a conversation. Of one that is too long the first turns are forgotten.
    fn reply(&self, record: &mut Record, output: &mut impl Write) -> Result<String> {
        let mut prompt = self.prompt(record)?;
        let mut forgotten = 0;
        while prompt.cut_characters > 0 && !record.history.is_empty() {
            record.history.remove(0);
            forgotten += 1;
            prompt = self.prompt(record)?;
        }
        if forgotten > 0 {
            writeln!(output, "[turns that no longer fit and are forgotten: {forgotten}]")?;
        }
        if prompt.tokens.is_empty() {
            writeln!(output, "[the template alone leaves no room for an answer]")?;
            return Ok(String::new());
        }
        if prompt.cut_characters > 0 {
            writeln!(output, "[the last {} characters of the question do not fit]", prompt.cut_characters)?;
        }
        let capacity = self.context.min(prompt.tokens.len() + self.options.generate.max_new_tokens);
        let mut generator = Generator::new(&self.model, &self.options.generate, 1, capacity)?;
        // Every turn has a seed of its own, as every item has.
        generator.push(Request { id: record.history.len(), tokens: prompt.tokens })?;
        let mut answered = String::new();
        while !generator.is_idle() {
            for event in generator.step()? {
                match event {
                    Event::Text { text, .. } => write!(output, "{text}")?,
                    Event::Done(answer) => {
                        match answer.stop {
                            Stop::End | Stop::Text => writeln!(output)?,
                            Stop::Length => writeln!(output, " [cut: max-new-tokens]")?,
                            Stop::Context => writeln!(output, " [cut: the context is full]")?,
                            Stop::Loop => writeln!(output, " [cut: it repeats itself]")?,
                        }
                        answered = answer.text;
                    }
                }
            }
            output.flush()?;
        }
        Ok(answered)
    }
}
