//! Defines the parts of a task that are looked at alone: by charge, cause, length, year and court.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Settings,
    difference::Difference,
    pair::{Pair, TaskPairs},
};

/// A minus B on the items that have something in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// What items are told apart by.
    pub by: &'static str,
    /// What they have in common.
    pub value: String,
    /// The difference. Its p-value is of these items alone.
    #[serde(flatten)]
    pub difference: Difference,
}

/// Slices of a task with too few items to say anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreported {
    /// The task.
    pub task: &'static str,
    /// What items are told apart by.
    pub by: &'static str,
    /// How many slices there are.
    pub slices: usize,
    /// How many items they have.
    pub items: usize,
}

/// What items are told apart by.
const WAYS: [&str; 5] = ["charge", "cause", "length", "year", "court_level"];

pub(super) fn slices(tasks: &[TaskPairs], settings: Settings) -> (Vec<Slice>, Vec<Unreported>) {
    let (mut slices, mut unreported) = (Vec::new(), Vec::new());
    for task in tasks {
        let lengths = Lengths::of(&task.pairs);
        for by in WAYS {
            let parts = parts(&task.pairs, |pair| values(by, pair, lengths.as_ref()));
            let (large, small): (Vec<_>, Vec<_>) =
                parts.into_iter().partition(|(_, pairs)| pairs.len() >= settings.min_items.max(1));
            slices.extend(large.into_iter().filter_map(|((_, value), pairs)| {
                let difference = Difference::of(task.task, &pairs, settings.bootstrap)?;
                Some(Slice { by, value, difference })
            }));
            if !small.is_empty() {
                let items = small.iter().map(|(_, pairs)| pairs.len()).sum();
                unreported.push(Unreported { task: task.task.id, by, slices: small.len(), items });
            }
        }
    }
    (slices, unreported)
}

/// The name of a slice, and a number that it is sorted by first.
type Name = (u32, String);

/// Items by the slices that they are in.
fn parts<'a>(pairs: &[Pair<'a>], names: impl Fn(&Pair) -> Vec<Name>) -> BTreeMap<Name, Vec<Pair<'a>>> {
    let mut parts: BTreeMap<Name, Vec<Pair>> = BTreeMap::new();
    for pair in pairs {
        names(pair).into_iter().for_each(|name| parts.entry(name).or_default().push(*pair));
    }
    parts
}

/// The slices that an item is in: of each of its charges, and at most one of another kind.
fn values(by: &str, pair: &Pair, lengths: Option<&Lengths>) -> Vec<Name> {
    let one = match by {
        "charge" => return pair.traits.charges.iter().map(|charge| (0, charge.clone())).collect(),
        "cause" => pair.traits.cause.clone().map(|cause| (0, cause)),
        "length" => lengths.and_then(|lengths| lengths.name(pair)),
        "year" => pair.traits.year.map(|year| (0, year.to_string())),
        _ => pair.traits.court_level.map(|level| (0, level.to_owned())),
    };
    one.into_iter().collect()
}

/// The lengths between which a third of the questions lie.
struct Lengths {
    short: u32,
    middle: u32,
}

impl Lengths {
    /// None where questions are not told, or are all of a length.
    fn of(pairs: &[Pair]) -> Option<Self> {
        let mut lengths: Vec<u32> = pairs.iter().filter_map(|pair| pair.traits.num_chars).collect();
        lengths.sort_unstable();
        let third = |thirds: usize| lengths.get((lengths.len() * thirds).div_ceil(3).checked_sub(1)?).copied();
        let (short, middle) = (third(1)?, third(2)?);
        (lengths.first() < lengths.last()).then_some(Self { short, middle })
    }

    fn name(&self, pair: &Pair) -> Option<Name> {
        let Self { short, middle } = *self;
        let length = pair.traits.num_chars?;
        Some(match length {
            _ if length <= short => (0, format!("to {short} characters")),
            _ if length <= middle => (short, format!("{} to {middle} characters", short + 1)),
            _ => (middle, format!("from {} characters", middle + 1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lawbench::task, stats::Bootstrap, traits::Traits};

    #[test]
    fn large_slices_are_reported_and_small_ones_counted() {
        let traits: Vec<Traits> = (0..60)
            .map(|i| Traits {
                num_chars: Some(i),
                charges: if i < 25 { vec!["盗窃".into()] } else { vec![format!("罪{i}"), "诈骗".into()] },
                year: (i < 3).then_some(2016),
                ..Traits::default()
            })
            .collect();
        let pair = |(i, traits): (usize, &'static Traits)| Pair { traits, a: f64::from(u8::from(i < 25)), b: 0.0 };
        let traits: &'static [Traits] = traits.leak();
        let pairs = traits.iter().enumerate().map(pair).collect();
        let tasks = [TaskPairs { task: task("3-3").unwrap().1, pairs }];
        let settings = Settings { bootstrap: Bootstrap { resamples: 100, seed: 1 }, min_items: 20 };
        let (slices, unreported) = slices(&tasks, settings);
        let shown: Vec<_> =
            slices.iter().map(|s| (s.by, s.value.as_str(), s.difference.items, s.difference.difference)).collect();
        assert_eq!(
            shown,
            [
                ("charge", "盗窃", 25, 1.0),
                ("charge", "诈骗", 35, 0.0),
                ("length", "to 19 characters", 20, 1.0),
                ("length", "20 to 39 characters", 20, 0.25),
                ("length", "from 40 characters", 20, 0.0),
            ]
        );
        let counted: Vec<_> = unreported.iter().map(|u| (u.by, u.slices, u.items)).collect();
        assert_eq!(counted, [("charge", 35, 35), ("year", 1, 3)]);
    }

    #[test]
    fn questions_of_one_length_or_none_are_not_told_apart() {
        let same = Traits { num_chars: Some(7), ..Traits::default() };
        let pair = |traits| Pair { traits, a: 0.0, b: 0.0 };
        assert!(Lengths::of(&[pair(&same), pair(&same)]).is_none());
        assert!(Lengths::of(&[pair(&Traits::default())]).is_none());
        assert!(Lengths::of(&[]).is_none());
    }
}
