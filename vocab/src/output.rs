//! Defines how a folder of results comes to be: all of it at once, or not at all.

use std::path::Path;

use crate::{Error, Result};

/// Write `files` into `folder`, replacing what was there: into a new folder beside it, which then takes its name.
///
/// # Errors
/// A file cannot be written; the folder is as it was.
pub fn write_folder(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<()> {
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    let name = folder.file_name().ok_or_else(|| Error::invalid(folder.display(), "not the name of a folder"))?;
    let new = tempfile::Builder::new().prefix(name).suffix(".tmp").tempdir_in(parent)?;
    for (name, bytes) in files {
        let mut file = fs_err::File::create(new.path().join(name))?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
    }
    let old = new.path().with_extension("old");
    if folder.exists() {
        fs_err::rename(folder, &old)?;
    }
    if let Err(error) = fs_err::rename(new.path(), folder) {
        if old.exists() {
            fs_err::rename(&old, folder)?;
        }
        return Err(error.into());
    }
    // Nothing is left under its first name to be removed.
    let _moved = new.keep();
    if old.exists() {
        fs_err::remove_dir_all(&old)?;
    }
    Ok(())
}

/// JSON as a file.
pub fn pretty(value: &serde_json::Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}
