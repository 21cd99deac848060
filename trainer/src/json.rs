//! Reads and writes JSON files: an error names the file, and a file is written in whole or not at all.

use std::{io::Write, path::Path};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result};

/// Read a file.
///
/// # Errors
/// A file that is missing, or is not what it should be.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs_err::read_to_string(path)?;
    serde_json::from_str(&text).map_err(|e| Error::invalid(path.display(), e.to_string()))
}

/// Write a file under another name, bring it to the disk, and rename it.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let new = path.with_extension("json.new");
    let mut file = fs_err::File::create(&new)?;
    file.write_all(format!("{:#}\n", serde_json::json!(value)).as_bytes())?;
    file.sync_all()?;
    Ok(fs_err::rename(&new, path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_stays_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        write(&path, &[0.1, 1.0 / 3.0]).unwrap();
        assert_eq!(read::<Vec<f64>>(&path).unwrap(), [0.1, 1.0 / 3.0]);
        // The other name is taken by a folder: nothing can be written.
        fs_err::create_dir(folder.path().join("config.json.new")).unwrap();
        write(&path, &[2.0]).unwrap_err();
        assert_eq!(read::<Vec<f64>>(&path).unwrap(), [0.1, 1.0 / 3.0]);
        let error = read::<Vec<bool>>(&path).unwrap_err().to_string();
        assert!(error.contains("config.json: "), "{error}");
    }
}
