//! Writes a comparison as a table.

use std::fmt::Write as _;

use super::{Comparison, Difference, Test};
use crate::report::percent;

/// A line for each task, for the mean over tasks, and for each slice.
pub fn table(comparison: &Comparison) -> String {
    let Comparison { a, b, .. } = comparison;
    let mut text = format!("A  {a}\nB  {b}\n\n{}  {:>7}\n", head(), "Holm");
    for difference in comparison.tasks.iter().chain(&comparison.mean) {
        let test = match difference.test {
            Test::Mcnemar => "McNemar",
            Test::Bootstrap => "bootstrap",
        };
        let p = format!("{:>7}  {:>7}  {test}", p_value(difference.p), p_value(difference.p_holm));
        let _ = writeln!(text, "{}  {p}", line(&difference.task, difference));
    }
    if !comparison.slices.is_empty() {
        let _ = write!(
            text,
            "\nSlices of tasks; p-values are not corrected for how many there are.\n\n{}  slice\n",
            head()
        );
    }
    for slice in &comparison.slices {
        let p = format!("{:>7}  {:>7}", p_value(slice.difference.p), "");
        let _ =
            writeln!(text, "{}  {p}  {}: {}", line(&slice.difference.task, &slice.difference), slice.by, slice.value);
    }
    if !comparison.unreported.is_empty() {
        let _ = writeln!(text, "\nSlices of fewer than {} items, which are not shown:", comparison.settings.min_items);
    }
    for small in &comparison.unreported {
        let _ = writeln!(text, "{:<4}  {}: {} slices of {} items", small.task, small.by, small.slices, small.items);
    }
    text
}

fn head() -> String {
    format!(
        "{:<4}  {:>5}  {:>5}  {:>6}  {:>6}  {:>6}  {:>15}  {:>6}  {:>6}  {:>5}  {:>7}",
        "task", "items", "cases", "A", "B", "A - B", "95 % interval", "better", "worse", "corr.", "p"
    )
}

fn line(name: &str, difference: &Difference) -> String {
    let Difference { items, cases, better, worse, .. } = difference;
    let signed = |share: f64| format!("{:+.2}", 100.0 * share);
    let interval = match (difference.low, difference.high) {
        (Some(low), Some(high)) => format!("{} {}", signed(low), signed(high)),
        _ => "-".to_owned(),
    };
    let (a, b) = (percent(Some(difference.a)), percent(Some(difference.b)));
    let correlation = difference.correlation.map_or_else(|| "-".to_owned(), |r| format!("{r:.2}"));
    let difference = signed(difference.difference);
    format!(
        "{name:<4}  {items:>5}  {cases:>5}  {a:>6}  {b:>6}  {difference:>6}  {interval:>15}  {better:>6}  {worse:>6}  {correlation:>5}"
    )
}

/// Four decimals, or the power of ten.
pub(crate) fn p_value(p: Option<f64>) -> String {
    match p {
        None => "-".to_owned(),
        Some(p) if p >= 0.000_1 => format!("{p:.4}"),
        Some(p) => format!("{p:.0e}"),
    }
}
