//! Says how far a measurement would move on other documents of its kind: documents are drawn with repeats, and the
//! measurement is taken again (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979).

use rand::RngExt;

use crate::stats::{Bootstrap, Interval, sorted};

/// What samples are drawn from beside those of scores.
const PART: u64 = 2;

/// The interval of what `measure` makes of the sums over documents; see [`Interval::of_score`].
pub(super) fn interval<const N: usize>(
    documents: &[[f64; N]],
    bootstrap: Bootstrap,
    measure: impl Fn([f64; N]) -> f64 + Sync,
) -> Option<Interval> {
    if documents.is_empty() {
        return None;
    }
    let measured = bootstrap.draw(PART, |random| {
        let mut sums = [0.0; N];
        for _ in 0..documents.len() {
            let drawn = &documents[random.random_range(0..documents.len())];
            sums.iter_mut().zip(drawn).for_each(|(sum, value)| *sum += value);
        }
        measure(sums)
    });
    Interval::of_score(&sorted(measured), documents.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_as_wide_as_the_documents_differ() {
        // Of 100 documents half have 1 and half 3: the mean of 100 draws has a standard deviation of 0.1.
        let documents: Vec<[f64; 2]> = (0..100).map(|at| [f64::from(1 + at % 2 * 2), 1.0]).collect();
        let mean = |[sum, count]: [f64; 2]| sum / count;
        let bootstrap = Bootstrap { resamples: 2000, seed: 1 };
        let Interval { low, high } = interval(&documents, bootstrap, mean).unwrap();
        assert!((low - (2.0 - 0.196)).abs() < 0.03 && (high - (2.0 + 0.196)).abs() < 0.03, "{low} {high}");
        assert_eq!(interval(&documents, bootstrap, mean), Some(Interval { low, high }));
        assert_eq!(interval(&documents, Bootstrap { resamples: 0, seed: 1 }, mean), None);
        assert_eq!(interval(&documents[..9], bootstrap, mean), None, "too few to say");
        assert_eq!(interval(&[[2.0, 1.0]; 99], bootstrap, mean), None, "all alike");
    }
}
