//! Cuts Chinese text into words, and runs of tokens where words end.

use jieba_rs::Jieba;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{lift::Runs, spm::Model};

/// What a new piece may span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Part of a word, or a word.
    Word,
    /// Words, but no function word beside another: `的`, `对`, `和`, `吗`.
    Phrase,
    /// Any run of Chinese characters.
    #[default]
    Free,
}

/// Chinese words: jieba's dictionary, and its hidden Markov model for what the dictionary lacks.
pub struct Words(Jieba);

/// A word of a text.
pub struct Word<'a> {
    /// The word.
    pub text: &'a str,
    /// Its part of speech in the tag set of ICTCLAS, as jieba's dictionary has it.
    pub tag: &'a str,
}

impl Word<'_> {
    /// Whether it only joins other words: auxiliaries, prepositions, conjunctions, particles, interjections.
    pub fn is_function(&self) -> bool {
        self.tag.starts_with(['u', 'p', 'c', 'y', 'e', 'o'])
    }

    /// Whether it can begin or end a term: nouns, verbs, adjectives, abbreviations, idioms and unknown words.
    pub fn is_content(&self) -> bool {
        self.tag.starts_with(['n', 'v', 'a', 'j', 'l', 'i', 'b', 'x'])
    }
}

impl Default for Words {
    fn default() -> Self {
        Self(Jieba::new())
    }
}

impl Words {
    /// Take `terms` for words too.
    pub fn add<'a>(&mut self, terms: impl IntoIterator<Item = &'a str>) {
        for term in terms {
            self.0.add_word(term, None, Some("n"));
        }
    }

    /// The words of `text`, in order; together they are the text.
    pub fn cut<'a>(&'a self, text: &'a str) -> Vec<Word<'a>> {
        self.0.tag(text, true).into_iter().map(|word| Word { text: word.word, tag: word.tag }).collect()
    }

    /// Where words of `text` end, in bytes; without their tags.
    pub fn ends(&self, text: &str) -> impl Iterator<Item = usize> {
        let mut end = 0;
        self.0.cut(text, true).into_iter().map(move |word| {
            end += word.word.len();
            end
        })
    }

    /// `runs`, cut so that what is learned from them spans no more than `span`.
    ///
    /// A token of the base that reaches across a border stays whole.
    pub fn cut_runs(&self, runs: Runs, base: &Model, span: Span) -> Runs {
        if span == Span::Free {
            return runs;
        }
        let parts: Vec<(Vec<&[u32]>, u64)> =
            runs.sorted().into_par_iter().map(|(run, weight)| (self.parts(run, base, span), weight)).collect();
        let mut after = runs.emptied();
        for (parts, weight) in &parts {
            parts.iter().for_each(|part| after.add(part, *weight));
        }
        after
    }

    /// The parts of a run between the borders that `span` puts, those of a single token aside.
    fn parts<'a>(&self, run: &'a [u32], base: &Model, span: Span) -> Vec<&'a [u32]> {
        let text: String = run.iter().map(|&id| base.pieces[id as usize].text()).collect();
        let words = self.cut(&text);
        let stands_alone = |word: &Word| span == Span::Word || word.is_function();
        let mut borders = Vec::new();
        let mut end = 0;
        for (index, word) in words.iter().enumerate() {
            end += word.text.len();
            if stands_alone(word) || words.get(index + 1).is_some_and(stands_alone) {
                borders.push(end);
            }
        }
        let mut at = 0;
        let ends_part = |id: &u32| {
            at += base.pieces[*id as usize].text().len();
            borders.binary_search(&at).is_ok()
        };
        run.split_inclusive(ends_part).filter(|part| part.len() > 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spm::Piece;

    /// A model of the characters of `text`, and its runs.
    fn characters(text: &str) -> (Model, Vec<u32>) {
        let mut model = Model::default();
        let ids = text.chars().map(|c| {
            let text = c.to_string();
            let known = model.pieces.iter().position(|piece| piece.text() == text);
            known.unwrap_or_else(|| {
                model.pieces.push(Piece::normal(text, -1.0));
                model.pieces.len() - 1
            }) as u32
        });
        let ids = ids.collect();
        (model, ids)
    }

    fn parts(text: &str, span: Span) -> Vec<String> {
        let (model, ids) = characters(text);
        let mut runs = Runs::within(1 << 20);
        runs.add(&ids, 1);
        let cut = Words::default().cut_runs(runs, &model, span);
        let mut parts: Vec<String> = cut
            .sorted()
            .iter()
            .map(|(run, _)| run.iter().map(|&id| model.pieces[id as usize].text()).collect())
            .collect();
        parts.sort_by_key(|part| text.find(part.as_str()));
        parts
    }

    #[test]
    fn a_span_says_where_runs_are_cut() {
        let text = "人民法院审理的民事案件";
        assert_eq!(parts(text, Span::Free), [text]);
        assert_eq!(parts(text, Span::Phrase), ["人民法院审理", "民事案件"]);
        assert_eq!(parts(text, Span::Word), ["人民法院", "审理", "民事案件"]);
    }
}
