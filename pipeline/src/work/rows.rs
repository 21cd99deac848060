//! Defines the cleaned rows between the stages: the shards' columns and the keys that later stages need.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, Date32Builder, Float32Builder, ListBuilder, RecordBatch, StringBuilder, StructBuilder, UInt16Builder,
        UInt32Builder, UInt64Builder,
    },
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use corpus_format::{Table, citation::Citation, legal::InstructionKind, table::history_type};

use super::metadata::MetadataBuilder;
use crate::{
    enrich::{case::CaseFacts, statute::StatuteFacts},
    error::{Result, arrow as arrow_error},
    segment::{judgment::Span, statute::Article},
    signals::Signals,
    sources::instruction::InstructionRecord,
};

/// A statute or court document, cleaned.
#[derive(Debug, Default)]
pub struct DocumentRow {
    /// Id.
    pub id: String,
    /// Kind.
    pub kind: &'static str,
    /// Type within the kind.
    pub document_type: &'static str,
    /// Title.
    pub title: String,
    /// Date of the version or of the document, in days since 1970.
    pub date: Option<i32>,
    /// Issuing body or court.
    pub issuer: Option<String>,
    /// Number of the statute or of the case.
    pub number: Option<String>,
    /// Which versions and duplicates are one instrument: hash of the law's name or of the case number.
    pub instrument_key: Option<u64>,
    /// Facts of a statute.
    pub statute: StatuteFacts,
    /// Facts of a court document.
    pub case: CaseFacts,
    /// Sections of a court document.
    pub sections: Vec<Span>,
    /// Articles of a statute.
    pub articles: Vec<Article>,
    /// References to articles of statutes.
    pub citations: Vec<Citation>,
    /// What was measured.
    pub signals: Signals,
    /// The text.
    pub text: String,
}

/// Where a row comes from.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// Path below the source.
    pub raw_path: &'a str,
    /// Record in the file.
    pub raw_record: Option<u32>,
    /// First byte of the record, and the byte after its last, where it lies in one piece.
    pub raw_bytes: Option<(u64, u64)>,
    /// SHA-256 of the file.
    pub raw_sha256: &'a str,
    /// Encoding.
    pub encoding: &'static str,
}

/// Declares a set of builders, one a column, that finish into a batch in the order declared.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $builder:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub struct $name { rows: usize, bytes: usize, $($field: $builder,)+ }

        impl $name {
            /// Rows since the last batch.
            pub fn rows(&self) -> usize { self.rows }

            /// About how many bytes of text they hold.
            pub fn bytes(&self) -> usize { self.bytes }

            /// The rows as a batch; the builder is empty afterwards.
            ///
            /// # Errors
            /// A column of another type than the schema says: a defect.
            pub fn finish(&mut self) -> Result<RecordBatch> {
                let columns: Vec<ArrayRef> = vec![$(Arc::new(self.$field.finish()),)+];
                (self.rows, self.bytes) = (0, 0);
                RecordBatch::try_new(Self::schema(), columns).map_err(arrow_error(concat!("assembling ", stringify!($name))))
            }
        }
    };
}
pub(crate) use columns;

columns! {
    /// Rows of `documents`, without split and cluster, and with keys.
    Documents {
        id: StringBuilder,
        kind: StringBuilder,
        document_type: StringBuilder,
        source: StringBuilder,
        title: StringBuilder,
        date: Date32Builder,
        issuer: StringBuilder,
        number: StringBuilder,
        num_chars: UInt32Builder,
        num_articles: UInt32Builder,
        raw_path: StringBuilder,
        raw_record: UInt32Builder,
        raw_start: UInt64Builder,
        raw_end: UInt64Builder,
        raw_sha256: StringBuilder,
        raw_encoding: StringBuilder,
        q_han: Float32Builder,
        q_digit: Float32Builder,
        q_punctuation: Float32Builder,
        q_masked: Float32Builder,
        q_replacement: Float32Builder,
        q_duplicate_line: Float32Builder,
        q_duplicate_5gram: Float32Builder,
        text: StringBuilder,
        metadata: MetadataBuilder,
        text_bytes: UInt32Builder,
        article_bytes: UInt32Builder,
        num_citations: UInt32Builder,
        id_key: UInt64Builder,
        content_key: UInt64Builder,
        instrument_key: UInt64Builder,
        bands: ListBuilder<UInt64Builder>,
        repeals: ListBuilder<StringBuilder>,
        amends: ListBuilder<StringBuilder>,
    }
}

columns! {
    /// Rows of `articles`, without split, and with the row of their document in the unit.
    Articles {
        id: StringBuilder,
        document_id: StringBuilder,
        law: StringBuilder,
        document_type: StringBuilder,
        version_date: Date32Builder,
        part: StringBuilder,
        subpart: StringBuilder,
        chapter: StringBuilder,
        section: StringBuilder,
        number: StringBuilder,
        label: StringBuilder,
        base: UInt16Builder,
        inserted: UInt16Builder,
        ordinal: UInt32Builder,
        num_chars: UInt32Builder,
        text: StringBuilder,
        promulgated: Date32Builder,
        effective: Date32Builder,
        repealed: Date32Builder,
        source: StringBuilder,
        document_row: UInt32Builder,
        num_paragraphs: UInt16Builder,
    }
}

columns! {
    /// Rows of `citations` as the text says them, without split and what they resolve to, and with keys.
    Citations {
        document_id: StringBuilder,
        kind: StringBuilder,
        date: Date32Builder,
        section: StringBuilder,
        ordinal: UInt32Builder,
        start: UInt32Builder,
        end: UInt32Builder,
        name: StringBuilder,
        law: StringBuilder,
        number: StringBuilder,
        paragraph: UInt16Builder,
        item: UInt16Builder,
        source: StringBuilder,
        document_row: UInt32Builder,
        base: UInt16Builder,
        inserted: UInt16Builder,
    }
}

columns! {
    /// Rows of `instructions` from records, without split, and with keys.
    Instructions {
        id: StringBuilder,
        kind: StringBuilder,
        source: StringBuilder,
        instruction: StringBuilder,
        input: StringBuilder,
        output: StringBuilder,
        history: HistoryBuilder,
        document_id: StringBuilder,
        article: StringBuilder,
        num_chars: UInt32Builder,
        raw_path: StringBuilder,
        raw_record: UInt32Builder,
        text_bytes: UInt32Builder,
        id_key: UInt64Builder,
        content_key: UInt64Builder,
    }
}

columns! {
    /// Rows of `dropped`.
    Dropped {
        id: StringBuilder,
        kind: StringBuilder,
        source: StringBuilder,
        raw_path: StringBuilder,
        raw_record: UInt32Builder,
        stage: StringBuilder,
        reason: StringBuilder,
        detail: StringBuilder,
        kept_id: StringBuilder,
        similarity: Float32Builder,
        num_chars: UInt32Builder,
        excerpt: StringBuilder,
    }
}

/// The shard schema without `without`, and with `keys` after it.
fn schema_with(table: Table, without: &[&str], keys: Vec<Field>) -> SchemaRef {
    let shard = table.schema();
    let fields = shard.fields().iter().filter(|f| !without.contains(&f.name().as_str())).map(|f| f.as_ref().clone());
    Arc::new(Schema::new(fields.chain(keys).collect::<Vec<_>>()))
}

fn key(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

impl Documents {
    /// The columns between the stages.
    pub fn schema() -> SchemaRef {
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        let keys = vec![
            key("text_bytes", DataType::UInt32),
            key("article_bytes", DataType::UInt32),
            key("num_citations", DataType::UInt32),
            key("id_key", DataType::UInt64),
            key("content_key", DataType::UInt64),
            key("instrument_key", DataType::UInt64),
            key("bands", list(DataType::UInt64)),
            key("repeals", list(DataType::Utf8)),
            key("amends", list(DataType::Utf8)),
        ];
        schema_with(Table::Documents, &["split", "duplicate_cluster"], keys)
    }

    /// Add a document.
    pub fn push(&mut self, row: &DocumentRow, origin: &Origin<'_>, id_key: u64) {
        self.rows += 1;
        self.bytes += row.text.len();
        self.id.append_value(&row.id);
        self.kind.append_value(row.kind);
        self.document_type.append_value(row.document_type);
        self.source.append_value(origin.source);
        self.title.append_value(&row.title);
        self.date.append_option(row.date);
        self.issuer.append_option(row.issuer.as_deref());
        self.number.append_option(row.number.as_deref());
        self.num_chars.append_value(row.signals.num_chars);
        self.num_articles.append_value(small(row.articles.len()));
        self.raw_path.append_value(origin.raw_path);
        self.raw_record.append_option(origin.raw_record);
        self.raw_start.append_option(origin.raw_bytes.map(|(start, _)| start));
        self.raw_end.append_option(origin.raw_bytes.map(|(_, end)| end));
        self.raw_sha256.append_value(origin.raw_sha256);
        self.raw_encoding.append_value(origin.encoding);
        let s = &row.signals;
        self.q_han.append_value(s.han_fraction);
        self.q_digit.append_value(s.digit_fraction);
        self.q_punctuation.append_value(s.punctuation_fraction);
        self.q_masked.append_value(s.masked_fraction);
        self.q_replacement.append_value(s.replacement_fraction);
        self.q_duplicate_line.append_value(s.duplicate_line_fraction);
        self.q_duplicate_5gram.append_value(s.duplicate_5gram_fraction);
        self.text.append_value(&row.text);
        self.metadata.push(row);
        self.text_bytes.append_value(small(row.text.len()));
        self.article_bytes.append_value(small(row.articles.iter().map(|a| a.text.len()).sum()));
        self.num_citations.append_value(small(row.citations.len()));
        self.id_key.append_value(id_key);
        self.content_key.append_value(s.content_key);
        self.instrument_key.append_option(row.instrument_key);
        s.bands.iter().for_each(|band| self.bands.values().append_value(*band));
        self.bands.append(true);
        for (column, names) in [(&mut self.repeals, &row.statute.repeals), (&mut self.amends, &row.statute.amends)] {
            names.iter().for_each(|name| column.values().append_value(name));
            column.append(true);
        }
    }
}

impl Articles {
    /// The columns between the stages.
    pub fn schema() -> SchemaRef {
        let keys = vec![key("document_row", DataType::UInt32), key("num_paragraphs", DataType::UInt16)];
        schema_with(Table::Articles, &["split", "in_force_from", "in_force_to"], keys)
    }

    /// Add the articles of a document.
    pub fn push(&mut self, row: &DocumentRow, source: &str, document_row: u32) {
        use crate::enrich::date::days;
        let mut seen = rustc_hash::FxHashMap::default();
        for (ordinal, article) in row.articles.iter().enumerate() {
            let number = article.number.to_string();
            let occurrence = seen.entry(article.number).and_modify(|n| *n += 1).or_insert(1);
            let repeated = if *occurrence > 1 { format!("~{occurrence}") } else { String::new() };
            self.rows += 1;
            self.bytes += article.text.len();
            self.id.append_value(format!("{}#{number}{repeated}", row.id));
            self.document_id.append_value(&row.id);
            self.law.append_value(&row.statute.law);
            self.document_type.append_value(row.document_type);
            self.version_date.append_option(row.date);
            let [part, subpart, chapter, section] = &article.path;
            self.part.append_option(part.as_deref());
            self.subpart.append_option(subpart.as_deref());
            self.chapter.append_option(chapter.as_deref());
            self.section.append_option(section.as_deref());
            self.number.append_value(number);
            self.label.append_value(&article.label);
            self.base.append_value(article.number.base);
            self.inserted.append_option(article.number.inserted);
            self.ordinal.append_value(small(ordinal));
            self.num_chars.append_value(small(article.text.chars().count()));
            self.text.append_value(&article.text);
            self.promulgated.append_option(row.statute.promulgated.map(days));
            self.effective.append_option(row.statute.effective.map(days));
            self.repealed.append_option(row.statute.repealed.map(days));
            self.source.append_value(source);
            self.document_row.append_value(document_row);
            self.num_paragraphs.append_value(u16::try_from(article.num_paragraphs()).unwrap_or(u16::MAX));
        }
    }
}

impl Citations {
    /// The columns between the stages.
    pub fn schema() -> SchemaRef {
        let keys = vec![
            key("document_row", DataType::UInt32),
            key("base", DataType::UInt16),
            key("inserted", DataType::UInt16),
        ];
        let resolved = ["verdict", "cited_document_id", "cited_article_id", "split"];
        schema_with(Table::Citations, &resolved, keys)
    }

    /// Add the citations of a document.
    pub fn push(&mut self, row: &DocumentRow, source: &str, document_row: u32) {
        for (ordinal, citation) in row.citations.iter().enumerate() {
            let section = row.sections.iter().find(|span| citation.start < span.end);
            self.rows += 1;
            self.bytes += row.id.len() + citation.name.len() + citation.title.len();
            self.document_id.append_value(&row.id);
            self.kind.append_value(row.kind);
            self.date.append_option(row.date);
            self.section.append_option(section.map(|span| span.section.as_str()));
            self.ordinal.append_value(small(ordinal));
            self.start.append_value(citation.start);
            self.end.append_value(citation.end);
            self.name.append_value(&citation.name);
            self.law.append_value(&citation.title);
            self.number.append_value(citation.article.to_string());
            self.paragraph.append_option(citation.paragraph);
            self.item.append_option(citation.item);
            self.source.append_value(source);
            self.document_row.append_value(document_row);
            self.base.append_value(citation.article.base);
            self.inserted.append_option(citation.article.inserted);
        }
    }
}

impl Instructions {
    /// The columns between the stages.
    pub fn schema() -> SchemaRef {
        let keys = vec![
            key("raw_path", DataType::Utf8),
            key("raw_record", DataType::UInt32),
            key("text_bytes", DataType::UInt32),
            key("id_key", DataType::UInt64),
            key("content_key", DataType::UInt64),
        ];
        schema_with(Table::Instructions, &["split"], keys)
    }

    /// Add a record.
    pub fn push(&mut self, id: &str, record: &InstructionRecord, origin: &Origin<'_>, id_key: u64, content_key: u64) {
        let turns = record.history.iter().map(|(q, a)| q.len() + a.len()).sum::<usize>();
        let bytes = record.instruction.len() + record.input.len() + record.output.len() + turns;
        self.rows += 1;
        self.bytes += bytes;
        self.id.append_value(id);
        self.kind.append_value(InstructionKind::Consultation.as_str());
        self.source.append_value(origin.source);
        self.instruction.append_value(&record.instruction);
        self.input.append_value(&record.input);
        self.output.append_value(&record.output);
        self.history.push(&record.history);
        let document = record.article.as_deref().and_then(|article| article.rsplit_once('#'));
        self.document_id.append_option(document.map(|(document, _)| document));
        self.article.append_option(record.article.as_deref());
        self.num_chars.append_value(small(record.num_chars()));
        self.raw_path.append_value(origin.raw_path);
        self.raw_record.append_option(origin.raw_record);
        self.text_bytes.append_value(small(bytes));
        self.id_key.append_value(id_key);
        self.content_key.append_value(content_key);
    }
}

/// A dropped document, as the ledger has it.
#[derive(Debug, Default)]
pub struct DroppedRow<'a> {
    /// Id.
    pub id: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Source.
    pub source: &'a str,
    /// Path below the source.
    pub raw_path: &'a str,
    /// Record in the file.
    pub raw_record: Option<u32>,
    /// Stage.
    pub stage: &'a str,
    /// Reason.
    pub reason: &'a str,
    /// Value and limit, or what was wrong.
    pub detail: &'a str,
    /// The document kept in its place.
    pub kept_id: Option<&'a str>,
    /// How similar they are.
    pub similarity: Option<f32>,
    /// Characters.
    pub num_chars: Option<u32>,
    /// Text from which the excerpt is cut.
    pub text: Option<&'a str>,
}

impl Dropped {
    /// Characters of an excerpt.
    const EXCERPT_CHARS: usize = 200;

    /// The columns, which are the shard's.
    pub fn schema() -> SchemaRef {
        Table::Dropped.schema()
    }

    /// Add a dropped document.
    pub fn push(&mut self, row: &DroppedRow<'_>) {
        self.rows += 1;
        self.id.append_value(row.id);
        self.kind.append_value(row.kind);
        self.source.append_value(row.source);
        self.raw_path.append_value(row.raw_path);
        self.raw_record.append_option(row.raw_record);
        self.stage.append_value(row.stage);
        self.reason.append_value(row.reason);
        self.detail.append_value(row.detail);
        self.kept_id.append_option(row.kept_id);
        self.similarity.append_option(row.similarity);
        self.num_chars.append_option(row.num_chars);
        let excerpt = row.text.map(|text| match text.char_indices().nth(Self::EXCERPT_CHARS) {
            Some((end, _)) => &text[..end],
            None => text,
        });
        self.bytes += excerpt.map_or(0, str::len);
        self.excerpt.append_option(excerpt);
    }
}

/// Builder of `instructions.history`.
pub struct HistoryBuilder(ListBuilder<StructBuilder>);

impl Default for HistoryBuilder {
    fn default() -> Self {
        let DataType::List(item) = history_type() else { unreachable!("history is a list") };
        let DataType::Struct(fields) = item.data_type() else { unreachable!("of structs") };
        Self(ListBuilder::new(StructBuilder::from_fields(fields.clone(), 0)).with_field(item))
    }
}

impl HistoryBuilder {
    /// Add the turns of a record.
    pub fn push(&mut self, turns: &[(String, String)]) {
        let pairs = self.0.values();
        for (question, answer) in turns {
            for (i, said) in [(0, question), (1, answer)] {
                if let Some(side) = pairs.field_builder::<StringBuilder>(i) {
                    side.append_value(said);
                }
            }
            pairs.append(true);
        }
        self.0.append(true);
    }

    /// The column.
    pub fn finish(&mut self) -> arrow::array::ListArray {
        self.0.finish()
    }
}

/// A length as the columns hold it; a document is never larger than 4 GiB.
pub fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
