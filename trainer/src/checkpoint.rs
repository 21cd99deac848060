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
    json,
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
    /// SHA-256 over the files of the base and of the adapter that was gone on with; none of a new model, and in
    /// checkpoints that were written before this was kept.
    #[serde(default)]
    pub base: Option<String>,
    /// Where the data goes on.
    pub data: Option<stream::State>,
}

impl Progress {
    /// Check that a tokenizer and a base are those that the checkpoint was made with.
    ///
    /// # Errors
    /// What is another.
    pub fn check(&self, tokenizer: &str, base: Option<&str>) -> Result<(), String> {
        let other = if self.tokenizer != tokenizer {
            "tokenizer"
        } else if self.base.is_some() && self.base.as_deref() != base {
            "base, or its files have changed"
        } else {
            return Ok(());
        };
        Err(format!("its checkpoint was made with another {other}"))
    }
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
    // The same step again, after a resume: what is there is as good, unless it is damaged.
    if target.exists() && verify(&target).is_ok() {
        return Ok(());
    }
    let parent = run.join("checkpoints");
    fs_err::create_dir_all(&parent)?;
    // What a write left that was killed would keep a full disk full.
    remove_remnants(&parent)?;
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
        fs_err::remove_dir_all(&target)?;
    }
    fs_err::rename(folder.path(), &target)?;
    let _moved = folder.keep();
    Ok(fs_err::File::open(&parent)?.sync_all()?)
}

fn remove_remnants(checkpoints: &Path) -> Result<()> {
    for entry in fs_err::read_dir(checkpoints)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("writing-") {
            fs_err::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
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
    let manifest: Manifest = json::read(&path.join(MANIFEST))?;
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
    let progress = json::read(&path.join(PROGRESS))?;
    let [trained, first, second] =
        TENSORS.map(|name| -> Result<Weights> { Ok(weights::read_file(&path.join(name))?.into_iter().collect()) });
    Ok((progress, Saved { trained: trained?, first: first?, second: second? }))
}

/// Remove all checkpoints but the last `keep` up to step `current` and that of the best step, and what interrupted
/// writes left. What lies after `current` counts for nothing, and goes where it is damaged.
///
/// # Errors
/// A folder that cannot be removed.
pub fn prune(run: &Path, keep: usize, best: Option<u64>, current: u64) -> Result<()> {
    let (behind, ahead): (Vec<u64>, Vec<u64>) = steps(run)?.into_iter().partition(|step| *step <= current);
    let old = behind[..behind.len().saturating_sub(keep)].iter().filter(|step| Some(**step) != best);
    let damaged = ahead.iter().filter(|step| verify(&path(run, **step)).is_err());
    for step in old.chain(damaged) {
        fs_err::remove_dir_all(path(run, *step))?;
    }
    remove_remnants(&run.join("checkpoints"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(step: u64) -> Progress {
        let (corpus, tokenizer) = ("c".into(), "t".into());
        Progress {
            step,
            num_steps: 9,
            num_tokens: 0,
            num_skipped: 0,
            best: None,
            corpus,
            tokenizer,
            base: None,
            data: None,
        }
    }

    fn write_steps(run: &Path, steps: &[u64]) {
        for step in steps {
            write(run, &progress(*step), &Saved::default()).unwrap();
        }
    }

    fn damage(run: &Path, step: u64) {
        fs_err::write(path(run, step).join(TENSORS[0]), "cut").unwrap();
    }

    #[test]
    fn a_damaged_checkpoint_ahead_does_not_count_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        write_steps(run, &[1, 2, 3, 7, 8, 9]);
        damage(run, 8);
        damage(run, 9);
        prune(run, 1, Some(1), 3).unwrap();
        assert_eq!(steps(run).unwrap(), [1, 3, 7], "the best, the last, and one that is whole");
        let newest = newest(run, |_| ()).unwrap().unwrap();
        assert_eq!(newest, path(run, 7));
    }

    #[test]
    fn remnants_go_before_anything_is_written_and_what_is_whole_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path();
        let remnant = run.join("checkpoints/writing-abc");
        fs_err::create_dir_all(&remnant).unwrap();
        fs_err::write(remnant.join(TENSORS[0]), "half").unwrap();
        write_steps(run, &[1]);
        assert!(!remnant.exists());

        let modified = || fs_err::metadata(path(run, 1).join(MANIFEST)).unwrap().modified().unwrap();
        let before = modified();
        fs_err::create_dir_all(&remnant).unwrap();
        write_steps(run, &[1]);
        assert!(remnant.exists() && modified() == before, "it returned before it wrote");
        damage(run, 1);
        write_steps(run, &[1]);
        assert!(verify(&path(run, 1)).is_ok() && !remnant.exists());
    }

    #[test]
    fn checkpoints_of_before_the_base_was_kept_are_read_and_others_are_held_to_it() {
        let mut old = serde_json::json!(progress(1));
        old.as_object_mut().unwrap().remove("base");
        let old: Progress = serde_json::from_value(old).unwrap();
        assert_eq!((old.check("t", Some("b")), old.check("u", None).is_err()), (Ok(()), true));
        let new = Progress { base: Some("b".into()), ..old };
        assert_eq!(new.check("t", Some("b")), Ok(()));
        assert!(new.check("t", Some("d")).unwrap_err().contains("another base"));
        assert!(new.check("t", None).is_err());
    }
}
