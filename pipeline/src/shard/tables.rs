//! Defines how the units' rows become the five tables: routed to their shards unit by unit, then
//! written shard by shard.

use std::{collections::BTreeMap, ops::Range, path::Path, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, Float32Array, RecordBatch, StringArray, UInt32Array},
    datatypes::{Float32Type, UInt32Type},
};
use corpus_format::{
    ShardFile, Table,
    legal::{InstructionKind, Kind, Split},
};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::{
    laws::Laws,
    place::{self, Places, Shard},
    sort::Sorter,
    write::{self, BuildStamp},
};
use crate::{
    catalog::{Catalog, UnitFiles},
    config::Config,
    decide::{Decisions, RecordDecisions, Verdict},
    error::{Error, Result, arrow as arrow_error, parquet as parquet_error},
    filter,
    instruct::{self, case::Bases},
    outcome::Reason,
    progress::{Progress, Unit},
    work::{
        metadata,
        rows::{Dropped, DroppedRow, small},
        store::{Store, WorkTable},
    },
};

/// Rows in one file of the ledger.
const LEDGER_ROWS: u64 = 100_000;

/// Everything that says where a row goes.
pub struct Plan<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The cleaned documents.
    pub catalog: &'a Catalog,
    /// What became of them.
    pub decisions: &'a Decisions,
    /// The instruction records.
    pub records: &'a UnitFiles,
    /// What became of them.
    pub record_decisions: &'a RecordDecisions,
    /// The keys of the units, in order.
    pub keys: Vec<&'a str>,
    /// The units' rows.
    pub store: &'a Store,
}

/// A piece of a table: rows, and where each goes.
struct Routed {
    rows: RecordBatch,
    targets: Vec<Option<(u32, u64)>>,
}

/// What one unit gives: rows for placed shards, and the rows of the ledger by reason.
#[derive(Default)]
struct UnitOutput {
    routed: Vec<Routed>,
    dropped: Vec<RecordBatch>,
}

/// Write all tables below `dir`.
///
/// # Errors
/// A unit cannot be read, or a file not written.
pub fn write_all(plan: &Plan<'_>, dir: &Path, stamp: &BuildStamp, progress: &Progress) -> Result<Vec<ShardFile>> {
    let file_bytes = plan.config.shards.file_bytes;
    let mut places = place::documents(plan.catalog, plan.decisions, file_bytes);
    let record_places = place::records(plan.record_decisions, file_bytes, &mut places.shards);
    let router = Router { plan, places: &places, record_places, ids: Ids::read(plan)?, laws: Laws::read(plan)? };
    let mut sorter = Sorter::new(plan.config.limits.memory_bytes, dir);
    let mut ledger = Ledger { first: places.shards.len(), parts: BTreeMap::new(), rows: FxHashMap::default() };
    let documents: Vec<_> = plan.catalog.files.ranges().cloned().collect();
    let records: Vec<_> = plan.records.ranges().cloned().collect();
    let units: Vec<usize> = (0..plan.keys.len()).collect();
    let bar = progress.stage("sort", Some(units.len() as u64), Unit::Items);
    for some in units.chunks(rayon::current_num_threads()) {
        let routed: Vec<Result<UnitOutput>> =
            some.par_iter().map(|unit| router.unit(plan.keys[*unit], &documents[*unit], &records[*unit])).collect();
        for output in routed {
            let output = output?;
            for piece in output.routed {
                sorter.push(&piece.rows, &piece.targets)?;
            }
            for batch in output.dropped {
                let targets = ledger.targets(&batch);
                sorter.push(&batch, &targets)?;
            }
            bar.add(1);
        }
    }
    bar.finish();
    let mut shards = places.shards;
    let order = ledger.shards(&mut shards);
    let rows = sorter.finish();
    let mut rows: Vec<_> = rows.into_iter().map(Some).collect();
    // Derived records may leave a placed shard empty; an empty file helps nobody.
    let filled: Vec<_> = order
        .into_iter()
        .zip(shards)
        .filter_map(|(bucket, shard)| Some((shard, rows.get_mut(bucket)?.take()?)))
        .collect();
    let bar = progress.stage("shards", Some(filled.len() as u64), Unit::Items);
    let mut files: Vec<ShardFile> = filled
        .into_par_iter()
        .map(|(shard, rows)| {
            let rows = rows.sorted()?;
            bar.add(1);
            if rows.is_empty() {
                return Ok(None);
            }
            write::write(dir, &shard, &rows, &plan.config.shards, stamp).map(Some)
        })
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    bar.finish();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The files of the ledger: one a reason, cut at a number of rows.
struct Ledger {
    /// Number of the first bucket after the placed shards.
    first: usize,
    /// Reason and part → bucket.
    parts: BTreeMap<(usize, u64), usize>,
    /// Rows so far by reason.
    rows: FxHashMap<usize, u64>,
}

impl Ledger {
    fn targets(&mut self, batch: &RecordBatch) -> Vec<Option<(u32, u64)>> {
        let reasons = batch.column_by_name("reason").map(|c| c.as_string::<i32>().clone());
        let reasons = reasons.into_iter().flat_map(|c| c.iter().flatten().map(reason_index).collect::<Vec<_>>());
        reasons
            .map(|reason| {
                let row = self.rows.entry(reason).or_insert(0);
                let rank = *row;
                *row += 1;
                let next = self.first + self.parts.len();
                let bucket = *self.parts.entry((reason, rank / LEDGER_ROWS)).or_insert(next);
                Some((u32::try_from(bucket).unwrap_or(u32::MAX), rank))
            })
            .collect()
    }

    /// Add the ledger's shards to the placed ones; returns the bucket of every shard.
    fn shards(self, shards: &mut Vec<Shard>) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.first).collect();
        for ((reason, part), bucket) in self.parts {
            let reason = Reason::ALL.get(reason).copied();
            let part = usize::try_from(part).unwrap_or(usize::MAX);
            shards.push(Shard { table: Table::Dropped, kind: None, split: None, reason, part });
            order.push(bucket);
        }
        order
    }
}

fn reason_index(name: &str) -> usize {
    Reason::ALL.iter().position(|reason| reason.as_str() == name).unwrap_or(Reason::ALL.len())
}

/// The ids that rows refer to: the first of a cluster, and what was kept in a duplicate's place.
struct Ids {
    documents: FxHashMap<u32, String>,
    records: FxHashMap<u32, String>,
}

impl Ids {
    fn read(plan: &Plan<'_>) -> Result<Self> {
        let kept = |verdicts: &[Verdict]| -> Vec<u32> {
            verdicts
                .iter()
                .filter_map(|v| if let Verdict::Duplicate { kept, .. } = v { Some(*kept) } else { None })
                .collect()
        };
        let ids = |files: &UnitFiles, mut rows: Vec<u32>| -> Result<FxHashMap<u32, String>> {
            rows.sort_unstable();
            rows.dedup();
            Ok(files.map_column("id", &rows, str::to_owned)?.into_iter().collect())
        };
        let mut documents = kept(&plan.decisions.verdicts);
        documents.extend(plan.decisions.cluster.iter().flatten());
        Ok(Self {
            documents: ids(&plan.catalog.files, documents)?,
            records: ids(plan.records, kept(&plan.record_decisions.verdicts))?,
        })
    }
}

struct Router<'a> {
    plan: &'a Plan<'a>,
    places: &'a Places,
    record_places: Vec<place::Place>,
    ids: Ids,
    laws: Laws,
}

impl Router<'_> {
    fn unit(&self, key: &str, documents: &Range<u32>, records: &Range<u32>) -> Result<UnitOutput> {
        let mut output = UnitOutput::default();
        let store = self.plan.store;
        let mut bases = Bases::default();
        for batch in batches(&store.path(key, WorkTable::Citations), None)? {
            self.citations(&batch, documents.start, &mut bases, &mut output)?;
        }
        let mut row = documents.start;
        for batch in batches(&store.path(key, WorkTable::Documents), None)? {
            let rows = row..row + small(batch.num_rows());
            row = rows.end;
            self.derive_from_cases(&batch, rows.start, documents.start, &bases, &mut output)?;
            self.documents(&batch, rows, &mut output)?;
        }
        for batch in batches(&store.path(key, WorkTable::Articles), None)? {
            self.articles(&batch, documents.start, &mut output)?;
        }
        let mut row = records.start;
        for batch in batches(&store.path(key, WorkTable::Instructions), None)? {
            let rows = row..row + small(batch.num_rows());
            row = rows.end;
            self.records(&batch, rows, &mut output)?;
        }
        output.dropped.extend(batches(&store.path(key, WorkTable::Dropped), None)?);
        Ok(output)
    }

    fn documents(&self, batch: &RecordBatch, rows: Range<u32>, output: &mut UnitOutput) -> Result<()> {
        let decisions = self.plan.decisions;
        self.ledger(batch, rows.clone(), &decisions.verdicts, &self.ids.documents, output)?;
        let targets: Vec<_> = rows.clone().map(|row| target(self.places.documents[row as usize], 0)).collect();
        let splits = StringArray::from_iter_values(rows.clone().map(|row| place::split_of(decisions, row).as_str()));
        let cluster = |row: u32| self.ids.documents.get(&decisions.cluster[row as usize]?).map(String::as_str);
        let clusters: StringArray = rows.clone().map(cluster).collect();
        let metadata = batch.column_by_name("metadata").ok_or_else(|| Error::lacking(Table::Documents))?.as_struct();
        let metadata = metadata::replaced(metadata, &self.laws.validity(rows));
        let added: [(&str, ArrayRef); 3] =
            [("split", Arc::new(splits)), ("duplicate_cluster", Arc::new(clusters)), ("metadata", Arc::new(metadata))];
        output.routed.push(Routed { rows: conform(batch, Table::Documents, &added)?, targets });
        Ok(())
    }

    fn articles(&self, batch: &RecordBatch, first_document: u32, output: &mut UnitOutput) -> Result<()> {
        let (document, ordinal) = within_documents(batch, Table::Articles)?;
        let document_of = |i: usize| first_document + document.value(i);
        let split_of = |i: usize| place::split_of(self.plan.decisions, document_of(i));
        let targets = (0..batch.num_rows())
            .map(|i| target(self.places.articles[document_of(i) as usize], ordinal.value(i)))
            .collect();
        let splits = StringArray::from_iter_values((0..batch.num_rows()).map(|i| split_of(i).as_str()));
        let mut added = self.laws.validity((0..batch.num_rows()).map(document_of));
        added.push(("split", Arc::new(splits)));
        let rows = conform(batch, Table::Articles, &added)?;
        for (at, kind) in InstructionKind::derived_from(Kind::Statute).iter().enumerate() {
            // What an older version said is asked with its date only.
            let any_version = *kind == InstructionKind::StatuteQuestion;
            let wanted = |i: usize| {
                let document = document_of(i);
                let is_wanted = any_version || self.places.newest[document as usize];
                self.places.derived(at, document).filter(|_| is_wanted).map(|_| split_of(i))
            };
            let (records, taken) = instruct::statute::derive(*kind, &rows, wanted, &self.plan.config.instruct)?;
            let place = |i: usize| target(self.places.derived(at, document_of(i)), ordinal.value(i));
            output.routed.push(Routed { rows: records, targets: taken.into_iter().map(place).collect() });
        }
        output.routed.push(Routed { rows, targets });
        Ok(())
    }

    /// Records from the court documents of a batch whose first row is `first`, in a unit whose first is `of_unit`.
    fn derive_from_cases(
        &self,
        batch: &RecordBatch,
        first: u32,
        of_unit: u32,
        bases: &Bases,
        output: &mut UnitOutput,
    ) -> Result<()> {
        let document_of = |i: usize| first + small(i);
        let wanted = |i: usize| {
            let document = document_of(i);
            let is_case = !self.plan.catalog.is_statute[document as usize];
            let place = self.places.documents[document as usize].filter(|_| is_case);
            place.map(|_| place::split_of(self.plan.decisions, document))
        };
        let derived = instruct::judgment::derive(batch, first - of_unit, bases, wanted, &self.plan.config.instruct)?;
        for (at, (rows, taken)) in derived.into_iter().enumerate() {
            let place = |i: usize| target(self.places.derived(at, document_of(i)), 0);
            output.routed.push(Routed { rows, targets: taken.into_iter().map(place).collect() });
        }
        Ok(())
    }

    fn citations(
        &self,
        batch: &RecordBatch,
        first_document: u32,
        bases: &mut Bases,
        output: &mut UnitOutput,
    ) -> Result<()> {
        let (document, ordinal) = within_documents(batch, Table::Citations)?;
        let document_of = |i: usize| first_document + document.value(i);
        let split = |i: usize| place::split_of(self.plan.decisions, document_of(i)).as_str();
        let mut added = self.laws.resolve(batch, document_of)?;
        added.push(("split", Arc::new(StringArray::from_iter_values((0..batch.num_rows()).map(split)))));
        let places = &self.places.citations;
        let targets = (0..batch.num_rows()).map(|i| target(places[document_of(i) as usize], ordinal.value(i)));
        let rows = conform(batch, Table::Citations, &added)?;
        bases.add(&rows, batch).ok_or_else(|| Error::lacking(Table::Citations))?;
        output.routed.push(Routed { targets: targets.collect(), rows });
        Ok(())
    }

    fn records(&self, batch: &RecordBatch, rows: Range<u32>, output: &mut UnitOutput) -> Result<()> {
        let decisions = self.plan.record_decisions;
        self.ledger(batch, rows.clone(), &decisions.verdicts, &self.ids.records, output)?;
        let split = |row: u32| if decisions.validation[row as usize] { Split::Validation } else { Split::Train };
        let splits = StringArray::from_iter_values(rows.clone().map(|row| split(row).as_str()));
        let targets = rows.map(|row| target(self.record_places[row as usize], 0)).collect();
        let rows = conform(batch, Table::Instructions, &[("split", Arc::new(splits))])?;
        output.routed.push(Routed { rows, targets });
        Ok(())
    }

    /// Enter the rows of a batch that were dropped after cleaning.
    fn ledger(
        &self,
        batch: &RecordBatch,
        rows: Range<u32>,
        verdicts: &[Verdict],
        ids: &FxHashMap<u32, String>,
        output: &mut UnitOutput,
    ) -> Result<()> {
        let text = |name: &str| batch.column_by_name(name).map(|c| c.as_string::<i32>());
        let number = |name: &str, i: usize| {
            let column = batch.column_by_name(name)?.as_primitive::<UInt32Type>();
            (!column.is_null(i)).then(|| column.value(i))
        };
        let is_document = text("text").is_some();
        let mut dropped = Dropped::default();
        for (i, row) in rows.enumerate() {
            let value = |name: &str| text(name).map_or("", |column| column.value(i));
            let (reason, detail, kept_id, similarity) = match verdicts[row as usize] {
                Verdict::Kept => continue,
                Verdict::Filtered(rule) => {
                    let rule = &filter::RULES[usize::from(rule)];
                    let kind = Kind::from_name(value("kind")).unwrap_or(Kind::Statute);
                    let measured = measured(batch, rule.column, i);
                    (rule.reason, rule.detail(measured, self.plan.config.filter_of(kind)), None, None)
                }
                Verdict::Duplicate { reason, kept, similarity } => {
                    let detail = match reason {
                        Reason::DuplicateId => "an earlier record of the source has this id".to_owned(),
                        Reason::ExactDuplicate => "same content, punctuation and spaces aside".to_owned(),
                        _ => format!("Jaccard similarity {similarity:.4} of 5-character shingles"),
                    };
                    (reason, detail, ids.get(&kept).map(String::as_str), Some(similarity))
                }
            };
            dropped.push(&DroppedRow {
                id: value("id"),
                kind: if is_document { value("kind") } else { Kind::Instruction.as_str() },
                source: value("source"),
                raw_path: value("raw_path"),
                raw_record: number("raw_record", i),
                stage: reason.stage(),
                reason: reason.as_str(),
                detail: &detail,
                kept_id,
                similarity: similarity.filter(|_| reason == Reason::NearDuplicate),
                num_chars: number("num_chars", i),
                text: Some(if is_document { value("text") } else { value("instruction") }),
            });
        }
        if dropped.rows() > 0 {
            output.dropped.push(dropped.finish()?);
        }
        Ok(())
    }
}

fn measured(batch: &RecordBatch, column: &str, row: usize) -> f64 {
    let Some(column) = batch.column_by_name(column) else { return f64::NAN };
    match column.as_any().downcast_ref::<Float32Array>() {
        Some(_) => f64::from(column.as_primitive::<Float32Type>().value(row)),
        None => f64::from(column.as_primitive::<UInt32Type>().value(row)),
    }
}

fn target(place: place::Place, ordinal: u32) -> Option<(u32, u64)> {
    place.map(|(shard, rank)| (shard, u64::from(rank) << 32 | u64::from(ordinal)))
}

/// Of rows that belong to documents: the row of each one's document in its unit, and its place in the document.
fn within_documents(batch: &RecordBatch, table: Table) -> Result<(UInt32Array, UInt32Array)> {
    let column = |name| batch.column_by_name(name).map(|c| c.as_primitive::<UInt32Type>().clone());
    column("document_row").zip(column("ordinal")).ok_or_else(|| Error::lacking(table))
}

/// The columns of `table` out of a batch between the stages and what the stages decided.
fn conform(batch: &RecordBatch, table: Table, added: &[(&str, ArrayRef)]) -> Result<RecordBatch> {
    let schema = table.schema();
    let columns: Option<Vec<ArrayRef>> = schema
        .fields()
        .iter()
        .map(|field| {
            let new = added.iter().find(|(name, _)| name == field.name()).map(|(_, column)| column);
            new.or_else(|| batch.column_by_name(field.name())).cloned()
        })
        .collect();
    let columns = columns.ok_or_else(|| Error::lacking(table))?;
    RecordBatch::try_new(schema, columns).map_err(arrow_error("assembling a shard's rows"))
}

/// The rows of a file between the stages; of `columns` only, where they are named.
pub(super) fn batches(path: &Path, columns: Option<&[&str]>) -> Result<Vec<RecordBatch>> {
    let file = fs_err::File::open(path)?.into_parts().0;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet_error(path))?;
    let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let mask = match columns {
        Some(columns) => ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied()),
        None => ProjectionMask::all(),
    };
    let builder = builder.with_projection(mask).with_batch_size(rows.clamp(1, 8192));
    let reader = builder.build().map_err(parquet_error(path))?;
    reader.collect::<std::result::Result<Vec<_>, _>>().map_err(arrow_error("reading cleaned rows"))
}
