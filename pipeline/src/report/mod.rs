//! Write one self-contained page that shows what a build did: funnel, reasons, histograms, duplicates.

/// Numbers and samples out of the shards.
mod figures;

use std::path::Path;

use corpus_format::Index;
use minijinja::{Environment, context};

use crate::{clean::RuleCounts, error::Result, output, sources::files::Source};

/// The page's file in the report folder.
const PAGE: &str = "index.html";

/// Whether there is a report.
pub fn exists(dir: &Path) -> bool {
    dir.join(PAGE).exists()
}

/// Write the report on the shards in `shards` to `dir`.
///
/// Samples are shown only of sources without personal data or with data masked as published.
///
/// # Errors
/// The shards cannot be read or the page not written.
pub fn write(dir: &Path, shards: &Path, index: &Index, rules: &RuleCounts, sources: &[&Source]) -> Result<()> {
    let figures = figures::read(shards, index, sources)?;
    let rules: Vec<(&str, u64)> = rules.iter().filter(|(_, n)| *n > 0).map(|(rule, n)| (rule.as_str(), n)).collect();
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    environment.add_filter("grouped", grouped);
    environment.add_template(PAGE, include_str!("page.html"))?;
    let page = environment.get_template(PAGE)?.render(context! { figures, rules, index })?;
    fs_err::create_dir_all(dir)?;
    output::write_atomically(&dir.join(PAGE), page.as_bytes())
}

/// 1234567 → 1,234,567.
pub(crate) fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::from(if n < 0 { "-" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-5000, "-5,000")] {
            assert_eq!(super::grouped(n), text);
        }
    }
}
