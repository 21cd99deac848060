//! Defines the bootstrap of a mean over items, tasks and cases.

use std::collections::{BTreeMap, HashMap};

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use serde::Serialize;

/// How often a sample is drawn again, and from which random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bootstrap {
    /// Samples drawn; with none there are no intervals.
    pub resamples: usize,
    /// The same seed gives the same intervals.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 10_000, seed: 1 }
    }
}

/// What samples are drawn by: fast, since a task takes five million numbers, and the same on every machine.
pub(crate) type Random = Xoshiro256PlusPlus;

impl Bootstrap {
    /// A number of each sample. Samples of one `part` are drawn from other random numbers than those of another one.
    pub(crate) fn draw(self, part: u64, of_sample: impl Fn(&mut Random) -> f64 + Sync) -> Vec<f64> {
        // Seeds one apart must not share samples; the generator spreads the sum over its state.
        let spread = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let one = |number| of_sample(&mut Random::seed_from_u64(spread ^ (part << 48) ^ number));
        (0..self.resamples as u64).into_par_iter().map(one).collect()
    }
}

/// The 95 % interval of a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The end that 2.5 % lie below.
    pub low: f64,
    /// The end that 2.5 % lie above.
    pub high: f64,
}

/// What an item scores, or by how much it differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Value<'a> {
    /// Its task.
    pub task: &'a str,
    /// Its case; an item without one stands for itself.
    pub case: Option<&'a str>,
    /// The number.
    pub value: f64,
}

/// Items from which samples are drawn again: of each case all, or none.
///
/// Cases that have equally many items of each task are drawn among each other, so that every task keeps its number
/// of items. The mean over tasks is then a sum over cases. B. Efron and R. Tibshirani, "An Introduction to the
/// Bootstrap", 1993, chapters 6 and 13.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What each case adds to the mean, by what items it has.
    strata: Vec<Vec<f64>>,
    num_cases: usize,
}

impl Sample {
    /// The mean over tasks of the means over their items, or of the one task.
    pub fn of(values: &[Value]) -> Self {
        let mut items: BTreeMap<&str, usize> = BTreeMap::new();
        values.iter().for_each(|value| *items.entry(value.task).or_default() += 1);
        let mut places: HashMap<&str, usize> = HashMap::new();
        // In the order in which they first occur: the tasks of a case's items, and their sum.
        let mut cases: Vec<(Vec<&str>, f64)> = Vec::new();
        for value in values {
            let place = value.case.map_or(cases.len(), |case| *places.entry(case).or_insert(cases.len()));
            if place == cases.len() {
                cases.push((Vec::new(), 0.0));
            }
            cases[place].0.push(value.task);
            cases[place].1 += value.value / (items[value.task] * items.len()) as f64;
        }
        let num_cases = cases.len();
        let mut strata: BTreeMap<Vec<&str>, Vec<f64>> = BTreeMap::new();
        for (mut tasks, sum) in cases {
            tasks.sort_unstable();
            strata.entry(tasks).or_default().push(sum);
        }
        Self { strata: strata.into_values().collect(), num_cases }
    }

    /// Cases, items without one included.
    pub fn num_cases(&self) -> usize {
        self.num_cases
    }

    /// The interval of the mean as a score; see [`Interval::of_score`].
    pub fn interval(&self, bootstrap: Bootstrap) -> Option<Interval> {
        Interval::of_score(&self.draw(bootstrap), self.num_cases)
    }

    /// The means of samples drawn again, in ascending order.
    pub fn draw(&self, bootstrap: Bootstrap) -> Vec<f64> {
        sorted(self.draws(bootstrap))
    }

    /// The means of samples drawn again, in the order in which they are drawn.
    pub fn draws(&self, bootstrap: Bootstrap) -> Vec<f64> {
        bootstrap.draw(0, |random| self.strata.iter().map(|cases| sum_of_drawn(cases, random)).sum())
    }
}

/// Draws in ascending order.
pub(crate) fn sorted(mut draws: Vec<f64>) -> Vec<f64> {
    draws.sort_unstable_by(f64::total_cmp);
    draws
}

fn sum_of_drawn(cases: &[f64], random: &mut Random) -> f64 {
    // Where there is nothing to choose from, rounding must not differ from one sample to the next.
    if cases.iter().all(|case| *case == cases[0]) {
        return cases.iter().sum();
    }
    // Half a number draws a case: the product's upper half is a place, and no place is likelier than another by more
    // than one in 2³² / places. Two sums need not wait for each other.
    let drawn = |half: u64| cases[((half * cases.len() as u64) >> 32) as usize];
    let (mut even, mut odd) = (0.0, 0.0);
    for _ in 0..cases.len() / 2 {
        let number: u64 = random.random();
        even += drawn(number >> 32);
        odd += drawn(number & 0xffff_ffff);
    }
    if cases.len() % 2 == 1 {
        even += drawn(random.random::<u64>() >> 32);
    }
    even + odd
}

/// Cases below which no interval of a score is given: what few cases say of others is not known by drawing them again.
pub const MIN_CASES: usize = 10;

impl Interval {
    /// The percentile interval of a score over `num_cases`, from its means in ascending order. None of fewer than
    /// [`MIN_CASES`], and none without width: where all cases are alike, samples of them say nothing of others.
    pub fn of_score(means: &[f64], num_cases: usize) -> Option<Self> {
        Self::of(means).filter(|interval| num_cases >= MIN_CASES && interval.low < interval.high)
    }

    /// The percentile interval of means in ascending order; none of none.
    pub fn of(means: &[f64]) -> Option<Self> {
        // Of n numbers in order the k-th is the quantile k / (n + 1).
        let place = |share: f64| ((share * (means.len() + 1) as f64).round() as usize).clamp(1, means.len()) - 1;
        (!means.is_empty()).then(|| Self { low: means[place(0.025)], high: means[place(0.975)] })
    }

    /// The level at which an interval just reaches nought: the two-sided p-value of a difference whose resampled
    /// values these are, in ascending order. A finite number of samples shows no p-value of nought.
    pub fn p_value(differences: &[f64]) -> Option<f64> {
        let tail = |is_beyond: fn(f64) -> bool| 1 + differences.iter().filter(|d| is_beyond(**d)).count();
        let fewer = tail(|d| d <= 0.0).min(tail(|d| d >= 0.0));
        (!differences.is_empty()).then(|| (2.0 * fewer as f64 / (differences.len() + 1) as f64).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::mean;

    const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 20_000, seed: 7 };

    fn standard_error(means: &[f64]) -> f64 {
        let center = mean(means.iter().copied()).unwrap();
        mean(means.iter().map(|m| (m - center).powi(2))).unwrap().sqrt()
    }

    /// A value of a task without a case.
    fn alone(task: &str, value: f64) -> Value<'_> {
        Value { task, case: None, value }
    }

    #[test]
    fn the_standard_error_of_a_mean_is_the_analytic_one() {
        // 200 of 500 right: √(0.4 · 0.6 / 500) = 0.02191.
        let values: Vec<Value> = (0..500).map(|i| alone("1-2", f64::from(u8::from(i % 5 < 2)))).collect();
        let means = Sample::of(&values).draw(BOOTSTRAP);
        assert!((mean(means.iter().copied()).unwrap() - 0.4).abs() < 1e-3);
        assert!((standard_error(&means) - 0.021_91).abs() < 0.000_35, "{}", standard_error(&means));
        let Interval { low, high } = Interval::of(&means).unwrap();
        assert!((low - (0.4 - 1.96 * 0.021_91)).abs() < 0.003 && (high - (0.4 + 1.96 * 0.021_91)).abs() < 0.003);
    }

    #[test]
    fn a_mean_over_tasks_has_the_error_of_their_sum() {
        // Tasks of other sizes weigh the same: √(0.25/100 + 0.25/400) / 2.
        let values: Vec<Value> =
            (0..500).map(|i| alone(if i < 100 { "1-2" } else { "3-6" }, f64::from(u8::from(i % 2 == 0)))).collect();
        let means = Sample::of(&values).draw(BOOTSTRAP);
        let expected = (0.25_f64 / 100.0 + 0.25 / 400.0).sqrt() / 2.0;
        assert!((standard_error(&means) / expected - 1.0).abs() < 0.02);
    }

    #[test]
    fn items_of_a_case_are_drawn_together() {
        let names: Vec<String> = (0..125).map(|case| case.to_string()).collect();
        let of = |num_items: usize| -> Vec<Value> {
            let right = |i: usize| f64::from(u8::from((i / num_items).is_multiple_of(2)));
            (0..500).map(|i| Value { task: "3-4", case: Some(&names[i / 4]), value: right(i) }).collect()
        };
        // Four items alike are as good as one: the error is that of 125, twice that of 500.
        let clustered = standard_error(&Sample::of(&of(4)).draw(BOOTSTRAP));
        assert!((clustered / (0.25_f64 / 125.0).sqrt() - 1.0).abs() < 0.02, "{clustered}");
        // Half of every case right: nothing is left to chance.
        assert!(standard_error(&Sample::of(&of(1)).draw(BOOTSTRAP)) < 1e-9);
    }

    #[test]
    fn a_case_that_two_tasks_share_makes_their_mean_less_certain() {
        let names: Vec<String> = (0..200).map(|case| case.to_string()).collect();
        let of = |shared: bool| -> Vec<Value> {
            (0..400)
                .map(|i| Value {
                    task: if i < 200 { "3-4" } else { "3-5" },
                    case: shared.then(|| names[i % 200].as_str()),
                    value: f64::from(u8::from(i % 2 == 0)),
                })
                .collect()
        };
        let (shared, apart) = (Sample::of(&of(true)), Sample::of(&of(false)));
        assert_eq!((shared.num_cases(), apart.num_cases()), (200, 400));
        let ratio = standard_error(&shared.draw(BOOTSTRAP)) / standard_error(&apart.draw(BOOTSTRAP));
        assert!((ratio - 2.0_f64.sqrt()).abs() < 0.04, "{ratio}");
    }

    #[test]
    fn nineteen_of_twenty_intervals_have_the_truth_in_them() {
        let mut random = Random::seed_from_u64(5);
        let (mut covered, mut called) = (0, 0);
        for _ in 0..400 {
            let right: Vec<f64> = (0..100).map(|_| f64::from(u8::from(random.random_range(0..10) < 3))).collect();
            let values = |less: f64| right.iter().map(|x| alone("1-2", x - less)).collect::<Vec<_>>();
            let draw = |less| Sample::of(&values(less)).draw(Bootstrap { resamples: 400, seed: 9 });
            let Interval { low, high } = Interval::of(&draw(0.0)).unwrap();
            covered += usize::from(low <= 0.3 && 0.3 <= high);
            // Less the truth, nothing is left to find.
            called += usize::from(Interval::p_value(&draw(0.3)).unwrap() < 0.05);
        }
        // 380 and 20 of 400, and three standard errors of 4.4; intervals of a hundred items are a little short.
        assert!((362..=394).contains(&covered), "{covered}");
        assert!((6..=38).contains(&called), "{called}");
    }

    #[test]
    fn the_seed_alone_decides() {
        let values: Vec<Value> = (0..50).map(|i| alone("1-1", f64::from(i))).collect();
        let draw = |seed| Sample::of(&values).draw(Bootstrap { resamples: 100, seed });
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!(Interval::of(&[]), None);
        assert_eq!(Interval::of(&[0.5]), Some(Interval { low: 0.5, high: 0.5 }));
    }

    #[test]
    fn a_p_value_is_the_level_at_which_the_interval_reaches_nought() {
        let differences: Vec<f64> = (0..999).map(|i| f64::from(i) - 24.5).collect();
        // 25 of 999 below: the 95 % interval starts at the 25th.
        assert_eq!(Interval::p_value(&differences), Some(0.052));
        assert_eq!(Interval::of(&differences).unwrap().low, -0.5);
        assert_eq!(Interval::p_value(&[0.0; 99]), Some(1.0));
        assert_eq!(Interval::p_value(&[1.0; 99]), Some(0.02));
        assert_eq!(Interval::p_value(&[]), None);
    }
}
