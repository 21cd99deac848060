//! Reads the corpus in a shuffled order and turns it into rows.
//!
//! An epoch is a list of row groups, each as often as its kind weighs, shuffled; a few row groups at a time make a
//! block, whose texts are shuffled among themselves. The order depends on the seed alone. What has to be kept to go on
//! from a row is the place in that order and what the packer holds.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{Array, AsArray, StringArray},
    record_batch::RecordBatch,
};
use corpus_format::{Corpus, Position, Selection, ShardReader, Table, legal::Split};
use rand::{RngExt, seq::SliceRandom};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use vocab::{Tokenizer, encode::Scratch};

use super::{
    batch::{NO_TARGET, Row},
    chat::{Record, Template},
    pack::{Packer, Packing, Text},
};
use crate::{Error, Result, random};

/// What a stream reads.
pub enum Source {
    /// Documents: every token is learned.
    Documents,
    /// Instruction records, through a template.
    Instructions {
        /// The template.
        template: Box<Template>,
        /// Learn the prompts too.
        learn_all: bool,
    },
}

/// How a stream is cut and shuffled.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Tokens of a row.
    pub seq_len: usize,
    /// How texts share rows.
    pub packing: Packing,
    /// How often an epoch has each kind; 1 where a kind is not named, and a fraction takes that share of row groups.
    pub weights: BTreeMap<String, f64>,
    /// Decides the order.
    pub seed: u64,
    /// How often the corpus is read; for ever where absent.
    pub epochs: Option<u64>,
    /// Row groups that are shuffled together.
    pub block: usize,
    /// Bytes of text after which no other text is begun, and no text has more: what is read does then not depend on
    /// the tokenizer. Not for streams that are gone on with.
    pub max_bytes: Option<u64>,
}

/// The place in a stream, and what its packer holds: all that going on needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Epochs that are behind.
    pub epoch: u64,
    /// Blocks of this epoch that are behind.
    pub block: usize,
    /// Texts of this block that are behind.
    pub text: usize,
    /// Rows that were given.
    pub rows: u64,
    packer: Packer,
    /// Rows that are closed and not given yet.
    closed: Vec<Row>,
    /// What was read.
    pub counts: Counts,
}

/// What was read so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Texts.
    pub texts: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Bytes of their text; of records, of their parts.
    pub bytes: u64,
    /// Records whose answer was cut at the end of a row.
    pub cut: u64,
    /// Records left out because the prompt alone fills a row.
    pub too_long: u64,
    /// Texts in which there is nothing to learn.
    pub nothing: u64,
}

/// Rows of a split of a corpus.
pub struct Stream {
    readers: Vec<ShardReader>,
    /// Row groups: the reader, the position, the weight.
    units: Vec<(usize, Position, f64)>,
    source: Source,
    tokenizer: Arc<Tokenizer>,
    plan: Plan,
    /// The row groups of the epoch, in order.
    order: Vec<usize>,
    order_of: Option<u64>,
    /// Each with its bytes.
    texts: Vec<(u64, Read)>,
    texts_of: Option<(u64, usize)>,
    /// Bytes of all texts that were begun, learned or not.
    num_bytes: u64,
    state: State,
}

/// A text as tokens, or why there is none.
#[derive(Clone)]
enum Read {
    Text { text: Text, is_cut: bool },
    TooLong,
    Nothing,
}

impl Stream {
    /// The stream of `split`, from its start or from `state`.
    ///
    /// # Errors
    /// A corpus that cannot be read, or has nothing of the split.
    pub fn open(
        corpus: &Corpus,
        split: Split,
        source: Source,
        tokenizer: Arc<Tokenizer>,
        plan: Plan,
        state: Option<State>,
    ) -> Result<Self> {
        let (table, columns): (_, &[&str]) = match source {
            Source::Documents => (Table::Documents, &["text"]),
            Source::Instructions { .. } => (Table::Instructions, &["instruction", "input", "output", "history"]),
        };
        let kinds: std::collections::BTreeSet<Option<String>> =
            corpus.index().files_of(table).map(|file| file.kind.clone()).collect();
        let known = |kind: &String| kinds.iter().flatten().any(|known| known == kind);
        if let Some(kind) = plan.weights.keys().find(|kind| !known(kind)) {
            let known = kinds.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
            return Err(Error::invalid(
                "data.weights",
                format!("there is no kind `{kind}` in this corpus; it has {known}"),
            ));
        }
        let (mut readers, mut units) = (Vec::new(), Vec::new());
        for kind in kinds {
            let weight = kind.as_ref().and_then(|kind| plan.weights.get(kind)).copied().unwrap_or(1.0);
            let columns = columns.iter().map(|&column| column.to_owned()).collect();
            let selection = Selection { kind, split: Some(split), columns };
            // A row group at a time: its rows are shuffled anyway.
            let reader = corpus.read(table, &selection, usize::MAX >> 1, Position::default())?;
            units.extend(reader.row_groups()?.into_iter().map(|(position, _)| (readers.len(), position, weight)));
            readers.push(reader);
        }
        if units.is_empty() {
            let hint = if split == Split::Validation { "; evaluate.bytes = 0 trains without measuring" } else { "" };
            return Err(Error::invalid(
                corpus.dir().display(),
                format!("it has no {table} in the split `{}`{hint}", split.as_str()),
            ));
        }
        let fresh = || State {
            epoch: 0,
            block: 0,
            text: 0,
            rows: 0,
            packer: Packer::new(plan.seq_len, plan.packing, matches!(source, Source::Documents)),
            closed: Vec::new(),
            counts: Counts::default(),
        };
        let state = state.unwrap_or_else(fresh);
        Ok(Self {
            readers,
            units,
            source,
            tokenizer,
            plan,
            order: Vec::new(),
            order_of: None,
            texts: Vec::new(),
            texts_of: None,
            num_bytes: 0,
            state,
        })
    }

    /// What has to be kept to go on after the last row that was given.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The next row; none after the last epoch.
    ///
    /// # Errors
    /// A shard that is damaged, a template that fails, an epoch in which nothing can be learned.
    pub fn next_row(&mut self) -> Result<Option<Row>> {
        loop {
            while let Some(row) = take_first(&mut self.state.closed) {
                if row.num_targets() > 0 {
                    self.state.rows += 1;
                    return Ok(Some(row));
                }
            }
            let is_enough = self.plan.max_bytes.is_some_and(|max| self.num_bytes >= max);
            if is_enough || self.plan.epochs.is_some_and(|epochs| self.state.epoch >= epochs) {
                self.state.closed = self.state.packer.finish();
                if self.state.closed.is_empty() {
                    return Ok(None);
                }
                continue;
            }
            self.load_order();
            if self.state.block * self.plan.block >= self.order.len() {
                if self.state.rows == 0
                    && self.state.counts.texts == self.state.counts.nothing + self.state.counts.too_long
                {
                    return Err(Error::invalid(
                        "data",
                        "a whole epoch holds nothing to learn from; see `trainer data`",
                    ));
                }
                self.state.epoch += 1;
                (self.state.block, self.state.text) = (0, 0);
                continue;
            }
            self.load_block()?;
            if self.state.text >= self.texts.len() {
                self.state.block += 1;
                self.state.text = 0;
                continue;
            }
            let (bytes, read) = self.texts[self.state.text].clone();
            self.num_bytes += bytes;
            self.state.text += 1;
            let counts = &mut self.state.counts;
            counts.texts += 1;
            match read {
                Read::Text { text, is_cut } => {
                    counts.tokens += text.tokens.len() as u64;
                    counts.bytes += bytes;
                    counts.cut += u64::from(is_cut);
                    self.state.closed = self.state.packer.push(&text);
                }
                Read::TooLong => counts.too_long += 1,
                Read::Nothing => counts.nothing += 1,
            }
        }
    }

    /// The order of this epoch's row groups.
    fn load_order(&mut self) {
        let epoch = self.state.epoch;
        if self.order_of == Some(epoch) {
            return;
        }
        let mut copies = random::stream(self.plan.seed, random::COPIES, epoch);
        self.order = (0..self.units.len())
            .flat_map(|unit| {
                let weight = self.units[unit].2;
                let more = copies.random_bool(weight.fract());
                std::iter::repeat_n(unit, weight as usize + usize::from(more))
            })
            .collect();
        self.order.shuffle(&mut random::stream(self.plan.seed, random::SHUFFLE, epoch << 32));
        self.order_of = Some(epoch);
    }

    /// The texts of this block, in order.
    fn load_block(&mut self) -> Result<()> {
        let (epoch, block) = (self.state.epoch, self.state.block);
        if self.texts_of == Some((epoch, block)) {
            return Ok(());
        }
        let mut texts = Vec::new();
        let first = block * self.plan.block;
        for at in first..self.order.len().min(first + self.plan.block) {
            let (reader, position, _) = self.units[self.order[at]];
            let reader = &mut self.readers[reader];
            reader.seek(position)?;
            if let Some(batch) = reader.next() {
                texts.extend(read(&batch?.1, &self.source, &self.tokenizer, &self.plan)?);
            }
        }
        texts.shuffle(&mut random::stream(self.plan.seed, random::SHUFFLE, (epoch << 32) + 1 + block as u64));
        self.texts = texts;
        self.texts_of = Some((epoch, block));
        Ok(())
    }
}

fn take_first(rows: &mut Vec<Row>) -> Option<Row> {
    (!rows.is_empty()).then(|| rows.remove(0))
}

/// The rows of a batch as tokens, in parallel.
fn read(batch: &RecordBatch, source: &Source, tokenizer: &Tokenizer, plan: &Plan) -> Result<Vec<(u64, Read)>> {
    let column = |name: &str| -> Result<&StringArray> {
        let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        column.ok_or_else(|| Error::invalid("corpus", format!("its column `{name}` is missing or holds no text")))
    };
    match source {
        Source::Documents => {
            let texts = column("text")?;
            let read = |scratch: &mut Scratch, row: usize| document(texts.value(row), tokenizer, plan, scratch);
            Ok((0..batch.num_rows()).into_par_iter().map_init(Scratch::default, read).collect())
        }
        Source::Instructions { template, learn_all } => {
            let (instruction, input, output) = (column("instruction")?, column("input")?, column("output")?);
            let history = batch.column_by_name("history").and_then(|column| column.as_list_opt::<i32>());
            let record = |row: usize| Record {
                history: history.map(|history| turns(&history.value(row))).unwrap_or_default(),
                instruction: instruction.value(row).to_owned(),
                input: input.value(row).to_owned(),
                output: output.value(row).to_owned(),
            };
            let read = |scratch: &mut Scratch, row: usize| {
                conversation(&record(row), template, *learn_all, tokenizer, plan, scratch)
            };
            (0..batch.num_rows()).into_par_iter().map_init(Scratch::default, read).collect()
        }
    }
}

/// Earlier turns of a record, as the column `history` of a corpus has them: questions and answers.
pub fn turns(history: &dyn Array) -> Vec<(String, String)> {
    let Some(turns) = history.as_struct_opt() else { return Vec::new() };
    let part = |name: &str| turns.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    let (Some(questions), Some(answers)) = (part("question"), part("answer")) else { return Vec::new() };
    (0..turns.len()).map(|turn| (questions.value(turn).to_owned(), answers.value(turn).to_owned())).collect()
}

fn document(text: &str, tokenizer: &Tokenizer, plan: &Plan, scratch: &mut Scratch) -> (u64, Read) {
    let max = plan.max_bytes.map_or(text.len(), |max| usize::try_from(max).unwrap_or(usize::MAX));
    let text = &text[..text.floor_char_boundary(max)];
    let bytes = text.len() as u64;
    let mut tokens = vec![tokenizer.begin()];
    tokenizer.encode(text, scratch, &mut tokens);
    if tokens.len() == 1 {
        return (bytes, Read::Nothing);
    }
    tokens.push(tokenizer.end());
    (bytes, Read::Text { text: Text::plain(tokens), is_cut: false })
}

/// A record as tokens; what goes beyond a row is cut off its answer.
fn conversation(
    record: &Record,
    template: &Template,
    learn_all: bool,
    tokenizer: &Tokenizer,
    plan: &Plan,
    scratch: &mut Scratch,
) -> Result<(u64, Read)> {
    let parts = [&record.instruction, &record.input, &record.output];
    let bytes = parts.iter().map(|part| part.len() as u64).sum();
    if record.output.trim().is_empty() {
        return Ok((bytes, Read::Nothing));
    }
    let mut text = template.tokens(record, tokenizer, learn_all, scratch)?;
    let is_cut = text.tokens.len() > plan.seq_len && plan.packing == Packing::Texts;
    if is_cut {
        text.tokens.truncate(plan.seq_len);
        text.targets.truncate(plan.seq_len);
    }
    if text.targets.iter().all(|target| *target == NO_TARGET) {
        return Ok((bytes, if is_cut { Read::TooLong } else { Read::Nothing }));
    }
    Ok((bytes, Read::Text { text, is_cut }))
}
