//! Measures how well a model foresees text: nats a token, and bits a byte, which models with other vocabularies can be
//! compared by.

/// Intervals from resampled documents.
mod interval;
/// A text → nats, by windows that slide over all of it.
mod measure;
/// Documents to measure on.
mod read;
/// Rows as text.
pub mod report;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use corpus_format::legal::Split;
use indicatif::ProgressBar;
use serde::Serialize;

use interval::interval;
pub use measure::{Measured, Windows, measure, measure_all};
pub use read::Document;

use crate::{
    Error, Result,
    model::{Files, Model},
    stats::{Bootstrap, Interval},
};

/// What is measured, and on what.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The model.
    #[command(flatten)]
    pub files: Files,
    /// The corpus that `pipeline build` wrote.
    #[arg(long, default_value = "data/shards")]
    pub corpus: PathBuf,
    /// A text to measure on in place of the corpus: one document.
    #[arg(long, conflicts_with_all = ["corpus", "split", "max_documents"])]
    pub text: Option<PathBuf>,
    /// The split of the corpus: train or validation.
    #[arg(long, default_value = "validation")]
    pub split: String,
    /// The first so many documents of each kind; all where absent.
    #[arg(long)]
    pub max_documents: Option<usize>,
    /// Another model on the same documents, such as the base with its smaller vocabulary, and the difference.
    #[arg(long)]
    pub against: Option<PathBuf>,
    /// What the other model is called in results.
    #[arg(long, requires = "against")]
    pub against_name: Option<String>,
    /// Tokens of a window; what the model was made for where absent.
    #[arg(long)]
    pub context: Option<usize>,
    /// Tokens that a window goes on by, so that every token but the first ones has at least context less stride before
    /// it; half of the context where absent.
    #[arg(long)]
    pub stride: Option<usize>,
    /// How often documents are drawn again for an interval; 0 for no intervals.
    #[arg(long, default_value_t = Bootstrap::default().resamples)]
    pub resamples: usize,
    /// What random numbers start from: the same seed gives the same intervals.
    #[arg(long, default_value_t = Bootstrap::default().seed)]
    pub seed: u64,
}

impl Options {
    fn bootstrap(&self) -> Bootstrap {
        Bootstrap { resamples: self.resamples, seed: self.seed }
    }
}

/// A measurement on the documents of a kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The model's name.
    pub model: String,
    /// The kind of documents, or `all`.
    pub kind: String,
    /// Documents.
    pub documents: usize,
    /// Bytes of their text.
    pub bytes: u64,
    /// Tokens of their text, all of which were measured; the mark before a text is none of them.
    pub tokens: u64,
    /// Mean negative log-likelihood of a token, in nats.
    pub nats_per_token: f64,
    /// e to the nats a token.
    pub perplexity: f64,
    /// Bits a byte of text.
    pub bits_per_byte: f64,
    /// The 95 % interval of bits a byte; none of fewer than two documents.
    pub interval: Option<Interval>,
    /// Tokens of a window.
    pub context: usize,
    /// Tokens that a window goes on by.
    pub stride: usize,
}

/// How much better the first model foresees a kind than the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The first model.
    pub model: String,
    /// The other.
    pub against: String,
    /// The kind of documents, or `all`.
    pub kind: String,
    /// Bits a byte of the first less those of the other: below 0 the first is better.
    pub bits_per_byte: f64,
    /// Its 95 % interval, the same documents drawn for both.
    pub interval: Option<Interval>,
}

/// All that was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// By model and kind.
    pub rows: Vec<Row>,
    /// By kind.
    pub differences: Vec<Difference>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// The name of all kinds together.
const ALL: &str = "all";

/// Measure.
///
/// # Errors
/// A model, a corpus or a text that cannot be read; windows that cannot slide.
pub fn perplexity(options: &Options) -> Result<Report> {
    let mut report = Report::default();
    let against = options.against.as_ref().map(|against| {
        let name = options.against_name.clone();
        Files { model: against.clone(), name, device: options.files.device, ..Files::default() }
    });
    if let Some(against) = against.as_ref().filter(|against| against.name() == options.files.name()) {
        let what = "both models are called so; --name or --against-name tells them apart".into();
        return Err(Error::Invalid { at: against.name(), what });
    }
    let documents = match &options.text {
        Some(path) => vec![read::text(path)?],
        None => documents(&options.corpus, &options.split, options.max_documents, &mut report.notes)?,
    };
    let mut measure = |files: &Files| {
        let model = Model::open(files)?;
        let windows = Windows::of(&model, options.context, options.stride)?;
        report.notes.extend(model.notes.iter().cloned());
        if options.text.is_none() {
            report.notes.extend(model.stranger_to(&options.corpus)?);
        }
        report.add(&model, &documents, windows, options.bootstrap())
    };
    let first = measure(&options.files)?;
    if let Some(against) = &against {
        let other = measure(against)?;
        report.compare(&documents, &first, &other, options.bootstrap());
    }
    Ok(report)
}

/// The documents of a split of a corpus, of each kind the first `max`; what is left out is noted.
///
/// # Errors
/// No such split, or a corpus that cannot be read.
pub fn documents(corpus: &Path, split: &str, max: Option<usize>, notes: &mut Vec<String>) -> Result<Vec<Document>> {
    let split = Split::ALL.iter().find(|known| known.as_str() == split).ok_or_else(|| Error::Invalid {
        at: "split".into(),
        what: format!("`{split}` is none; there are train and validation"),
    })?;
    read::corpus(corpus, *split, max, notes)
}

impl Report {
    /// Measure a model on all documents, and add its rows.
    ///
    /// # Errors
    /// A GPU that fails, or that has no memory for a window; likelihoods that are no numbers.
    pub fn add(
        &mut self,
        model: &Model,
        documents: &[Document],
        windows: Windows,
        bootstrap: Bootstrap,
    ) -> Result<OfModel> {
        let bar = ProgressBar::new(documents.len() as u64);
        let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
        let measured = measure_all(model, &texts, windows, |count| bar.set_position(count as u64))?;
        bar.finish_and_clear();
        if measured.iter().any(|measured| !measured.nats.is_finite()) {
            return Err(Error::no_numbers());
        }
        let unknown: u64 = measured.iter().map(|measured| measured.unknown).sum();
        if unknown > 0 {
            let what = "tokens are unknown to the tokenizer: its bits a byte leave out what they stand for";
            self.notes.push(format!("{}: {unknown} {what}", model.name));
        }
        for kind in kinds(documents) {
            let of_kind = of_kind(documents, kind);
            let pairs: Vec<[f64; 2]> =
                of_kind.iter().map(|&at| [measured[at].nats, documents[at].text.len() as f64]).collect();
            let tokens: u64 = of_kind.iter().map(|&at| measured[at].tokens).sum();
            let [nats, bytes] = pairs.iter().fold([0.0; 2], |sum, pair| [sum[0] + pair[0], sum[1] + pair[1]]);
            let bits = |[nats, bytes]: [f64; 2]| nats / bytes / std::f64::consts::LN_2;
            self.rows.push(Row {
                model: model.name.clone(),
                kind: kind.to_owned(),
                documents: of_kind.len(),
                bytes: bytes as u64,
                tokens,
                nats_per_token: nats / tokens as f64,
                perplexity: (nats / tokens as f64).exp(),
                bits_per_byte: bits([nats, bytes]),
                interval: interval(&pairs, bootstrap, bits),
                context: windows.context,
                stride: windows.stride,
            });
        }
        Ok(OfModel { model: model.name.clone(), measured })
    }

    /// Add how much better one model foresees the same documents than another.
    pub fn compare(&mut self, documents: &[Document], first: &OfModel, other: &OfModel, bootstrap: Bootstrap) {
        for kind in kinds(documents) {
            let triples: Vec<[f64; 3]> = of_kind(documents, kind)
                .into_iter()
                .map(|at| [first.measured[at].nats, other.measured[at].nats, documents[at].text.len() as f64])
                .collect();
            let bits = |[first, other, bytes]: [f64; 3]| (first - other) / bytes / std::f64::consts::LN_2;
            let sums = triples.iter().fold([0.0; 3], |sum, next| std::array::from_fn(|i| sum[i] + next[i]));
            self.differences.push(Difference {
                model: first.model.clone(),
                against: other.model.clone(),
                kind: kind.to_owned(),
                bits_per_byte: bits(sums),
                interval: interval(&triples, bootstrap, bits),
            });
        }
    }
}

/// What a model was measured to make of each document.
pub struct OfModel {
    model: String,
    measured: Vec<Measured>,
}

/// The kinds of documents, and all of them where there are several.
fn kinds(documents: &[Document]) -> Vec<&str> {
    let kinds: BTreeSet<&str> = documents.iter().map(|document| document.kind.as_str()).collect();
    let all = (kinds.len() > 1).then_some(ALL);
    kinds.into_iter().chain(all).collect()
}

/// The places of the documents of a kind.
fn of_kind(documents: &[Document], kind: &str) -> Vec<usize> {
    (0..documents.len()).filter(|&at| kind == ALL || documents[at].kind == kind).collect()
}
