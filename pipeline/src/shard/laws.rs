//! Defines what a citation resolves to: the law of that name, its version in force on the citing document's date,
//! and the article in it.
//!
//! A version is in force from its own date, or from the day on which its law took effect where that is later, until
//! the next version is. A statute's references to itself mean the version they stand in.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder},
    datatypes::{Date32Type, UInt16Type, UInt32Type},
};
use corpus_format::{
    Table,
    legal::{CitationVerdict, Kind},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::tables::{Plan, batches, lacking};
use crate::{decide::Verdict, enrich::law_name, error::Result, work::store::WorkTable};

/// A statute's names.
struct Statute {
    id: String,
    title: String,
    key: u64,
}

/// A version of a law.
struct Version {
    document: u32,
    date: Option<i32>,
    start: Option<i32>,
    repealed: Option<i32>,
}

/// The laws of the corpus: per version some sixty bytes, and twelve per article.
#[derive(Default)]
pub struct Laws {
    /// The versions of each law by the key of its name.
    by_name: FxHashMap<u64, Vec<Version>>,
    /// The one law whose name without its issuer has that key; `None` where there are several.
    by_short_name: FxHashMap<u64, Option<u64>>,
    /// The statutes by the row of their document.
    statutes: FxHashMap<u32, Statute>,
    /// Number of paragraphs of each article: document, base, inserted or 0.
    articles: FxHashMap<(u32, u16, u16), u16>,
    /// The statutes with articles.
    has_articles: FxHashSet<u32>,
}

impl Laws {
    /// Read the laws among the documents that are kept.
    ///
    /// # Errors
    /// A unit cannot be read.
    pub fn read(plan: &Plan<'_>) -> Result<Self> {
        let mut laws = Self::default();
        for (key, rows) in plan.keys.iter().zip(plan.catalog.files.ranges()) {
            let path = plan.store.path(key, WorkTable::Documents);
            let mut row = rows.start;
            for batch in batches(&path, Some(&["id", "kind", "date", "metadata"]))? {
                laws.add_documents(&batch, &mut row, &plan.decisions.verdicts)
                    .ok_or_else(|| lacking(Table::Documents))?;
            }
            let path = plan.store.path(key, WorkTable::Articles);
            for batch in batches(&path, Some(&["document_row", "base", "inserted", "num_paragraphs"]))? {
                laws.add_articles(&batch, rows.start).ok_or_else(|| lacking(Table::Articles))?;
            }
        }
        laws.by_name.values_mut().for_each(|versions| start_together(versions));
        Ok(laws)
    }

    fn add_documents(&mut self, batch: &RecordBatch, row: &mut u32, verdicts: &[Verdict]) -> Option<()> {
        let (ids, kinds) = (text(batch, "id")?, text(batch, "kind")?);
        let dates = batch.column_by_name("date")?.as_primitive::<Date32Type>();
        let metadata = batch.column_by_name("metadata")?.as_struct();
        let names = metadata.column_by_name("law")?.as_string::<i32>();
        let day = |name: &str| Some(metadata.column_by_name(name)?.as_primitive::<Date32Type>().clone());
        let (effective, repealed) = (day("effective")?, day("repealed")?);
        for i in 0..batch.num_rows() {
            let document = *row;
            *row += 1;
            let is_law = kinds.value(i) == Kind::Statute.as_str() && names.is_valid(i);
            if !is_law || verdicts[document as usize] != Verdict::Kept {
                continue;
            }
            let name = names.value(i);
            let key = law_name::key(name);
            let at = |days: &arrow::array::Date32Array| days.is_valid(i).then(|| days.value(i));
            let version =
                Version { document, date: at(dates), start: at(dates).max(at(&effective)), repealed: at(&repealed) };
            self.by_name.entry(key).or_default().push(version);
            if let Some(short) = law_name::key_without_issuer(name) {
                let law = self.by_short_name.entry(short).or_insert(Some(key));
                *law = law.filter(|other| *other == key);
            }
            let statute = Statute { id: ids.value(i).to_owned(), title: name.to_owned(), key };
            self.statutes.insert(document, statute);
        }
        Some(())
    }

    fn add_articles(&mut self, batch: &RecordBatch, first_document: u32) -> Option<()> {
        let documents = batch.column_by_name("document_row")?.as_primitive::<UInt32Type>();
        let number = |name: &str| Some(batch.column_by_name(name)?.as_primitive::<UInt16Type>());
        let (base, inserted, paragraphs) = (number("base")?, number("inserted")?, number("num_paragraphs")?);
        for i in 0..batch.num_rows() {
            let document = first_document + documents.value(i);
            let inserted = if inserted.is_valid(i) { inserted.value(i) } else { 0 };
            let most = self.articles.entry((document, base.value(i), inserted)).or_default();
            *most = paragraphs.value(i).max(*most);
            self.has_articles.insert(document);
        }
        Some(())
    }

    /// The columns `law`, `verdict`, `cited_document_id` and `cited_article_id` of a batch of citations; `document_of`
    /// gives the row of the document of each.
    ///
    /// # Errors
    /// A column of another type than the schema says: a defect.
    pub fn resolve(
        &self,
        batch: &RecordBatch,
        document_of: impl Fn(usize) -> u32,
    ) -> Result<Vec<(&'static str, ArrayRef)>> {
        self.columns(batch, document_of).ok_or_else(|| lacking(Table::Citations))
    }

    fn columns(
        &self,
        batch: &RecordBatch,
        document_of: impl Fn(usize) -> u32,
    ) -> Option<Vec<(&'static str, ArrayRef)>> {
        let (names, numbers) = (text(batch, "law")?, text(batch, "number")?);
        let number = |name: &str| Some(batch.column_by_name(name)?.as_primitive::<UInt16Type>());
        let (base, inserted, paragraph) = (number("base")?, number("inserted")?, number("paragraph")?);
        let dates = batch.column_by_name("date")?.as_primitive::<Date32Type>();
        let [mut law, mut verdict, mut document_id, mut article_id] = [(); 4].map(|()| StringBuilder::new());
        for i in 0..batch.num_rows() {
            let date = dates.is_valid(i).then(|| dates.value(i));
            let (title, documents, found) = self.version(names.value(i), date, document_of(i));
            let inserted = if inserted.is_valid(i) { inserted.value(i) } else { 0 };
            let number = (base.value(i), inserted);
            let article = |document: &u32| Some((*document, *self.articles.get(&(*document, number.0, number.1))?));
            let article = documents.iter().find_map(article);
            let document = article.map(|(document, _)| document).or_else(|| documents.first().copied());
            let id = document.and_then(|document| self.statutes.get(&document)).map(|statute| &statute.id);
            law.append_value(title);
            document_id.append_option(id);
            article_id.append_option(id.filter(|_| article.is_some()).map(|id| format!("{id}#{}", numbers.value(i))));
            let paragraph = if paragraph.is_valid(i) { paragraph.value(i) } else { 0 };
            let found = match (found, article) {
                // Amendments and old interpretations number their points 一、二、: they have no articles to be wrong about.
                (CitationVerdict::Ok, None) if documents.iter().all(|d| !self.has_articles.contains(d)) => {
                    CitationVerdict::UnresolvedVersion
                }
                (CitationVerdict::Ok, None) => CitationVerdict::NoSuchArticle,
                (CitationVerdict::Ok, Some((_, most))) if paragraph > most => CitationVerdict::NoSuchParagraph,
                (found, _) => found,
            };
            verdict.append_value(found.as_str());
        }
        Some(vec![
            ("law", Arc::new(law.finish()) as ArrayRef),
            ("verdict", Arc::new(verdict.finish())),
            ("cited_document_id", Arc::new(document_id.finish())),
            ("cited_article_id", Arc::new(article_id.finish())),
        ])
    }

    /// The title of a law, the documents of its version in force on `date`, and what can be said of it;
    /// a statute that names its own law means the version that it is.
    fn version<'a>(&'a self, name: &'a str, date: Option<i32>, citing: u32) -> (&'a str, Vec<u32>, CitationVerdict) {
        let key = law_name::key(name);
        if let Some(own) = self.statutes.get(&citing).filter(|statute| statute.key == key) {
            let versions = self.by_name.get(&key).map_or(&[][..], Vec::as_slice);
            let date = versions.iter().find(|version| version.document == citing).and_then(|version| version.date);
            let others = versions.iter().filter(|version| version.document != citing && version.date == date);
            let documents = std::iter::once(citing).chain(others.map(|version| version.document)).collect();
            return (&own.title, documents, CitationVerdict::Ok);
        }
        let by_short = |key: u64| self.by_short_name.get(&key).copied().flatten();
        let short = || by_short(key).or_else(|| law_name::key_without_issuer(name).and_then(by_short));
        let versions = self.by_name.get(&key).or_else(|| self.by_name.get(&short()?));
        let Some(versions) = versions.filter(|versions| !versions.is_empty()) else {
            return (name, Vec::new(), CitationVerdict::UnresolvedLaw);
        };
        let title = self.statutes.get(&versions[0].document).map_or(name, |statute| statute.title.as_str());
        let begun = || versions.iter().filter(|version| version.start.is_some_and(|start| Some(start) <= date));
        let last = begun().filter_map(|version| version.start).max();
        let in_force: Vec<&Version> = begun().filter(|version| version.start == last).collect();
        let documents = in_force.iter().map(|version| version.document).collect();
        let verdict = if in_force.is_empty() {
            CitationVerdict::UnresolvedVersion
        } else if in_force.iter().any(|version| version.repealed.is_some_and(|day| Some(day) <= date)) {
            CitationVerdict::Repealed
        } else {
            CitationVerdict::Ok
        };
        (title, documents, verdict)
    }
}

/// A law may come in several files of one date, a part (编) each; only the last says when all of them took effect.
fn start_together(versions: &mut [Version]) {
    let mut starts: FxHashMap<Option<i32>, Option<i32>> = FxHashMap::default();
    for version in versions.iter() {
        let start = starts.entry(version.date).or_default();
        *start = version.start.max(*start);
    }
    for version in versions {
        version.start = starts.get(&version.date).copied().flatten();
    }
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a arrow::array::StringArray> {
    Some(batch.column_by_name(name)?.as_string::<i32>())
}
