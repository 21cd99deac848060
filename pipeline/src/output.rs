//! Defines how files come to be: never half-written under their final name.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use crate::error::Result;

/// The name of a file while it is written.
pub fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

/// Write a whole file: a temporary one, synced and renamed.
///
/// # Errors
/// The file cannot be written; nothing is left under either name.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = partial(path);
    let write = || {
        let mut file = fs_err::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs_err::rename(&temporary, path)
    };
    write().map_err(|e| {
        let _ = fs_err::remove_file(&temporary);
        e.into()
    })
}
