//! Writes what was found of citations: a line for each file, with rates.

use std::fmt::Write as _;

use super::{OfFile, Summary, Verdict};
use crate::report::percent;

/// A line for each file: how many texts and citations, and the shares that they come to.
///
/// *Resolved* is the share of citations whose law the corpus has; *right* and *invented* are shares of those.
pub fn table(files: &[OfFile]) -> String {
    let width = files.iter().map(|of| of.file.chars().count()).max().unwrap_or(0).max("file".len());
    let mut text = format!(
        "{:<width$}  {:>6}  {:>7}  {:>9}  {:>8}  {:>7}  {:>8}\n",
        "file", "texts", "uncited", "citations", "resolved", "right", "invented"
    );
    for of in files {
        let summary = Summary::from(of);
        let _ = writeln!(
            text,
            "{:<width$}  {:>6}  {:>7}  {:>9}  {:>8}  {:>7}  {:>8}",
            summary.file,
            summary.texts,
            summary.uncited,
            summary.citations,
            percent(summary.resolved),
            percent(summary.right),
            percent(summary.invented),
        );
    }
    text.push('\n');
    for verdict in Verdict::ALL {
        let count = files.iter().flat_map(|of| &of.cited).filter(|cited| cited.verdict == verdict).count();
        if count > 0 {
            let _ = writeln!(text, "{:<17}  {count:>7}", verdict.name());
        }
    }
    text
}
