//! Defines what a corpus knows of laws: their versions, from when until when each is in force, and the text of every
//! article.

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{Date32Type, UInt16Type},
};
use corpus_format::{
    Corpus, Position, Selection, Table, citation,
    law_name::{self, Name, Names},
};
use rustc_hash::FxHashMap;

use crate::Result;

/// Rows that are in memory at a time.
const BATCH_ROWS: usize = 4096;

/// An article of a version.
#[derive(Debug)]
pub struct Article {
    /// Its id.
    pub id: String,
    /// The number before 之, and after it or 0.
    pub number: (u16, u16),
    /// Number of its paragraphs (款).
    pub num_paragraphs: u16,
    /// Its text.
    pub text: String,
}

/// A version of a law, or one of the files that make it up.
#[derive(Debug)]
pub struct Version {
    /// Title of the law.
    pub title: String,
    /// First day in force, in days since 1970.
    pub from: Option<i32>,
    /// Day from which it is not in force.
    pub to: Option<i32>,
    /// When the law was repealed.
    pub repealed: Option<i32>,
    /// Its articles in order.
    pub articles: Vec<Article>,
}

impl Version {
    /// The article of that number.
    pub fn article(&self, number: (u16, u16)) -> Option<&Article> {
        self.articles.iter().find(|article| article.number == number)
    }

    /// Whether it is in force on a day; `None` asks for the newest, which no other has followed.
    pub fn is_in_force(&self, day: Option<i32>) -> bool {
        match day {
            Some(day) => self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day < to),
            None => self.to.is_none(),
        }
    }
}

/// The laws of a corpus.
#[derive(Debug, Default)]
pub struct Laws {
    versions: Vec<Version>,
    by_name: FxHashMap<u64, Vec<usize>>,
    names: Names,
}

impl Laws {
    /// Read every article of a corpus.
    ///
    /// # Errors
    /// A shard cannot be read.
    pub fn read(corpus: &Corpus) -> Result<Self> {
        let columns =
            ["id", "document_id", "law", "base", "inserted", "text", "repealed", "in_force_from", "in_force_to"];
        let columns = columns.map(str::to_owned).to_vec();
        let selection = Selection { columns, ..Selection::default() };
        let mut laws = Self::default();
        let mut of_document = FxHashMap::default();
        for batch in corpus.read(Table::Articles, &selection, BATCH_ROWS, Position::default())? {
            laws.add(&batch?.1, &mut of_document);
        }
        Ok(laws)
    }

    fn add(&mut self, batch: &RecordBatch, of_document: &mut FxHashMap<String, usize>) {
        let text = |name: &str, row: usize| {
            batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>()).map_or("", |c| c.value(row)).to_owned()
        };
        let day = |name: &str, row: usize| {
            let column = batch.column_by_name(name)?.as_primitive_opt::<Date32Type>()?;
            column.is_valid(row).then(|| column.value(row))
        };
        let number = |name: &str, row: usize| {
            let column = batch.column_by_name(name)?.as_primitive_opt::<UInt16Type>()?;
            column.is_valid(row).then(|| column.value(row))
        };
        for row in 0..batch.num_rows() {
            let next = self.versions.len();
            let version = *of_document.entry(text("document_id", row)).or_insert(next);
            if version == next {
                let title = text("law", row);
                self.by_name.entry(self.names.add(&title)).or_default().push(version);
                let [from, to, repealed] = ["in_force_from", "in_force_to", "repealed"].map(|name| day(name, row));
                self.versions.push(Version { title, from, to, repealed, articles: Vec::new() });
            }
            let article = text("text", row);
            let num_paragraphs = u16::try_from(citation::num_paragraphs(&article)).unwrap_or(u16::MAX);
            let number = (number("base", row).unwrap_or(0), number("inserted", row).unwrap_or(0));
            let article = Article { id: text("id", row), number, num_paragraphs, text: article };
            self.versions[version].articles.push(article);
        }
    }

    /// Every version of the law of that name, full or short.
    pub fn versions(&self, name: &str) -> Option<Vec<&Version>> {
        let found = self.by_name.get(&self.names.find(Name::of(name))?)?;
        Some(found.iter().map(|at| &self.versions[*at]).collect())
    }

    /// The longest end of `text` that is the name of a law: 民法商法农民专业合作社法 ends in 农民专业合作社法.
    pub fn name_at_end<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.char_indices().map(|(at, _)| &text[at..]).find(|name| self.by_name.contains_key(&law_name::key(name)))
    }
}
