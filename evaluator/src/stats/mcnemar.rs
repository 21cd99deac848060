//! Defines McNemar's test, exactly.

/// The probability that two models which are right equally often differ as much as this or more, of as many cases
/// as one alone has right: `only_a` by the one, `only_b` by the other.
///
/// Each such case is a toss of a coin, so the two-sided p-value is twice the smaller tail of a binomial
/// distribution. Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
/// percentages", 1947; of cases with several items, by which model has more of them right, it is the sign test.
pub fn mcnemar(only_a: usize, only_b: usize) -> f64 {
    let (tosses, fewer) = (only_a + only_b, only_a.min(only_b));
    // ln C(n, k) - n ln 2, from one k to the next: C(n, k + 1) = C(n, k) (n - k) / (k + 1).
    let mut ln_term = -(tosses as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=fewer {
        tail += ln_term.exp();
        ln_term += ((tosses - k) as f64 / (k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::mcnemar;

    #[test]
    fn it_is_twice_the_smaller_tail_of_a_binomial() {
        // (1 + 10) / 1024 of a tail, twice.
        assert!((mcnemar(1, 9) - 22.0 / 1024.0).abs() < 1e-12);
        assert!((mcnemar(9, 1) - 22.0 / 1024.0).abs() < 1e-12);
        assert!((mcnemar(0, 5) - 2.0 / 32.0).abs() < 1e-12);
        // (1 + 8 + 28) / 256, twice.
        assert!((mcnemar(2, 6) - 74.0 / 256.0).abs() < 1e-12);
        // Even tosses: both tails hold the middle, so that their sum is cut.
        assert_eq!(mcnemar(5, 5), 1.0);
        assert_eq!(mcnemar(0, 1), 1.0);
        assert_eq!(mcnemar(0, 0), 1.0);
    }

    #[test]
    fn many_tosses_are_normal_and_few_of_many_are_no_zero() {
        // 450 to 550: z = (100 - 1) / √1000, of which the two tails are 0.00174.
        assert!((mcnemar(450, 550) - 0.001_74).abs() < 2e-5);
        assert!((mcnemar(0, 1000).log10() - (1.0 - 1000.0) * 2.0_f64.log10()).abs() < 1e-6);
        assert!(mcnemar(4000, 6000) > 0.0);
    }
}
