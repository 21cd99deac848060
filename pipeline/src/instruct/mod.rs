//! Derive instruction records from what statutes and court documents are made of: articles, facts, reasoning,
//! what is decided. Nothing is invented: questions are worded here, answers are the document's own.

/// The facts without the sentences that give the answer away.
pub mod bare;
/// A court document as far as records are derived from it.
pub mod case;
/// The last line of an answer, in a form that can be scored.
pub mod conclusion;
/// What a court says the parties dispute.
pub mod focus;
/// Records from court documents.
pub mod judgment;
/// Records from articles.
pub mod statute;

use arrow::{
    array::{ArrayRef, RecordBatch, StringBuilder, UInt32Builder},
    datatypes::SchemaRef,
};
use corpus_format::{
    Table,
    legal::{InstructionKind, Split},
};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    config::InstructConfig,
    error::{Result, arrow as arrow_error},
    signals,
    work::rows::{HistoryBuilder, columns, small},
};

/// The name of a law in brackets; a name within it stands in simple ones: 《关于适用〈刑法〉的解释》.
pub fn titled(law: &str) -> String {
    format!("《{}》", law.replace('《', "〈").replace('》', "〉"))
}

/// A record that an article or a document gives, and which wording it gets.
#[derive(Debug, Clone, Copy)]
pub struct Draw(u64);

impl Draw {
    /// Draw for a kind and the id of what it would be derived from; `None` where the configuration wants fewer.
    pub fn new(kind: InstructionKind, id: &str, config: &InstructConfig) -> Option<Self> {
        let draw = xxh3_64_with_seed(id.as_bytes(), config.seed ^ kind as u64);
        (signals::unit_interval(draw) < config.fraction(kind)).then_some(Self(draw))
    }

    /// One of several wordings.
    pub fn pick(self, wordings: &[&'static str]) -> &'static str {
        wordings[self.0 as usize % wordings.len()]
    }
}

/// A record before it is a row.
pub struct Record<'a> {
    /// What it asks for.
    pub kind: InstructionKind,
    /// Id of the article or document that it is derived from.
    pub from: &'a str,
    /// Name of that one's manifest.
    pub source: &'a str,
    /// The statute or court document.
    pub document_id: &'a str,
    /// The article that it rests on.
    pub article: Option<&'a str>,
    /// What is asked.
    pub instruction: &'a str,
    /// Material that goes with it.
    pub input: &'a str,
    /// The answer.
    pub output: &'a str,
    /// The split of the document.
    pub split: Split,
}

columns! {
    /// Rows of `instructions` that are derived.
    Rows {
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
        split: StringBuilder,
    }
}

impl Rows {
    fn schema() -> SchemaRef {
        Table::Instructions.schema()
    }
}

/// Records as rows, each with the row of what it is derived from.
#[derive(Default)]
pub struct Records {
    rows: Rows,
    taken: Vec<usize>,
}

impl Records {
    /// Add a record that is derived from the article or document in `row`.
    pub fn push(&mut self, row: usize, record: &Record<'_>) {
        let rows = &mut self.rows;
        let chars = [record.instruction, record.input, record.output].map(|text| text.chars().count());
        rows.id.append_value(format!("{}?{}", record.from, record.kind));
        rows.kind.append_value(record.kind.as_str());
        rows.source.append_value(record.source);
        rows.instruction.append_value(record.instruction);
        rows.input.append_value(record.input);
        rows.output.append_value(record.output);
        rows.history.push(&[]);
        rows.document_id.append_value(record.document_id);
        rows.article.append_option(record.article);
        rows.num_chars.append_value(small(chars.iter().sum()));
        rows.split.append_value(record.split.as_str());
        self.taken.push(row);
    }

    /// The rows of `instructions`, and for each the row it is derived from.
    ///
    /// # Errors
    /// A column of another type than the schema says: a defect.
    pub fn finish(mut self) -> Result<(RecordBatch, Vec<usize>)> {
        Ok((self.rows.finish()?, self.taken))
    }
}
