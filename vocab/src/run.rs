//! The whole training run as a list of steps: corpus → base → runs → new pieces → merged model → audit → files.

use std::path::Path;

use corpus_format::{Corpus, legal::Split};
use serde::Serialize;

use crate::{
    Config, Error, Result,
    audit::{Audit, Auditor},
    bpe,
    encode::Encoder,
    hugging_face, init_map,
    lift::{Lifter, Runs},
    merge, output, report,
    spm::{
        Model,
        model::Algorithm,
        train::{Options, train as train_with_library},
    },
    text,
};

/// What a run made.
#[derive(Debug, Serialize)]
pub struct Trained {
    /// The base: its file, or how it was made.
    pub base: String,
    /// Distinct runs of Han tokens that were learned from.
    pub num_runs: usize,
    /// Weighted count of the last piece that was learned.
    pub last_count: u64,
    /// Why there is no tokenizer.json, where there is none.
    pub no_json: Option<String>,
    /// What was checked and measured.
    pub audit: Audit,
}

/// Random lines that the audit of every run makes up, beside those about each new piece.
const FUZZ_ROUNDS: usize = 20_000;

/// Train a tokenizer and write it to the configured folder; nothing is written unless the audit passes.
///
/// # Errors
/// A corpus, base or setting that does not fit; a broken promise of the result.
pub fn train(config: &Config) -> Result<Trained> {
    let corpus = Corpus::open(&config.corpus)?;
    let (base, named) = base(config, &corpus)?;
    let encoder = Encoder::new(&base)?;
    if config.base.model.is_some() {
        refuse_other_base(&base, &config.output)?;
    }

    let mut runs = Runs::default();
    let mut lifter = Lifter::new(&base, &encoder);
    let weights = config.mix.weights();
    text::each_line(&corpus, Split::Train, |kind, line| {
        if weights[kind] > 0 {
            lifter.lift(line, weights[kind], &mut runs);
        }
    })?;

    let wanted = merge::num_new_pieces(&base, config.train.num_pieces);
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

    let merged = merge::append_below(&base, &texts)?;
    let merged_encoder = Encoder::new(&merged)?;
    let (json, no_json) = match hugging_face::files(&merged) {
        Ok(files) => (Some(files), None),
        Err(reason) => (None, Some(reason.to_string())),
    };
    let mut auditor = Auditor::new(&base, &encoder, &merged, &merged_encoder, json.as_deref())?;
    let mut broken = Ok(());
    text::each_line(&corpus, Split::Validation, |kind, line| {
        if broken.is_ok() {
            broken = auditor.measure(kind, line);
        }
    })?;
    broken?;
    auditor.fuzz(FUZZ_ROUNDS)?;

    let trained = Trained { base: named, num_runs: runs.len(), last_count, no_json, audit: auditor.finish() };
    let rows = init_map::rows(&base, &encoder, &merged, &merged_encoder);
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
    Ok((model, format!("trained on the corpus, {} pieces", config.base.vocab_size)))
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
