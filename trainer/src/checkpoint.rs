//! Writes and reads checkpoints: whole, or not at all.
//!
//! A checkpoint is written to a folder under another name, with a manifest of checksums last, brought to the disk, and
//! then renamed. A folder `step-…` is a checkpoint whose manifest holds; whatever else lies there is a remnant.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use corpus_format::reader::hash_file;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    data::stream,
    engine::Saved,
    model::weights::{self, Weights},
};

/// What a run knows beside its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps that are behind.
    pub step: u64,
    /// Steps of the whole run.
    pub num_steps: u64,
    /// Tokens that were trained on, filling included.
    pub num_tokens: u64,
    /// Steps that were skipped, in all.
    pub num_skipped: u64,
    /// The step with the best validation loss so far, and that loss in nats a token.
    pub best: Option<(u64, f64)>,
    /// SHA-256 of the corpus' index.
    pub corpus: String,
    /// SHA-256 of the tokenizer's model.
    pub tokenizer: String,
    /// Where the data goes on.
    pub data: Option<stream::State>,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    /// By file: bytes and SHA-256.
    files: BTreeMap<String, (u64, String)>,
}

const MANIFEST: &str = "manifest.json";
const PROGRESS: &str = "progress.json";
const TENSORS: [&str; 3] = ["trained.safetensors", "first.safetensors", "second.safetensors"];

/// The checkpoint of a step in the folder of a run.
pub fn path(run: &Path, step: u64) -> PathBuf {
    run.join("checkpoints").join(format!("step-{step:08}"))
}

/// Write a checkpoint; it is there in whole once this returns, and not at all if it fails.
///
/// # Errors
/// A full disk, or another reason that a file cannot be written.
pub fn write(run: &Path, progress: &Progress, saved: &Saved) -> Result<()> {
    let target = path(run, progress.step);
    let parent = run.join("checkpoints");
    fs_err::create_dir_all(&parent)?;
    let folder = tempfile::Builder::new().prefix("writing-").tempdir_in(&parent)?;
    for (name, tensors) in TENSORS.into_iter().zip([&saved.trained, &saved.first, &saved.second]) {
        weights::write_file(&folder.path().join(name), tensors)?;
    }
    write_synced(&folder.path().join(PROGRESS), &serde_json::json!(progress).to_string())?;
    let mut files = BTreeMap::new();
    for name in TENSORS.into_iter().chain([PROGRESS]) {
        files.insert(name.to_owned(), hash_file(&folder.path().join(name))?);
    }
    write_synced(&folder.path().join(MANIFEST), &serde_json::json!(Manifest { files }).to_string())?;
    fs_err::File::open(folder.path())?.sync_all()?;
    if target.exists() {
        // The same step again, after a resume: what is there is as good, unless it is damaged.
        if verify(&target).is_ok() {
            return Ok(());
        }
        fs_err::remove_dir_all(&target)?;
    }
    fs_err::rename(folder.path(), &target)?;
    let _moved = folder.keep();
    Ok(fs_err::File::open(&parent)?.sync_all()?)
}

fn write_synced(path: &Path, text: &str) -> Result<()> {
    let mut file = fs_err::File::create(path)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    Ok(file.sync_all()?)
}

/// The steps of which a run has checkpoints, in order.
///
/// # Errors
/// A folder that cannot be read.
pub fn steps(run: &Path) -> Result<Vec<u64>> {
    let folder = run.join("checkpoints");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut steps = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let name = entry?.file_name();
        steps.extend(
            name.to_str().and_then(|name| name.strip_prefix("step-")).and_then(|step| step.parse::<u64>().ok()),
        );
    }
    steps.sort_unstable();
    Ok(steps)
}

/// The newest whole checkpoint of a run; what is said of damaged ones goes to `complain`.
///
/// # Errors
/// A folder that cannot be read.
pub fn newest(run: &Path, mut complain: impl FnMut(&Error)) -> Result<Option<PathBuf>> {
    for step in steps(run)?.into_iter().rev() {
        let path = path(run, step);
        match verify(&path) {
            Ok(()) => return Ok(Some(path)),
            Err(error) => complain(&error),
        }
    }
    Ok(None)
}

/// Check every file of a checkpoint against its manifest.
fn verify(path: &Path) -> Result<()> {
    let at = path.join(MANIFEST);
    let text = fs_err::read_to_string(&at)?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|e| Error::invalid(at.display(), e.to_string()))?;
    for (name, expected) in &manifest.files {
        let file = path.join(name);
        if hash_file(&file)? != *expected {
            return Err(Error::invalid(file.display(), "damaged: it differs from the checkpoint's manifest"));
        }
    }
    Ok(())
}

/// Read a checkpoint.
///
/// # Errors
/// A file that is missing, or is not what it says.
pub fn read(path: &Path) -> Result<(Progress, Saved)> {
    let at = path.join(PROGRESS);
    let text = fs_err::read_to_string(&at)?;
    let progress = serde_json::from_str(&text).map_err(|e| Error::invalid(at.display(), e.to_string()))?;
    let [trained, first, second] =
        TENSORS.map(|name| -> Result<Weights> { Ok(weights::read_file(&path.join(name))?.into_iter().collect()) });
    Ok((progress, Saved { trained: trained?, first: first?, second: second? }))
}

/// Remove all checkpoints but the last `keep` and that of the best step, and what interrupted writes left.
///
/// # Errors
/// A folder that cannot be removed.
pub fn prune(run: &Path, keep: usize, best: Option<u64>) -> Result<()> {
    let steps = steps(run)?;
    for step in &steps[..steps.len().saturating_sub(keep)] {
        if Some(*step) != best {
            fs_err::remove_dir_all(path(run, *step))?;
        }
    }
    for entry in fs_err::read_dir(run.join("checkpoints"))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("writing-") {
            fs_err::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
