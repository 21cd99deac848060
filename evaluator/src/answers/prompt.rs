//! Makes prompts of records, and cuts those that leave no room for an answer.

use corpus_format::reader::hex;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use trainer::data::chat::{Record, Template};
use vocab::Tokenizer;

use super::Session;
use crate::Result;

/// A prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Its tokens; none where there is no room for them even without the record's last text.
    pub tokens: Vec<u32>,
    /// Characters that were cut off the end of the record's last text.
    pub cut_characters: usize,
}

impl Session {
    /// Tokens that a prompt may have: an answer gets as many as it may have, but no more than half of the context.
    pub fn room(&self) -> usize {
        self.context - self.options.generate.max_new_tokens.min(self.context / 2)
    }

    /// The prompts of records.
    ///
    /// # Errors
    /// A template that fails.
    pub fn prompts(&self, records: &[Record]) -> Result<Vec<Prompt>> {
        let maker = self.maker();
        records.par_iter().map(|record| maker.prompt(record)).collect()
    }

    /// The prompt of a record; see [`Session::prompts`].
    pub(super) fn prompt(&self, record: &Record) -> Result<Prompt> {
        self.maker().prompt(record)
    }

    fn maker(&self) -> Maker<'_> {
        Maker { template: &self.template, tokenizer: &self.model.tokenizer, room: self.room() }
    }
}

/// What prompts are made with: all of a session that threads share.
struct Maker<'a> {
    template: &'a Template,
    tokenizer: &'a Tokenizer,
    room: usize,
}

impl Maker<'_> {
    /// The prompt of a record. Where it is too long the record's last text, its input or else its instruction, is cut
    /// on the right, so that the template's own words stay.
    fn prompt(&self, record: &Record) -> Result<Prompt> {
        let whole = self.template.prompt(record, self.tokenizer)?;
        if whole.len() <= self.room {
            return Ok(Prompt { tokens: whole, cut_characters: 0 });
        }
        let num_characters = last_text(record).chars().count();
        let kept = |count: usize| {
            let mut record = record.clone();
            let text: String = last_text(&record).chars().take(count).collect();
            *(if record.input.is_empty() { &mut record.instruction } else { &mut record.input }) = text;
            self.template.prompt(&record, self.tokenizer)
        };
        // The greatest number of characters that fits is between these.
        let (mut fits, mut too_many) = (0, num_characters);
        let mut tokens = kept(0)?;
        if tokens.len() > self.room {
            return Ok(Prompt { tokens: Vec::new(), cut_characters: num_characters });
        }
        while too_many - fits > 1 {
            let middle = fits + (too_many - fits) / 2;
            let tried = kept(middle)?;
            if tried.len() <= self.room {
                (fits, tokens) = (middle, tried);
            } else {
                too_many = middle;
            }
        }
        Ok(Prompt { tokens, cut_characters: num_characters - fits })
    }
}

fn last_text(record: &Record) -> &str {
    if record.input.is_empty() { &record.instruction } else { &record.input }
}

/// SHA-256 over the tokens of prompts.
pub(super) fn hash(prompts: &[Prompt]) -> String {
    let mut hasher = Sha256::new();
    for prompt in prompts {
        hasher.update((prompt.tokens.len() as u64).to_le_bytes());
        prompt.tokens.iter().for_each(|token| hasher.update(token.to_le_bytes()));
    }
    hex(&hasher.finalize())
}
