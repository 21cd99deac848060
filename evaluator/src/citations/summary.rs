//! Counts what was found of citations, and the shares that it comes to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{OfFile, Verdict};

/// What was found of the citations of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The file, below what was given.
    pub file: String,
    /// Texts in it.
    pub texts: usize,
    /// Texts that cite nothing.
    pub uncited: usize,
    /// Citations.
    pub citations: usize,
    /// The share of citations whose law the corpus has; none of no citation.
    pub resolved: Option<f64>,
    /// Of those, the share that is right.
    pub right: Option<f64>,
    /// Of those, the share whose article, paragraph or law does not exist.
    pub invented: Option<f64>,
    /// Citations by verdict.
    pub verdicts: BTreeMap<&'static str, usize>,
}

impl From<&OfFile> for Summary {
    fn from(of: &OfFile) -> Self {
        let count = |is_so: &dyn Fn(Verdict) -> bool| of.cited.iter().filter(|cited| is_so(cited.verdict)).count();
        let resolved = count(&|verdict| verdict != Verdict::Unresolved);
        let share = |n: usize, all: usize| (all > 0).then(|| n as f64 / all as f64);
        let mut verdicts = BTreeMap::new();
        of.cited.iter().for_each(|cited| *verdicts.entry(cited.verdict.name()).or_default() += 1);
        Self {
            file: of.file.clone(),
            texts: of.num_texts,
            uncited: of.num_uncited,
            citations: of.cited.len(),
            resolved: share(resolved, of.cited.len()),
            right: share(count(&|verdict| verdict == Verdict::Ok), resolved),
            invented: share(count(&Verdict::is_invented), resolved),
            verdicts,
        }
    }
}
