//! The whole training run as a list of steps: corpus → base → runs → new pieces → merged model → audit → files.

use std::path::Path;

use corpus_format::{Corpus, legal::Split};
use serde::Serialize;

use crate::{
    Config, Error, Result,
    audit::{Audit, Auditor},
    bpe,
    config::Ties,
    encode::Encoder,
    hugging_face, init_map,
    lift::{Lifter, Runs},
    merge, output, report,
    spm::{
        Model,
        model::{Algorithm, SPACE},
        train::{Options, train as train_with_library},
    },
    text, ties,
};

/// What a run made.
#[derive(Debug, Serialize)]
pub struct Trained {
    /// The base: its file, or how it was made.
    pub base: String,
    /// How much breaking the base's ties changed.
    pub drift: Drift,
    /// Distinct runs of Han tokens that were learned from.
    pub num_runs: usize,
    /// Weighted count of the last piece that was learned.
    pub last_count: u64,
    /// Why there is no tokenizer.json, where there is none.
    pub no_json: Option<String>,
    /// What was checked and measured.
    pub audit: Audit,
}

/// How often a line of general text counts where the order of ties is learned.
const GENERAL_WEIGHT: u64 = 4;

/// The longest run of spaces that the order of ties is learned on, and how often each length counts.
const MAX_SPACES: usize = 32;
const SPACES_WEIGHT: u64 = 1000;

/// Random lines that the audit of every run makes up, beside those about each new piece.
const FUZZ_ROUNDS: usize = 40_000;

/// Train a tokenizer and write it to the configured folder; nothing is written unless the audit passes.
///
/// # Errors
/// A corpus, base or setting that does not fit; a broken promise of the result.
pub fn train(config: &Config) -> Result<Trained> {
    let corpus = Corpus::open(&config.corpus)?;
    let (original, named) = base(config, &corpus)?;
    let original_encoder = Encoder::new(&original)?;
    if config.base.model.is_some() {
        refuse_other_base(&original, &config.output)?;
    }
    let untied = without_ties(config, &corpus, &original, &original_encoder)?;
    let untied_encoder = untied.as_ref().map(Encoder::new).transpose()?;
    let base = untied.as_ref().unwrap_or(&original);
    let encoder = untied_encoder.as_ref().unwrap_or(&original_encoder);

    let mut runs = Runs::default();
    let mut lifter = Lifter::new(base, encoder);
    each_weighted_line(config, &corpus, |line, weight| lifter.lift(line, weight, &mut runs))?;

    let wanted = merge::num_new_pieces(base, config.train.num_pieces);
    let known = base.ids();
    let spell = |symbols: &[u32]| symbols.iter().map(|&id| base.pieces[id as usize].text()).collect::<String>();
    // A few of the learned are pieces of the base that could not be reached before; they take no new id.
    let spare = encoder.unreachable().len();
    let learned = bpe::train(runs.sorted(), wanted + spare, config.train.max_base_tokens);
    let new = learned.iter().map(|piece| (spell(&piece.symbols), piece.count));
    let new: Vec<(String, u64)> = new.filter(|(text, _)| !known.contains_key(text.as_str())).take(wanted).collect();
    if new.len() < wanted {
        return Err(Error::invalid(
            config.corpus.display(),
            format!("its text gives {} new pieces of {wanted}; ask for fewer in train.num_pieces", new.len()),
        ));
    }
    let last_count = new.last().map_or(0, |(_, count)| *count);
    let texts: Vec<String> = new.into_iter().map(|(text, _)| text).collect();

    let merged = merge::append_below(base, &texts)?;
    let merged_encoder = Encoder::new(&merged)?;
    let (json, no_json) = match hugging_face::files(&merged) {
        Ok(files) => (Some(files), None),
        Err(reason) => (None, Some(reason.to_string())),
    };
    let mut auditor = Auditor::new(base, encoder, &merged, &merged_encoder, json.as_deref())?;
    let mut broken = Ok(());
    let mut drift = Drift::default();
    text::each_line(&corpus, Split::Validation, |kind, line| {
        if broken.is_ok() {
            broken = auditor.measure(kind, line);
            drift.measure(&original, &original_encoder, encoder, line);
        }
    })?;
    broken?;
    auditor.fuzz(FUZZ_ROUNDS)?;

    let trained = Trained { drift, base: named, num_runs: runs.len(), last_count, no_json, audit: auditor.finish() };
    // The weights were trained with the original's tokens.
    let rows = init_map::rows(&original, &original_encoder, &merged, &merged_encoder);
    let mut files = vec![
        ("tokenizer.model", merged.to_bytes()),
        ("init_map.jsonl", init_map::to_jsonl(&rows).into_bytes()),
        ("report.json", output::pretty(&serde_json::json!({"config": config, "trained": trained}))),
        ("report.html", report::page(config, &trained)?.into_bytes()),
    ];
    files.extend(json.iter().flatten().map(|(name, value)| (*name, output::pretty(value))));
    output::write_folder(&config.output, &files)?;
    Ok(trained)
}

/// How much breaking the ties of a base changed its encoding of held-out text.
#[derive(Debug, Default, Serialize)]
pub struct Drift {
    /// Tokens of the original.
    pub num_tokens: usize,
    /// Those that are not tokens any more.
    pub num_changed: usize,
}

impl Drift {
    /// The share of tokens that changed, in percent.
    pub fn percent(&self) -> f64 {
        100.0 * self.num_changed as f64 / self.num_tokens.max(1) as f64
    }

    fn measure(&mut self, model: &Model, original: &Encoder, base: &Encoder, line: &str) {
        let (before, after) = (original.ids(line), base.ids(line));
        self.num_tokens += before.len();
        if before != after {
            self.num_changed += ties::num_changed(model, &before, &after);
        }
    }
}

/// Call `take` with each line to learn from and how often it counts.
fn each_weighted_line(config: &Config, corpus: &Corpus, mut take: impl FnMut(&str, u64)) -> Result<()> {
    let weights = config.mix.weights();
    text::each_line(corpus, Split::Train, |kind, line| {
        if weights[kind] > 0 {
            take(line, weights[kind]);
        }
    })
}

/// The base with an order in place of its ties; none where it has no ties, or they are to stay.
fn without_ties(config: &Config, corpus: &Corpus, base: &Model, encoder: &Encoder) -> Result<Option<Model>> {
    if config.base.ties == Ties::Keep || !ties::has_ties(base) {
        return Ok(None);
    }
    let mut stretches = ties::Stretches::default();
    each_weighted_line(config, corpus, |line, weight| ties::count_stretches(encoder, line, weight, &mut stretches))?;
    if let Some(path) = &config.base.general_text {
        let text = fs_err::read_to_string(path)?;
        text.lines().for_each(|line| ties::count_stretches(encoder, line, GENERAL_WEIGHT, &mut stretches));
    }
    // A clean corpus has no runs of spaces, and code has: LLaMA's pieces of them tie too.
    for length in 2..=MAX_SPACES {
        stretches.insert(SPACE.to_string().repeat(length), SPACES_WEIGHT);
    }
    ties::break_ties(base, &stretches).map(Some)
}

/// The base and a name for it.
fn base(config: &Config, corpus: &Corpus) -> Result<(Model, String)> {
    if let Some(path) = &config.base.model {
        return Ok((Model::read(path)?, path.display().to_string()));
    }
    let mut lines = Vec::new();
    text::each_line(corpus, Split::Train, |_, line| lines.push(line.to_owned()))?;
    let options = Options {
        algorithm: Algorithm::Bpe,
        vocab_size: config.base.vocab_size,
        character_coverage: config.base.character_coverage,
        more: Vec::new(),
    };
    let model = train_with_library(lines.iter(), &options)?;
    Ok((model, "trained on the corpus".to_owned()))
}

/// A folder with a tokenizer of another base is not overwritten: ids there mean something else.
fn refuse_other_base(base: &Model, folder: &Path) -> Result<()> {
    let path = folder.join("tokenizer.model");
    if !path.exists() {
        return Ok(());
    }
    let there = Model::read(&path)?;
    let same = there.pieces.len() >= base.pieces.len()
        && base.pieces.iter().zip(&there.pieces).all(|(a, b)| a.text() == b.text());
    if same {
        return Ok(());
    }
    Err(Error::invalid(
        folder.display(),
        "holds a tokenizer of another base; remove it, or set `output` to another folder",
    ))
}
