//! Defines the folder of finished units: five parquet files and, written last, a note that they are complete.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use parquet::{
    arrow::ArrowWriter,
    basic::Compression,
    file::properties::{EnabledStatistics, WriterProperties},
};
use serde::{Deserialize, Serialize};

use super::rows::{Articles, Citations, Documents, Dropped, Instructions};
use crate::{
    clean::RuleCounts,
    error::{Error, Result, parquet as parquet_error},
};

/// A table between the stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkTable {
    /// Cleaned documents.
    Documents,
    /// Articles of statutes.
    Articles,
    /// References to articles.
    Citations,
    /// Instruction records.
    Instructions,
    /// What was dropped so far.
    Dropped,
}

impl WorkTable {
    const COUNT: usize = 5;
    const ALL: [Self; Self::COUNT] =
        [Self::Documents, Self::Articles, Self::Citations, Self::Instructions, Self::Dropped];

    const fn name(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Articles => "articles",
            Self::Citations => "citations",
            Self::Instructions => "instructions",
            Self::Dropped => "dropped",
        }
    }
}

/// What a finished unit tells without opening its files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Finished {
    /// Records read.
    pub inputs: u64,
    /// Rows of each table, in the order of [`WorkTable`].
    pub rows: [u64; WorkTable::COUNT],
    /// Size of each table's file; a file of another size was torn by a crash of the machine.
    pub bytes: [u64; WorkTable::COUNT],
    /// How often each cleaning rule changed something.
    pub rules: Vec<(String, u64)>,
}

/// The folder of finished units.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// Open the folder, and make it where there is none.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(dir: &Path) -> Result<Self> {
        fs_err::create_dir_all(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Hold the folder against a second run at the same time.
    ///
    /// # Errors
    /// Another run holds it.
    pub fn lock(&self) -> Result<std::fs::File> {
        let path = self.dir.join(".lock");
        let file = fs_err::File::create(&path)?.into_parts().0;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(_) => {
                let what = "another build is using this work folder".to_owned();
                Err(Error::Invalid { path: self.dir.clone(), what })
            }
        }
    }

    /// The unit of that key, if it is finished.
    pub fn finished(&self, key: &str) -> Option<Finished> {
        let note = fs_err::read(self.note(key)).ok()?;
        let finished: Finished = serde_json::from_slice(&note).ok()?;
        let intact = |(table, bytes): (WorkTable, u64)| {
            fs_err::metadata(self.path(key, table)).is_ok_and(|found| found.len() == bytes)
        };
        WorkTable::ALL.into_iter().zip(finished.bytes).all(intact).then_some(finished)
    }

    /// The file of one table of a unit.
    pub fn path(&self, key: &str, table: WorkTable) -> PathBuf {
        self.dir.join(format!("{}.{}.parquet", short(key), table.name()))
    }

    fn note(&self, key: &str) -> PathBuf {
        self.dir.join(format!("{}.json", short(key)))
    }

    /// Start writing the unit of that key.
    ///
    /// # Errors
    /// The files cannot be made.
    pub fn writer(&self, key: &str) -> Result<UnitWriter> {
        let schemas =
            [Documents::schema(), Articles::schema(), Citations::schema(), Instructions::schema(), Dropped::schema()];
        let mut writers = Vec::with_capacity(schemas.len());
        for (table, schema) in WorkTable::ALL.into_iter().zip(schemas) {
            // What is read back once, soon, wants speed; only keys that repeat get a dictionary.
            let properties = WriterProperties::builder()
                .set_compression(Compression::LZ4_RAW)
                .set_dictionary_enabled(false)
                .set_statistics_enabled(EnabledStatistics::None)
                .build();
            let path = self.path(key, table);
            let file = fs_err::File::create(&path)?;
            let writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(parquet_error(&path))?;
            writers.push((path, writer));
        }
        Ok(UnitWriter { note: self.note(key), writers, rows: [0; WorkTable::COUNT] })
    }

    /// Remove every file that belongs to none of `keys`.
    ///
    /// # Errors
    /// The folder cannot be listed or a file not removed.
    pub fn keep_only<'a>(&self, keys: impl Iterator<Item = &'a str>) -> Result<()> {
        let kept: std::collections::HashSet<&str> = keys.map(short).collect();
        for entry in fs_err::read_dir(&self.dir)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let ours = name.ends_with(".parquet") || name.ends_with(".json");
            if ours && !kept.contains(name.split('.').next().unwrap_or_default()) {
                fs_err::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// Enough of a key to name a file.
fn short(key: &str) -> &str {
    &key[..key.len().min(32)]
}

/// The files of a unit while they are written.
pub struct UnitWriter {
    note: PathBuf,
    writers: Vec<(PathBuf, ArrowWriter<fs_err::File>)>,
    rows: [u64; WorkTable::COUNT],
}

impl UnitWriter {
    /// Write rows of each table, in the order of [`WorkTable`].
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&mut self, batches: &[RecordBatch; WorkTable::COUNT]) -> Result<()> {
        for (((path, writer), batch), rows) in self.writers.iter_mut().zip(batches).zip(&mut self.rows) {
            if batch.num_rows() > 0 {
                writer.write(batch).map_err(parquet_error(path))?;
                writer.flush().map_err(parquet_error(path))?;
                *rows += batch.num_rows() as u64;
            }
        }
        Ok(())
    }

    /// Close the files, then note that the unit is complete.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(self, inputs: u64, rules: &RuleCounts) -> Result<Finished> {
        let mut bytes = [0; WorkTable::COUNT];
        for ((path, writer), bytes) in self.writers.into_iter().zip(&mut bytes) {
            writer.close().map_err(parquet_error(&path))?;
            *bytes = fs_err::metadata(&path)?.len();
        }
        let rules = rules.iter().filter(|(_, n)| *n > 0).map(|(rule, n)| (rule.as_str().to_owned(), n)).collect();
        let finished = Finished { inputs, rows: self.rows, bytes, rules };
        let text = serde_json::to_vec(&finished).unwrap_or_default();
        crate::output::write_atomically(&self.note, &text)?;
        Ok(finished)
    }
}
