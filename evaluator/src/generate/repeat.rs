//! Finds answers that go round in circles.

/// The longest part whose repetition is looked for, in tokens.
const MAX_PERIOD: usize = 256;
/// How often a part has to stand one after the other at least, and how many tokens that have to be at least: a row of
/// dots or zeros is no circle yet.
const MIN_COPIES: usize = 4;
const MIN_TOKENS: usize = 96;

/// Watches over the tokens of an answer.
#[derive(Default)]
pub(super) struct Repeats {
    /// By period, less one: how many of the last tokens are what stood that far before them.
    runs: Vec<usize>,
}

impl Repeats {
    /// Whether the answer repeats itself, now that it has another token.
    pub fn push(&mut self, tokens: &[u32]) -> bool {
        let Some((token, before)) = tokens.split_last() else { return false };
        self.runs.resize(before.len().min(MAX_PERIOD), 0);
        let mut repeats = false;
        for (run, (period, other)) in self.runs.iter_mut().zip((1..).zip(before.iter().rev())) {
            *run = if token == other { *run + 1 } else { 0 };
            repeats |= *run + period >= MIN_TOKENS.max(MIN_COPIES * period);
        }
        repeats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens until the answer repeats itself.
    fn found(tokens: impl Iterator<Item = u32>) -> Option<usize> {
        let (mut all, mut repeats) = (Vec::new(), Repeats::default());
        for token in tokens {
            all.push(token);
            if repeats.push(&all) {
                return Some(all.len());
            }
        }
        None
    }

    #[test]
    fn circles_are_found_and_what_only_looks_like_one_is_not() {
        let start = [9, 8, 7].into_iter();
        assert_eq!(found(start.clone().chain([1].into_iter().cycle())), Some(3 + 96));
        assert_eq!(found(start.clone().chain((0..5).cycle())), Some(3 + 96));
        assert_eq!(found(start.clone().chain((0..40).cycle())), Some(3 + 160));
        assert_eq!(found(start.chain((0..256).cycle())), Some(3 + 1024));
        assert_eq!(found((0..300).cycle().take(3000)), None, "longer than what is looked for");
        assert_eq!(found((0..3000).map(|at| at / 95)), None, "95 of each");
        // A list whose items begin alike.
        assert_eq!(found((0..3000).map(|at| if at % 10 == 9 { at } else { at % 10 })), None);
    }
}
