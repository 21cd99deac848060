//! Defines Holm's correction of several tests.

/// P-values such that calling those below a level differences is wrong about any of them no more often than that.
///
/// Step-down: the smallest is multiplied by how many there are, the next by one less, and so on; none falls below
/// one before it. S. Holm, "A simple sequentially rejective multiple test procedure", 1979.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut corrected = vec![0.0; p.len()];
    let mut highest: f64 = 0.0;
    for (place, test) in order.into_iter().enumerate() {
        highest = highest.max((p[test] * (p.len() - place) as f64).min(1.0));
        corrected[test] = highest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::holm;

    #[test]
    fn the_smallest_is_multiplied_most_and_none_falls_below_one_before_it() {
        let close = |p: &[f64], expected: &[f64]| {
            let corrected = holm(p);
            assert!(corrected.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{corrected:?}");
        };
        // 4 · 0.005, 3 · 0.01, then 2 · 0.03 for both: 1 · 0.04 would be less than the one before it.
        close(&[0.01, 0.04, 0.03, 0.005], &[0.03, 0.06, 0.06, 0.02]);
        close(&[0.5, 0.6], &[1.0, 1.0]);
        close(&[0.03], &[0.03]);
        close(&[0.02, 0.02, 0.02], &[0.06, 0.06, 0.06]);
        close(&[], &[]);
    }
}
