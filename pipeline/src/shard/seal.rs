//! Defines how a finished build takes the place of the last one.
//!
//! A build is written to `.partial/` inside the corpus folder. When it is complete its index is written
//! there; then the old index is removed, the tables are moved, and the index is moved last. A run that
//! finds an index in `.partial/` finishes the move.

use std::path::{Path, PathBuf};

use corpus_format::{Index, Table, index::INDEX_FILE};

use crate::{
    error::{Error, Result},
    output,
};

/// Files that lie beside the tables.
const BESIDE: [&str; 2] = ["README.md", "config.toml"];

/// The corpus folder and the folder inside it in which a build is prepared.
pub struct Sealing {
    dir: PathBuf,
    partial: PathBuf,
}

impl Sealing {
    /// Look at the corpus folder before a build.
    ///
    /// # Errors
    /// It holds a corpus of another schema version, or files that are none of ours.
    pub fn open(dir: &Path) -> Result<Self> {
        let sealing = Self { dir: dir.to_owned(), partial: dir.join(".partial") };
        if dir.join(INDEX_FILE).exists() {
            Index::read(dir).map_err(|e| match e {
                corpus_format::Error::SchemaVersion { found, expected, .. } => {
                    let what = format!(
                        "holds a corpus of schema version {found}, and this program writes version {expected}; \
                         remove the folder or choose another one"
                    );
                    Error::Invalid { path: dir.to_owned(), what }
                }
                other => other.into(),
            })?;
        } else if dir.exists() {
            let ours = |name: &str| {
                name == ".partial"
                    || BESIDE.contains(&name)
                    || Table::from_name(name).is_some()
                    || name.ends_with(".tmp")
            };
            for entry in fs_err::read_dir(dir)? {
                let name = entry?.file_name();
                if !ours(&name.to_string_lossy()) {
                    let what = format!("holds `{}`, which no build made; choose an empty folder", name.display());
                    return Err(Error::Invalid { path: dir.to_owned(), what });
                }
            }
        }
        if sealing.partial.join(INDEX_FILE).exists() {
            sealing.move_in()?;
        }
        Ok(sealing)
    }

    /// The index of the finished corpus, if it is the build of that key and its files are all there.
    pub fn finished(&self, build_key: &str) -> Option<Index> {
        let index = Index::read(&self.dir).ok()?;
        let there = |file: &corpus_format::ShardFile| {
            fs_err::metadata(self.dir.join(&file.path)).is_ok_and(|found| found.len() == file.bytes)
        };
        (index.build_key == build_key && index.files.iter().all(there)).then_some(index)
    }

    /// An empty folder for the files of a build.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn prepare(&self) -> Result<&Path> {
        if self.partial.exists() {
            fs_err::remove_dir_all(&self.partial)?;
        }
        fs_err::create_dir_all(&self.partial)?;
        Ok(&self.partial)
    }

    /// Write the index and put the build in its place.
    ///
    /// # Errors
    /// A file cannot be written or moved.
    pub fn seal(&self, index: &Index) -> Result<()> {
        let mut text = serde_json::to_string_pretty(index).unwrap_or_default();
        text.push('\n');
        output::write_atomically(&self.partial.join(INDEX_FILE), text.as_bytes())?;
        self.move_in()
    }

    fn move_in(&self) -> Result<()> {
        let old_index = self.dir.join(INDEX_FILE);
        if old_index.exists() {
            fs_err::remove_file(&old_index)?;
        }
        for name in Table::ALL.map(Table::name).into_iter().chain(BESIDE) {
            let (from, to) = (self.partial.join(name), self.dir.join(name));
            if !from.exists() {
                continue;
            }
            if to.is_dir() {
                fs_err::remove_dir_all(&to)?;
            }
            fs_err::rename(&from, &to)?;
        }
        // A table without a row has no folder; an old one of that name must not stay.
        let index = self.partial.join(INDEX_FILE);
        let text = fs_err::read_to_string(&index)?;
        for table in Table::ALL {
            let folder = self.dir.join(table.name());
            if folder.exists() && !text.contains(&format!("\"{table}/")) {
                fs_err::remove_dir_all(&folder)?;
            }
        }
        fs_err::rename(&index, &old_index)?;
        fs_err::remove_dir_all(&self.partial)?;
        Ok(())
    }
}
