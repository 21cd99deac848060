//! The whole training run as a list of steps: corpus → base → runs → new pieces → merged model → audit → files.

use std::path::Path;

use corpus_format::{Corpus, legal::Split};
use serde::Serialize;

use crate::{
    Config, Error, Result,
    audit::{Audit, Auditor},
    bpe::{self, Learned},
    compare::Reader,
    config::{Method, Ties},
    counts::Counts,
    encode::{Encoder, Scratch},
    hugging_face, init_map,
    lift::{self, Lifter, Runs},
    merge, output, report,
    roles::{RoleFigures, Uses},
    spm::{
        Model,
        model::{Algorithm, SPACE},
        train::{Options, train as train_with_library},
    },
    terms::{self, Term, TermFigures},
    text::{self, KINDS},
    ties,
    words::Words,
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
    /// The relative standard error of that count, at most: 0 where the whole corpus was counted.
    pub standard_error: f64,
    /// Why there is no tokenizer.json, where there is none.
    pub no_json: Option<String>,
    /// What was checked and measured.
    pub audit: Audit,
    /// New pieces that held-out text uses.
    pub num_used: usize,
    /// What the new pieces are.
    pub roles: Vec<RoleFigures>,
    /// The tokenizers that were to be compared.
    pub others: Vec<Other>,
    /// The list of terms that was given.
    pub given_terms: Option<TermFigures>,
    /// Terms that were found in the corpus.
    pub mined_terms: TermFigures,
    /// The first of these, with what was measured.
    pub terms: Vec<Term>,
}

/// Another tokenizer on the held-out text.
#[derive(Debug, Serialize)]
pub struct Other {
    /// Its file.
    pub path: String,
    /// Its ids.
    pub num_pieces: usize,
    /// Its tokens, by kind of text.
    pub tokens: [usize; KINDS.len()],
}

/// How often a line of general text counts where the order of ties is learned.
const GENERAL_WEIGHT: u64 = 4;

/// The longest run of spaces that the order of ties is learned on, and how often each length counts.
const MAX_SPACES: usize = 32;
const SPACES_WEIGHT: u64 = 1000;

/// Random lines that the audit of every run makes up, beside those about each new piece.
pub const FUZZ_ROUNDS: usize = 40_000;

/// Of the memory for counting, one part in so many is for the text that the order of ties is learned on.
const STRETCHES_SHARE: usize = 5;

/// Lines that a base, or a model without one, is learned from: as many distinct ones as fit into these bytes.
const LIBRARY_TEXT_BYTES: usize = 200_000_000;

/// Train a tokenizer and write it to the configured folder; nothing is written unless the audit passes.
///
/// # Errors
/// A corpus, base or setting that does not fit; a broken promise of the result.
pub fn train(config: &Config) -> Result<Trained> {
    let corpus = Corpus::open(&config.corpus)?;
    let others = config.compare.iter().map(|path| Reader::open(path)).collect::<Result<Vec<Reader>>>()?;
    let given_terms = config.terms.list.as_deref().map(merge::read_terms).transpose()?.map(|(terms, _)| terms);
    let general_text = config.base.general_text.as_ref().map(fs_err::read_to_string).transpose()?;

    let (original, named) = base(config, &corpus)?;
    let original_encoder = Encoder::new(&original)?;
    if config.base.model.is_some() {
        refuse_other_base(&original, &config.output)?;
    }
    let untied = without_ties(config, &corpus, general_text.as_deref(), &original, &original_encoder)?;
    let untied_encoder = untied.as_ref().map(Encoder::new).transpose()?;
    let base = untied.as_ref().unwrap_or(&original);
    let encoder = untied_encoder.as_ref().unwrap_or(&original_encoder);

    let mut runs = lift::runs_within(config.limits.memory_bytes);
    let mut lifter = Lifter::new(base, encoder);
    each_weighted_line(config, &corpus, |line, weight| lifter.lift(line, weight, &mut runs))?;
    let mut words = Words::default();
    words.add(given_terms.iter().flatten().map(String::as_str));
    let mut mined = terms::mine(&runs, base, &words, general_text.as_deref(), config.terms.num_mined);
    words.add(mined.iter().map(|term| term.text.as_str()));
    let runs = words.cut_runs(runs, base, config.train.span);

    let prior = terms::prior(&runs, encoder, given_terms.as_deref().unwrap_or_default(), config.terms.weight);
    let learned = learn(config, base, encoder, &runs, &prior)?;
    let last_count = learned.last().map_or(0, |(_, piece)| piece.count);
    let texts: Vec<&str> = learned.iter().map(|(text, _)| text.as_str()).collect();
    let merged = merge::append_below(base, &texts)?;
    let merged_encoder = Encoder::new(&merged)?;
    let (json, no_json) = match hugging_face::files(&merged) {
        Ok(files) => (Some(files), None),
        Err(reason) => (None, Some(reason.to_string())),
    };

    let mut auditor = Auditor::new(base, encoder, &merged, &merged_encoder, json.as_deref())?;
    let first_new = (merged.pieces.len() - texts.len()) as u32;
    let mut uses = Uses::new(&merged, first_new, &words);
    let mut drift = Drift::default();
    let mut tokens = vec![[0; KINDS.len()]; others.len()];
    let (mut scratch, mut ids) = (Scratch::default(), Vec::new());
    let mut broken = Ok(());
    text::each_line(&corpus, Split::Validation, |kind, line| {
        if broken.is_err() {
            return;
        }
        drift.measure(&original, &original_encoder, encoder, line);
        broken = auditor.measure(kind, line, &mut uses).and_then(|()| {
            for (other, tokens) in others.iter().zip(&mut tokens) {
                tokens[kind] += other.num_tokens(line, &mut scratch, &mut ids)?;
            }
            Ok(())
        });
    })?;
    broken?;
    auditor.fuzz(FUZZ_ROUNDS)?;

    for term in &mut mined {
        let single = TermFigures::of([term.text.as_str()], &original_encoder, &merged_encoder);
        (term.base_tokens, term.tokens) = (single.base_tokens, single.tokens);
    }
    let figures = |terms: &[&str]| TermFigures::of(terms.iter().copied(), &original_encoder, &merged_encoder);
    let trained = Trained {
        drift,
        base: named,
        num_runs: runs.len(),
        last_count,
        standard_error: runs.standard_error(last_count),
        no_json,
        audit: auditor.finish(),
        num_used: uses.num_used(),
        roles: uses.roles(&learned),
        others: config
            .compare
            .iter()
            .zip(others.iter().zip(tokens))
            .map(|(path, (other, tokens))| Other {
                path: path.display().to_string(),
                num_pieces: other.num_pieces(),
                tokens,
            })
            .collect(),
        given_terms: given_terms.map(|terms| figures(&terms.iter().map(String::as_str).collect::<Vec<_>>())),
        mined_terms: figures(&mined.iter().map(|term| term.text.as_str()).collect::<Vec<_>>()),
        terms: mined,
    };
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

/// Train a SentencePiece model of the corpus without a base, `config.train.num_pieces` pieces in all, and write it.
///
/// # Errors
/// What the library refuses, such as fewer pieces than there are characters.
pub fn train_alone(config: &Config) -> Result<Model> {
    let corpus = Corpus::open(&config.corpus)?;
    let algorithm = if config.train.method == Method::Unigram { Algorithm::Unigram } else { Algorithm::Bpe };
    let model = with_library(config, &corpus, algorithm, config.train.num_pieces)?;
    let mut files = vec![("tokenizer.model", model.to_bytes())];
    if algorithm == Algorithm::Bpe {
        files.extend(hugging_face::files(&model)?.iter().map(|(name, value)| (*name, output::pretty(value))));
    }
    output::write_folder(&config.output, &files)?;
    Ok(model)
}

/// The new pieces with their texts, in the order in which they were learned.
fn learn(
    config: &Config,
    base: &Model,
    encoder: &Encoder,
    runs: &Runs,
    prior: &[(Vec<u32>, u64)],
) -> Result<Vec<(String, Learned)>> {
    let wanted = merge::num_new_pieces(base, config.train.num_pieces);
    let known = base.ids();
    let spell = |symbols: &[u32]| symbols.iter().map(|&id| base.pieces[id as usize].text()).collect::<String>();
    // A few of the learned are pieces of the base that could not be reached before; they take no new id.
    let spare = encoder.unreachable().len();
    let runs = runs.sorted().into_iter().chain(prior.iter().map(|(ids, weight)| (&ids[..], *weight)));
    let learned = bpe::train(runs, wanted + spare, config.train.max_base_tokens);
    let learned = learned.into_iter().map(|piece| (spell(&piece.symbols), piece));
    let new: Vec<(String, Learned)> =
        learned.filter(|(text, _)| !known.contains_key(text.as_str())).take(wanted).collect();
    if new.len() < wanted {
        return Err(Error::invalid(
            config.corpus.display(),
            format!("its text gives {} new pieces of {wanted}; ask for fewer in train.num_pieces", new.len()),
        ));
    }
    Ok(new)
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
fn without_ties(
    config: &Config,
    corpus: &Corpus,
    general_text: Option<&str>,
    base: &Model,
    encoder: &Encoder,
) -> Result<Option<Model>> {
    if config.base.ties == Ties::Keep || !ties::has_ties(base) {
        return Ok(None);
    }
    let mut stretches = ties::Stretches::within(config.limits.memory_bytes / STRETCHES_SHARE);
    each_weighted_line(config, corpus, |line, weight| ties::count_stretches(encoder, line, weight, &mut stretches))?;
    for line in general_text.unwrap_or_default().lines() {
        ties::count_stretches(encoder, line, GENERAL_WEIGHT, &mut stretches);
    }
    // A clean corpus has no runs of spaces, and code has: LLaMA's pieces of them tie too.
    for length in 2..=MAX_SPACES {
        stretches.add(&SPACE.to_string().repeat(length), SPACES_WEIGHT);
    }
    ties::break_ties(base, &stretches).map(Some)
}

/// The base and a name for it.
fn base(config: &Config, corpus: &Corpus) -> Result<(Model, String)> {
    if let Some(path) = &config.base.model {
        return Ok((Model::read(path)?, path.display().to_string()));
    }
    let model = with_library(config, corpus, Algorithm::Bpe, config.base.vocab_size)?;
    Ok((model, "trained on the corpus".to_owned()))
}

/// A model that SentencePiece trains on the lines of the corpus.
fn with_library(config: &Config, corpus: &Corpus, algorithm: Algorithm, vocab_size: usize) -> Result<Model> {
    let mut lines = Counts::<str>::within(LIBRARY_TEXT_BYTES);
    // A tab stands between a line and its weight.
    text::each_line(corpus, Split::Train, |_, line| lines.add(&line.replace('\t', " "), 1))?;
    let options = Options {
        algorithm,
        vocab_size,
        character_coverage: config.base.character_coverage,
        more: vec![("input_format", "tsv".to_owned())],
    };
    train_with_library(lines.sorted().iter().map(|(line, count)| format!("{line}\t{count}")), &options)
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
