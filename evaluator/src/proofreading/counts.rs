//! Counts edits that two sides share, and those that one has alone.

use serde::Serialize;

use super::edits::Edits;

/// How much more precision weighs than recall: β² of F0.5.
const BETA_SQUARED: f64 = 0.25;

/// Edits of answers beside those of references.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Edits of both.
    pub true_positives: u64,
    /// Edits of the answers alone.
    pub false_positives: u64,
    /// Edits of the references alone.
    pub false_negatives: u64,
}

impl Counts {
    /// Count each edit as often as the side that has it does; a shared one as often as the reference does.
    pub(super) fn of(predicted: &Edits, reference: &Edits) -> Self {
        let mut counts = Self::default();
        for (edit, times) in predicted {
            match reference.get(edit) {
                Some(times) => counts.true_positives += times,
                None => counts.false_positives += times,
            }
        }
        let missed = reference.iter().filter(|(edit, _)| !predicted.contains_key(*edit));
        counts.false_negatives = missed.map(|(_, times)| times).sum();
        counts
    }

    /// F0.5 of counts; 1 where there is no edit on either side.
    pub fn f_half(self) -> f64 {
        let share = |others: u64| match others {
            0 => 1.0,
            _ => self.true_positives as f64 / (self.true_positives + others) as f64,
        };
        let (precision, recall) = (share(self.false_positives), share(self.false_negatives));
        if precision + recall == 0.0 {
            return 0.0;
        }
        (1.0 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |a, b| Self {
            true_positives: a.true_positives + b.true_positives,
            false_positives: a.false_positives + b.false_positives,
            false_negatives: a.false_negatives + b.false_negatives,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f_half(true_positives: u64, false_positives: u64, false_negatives: u64) -> f64 {
        Counts { true_positives, false_positives, false_negatives }.f_half()
    }

    #[test]
    fn precision_weighs_more_than_recall() {
        // Precision 1/2, recall 1/4: 1.25 · 0.125 / (0.125 + 0.25).
        assert!((f_half(1, 1, 3) - 0.156_25 / 0.375).abs() < 1e-12);
        assert!(f_half(1, 0, 1) > f_half(1, 1, 0));
        assert_eq!([f_half(0, 0, 0), f_half(0, 3, 0), f_half(0, 0, 3), f_half(2, 0, 0)], [1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_shared_edit_counts_as_often_as_the_reference_has_it() {
        let edit = |at: usize, text: &str| (at, at + 1, text.to_owned());
        let predicted = Edits::from_iter([(edit(0, "甲"), 5), (edit(1, "乙"), 2)]);
        let reference = Edits::from_iter([(edit(0, "甲"), 3), (edit(1, "丙"), 7)]);
        let expected = Counts { true_positives: 3, false_positives: 2, false_negatives: 7 };
        assert_eq!(Counts::of(&predicted, &reference), expected);
        assert_eq!(Counts::of(&predicted, &Edits::default()).false_positives, 7);
    }
}
