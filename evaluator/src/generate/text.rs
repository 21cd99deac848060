//! Puts an answer's text together: whole characters only, and nothing that may be the start of what ends it.

use vocab::Tokenizer;

/// The text of an answer so far.
pub(super) struct Text<'a> {
    stops: &'a [String],
    text: String,
    /// Bytes of a character that is not whole yet.
    rest: Vec<u8>,
    /// Bytes of the text that were given.
    given: usize,
}

impl<'a> Text<'a> {
    /// Nothing yet.
    pub fn new(stops: &'a [String]) -> Self {
        Self { stops, text: String::new(), rest: Vec::new(), given: 0 }
    }

    /// Go on by a token: whether the text ends before one of the stops now.
    pub fn push(&mut self, tokenizer: &Tokenizer, token: u32) -> bool {
        let old = self.text.len();
        tokenizer.append_bytes(token, &mut self.rest);
        self.decode();
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let from = self.text.floor_char_boundary(old.saturating_sub(longest));
        let found = self.stops.iter().filter_map(|stop| self.text[from..].find(stop.as_str())).min();
        if let Some(at) = found {
            self.text.truncate(from + at);
            self.rest.clear();
        }
        found.is_some()
    }

    /// Move the characters that are whole to the text; bytes that begin none become U+FFFD.
    fn decode(&mut self) {
        loop {
            let (valid, bad) = match std::str::from_utf8(&self.rest) {
                Ok(text) => (text.len(), None),
                Err(e) => (e.valid_up_to(), e.error_len()),
            };
            self.text.push_str(&String::from_utf8_lossy(&self.rest[..valid]));
            self.rest.drain(..valid + bad.unwrap_or(0));
            if bad.is_none() {
                return;
            }
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    /// What can be shown and was not given yet: the start of a stop is held back.
    pub fn fresh(&mut self) -> &str {
        let held = |stop: &String| {
            stop.char_indices().map(|(at, _)| at).skip(1).filter(|at| self.text.ends_with(&stop[..*at])).max()
        };
        let end = self.text.len() - self.stops.iter().filter_map(held).max().unwrap_or(0);
        let from = self.given;
        self.given = end.max(from);
        &self.text[from..self.given]
    }

    /// The whole text, and the part of it that was not given yet.
    pub fn finish(mut self) -> (String, String) {
        if !self.rest.is_empty() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        let rest = self.text[self.given.min(self.text.len())..].to_owned();
        (self.text, rest)
    }
}
