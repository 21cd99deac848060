//! The whole run: data → loss → update, with measurements and checkpoints on the way.

use std::{
    collections::BTreeMap,
    mem::ManuallyDrop,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use candle_core::{Device, Tensor};
use corpus_format::{Corpus, legal::Split};
use vocab::Tokenizer;

use crate::{
    Config, Error, Result,
    checkpoint::{self, Progress},
    config::{Data, Task},
    data::{
        batch::Batch,
        chat::Template,
        loader::Loader,
        stream::{Counts, Plan, Source, State, Stream},
    },
    engine::{self, Engine, Loss},
    export,
    group::{self, Group, Place},
    json,
    metrics::{self, Metrics, StepMetrics, Validation, page},
    plan, resume,
    start::{self, Start},
};

/// The file in a run's folder that says what was asked for.
pub const CONFIG: &str = "config.json";

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// From the start; a run that is there is left alone.
    New,
    /// From the newest checkpoint, where there is one.
    Resume,
    /// From the start; a run that is there is removed.
    Fresh,
}

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
    /// Steps that were skipped: their gradient was no number.
    pub num_skipped: u64,
    /// What was read.
    pub counts: Counts,
}

/// Train as `config` says until the end or until `stop` is set.
///
/// # Errors
/// What the run needs and does not find, a folder that holds another run, a gradient that is no number too often.
pub fn train(config: &Config, begin: Begin, stop: &AtomicBool) -> Result<Outcome> {
    let mut run = ManuallyDrop::new(Run::start(config, begin)?);
    let outcome = run.go(stop);
    if outcome.is_ok() || run.group.world() == 1 {
        drop(ManuallyDrop::into_inner(run));
    }
    // A rank that fails cleans nothing up: the device may wait for the others, which see this process end.
    outcome
}

/// A run between its steps.
struct Run<'a> {
    config: &'a Config,
    tokenizer: Arc<Tokenizer>,
    engine: Box<dyn Engine>,
    group: Box<dyn Group>,
    loader: Loader,
    /// Of the first rank.
    metrics: Option<Metrics>,
    progress: Progress,
    /// The step of the newest checkpoint; 0 where there is none.
    saved: u64,
    /// The rows to measure on.
    measured_on: Batch,
    cost: plan::Cost,
    losses: Option<(f64, f64)>,
    validation: Option<Validation>,
    skipped_in_a_row: u64,
}

impl<'a> Run<'a> {
    fn start(config: &'a Config, begin: Begin) -> Result<Self> {
        let place = Place::from_environment(|name| std::env::var(name).ok())?;
        let device = device(place.local_rank)?;
        let mut group = group::join(place, &device)?;
        let is_first = group.rank() == 0;
        if begin == Begin::Fresh && is_first {
            remove(&config.output)?;
        }
        // The others look into the folder after that.
        sum(0.0, group.as_mut())?;
        let corpus = Corpus::open(&config.corpus)?;
        let tokenizer = Arc::new(Tokenizer::open(&config.tokenizer)?);
        let (mut progress, saved) = resume::progress(config, begin == Begin::Resume, &corpus, &tokenizer)?;
        check_same_step(progress.step, group.as_mut())?;
        let stream = |epochs, state: Option<State>| open(config, &corpus, Split::Train, &tokenizer, epochs, state);
        let epochs = config.train.epochs.or(config.train.steps.is_none().then_some(1));
        let rows = stream(epochs, progress.data.clone())?;
        let measured_on = validation(config, &corpus, &tokenizer)?;

        let Start { architecture, weights, adapter, .. } = start::start(config, &tokenizer)?;
        let place = (group.rank(), group.world());
        let cost = plan::Cost::of(&architecture, adapter.as_ref().map(|(lora, _)| lora), place, config);
        let mut engine = engine::start(architecture, weights, adapter, &device, place, config)?;
        if let Some(saved) = &saved {
            engine.restore(saved)?;
        }
        progress.num_steps = num_steps(config, progress.num_steps, |epochs| stream(Some(epochs), None))?;
        let loader = Loader::start(rows, config.train.rows)?;
        if is_first && device.is_cuda() {
            println!("{}", cost.table(Some(progress.num_steps)));
        }

        fs_err::create_dir_all(&config.output)?;
        if is_first {
            json::write(&config.output.join(CONFIG), config)?;
        }
        let metrics = is_first.then(|| Metrics::open(&config.output, progress.step, progress.num_steps)).transpose()?;
        Ok(Self {
            config,
            tokenizer,
            engine,
            group,
            loader,
            metrics,
            saved: progress.step,
            progress,
            measured_on,
            cost,
            losses: None,
            validation: None,
            skipped_in_a_row: 0,
        })
    }

    /// All steps that are left.
    fn go(&mut self, stop: &AtomicBool) -> Result<Outcome> {
        if self.progress.step == 0 && self.is_measured() {
            let measured = self.measure()?;
            if let Some(shown) = &mut self.metrics {
                shown.before(measured)?;
            }
        }
        while self.progress.step < self.progress.num_steps && !self.should_stop(stop)? {
            let Some((batch, state)) = self.loader.next_batch()? else {
                // Of a checkpoint that did not know how many steps its epochs have.
                self.progress.num_steps = self.progress.step;
                break;
            };
            let Some(mut metrics) = self.step(&batch, state, stop)? else { break };
            if self.is_measured() {
                metrics.validation = Some(self.measure()?);
            }
            if let Some(shown) = &mut self.metrics {
                shown.step(&metrics)?;
            }
            let best = self.progress.best.map(|(step, _)| step);
            if self.progress.step.is_multiple_of(self.config.checkpoint.every) || best == Some(self.progress.step) {
                self.save()?;
            }
        }
        self.finish()
    }

    /// Whether any rank was asked to stop.
    fn should_stop(&mut self, stop: &AtomicBool) -> Result<bool> {
        let own = f64::from(u8::from(stop.load(Ordering::Relaxed)));
        Ok(sum(own, self.group.as_mut())? > 0.0)
    }

    /// Learn from a batch of all ranks, after which the data goes on from `state`; nothing is learned, and nothing
    /// given, if the run is stopped in the middle.
    fn step(&mut self, batch: &Batch, state: State, stop: &AtomicBool) -> Result<Option<StepMetrics>> {
        let started = Instant::now();
        let (rank, world) = (self.group.rank(), self.group.world());
        let step = self.config.optimizer.step(self.progress.step, self.progress.num_steps);
        let parts = batch.share(rank, world, self.config.train.part_rows);
        for (number, part) in parts.iter().enumerate() {
            // Several ranks stop between steps only: in the middle, the others would wait for this one.
            if world == 1 && stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let last: Option<&mut dyn Group> = if number + 1 == parts.len() { Some(self.group.as_mut()) } else { None };
            self.engine.forward_backward(part, self.progress.step, (number * world + rank) as u64, last)?;
        }
        let (num_tokens, num_targets) = (batch.num_tokens() as u64, batch.num_targets() as u64);
        // Losses are asked for last: a device that is asked for one has to be waited for.
        let updated = self.engine.update(num_targets, &step, self.group.as_mut())?;
        let mean = sum(self.engine.loss()?.nats, self.group.as_mut())? / num_targets.max(1) as f64;
        self.progress.step += 1;
        self.progress.num_tokens += num_tokens;
        self.progress.data = Some(state);
        self.losses = Some((self.losses.map_or(mean, |(first, _)| first), mean));
        self.count_skipped(updated.is_finite, batch)?;
        let tokens_per_s = num_tokens as f64 / started.elapsed().as_secs_f64();
        Ok(Some(StepMetrics {
            step: self.progress.step,
            loss: mean,
            learning_rate: step.learning_rate,
            gradient_norm: updated.is_finite.then_some(updated.gradient_norm),
            num_tokens: self.progress.num_tokens,
            tokens_per_s,
            peak_share: self.cost.peak_share(tokens_per_s / world as f64),
            memory_bytes: metrics::memory(),
            validation: None,
        }))
    }

    /// Give up, and leave the batch, where too many steps in a row had no finite gradient.
    fn count_skipped(&mut self, is_finite: bool, batch: &Batch) -> Result<()> {
        self.progress.num_skipped += u64::from(!is_finite);
        self.skipped_in_a_row = if is_finite { 0 } else { self.skipped_in_a_row + 1 };
        if self.skipped_in_a_row <= self.config.train.max_skipped {
            return Ok(());
        }
        let path = self.config.output.join("not-finite.json");
        fs_err::write(&path, serde_json::json!(batch).to_string())?;
        Err(Error::NotFinite { step: self.progress.step, num_skipped: self.skipped_in_a_row, batch: path })
    }

    fn is_measured(&self) -> bool {
        let Progress { step, num_steps, .. } = self.progress;
        self.config.evaluate.bytes > 0 && (step.is_multiple_of(self.config.evaluate.every) || step == num_steps)
    }

    /// Measure on texts of the validation split.
    fn measure(&mut self) -> Result<Validation> {
        let batch = &self.measured_on;
        let mut loss = Loss::default();
        for part in batch.share(self.group.rank(), self.group.world(), self.config.train.part_rows) {
            loss += self.engine.losses(&part)?.0;
        }
        let nats = sum(loss.nats, self.group.as_mut())?;
        let targets = batch.rows.iter().flat_map(|row| &row.targets);
        let num_bytes: usize = targets.map(|target| self.tokenizer.num_bytes(*target)).sum();
        let num_targets = batch.num_targets() as u64;
        let measured = Validation {
            nats_per_token: nats / num_targets.max(1) as f64,
            bits_per_byte: nats / std::f64::consts::LN_2 / num_bytes.max(1) as f64,
            num_targets,
        };
        let nats = measured.nats_per_token;
        if nats.is_finite() && self.progress.best.is_none_or(|(_, best)| nats < best) {
            self.progress.best = Some((self.progress.step, nats));
        }
        self.validation = Some(measured);
        if let Some(metrics) = &self.metrics {
            metrics.measured(self.progress.step, &measured);
        }
        Ok(measured)
    }

    /// Write a checkpoint and remove those that are not kept.
    fn save(&mut self) -> Result<()> {
        let step = self.progress.step;
        if step == self.saved {
            return Ok(());
        }
        // The ranks bring together what they keep; the first writes it.
        let saved = self.engine.save(self.group.as_mut())?;
        self.saved = step;
        if self.group.rank() > 0 {
            return Ok(());
        }
        checkpoint::write(&self.config.output, &self.progress, &saved)?;
        let best = self.progress.best.map(|(step, _)| step);
        checkpoint::prune(&self.config.output, self.config.checkpoint.keep, best, step)
    }

    fn finish(&mut self) -> Result<Outcome> {
        self.save()?;
        if let Some(metrics) = &self.metrics {
            let steps = metrics::read(&self.config.output.join(metrics::LINES))?;
            fs_err::write(self.config.output.join("report.html"), page::render(self.config, &steps, &self.cost)?)?;
            metrics.finish();
        }
        self.group.leave();
        let Progress { step, num_steps, num_skipped, .. } = self.progress;
        let counts = self.progress.data.as_ref().map(|data| data.counts).unwrap_or_default();
        Ok(Outcome { step, num_steps, losses: self.losses, validation: self.validation, num_skipped, counts })
    }
}

/// Check that all ranks go on from the same step: each read its own folder.
fn check_same_step(step: u64, group: &mut dyn Group) -> Result<()> {
    let first = sum(if group.rank() == 0 { step as f64 } else { 0.0 }, group)?;
    let num_others = sum(f64::from(u8::from(first != step as f64)), group)?;
    if num_others == 0.0 {
        return Ok(());
    }
    let what = format!("goes on from step {step}, rank 0 from step {first}: all ranks have to see the same folder");
    Err(Error::invalid(format!("rank {}", group.rank()), what))
}

/// The steps of a run that is not begun; reads the corpus where epochs say how many they are.
///
/// # Errors
/// A corpus or tokenizer that cannot be read.
pub fn planned_steps(config: &Config) -> Result<u64> {
    let (corpus, tokenizer) = (Corpus::open(&config.corpus)?, Arc::new(Tokenizer::open(&config.tokenizer)?));
    num_steps(config, 0, |epochs| open(config, &corpus, Split::Train, &tokenizer, Some(epochs), None))
}

/// The steps of a run: as many as are asked for, or as the epochs have where those are fewer.
fn num_steps(config: &Config, known: u64, stream: impl FnOnce(u64) -> Result<Stream>) -> Result<u64> {
    let most = match (config.train.steps, config.train.epochs) {
        (Some(steps), None) => return Ok(steps),
        _ if known > 0 => return Ok(known),
        (steps, _) => steps.unwrap_or(u64::MAX),
    };
    let mut stream = stream(config.train.epochs.unwrap_or(1))?;
    let steps = |stream: &Stream| stream.state().rows.div_ceil(config.train.rows as u64);
    while steps(&stream) < most && stream.next_row()?.is_some() {}
    Ok(steps(&stream))
}

/// The rows to measure on; none where nothing is to be measured.
fn validation(config: &Config, corpus: &Corpus, tokenizer: &Arc<Tokenizer>) -> Result<Batch> {
    let mut batch = Batch::default();
    if config.evaluate.bytes == 0 {
        return Ok(batch);
    }
    let mut stream = open(config, corpus, Split::Validation, tokenizer, Some(1), None)?;
    while let Some(row) = stream.next_row()? {
        batch.rows.push(row);
    }
    if batch.rows.is_empty() {
        let what = "the split `validation` holds nothing to learn from; evaluate.bytes = 0 trains without measuring";
        return Err(Error::invalid(corpus.dir().display(), what));
    }
    Ok(batch)
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
    let Data { seq_len, packing, weights, block, .. } = config.data.clone();
    let plan = if split == Split::Validation {
        // The same texts in every run, so that what is measured on them can be compared.
        let (weights, max_bytes) = (BTreeMap::new(), Some(config.evaluate.bytes));
        Plan { seq_len, packing, weights, seed: 0, epochs, block: 8, max_bytes }
    } else {
        Plan { seq_len, packing, weights, seed: config.seed, epochs, block, max_bytes: None }
    };
    Stream::open(corpus, split, source, tokenizer.clone(), plan, state)
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
        "config.json.new",
        metrics::LINES,
        "metrics.jsonl.new",
        "tensorboard",
        "report.html",
        "not-finite.json",
        "model",
    ];
    for entry in fs_err::read_dir(folder)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if !ours.contains(&text.as_ref()) && !text.starts_with(export::REMNANT) {
            return Err(Error::invalid(
                folder.display(),
                format!("holds `{}`, which no run writes; it is left alone", name.display()),
            ));
        }
    }
    Ok(fs_err::remove_dir_all(folder)?)
}
