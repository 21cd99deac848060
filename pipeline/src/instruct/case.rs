//! Defines a court document as far as records are derived from it: its parts, and what its metadata says.

use std::{collections::BTreeMap, ops::Range};

use arrow::{
    array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringArray, StructArray},
    datatypes::{Float32Type, UInt16Type, UInt32Type, UInt64Type},
};
use corpus_format::{
    legal::{CitationVerdict, DocumentType, Instance, Penalty, Section},
    numeral::{self, ArticleNumber},
};

use crate::enrich::case::Sentence;

/// An article that a decision rests on.
#[derive(Debug, Clone)]
pub struct Basis {
    /// Title of the law.
    pub law: String,
    /// The place in it: 第六十七条第三款.
    pub label: String,
    /// Id of the article, where the corpus has it.
    pub article_id: Option<String>,
    /// What the corpus says of the citation.
    pub verdict: CitationVerdict,
}

/// What the decisions of a unit rest on, by the rows of their documents.
#[derive(Debug, Default)]
pub struct Bases(BTreeMap<u32, Vec<Basis>>);

impl Bases {
    /// Add those of a batch of `citations` that stand in a legal basis; the batch between the stages says which rows
    /// they belong to and what the numbers are.
    pub fn add(&mut self, citations: &RecordBatch, between: &RecordBatch) -> Option<()> {
        let text = |name: &str| Some(citations.column_by_name(name)?.as_string::<i32>());
        let number = |name: &str| Some(between.column_by_name(name)?.as_primitive::<UInt16Type>());
        let documents = between.column_by_name("document_row")?.as_primitive::<UInt32Type>();
        let (sections, laws, verdicts, ids) =
            (text("section")?, text("law")?, text("verdict")?, text("cited_article_id")?);
        let numbers = ["base", "inserted", "paragraph", "item"].map(number);
        let [Some(base), Some(inserted), Some(paragraph), Some(item)] = numbers else { return None };
        for row in 0..citations.num_rows() {
            if sections.is_null(row) || sections.value(row) != Section::LegalBasis.as_str() {
                continue;
            }
            let part = |column: &arrow::array::UInt16Array| column.is_valid(row).then(|| column.value(row));
            let article = ArticleNumber { base: base.value(row), inserted: part(inserted) };
            self.0.entry(documents.value(row)).or_default().push(Basis {
                law: laws.value(row).to_owned(),
                label: numeral::place(article, part(paragraph), part(item)),
                article_id: ids.is_valid(row).then(|| ids.value(row).to_owned()),
                verdict: CitationVerdict::from_name(verdicts.value(row))?,
            });
        }
        Some(())
    }

    /// What the document in that row rests on.
    fn of(&self, document: u32) -> &[Basis] {
        self.0.get(&document).map_or(&[], Vec::as_slice)
    }
}

/// A court document.
pub struct Case<'a> {
    /// Id.
    pub id: &'a str,
    /// Name of its manifest.
    pub source: &'a str,
    /// Its type.
    pub document_type: DocumentType,
    /// Its title.
    pub title: &'a str,
    /// Number of the case, where it is known.
    pub number: &'a str,
    /// Instance.
    pub instance: Option<Instance>,
    /// Share of masking characters.
    pub masked_fraction: f32,
    /// Charges; empty where they are not known.
    pub charges: Vec<&'a str>,
    /// How many parties are the accused; `None` where the parties are not known.
    pub num_accused: Option<usize>,
    /// What each accused is sentenced to; empty where that is not known.
    pub sentences: Vec<Sentence>,
    /// The articles that it rests on.
    pub basis: &'a [Basis],
    text: &'a str,
    sections: Vec<(Section, Range<usize>)>,
}

impl Case<'_> {
    /// From the first character of a section to the last of another, where both exist.
    pub fn part(&self, from: Section, to: Section) -> Option<&str> {
        let range = |wanted| self.sections.iter().find(|(section, _)| *section == wanted).map(|(_, range)| range);
        let (start, end) = (range(from)?.start, range(to)?.end);
        (start < end).then(|| self.text[start..end].trim())
    }

    /// The court's reasoning with what it rests on, without the words that lead to the decision (判决如下：).
    pub fn reasoning(&self) -> Option<&str> {
        let reasoning = self.part(Section::Reasoning, Section::LegalBasis);
        let reasoning = reasoning.or_else(|| self.part(Section::Reasoning, Section::Reasoning))?;
        Some(RULED.find(reasoning).map_or(reasoning, |ruled| &reasoning[..ruled.start()]))
    }

    /// Whether it is a criminal case, by its title or else its number.
    pub fn is_criminal(&self) -> bool {
        self.is_of("刑事", '刑')
    }

    /// Whether it is a civil case.
    pub fn is_civil(&self) -> bool {
        self.is_of("民事", '民')
    }

    fn is_of(&self, word: &str, sign: char) -> bool {
        self.title.contains(word) || self.number.contains(sign)
    }
}

pattern!(RULED, r"[，,]?\s*(?:特|现)?(?:作出)?(?:(?:判决|裁定|决定)如下|如下(?:判决|裁定|决定))[：:]?\s*$");

/// The columns of `documents` between the stages that a case is read from.
pub struct Cases<'a> {
    batch: &'a RecordBatch,
    metadata: &'a StructArray,
    bases: &'a Bases,
    first_row: u32,
}

impl<'a> Cases<'a> {
    /// The cases of a batch whose first document has that row in the unit.
    pub fn of(batch: &'a RecordBatch, first_row: u32, bases: &'a Bases) -> Option<Self> {
        let metadata = batch.column_by_name("metadata")?.as_struct();
        Some(Self { batch, metadata, bases, first_row })
    }

    /// The case in a row.
    pub fn case(&self, row: usize) -> Option<Case<'a>> {
        let text = |name: &str| self.texts(name).map(|column| column.value(row));
        let instance = self.metadata.column_by_name("instance")?.as_string::<i32>();
        let masked = self.batch.column_by_name("q_masked_fraction")?.as_primitive::<Float32Type>();
        let document_text = text("text")?;
        Some(Case {
            id: text("id")?,
            source: text("source")?,
            document_type: DocumentType::from_name(text("document_type")?)?,
            title: text("title")?,
            number: self.texts("number").filter(|column| column.is_valid(row)).map_or("", |column| column.value(row)),
            instance: instance.is_valid(row).then(|| instance.value(row)).and_then(Instance::from_name),
            masked_fraction: masked.value(row),
            charges: self.charges(row)?,
            num_accused: self.num_accused(row)?,
            sentences: self.sentences(row)?,
            basis: self.bases.of(self.first_row + u32::try_from(row).ok()?),
            text: document_text,
            sections: self.sections(row, document_text)?,
        })
    }

    fn texts(&self, name: &str) -> Option<&'a StringArray> {
        Some(self.batch.column_by_name(name)?.as_string::<i32>())
    }

    /// A list of the metadata: its items and which of them belong to the row; none where it is null.
    fn list(&self, name: &str, row: usize) -> Option<(&'a ArrayRef, Range<usize>)> {
        let list: &ListArray = self.metadata.column_by_name(name)?.as_list();
        let bound = |at: usize| usize::try_from(list.value_offsets()[at]).unwrap_or(0);
        let range = if list.is_null(row) { 0..0 } else { bound(row)..bound(row + 1) };
        Some((list.values(), range))
    }

    fn charges(&self, row: usize) -> Option<Vec<&'a str>> {
        let (items, range) = self.list("charges", row)?;
        let names = items.as_string::<i32>();
        Some(range.map(|i| names.value(i)).collect())
    }

    fn num_accused(&self, row: usize) -> Option<Option<usize>> {
        let (items, range) = self.list("parties", row)?;
        let roles = items.as_struct().column_by_name("role")?.as_string::<i32>();
        let is_known = !range.is_empty();
        Some(is_known.then(|| range.filter(|i| roles.value(*i).contains("被告人")).count()))
    }

    fn sentences(&self, row: usize) -> Option<Vec<Sentence>> {
        let (items, range) = self.list("sentences", row)?;
        let items = items.as_struct();
        let penalties = items.column_by_name("penalty")?.as_string::<i32>();
        let months = |name: &str| Some(items.column_by_name(name)?.as_primitive::<UInt16Type>());
        let (term, suspended) = (months("months")?, months("suspended_months")?);
        let fines = items.column_by_name("fine_yuan")?.as_primitive::<UInt64Type>();
        let sentence = |i: usize| {
            Some(Sentence {
                penalty: Penalty::from_name(penalties.value(i))?,
                months: term.is_valid(i).then(|| term.value(i)),
                suspended_months: suspended.is_valid(i).then(|| suspended.value(i)),
                fine_yuan: fines.is_valid(i).then(|| fines.value(i)),
            })
        };
        range.map(sentence).collect()
    }

    /// The sections in bytes of the text.
    fn sections(&self, row: usize, text: &str) -> Option<Vec<(Section, Range<usize>)>> {
        let (items, range) = self.list("sections", row)?;
        let items = items.as_struct();
        let names = items.column_by_name("section")?.as_string::<i32>();
        let ends = items.column_by_name("end")?.as_primitive::<UInt32Type>();
        let (mut byte, mut chars) = (0, 0);
        let mut section = |i: usize| {
            // They cover the text in order: each begins where the last one ends.
            let start = byte;
            let length = ends.value(i).checked_sub(chars)?;
            chars += length;
            byte += text[byte..].chars().take(length as usize).map(char::len_utf8).sum::<usize>();
            Some((Section::from_name(names.value(i))?, start..byte))
        };
        range.map(&mut section).collect()
    }
}
