//! Defines what a citation resolves to: the law of that name, its version in force on the citing document's date,
//! and the article in it.
//!
//! A statute's references to itself mean the version they stand in.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Date32Array, RecordBatch, StringArray, StringBuilder},
    datatypes::{Date32Type, UInt16Type, UInt32Type},
};
use corpus_format::{
    Table,
    law_name::{Name, Names},
    legal::{CitationVerdict, Kind},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    acts::{Act, Acts, Named, Unseen},
    tables::{Plan, batches},
    validity::{self, Version},
};
use crate::{
    decide::Verdict,
    error::{Error, Result},
    work::store::WorkTable,
};

/// A statute's names.
struct Statute {
    id: String,
    title: String,
    key: u64,
}

/// The laws of the corpus: per version some hundred bytes and its names, and twelve per article.
#[derive(Default)]
pub struct Laws {
    /// The versions of each law by the key of its name.
    by_name: FxHashMap<u64, Vec<Version>>,
    names: Names,
    /// The statutes by the row of their document.
    statutes: FxHashMap<u32, Statute>,
    /// Number of paragraphs of each article: document, base, inserted or 0.
    articles: FxHashMap<(u32, u16, u16), u16>,
    /// The statutes with articles.
    has_articles: FxHashSet<u32>,
    /// Laws that are not here and were repealed.
    unseen: Unseen,
}

impl Laws {
    /// Read the laws among the documents that are kept.
    ///
    /// # Errors
    /// A unit cannot be read.
    pub fn read(plan: &Plan<'_>) -> Result<Self> {
        let (mut laws, mut acts) = (Self::default(), Acts::default());
        for (key, rows) in plan.keys.iter().zip(plan.catalog.files.ranges()) {
            let path = plan.store.path(key, WorkTable::Documents);
            let mut row = rows.start;
            for batch in batches(&path, Some(&["id", "kind", "date", "metadata", "repeals", "amends"]))? {
                laws.add_documents(&batch, &mut row, &plan.decisions.verdicts, &mut acts)
                    .ok_or_else(|| Error::lacking(Table::Documents))?;
            }
            let path = plan.store.path(key, WorkTable::Articles);
            for batch in batches(&path, Some(&["document_row", "base", "inserted", "num_paragraphs"]))? {
                laws.add_articles(&batch, rows.start).ok_or_else(|| Error::lacking(Table::Articles))?;
            }
        }
        laws.settle(acts);
        Ok(laws)
    }

    fn add_documents(
        &mut self,
        batch: &RecordBatch,
        row: &mut u32,
        verdicts: &[Verdict],
        acts: &mut Acts,
    ) -> Option<()> {
        let (ids, kinds) = (text(batch, "id")?, text(batch, "kind")?);
        let dates = batch.column_by_name("date")?.as_primitive::<Date32Type>();
        let metadata = batch.column_by_name("metadata")?.as_struct();
        let names = metadata.column_by_name("law")?.as_string::<i32>();
        let day = |name: &str| Some(metadata.column_by_name(name)?.as_primitive::<Date32Type>().clone());
        let (start, repealed) = (day("in_force_from")?, day("repealed")?);
        let (effective, promulgated) = (day("effective")?, day("promulgated")?);
        let others = Named::of(batch)?;
        for i in 0..batch.num_rows() {
            let document = *row;
            *row += 1;
            let is_law = kinds.value(i) == Kind::Statute.as_str() && names.is_valid(i);
            if !is_law || verdicts[document as usize] != Verdict::Kept {
                continue;
            }
            let at = |days: &Date32Array| days.is_valid(i).then(|| days.value(i));
            let version =
                Version { document, date: at(dates), start: at(&start), repealed: at(&repealed), ..Version::default() };
            // What a later version repeats was done when the first took effect.
            if let Some(day) = at(&effective).or_else(|| at(&promulgated)).or(version.date) {
                let act = Act { document, date: version.date.unwrap_or(day), day };
                others.collect(i, act, acts);
            }
            self.add_law(names.value(i), ids.value(i), version);
        }
        Some(())
    }

    fn add_law(&mut self, name: &str, id: &str, version: Version) {
        let key = self.names.add(name);
        let statute = Statute { id: id.to_owned(), title: name.to_owned(), key };
        self.statutes.insert(version.document, statute);
        self.by_name.entry(key).or_default().push(version);
    }

    /// Bring the versions of each law in order, and let the statutes take effect on one another.
    fn settle(&mut self, mut acts: Acts) {
        // The first that did it is the one that is named.
        acts.repeals.sort_by_key(|(_, act)| (act.day, act.date, act.document));
        for (name, act) in acts.amends {
            if let Some(versions) = self.names.find(name).and_then(|key| self.by_name.get_mut(&key)) {
                validity::amend(versions, &act);
            }
        }
        self.by_name.values_mut().for_each(|versions| validity::link(versions));
        for (name, act) in acts.repeals {
            match self.names.find(name).and_then(|key| self.by_name.get_mut(&key)) {
                Some(versions) => validity::repeal(versions, &act),
                None => self.unseen.repeal(name, &act),
            }
        }
    }

    /// The version that a document is.
    fn version_of(&self, document: u32) -> Option<&Version> {
        let statute = self.statutes.get(&document)?;
        self.by_name.get(&statute.key)?.iter().find(|version| version.document == document)
    }

    /// When each of `documents` is in force, by the names of the columns.
    pub fn validity(&self, documents: impl Iterator<Item = u32>) -> Vec<(&'static str, ArrayRef)> {
        let versions: Vec<Option<&Version>> = documents.map(|document| self.version_of(document)).collect();
        let days = |day: fn(&Version) -> Option<i32>| -> ArrayRef {
            Arc::new(versions.iter().map(|version| day((*version)?)).collect::<Date32Array>())
        };
        let ids = |document: fn(&Version) -> Option<u32>| -> ArrayRef {
            let id = |version: &Option<&Version>| Some(self.statutes.get(&document((*version)?)?)?.id.as_str());
            Arc::new(versions.iter().map(id).collect::<StringArray>())
        };
        vec![
            ("repealed", days(|version| version.repealed)),
            ("repealed_by", ids(|version| version.repealed_by)),
            ("in_force_from", days(|version| version.start)),
            ("in_force_to", days(|version| version.end)),
            ("previous_version", ids(|version| version.previous)),
            ("next_version", ids(|version| version.next)),
        ]
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
        self.columns(batch, document_of).ok_or_else(|| Error::lacking(Table::Citations))
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
        let names = Name::of(name);
        if let Some(own) = self.statutes.get(&citing).filter(|statute| statute.key == names.key) {
            let versions = self.by_name.get(&own.key).map_or(&[][..], Vec::as_slice);
            let date = versions.iter().find(|version| version.document == citing).and_then(|version| version.date);
            let others = versions.iter().filter(|version| version.document != citing && version.date == date);
            let documents = std::iter::once(citing).chain(others.map(|version| version.document)).collect();
            return (&own.title, documents, CitationVerdict::Ok);
        }
        let law = self.names.find(names).and_then(|key| self.by_name.get(&key));
        let Some(versions) = law.filter(|versions| !versions.is_empty()) else {
            let is_repealed = date.is_some_and(|date| self.unseen.is_repealed(names, date));
            let verdict = if is_repealed { CitationVerdict::Repealed } else { CitationVerdict::UnresolvedLaw };
            return (name, Vec::new(), verdict);
        };
        let title = self.statutes.get(&versions[0].document).map_or(name, |statute| statute.title.as_str());
        let in_force = date.map_or(&[][..], |date| validity::on(versions, date));
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

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a StringArray> {
    Some(batch.column_by_name(name)?.as_string::<i32>())
}
