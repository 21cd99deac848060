//! Says how far a measurement would move on other documents of its kind: documents are drawn with repeats, and the
//! measurement is taken again (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::stats::{Bootstrap, Interval};

/// The interval of what `measure` makes of the sums over documents; none of fewer than two documents, or without
/// samples.
pub(super) fn interval<const N: usize>(
    documents: &[[f64; N]],
    bootstrap: Bootstrap,
    measure: impl Fn([f64; N]) -> f64 + Sync,
) -> Option<Interval> {
    if documents.len() < 2 {
        return None;
    }
    let resample = |number: u64| {
        let mut random = ChaCha8Rng::seed_from_u64(bootstrap.seed);
        random.set_stream(number);
        let mut sums = [0.0; N];
        for _ in 0..documents.len() {
            let drawn = &documents[random.random_range(0..documents.len())];
            sums.iter_mut().zip(drawn).for_each(|(sum, value)| *sum += value);
        }
        measure(sums)
    };
    let mut measured: Vec<f64> = (0..bootstrap.resamples as u64).into_par_iter().map(resample).collect();
    measured.sort_unstable_by(f64::total_cmp);
    Interval::of(&measured)
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
        assert_eq!(interval(&documents[..1], bootstrap, mean), None);
        assert_eq!(interval(&documents, Bootstrap { resamples: 0, seed: 1 }, mean), None);
        let same = interval(&[[2.0, 1.0]; 9], bootstrap, mean).unwrap();
        assert_eq!((same.low, same.high), (2.0, 2.0));
    }
}
