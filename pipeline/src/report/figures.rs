//! Defines the numbers and samples of the report, by polars over the finished shards.

use std::{collections::BTreeMap, path::Path};

use corpus_format::{Index, Table, manifest::PersonalData};
use polars::prelude::{DataFrame, Engine, Expr, LazyFrame, PolarsResult, SortMultipleOptions, col, len, lit};
use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use crate::{
    error::{Result, polars as polars_error},
    outcome::Reason,
    scan::scan,
    sources::files::Source,
};

/// Rows of a top list.
const TOP: usize = 15;
/// Clusters shown side by side.
const CLUSTERS: usize = 6;
/// Differing lines shown of one cluster.
const DIFFERENCES: usize = 6;
/// Characters shown of a line.
const LINE_CHARS: usize = 160;

/// Everything the page shows.
#[derive(Serialize)]
pub struct Figures {
    totals: Vec<Total>,
    funnel: Vec<Funnel>,
    reasons: Vec<ReasonCount>,
    types: Vec<TypeCount>,
    lengths: Vec<Histogram>,
    years: Vec<Histogram>,
    courts: Vec<Bar>,
    issuers: Vec<Bar>,
    num_clusters: usize,
    clusters: Vec<SideBySide>,
}

#[derive(Serialize)]
struct Total {
    table: &'static str,
    rows: u64,
    files: usize,
    megabytes: f64,
}

#[derive(Serialize)]
struct Funnel {
    kind: String,
    /// Stage and how many went on from it; the first is what was read.
    steps: Vec<Bar>,
}

#[derive(Serialize)]
struct ReasonCount {
    stage: &'static str,
    reason: &'static str,
    documents: u64,
    /// Id and detail of some of them.
    examples: Vec<(String, String)>,
}

#[derive(Serialize)]
struct TypeCount {
    kind: String,
    document_type: String,
    documents: u64,
    chars: u64,
    articles: u64,
}

#[derive(Serialize)]
struct Histogram {
    kind: String,
    bars: Vec<Bar>,
}

/// A labelled number, with its share of the largest beside it.
#[derive(Serialize, Clone)]
struct Bar {
    label: String,
    count: u64,
    percent: f64,
}

#[derive(Serialize)]
struct SideBySide {
    left: String,
    right: String,
    similarity: String,
    lines: Vec<(String, String)>,
}

/// Read the figures of the shards in `dir`.
///
/// # Errors
/// A shard cannot be read.
pub fn read(dir: &Path, index: &Index, sources: &[&Source]) -> Result<Figures> {
    let shards = Shards { dir, index };
    let private: Vec<&str> = sources
        .iter()
        .filter(|source| source.manifest.personal_data == PersonalData::Present)
        .map(|source| source.manifest.name.as_str())
        .collect();
    shards.figures(&private).map_err(polars_error("drawing the report"))
}

struct Shards<'a> {
    dir: &'a Path,
    index: &'a Index,
}

impl Shards<'_> {
    fn scan(&self, table: Table) -> PolarsResult<Option<LazyFrame>> {
        scan(self.index.files_of(table).map(|file| self.dir.join(&file.path)), None)
    }

    /// Rows by the values of `keys`, with the sums of `sums`.
    fn count(&self, table: Table, keys: &[Expr], sums: &[&str]) -> PolarsResult<DataFrame> {
        let Some(frame) = self.scan(table)? else { return Ok(DataFrame::empty()) };
        let sums = sums.iter().map(|name| col(*name).cast(polars::prelude::DataType::UInt64).sum());
        let names: Vec<Expr> = (0..keys.len()).map(|i| col(format!("key{i}"))).collect();
        let keys: Vec<Expr> = keys.iter().enumerate().map(|(i, key)| key.clone().alias(format!("key{i}"))).collect();
        frame
            .group_by(keys)
            .agg(
                std::iter::once(len().cast(polars::prelude::DataType::UInt64).alias("rows"))
                    .chain(sums)
                    .collect::<Vec<_>>(),
            )
            .sort_by_exprs(names, SortMultipleOptions::default())
            .collect_with_engine(Engine::Streaming)
            .map(|result| result.unwrap_single())
    }

    fn figures(&self, private: &[&str]) -> PolarsResult<Figures> {
        let dropped = self.count(Table::Dropped, &[col("kind"), col("reason")], &[])?;
        let (num_clusters, clusters) = self.clusters(private)?;
        Ok(Figures {
            totals: self.totals(),
            funnel: self.funnel(&dropped)?,
            reasons: self.reasons(&dropped, private)?,
            types: self.types()?,
            lengths: self.lengths()?,
            years: self.years()?,
            courts: self.issuers("judgment")?,
            issuers: self.issuers("statute")?,
            num_clusters,
            clusters,
        })
    }

    fn totals(&self) -> Vec<Total> {
        let total = |table: Table| Total {
            table: table.name(),
            rows: self.index.rows_of(table),
            files: self.index.files_of(table).count(),
            megabytes: self.index.files_of(table).map(|f| f.bytes as f64 / 1e6).sum(),
        };
        Table::ALL.into_iter().map(total).collect()
    }

    fn funnel(&self, dropped: &DataFrame) -> PolarsResult<Vec<Funnel>> {
        let mut by_stage: BTreeMap<(String, &str), u64> = BTreeMap::new();
        for i in 0..dropped.height() {
            let (kind, reason) = (text(dropped, "key0", i)?, text(dropped, "key1", i)?);
            let stage = Reason::ALL.iter().find(|r| r.as_str() == reason).map_or("", |r| r.stage());
            *by_stage.entry((kind, stage)).or_default() += number(dropped, "rows", i)?;
        }
        let funnel = |count: &corpus_format::index::KindCount| {
            let mut left = count.inputs;
            let mut steps = vec![("inputs".to_owned(), left)];
            for stage in ["read", "segment", "filter", "dedup"] {
                let lost = by_stage.get(&(count.kind.clone(), stage)).copied().unwrap_or(0);
                left = left.saturating_sub(lost);
                steps.push((format!("after {stage}"), left));
            }
            Funnel { kind: count.kind.clone(), steps: bars(steps) }
        };
        Ok(self.index.counts.iter().map(funnel).collect())
    }

    fn reasons(&self, dropped: &DataFrame, private: &[&str]) -> PolarsResult<Vec<ReasonCount>> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for i in 0..dropped.height() {
            *counts.entry(text(dropped, "key1", i)?).or_default() += number(dropped, "rows", i)?;
        }
        let mut reasons = Vec::new();
        for reason in Reason::ALL {
            let Some(documents) = counts.get(reason.as_str()) else { continue };
            let examples = self.examples(reason.as_str(), private)?;
            reasons.push(ReasonCount {
                stage: reason.stage(),
                reason: reason.as_str(),
                documents: *documents,
                examples,
            });
        }
        Ok(reasons)
    }

    fn examples(&self, reason: &str, private: &[&str]) -> PolarsResult<Vec<(String, String)>> {
        let Some(frame) = self.scan(Table::Dropped)? else { return Ok(Vec::new()) };
        let public = private.iter().fold(lit(true), |all, name| all.and(col("source").neq(lit(*name))));
        let rows = frame
            .filter(col("reason").eq(lit(reason)).and(public))
            .select([col("id"), col("detail"), col("kept_id")])
            .limit(5)
            .collect()?;
        (0..rows.height())
            .map(|i| {
                let detail = text(&rows, "detail", i)?;
                let kept = text(&rows, "kept_id", i)?;
                let detail = if kept.is_empty() { detail } else { format!("{detail}; kept {kept}") };
                Ok((text(&rows, "id", i)?, detail))
            })
            .collect()
    }

    fn types(&self) -> PolarsResult<Vec<TypeCount>> {
        let rows =
            self.count(Table::Documents, &[col("kind"), col("document_type")], &["num_chars", "num_articles"])?;
        (0..rows.height())
            .map(|i| {
                Ok(TypeCount {
                    kind: text(&rows, "key0", i)?,
                    document_type: text(&rows, "key1", i)?,
                    documents: number(&rows, "rows", i)?,
                    chars: number(&rows, "num_chars", i)?,
                    articles: number(&rows, "num_articles", i)?,
                })
            })
            .collect()
    }

    /// Documents by length; each bar is twice as long as the one before.
    fn lengths(&self) -> PolarsResult<Vec<Histogram>> {
        const FIRST: u32 = 6;
        const LAST: u32 = 19;
        // Counting the powers of two that a length reaches needs no logarithm.
        let reached = (FIRST..=LAST)
            .map(|power| col("num_chars").gt_eq(lit(1_u32 << power)).cast(polars::prelude::DataType::UInt32));
        let power = reached.reduce(|sum, next| sum + next).unwrap_or_else(|| lit(0_u32));
        let rows = self.count(Table::Documents, &[col("kind"), power], &[])?;
        histograms(&rows, |power| {
            let from = if power == 0 { 0 } else { 1_u64 << (FIRST + power as u32 - 1) };
            if power as u32 > LAST - FIRST {
                format!("{from} and more")
            } else {
                format!("{from} to {}", (1_u64 << (FIRST + power as u32)) - 1)
            }
        })
    }

    fn years(&self) -> PolarsResult<Vec<Histogram>> {
        let rows = self.count(Table::Documents, &[col("kind"), col("date").dt().year()], &[])?;
        histograms(&rows, |year| if year < 0 { "undated".to_owned() } else { year.to_string() })
    }

    fn issuers(&self, kind: &str) -> PolarsResult<Vec<Bar>> {
        let rows = self.count(Table::Documents, &[col("kind"), col("issuer")], &[])?;
        let mut found = Vec::new();
        for i in 0..rows.height() {
            let name = text(&rows, "key1", i)?;
            if text(&rows, "key0", i)? == kind {
                found.push((if name.is_empty() { "not stated".to_owned() } else { name }, number(&rows, "rows", i)?));
            }
        }
        found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        found.truncate(TOP);
        Ok(bars(found))
    }

    fn clusters(&self, private: &[&str]) -> PolarsResult<(usize, Vec<SideBySide>)> {
        let Some(frame) = self.scan(Table::Documents)? else { return Ok((0, Vec::new())) };
        let public = private.iter().fold(lit(true), |all, name| all.and(col("source").neq(lit(*name))));
        let members = frame
            .clone()
            .filter(col("duplicate_cluster").is_not_null())
            .select([col("duplicate_cluster"), col("id"), public.alias("public")])
            .sort(["duplicate_cluster", "id"], SortMultipleOptions::default())
            .collect_with_engine(Engine::Streaming)?
            .unwrap_single();
        let mut clusters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let public = members.column("public")?.bool()?;
        for i in 0..members.height() {
            let cluster = clusters.entry(text(&members, "duplicate_cluster", i)?).or_default();
            if public.get(i).unwrap_or(false) {
                cluster.push(text(&members, "id", i)?);
            }
        }
        let mut shown = Vec::new();
        for ids in clusters.values().filter(|ids| ids.len() > 1).take(CLUSTERS) {
            let wanted = col("id").eq(lit(ids[0].as_str())).or(col("id").eq(lit(ids[1].as_str())));
            let texts = frame
                .clone()
                .filter(wanted)
                .select([col("id"), col("text")])
                .sort(["id"], SortMultipleOptions::default())
                .collect()?;
            if texts.height() == 2 {
                let (left, right) = (text(&texts, "text", 0)?, text(&texts, "text", 1)?);
                let sets = (crate::signals::shingles(&left), crate::signals::shingles(&right));
                shown.push(SideBySide {
                    left: text(&texts, "id", 0)?,
                    right: text(&texts, "id", 1)?,
                    similarity: format!("{:.3}", crate::signals::jaccard(&sets.0, &sets.1)),
                    lines: differing_lines(&left, &right),
                });
            }
        }
        Ok((clusters.len(), shown))
    }
}

/// The first lines that differ, side by side.
fn differing_lines(left: &str, right: &str) -> Vec<(String, String)> {
    let diff = TextDiff::from_lines(left, right);
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let mut pairs = Vec::new();
    let mut close = |removed: &mut Vec<String>, added: &mut Vec<String>| {
        let longest = removed.len().max(added.len());
        removed.resize(longest, String::new());
        added.resize(longest, String::new());
        pairs.extend(removed.drain(..).zip(added.drain(..)));
    };
    for change in diff.iter_all_changes() {
        let line: String = change.value().trim_end().chars().take(LINE_CHARS).collect();
        match change.tag() {
            ChangeTag::Equal => close(&mut removed, &mut added),
            ChangeTag::Delete => removed.push(line),
            ChangeTag::Insert => added.push(line),
        }
    }
    close(&mut removed, &mut added);
    pairs.truncate(DIFFERENCES);
    pairs
}

fn bars(counts: Vec<(String, u64)>) -> Vec<Bar> {
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1) as f64;
    let bar =
        |(label, count): (String, u64)| Bar { label, count, percent: (count as f64 / most * 1000.0).round() / 10.0 };
    counts.into_iter().map(bar).collect()
}

/// Group counts by (kind, number) into one histogram a kind; a null number is passed as -1.
fn histograms(rows: &DataFrame, label: impl Fn(i64) -> String) -> PolarsResult<Vec<Histogram>> {
    let mut kinds: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    for i in 0..rows.height() {
        let value = rows.column("key1")?.get(i)?;
        let value = value.extract::<i64>().unwrap_or(-1);
        kinds.entry(text(rows, "key0", i)?).or_default().push((label(value), number(rows, "rows", i)?));
    }
    Ok(kinds.into_iter().map(|(kind, counts)| Histogram { kind, bars: bars(counts) }).collect())
}

fn text(frame: &DataFrame, column: &str, row: usize) -> PolarsResult<String> {
    Ok(frame.column(column)?.str()?.get(row).unwrap_or_default().to_owned())
}

fn number(frame: &DataFrame, column: &str, row: usize) -> PolarsResult<u64> {
    Ok(frame.column(column)?.u64()?.get(row).unwrap_or(0))
}
