//! Derive instruction records from the articles of statutes: recite an article, find an article.

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder, UInt32Builder},
    datatypes::UInt32Type,
};
use corpus_format::{Table, legal::Split};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    config::InstructConfig,
    error::{Result, arrow as arrow_error},
    signals,
    work::rows::{HistoryBuilder, small},
};

/// The kinds of derived records: law and number asked, text answered; and the other way round.
pub const KINDS: [&str; 2] = ["article_recitation", "article_lookup"];

/// Questions for the text of an article; `{law}` and `{label}` are filled in.
const RECITE: [&str; 4] = [
    "《{law}》{label}的内容是什么？",
    "请写出《{law}》{label}的原文。",
    "《{law}》{label}是怎么规定的？",
    "请背诵《{law}》{label}。",
];
/// Questions for the place of a text.
const LOOK_UP: [&str; 3] = [
    "下面的条文出自哪部法律的第几条？",
    "请指出以下规定的出处，写明法律名称和条号。",
    "这段规定是哪部法律哪一条的内容？",
];

/// The records of one kind from some articles, and for each the row of its article.
///
/// # Errors
/// An article's column of another type than the schema says: a defect.
pub fn derive(
    kind: &'static str,
    articles: &RecordBatch,
    split_of: impl Fn(usize) -> Option<Split>,
    config: &InstructConfig,
) -> Result<(RecordBatch, Vec<usize>)> {
    let text_of = |name: &str| articles.column_by_name(name).map(|c| c.as_string::<i32>().clone());
    let columns = ["id", "document_id", "law", "label", "text", "chapter", "source"].map(text_of);
    let [Some(id), Some(document), Some(law), Some(label), Some(text), Some(chapter), Some(source)] = columns else {
        return Err(crate::error::Error::Defect("articles lack a column".into()));
    };
    let chars = articles.column_by_name("num_chars").map(|c| c.as_primitive::<UInt32Type>().clone());
    let recite = kind == KINDS[0];
    let fraction = if recite { config.recitation_fraction } else { config.lookup_fraction };
    // The place of a short text is anybody's guess: this law shall come into force on …
    let min_chars = if recite { config.min_chars } else { config.min_chars.max(config.lookup_min_chars) };
    let mut rows = Records::default();
    let mut taken = Vec::new();
    for row in 0..articles.num_rows() {
        let length = chars.as_ref().map_or(0, |c| c.value(row));
        let draw = xxh3_64_with_seed(id.value(row).as_bytes(), config.seed ^ u64::from(recite));
        let chosen = signals::unit_interval(draw) < fraction;
        let Some(split) = split_of(row).filter(|_| chosen && (min_chars..=config.max_chars).contains(&length)) else {
            continue;
        };
        let (law, label, text) = (law.value(row), label.value(row), text.value(row));
        let pick = |choices: &[&'static str]| choices[draw as usize % choices.len()];
        let (instruction, input, output) = if recite {
            let question = pick(&RECITE).replace("{law}", law).replace("{label}", label);
            (question, "", format!("《{law}》{label}规定：\n{text}"))
        } else {
            let place = if chapter.is_null(row) { String::new() } else { format!("（{}）", chapter.value(row)) };
            (pick(&LOOK_UP).to_owned(), text, format!("出自《{law}》{label}{place}。"))
        };
        rows.id.append_value(format!("{}?{kind}", id.value(row)));
        rows.kind.append_value(kind);
        rows.source.append_value(source.value(row));
        rows.num_chars.append_value(small([&instruction, input, &output].iter().map(|t| t.chars().count()).sum()));
        rows.instruction.append_value(instruction);
        rows.input.append_value(input);
        rows.output.append_value(output);
        rows.history.push(&[]);
        rows.document_id.append_value(document.value(row));
        rows.article.append_value(id.value(row));
        rows.split.append_value(split.as_str());
        taken.push(row);
    }
    Ok((rows.finish()?, taken))
}

#[derive(Default)]
struct Records {
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

impl Records {
    fn finish(&mut self) -> Result<RecordBatch> {
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
        RecordBatch::try_new(Table::Instructions.schema(), columns).map_err(arrow_error("deriving instructions"))
    }
}
