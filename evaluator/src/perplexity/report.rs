//! Writes measurements: JSON lines, or a table.

use std::fmt::Write as _;

use super::Report;
use crate::stats::Interval;

/// A JSON line for each row and each difference.
pub fn json_lines(report: &Report) -> String {
    // Text, numbers and nothing: all of it has a JSON form.
    let rows = report.rows.iter().map(serde_json::to_string);
    let differences = report.differences.iter().map(serde_json::to_string);
    rows.chain(differences).map(|line| line.unwrap_or_default() + "\n").collect()
}

/// A table: a line for each model and kind, and the differences.
pub fn table(report: &Report) -> String {
    let names = report.rows.iter().map(|row| row.model.chars().count());
    let width = names.max().unwrap_or(0).max("model".len());
    let mut text = format!(
        "{:<width$}  {:<9}  {:>9}  {:>11}  {:>11}  {:>10}  {:>10}  {:>9}  95 % interval\n",
        "model", "kind", "documents", "bytes", "tokens", "nats/token", "perplexity", "bits/byte"
    );
    for row in &report.rows {
        let _ = writeln!(
            text,
            "{:<width$}  {:<9}  {:>9}  {:>11}  {:>11}  {:>10.4}  {:>10.2}  {:>9.4}  {}",
            row.model,
            row.kind,
            row.documents,
            row.bytes,
            row.tokens,
            row.nats_per_token,
            row.perplexity,
            row.bits_per_byte,
            interval(row.interval)
        );
    }
    for difference in &report.differences {
        let _ = writeln!(
            text,
            "{} less {}, {}: {:+.4} bits/byte  {}",
            difference.model,
            difference.against,
            difference.kind,
            difference.bits_per_byte,
            interval(difference.interval)
        );
    }
    for of_model in report.rows.chunk_by(|a, b| a.model == b.model && a.context == b.context) {
        let (model, context, stride) = (&of_model[0].model, of_model[0].context, of_model[0].stride);
        let _ = writeln!(text, "{model}: windows of {context} tokens, each {stride} after the last");
    }
    text
}

fn interval(interval: Option<Interval>) -> String {
    interval.map_or_else(|| "-".into(), |Interval { low, high }| format!("{low:.4} to {high:.4}"))
}
