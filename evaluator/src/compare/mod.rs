//! Defines how two models differ: item by item on what both answered, task by task, and over tasks.

mod difference;
mod pair;
mod side;
mod slices;
mod table;

use serde::Serialize;

pub use difference::{Difference, Test};
pub use side::Side;
pub use slices::{Slice, Unreported};
pub(crate) use table::p_value;
pub use table::table;

use crate::{
    Mode,
    stats::{Bootstrap, holm},
};

/// Two models, and what is to be reported of them.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Settings {
    /// How intervals are drawn.
    #[serde(flatten)]
    pub bootstrap: Bootstrap,
    /// Items that a slice must have to be reported.
    pub min_items: usize,
}

/// How a model A differs from a model B.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The one model.
    pub a: String,
    /// The other.
    pub b: String,
    /// Which faults of the published scorer are kept.
    pub mode: Mode,
    /// What was asked for.
    #[serde(flatten)]
    pub settings: Settings,
    /// A minus B in each task that both have.
    pub tasks: Vec<Difference>,
    /// A minus B in the mean over these tasks.
    pub mean: Option<Difference>,
    /// A minus B in parts of tasks. No test corrects for how many there are: they say where to look.
    pub slices: Vec<Slice>,
    /// Slices with too few items.
    pub unreported: Vec<Unreported>,
    /// What one side lacks, and where the sides are not alike.
    pub warnings: Vec<String>,
}

/// Compare two models on the items that both answered.
pub fn compare(a: &Side, b: &Side, settings: Settings) -> Comparison {
    let (pairs, warnings) = pair::pair(a, b);
    let mut tasks: Vec<Difference> =
        pairs.iter().filter_map(|task| Difference::of(task.task, &task.pairs, settings.bootstrap)).collect();
    let tested: Vec<usize> = (0..tasks.len()).filter(|task| tasks[*task].p.is_some()).collect();
    let corrected = holm(&tested.iter().filter_map(|task| tasks[*task].p).collect::<Vec<f64>>());
    tested.into_iter().zip(corrected).for_each(|(task, p)| tasks[task].p_holm = Some(p));
    let (slices, unreported) = slices::slices(&pairs, settings);
    let mean = Difference::of_mean(&pairs, settings.bootstrap);
    let (a, b, mode) = (a.model.clone(), b.model.clone(), a.mode);
    Comparison { a, b, mode, settings, tasks, mean, slices, unreported, warnings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        items::{Item, TaskItems},
        traits::Traits,
    };

    const SETTINGS: Settings = Settings { bootstrap: Bootstrap { resamples: 2000, seed: 3 }, min_items: 20 };

    fn side(model: &str, tasks: &[(&'static str, Vec<f64>)]) -> Side {
        let item = |(item, score): (usize, &f64)| Item {
            item: item as u32,
            score: Some(*score),
            abstained: Some(false),
            outcome: None,
            reference: item.to_string(),
            traits: Traits { case: Some(format!("case {item}")), num_chars: Some(item as u32), ..Traits::default() },
        };
        let of_task = |(task, scores): &(&'static str, Vec<f64>)| TaskItems {
            model: model.into(),
            task,
            split: "zero_shot".into(),
            mode: Mode::Official,
            items: scores.iter().enumerate().map(item).collect(),
        };
        Side { model: model.into(), mode: Mode::Official, tasks: tasks.iter().map(of_task).collect(), warnings: vec![] }
    }

    /// Numbers from 0 to 1 that look random and are not.
    fn numbers(count: usize, step: f64) -> Vec<f64> {
        (0..count).map(|i| (i as f64 * step).fract()).collect()
    }

    #[test]
    fn a_model_does_not_differ_from_itself() {
        let right = numbers(100, 0.618).iter().map(|x| x.round()).collect();
        let a = side("a", &[("1-1", numbers(100, 0.618)), ("1-2", right)]);
        let result = compare(&a, &a, SETTINGS);
        assert_eq!(result.tasks.len(), 2);
        for difference in result.tasks.iter().chain(&result.mean) {
            assert_eq!((difference.difference, difference.low, difference.high), (0.0, Some(0.0), Some(0.0)));
            assert_eq!(difference.p, Some(1.0));
        }
        assert!(result.tasks.iter().all(|task| task.p_holm == Some(1.0)));
        assert!(result.warnings.is_empty());
    }

    #[test]
    fn items_that_are_hard_for_both_make_a_difference_more_certain() {
        let hard = numbers(200, 0.618);
        // Better by 0.05 on average: on the same items, or on those items in another order.
        let better: Vec<f64> = hard.iter().zip(numbers(200, 0.73)).map(|(x, more)| x + 0.1 * more).collect();
        let mut shuffled = better.clone();
        shuffled.rotate_right(77);
        let of = |b: Vec<f64>| compare(&side("b", &[("1-1", b)]), &side("a", &[("1-1", hard.clone())]), SETTINGS);
        let (paired, unpaired) = (of(better), of(shuffled));
        let (paired, unpaired) = (&paired.tasks[0], &unpaired.tasks[0]);
        assert!((paired.difference - unpaired.difference).abs() < 1e-12 && (paired.difference - 0.05).abs() < 0.003);
        assert!(paired.correlation.unwrap() > 0.9 && unpaired.correlation.unwrap().abs() < 0.3);
        assert!(paired.p.unwrap() < 0.002 && unpaired.p.unwrap() > 0.05, "{paired:?} {unpaired:?}");
        let width = |d: &Difference| d.high.unwrap() - d.low.unwrap();
        assert!(width(paired) * 5.0 < width(unpaired));
    }

    #[test]
    fn tasks_of_right_and_wrong_are_tested_exactly_and_all_tests_are_corrected() {
        let a: Vec<f64> = (0..40).map(|i| f64::from(u8::from(i < 10))).collect();
        let b: Vec<f64> = (0..40).map(|i| f64::from(u8::from(i == 0 || i == 39))).collect();
        let graded: Vec<f64> = numbers(40, 0.618);
        let result = compare(
            &side("a", &[("1-1", graded.clone()), ("1-2", a)]),
            &side("b", &[("1-1", graded), ("1-2", b)]),
            SETTINGS,
        );
        // 9 right by A alone, 1 by B alone.
        let exact = &result.tasks[1];
        assert_eq!((exact.better, exact.worse, exact.test), (9, 1, Test::Mcnemar));
        assert!((exact.p.unwrap() - 22.0 / 1024.0).abs() < 1e-12);
        assert!((exact.p_holm.unwrap() - 44.0 / 1024.0).abs() < 1e-12);
        assert_eq!((result.tasks[0].test, result.tasks[0].p_holm), (Test::Bootstrap, Some(1.0)));
        assert!((result.mean.unwrap().difference - 0.1).abs() < 1e-12);
    }

    #[test]
    fn what_one_side_lacks_is_counted_and_named() {
        let mut a = side("a", &[("1-1", vec![0.5; 4]), ("1-2", vec![1.0; 2]), ("3-6", vec![1.0; 2])]);
        let mut b = side("b", &[("1-1", vec![0.5; 3]), ("1-2", vec![1.0; 2]), ("2-5", vec![1.0; 2])]);
        a.tasks[0].items[1].score = None;
        b.tasks[1].items[1].reference = "other".into();
        b.mode = Mode::Strict;
        let result = compare(&a, &b, SETTINGS);
        assert_eq!(
            result.tasks.iter().map(|task| (task.task.as_str(), task.items)).collect::<Vec<_>>(),
            [("1-1", 2), ("1-2", 1)]
        );
        let warnings = result.warnings.join("\n");
        for said in [
            "task 3-6: b has no answers",
            "task 2-5: a has no answers",
            "task 1-1: 1 items of a are none of b (3)",
            "task 1-2: 1 items have other references in b (1)",
            "a was scored in mode official, b in mode strict",
        ] {
            assert!(warnings.contains(said), "{said}: {warnings}");
        }
    }
}
