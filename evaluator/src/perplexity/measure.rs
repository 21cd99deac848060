//! Measures a text: every token of it once, however long it is, by windows that slide.

use rayon::prelude::*;

use crate::{
    Error, Result,
    model::{Cache, Model, Place},
};

/// Tokens that go through the model at a time.
const MAX_TOKENS: usize = 256;

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
pub fn measure(model: &Model, text: &str, windows: Windows) -> Measured {
    let tokenizer = &model.tokenizer;
    let mut tokens = vec![tokenizer.begin()];
    tokens.extend(tokenizer.ids(text));
    let targets = &tokens[1..];
    let unknown = targets.iter().filter(|token| tokenizer.num_bytes(**token) == 0).count() as u64;
    let mut measured = Measured { nats: 0.0, tokens: targets.len() as u64, unknown };
    let mut cache = Cache::new(model.llama.architecture(), 1, windows.context.min(targets.len()));
    for (from, counted, end) in windows.over(targets.len()) {
        for start in (from..end).step_by(MAX_TOKENS) {
            let part = start..end.min(start + MAX_TOKENS);
            let place = |at: usize| Place { token: tokens[at], slot: 0, position: at - from };
            let places: Vec<Place> = part.clone().map(place).collect();
            let wanted: Vec<usize> = part.clone().filter(|at| *at >= counted).map(|at| at - start).collect();
            let logits = model.llama.forward(&mut cache, &places, &wanted);
            let of = |(logits, at): (&[f32], &usize)| nats(logits, targets[start + at]);
            let ids = model.llama.architecture().vocab_size;
            // Summed in the order of the text, so that the sum is the same every time.
            let nats: Vec<f64> = logits.par_chunks(ids).zip(&wanted).map(of).collect();
            measured.nats += nats.iter().sum::<f64>();
        }
    }
    measured
}

/// The negative log-likelihood of a token.
fn nats(logits: &[f32], token: u32) -> f64 {
    let greatest = f64::from(logits.iter().fold(f32::NEG_INFINITY, |greatest, logit| greatest.max(*logit)));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - greatest).exp()).sum();
    sum.ln() + greatest - f64::from(logits[token as usize])
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

    #[test]
    fn nats_are_those_of_softmax() {
        let logits = [1.0f32, 2.0, 800.0];
        assert!((nats(&logits[..2], 0) - (1.0 + std::f64::consts::E).ln()).abs() < 1e-12);
        assert_eq!((nats(&logits, 2), nats(&logits, 0)), (0.0, 799.0));
    }
}
