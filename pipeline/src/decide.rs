//! Decide what becomes of every cleaned document: filter, dedup, split; a few numbers a document.

use polars::prelude::{Engine, ExplodeOptions, LazyFrame, by_name, col};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    catalog::{Catalog, UnitFiles},
    config::{Config, SplitConfig},
    dedup::{cluster::Clusters, groups, verify},
    error::{Result, polars as polars_error},
    filter,
    outcome::Reason,
    progress::{Progress, Unit},
    signals::{self, BANDS},
};

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Verdict {
    /// It is kept.
    #[default]
    Kept,
    /// A rule of the filter dropped it: the rule's index.
    Filtered(u8),
    /// It is a duplicate of the row that was kept.
    Duplicate {
        /// How it is one.
        reason: Reason,
        /// The row that was kept.
        kept: u32,
        /// Similarity to that row.
        similarity: f32,
    },
}

/// What became of every document.
pub struct Decisions {
    /// A verdict a row.
    pub verdicts: Vec<Verdict>,
    /// For a row in a cluster of near-copies, the first row of it that was kept.
    pub cluster: Vec<Option<u32>>,
    /// Whether a row is held out.
    pub validation: Vec<bool>,
}

/// Run the three stages over the catalog.
///
/// # Errors
/// A unit cannot be read.
pub fn decide(catalog: &Catalog, config: &Config, progress: &Progress) -> Result<Decisions> {
    let bar = progress.stage("filter", None, Unit::Items);
    let mut verdicts = vec![Verdict::Kept; catalog.len() as usize];
    if !catalog.is_empty() {
        apply_filter(catalog, config, &mut verdicts)?;
    }
    bar.finish();
    let bar = progress.stage("dedup", None, Unit::Items);
    let mut clusters = Clusters::new(catalog.len());
    if !catalog.is_empty() {
        let memory = config.limits.memory_bytes;
        exact(&catalog.files, "id_key", Reason::DuplicateId, memory, &mut verdicts)?;
        exact(&catalog.files, "content_key", Reason::ExactDuplicate, memory, &mut verdicts)?;
        near(catalog, config, &mut verdicts, &mut clusters)?;
    }
    let cluster = cluster_names(&verdicts, &mut clusters);
    bar.finish();
    let bar = progress.stage("split", None, Unit::Items);
    let validation = split(catalog, &config.split, clusters, config.limits.memory_bytes)?;
    bar.finish();
    Ok(Decisions { verdicts, cluster, validation })
}

fn apply_filter(catalog: &Catalog, config: &Config, verdicts: &mut [Verdict]) -> Result<()> {
    let failing = catalog
        .files
        .frame()?
        .select([col("row"), filter::first_failing_rule(config).alias("rule")])
        .filter(col("rule").is_not_null())
        .collect_with_engine(Engine::Streaming)
        .map_err(polars_error("filtering"))?
        .unwrap_single();
    let columns = || {
        let rows = failing.column("row")?.u32()?.into_no_null_iter();
        let rules = failing.column("rule")?.u32()?.into_no_null_iter();
        Ok(rows.zip(rules).collect::<Vec<_>>())
    };
    for (row, rule) in columns().map_err(polars_error("filtering"))? {
        verdicts[row as usize] = Verdict::Filtered(u8::try_from(rule).unwrap_or(u8::MAX));
    }
    Ok(())
}

fn keys(files: &UnitFiles, key: &str) -> Result<LazyFrame> {
    Ok(files.frame()?.select([col("row"), col(key).alias("key")]))
}

/// Of the rows that share a key, keep the first that is still kept.
fn exact(files: &UnitFiles, key: &str, reason: Reason, memory: u64, verdicts: &mut [Verdict]) -> Result<()> {
    for mut rows in groups::sharing(&keys(files, key)?, u64::from(files.len()), memory)? {
        rows.retain(|row| verdicts[*row as usize] == Verdict::Kept);
        if let Some((kept, others)) = rows.split_first() {
            for row in others {
                verdicts[*row as usize] = Verdict::Duplicate { reason, kept: *kept, similarity: 1.0 };
            }
        }
    }
    Ok(())
}

fn near(catalog: &Catalog, config: &Config, verdicts: &mut [Verdict], clusters: &mut Clusters) -> Result<()> {
    let memory = config.limits.memory_bytes;
    let mut pairs = candidates(catalog, memory, verdicts)?;
    // Pairs of one connected component lie together, so that a round reads few texts twice.
    let mut components = Clusters::new(catalog.len());
    pairs.iter().for_each(|(a, b)| components.join(*a, *b));
    pairs.sort_by_cached_key(|(a, b)| (components.root(*a), *a, *b));
    for ((a, b), similarity) in pairs.iter().zip(verify::similarities(catalog, &pairs, memory)?) {
        let profile = if catalog.is_statute[*a as usize] { &config.dedup.statute } else { &config.dedup.judgment };
        if similarity >= profile.min_jaccard {
            clusters.join(*a, *b);
        }
    }
    let mut dropped = Vec::new();
    for members in clusters.groups() {
        for same in same_instruments(catalog, config, &members) {
            let kept =
                same.iter().copied().max_by_key(|row| (catalog.num_chars[*row as usize], std::cmp::Reverse(*row)));
            let Some(kept) = kept else { continue };
            dropped.extend(same.iter().filter(|row| **row != kept).map(|row| (*row, kept)));
        }
    }
    for ((row, kept), similarity) in dropped.iter().zip(verify::similarities(catalog, &dropped, memory)?) {
        verdicts[*row as usize] = Verdict::Duplicate { reason: Reason::NearDuplicate, kept: *kept, similarity };
    }
    Ok(())
}

/// Pairs of kept rows of one kind that share a MinHash band: each with the first and with the one before.
fn candidates(catalog: &Catalog, memory: u64, verdicts: &[Verdict]) -> Result<Vec<(u32, u32)>> {
    let explode = ExplodeOptions { empty_as_null: false, keep_nulls: false };
    let bands = catalog
        .files
        .frame()?
        .select([col("row"), col("bands").alias("key")])
        .explode(by_name(["key"], true, false), explode);
    let mut pairs = Vec::new();
    for mut rows in groups::sharing(&bands, u64::from(catalog.len()) * BANDS as u64, memory)? {
        rows.retain(|row| verdicts[*row as usize] == Verdict::Kept);
        let mut link = |a: u32, b: u32| {
            if catalog.is_statute[a as usize] == catalog.is_statute[b as usize] {
                pairs.push((a, b));
            }
        };
        for (i, row) in rows.iter().enumerate().skip(1) {
            link(rows[0], *row);
            if i > 1 {
                link(rows[i - 1], *row);
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    Ok(pairs)
}

/// The members of a cluster by instrument: law and version, or case number.
fn same_instruments(catalog: &Catalog, config: &Config, members: &[u32]) -> Vec<Vec<u32>> {
    let mut by: FxHashMap<(Option<u64>, Option<i32>), Vec<u32>> = FxHashMap::default();
    for row in members {
        let i = *row as usize;
        let (profile, version) = if catalog.is_statute[i] {
            (&config.dedup.statute, catalog.date[i])
        } else {
            (&config.dedup.judgment, None)
        };
        let key = if profile.drop_other_instruments { (None, None) } else { (catalog.instrument[i], version) };
        by.entry(key).or_default().push(*row);
    }
    let mut groups: Vec<Vec<u32>> = by.into_values().filter(|rows| rows.len() > 1).collect();
    groups.sort_unstable();
    groups
}

fn cluster_names(verdicts: &[Verdict], clusters: &mut Clusters) -> Vec<Option<u32>> {
    let mut names = vec![None; verdicts.len()];
    for members in clusters.groups() {
        let first = members.iter().find(|row| verdicts[**row as usize] == Verdict::Kept).copied();
        for row in members {
            names[row as usize] = first;
        }
    }
    names
}

/// Hold out whole groups: near-copies, and all versions of one law or documents of one case.
fn split(catalog: &Catalog, config: &SplitConfig, mut clusters: Clusters, memory: u64) -> Result<Vec<bool>> {
    if catalog.is_empty() {
        return Ok(Vec::new());
    }
    for rows in groups::sharing(&keys(&catalog.files, "instrument_key")?, u64::from(catalog.len()), memory)? {
        rows.windows(2).for_each(|pair| clusters.join(pair[0], pair[1]));
    }
    let held_out = |root: u32| {
        let i = root as usize;
        is_held_out(config, catalog.instrument[i].unwrap_or(catalog.id_key[i]))
    };
    Ok((0..catalog.len()).map(|row| held_out(clusters.root(row))).collect())
}

/// What became of the instruction records: verdicts, whether each is held out, and its bytes.
pub struct RecordDecisions {
    /// A verdict a row.
    pub verdicts: Vec<Verdict>,
    /// Whether a row is held out.
    pub validation: Vec<bool>,
    /// Bytes of a row's texts.
    pub text_bytes: Vec<u32>,
}

/// Drop repeated instruction records, and hold some out.
///
/// # Errors
/// A unit cannot be read.
pub fn decide_records(files: &UnitFiles, config: &Config) -> Result<RecordDecisions> {
    let mut verdicts = vec![Verdict::Kept; files.len() as usize];
    if files.is_empty() {
        return Ok(RecordDecisions { verdicts, validation: Vec::new(), text_bytes: Vec::new() });
    }
    exact(files, "id_key", Reason::DuplicateId, config.limits.memory_bytes, &mut verdicts)?;
    exact(files, "content_key", Reason::ExactDuplicate, config.limits.memory_bytes, &mut verdicts)?;
    let doing = "reading the catalog of instruction records";
    let frame = files
        .frame()?
        .select([col("content_key"), col("text_bytes")])
        .collect_with_engine(Engine::Streaming)
        .map_err(polars_error(doing))?
        .unwrap_single();
    let columns = || {
        let keys = frame.column("content_key")?.u64()?.into_no_null_iter();
        let validation = keys.map(|key| is_held_out(&config.split, key)).collect();
        Ok((validation, frame.column("text_bytes")?.u32()?.into_no_null_iter().collect()))
    };
    let (validation, text_bytes) = columns().map_err(polars_error(doing))?;
    Ok(RecordDecisions { verdicts, validation, text_bytes })
}

/// Whether the group with this key is held out.
pub fn is_held_out(config: &SplitConfig, key: u64) -> bool {
    signals::unit_interval(xxh3_64_with_seed(&key.to_le_bytes(), config.seed)) < config.validation_fraction
}
