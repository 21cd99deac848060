//! Says how a run goes: a line in the terminal, JSON lines, TensorBoard's events, and a page at the end.

/// TensorBoard's event files.
mod events;
/// The page with the curves.
pub mod page;

use std::{io::Write, path::Path, time::Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A step, as a line of metrics.jsonl. The line of step 0 holds what was measured before anything was learned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Steps that are behind, this one included.
    pub step: u64,
    /// Training loss in nats a target; NaN, which JSON has as null, where it was no number.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// The learning rate.
    pub learning_rate: f64,
    /// Norm of the mean gradient before clipping; absent where it was no number.
    pub gradient_norm: Option<f64>,
    /// Tokens trained on so far, filling included.
    pub num_tokens: u64,
    /// Tokens a second of this step, over all ranks.
    pub tokens_per_s: f64,
    /// Share of the card's peak that the needed multiplications reach, where the card is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_share: Option<f64>,
    /// Memory of the process, or of the card, in bytes.
    pub memory_bytes: u64,
    /// What the validation split said after this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

/// A measurement on the validation split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Nats a target.
    #[serde(deserialize_with = "number")]
    pub nats_per_token: f64,
    /// Bits a byte of text: comparable across vocabularies.
    #[serde(deserialize_with = "number")]
    pub bits_per_byte: f64,
    /// Targets measured.
    pub num_targets: u64,
}

/// A number as JSON has it: null where it is NaN or infinite.
fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

impl Validation {
    /// e to the nats a token.
    pub fn perplexity(&self) -> f64 {
        self.nats_per_token.exp()
    }
}

/// Writes the metrics of a run.
pub struct Metrics {
    lines: fs_err::File,
    events: events::Events,
    bar: ProgressBar,
    start: Instant,
    /// The step from which this process goes on.
    first: u64,
}

/// The file with a line a step.
pub const LINES: &str = "metrics.jsonl";

impl Metrics {
    /// Go on with the metrics of a run after `step`; lines of later steps, of a run that was killed, are removed.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn open(run: &Path, step: u64, num_steps: u64) -> Result<Self> {
        let path = run.join(LINES);
        let kept: Vec<StepMetrics> = if path.exists() { read(&path)? } else { Vec::new() };
        // At the start everything comes again, the measurement before the first step too.
        let kept = kept.iter().filter(|line| line.step <= step && step > 0);
        let text: String = kept.map(|line| format!("{}\n", serde_json::json!(line))).collect();
        let new = run.join("metrics.jsonl.new");
        fs_err::write(&new, text)?;
        fs_err::rename(&new, &path)?;
        let lines = fs_err::OpenOptions::new().append(true).open(&path)?;
        let bar = ProgressBar::new(num_steps).with_position(step);
        let style = ProgressStyle::with_template("{bar:20} {pos}/{len}  {msg}  {eta} left");
        bar.set_style(style.map_err(|e| Error::invalid("progress line", e.to_string()))?);
        Ok(Self { lines, events: events::Events::open(run, step)?, bar, start: Instant::now(), first: step })
    }

    /// Say what a step did.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn step(&mut self, step: &StepMetrics) -> Result<()> {
        let mut values = vec![
            ("train/loss", step.loss),
            ("train/learning_rate", step.learning_rate),
            ("train/tokens_per_s", step.tokens_per_s),
        ];
        values.extend(step.gradient_norm.map(|norm| ("train/gradient_norm", norm)));
        self.write(step, values)?;
        let line = line(step);
        if self.bar.is_hidden() {
            let (done, num_steps) = (step.step - self.first, self.bar.length().unwrap_or(0));
            let seconds = self.start.elapsed().as_secs_f64();
            let left = seconds / done.max(1) as f64 * num_steps.saturating_sub(step.step) as f64;
            eprintln!("step {}/{num_steps}  {line}  {seconds:.0} s, about {left:.0} s left", step.step);
        }
        self.bar.set_message(line);
        self.bar.set_position(step.step);
        Ok(())
    }

    /// Write down what the validation split said before the first step.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn before(&mut self, validation: Validation) -> Result<()> {
        let (loss, memory_bytes) = (f64::NAN, memory());
        self.write(
            &StepMetrics { loss, memory_bytes, validation: Some(validation), ..StepMetrics::default() },
            Vec::new(),
        )
    }

    fn write(&mut self, step: &StepMetrics, mut values: Vec<(&str, f64)>) -> Result<()> {
        writeln!(self.lines, "{}", serde_json::json!(step))?;
        if let Some(validation) = &step.validation {
            values.push(("validation/loss", validation.nats_per_token));
            values.push(("validation/bits_per_byte", validation.bits_per_byte));
        }
        self.events.write(step.step, &values)
    }

    /// Say what the validation split said, above the progress.
    pub fn measured(&self, step: u64, validation: &Validation) {
        let (nats, bits) = (validation.nats_per_token, validation.bits_per_byte);
        let perplexity = validation.perplexity();
        let text =
            format!("validation at {step}: {nats:.4} nats a token, perplexity {perplexity:.2}, {bits:.4} bits a byte");
        if self.bar.is_hidden() {
            eprintln!("{text}");
        } else {
            self.bar.println(&text);
        }
    }

    /// Take the progress line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn line(step: &StepMetrics) -> String {
    let norm = step.gradient_norm.map_or("no number, skipped".to_owned(), |norm| format!("{norm:.3}"));
    let peak = step.peak_share.map_or(String::new(), |share| format!("  {:.0} % of peak", 100.0 * share));
    format!(
        "loss {:.4}  lr {:.2e}  norm {norm}  {:.0} tok/s{peak}  {:.1} GB",
        step.loss,
        step.learning_rate,
        step.tokens_per_s,
        step.memory_bytes as f64 / 1e9,
    )
}

/// Read the lines of a run. A last line that a crash cut short is left out.
///
/// # Errors
/// A line that is not one, by its number.
pub fn read(path: &Path) -> Result<Vec<StepMetrics>> {
    let text = fs_err::read_to_string(path)?;
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let line = |(index, line): (usize, &str)| {
        serde_json::from_str(line)
            .map_err(|e| Error::invalid(format!("{}:{}", path.display(), index + 1), e.to_string()))
    };
    whole.lines().enumerate().map(line).collect()
}

/// The memory of the card that is free, in bytes; none without a card.
pub fn card_bytes() -> Option<usize> {
    #[cfg(feature = "cuda")]
    {
        use candle_core::cuda_backend::cudarc::driver::result::mem_get_info;
        mem_get_info().ok().map(|(free, _)| free)
    }
    #[cfg(not(feature = "cuda"))]
    None
}

/// The memory that is in use, in bytes: the card's where there is one, else this process's; 0 where nothing tells.
pub fn memory() -> u64 {
    #[cfg(feature = "cuda")]
    {
        use candle_core::cuda_backend::cudarc::driver::result::mem_get_info;
        if let Ok((free, total)) = mem_get_info() {
            return (total - free) as u64;
        }
    }
    let pages = fs_err::read_to_string("/proc/self/statm").ok();
    let resident =
        pages.as_deref().and_then(|pages| pages.split(' ').nth(1)).and_then(|pages| pages.parse::<u64>().ok());
    resident.unwrap_or(0) * 4096
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_are_read_again_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LINES);
        let measured =
            |nats_per_token| Some(Validation { nats_per_token, bits_per_byte: nats_per_token, num_targets: 3 });
        let nan =
            StepMetrics { step: 1, loss: f64::NAN, validation: measured(f64::INFINITY), ..StepMetrics::default() };
        let number = StepMetrics { step: 2, loss: 0.1, validation: measured(1.0 / 3.0), ..StepMetrics::default() };
        fs_err::write(&path, format!("{}\n{}\n{{\"st", serde_json::json!(nan), serde_json::json!(number))).unwrap();
        let read = read(&path).unwrap();
        assert!(read[0].loss.is_nan() && read[0].validation.unwrap().bits_per_byte.is_nan());
        assert_eq!(read[1], number);
    }
}
