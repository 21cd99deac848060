//! Defines the progress of a run: a bar a stage on a terminal, nothing elsewhere.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The bars of a run.
#[derive(Default)]
pub struct Progress {
    bars: MultiProgress,
    times: Times,
}

/// Name and wall time of the stages that are over, in their order.
type Times = Arc<Mutex<Vec<(&'static str, Duration)>>>;

/// The bar of one stage.
pub struct Bar {
    name: &'static str,
    bar: ProgressBar,
    started: Instant,
    times: Times,
}

impl Progress {
    /// A progress that shows nothing.
    pub fn hidden() -> Self {
        Self { bars: MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::hidden()), times: Times::default() }
    }

    /// Start the bar of a stage of `total` units, or one that only turns where the total is unknown.
    pub fn stage(&self, name: &'static str, total: Option<u64>, unit: Unit) -> Bar {
        let bar = self.bars.add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        let template = match (total, unit) {
            (Some(_), Unit::Bytes) => {
                "{prefix:>9} [{bar:28}] {bytes:>10} of {total_bytes:<10} {bytes_per_sec:>12} {elapsed:>4}"
            }
            (Some(_), Unit::Items) => "{prefix:>9} [{bar:28}] {human_pos:>10} of {human_len:<10} {elapsed:>17}",
            (None, _) => "{prefix:>9} {spinner} {elapsed}",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(name);
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar { name, bar, started: Instant::now(), times: Arc::clone(&self.times) }
    }

    /// Name and wall time of each stage that is over.
    pub fn times(&self) -> Vec<(&'static str, Duration)> {
        self.times.lock().map(|times| times.clone()).unwrap_or_default()
    }
}

/// What a bar counts.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Bytes of raw files.
    Bytes,
    /// Sources, units of work or shards.
    Items,
}

impl Bar {
    /// Count what was done.
    pub fn add(&self, n: u64) {
        self.bar.inc(n);
    }

    /// The stage is over; its bar stays with the time it took.
    pub fn finish(&self) {
        self.bar.finish();
        if let Ok(mut times) = self.times.lock() {
            times.push((self.name, self.started.elapsed()));
        }
    }
}
