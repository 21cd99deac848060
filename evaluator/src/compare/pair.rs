//! Pairs the items of two models, and says what cannot be paired.

use std::collections::BTreeMap;

use super::Side;
use crate::{
    items::{Item, TaskItems},
    lawbench::{TASKS, Task},
    stats::Value,
    traits::Traits,
};

/// Items that a warning names.
const NAMED: usize = 5;

/// The items of a task that both models answered and that count.
pub(super) struct TaskPairs<'a> {
    pub task: &'static Task,
    pub pairs: Vec<Pair<'a>>,
}

/// An item with both scores.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    /// What the item is about, as the first model's prompt tells it.
    pub traits: &'a Traits,
    pub a: f64,
    pub b: f64,
}

impl<'a> Pair<'a> {
    fn of(a: &'a Item, b: &Item) -> Option<Self> {
        Some(Self { traits: &a.traits, a: a.score?, b: b.score? })
    }

    /// A minus B, for statistics.
    pub fn value(&self, task: &'a Task) -> Value<'a> {
        Value { task: task.id, case: self.traits.case.as_deref(), value: self.a - self.b }
    }
}

/// Pair items by number and reference, in the order of tasks; and what one side lacks.
pub(super) fn pair<'a>(a: &'a Side, b: &'a Side) -> (Vec<TaskPairs<'a>>, Vec<String>) {
    static ALL: [Task; 20] = TASKS;
    let mut warnings: Vec<String> = a.warnings.iter().chain(&b.warnings).cloned().collect();
    if a.mode != b.mode {
        let (of_a, of_b) = (a.mode.as_str(), b.mode.as_str());
        warnings.push(format!("{} was scored in mode {of_a}, {} in mode {of_b}", a.model, b.model));
    }
    let mut tasks = Vec::new();
    for task in &ALL {
        let of = |side: &'a Side| side.tasks.iter().find(|items| items.task == task.id);
        match (of(a), of(b)) {
            (Some(of_a), Some(of_b)) => tasks.push(pair_task(task, of_a, of_b, &mut warnings)),
            (Some(_), None) => warnings.push(format!("task {}: {} has no answers", task.id, b.model)),
            (None, Some(_)) => warnings.push(format!("task {}: {} has no answers", task.id, a.model)),
            (None, None) => {}
        }
    }
    (tasks, warnings)
}

fn pair_task<'a>(
    task: &'static Task,
    of_a: &'a TaskItems,
    of_b: &'a TaskItems,
    warnings: &mut Vec<String>,
) -> TaskPairs<'a> {
    let (a, b) = (&of_a.model, &of_b.model);
    let others: BTreeMap<u32, &Item> = of_b.items.iter().map(|item| (item.item, item)).collect();
    let (mut pairs, mut only_a, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    for item in &of_a.items {
        match others.get(&item.item) {
            None => only_a.push(item.item),
            Some(other) if other.reference != item.reference => changed.push(item.item),
            Some(other) => pairs.extend(Pair::of(item, other)),
        }
    }
    let ours: BTreeMap<u32, ()> = of_a.items.iter().map(|item| (item.item, ())).collect();
    let only_b: Vec<u32> = others.into_keys().filter(|item| !ours.contains_key(item)).collect();
    let mut warn = |items: &[u32], what: String| {
        if !items.is_empty() {
            warnings.push(format!("task {}: {} items {what} ({})", task.id, items.len(), named(items)));
        }
    };
    warn(&only_a, format!("of {a} are none of {b}"));
    warn(&only_b, format!("of {b} are none of {a}"));
    warn(&changed, format!("have other references in {b}"));
    TaskPairs { task, pairs }
}

fn named(items: &[u32]) -> String {
    let mut names: Vec<String> = items.iter().take(NAMED).map(u32::to_string).collect();
    if items.len() > NAMED {
        names.push("…".to_owned());
    }
    names.join(", ")
}
