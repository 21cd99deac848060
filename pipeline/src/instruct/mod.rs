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

use arrow::array::{ArrayRef, RecordBatch, StringBuilder, UInt32Builder};
use corpus_format::{
    Table,
    legal::{InstructionKind, Kind, Split},
};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    config::InstructConfig,
    error::{Result, arrow as arrow_error},
    signals,
    work::rows::{HistoryBuilder, small},
};

/// The kinds of records that are derived from a kind of document.
pub const fn derived_from(kind: Kind) -> &'static [InstructionKind] {
    use InstructionKind as K;
    match kind {
        Kind::Statute => &[K::ArticleLookup, K::ArticleRecitation, K::StatuteQuestion],
        Kind::Judgment => &[
            K::ChargePrediction,
            K::ArticlePrediction,
            K::TermPrediction,
            K::DisputeFocus,
            K::JudgmentDrafting,
            K::JudgmentSummary,
        ],
        Kind::Instruction | Kind::Benchmark => &[],
    }
}

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

/// Records as rows, each with the row of what it is derived from.
#[derive(Default)]
pub struct Records {
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
    taken: Vec<usize>,
}

impl Records {
    /// Add a record that is derived from the article or document in `row`.
    pub fn push(&mut self, row: usize, record: &Record<'_>) {
        let chars = [record.instruction, record.input, record.output].map(|text| text.chars().count());
        self.id.append_value(format!("{}?{}", record.from, record.kind));
        self.kind.append_value(record.kind.as_str());
        self.source.append_value(record.source);
        self.instruction.append_value(record.instruction);
        self.input.append_value(record.input);
        self.output.append_value(record.output);
        self.history.push(&[]);
        self.document_id.append_value(record.document_id);
        self.article.append_option(record.article);
        self.num_chars.append_value(small(chars.iter().sum()));
        self.split.append_value(record.split.as_str());
        self.taken.push(row);
    }

    /// The rows of `instructions`, and for each the row it is derived from.
    ///
    /// # Errors
    /// A column of another type than the schema says: a defect.
    pub fn finish(mut self) -> Result<(RecordBatch, Vec<usize>)> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.id.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.instruction.finish()),
            Arc::new(self.input.finish()),
            Arc::new(self.output.finish()),
            Arc::new(self.history.finish()),
            Arc::new(self.document_id.finish()),
            Arc::new(self.article.finish()),
            Arc::new(self.num_chars.finish()),
            Arc::new(self.split.finish()),
        ];
        let rows = RecordBatch::try_new(Table::Instructions.schema(), columns);
        Ok((rows.map_err(arrow_error("deriving instructions"))?, self.taken))
    }
}
