//! Defines the statistics of scores: intervals, and tests of differences, of items that belong to cases.
//!
//! Items that rest on one case are not independent. A case is therefore drawn as a whole, and counts once in a test.

mod bootstrap;
mod holm;
mod mcnemar;

pub(crate) use bootstrap::sorted;
pub use bootstrap::{Bootstrap, Interval, MIN_CASES, Sample, Value};
pub use holm::holm;
pub use mcnemar::mcnemar;

/// The mean of numbers; none of none.
pub fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = numbers.fold((0, 0.0), |(count, sum), number| (count + 1, sum + number));
    (count > 0).then(|| sum / f64::from(count))
}

/// Pearson's correlation of pairs; none where either side is the same throughout.
pub fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let mean_a = mean(pairs.iter().map(|pair| pair.0))?;
    let mean_b = mean(pairs.iter().map(|pair| pair.1))?;
    let sum = |of: fn(f64, f64) -> f64| pairs.iter().map(|(a, b)| of(a - mean_a, b - mean_b)).sum::<f64>();
    let (both, of_a, of_b) = (sum(|a, b| a * b), sum(|a, _| a * a), sum(|_, b| b * b));
    // Of numbers that are equal up to rounding nothing can be said.
    (of_a > 1e-12 && of_b > 1e-12).then(|| both / (of_a * of_b).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_is_one_of_equals_and_minus_one_of_opposites() {
        let pairs = |b: fn(f64) -> f64| [0.1, 0.5, 0.7, 0.2].map(|a| (a, b(a)));
        assert!((correlation(&pairs(|a| 3.0 * a + 1.0)).unwrap() - 1.0).abs() < 1e-12);
        assert!((correlation(&pairs(|a| -a)).unwrap() + 1.0).abs() < 1e-12);
        // By hand: (1·1 + 0·(-1) + (-1)·0) / √(2·2) = 0.5.
        assert!((correlation(&[(1.0, 1.0), (0.0, -1.0), (-1.0, 0.0)]).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(correlation(&pairs(|_| 0.3)), None);
        assert_eq!(correlation(&[]), None);
    }
}
