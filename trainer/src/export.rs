//! Writes what a run made as a folder that transformers loads, with a model card; adapters also as PEFT has them.

use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use minijinja::{Environment, context};
use vocab::Tokenizer;

use crate::{
    Config, Error, Result, checkpoint, json, metrics,
    model::weights::{self, Weights},
    run::CONFIG,
    start::{self, Start},
};

/// How folders begin that an export needs until it is done.
pub(crate) const REMNANT: &str = "exporting-";

/// The folder of the adapter in that of the model.
const ADAPTER: &str = "adapter";
/// The folder of the weights that the adapter belongs to, where nothing else holds them.
const BASE: &str = "base";

/// The files of a tokenizer.
const TOKENIZER: [&str; 4] = ["tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];
/// Other files.
const FILES: [&str; 6] = [
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "README.md",
    "adapter_config.json",
    "adapter_model.safetensors",
];

/// What was written.
pub struct Exported {
    /// The model.
    pub model: PathBuf,
    /// The adapter, where one was trained.
    pub adapter: Option<PathBuf>,
    /// The step it is from.
    pub step: u64,
}

/// Write the model of the newest checkpoint of `run` to `out`, or to `model` in the run.
///
/// # Errors
/// A run without a whole checkpoint, or whose base is gone; a folder that holds something else.
pub fn export(run: &Path, out: Option<&Path>) -> Result<Exported> {
    let config: Config = json::read(&run.join(CONFIG))?;
    let out = out.map_or_else(|| run.join("model"), Path::to_owned);
    check_target(&out, run, &config)?;
    let newest = checkpoint::newest(run, |error| eprintln!("left aside: {error}"))?
        .ok_or_else(|| Error::invalid(run.display(), "it has no whole checkpoint"))?;
    let (progress, saved) = checkpoint::read(&newest)?;
    let tokenizer = Tokenizer::open(&config.tokenizer)?;
    progress
        .check(&start::hash_tokenizer(&tokenizer), start::hash_base(&config)?.as_deref())
        .map_err(|what| Error::invalid(run.display(), what))?;
    let Start { mut architecture, mut weights, adapter, base } = start::start(&config, &tokenizer)?;

    let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    let folder = tempfile::Builder::new().prefix(REMNANT).tempdir_in(parent)?;
    let dtype = config.train.dtype.into();
    for (key, id) in [
        ("bos_token_id", Some(tokenizer.begin())),
        ("eos_token_id", Some(tokenizer.end())),
        ("pad_token_id", tokenizer.pad()),
    ] {
        architecture.other.insert(key.to_owned(), serde_json::json!(id));
    }
    let mut adapter_folder = None;
    match &adapter {
        Some((lora, _)) => {
            // An adapter fits what it was trained on only: a base that is new or was grown is written beside it.
            let base = match base {
                Some(base) => base,
                None => {
                    weights::write_folder(&folder.path().join(BASE), &architecture, &typed(&weights, dtype)?)?;
                    out.join(BASE)
                }
            };
            lora.merge(&mut weights, &saved.trained)?;
            lora.write(&folder.path().join(ADAPTER), Some(&base.display().to_string()), &saved.trained)?;
            adapter_folder = Some(out.join(ADAPTER));
        }
        None => weights = saved.trained,
    }
    weights::write_folder(folder.path(), &architecture, &typed(&weights, dtype)?)?;
    for name in TOKENIZER {
        let from = if config.tokenizer.is_dir() { config.tokenizer.join(name) } else { config.tokenizer.clone() };
        if from.exists() && (config.tokenizer.is_dir() || name == "tokenizer.model") {
            fs_err::copy(&from, folder.path().join(name))?;
        }
    }
    let card = card(&config, &progress, run, weights.values().map(Tensor::elem_count).sum())?;
    fs_err::write(folder.path().join("README.md"), card)?;
    replace(&out, folder, parent)?;
    Ok(Exported { model: out, adapter: adapter_folder, step: progress.step })
}

fn typed(weights: &Weights, dtype: DType) -> Result<Weights> {
    weights.iter().map(|(name, tensor)| Ok((name.clone(), tensor.to_dtype(dtype)?))).collect()
}

/// Check that nothing is lost where `out` is replaced.
fn check_target(out: &Path, run: &Path, config: &Config) -> Result<()> {
    if !out.exists() {
        return Ok(());
    }
    let whole = out.canonicalize()?;
    let needed = [Some(run), config.model.base.as_deref(), config.model.adapter.as_deref(), Some(&config.tokenizer)];
    for path in needed.into_iter().flatten() {
        if path.canonicalize().is_ok_and(|path| path.starts_with(&whole)) {
            let what = format!("is, or holds, {}, which the export is made of", path.display());
            return Err(Error::invalid(out.display(), what));
        }
    }
    let is_empty = fs_err::read_dir(out)?.next().is_none();
    if !is_empty && !out.join("config.json").exists() {
        return Err(Error::invalid(out.display(), "is there already and holds no model; it is left alone"));
    }
    check_names(out)
}

/// Check that a folder holds nothing but what an export writes.
fn check_names(folder: &Path) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_shard = name.starts_with("model-") && name.ends_with(".safetensors");
        let is_ours = if entry.file_type()?.is_dir() {
            check_names(&entry.path())?;
            [ADAPTER, BASE].contains(&name.as_ref())
        } else {
            is_shard || TOKENIZER.contains(&name.as_ref()) || FILES.contains(&name.as_ref())
        };
        if !is_ours {
            let what = format!("holds `{name}`, which no export writes; it is left alone");
            return Err(Error::invalid(folder.display(), what));
        }
    }
    Ok(())
}

/// Put `new` at `out`. What was there is put aside before, and removed last.
fn replace(out: &Path, new: tempfile::TempDir, parent: &Path) -> Result<()> {
    let aside = tempfile::Builder::new().prefix(REMNANT).tempdir_in(parent)?;
    let old = aside.path().join("old");
    let was_there = out.exists();
    if was_there {
        fs_err::rename(out, &old)?;
    }
    if let Err(error) = fs_err::rename(new.path(), out) {
        if was_there {
            fs_err::rename(&old, out)?;
        }
        return Err(error.into());
    }
    let _moved = new.keep();
    Ok(aside.close()?)
}

fn card(config: &Config, progress: &checkpoint::Progress, run: &Path, num_parameters: usize) -> Result<String> {
    let lines = run.join(metrics::LINES);
    let steps = if lines.exists() { metrics::read(&lines)? } else { Vec::new() };
    let validation = steps.iter().rev().find_map(|step| step.validation);
    let mut environment = Environment::new();
    environment.add_template("card", include_str!("card.md"))?;
    let rendered = environment.get_template("card")?.render(context! {
        config,
        config_text => format!("{:#}", serde_json::json!(config)),
        progress => context! { step => progress.step, num_tokens => progress.num_tokens, corpus => progress.corpus, tokenizer => progress.tokenizer, base => progress.base },
        num_parameters => format!("{:.1} M", num_parameters as f64 / 1e6),
        validation => validation.map(|v| context! {
            nats => format!("{:.4}", v.nats_per_token),
            bits => format!("{:.4}", v.bits_per_byte),
            perplexity => format!("{:.2}", v.perplexity()),
        }),
    })?;
    Ok(rendered)
}
