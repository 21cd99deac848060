//! Defines a stream over the shards of a finished corpus: verified, restricted to what is asked for,
//! and resumable at (file, row group, row).

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StructArray, new_null_array},
    datatypes::{DataType, Field, SchemaRef},
};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    },
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Index, ShardFile, Table,
    error::{Error, Result},
    legal::Split,
};

/// A finished corpus: its folder and its index.
#[derive(Debug, Clone)]
pub struct Corpus {
    dir: PathBuf,
    index: Index,
}

/// Which rows and columns of a table to stream.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only this kind, where the table is partitioned by it.
    pub kind: Option<String>,
    /// Only this split, where the table is partitioned by it.
    pub split: Option<Split>,
    /// Only these columns, in the table's order; all where empty.
    pub columns: Vec<String>,
}

/// A place in a selection: the next row to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Index of the file in the selection.
    pub file: usize,
    /// Row group in the file.
    pub row_group: usize,
    /// Row in the row group.
    pub row: usize,
}

impl Corpus {
    /// Open the corpus in `dir`; no shard is read yet.
    ///
    /// # Errors
    /// A build that is not complete, or of another schema version.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        let index = Index::read(&dir)?;
        Ok(Self { dir, index })
    }

    /// The corpus folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Check the size and SHA-256 of every shard against the index.
    ///
    /// # Errors
    /// The first shard that is missing or differs.
    pub fn verify(&self) -> Result<()> {
        self.index.files.iter().try_for_each(|file| verify(&self.dir, file))
    }

    /// Stream a selection of `table`, in batches of at most `batch_rows`, starting at `position`.
    ///
    /// # Errors
    /// An unknown column, or a position outside the selection.
    pub fn read(
        &self,
        table: Table,
        selection: &Selection,
        batch_rows: usize,
        position: Position,
    ) -> Result<ShardReader> {
        let wanted = |file: &&ShardFile| {
            let kind = selection.kind.as_ref().is_none_or(|k| file.kind.as_ref().is_none_or(|f| f == k));
            let split = selection.split.is_none_or(|s| file.split.as_ref().is_none_or(|f| f == s.as_str()));
            kind && split
        };
        let files: Vec<ShardFile> = self.index.files_of(table).filter(wanted).cloned().collect();
        if position.file > files.len() {
            return Err(out_of_range(position));
        }
        let schema = table.schema();
        let mut columns = Vec::new();
        for name in &selection.columns {
            let column =
                schema.index_of(name).map_err(|_| Error::NoSuchColumn { table: table.name(), column: name.clone() })?;
            columns.push(column);
        }
        let schema = if columns.is_empty() {
            schema
        } else {
            columns.sort_unstable();
            columns.dedup();
            schema.project(&columns).map(Into::into).unwrap_or(schema)
        };
        Ok(ShardReader {
            dir: self.dir.clone(),
            verified: vec![false; files.len()],
            files,
            schema,
            batch_rows,
            position,
            open: None,
        })
    }
}

/// An iterator of record batches, each with the position after its last row.
///
/// Before the first row of a file is returned, the file's SHA-256 has been compared with the index.
pub struct ShardReader {
    dir: PathBuf,
    files: Vec<ShardFile>,
    schema: SchemaRef,
    batch_rows: usize,
    position: Position,
    open: Option<OpenRowGroup>,
    /// By file: whether its hash was compared.
    verified: Vec<bool>,
}

struct OpenRowGroup {
    batches: ParquetRecordBatchReader,
    /// Row groups in the file.
    row_groups: usize,
    /// Rows in this row group.
    rows: usize,
}

impl ShardReader {
    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The next row to be read; give it to [`Corpus::read`] to go on from there.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Rows in the selection, read or not.
    pub fn total_rows(&self) -> u64 {
        self.files.iter().map(|f| f.rows).sum()
    }

    /// The rows of every row group of the selection, each by the position of its first row.
    ///
    /// # Errors
    /// A file that is missing or is not parquet.
    pub fn row_groups(&self) -> Result<Vec<(Position, usize)>> {
        let mut all = Vec::new();
        for (file, shard) in self.files.iter().enumerate() {
            let path = self.dir.join(&shard.path);
            let (open, _) = fs_err::File::open(&path)?.into_parts();
            let metadata = ArrowReaderMetadata::load(&open, ArrowReaderOptions::default())
                .map_err(|source| Error::Parquet { path, source })?;
            let groups = metadata.metadata().row_groups().iter().enumerate();
            all.extend(groups.map(|(row_group, group)| {
                (Position { file, row_group, row: 0 }, usize::try_from(group.num_rows()).unwrap_or(0))
            }));
        }
        Ok(all)
    }

    /// Go on reading from another place of the selection.
    ///
    /// # Errors
    /// A file that the selection does not have; a row that a file does not have is found when it is read.
    pub fn seek(&mut self, position: Position) -> Result<()> {
        if position.file > self.files.len() {
            return Err(out_of_range(position));
        }
        self.position = position;
        self.open = None;
        Ok(())
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.open.is_none() {
                if self.position.file == self.files.len() {
                    return Ok(None);
                }
                self.open = Some(self.open_row_group()?);
            }
            let Some(open) = &mut self.open else { continue };
            if let Some(batch) = open.batches.next() {
                let batch = batch.map_err(|e| self.damaged(e.to_string())).and_then(|b| self.upgraded(&b))?;
                self.position.row += batch.num_rows();
                return Ok(Some(batch));
            }
            if self.position.row != open.rows {
                let what = format!("row group {} ends early", self.position.row_group);
                return Err(self.damaged(what));
            }
            let last = self.position.row_group + 1 >= open.row_groups;
            self.position = if last {
                Position { file: self.position.file + 1, row_group: 0, row: 0 }
            } else {
                Position { row_group: self.position.row_group + 1, row: 0, ..self.position }
            };
            self.open = None;
        }
    }

    fn open_row_group(&mut self) -> Result<OpenRowGroup> {
        let Position { file, row_group, row } = self.position;
        let shard = &self.files[file];
        let path = self.dir.join(&shard.path);
        if !self.verified[file] {
            verify(&self.dir, shard)?;
            self.verified[file] = true;
        }
        let parquet = |source| Error::Parquet { path: path.clone(), source };
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(fs_err::File::open(&path)?.into_parts().0).map_err(parquet)?;
        let metadata = builder.metadata().clone();
        if metadata.num_row_groups() == 0 && row_group == 0 && row == 0 {
            let batches = builder.build().map_err(parquet)?;
            return Ok(OpenRowGroup { batches, row_groups: 0, rows: 0 });
        }
        if row_group >= metadata.num_row_groups() {
            return Err(out_of_range(self.position));
        }
        let rows = usize::try_from(metadata.row_group(row_group).num_rows()).unwrap_or(0);
        if row > rows {
            return Err(out_of_range(self.position));
        }
        // An older file has fewer columns, so they are found by name.
        let written = builder.schema().fields().iter().enumerate();
        let wanted = written.filter(|(_, field)| self.schema.index_of(field.name()).is_ok()).map(|(i, _)| i);
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let batches = builder
            .with_projection(mask)
            .with_row_groups(vec![row_group])
            .with_offset(row)
            .with_batch_size(self.batch_rows)
            .build()
            .map_err(parquet)?;
        Ok(OpenRowGroup { batches, row_groups: metadata.num_row_groups(), rows })
    }

    /// The rows of a file of any schema version as those of this one: what it lacks is null.
    fn upgraded(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        if batch.schema_ref().fields() == self.schema.fields() {
            return Ok(batch.clone());
        }
        let rows = batch.num_rows();
        let column = |field: &Field| batch.column_by_name(field.name()).map(|column| filled(column, field, rows));
        let columns =
            self.schema.fields().iter().map(|f| column(f).unwrap_or_else(|| new_null_array(f.data_type(), rows)));
        RecordBatch::try_new(self.schema.clone(), columns.collect()).map_err(|e| self.damaged(e.to_string()))
    }

    fn damaged(&self, what: String) -> Error {
        Error::Damaged { path: self.dir.join(&self.files[self.position.file].path), what }
    }
}

impl Iterator for ShardReader {
    type Item = Result<(Position, RecordBatch)>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_batch().transpose()?;
        if next.is_err() {
            // An error ends the stream; asking again would repeat it for ever.
            self.files.truncate(self.position.file);
            self.open = None;
            self.position = Position { file: self.files.len(), row_group: 0, row: 0 };
        }
        Some(next.map(|batch| (self.position, batch)))
    }
}

/// A column of an older file; of a struct the fields that it lacks are null.
fn filled(column: &ArrayRef, field: &Field, rows: usize) -> ArrayRef {
    let DataType::Struct(fields) = field.data_type() else { return Arc::clone(column) };
    let Some(written) = column.as_struct_opt() else { return Arc::clone(column) };
    let part = |f: &Arc<Field>| {
        written.column_by_name(f.name()).map_or_else(|| new_null_array(f.data_type(), rows), Arc::clone)
    };
    Arc::new(StructArray::new(fields.clone(), fields.iter().map(part).collect(), written.nulls().cloned()))
}

fn out_of_range(Position { file, row_group, row }: Position) -> Error {
    Error::Position { file, row_group, row }
}

fn verify(dir: &Path, file: &ShardFile) -> Result<()> {
    let path = dir.join(&file.path);
    let (bytes, sha256) = hash_file(&path)?;
    if bytes != file.bytes || sha256 != file.sha256 {
        let what = format!("{bytes} bytes with SHA-256 {sha256}, the index says {} and {}", file.bytes, file.sha256);
        return Err(Error::Damaged { path, what });
    }
    Ok(())
}

/// Size and lower-case hex SHA-256 of a file.
///
/// # Errors
/// The file cannot be read.
pub fn hash_file(path: &Path) -> Result<(u64, String)> {
    let mut file = fs_err::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok((bytes, hex(&hasher.finalize())));
        }
        bytes += n as u64;
        hasher.update(&buffer[..n]);
    }
}

/// Lower-case hex digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}
