//! Defines the difference of two models in a task or over tasks, how certain it is, and its test.

use std::collections::BTreeMap;

use serde::Serialize;

use super::pair::{Pair, TaskPairs};
use crate::{
    lawbench::Task,
    stats::{Bootstrap, Interval, Sample, Value, correlation, mcnemar, mean},
};

/// Where a p-value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Which of the two has more items of a case right, exactly.
    Mcnemar,
    /// How often a sample drawn again has a difference of the other sign.
    Bootstrap,
}

/// A minus B.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The task's number, or `mean`.
    pub task: String,
    /// Items that both answered and that count.
    pub items: usize,
    /// Cases that they belong to.
    pub cases: usize,
    /// A's score on these items.
    pub a: f64,
    /// B's.
    pub b: f64,
    /// A's minus B's.
    pub difference: f64,
    /// Where the difference's 95 % interval starts.
    pub low: Option<f64>,
    /// Where it ends.
    pub high: Option<f64>,
    /// Cases on which A is better.
    pub better: usize,
    /// Cases on which B is.
    pub worse: usize,
    /// Correlation of the scores: the higher, the more pairing helps.
    pub correlation: Option<f64>,
    /// What the p-value is of.
    pub test: Test,
    /// How often models that do not differ would look as different as this.
    pub p: Option<f64>,
    /// The p-value, corrected for how many tasks are tested.
    pub p_holm: Option<f64>,
}

impl Difference {
    /// In one task; none where no item counts.
    pub(super) fn of(task: &Task, pairs: &[Pair], bootstrap: Bootstrap) -> Option<Self> {
        let values: Vec<Value> = pairs.iter().map(|pair| pair.value(task)).collect();
        let (a, b) = (mean(pairs.iter().map(|pair| pair.a))?, mean(pairs.iter().map(|pair| pair.b))?);
        let scores: Vec<(f64, f64)> = pairs.iter().map(|pair| (pair.a, pair.b)).collect();
        let mut difference = Self::drawn(task.id, &values, (a, b), bootstrap);
        difference.correlation = correlation(&scores);
        if task.rule.is_right_or_wrong() {
            difference.test = Test::Mcnemar;
            difference.p = Some(mcnemar(difference.better, difference.worse));
        }
        Some(difference)
    }

    /// In the mean over tasks; none where no task has items.
    pub(super) fn of_mean(tasks: &[TaskPairs], bootstrap: Bootstrap) -> Option<Self> {
        let values: Vec<Value> =
            tasks.iter().flat_map(|task| task.pairs.iter().map(|pair| pair.value(task.task))).collect();
        let over_tasks = |of: fn(&Pair) -> f64| mean(tasks.iter().filter_map(|task| mean(task.pairs.iter().map(of))));
        let (a, b) = (over_tasks(|pair| pair.a)?, over_tasks(|pair| pair.b)?);
        Some(Self::drawn("mean", &values, (a, b), bootstrap))
    }

    fn drawn(task: &str, values: &[Value], (a, b): (f64, f64), bootstrap: Bootstrap) -> Self {
        let sample = Sample::of(values);
        let drawn = sample.draw(bootstrap);
        let interval = Interval::of(&drawn);
        let (better, worse) = better_and_worse(values);
        Self {
            task: task.to_owned(),
            items: values.len(),
            cases: sample.num_cases(),
            a,
            b,
            difference: a - b,
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
            better,
            worse,
            correlation: None,
            test: Test::Bootstrap,
            p: Interval::p_value(&drawn),
            p_holm: None,
        }
    }
}

/// Cases on which A's items are better together, and those on which B's are.
fn better_and_worse(values: &[Value]) -> (usize, usize) {
    let mut cases: BTreeMap<&str, f64> = BTreeMap::new();
    let mut sums = Vec::new();
    for value in values {
        match value.case {
            Some(case) => *cases.entry(case).or_default() += value.value,
            None => sums.push(value.value),
        }
    }
    sums.extend(cases.into_values());
    // Sums of the same scores in another order may differ by rounding.
    let count = |is_so: fn(f64) -> bool| sums.iter().filter(|sum| is_so(**sum)).count();
    (count(|sum| sum > 1e-12), count(|sum| sum < -1e-12))
}
