//! Runs answers side by side: one that ends makes room for the next prompt, and prompts are computed beside answers
//! that go on, without any filling. Since a token's numbers depend on its own text alone, an answer is the same
//! whatever runs beside it.

use std::{
    collections::{HashSet, VecDeque},
    mem,
};

use rayon::prelude::*;

use super::{Answer, Event, Options, Request, Stop, repeat::Repeats, sample::Sampler, text::Text};
use crate::{
    Error, Result,
    model::{Model, Place, Texts},
};

/// Answers prompts.
pub struct Generator<'a> {
    model: &'a Model,
    options: &'a Options,
    texts: Texts<'a>,
    ends: HashSet<u32>,
    waiting: VecDeque<Request>,
    /// By slot.
    rows: Vec<Option<Row<'a>>>,
}

/// An answer on the way.
struct Row<'a> {
    id: usize,
    /// Prompt and answer.
    tokens: Vec<u32>,
    prompt_tokens: usize,
    /// Tokens that went through the model.
    computed: usize,
    sampler: Sampler,
    repeats: Repeats,
    text: Text<'a>,
}

impl<'a> Generator<'a> {
    /// A generator that answers up to `num_slots` prompts at a time, each with its answer of up to `capacity` tokens.
    ///
    /// # Errors
    /// More than the device has memory for.
    pub fn new(model: &'a Model, options: &'a Options, num_slots: usize, capacity: usize) -> Result<Self> {
        let texts = model.engine.texts(num_slots, capacity)?;
        let rows = (0..num_slots).map(|_| None).collect();
        Ok(Self { model, options, texts, ends: model.ends(), waiting: VecDeque::new(), rows })
    }

    /// Take a prompt; it is answered once there is room.
    ///
    /// # Errors
    /// A prompt that is empty or leaves no room for an answer.
    pub fn push(&mut self, request: Request) -> Result<()> {
        let (count, capacity) = (request.tokens.len(), self.texts.capacity());
        if count == 0 || count >= capacity {
            let what = format!("a prompt of {count} tokens leaves no room for an answer in a context of {capacity}");
            return Err(Error::Invalid { at: format!("item {}", request.id), what });
        }
        self.waiting.push_back(request);
        Ok(())
    }

    /// Whether there is nothing left to answer.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.rows.iter().all(Option::is_none)
    }

    /// Go on by a step: a token of each answer, and as much of new prompts as goes beside. What happened, by slot.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn step(&mut self) -> Result<Vec<Event>> {
        self.admit();
        let (places, wanted) = self.places();
        let tokens = self.choose(&places, &wanted)?;
        let mut events = Vec::new();
        for ((_, slot), token) in wanted.iter().zip(tokens) {
            let Some(mut row) = mem::take(&mut self.rows[*slot]) else { continue };
            match self.take(&mut row, token) {
                Some(stop) => events.extend(row.finish(stop)),
                None => {
                    let text = row.text.fresh();
                    if !text.is_empty() {
                        events.push(Event::Text { id: row.id, text: text.to_owned() });
                    }
                    self.rows[*slot] = Some(row);
                }
            }
        }
        Ok(events)
    }

    /// The next token of each answer that has one. Rows beyond the tokenizer's ids are filling, and no tokens.
    fn choose(&mut self, places: &[Place], wanted: &[(usize, usize)]) -> Result<Vec<u32>> {
        let num_pieces = self.model.tokenizer.num_pieces();
        let indices: Vec<usize> = wanted.iter().map(|(at, _)| *at).collect();
        if self.options.sampling.is_plain() {
            return self.texts.likeliest(places, &indices, num_pieces);
        }
        let mut logits = self.texts.logits(places, &indices)?;
        let mut by_slot: Vec<Option<&mut [f32]>> = self.rows.iter().map(|_| None).collect();
        let logits = logits.chunks_mut(self.model.architecture.vocab_size);
        wanted.iter().zip(logits).for_each(|((_, slot), logits)| by_slot[*slot] = Some(logits));
        // Wanted by slot, in order, so that tokens come in the order of what is wanted.
        let chosen = self.rows.par_iter_mut().zip(by_slot);
        let chosen = chosen.map(|(row, logits)| Some(row.as_mut()?.sampler.choose(&mut logits?[..num_pieces])));
        Ok(chosen.collect::<Vec<_>>().into_iter().flatten().collect())
    }

    /// Give free slots to prompts that wait.
    fn admit(&mut self) {
        let num_pieces = self.model.tokenizer.num_pieces();
        let Options { sampling, seed, stops, .. } = self.options;
        for slot in self.rows.iter_mut().filter(|slot| slot.is_none()) {
            let Some(Request { id, tokens }) = self.waiting.pop_front() else { return };
            let sampler = Sampler::new(*sampling, *seed, id, &tokens, num_pieces);
            let prompt_tokens = tokens.len();
            let (repeats, text) = (Repeats::default(), Text::new(stops));
            *slot = Some(Row { id, tokens, prompt_tokens, computed: 0, sampler, repeats, text });
        }
    }

    /// The tokens of this step, and of those that a token follows on the index and the slot.
    fn places(&mut self) -> (Vec<Place>, Vec<(usize, usize)>) {
        let (mut places, mut wanted) = (Vec::new(), Vec::new());
        let answers = self.rows.iter().flatten().filter(|row| row.computed >= row.prompt_tokens).count();
        let (most, is_whole) = (self.texts.max_tokens(), self.texts.wants_whole_prompts());
        // The longest prompt that can be computed whole, whatever is beside it.
        let longest = most - self.texts.num_slots().min(most);
        let mut room = most.saturating_sub(answers);
        for (slot, row) in self.rows.iter_mut().enumerate() {
            let Some(row) = row else { continue };
            let mut count = row.tokens.len() - row.computed;
            if row.computed < row.prompt_tokens {
                let waits = is_whole && count > room && count <= longest;
                count = if waits { 0 } else { count.min(room) };
                room -= count;
            }
            let range = row.computed..row.computed + count;
            places.extend(range.map(|position| Place { token: row.tokens[position], slot, position }));
            row.computed += count;
            if count > 0 && row.computed == row.tokens.len() {
                wanted.push((places.len() - 1, slot));
            }
        }
        (places, wanted)
    }

    /// Add a token to an answer: why it ends, where it does.
    fn take(&self, row: &mut Row, token: u32) -> Option<Stop> {
        if self.ends.contains(&token) {
            return Some(Stop::End);
        }
        row.tokens.push(token);
        let answer = &row.tokens[row.prompt_tokens..];
        if row.text.push(&self.model.tokenizer, token) {
            return Some(Stop::Text);
        }
        if !self.options.allow_loops && row.repeats.push(answer) {
            return Some(Stop::Loop);
        }
        if answer.len() >= self.options.max_new_tokens {
            return Some(Stop::Length);
        }
        (row.tokens.len() >= self.texts.capacity()).then_some(Stop::Context)
    }
}

impl Row<'_> {
    fn finish(mut self, stop: Stop) -> Vec<Event> {
        let (text, rest) = self.text.finish();
        let tokens = self.tokens.split_off(self.prompt_tokens);
        let answer = Answer { id: self.id, text, tokens, stop, prompt_tokens: self.prompt_tokens };
        let last = (!rest.is_empty()).then_some(Event::Text { id: self.id, text: rest });
        last.into_iter().chain([Event::Done(answer)]).collect()
    }
}
