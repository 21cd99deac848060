//! Answers the instruction records of a corpus that were held out of training, and says how near the answers come.

use std::path::Path;

use arrow::array::{Array, AsArray};
use corpus_format::{
    Corpus, Position, Selection, Table,
    legal::{InstructionKind, Split},
};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value, json};
use trainer::data::{chat, stream::turns};

use super::{Kept, Log, Session};
use crate::{
    Error, Mode, Result,
    generate::Stop,
    lawbench::{Answer, Rule},
    report::shortened,
    score::judge,
    stats::{self, Bootstrap, Interval, Sample, mean},
};

/// Rows that are read at a time.
const BATCH_ROWS: usize = 512;

/// A record that was held out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id in the corpus.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// The document that it was derived from.
    pub document: Option<String>,
    /// Question and answer.
    pub asked: chat::Record,
}

/// How near a model's answers to records of a kind come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The model.
    pub model: String,
    /// The kind of records.
    pub kind: &'static str,
    /// Records.
    pub records: usize,
    /// Documents that they were derived from; a record of none counts as one.
    pub documents: usize,
    /// The mean of ROUGE-L's F1 of words, as LawBench's strict mode has it.
    pub rouge_l: Option<f64>,
    /// Its 95 % interval, documents being drawn whole.
    pub interval: Option<Interval>,
    /// The share of answers that the model ended itself.
    pub ended: Option<f64>,
    /// The answers that are furthest off, shortened.
    pub worst: Vec<Example>,
}

/// An answer beside what it was to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// The record's id in the corpus.
    pub id: String,
    /// ROUGE-L of the answer.
    pub rouge_l: f64,
    /// What was asked.
    pub question: String,
    /// The document's own answer.
    pub reference: String,
    /// The model's answer.
    pub prediction: String,
}

/// Examples of a model and a kind.
const EXAMPLES: usize = 3;

/// Up to `per_kind` records of each kind out of the validation split, spread evenly over it.
///
/// # Errors
/// A corpus that cannot be read.
pub fn read(folder: &Path, per_kind: usize) -> Result<Vec<Record>> {
    let corpus = Corpus::open(folder)?;
    let mut all = Vec::new();
    for kind in InstructionKind::ALL {
        let records = of_kind(&corpus, folder, kind.as_str())?;
        let count = records.len().min(per_kind);
        all.extend((0..count).map(|at| records[at * records.len() / count].clone()));
    }
    if all.is_empty() {
        return Err(Error::invalid(folder, "it has no instruction records in the split `validation`"));
    }
    Ok(all)
}

fn of_kind(corpus: &Corpus, folder: &Path, kind: &'static str) -> Result<Vec<Record>> {
    const COLUMNS: [&str; 6] = ["id", "document_id", "instruction", "input", "output", "history"];
    let selection = Selection {
        kind: Some(kind.to_owned()),
        split: Some(Split::Validation),
        columns: COLUMNS.map(str::to_owned).to_vec(),
    };
    let mut records = Vec::new();
    for batch in corpus.read(Table::Instructions, &selection, BATCH_ROWS, Position::default())? {
        let (_, batch) = batch?;
        let column = |name: &str| {
            let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
            column.ok_or_else(|| Error::invalid(folder, format!("its column `{name}` is missing or holds no text")))
        };
        let [ids, documents] = [column("id")?, column("document_id")?];
        let [instructions, inputs, outputs] = [column("instruction")?, column("input")?, column("output")?];
        let history = batch.column_by_name("history").and_then(|column| column.as_list_opt::<i32>());
        let text = |of: &arrow::array::StringArray, row: usize| {
            if of.is_valid(row) { of.value(row).to_owned() } else { String::new() }
        };
        records.extend((0..batch.num_rows()).map(|row| Record {
            id: text(ids, row),
            kind,
            document: documents.is_valid(row).then(|| documents.value(row).to_owned()),
            asked: chat::Record {
                instruction: text(instructions, row),
                input: text(inputs, row),
                output: text(outputs, row),
                history: history.map(|history| turns(&history.value(row))).unwrap_or_default(),
            },
        }));
    }
    Ok(records)
}

/// Answer records, keep the answers in `path`, and say how near they come.
///
/// # Errors
/// Answers that are there and were made otherwise; a file that cannot be written.
pub fn answer(session: &Session, records: &[Record], path: &Path, bootstrap: Bootstrap) -> Result<Vec<Row>> {
    let asked: Vec<chat::Record> = records.iter().map(|record| record.asked.clone()).collect();
    let prompts = session.prompts(&asked)?;
    let mut log = Log::open(path, &session.settings(&prompts), prompts.len())?;
    session.answer(&prompts, &mut log, |item| beside(&records[item]))?;
    let answers: Vec<(&Record, &Kept)> = log.records().map(|kept| (&records[kept.item], kept)).collect();
    let row = |of_kind: &[(&Record, &Kept)]| {
        let scores: Vec<f64> = of_kind.par_iter().map(|(record, kept)| score(record, kept)).collect();
        let values: Vec<stats::Value> = of_kind
            .iter()
            .zip(&scores)
            .map(|((record, _), value)| stats::Value {
                task: record.kind,
                case: record.document.as_deref(),
                value: *value,
            })
            .collect();
        let sample = Sample::of(&values);
        let ended = |kept: &Kept| matches!(kept.stop, Some(Stop::End | Stop::Text));
        Row {
            model: session.model.name.clone(),
            kind: of_kind[0].0.kind,
            records: of_kind.len(),
            rouge_l: mean(scores.iter().copied()),
            documents: sample.num_cases(),
            interval: sample.interval(bootstrap),
            ended: mean(of_kind.iter().map(|(_, kept)| f64::from(u8::from(ended(kept))))),
            worst: worst(of_kind, &scores),
        }
    };
    Ok(answers.chunk_by(|a, b| a.0.kind == b.0.kind).map(row).collect())
}

fn worst(answers: &[(&Record, &Kept)], scores: &[f64]) -> Vec<Example> {
    let mut scored: Vec<(f64, usize)> = scores.iter().copied().zip(0..).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let example = |(rouge_l, at): (f64, usize)| {
        let (record, kept) = answers[at];
        let chat::Record { instruction, input, output, .. } = &record.asked;
        Example {
            id: record.id.clone(),
            rouge_l,
            question: shortened(format!("{instruction}\n{input}").trim_end()),
            reference: shortened(output),
            prediction: shortened(&kept.prediction),
        }
    };
    scored.into_iter().filter(|(score, _)| *score < 1.0).take(EXAMPLES).map(example).collect()
}

/// What is kept with an answer.
fn beside(record: &Record) -> Map<String, Value> {
    let chat::Record { instruction, input, output, .. } = &record.asked;
    let all = [("id", &record.id), ("instruction", instruction), ("input", input), ("output", output)];
    let kind = ("kind".to_owned(), json!(record.kind));
    all.into_iter().map(|(name, text)| (name.to_owned(), json!(text))).chain([kind]).collect()
}

fn score(record: &Record, kept: &Kept) -> f64 {
    let answer = Answer { prediction: kept.prediction.clone(), reference: record.asked.output.clone() };
    let verdict = judge(Rule::RougeL { prefix: "" }, &answer, Mode::Strict).and_then(Result::ok);
    verdict.and_then(|verdict| verdict.score).unwrap_or(0.0)
}
