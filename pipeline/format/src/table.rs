//! Defines the five tables of a corpus: their columns, what each means, and how files are laid out.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

/// The version of everything in this file. A change of a column is a new version, a new table is not: a corpus
/// built before it has no rows of it. A small corpus of every released version lies in `tests/compat/`; the reader
/// gives the columns that an older one lacks as nulls, so every column added later may be null.
pub const SCHEMA_VERSION: u32 = 2;

/// A table of the corpus; each is a folder of parquet files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Pretraining text, a row per statute or court document.
    Documents,
    /// A row per article of a statute.
    Articles,
    /// A row per reference of a document to an article of a statute.
    Citations,
    /// A row per instruction record.
    Instructions,
    /// A row per document that did not make it, with stage and reason.
    Dropped,
}

/// A column: name, Arrow type, whether it may be null, and what it means.
pub struct Column {
    /// Name in the schema.
    pub name: &'static str,
    /// Arrow type.
    pub data_type: DataType,
    /// Whether a value may be absent.
    pub nullable: bool,
    /// One sentence for analysts; stored in the parquet metadata.
    pub comment: &'static str,
}

impl Table {
    /// Every table, in the order in which a build writes them.
    pub const ALL: [Self; 5] = [Self::Documents, Self::Articles, Self::Citations, Self::Instructions, Self::Dropped];

    /// The table's folder below the corpus.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Articles => "articles",
            Self::Citations => "citations",
            Self::Instructions => "instructions",
            Self::Dropped => "dropped",
        }
    }

    /// The table of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }

    /// The columns that are folders too (`kind=statute/split=train/`), outermost first.
    pub const fn partition_columns(self) -> &'static [&'static str] {
        match self {
            Self::Documents | Self::Citations | Self::Instructions => &["kind", "split"],
            Self::Articles => &["split"],
            Self::Dropped => &["reason"],
        }
    }

    /// The columns by which the rows of a partition are sorted, nulls last.
    pub const fn sorted_by(self) -> &'static [&'static str] {
        match self {
            Self::Documents | Self::Citations => &["date"],
            Self::Articles => &["version_date"],
            Self::Instructions | Self::Dropped => &[],
        }
    }

    /// The columns with a bloom filter: those by which a single row is looked up.
    pub const fn bloom_filtered(self) -> &'static [&'static str] {
        match self {
            Self::Documents => &["id", "number"],
            Self::Articles => &["id", "document_id"],
            Self::Citations => &["document_id", "cited_article_id"],
            Self::Instructions | Self::Dropped => &["id"],
        }
    }

    /// The columns of running text: no dictionary, no statistics of their values.
    pub const fn text_columns(self) -> &'static [&'static str] {
        match self {
            Self::Documents | Self::Articles => &["text"],
            Self::Citations => &[],
            Self::Instructions => &["instruction", "input", "output"],
            Self::Dropped => &["detail", "excerpt"],
        }
    }

    /// The columns in file order, each with its meaning.
    pub fn columns(self) -> Vec<Column> {
        match self {
            Self::Documents => documents(),
            Self::Articles => articles(),
            Self::Citations => citations(),
            Self::Instructions => instructions(),
            Self::Dropped => dropped(),
        }
    }

    /// The Arrow schema; every field carries its comment as metadata.
    pub fn schema(self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns()
            .into_iter()
            .map(|c| {
                Field::new(c.name, c.data_type, c.nullable)
                    .with_metadata(HashMap::from([("comment".to_owned(), c.comment.to_owned())]))
            })
            .collect();
        Arc::new(Schema::new(fields))
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

fn required(name: &'static str, data_type: DataType, comment: &'static str) -> Column {
    Column { name, data_type, nullable: false, comment }
}

fn optional(name: &'static str, data_type: DataType, comment: &'static str) -> Column {
    Column { name, data_type, nullable: true, comment }
}

/// A list of structs with these fields; a field whose name ends in `?` may be null.
fn list_of(fields: &[(&str, DataType)]) -> DataType {
    let field = |(name, data_type): &(&str, DataType)| {
        Field::new(name.trim_end_matches('?'), data_type.clone(), name.ends_with('?'))
    };
    let item = DataType::Struct(fields.iter().map(field).collect());
    DataType::List(Arc::new(Field::new("item", item, false)))
}

fn list(data_type: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", data_type, false)))
}

/// The fields of `documents.metadata`: what only one kind of document has.
pub fn metadata_fields() -> Fields {
    use DataType::{Date32, Float64, UInt16, UInt32, UInt64, Utf8};
    let section = [("section", Utf8), ("start", UInt32), ("end", UInt32)];
    let party = [("role", Utf8), ("kind", Utf8), ("name", Utf8)];
    let judge = [("role", Utf8), ("name", Utf8)];
    let sentence = [("penalty", Utf8), ("months?", UInt16), ("suspended_months?", UInt16), ("fine_yuan?", UInt64)];
    let fields = [
        ("law", Utf8),
        ("promulgated", Date32),
        ("effective", Date32),
        ("repealed", Date32),
        ("repealed_by", Utf8),
        ("in_force_from", Date32),
        ("in_force_to", Date32),
        ("previous_version", Utf8),
        ("next_version", Utf8),
        ("court_level", Utf8),
        ("province", Utf8),
        ("case_year", UInt16),
        ("case_court", Utf8),
        ("case_type", Utf8),
        ("case_serial", Utf8),
        ("instance", Utf8),
        ("procedure", Utf8),
        ("cause", Utf8),
        ("charges", list(Utf8)),
        ("parties", list_of(&party)),
        ("judges", list_of(&judge)),
        ("outcome", Utf8),
        ("sentences", list_of(&sentence)),
        ("amounts_yuan", list(Float64)),
        ("sections", list_of(&section)),
    ];
    fields.into_iter().map(|(name, data_type)| Field::new(name, data_type, true)).collect()
}

/// The type of `instructions.history`: earlier turns, oldest first.
pub fn history_type() -> DataType {
    list_of(&[("question", DataType::Utf8), ("answer", DataType::Utf8)])
}

fn documents() -> Vec<Column> {
    use DataType::{Date32, Float32, Struct, UInt32, UInt64, Utf8};
    vec![
        required(
            "id",
            Utf8,
            "Stable id: source and path below it; where a file holds many records, a colon and the record's own id or its line.",
        ),
        required("kind", Utf8, "statute or judgment."),
        required(
            "document_type",
            Utf8,
            "Type within the kind: law, administrative_regulation, ..., judgment, ruling, ...",
        ),
        required("source", Utf8, "Name of the manifest the document came through."),
        required("title", Utf8, "Title of the statute, or court, document type and case number of a court document."),
        optional("date", Date32, "Date of this version of a statute; date of a court document."),
        optional("issuer", Utf8, "Issuing body of a statute; court of a court document."),
        optional("number", Utf8, "Case number, or number of a statute such as 法释〔2000〕12号, in canonical form."),
        required("num_chars", UInt32, "Length of text in Unicode characters."),
        required("num_articles", UInt32, "Articles found in a statute; 0 for court documents."),
        required("split", Utf8, "train or validation; versions and near-copies of one text are on one side."),
        optional(
            "duplicate_cluster",
            Utf8,
            "Id of the first document of the cluster of near-copies this one belongs to.",
        ),
        required("raw_path", Utf8, "File below the source's folder; an archive's member after `!/`."),
        optional(
            "raw_record",
            UInt32,
            "Line of the record in its file, or its place in a JSON array, from 1; null where the file is the record.",
        ),
        optional(
            "raw_start",
            UInt64,
            "First byte of the record in the raw file, or in the archive's member; null in a JSON array.",
        ),
        optional("raw_end", UInt64, "Byte after the last of the record."),
        required("raw_sha256", Utf8, "SHA-256 of the raw file."),
        required("raw_encoding", Utf8, "Encoding the raw bytes were decoded from."),
        required("q_han_fraction", Float32, "Share of Han characters."),
        required("q_digit_fraction", Float32, "Share of ASCII digits."),
        required("q_punctuation_fraction", Float32, "Share of punctuation and symbols."),
        required("q_masked_fraction", Float32, "Share of masking characters (某, ×, *, X)."),
        required("q_replacement_fraction", Float32, "Share of U+FFFD: characters lost before we saw them."),
        required("q_duplicate_line_fraction", Float32, "Share of lines that repeat an earlier line."),
        required("q_duplicate_5gram_fraction", Float32, "Share of 5-character shingles that repeat an earlier one."),
        required("text", Utf8, "The cleaned text, paragraphs separated by a line feed."),
        required(
            "metadata",
            Struct(metadata_fields()),
            "What only one kind has. Statutes: law, dates, when this version is in force, versions before and after. Court documents: court, case number's parts, cause or charges, parties, judges, outcome, sections (character spans of text).",
        ),
    ]
}

fn articles() -> Vec<Column> {
    use DataType::{Date32, UInt16, UInt32, Utf8};
    vec![
        required(
            "id",
            Utf8,
            "Id of the document, #, and the article's number; a repeated number carries its occurrence.",
        ),
        required("document_id", Utf8, "Id of the statute in documents."),
        required("law", Utf8, "Title of the statute without its version."),
        required("document_type", Utf8, "Type of the statute."),
        optional("version_date", Date32, "Date of this version of the statute."),
        optional("part", Utf8, "Heading of the part (编)."),
        optional("subpart", Utf8, "Heading of the subpart (分编)."),
        optional("chapter", Utf8, "Heading of the chapter (章)."),
        optional("section", Utf8, "Heading of the section (节)."),
        required("number", Utf8, "The number in Arabic digits: 120, or 120-1 for 第一百二十条之一."),
        required("label", Utf8, "The number as the statute writes it: 第一百二十条之一."),
        required("base", UInt16, "The number before 之."),
        optional("inserted", UInt16, "The number after 之, of an article inserted by amendment."),
        required("ordinal", UInt32, "Position of the article in its statute, from 0."),
        required("num_chars", UInt32, "Length of text in Unicode characters."),
        required("text", Utf8, "Text without the label, paragraphs separated by a line feed."),
        optional("promulgated", Date32, "When the statute was first passed or published."),
        optional("effective", Date32, "When it took effect, where it says so."),
        optional("repealed", Date32, "When it was repealed, where it or a later statute says so."),
        optional("in_force_from", Date32, "First day on which this version is in force."),
        optional("in_force_to", Date32, "Day from which it is not, for a later version or a repeal; null while it is."),
        required("source", Utf8, "Name of the manifest the statute came through."),
        required("split", Utf8, "The split of the statute."),
    ]
}

fn citations() -> Vec<Column> {
    use DataType::{Date32, UInt16, UInt32, Utf8};
    vec![
        required("document_id", Utf8, "Id of the document that cites."),
        required("kind", Utf8, "Kind of the document that cites."),
        optional("date", Date32, "Date of the document that cites: the day on which the law must be in force."),
        optional("section", Utf8, "Section of a court document that it stands in: facts, reasoning, legal_basis, ..."),
        required("ordinal", UInt32, "Position among the document's citations, from 0."),
        required("start", UInt32, "First character of the article's number in documents.text."),
        required("end", UInt32, "Character after the last of the number."),
        required("name", Utf8, "The law as the document writes it: 中华人民共和国刑法, 民诉法, 同法."),
        required("law", Utf8, "Title of the law that is meant; of the corpus where it has the law."),
        required("number", Utf8, "Number of the article in Arabic digits: 264, or 133-1."),
        optional("paragraph", UInt16, "Number of the paragraph (款)."),
        optional("item", UInt16, "Number of the item (项)."),
        required(
            "verdict",
            Utf8,
            "ok; no_such_article, no_such_paragraph: wrong in the version in force; repealed; unresolved_law: the corpus lacks the law; unresolved_version: it lacks the version of that day, or its articles.",
        ),
        optional("cited_document_id", Utf8, "Id of the version that was in force on that day."),
        optional("cited_article_id", Utf8, "Id of the article in that version."),
        required("source", Utf8, "Name of the manifest the citing document came through."),
        required("split", Utf8, "The split of the citing document."),
    ]
}

fn instructions() -> Vec<Column> {
    use DataType::{UInt32, Utf8};
    vec![
        required(
            "id",
            Utf8,
            "Stable id: source, path and record, or the article or document it was derived from and the kind.",
        ),
        required(
            "kind",
            Utf8,
            "consultation: a given record. Derived from statutes: article_lookup, article_recitation, statute_question (is it in force). Derived from court documents: charge_prediction, article_prediction, term_prediction, dispute_focus, judgment_drafting (from the facts), judgment_summary (from facts and reasoning).",
        ),
        required("source", Utf8, "Name of the manifest the record or its document came through."),
        required("instruction", Utf8, "What is asked."),
        required("input", Utf8, "Material that goes with the question; empty where there is none."),
        required("output", Utf8, "The answer."),
        required("history", history_type(), "Earlier turns of the conversation, oldest first."),
        optional("document_id", Utf8, "The statute or court document a derived record rests on."),
        optional(
            "article",
            Utf8,
            "The id of the article a record rests on; of article_prediction the first one that the decision cites, where the corpus has it.",
        ),
        required("num_chars", UInt32, "Characters of instruction, input, output and history together."),
        required("split", Utf8, "train or validation; a derived record is where its document is."),
    ]
}

fn dropped() -> Vec<Column> {
    use DataType::{Float32, UInt32, Utf8};
    vec![
        required("id", Utf8, "Id the document has or would have had; a file that could not be read has its path."),
        required("kind", Utf8, "Kind of the source."),
        required("source", Utf8, "Name of the manifest."),
        required("raw_path", Utf8, "File below the source's folder."),
        optional("raw_record", UInt32, "Line of the record in its file, from 1."),
        required("stage", Utf8, "Stage that dropped it: read, clean, segment, filter or dedup."),
        required("reason", Utf8, "Reason, as a fixed name."),
        required("detail", Utf8, "The measured value and the limit, or what was wrong and where."),
        optional("kept_id", Utf8, "For a duplicate: the document that was kept."),
        optional("similarity", Float32, "For a near-duplicate: Jaccard similarity of the 5-character shingles."),
        optional("num_chars", UInt32, "Characters of the cleaned text, where it came that far."),
        optional("excerpt", Utf8, "The first characters of the text, where it came that far."),
    ]
}
