//! Reads which items are flagged, and leaves them out of scores.

use std::{collections::BTreeMap, path::Path};

use super::Finding;
use crate::{
    Error, Result,
    items::{Item, TaskItems},
    lawbench::task,
};

/// Flagged items by task and number, with the hashes of their references.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flagged(BTreeMap<(String, u32), String>);

impl Flagged {
    /// Read the JSON lines that `evaluator contamination` writes.
    ///
    /// # Errors
    /// A file without lines; a line that is not of that form or is of a task that there is not.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path)?;
        if text.trim().is_empty() {
            return Err(Error::invalid(path, "the file is empty"));
        }
        let mut flagged = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let finding: Finding = serde_json::from_str(line).map_err(|source| Error::BadLine {
                at: path.display().to_string(),
                line: number,
                source,
            })?;
            if task(&finding.task).is_none() {
                let what = format!("line {number}: LawBench has no task {:?}", finding.task);
                return Err(Error::invalid(path, what));
            }
            if finding.flagged {
                flagged.insert((finding.task, finding.item), finding.reference);
            }
        }
        Ok(Self(flagged))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A task without its flagged items.
    pub fn left(&self, of_task: &TaskItems) -> TaskItems {
        let mut left = of_task.clone();
        left.items.retain(|item| self.reference_of(of_task, item).is_none_or(|reference| *reference != item.reference));
        left
    }

    /// Items whose number is flagged, but that are others than those that were looked for.
    pub fn num_others(&self, of_task: &TaskItems) -> usize {
        let is_other = |item: &&Item| self.reference_of(of_task, item).is_some_and(|other| *other != item.reference);
        of_task.items.iter().filter(is_other).count()
    }

    fn reference_of(&self, of_task: &TaskItems, item: &Item) -> Option<&String> {
        self.0.get(&(of_task.task.to_owned(), item.item))
    }
}
