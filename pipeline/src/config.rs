//! Defines the configuration of a build: typed, closed, validated before any work, echoed beside the output.

use std::path::{Path, PathBuf};

use corpus_format::legal::{InstructionKind, Kind};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::{Error, Result};

/// Everything a build depends on. Paths are relative to the working directory.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where results go. Not part of what the results depend on.
    #[serde(default)]
    pub output: Output,
    /// What is read.
    #[serde(default)]
    pub sources: Vec<SourceConfig>,
    /// What bounds memory and work.
    #[serde(default)]
    pub limits: Limits,
    /// What is masked of people in court documents and instruction records.
    #[serde(default)]
    pub privacy: Privacy,
    /// When a document is not worth training on, per kind.
    #[serde(default)]
    pub filter: Profiles<FilterProfile>,
    /// When two documents are one, per kind.
    #[serde(default)]
    pub dedup: Profiles<DedupProfile>,
    /// Which documents are held out.
    #[serde(default)]
    pub split: SplitConfig,
    /// Which instruction records are derived from the documents.
    #[serde(default)]
    pub instruct: InstructConfig,
    /// How shards are written.
    #[serde(default)]
    pub shards: ShardConfig,
}

/// Where results go.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// Folder of the finished corpus.
    pub shards: PathBuf,
    /// Folder of the HTML report.
    pub report: PathBuf,
    /// Folder of cleaned documents between the stages; what is unchanged there is not done again.
    pub work: PathBuf,
}

impl Default for Output {
    fn default() -> Self {
        Self { shards: "data/shards".into(), report: "data/reports/corpus".into(), work: "data/work".into() }
    }
}

impl Output {
    /// A corpus in `shards`, and the other folders beside it under names of their own.
    pub fn beside(shards: &Path) -> Self {
        let beside = |what: &str| {
            let mut name = shards.file_name().unwrap_or_default().to_owned();
            name.push(what);
            shards.with_file_name(name)
        };
        Self { shards: shards.to_owned(), report: beside("-report"), work: beside("-work") }
    }
}

/// A source of raw documents: a manifest, with a local path where the files lie elsewhere; or a
/// folder without a manifest, whose kind is then stated.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The manifest.
    #[serde(default)]
    pub manifest: Option<PathBuf>,
    /// File or folder of raw documents; overrides the manifest's path.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// What a folder without a manifest delivers.
    #[serde(default)]
    pub kind: Option<Kind>,
}

/// What bounds memory and work.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of raw text that one thread takes at a time.
    pub unit_bytes: u64,
    /// Bytes that sorting and near-duplicate checking may hold, each, before they spill or go in rounds.
    pub memory_bytes: u64,
    /// Bytes of one document or record; a larger one is dropped.
    pub max_document_bytes: u64,
    /// Bytes that one archive may unpack to.
    pub max_archive_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { unit_bytes: 4 << 20, memory_bytes: 128 << 20, max_document_bytes: 16 << 20, max_archive_bytes: 4 << 30 }
    }
}

/// What is masked of people in court documents and instruction records.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Privacy {
    /// Whether anything is: numbers and addresses of people, their birth dates, and the names of parties and witnesses.
    pub mask: bool,
    /// Whether lawyers lose their names too; judges, clerks and prosecutors keep theirs.
    pub lawyers: bool,
}

impl Default for Privacy {
    fn default() -> Self {
        Self { mask: true, lawyers: false }
    }
}

/// One value per kind of pretraining document.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles<T: Default> {
    /// For statutes.
    #[serde(default)]
    pub statute: T,
    /// For court documents.
    #[serde(default)]
    pub judgment: T,
}

/// When a document is not worth training on. The defaults drop nothing but debris: thresholds made
/// for web text delete the Criminal Law for its repetitions.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilterProfile {
    /// Characters a document must have.
    pub min_chars: u32,
    /// Share of Han characters it must have.
    pub min_han_fraction: f32,
    /// Share of lost characters (U+FFFD) it may have.
    pub max_replacement_fraction: f32,
    /// Share of masking characters it may have.
    pub max_masked_fraction: f32,
    /// Share of lines that may repeat an earlier one.
    pub max_duplicate_line_fraction: f32,
    /// Share of 5-character shingles that may repeat an earlier one.
    pub max_duplicate_5gram_fraction: f32,
}

impl Default for FilterProfile {
    fn default() -> Self {
        Self {
            min_chars: 64,
            min_han_fraction: 0.5,
            max_replacement_fraction: 0.01,
            max_masked_fraction: 0.25,
            max_duplicate_line_fraction: 0.8,
            max_duplicate_5gram_fraction: 0.9,
        }
    }
}

/// When two documents of a kind are one.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DedupProfile {
    /// Jaccard similarity of the 5-character shingles from which two documents are near-copies.
    pub min_jaccard: f32,
    /// Drop near-copies that are other instruments: another law, another version, another case number.
    /// Otherwise they are kept and marked with their cluster.
    pub drop_other_instruments: bool,
}

impl Default for DedupProfile {
    fn default() -> Self {
        Self { min_jaccard: 0.8, drop_other_instruments: false }
    }
}

/// Which documents are held out.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConfig {
    /// Seed of the choice.
    pub seed: u64,
    /// Share of groups that go to validation; versions and near-copies are one group.
    pub validation_fraction: f64,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { seed: 0, validation_fraction: 0.05 }
    }
}

/// Which instruction records are derived, from the articles of statutes and from court documents.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct InstructConfig {
    /// Seed of the choice.
    pub seed: u64,
    /// Share of articles, in the newest version of their law, that give a recitation record: law and number asked,
    /// text answered.
    pub recitation_fraction: f64,
    /// Share of them that give a lookup record: text asked, law and number answered.
    pub lookup_fraction: f64,
    /// Share of articles of any version that give a question whether they are in force.
    pub statute_question_fraction: f64,
    /// Share of criminal judgments that give their facts, and ask for the charge.
    pub charge_prediction_fraction: f64,
    /// Share of judgments that give their facts, and ask for the articles they rest on.
    pub article_prediction_fraction: f64,
    /// Share of criminal judgments with one accused that give their facts, and ask for the sentence.
    pub term_prediction_fraction: f64,
    /// Share of civil judgments and rulings that give their facts, and ask what is disputed.
    pub dispute_focus_fraction: f64,
    /// Share of judgments and rulings that give their facts, and ask for reasoning and operative part.
    pub judgment_drafting_fraction: f64,
    /// Share of judgments and rulings that give facts and reasoning, and ask for the operative part.
    pub judgment_summary_fraction: f64,
    /// Characters an article must have.
    pub min_chars: u32,
    /// Characters an article must have for a lookup record.
    pub lookup_min_chars: u32,
    /// Characters an article may have.
    pub max_chars: u32,
    /// Characters the facts and the reasoning of a court document must each have.
    pub case_min_chars: u32,
    /// Characters that question and answer from a court document may have together.
    pub case_max_chars: u32,
    /// Share of masking characters that a court document may have.
    pub max_masked_fraction: f32,
}

impl InstructConfig {
    /// The share of articles or documents that give a record of a kind.
    pub fn fraction(&self, kind: InstructionKind) -> f64 {
        match kind {
            InstructionKind::ArticleRecitation => self.recitation_fraction,
            InstructionKind::ArticleLookup => self.lookup_fraction,
            InstructionKind::StatuteQuestion => self.statute_question_fraction,
            InstructionKind::ChargePrediction => self.charge_prediction_fraction,
            InstructionKind::ArticlePrediction => self.article_prediction_fraction,
            InstructionKind::TermPrediction => self.term_prediction_fraction,
            InstructionKind::DisputeFocus => self.dispute_focus_fraction,
            InstructionKind::JudgmentDrafting => self.judgment_drafting_fraction,
            InstructionKind::JudgmentSummary => self.judgment_summary_fraction,
            // A given record is not derived.
            InstructionKind::Consultation => 0.0,
        }
    }
}

impl Default for InstructConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            recitation_fraction: 1.0,
            lookup_fraction: 0.25,
            statute_question_fraction: 0.1,
            charge_prediction_fraction: 1.0,
            article_prediction_fraction: 1.0,
            term_prediction_fraction: 1.0,
            dispute_focus_fraction: 1.0,
            judgment_drafting_fraction: 1.0,
            judgment_summary_fraction: 1.0,
            min_chars: 12,
            lookup_min_chars: 40,
            max_chars: 1200,
            case_min_chars: 60,
            case_max_chars: 4000,
            max_masked_fraction: 0.1,
        }
    }
}

/// How shards are written.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShardConfig {
    /// Bytes of text in one file, before compression.
    pub file_bytes: u64,
    /// Bytes of text in one row group, before compression.
    pub row_group_bytes: u64,
    /// Zstandard level, 1 to 19.
    pub zstd_level: i32,
}

impl Default for ShardConfig {
    fn default() -> Self {
        Self { file_bytes: 256 << 20, row_group_bytes: 16 << 20, zstd_level: 3 }
    }
}

/// Read a configuration that passes `validate`.
pub(crate) fn read_valid<T: DeserializeOwned>(
    path: &Path,
    validate: impl FnOnce(&T) -> std::result::Result<(), String>,
) -> Result<T> {
    let text = fs_err::read_to_string(path)?;
    let config: T =
        toml::from_str(&text).map_err(|source| Error::BadConfig { path: path.to_owned(), source: Box::new(source) })?;
    validate(&config).map_err(|what| Error::Invalid { path: path.to_owned(), what })?;
    Ok(config)
}

impl Config {
    /// Read and validate the configuration at `path`.
    ///
    /// # Errors
    /// An unreadable file, TOML that is not a configuration (with its line), or an impossible value.
    pub fn read(path: &Path) -> Result<Self> {
        read_valid(path, Self::validate)
    }

    /// A configuration with all defaults and the given sources.
    pub fn with_sources(sources: Vec<SourceConfig>) -> Self {
        Self {
            output: Output::default(),
            sources,
            limits: Limits::default(),
            privacy: Privacy::default(),
            filter: Profiles::default(),
            dedup: Profiles::default(),
            split: SplitConfig::default(),
            instruct: InstructConfig::default(),
            shards: ShardConfig::default(),
        }
    }

    /// Check what TOML types cannot say.
    ///
    /// # Errors
    /// The first field with an impossible value, and what it may be.
    pub fn validate(&self) -> std::result::Result<(), String> {
        if self.sources.is_empty() {
            return Err("no [[sources]]: name at least one manifest".into());
        }
        for source in &self.sources {
            match (&source.manifest, &source.path, &source.kind) {
                (Some(_), _, None) | (None, Some(_), Some(_)) => {}
                _ => return Err("a source has a `manifest`, or a `path` and a `kind`".into()),
            }
        }
        let fractions = [
            ("split.validation_fraction", self.split.validation_fraction),
            ("instruct.recitation_fraction", self.instruct.recitation_fraction),
            ("instruct.lookup_fraction", self.instruct.lookup_fraction),
            ("instruct.statute_question_fraction", self.instruct.statute_question_fraction),
            ("instruct.charge_prediction_fraction", self.instruct.charge_prediction_fraction),
            ("instruct.article_prediction_fraction", self.instruct.article_prediction_fraction),
            ("instruct.term_prediction_fraction", self.instruct.term_prediction_fraction),
            ("instruct.dispute_focus_fraction", self.instruct.dispute_focus_fraction),
            ("instruct.judgment_drafting_fraction", self.instruct.judgment_drafting_fraction),
            ("instruct.judgment_summary_fraction", self.instruct.judgment_summary_fraction),
            ("instruct.max_masked_fraction", f64::from(self.instruct.max_masked_fraction)),
            ("dedup.statute.min_jaccard", f64::from(self.dedup.statute.min_jaccard)),
            ("dedup.judgment.min_jaccard", f64::from(self.dedup.judgment.min_jaccard)),
        ];
        for (field, value) in fractions {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("{field} = {value} is not between 0 and 1"));
            }
        }
        let sizes = [
            ("limits.unit_bytes", self.limits.unit_bytes, 64 << 10),
            ("limits.memory_bytes", self.limits.memory_bytes, 1 << 20),
            ("limits.max_document_bytes", self.limits.max_document_bytes, 1 << 10),
            ("limits.max_archive_bytes", self.limits.max_archive_bytes, 1 << 10),
            ("shards.file_bytes", self.shards.file_bytes, 64 << 10),
            ("shards.row_group_bytes", self.shards.row_group_bytes, 64 << 10),
        ];
        for (field, value, min) in sizes {
            if value < min {
                return Err(format!("{field} = {value} is below {min}"));
            }
        }
        if !(1..=19).contains(&self.shards.zstd_level) {
            return Err(format!("shards.zstd_level = {} is not between 1 and 19", self.shards.zstd_level));
        }
        Ok(())
    }

    /// The filter profile of a kind of pretraining document.
    pub fn filter_of(&self, kind: Kind) -> &FilterProfile {
        if kind == Kind::Judgment { &self.filter.judgment } else { &self.filter.statute }
    }

    /// The configuration as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}
