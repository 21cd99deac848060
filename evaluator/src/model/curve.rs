//! Computes the exponential and what is made of it: the same bits on every machine, several numbers at a time.

/// e to the power of `x`, to 2 units in the last place; 0 far below and e^88 far above.
///
/// With n the integer nearest to x / ln 2 it is 2^n times e^r, |r| ≤ ln 2 / 2, for which a polynomial stands (Cody and
/// Waite, "Software Manual for the Elementary Functions", 1980).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Adding this rounds to an integer, and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, of which the first has few bits, so that its multiples are exact.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = n.mul_add(-LOW, n.mul_add(-HIGH, x));
    let mut sum = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = r.mul_add(sum, factor);
    }
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    sum * power
}

/// Scores as shares of 1.
#[inline(always)]
pub(super) fn softmax(scores: &mut [f32]) {
    let greatest = scores.iter().fold(f32::NEG_INFINITY, |greatest, score| greatest.max(*score));
    for score in scores.iter_mut() {
        *score = exp(*score - greatest);
    }
    let sum: f64 = scores.iter().map(|score| f64::from(*score)).sum();
    let share = (1.0 / sum) as f32;
    for score in scores.iter_mut() {
        *score *= share;
    }
}

/// `gate · sigmoid(gate) · up`. both: a gate and an up half.
pub(super) fn swiglu(both: &[f32], out: &mut [f32]) {
    struct Gated<'a>(&'a [f32], &'a mut [f32]);
    impl pulp::NullaryFnOnce for Gated<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(both, out) = self;
            let (gates, ups) = both.split_at(out.len());
            for ((out, gate), up) in out.iter_mut().zip(gates).zip(ups) {
                *out = gate / (1.0 + exp(-gate)) * up;
            }
        }
    }
    pulp::Arch::new().dispatch(Gated(both, out));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right_to_two_units() {
        let mut worst = 0.0f64;
        for at in -87_000..88_000 {
            let x = at as f32 / 1000.0;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) / exact - 1.0).abs());
        }
        assert!(worst < 2.4e-7, "{worst:e}");
        assert_eq!((exp(0.0), exp(f32::NEG_INFINITY) < 1e-37), (1.0, true));
    }

    #[test]
    fn shares_add_up_and_a_gate_is_silu() {
        let mut scores = [1.0f32, 3.0, -200.0, 2.0];
        softmax(&mut scores);
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6 && scores[1] > 0.66 && scores[2] < 1e-30);
        let mut out = [0.0];
        swiglu(&[1.5, 2.0], &mut out);
        assert!((out[0] - 1.5 / (1.0 + (-1.5f32).exp()) * 2.0).abs() < 1e-6);
    }
}
