//! Defines which file of the corpus a row belongs to, and its rank among the rows there.

use corpus_format::{
    Table,
    legal::{InstructionKind, Kind, Split},
};

use crate::{
    catalog::Catalog,
    decide::{Decisions, RecordDecisions, Verdict},
    outcome::Reason,
    work::rows::small,
};

/// A file of the corpus before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Its table.
    pub table: Table,
    /// Kind of all rows, where the table is partitioned by it.
    pub kind: Option<&'static str>,
    /// Split of all rows, where the table is partitioned by it.
    pub split: Option<Split>,
    /// Reason of all rows, in the ledger of what was dropped.
    pub reason: Option<Reason>,
    /// Number within its partition.
    pub part: usize,
}

impl Shard {
    /// Path below the corpus: `documents/kind=statute/split=train/part-00000.parquet`.
    pub fn path(&self) -> String {
        let mut path = self.table.name().to_owned();
        if let Some(kind) = self.kind {
            path += &format!("/kind={kind}");
        }
        if let Some(split) = self.split {
            path += &format!("/split={split}");
        }
        if let Some(reason) = self.reason {
            path += &format!("/reason={}", reason.as_str());
        }
        path + &format!("/part-{:05}.parquet", self.part)
    }
}

/// About the bytes of text in a row of citations.
const CITATION_BYTES: u32 = 200;

/// Where a row goes: index of the shard, and rank in it.
pub type Place = Option<(u32, u32)>;

/// The shards of a build, and where each document's rows go in each table.
#[derive(Debug, Default)]
pub struct Places {
    /// All shards.
    pub shards: Vec<Shard>,
    /// A place a document.
    pub documents: Vec<Place>,
    /// A place a document for all its articles.
    pub articles: Vec<Place>,
    /// A place a document for all its citations.
    pub citations: Vec<Place>,
    /// Whether a document is the newest version of its instrument.
    pub newest: Vec<bool>,
    /// By shard of documents, the first of the shards of the records derived from it, one a kind.
    derived: Vec<u32>,
}

impl Places {
    /// A place a document for the records of one kind that are derived from it: the `kind`th of those of its kind.
    pub fn derived(&self, kind: usize, document: u32) -> Place {
        let (shard, rank) = self.documents[document as usize]?;
        Some((self.derived[shard as usize] + small(kind), rank))
    }

    /// For every shard of documents, a shard for each kind of record that is derived from them.
    fn place_derived(&mut self) {
        let of_documents: Vec<Shard> =
            self.shards.iter().take_while(|s| s.table == Table::Documents).cloned().collect();
        for documents in of_documents {
            self.derived.push(small(self.shards.len()));
            let kind = documents.kind.and_then(Kind::from_name);
            let kinds = kind.map_or(&[][..], InstructionKind::derived_from);
            let shard = |kind: &InstructionKind| Shard {
                table: Table::Instructions,
                kind: Some(kind.as_str()),
                ..documents.clone()
            };
            self.shards.extend(kinds.iter().map(shard));
        }
    }
}

/// The split on whose side a document is.
pub fn split_of(decisions: &Decisions, row: u32) -> Split {
    if decisions.validation[row as usize] { Split::Validation } else { Split::Train }
}

/// Place the rows of all kept documents; a file holds up to `file_bytes` of text.
pub fn documents(catalog: &Catalog, decisions: &Decisions, file_bytes: u64) -> Places {
    let kept = (0..catalog.len()).filter(|row| decisions.verdicts[*row as usize] == Verdict::Kept);
    let mut order: Vec<u32> = kept.collect();
    // By date, nulls last; equal dates in the order of the sources.
    order.sort_by_key(|row| (catalog.date[*row as usize].map_or((true, 0), |date| (false, date)), *row));
    let newest = newest_versions(catalog, &order);
    let mut places = Places::default();
    let kind_of = |row: u32| if catalog.is_statute[row as usize] { Kind::Statute } else { Kind::Judgment };
    let mut place = |table, kind: Option<&'static str>, bytes: &[u32], wanted: &dyn Fn(u32) -> bool| {
        let mut placed = vec![None; catalog.len() as usize];
        for split in Split::ALL {
            let rows = order.iter().copied().filter(|row| wanted(*row) && split_of(decisions, *row) == *split);
            let (mut rank, mut part, mut filled) = (0, 0, 0);
            for row in rows {
                let size = u64::from(bytes[row as usize]);
                let full = rank > 0 && filled + size > file_bytes;
                if rank == 0 || full {
                    part += usize::from(full);
                    filled = 0;
                    places.shards.push(Shard { table, kind, split: Some(*split), reason: None, part });
                }
                filled += size;
                placed[row as usize] = Some((small(places.shards.len() - 1), rank));
                rank += 1;
            }
        }
        placed
    };
    let mut by_kind = |table, bytes: &[u32], wanted: &dyn Fn(u32) -> bool| {
        let mut all = vec![None; catalog.len() as usize];
        for kind in [Kind::Statute, Kind::Judgment] {
            let placed = place(table, Some(kind.as_str()), bytes, &|row| kind_of(row) == kind && wanted(row));
            all.iter_mut().zip(placed).filter(|(_, new)| new.is_some()).for_each(|(old, new)| *old = new);
        }
        all
    };
    let documents = by_kind(Table::Documents, &catalog.text_bytes, &|_| true);
    let citation_bytes: Vec<u32> = catalog.num_citations.iter().map(|n| n * CITATION_BYTES).collect();
    let citations = by_kind(Table::Citations, &citation_bytes, &|row| catalog.num_citations[row as usize] > 0);
    let has_articles = |row: u32| catalog.article_bytes[row as usize] > 0;
    let articles = place(Table::Articles, None, &catalog.article_bytes, &has_articles);
    places.documents = documents;
    places.articles = articles;
    places.citations = citations;
    places.newest = newest;
    places.place_derived();
    places
}

/// Place the kept instruction records, in the order of their sources; their shards are added to `shards`.
pub fn records(decisions: &RecordDecisions, file_bytes: u64, shards: &mut Vec<Shard>) -> Vec<Place> {
    let mut placed = vec![None; decisions.verdicts.len()];
    for split in Split::ALL {
        let (mut rank, mut part, mut filled) = (0, 0, 0);
        for (row, placed) in placed.iter_mut().enumerate() {
            let held_out = *split == Split::Validation;
            if decisions.verdicts[row] != Verdict::Kept || decisions.validation[row] != held_out {
                continue;
            }
            let size = u64::from(decisions.text_bytes[row]);
            if rank == 0 || filled + size > file_bytes {
                part += usize::from(rank > 0);
                filled = 0;
                shards.push(Shard {
                    table: Table::Instructions,
                    kind: Some(InstructionKind::Consultation.as_str()),
                    split: Some(*split),
                    reason: None,
                    part,
                });
            }
            filled += size;
            *placed = Some((small(shards.len() - 1), rank));
            rank += 1;
        }
    }
    placed
}

/// Whether a kept document is the newest version of its instrument; `order` is by date, undated last.
fn newest_versions(catalog: &Catalog, order: &[u32]) -> Vec<bool> {
    let mut newest = vec![false; catalog.len() as usize];
    let mut seen = rustc_hash::FxHashSet::default();
    let undated = order.partition_point(|row| catalog.date[*row as usize].is_some());
    let (dated, undated) = order.split_at(undated);
    for row in dated.iter().rev().chain(undated) {
        newest[*row as usize] = catalog.instrument[*row as usize].is_none_or(|key| seen.insert(key));
    }
    newest
}
