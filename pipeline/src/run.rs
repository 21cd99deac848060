//! The whole pipeline as one list of stages.

use corpus_format::{
    Index, SCHEMA_VERSION, ShardFile, Table,
    index::KindCount,
    legal::{InstructionKind, Kind},
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{
    catalog::{Catalog, UnitFiles},
    clean::RuleCounts,
    config::{Config, Output},
    decide::{self, Decisions, RecordDecisions, Verdict},
    error::{Error, Result},
    progress::{Progress, Unit as Counting},
    report,
    shard::{card, seal::Sealing, tables, write::BuildStamp},
    sources::files::{RawFile, Source},
    work::{
        plan::{self, Unit},
        process,
        store::{Finished, Store, WorkTable},
    },
};

/// What a build did.
#[derive(Debug)]
pub struct Built {
    /// The index of the corpus.
    pub index: Index,
    /// Whether the corpus was current already and nothing was done.
    pub was_current: bool,
}

/// Build the corpus.
///
/// # Errors
/// A source or the configuration is wrong, or a file cannot be written. A single bad document is no error.
pub fn build(config: &Config, progress: &Progress) -> Result<Built> {
    // read: which files there are, and their hashes.
    let sources = sources(config, progress)?;
    let units = plan::units(&sources, config);
    let stamp = stamp(config, &sources, &units);

    let sealing = Sealing::open(&config.output.shards)?;
    if let Some(index) = sealing.finished(&stamp.build_key)
        && report::exists(&config.output.report)
    {
        return Ok(Built { index, was_current: true });
    }

    // clean, segment, enrich, measure: one unit at a time, each done once.
    let store = Store::open(&config.output.work)?;
    let _lock = store.lock()?;
    let finished = process_units(&sources, &units, config, &store, progress)?;

    // filter, dedup, split: on a few numbers a document.
    let rows = |table: WorkTable| {
        let each = units.iter().zip(&finished);
        UnitFiles::new(each.map(|(unit, done)| (store.path(&unit.key, table), done.rows[table as usize])))
    };
    let catalog = Catalog::read(rows(WorkTable::Documents))?;
    let decisions = decide::decide(&catalog, config, progress)?;
    let records = rows(WorkTable::Instructions);
    let record_decisions = decide::decide_records(&records, config)?;
    let counts = counts(&sources, &units, &finished, [&catalog.files, &records], &decisions, &record_decisions)?;

    // shards: sorted, written, sealed with the index.
    let plan = tables::Plan {
        config,
        catalog: &catalog,
        decisions: &decisions,
        records: &records,
        record_decisions: &record_decisions,
        keys: units.iter().map(|unit| unit.key.as_str()).collect(),
        store: &store,
    };
    let partial = sealing.prepare()?;
    let files = tables::write_all(&plan, partial, &stamp, progress)?;
    let BuildStamp { config_hash, build_key } = stamp;
    let index = Index { schema_version: SCHEMA_VERSION, config_hash, build_key, counts, files };
    check(&index)?;
    let all: Vec<&Source> = sources.iter().map(|(source, _)| source).collect();
    fs_err::write(partial.join("README.md"), card::card(&index, &all))?;
    fs_err::write(partial.join("config.toml"), echo(config))?;

    // report: drawn from the shards, before they are sealed.
    let bar = progress.stage("report", None, Counting::Items);
    report::write(&config.output.report, partial, &index, &rules(&finished), &all)?;
    bar.finish();
    sealing.seal(&index)?;
    store.keep_only(units.iter().map(|unit| unit.key.as_str()))?;
    Ok(Built { index, was_current: false })
}

fn sources(config: &Config, progress: &Progress) -> Result<Vec<(Source, Vec<RawFile>)>> {
    let bar = progress.stage("read", Some(config.sources.len() as u64), Counting::Items);
    let mut sources: Vec<(Source, Vec<RawFile>)> = Vec::new();
    for entry in &config.sources {
        let source = Source::resolve(entry)?;
        if sources.iter().any(|(other, _)| other.manifest.name == source.manifest.name) {
            let what = format!("two sources are named `{}`; ids would collide", source.manifest.name);
            return Err(Error::Invalid { path: source.root, what });
        }
        let files = source.files(config.limits.unit_bytes)?;
        if files.is_empty() {
            let what = format!("source `{}` has no file here", source.manifest.name);
            return Err(Error::Invalid { path: source.root, what });
        }
        sources.push((source, files));
        bar.add(1);
    }
    bar.finish();
    Ok(sources)
}

fn process_units(
    sources: &[(Source, Vec<RawFile>)],
    units: &[Unit],
    config: &Config,
    store: &Store,
    progress: &Progress,
) -> Result<Vec<Finished>> {
    let bar = progress.stage("clean", Some(units.iter().map(|unit| unit.bytes).sum()), Counting::Bytes);
    let process = |unit: &Unit| {
        let finished = match store.finished(&unit.key) {
            Some(finished) => finished,
            None => {
                let (source, files) = &sources[unit.source];
                process::process(unit, source, files, config, store.writer(&unit.key)?)?
            }
        };
        bar.add(unit.bytes);
        Ok(finished)
    };
    let finished = units.par_iter().map(process).collect();
    bar.finish();
    finished
}

/// The configuration as far as results depend on it: without where results go and where files lie.
fn stamp(config: &Config, sources: &[(Source, Vec<RawFile>)], units: &[Unit]) -> BuildStamp {
    let portable = Config { output: Output::default(), sources: Vec::new(), ..config.clone() };
    let mut hasher = Sha256::new();
    hasher.update(env!("CARGO_PKG_VERSION"));
    hasher.update(portable.to_toml());
    for (source, _) in sources {
        hasher.update(format!("{} {}\n", source.manifest.name, source.manifest.kind));
    }
    let config_hash = corpus_format::reader::hex(&hasher.clone().finalize());
    for unit in units {
        hasher.update(&unit.key);
    }
    // What the card says of a source is output too.
    for (source, _) in sources {
        hasher.update(toml::to_string(&source.manifest).unwrap_or_default());
    }
    BuildStamp { config_hash, build_key: corpus_format::reader::hex(&hasher.finalize()) }
}

/// The effective configuration as it lies beside the corpus.
fn echo(config: &Config) -> String {
    let config = Config { output: Output::default(), ..config.clone() };
    format!("# What this corpus was built with; [output] is left at its defaults.\n{}", config.to_toml())
}

fn counts(
    sources: &[(Source, Vec<RawFile>)],
    units: &[Unit],
    finished: &[Finished],
    files: [&UnitFiles; 2],
    decisions: &Decisions,
    records: &RecordDecisions,
) -> Result<Vec<KindCount>> {
    let [documents, instructions] = files;
    let mut counts: Vec<KindCount> = Vec::new();
    let ranges = documents.ranges().zip(instructions.ranges());
    for ((unit, done), (docs, recs)) in units.iter().zip(finished).zip(ranges) {
        let kind = sources[unit.source].0.manifest.kind;
        let verdicts = |all: &[Verdict], range: &std::ops::Range<u32>| {
            let range = range.start as usize..range.end as usize;
            let kept = all[range.clone()].iter().filter(|v| **v == Verdict::Kept).count() as u64;
            (kept, range.len() as u64 - kept)
        };
        let (kept_docs, dropped_docs) = verdicts(&decisions.verdicts, docs);
        let (kept_recs, dropped_recs) = verdicts(&records.verdicts, recs);
        let name = kind.as_str();
        let at = counts.iter().position(|count| count.kind == name).unwrap_or_else(|| {
            counts.push(KindCount { kind: name.to_owned(), inputs: 0, kept: 0, dropped: 0 });
            counts.len() - 1
        });
        let count = &mut counts[at];
        count.inputs += done.inputs;
        count.kept += kept_docs + kept_recs;
        count.dropped += dropped_docs + dropped_recs + done.rows[WorkTable::Dropped as usize];
    }
    counts.sort_by_key(|count| Kind::from_name(&count.kind));
    match counts.iter().find(|count| count.inputs != count.kept + count.dropped) {
        Some(c) => Err(Error::Defect(format!("{}: {} read, {} kept, {} dropped", c.kind, c.inputs, c.kept, c.dropped))),
        None => Ok(counts),
    }
}

/// The rows that were written must be the rows that were counted.
fn check(index: &Index) -> Result<()> {
    let kept: u64 = index.counts.iter().map(|count| count.kept).sum();
    let dropped: u64 = index.counts.iter().map(|count| count.dropped).sum();
    let given = |file: &&ShardFile| file.kind.as_deref() == Some(InstructionKind::Consultation.as_str());
    let records: u64 = index.files_of(Table::Instructions).filter(given).map(|f| f.rows).sum();
    let written = (index.rows_of(Table::Documents) + records, index.rows_of(Table::Dropped));
    if written != (kept, dropped) {
        return Err(Error::Defect(format!("wrote {written:?} rows, counted {:?}", (kept, dropped))));
    }
    Ok(())
}

fn rules(finished: &[Finished]) -> RuleCounts {
    let mut counts = RuleCounts::default();
    for (name, n) in finished.iter().flat_map(|done| &done.rules) {
        counts.add_named(name, *n);
    }
    counts
}
