//! Defines what the statutes of the corpus do to others: repeal them, or amend them.

use arrow::array::{Array, AsArray, ListArray, RecordBatch};
use corpus_format::law_name::Name;
use rustc_hash::FxHashMap;

/// A statute that takes effect on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// The row of its document.
    pub document: u32,
    /// Its date.
    pub date: i32,
    /// The day from which it takes effect.
    pub day: i32,
}

/// The acts of all statutes: some forty bytes each.
#[derive(Debug, Default)]
pub struct Acts {
    /// Which law each repeals.
    pub repeals: Vec<(Name, Act)>,
    /// Which law each amends.
    pub amends: Vec<(Name, Act)>,
}

/// The columns of names in a batch of documents between the stages.
pub struct Named {
    repeals: ListArray,
    amends: ListArray,
}

impl Named {
    /// The columns of `batch`, where it has them.
    pub fn of(batch: &RecordBatch) -> Option<Self> {
        let list = |name: &str| Some(batch.column_by_name(name)?.as_list::<i32>().clone());
        Some(Self { repeals: list("repeals")?, amends: list("amends")? })
    }

    /// Add what the statute in `row` does to `acts`.
    pub fn collect(&self, row: usize, act: Act, acts: &mut Acts) {
        for (column, into) in [(&self.repeals, &mut acts.repeals), (&self.amends, &mut acts.amends)] {
            if column.is_valid(row) {
                into.extend(column.value(row).as_string::<i32>().iter().flatten().map(|name| (Name::of(name), act)));
            }
        }
    }
}

/// Laws that a statute of the corpus repeals and the corpus lacks: the last day on which one of that name was.
#[derive(Debug, Default)]
pub struct Unseen(FxHashMap<u64, i32>);

impl Unseen {
    /// Note that a law which the corpus lacks was repealed.
    pub fn repeal(&mut self, name: Name, act: &Act) {
        for key in std::iter::once(name.key).chain(name.short) {
            let day = self.0.entry(key).or_insert(act.day);
            *day = act.day.max(*day);
        }
    }

    /// Whether the law of that name was repealed by `day`.
    pub fn is_repealed(&self, name: Name, day: i32) -> bool {
        let repealed = self.0.get(&name.key).or_else(|| self.0.get(&name.short?));
        repealed.is_some_and(|repealed| *repealed <= day)
    }
}
