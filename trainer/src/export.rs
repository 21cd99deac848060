//! Writes what a run made as a folder that transformers loads, with a model card; adapters also as PEFT has them.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use minijinja::{Environment, context};
use vocab::Tokenizer;

use crate::{
    Config, Error, Result, checkpoint, metrics,
    model::weights,
    run::CONFIG,
    start::{self, Start},
};

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
    let path = run.join(CONFIG);
    let text = fs_err::read_to_string(&path)?;
    let config: Config = serde_json::from_str(&text).map_err(|e| Error::invalid(path.display(), e.to_string()))?;
    let newest = checkpoint::newest(run, |error| eprintln!("left aside: {error}"))?
        .ok_or_else(|| Error::invalid(run.display(), "it has no whole checkpoint"))?;
    let (progress, saved) = checkpoint::read(&newest)?;
    let tokenizer = Tokenizer::open(&config.tokenizer)?;
    let Start { architecture, mut weights, adapter } = start::start(&config, &tokenizer)?;
    let out = out.map_or_else(|| run.join("model"), Path::to_owned);
    if out.exists() && !out.join("config.json").exists() {
        return Err(Error::invalid(out.display(), "is there already and holds no model; it is left alone"));
    }

    let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    let folder = tempfile::Builder::new().prefix("exporting-").tempdir_in(parent)?;
    let dtype = config.train.dtype.into();
    let mut adapter_folder = None;
    match &adapter {
        Some((lora, _)) => {
            lora.merge(&mut weights, &saved.trained)?;
            let base = config.model.base.as_ref().map(|base| base.display().to_string());
            lora.write(&folder.path().join("adapter"), base.as_deref(), &saved.trained)?;
            adapter_folder = Some(out.join("adapter"));
        }
        None => weights = saved.trained,
    }
    for tensor in weights.values_mut() {
        *tensor = tensor.to_dtype(dtype)?;
    }
    let mut architecture = architecture;
    for (key, id) in [
        ("bos_token_id", Some(tokenizer.begin())),
        ("eos_token_id", Some(tokenizer.end())),
        ("pad_token_id", tokenizer.pad()),
    ] {
        architecture.other.insert(key.to_owned(), serde_json::json!(id));
    }
    weights::write_folder(folder.path(), &architecture, &weights)?;
    for name in ["tokenizer.model", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"] {
        let from = if config.tokenizer.is_dir() { config.tokenizer.join(name) } else { config.tokenizer.clone() };
        if from.exists() && (config.tokenizer.is_dir() || name == "tokenizer.model") {
            fs_err::copy(&from, folder.path().join(name))?;
        }
    }
    let card = card(&config, &progress, run, weights.values().map(Tensor::elem_count).sum())?;
    fs_err::write(folder.path().join("README.md"), card)?;
    if out.exists() {
        fs_err::remove_dir_all(&out)?;
    }
    fs_err::rename(folder.path(), &out)?;
    let _moved = folder.keep();
    Ok(Exported { model: out, adapter: adapter_folder, step: progress.step })
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
        progress => context! { step => progress.step, num_tokens => progress.num_tokens, corpus => progress.corpus, tokenizer => progress.tokenizer },
        num_parameters => format!("{:.1} M", num_parameters as f64 / 1e6),
        validation => validation.map(|v| context! {
            nats => format!("{:.4}", v.nats_per_token),
            bits => format!("{:.4}", v.bits_per_byte),
            perplexity => format!("{:.2}", v.perplexity()),
        }),
    })?;
    Ok(rendered)
}
