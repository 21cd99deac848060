//! Defines how a file of results comes to be: all of it at once, or not at all.

use std::{io::Write as _, path::Path};

use crate::{Error, Result};

/// Write a file under another name first, then give it its name; folders above it are made.
///
/// # Errors
/// The file cannot be written; one that was there is as it was.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().ok_or_else(|| Error::invalid(path, "not the name of a file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".{}.tmp", name.display()));
    let mut file = fs_err::File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(fs_err::rename(&unfinished, path)?)
}
