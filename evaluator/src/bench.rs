//! Measures how fast answers and likelihoods come: a shape with random weights and random tokens, so that nothing is read.

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use trainer::{model::Architecture, ops::Part};
use vocab::{
    Tokenizer,
    spm::{
        model::{Algorithm, Piece},
        train,
    },
};

use crate::{
    Error, Result,
    generate::{self, Generator, Request},
    model::{Device, Engine, Fused, Model, Place, Texts, Window, open_device},
};

/// What is measured.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The shape, as config.json; LLaMA-7B's with 57,344 ids where absent.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// What it is measured on; a GPU where absent, where one is there and the program was built for it.
    #[arg(long)]
    pub device: Option<Device>,
    /// Answers at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    pub batch: Vec<usize>,
    /// Tokens of a prompt.
    #[arg(long, default_value_t = 512)]
    pub prompt: usize,
    /// Tokens of an answer.
    #[arg(long, default_value_t = 128)]
    pub new: usize,
    /// Texts whose likelihood is measured; none where 0.
    #[arg(long, default_value_t = 8)]
    pub texts: usize,
    /// Tokens of a text.
    #[arg(long, default_value_t = 1024)]
    pub text: usize,
    /// Times that each is measured after a first one; the median counts.
    #[arg(long, default_value_t = 3)]
    pub times: usize,
}

/// Measure, and give `found` each measurement.
///
/// # Errors
/// A shape that is none, a device that fails or has too little memory, or what `found` says.
pub fn bench(options: &Options, mut found: impl FnMut(Value) -> Result<()>) -> Result<()> {
    let model = model(options)?;
    if options.texts > 0 {
        found(score(&model, options)?)?;
    }
    for batch in &options.batch {
        found(answer(&model, options, *batch)?)?;
        if let Some(step) = step(&model, options, *batch)? {
            found(step)?;
        }
    }
    Ok(())
}

/// A model of random weights, with a tokenizer that has a piece for each id.
fn model(options: &Options) -> Result<Model> {
    let architecture = match &options.config {
        Some(path) => Architecture::read(path)?,
        None => serde_json::from_value(json!({
            "vocab_size": 57_344, "hidden_size": 4096, "intermediate_size": 11_008, "num_hidden_layers": 32,
            "num_attention_heads": 32, "max_position_embeddings": 4096,
        }))
        .map_err(|e| Error::Invalid { at: "the shape".into(), what: e.to_string() })?,
    };
    let device = open_device(options.device, &architecture)?;
    let weights = trainer::bench::weights(&architecture, 0)?;
    let tokenizer = tokenizer(architecture.vocab_size)?;
    let engine = Engine::new(architecture.clone(), weights, device.as_ref())?;
    let (sha256, notes) = ([None, None, None], Vec::new());
    Ok(Model { architecture, engine, tokenizer, name: "random".into(), sha256, trained_on: None, notes })
}

/// Pieces of numbers, and pieces that stand for nothing for the other ids.
fn tokenizer(num_ids: usize) -> Result<Tokenizer> {
    let text: Vec<String> = (0..2000).map(|number| number.to_string()).collect();
    let options = train::Options {
        algorithm: Algorithm::Bpe,
        vocab_size: 270.min(num_ids),
        character_coverage: 1.0,
        more: Vec::new(),
    };
    let mut pieces = train::train(text.iter().map(String::as_str), &options)?;
    for id in pieces.pieces.len()..num_ids {
        pieces.pieces.push(Piece::normal(format!("piece{id}"), -(id as f32)));
    }
    let folder = tempfile::tempdir()?;
    fs_err::write(folder.path().join("tokenizer.model"), pieces.to_bytes())?;
    Ok(Tokenizer::open(folder.path())?)
}

/// Tokens that are no marks.
fn tokens(model: &Model, seed: u64, count: usize) -> Vec<u32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let num_ids = model.architecture.vocab_size as u32;
    (0..count).map(|_| random.random_range(num_ids / 2..num_ids)).collect()
}

/// The median of the seconds that `work` takes, after a first time.
fn seconds<T>(times: usize, mut work: impl FnMut() -> Result<T>) -> Result<(f64, T)> {
    let mut done = work()?;
    let mut all = Vec::new();
    for _ in 0..times.max(1) {
        let start = Instant::now();
        done = work()?;
        all.push(start.elapsed().as_secs_f64());
    }
    all.sort_by(f64::total_cmp);
    Ok((all[all.len() / 2], done))
}

/// Tokens a second of texts whose likelihood is measured.
fn score(model: &Model, options: &Options) -> Result<Value> {
    let Options { texts, text, times, .. } = *options;
    let all: Vec<Vec<u32>> = (0..texts as u64).map(|seed| tokens(model, seed, text + 1)).collect();
    let windows: Vec<Window> =
        all.iter().map(|text| Window { tokens: &text[..text.len() - 1], targets: &text[1..], counted: 0 }).collect();
    let (seconds, nats) = seconds(times, || model.engine.nats(&windows))?;
    let count = texts * text;
    Ok(json!({
        "work": "score", "device": model.device().name(), "texts": texts, "tokens_each": text,
        "seconds": seconds, "tokens_per_s": count as f64 / seconds, "nats_per_token": nats.iter().sum::<f64>() / count as f64,
    }))
}

/// Where a GPU's time goes in a step of answers that are half done, in milliseconds; each kernel is timed apart, which
/// costs some time between them.
fn step(model: &Model, options: &Options, batch: usize) -> Result<Option<Value>> {
    let texts = model.engine.texts(batch, options.prompt + options.new)?;
    let Texts::Card { mut fused, .. } = texts else { return Ok(None) };
    let position = options.prompt + options.new / 2;
    let places: Vec<Place> = (0..batch).map(|slot| Place { token: slot as u32, slot, position }).collect();
    let wanted: Vec<usize> = (0..batch).collect();
    let step = |fused: &mut Fused| fused.likeliest(&places, &wanted, model.architecture.vocab_size);
    step(&mut fused)?;
    let start = Instant::now();
    step(&mut fused)?;
    let whole = start.elapsed().as_secs_f64();
    fused.machine().start_clock();
    step(&mut fused)?;
    let parts = fused.machine().stop_clock()?;
    // There are no adapters here: what the trainer counts as theirs are products with few rows.
    let name = |part| if part == Part::Adapters { Part::Products } else { part };
    let mut by_name: BTreeMap<String, f64> = BTreeMap::new();
    for (part, ms) in parts {
        *by_name.entry(format!("{:?}", name(part)).to_lowercase()).or_default() += ms;
    }
    Ok(Some(json!({"work": "step", "batch": batch, "tokens_before": position, "ms": whole * 1e3, "parts_ms": by_name})))
}

/// New tokens a second of answers, their prompts' time included.
fn answer(model: &Model, options: &Options, batch: usize) -> Result<Value> {
    let generate = generate::Options { max_new_tokens: options.new, allow_loops: true, ..generate::Options::default() };
    let (seconds, count) = seconds(options.times, || {
        let mut generator = Generator::new(model, &generate, batch, options.prompt + options.new)?;
        for id in 0..batch {
            generator.push(Request { id, tokens: tokens(model, id as u64, options.prompt) })?;
        }
        let mut count = 0;
        while !generator.is_idle() {
            for event in generator.step()? {
                if let generate::Event::Done(answer) = event {
                    count += answer.tokens.len();
                }
            }
        }
        Ok(count)
    })?;
    Ok(json!({
        "work": "answer", "device": model.device().name(), "batch": batch, "prompt_tokens": options.prompt,
        "new_tokens": count, "seconds": seconds, "new_tokens_per_s": count as f64 / seconds,
    }))
}
