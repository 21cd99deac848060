//! Measures a text: every token of it once, however long it is, by windows that slide.

use rayon::prelude::*;

use crate::{
    Error, Result,
    model::{Model, Window},
};

/// How windows slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Tokens of a window.
    pub context: usize,
    /// Tokens that the next window begins later.
    pub stride: usize,
}

/// What was measured of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measured {
    /// Negative log-likelihood of the text after `<s>`, in nats.
    pub nats: f64,
    /// Its tokens.
    pub tokens: u64,
    /// Those that stand for text that the tokenizer does not know.
    pub unknown: u64,
}

impl Windows {
    /// The windows that are asked for, for a model.
    ///
    /// # Errors
    /// Windows that are wider than the model was made for, or that leave tokens out.
    pub fn of(model: &Model, context: Option<usize>, stride: Option<usize>) -> Result<Self> {
        let context = context.unwrap_or(model.context());
        let stride = stride.unwrap_or(context.div_ceil(2));
        let invalid = |at: &str, what: String| Error::Invalid { at: at.into(), what };
        if context == 0 || context > model.context() {
            let what = format!("{context} tokens, and {} was made for {}", model.name, model.context());
            return Err(invalid("context", what));
        }
        if stride == 0 || stride > context {
            return Err(invalid("stride", format!("{stride} tokens; it is from 1 to the context, {context}")));
        }
        Ok(Self { context, stride })
    }

    /// The windows over `count` tokens: from where, from where on they count, and to where.
    fn over(self, count: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let mut measured = 0;
        std::iter::from_fn(move || {
            let end = if measured == 0 { self.context } else { measured + self.stride }.min(count);
            let window = (end.saturating_sub(self.context), measured, end);
            measured = end;
            (window.1 < end).then_some(window)
        })
    }
}

/// Measure a text. The first window begins with `<s>`, the others in the middle of the text.
///
/// # Errors
/// A GPU that fails.
pub fn measure(model: &Model, text: &str, windows: Windows) -> Result<Measured> {
    Ok(measure_all(model, &[text], windows, |_| ())?.pop().unwrap_or_default())
}

/// Measure texts, of which as many windows are computed together as the device likes. `done` hears of how many texts are
/// measured in whole.
///
/// # Errors
/// A GPU that fails, or that has no memory for a window.
pub fn measure_all(model: &Model, texts: &[&str], windows: Windows, done: impl Fn(usize)) -> Result<Vec<Measured>> {
    let tokenizer = &model.tokenizer;
    let tokens_of = |text: &&str| [&[tokenizer.begin()], &tokenizer.ids(text)[..]].concat();
    let tokens: Vec<Vec<u32>> = texts.par_iter().map(tokens_of).collect();
    let unmeasured = |tokens: &Vec<u32>| {
        let unknown = tokens[1..].iter().filter(|token| tokenizer.num_bytes(**token) == 0).count() as u64;
        Measured { nats: 0.0, tokens: tokens.len() as u64 - 1, unknown }
    };
    let mut measured: Vec<Measured> = tokens.iter().map(unmeasured).collect();
    let mut all: Vec<(usize, Window)> = Vec::new();
    for (text, tokens) in tokens.iter().enumerate() {
        all.extend(windows.over(tokens.len() - 1).map(|(from, counted, end)| {
            let (seen, targets) = (&tokens[from..end], &tokens[from + 1..end + 1]);
            (text, Window { tokens: seen, targets, counted: counted - from })
        }));
    }
    let (most, mut rest) = (model.engine.window_tokens()?, &all[..]);
    while let Some((first, _)) = rest.first() {
        done(*first);
        let mut num_tokens = 0;
        let fits = |(_, window): &&(usize, Window)| {
            num_tokens += window.tokens.len();
            num_tokens <= most
        };
        let (together, others) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        let batch: Vec<Window> = together.iter().map(|(_, window)| *window).collect();
        for ((text, _), nats) in together.iter().zip(model.engine.nats(&batch)?) {
            measured[*text].nats += nats;
        }
        rest = others;
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_measure_every_token_once_with_enough_before_it() {
        for (context, stride) in [(8, 4), (8, 8), (8, 1), (7, 3), (1, 1)] {
            for count in 0..40 {
                let mut seen = 0;
                for (from, counted, end) in (Windows { context, stride }).over(count) {
                    assert!(counted == seen && end > counted && end - from <= context);
                    assert!(from == 0 || counted - from >= context - stride, "{context} {stride} {count}");
                    seen = end;
                }
                assert_eq!(seen, count);
            }
        }
    }
}
