//! Drop what is not worth training on, by the profile of its kind.
//!
//! The rules are one list; the polars expression, the detail in the ledger and `inspect` read it.

use corpus_format::legal::Kind;
use polars::prelude::{DataType, Expr, Literal, NULL, col, lit, when};

use crate::{
    config::{Config, FilterProfile},
    outcome::Reason,
};

/// A bound on one measured column.
pub struct Rule {
    /// The reason a document outside the bound is dropped for.
    pub reason: Reason,
    /// The column.
    pub column: &'static str,
    /// Whether the bound is the least or the most that is allowed.
    pub bound: Bound,
    /// The profile's value.
    pub limit: fn(&FilterProfile) -> f64,
}

/// On which side of the limit a document is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// At or above it.
    AtLeast,
    /// At or below it.
    AtMost,
}

/// The rules, in the order in which they are tried.
pub const RULES: [Rule; 6] = [
    Rule { reason: Reason::TooShort, column: "num_chars", bound: Bound::AtLeast, limit: |p| f64::from(p.min_chars) },
    Rule {
        reason: Reason::FewHan,
        column: "q_han_fraction",
        bound: Bound::AtLeast,
        limit: |p| f64::from(p.min_han_fraction),
    },
    Rule {
        reason: Reason::LostCharacters,
        column: "q_replacement_fraction",
        bound: Bound::AtMost,
        limit: |p| f64::from(p.max_replacement_fraction),
    },
    Rule {
        reason: Reason::MostlyMasked,
        column: "q_masked_fraction",
        bound: Bound::AtMost,
        limit: |p| f64::from(p.max_masked_fraction),
    },
    Rule {
        reason: Reason::RepeatedLines,
        column: "q_duplicate_line_fraction",
        bound: Bound::AtMost,
        limit: |p| f64::from(p.max_duplicate_line_fraction),
    },
    Rule {
        reason: Reason::RepeatedShingles,
        column: "q_duplicate_5gram_fraction",
        bound: Bound::AtMost,
        limit: |p| f64::from(p.max_duplicate_5gram_fraction),
    },
];

impl Rule {
    /// Whether a measured value is inside the bound.
    pub fn keeps(&self, value: f64, profile: &FilterProfile) -> bool {
        match self.bound {
            Bound::AtLeast => value >= (self.limit)(profile),
            Bound::AtMost => value <= (self.limit)(profile),
        }
    }

    /// The measured value and the limit, for the ledger.
    pub fn detail(&self, value: f64, profile: &FilterProfile) -> String {
        let (side, limit) = (if self.bound == Bound::AtLeast { "min" } else { "max" }, (self.limit)(profile));
        if self.reason == Reason::TooShort {
            return format!("{value} characters, {side} {limit}");
        }
        format!("{} {value:.4}, {side} {limit:.4}", self.column)
    }
}

/// The index in [`RULES`] of the first rule that drops a document, or null.
pub fn first_failing_rule(config: &Config) -> Expr {
    let limit = |rule: &Rule| {
        when(col("kind").eq(lit(Kind::Judgment.as_str())))
            .then(lit((rule.limit)(config.filter_of(Kind::Judgment))))
            .otherwise(lit((rule.limit)(config.filter_of(Kind::Statute))))
    };
    let fails = |rule: &Rule| {
        let value = col(rule.column).cast(DataType::Float64);
        if rule.bound == Bound::AtLeast { value.lt(limit(rule)) } else { value.gt(limit(rule)) }
    };
    RULES.iter().zip(0_u32..RULES.len() as u32).rev().fold(NULL.lit().cast(DataType::UInt32), |later, (rule, index)| {
        when(fails(rule)).then(lit(index)).otherwise(later)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SourceConfig;
    use polars::prelude::{IntoLazy, df};

    #[test]
    fn the_expression_agrees_with_the_rules_on_every_side_of_every_bound() {
        let mut config = Config::with_sources(Vec::<SourceConfig>::new());
        config.filter.judgment.min_chars = 200;
        let columns: Vec<Vec<f64>> = RULES
            .iter()
            .map(|rule| {
                let limit = (rule.limit)(config.filter_of(Kind::Statute));
                vec![limit, limit * 0.9, limit * 1.1, limit + 150.0]
            })
            .collect();
        for kind in [Kind::Statute, Kind::Judgment] {
            for pick in 0..4096_usize {
                let values: Vec<f64> = (0..6).map(|i| columns[i][pick >> (2 * i) & 3]).collect();
                let profile = config.filter_of(kind);
                let expected = RULES.iter().zip(&values).position(|(rule, value)| !rule.keeps(*value, profile));
                // One frame for a few picks keeps the test quick.
                if pick % 37 != 0 {
                    continue;
                }
                let frame = df!(
                    "kind" => [kind.as_str()], "num_chars" => [values[0]], "q_han_fraction" => [values[1]],
                    "q_replacement_fraction" => [values[2]], "q_masked_fraction" => [values[3]],
                    "q_duplicate_line_fraction" => [values[4]], "q_duplicate_5gram_fraction" => [values[5]],
                )
                .expect("a frame");
                let found =
                    frame.lazy().select([first_failing_rule(&config).alias("rule")]).collect().expect("an index");
                let found = found.column("rule").expect("rule").u32().expect("u32").get(0);
                assert_eq!(found.map(|i| i as usize), expected, "{values:?}");
            }
        }
    }
}
