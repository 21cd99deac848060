//! The whole run: data → loss → update, with measurements and checkpoints on the way.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use candle_core::{Device, Tensor};
use corpus_format::{Corpus, legal::Split, reader::hash_file};
use vocab::{Tokenizer, init_map};

use crate::{
    Config, Error, Result,
    checkpoint::{self, Progress},
    config::{NewModel, Task},
    data::{
        batch::Batch,
        chat::Template,
        loader::Loader,
        stream::{Counts, Plan, Source, State, Stream},
    },
    engine::{Engine, Loss, reference::Reference},
    group::{self, Group, Place},
    metrics::{self, Metrics, StepMetrics, Validation, page},
    model::{
        Architecture,
        grow::{self, ROW_MULTIPLE},
        lora::Lora,
        weights::{self, Weights},
    },
    plan,
};

/// The file in a run's folder that says what was asked for.
pub const CONFIG: &str = "config.json";

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Steps that are behind.
    pub step: u64,
    /// Steps of the whole run.
    pub num_steps: u64,
    /// Training loss of the first and the last step, in nats a target.
    pub losses: Option<(f64, f64)>,
    /// The last measurement.
    pub validation: Option<Validation>,
    /// What was read.
    pub counts: Counts,
}

/// A model to start from.
pub struct Start {
    /// Its numbers.
    pub architecture: Architecture,
    /// Its tensors, grown to the tokenizer.
    pub weights: Weights,
    /// The adapters that are trained.
    pub adapter: Option<(Lora, Weights)>,
}

/// Train as `config` says, from the newest checkpoint with `resume`, until the end or until `stop` is set.
///
/// # Errors
/// What the run needs and does not find, a folder that holds another run, a gradient that is no number too often.
pub fn train(config: &Config, resume: bool, stop: &AtomicBool) -> Result<Outcome> {
    let place = Place::from_environment(|name| std::env::var(name).ok())?;
    let device = device(place.local_rank)?;
    let mut group = group::join(place, &device)?;
    let is_first = group.rank() == 0;
    let run = &config.output;
    let checkpoint = match (checkpoint::steps(run)?.is_empty(), resume) {
        (true, _) => None,
        (false, true) => checkpoint::newest(run, |error| eprintln!("left aside: {error}"))?,
        (false, false) => {
            return Err(Error::invalid(run.display(), "holds a run; --resume goes on with it, --fresh begins again"));
        }
    };

    let corpus = Corpus::open(&config.corpus)?;
    let tokenizer = Arc::new(Tokenizer::open(&config.tokenizer)?);
    let saved = checkpoint.as_deref().map(checkpoint::read).transpose()?;
    let fresh = Progress {
        step: 0,
        num_steps: 0,
        num_tokens: 0,
        num_skipped: 0,
        best: None,
        corpus: hash_file(&corpus.dir().join("index.json"))?.1,
        tokenizer: corpus_format::reader::hex(&<sha2::Sha256 as sha2::Digest>::digest(tokenizer.to_bytes())),
        data: None,
    };
    let (mut progress, saved) = match saved {
        Some((progress, saved)) => (progress, Some(saved)),
        None => (fresh.clone(), None),
    };
    if progress.corpus != fresh.corpus || progress.tokenizer != fresh.tokenizer {
        let what = "its checkpoint was made with another corpus or tokenizer; going on would mix them";
        return Err(Error::invalid(run.display(), what));
    }

    let Start { architecture, weights, adapter } = start(config, &tokenizer)?;
    let cost = plan::Cost::of(&architecture, adapter.as_ref().map(|(lora, _)| lora), config);
    let mut engine = Reference::new(architecture, weights, adapter, device, config.train.dtype.into(), config.seed)?;
    if let Some(saved) = &saved {
        engine.restore(saved)?;
    }
    let stream = |epochs, state: Option<State>| open(config, &corpus, Split::Train, &tokenizer, epochs, state);
    progress.num_steps = match config.train.steps {
        Some(steps) => steps,
        None if progress.num_steps > 0 => progress.num_steps,
        None => num_rows(stream(Some(config.train.epochs.unwrap_or(1)), None)?)?.div_ceil(config.train.rows as u64),
    };
    let epochs = config.train.epochs.or(config.train.steps.is_none().then_some(1));
    let mut loader = Loader::start(stream(epochs, progress.data.clone())?, config.train.rows)?;

    fs_err::create_dir_all(run)?;
    if is_first {
        fs_err::write(run.join(CONFIG), format!("{:#}\n", serde_json::json!(config)))?;
    }
    let mut metrics = is_first.then(|| Metrics::open(run, progress.step, progress.num_steps)).transpose()?;
    let mut losses: Option<(f64, f64)> = None;
    let mut validation = None;
    let mut skipped_in_a_row = 0;
    if progress.step == 0 && is_measured(config, &progress) {
        let measured = evaluate(config, &corpus, &tokenizer, &mut engine, group.as_mut())?;
        progress.best = Some((0, measured.nats_per_token));
        if let Some(metrics) = &metrics {
            metrics.say(&format!(
                "validation at 0: {:.4} nats a token, {:.4} bits a byte",
                measured.nats_per_token, measured.bits_per_byte
            ));
        }
    }
    while progress.step < progress.num_steps {
        if should_stop(stop, group.as_mut())? {
            break;
        }
        let Some((batch, state)) = loader.next_batch()? else { break };
        let started = Instant::now();
        let step = config.optimizer.step(progress.step, progress.num_steps);
        let (rank, world) = (group.rank(), group.world());
        let mut loss = Loss::default();
        let mut is_interrupted = false;
        for (number, part) in batch.share(rank, world, config.train.part_rows).iter().enumerate() {
            // Other ranks would wait for this one: together they stop between steps only.
            is_interrupted = world == 1 && stop.load(Ordering::Relaxed);
            if is_interrupted {
                break;
            }
            loss += engine.forward_backward(part, progress.step, (number * world + rank) as u64)?;
        }
        if is_interrupted {
            break;
        }
        let num_targets = batch.num_targets() as u64;
        let nats = sum(loss.nats, group.as_mut())?;
        let updated = engine.update(num_targets, &step, group.as_mut())?;
        progress.step += 1;
        progress.num_tokens += batch.num_tokens() as u64;
        progress.data = Some(state);
        skipped_in_a_row = if updated.is_finite { 0 } else { skipped_in_a_row + 1 };
        progress.num_skipped += u64::from(!updated.is_finite);
        if skipped_in_a_row > config.train.max_skipped {
            let path = run.join("not-finite.json");
            fs_err::write(&path, serde_json::json!(batch).to_string())?;
            return Err(Error::NotFinite { step: progress.step, num_skipped: skipped_in_a_row, batch: path });
        }
        let mean = nats / num_targets.max(1) as f64;
        losses = Some((losses.map_or(mean, |(first, _)| first), mean));
        let seconds = started.elapsed().as_secs_f64();
        let tokens_per_s = batch.num_tokens() as f64 / seconds;
        let measured = if is_measured(config, &progress) {
            let measured = evaluate(config, &corpus, &tokenizer, &mut engine, group.as_mut())?;
            if progress.best.is_none_or(|(_, best)| measured.nats_per_token < best) {
                progress.best = Some((progress.step, measured.nats_per_token));
            }
            validation = Some(measured);
            Some(measured)
        } else {
            None
        };
        if let Some(metrics) = &mut metrics {
            metrics.step(&StepMetrics {
                step: progress.step,
                loss: mean,
                learning_rate: step.learning_rate,
                gradient_norm: updated.is_finite.then_some(updated.gradient_norm),
                num_tokens: progress.num_tokens,
                tokens_per_s,
                peak_share: cost.peak_share(tokens_per_s / group.world() as f64),
                memory_bytes: metrics::memory(),
                validation: measured,
            })?;
        }
        let best = progress.best.map(|(step, _)| step);
        let is_due = progress.step.is_multiple_of(config.checkpoint.every) || best == Some(progress.step);
        if is_first && is_due && progress.step < progress.num_steps {
            checkpoint::write(run, &progress, &engine.save()?)?;
            checkpoint::prune(run, config.checkpoint.keep, best)?;
        }
    }
    if is_first && progress.step > 0 {
        checkpoint::write(run, &progress, &engine.save()?)?;
        checkpoint::prune(run, config.checkpoint.keep, progress.best.map(|(step, _)| step))?;
        fs_err::write(
            run.join("report.html"),
            page::render(config, &metrics::read(&run.join(metrics::LINES))?, &cost)?,
        )?;
    }
    if let Some(metrics) = &metrics {
        metrics.finish();
    }
    let counts = progress.data.map(|data| data.counts).unwrap_or_default();
    Ok(Outcome { step: progress.step, num_steps: progress.num_steps, losses, validation, counts })
}

fn is_measured(config: &Config, progress: &Progress) -> bool {
    config.evaluate.rows > 0
        && (progress.step.is_multiple_of(config.evaluate.every) || progress.step == progress.num_steps)
}

/// Whether any rank was asked to stop.
fn should_stop(stop: &AtomicBool, group: &mut dyn Group) -> Result<bool> {
    let own = f64::from(u8::from(stop.load(Ordering::Relaxed)));
    Ok(sum(own, group)? > 0.0)
}

/// The sum of a number over all ranks.
fn sum(value: f64, group: &mut dyn Group) -> Result<f64> {
    if group.world() == 1 {
        return Ok(value);
    }
    // The two halves of an f64 in f32.
    let high = value as f32;
    let low = (value - f64::from(high)) as f32;
    let parts = group.sum(&Tensor::new(&[high, low], &Device::Cpu)?)?.to_vec1::<f32>()?;
    Ok(parts.into_iter().map(f64::from).sum())
}

/// The GPU of a rank where the program was built for one, else the CPU.
///
/// # Errors
/// No such GPU.
pub fn device(local_rank: usize) -> Result<Device> {
    if cfg!(feature = "cuda") {
        return Ok(Device::new_cuda(local_rank)?);
    }
    Ok(Device::Cpu)
}

/// The rows of a split.
///
/// # Errors
/// A corpus, template or weight that does not fit.
pub fn open(
    config: &Config,
    corpus: &Corpus,
    split: Split,
    tokenizer: &Arc<Tokenizer>,
    epochs: Option<u64>,
    state: Option<State>,
) -> Result<Stream> {
    let source = match config.task {
        Task::Pretrain => Source::Documents,
        Task::Instruct => Source::Instructions {
            template: Box::new(Template::open(&config.data.template)?),
            learn_all: config.data.learn_prompts,
        },
    };
    let plan = Plan {
        seq_len: config.data.seq_len,
        packing: config.data.packing,
        weights: config.data.weights.clone(),
        seed: config.seed,
        epochs,
        block: config.data.block,
    };
    Stream::open(corpus, split, source, tokenizer.clone(), plan, state)
}

fn num_rows(mut stream: Stream) -> Result<u64> {
    while stream.next_row()?.is_some() {}
    Ok(stream.state().rows)
}

/// The numbers of the model that a run would train, and of its adapters, without reading a tensor.
///
/// # Errors
/// A configuration of a model that cannot be read.
pub fn architecture(config: &Config, tokenizer: &Tokenizer) -> Result<(Architecture, Option<Lora>)> {
    let rows = tokenizer.num_pieces().next_multiple_of(ROW_MULTIPLE);
    let architecture = match (&config.model.base, &config.model.new) {
        (Some(base), _) => {
            let read = Architecture::read(&base.join("config.json"))?;
            Architecture { vocab_size: read.vocab_size.max(rows), ..read }
        }
        (None, Some(new)) => new_architecture(config, new, rows)?,
        (None, None) => return Err(Error::invalid("model", "it names neither base nor new")),
    };
    let lora = match &config.model.adapter {
        Some(folder) => Some(Lora::read(folder, &architecture)?.0),
        None => config.lora.clone(),
    };
    Ok((architecture, lora))
}

fn new_architecture(config: &Config, new: &NewModel, rows: usize) -> Result<Architecture> {
    let mut numbers = serde_json::json!(new);
    numbers["vocab_size"] = rows.into();
    numbers["max_position_embeddings"] = config.data.seq_len.max(2048).into();
    let architecture: Architecture =
        serde_json::from_value(numbers).map_err(|e| Error::invalid("model.new", e.to_string()))?;
    architecture.check().map_err(|what| Error::invalid("model.new", what))?;
    Ok(architecture)
}

/// The model to start from, with rows for all ids of the tokenizer.
///
/// # Errors
/// A model or adapter that is not whole, or does not fit the tokenizer.
pub fn start(config: &Config, tokenizer: &Tokenizer) -> Result<Start> {
    let (mut architecture, mut weights) = match (&config.model.base, &config.model.new) {
        (Some(base), _) => weights::read_folder(base)?,
        (None, Some(new)) => {
            let rows = tokenizer.num_pieces().next_multiple_of(ROW_MULTIPLE);
            let architecture = new_architecture(config, new, rows)?;
            let weights = weights::random(&architecture, config.seed)?;
            (architecture, weights)
        }
        (None, None) => return Err(Error::invalid("model", "it names neither base nor new")),
    };
    let (rows, pieces) = (architecture.vocab_size, tokenizer.num_pieces());
    if rows < pieces {
        let map = config.tokenizer.join("init_map.jsonl");
        if !map.exists() {
            let what = format!(
                "the tokenizer has {pieces} ids, the model {rows} rows, and there is no {} to grow it by",
                map.display()
            );
            return Err(Error::invalid("model.base", what));
        }
        grow::grow(&mut architecture, &mut weights, pieces, &init_map::read(&map)?)?;
    } else if rows > pieces.next_multiple_of(ROW_MULTIPLE) {
        let what =
            format!("the model has {rows} rows and the tokenizer {pieces} ids: it is not this model's tokenizer");
        return Err(Error::invalid("model.base", what));
    }
    let adapter = match (&config.model.adapter, &config.lora) {
        (Some(folder), _) => Some(Lora::read(folder, &architecture)?),
        (None, Some(lora)) => Some((lora.clone(), lora.fresh(&architecture, config.seed)?)),
        (None, None) => None,
    };
    Ok(Start { architecture, weights, adapter })
}

/// Measure on the first rows of the validation split.
fn evaluate(
    config: &Config,
    corpus: &Corpus,
    tokenizer: &Arc<Tokenizer>,
    engine: &mut dyn Engine,
    group: &mut dyn Group,
) -> Result<Validation> {
    let mut stream = open(config, corpus, Split::Validation, tokenizer, Some(1), None)?;
    let mut batch = Batch::default();
    while batch.rows.len() < config.evaluate.rows
        && let Some(row) = stream.next_row()?
    {
        batch.rows.push(row);
    }
    let mut loss = Loss::default();
    for part in batch.share(group.rank(), group.world(), config.train.part_rows) {
        loss += engine.losses(&part)?.0;
    }
    let nats = sum(loss.nats, group)?;
    let targets = batch.rows.iter().flat_map(|row| &row.targets);
    let num_bytes: usize = targets.map(|target| tokenizer.num_bytes(*target)).sum();
    let num_targets = batch.num_targets() as u64;
    Ok(Validation {
        nats_per_token: nats / num_targets.max(1) as f64,
        bits_per_byte: nats / std::f64::consts::LN_2 / num_bytes.max(1) as f64,
        num_targets,
    })
}

/// Remove the run in `folder`.
///
/// # Errors
/// A folder that holds something else.
pub fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let ours = [
        "checkpoints",
        CONFIG,
        metrics::LINES,
        "metrics.jsonl.new",
        "tensorboard",
        "report.html",
        "not-finite.json",
        "model",
    ];
    for entry in fs_err::read_dir(folder)? {
        let name = entry?.file_name();
        if !ours.contains(&name.to_string_lossy().as_ref()) {
            return Err(Error::invalid(
                folder.display(),
                format!("holds `{}`, which no run writes; it is left alone", name.display()),
            ));
        }
    }
    Ok(fs_err::remove_dir_all(folder)?)
}
