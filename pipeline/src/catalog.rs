//! Defines what the pipeline holds of every cleaned document in memory: a few numbers, never its text.

use std::{ops::Range, path::PathBuf};

use arrow::array::AsArray;
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection, RowSelector},
};
use polars::prelude::{DataFrame, DataType, Engine, LazyFrame, PolarsResult, col, lit};
use rayon::prelude::*;

use crate::{
    error::{Error, Result, parquet as parquet_error, polars as polars_error},
    scan::scan,
};

/// One table of all units as rows numbered through in the order of the units.
#[derive(Debug, Clone, Default)]
pub struct UnitFiles {
    files: Vec<(PathBuf, Range<u32>)>,
}

impl UnitFiles {
    /// Number through the rows of `files`, each with its number of rows.
    pub fn new(files: impl Iterator<Item = (PathBuf, u64)>) -> Self {
        let mut start = 0;
        let files = files
            .map(|(path, rows)| {
                let end = start + u32::try_from(rows).unwrap_or(u32::MAX);
                (path, std::mem::replace(&mut start, end)..end)
            })
            .collect();
        Self { files }
    }

    /// Number of rows.
    pub fn len(&self) -> u32 {
        self.files.last().map_or(0, |(_, rows)| rows.end)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of each unit.
    pub fn ranges(&self) -> impl Iterator<Item = &Range<u32>> {
        self.files.iter().map(|(_, rows)| rows)
    }

    /// The rows as a frame with their numbers in the column `row`.
    ///
    /// # Errors
    /// A unit cannot be opened.
    pub fn frame(&self) -> Result<LazyFrame> {
        // A unit without a row adds nothing, and its file has no row group to scan.
        let paths = self.files.iter().filter(|(_, rows)| !rows.is_empty()).map(|(path, _)| path.clone());
        let frame = scan(paths, Some("row")).map_err(polars_error("opening cleaned rows"))?;
        frame.ok_or_else(|| Error::Defect("no cleaned rows to scan".into()))
    }

    /// Apply `map` to the values of a text column in `rows` (ascending), reading only the units and rows
    /// that are asked for.
    ///
    /// # Errors
    /// A unit cannot be read.
    pub fn map_column<T: Send>(
        &self,
        column: &str,
        rows: &[u32],
        map: impl Fn(&str) -> T + Sync,
    ) -> Result<Vec<(u32, T)>> {
        let in_unit = |range: &Range<u32>| {
            let from = rows.partition_point(|row| *row < range.start);
            let to = rows.partition_point(|row| *row < range.end);
            &rows[from..to]
        };
        let wanted: Vec<_> =
            self.files.iter().map(|(path, range)| (path, range, in_unit(range))).filter(|w| !w.2.is_empty()).collect();
        let mapped = wanted
            .into_par_iter()
            .map(|(path, range, rows)| {
                let local: Vec<usize> = rows.iter().map(|row| (row - range.start) as usize).collect();
                let mut mapped = Vec::with_capacity(rows.len());
                let mut rows = rows.iter();
                let file = fs_err::File::open(path)?.into_parts().0;
                let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet_error(path))?;
                let mask = ProjectionMask::columns(builder.parquet_schema(), [column]);
                let reader = builder.with_projection(mask).with_row_selection(selection(&local)).build();
                for batch in reader.map_err(parquet_error(path))? {
                    let batch = batch.map_err(crate::error::arrow("reading cleaned texts"))?;
                    for (text, row) in batch.column(0).as_string::<i32>().iter().flatten().zip(&mut rows) {
                        mapped.push((*row, map(text)));
                    }
                }
                Ok(mapped)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(mapped.into_iter().flatten().collect())
    }
}

/// What is known of every cleaned document without its text.
///
/// Per document it takes about 40 bytes, the only memory besides verdicts that grows with the corpus.
#[derive(Default)]
pub struct Catalog {
    /// The documents of all units.
    pub files: UnitFiles,
    /// Whether it is a statute (or else a court document).
    pub is_statute: Vec<bool>,
    /// Characters of the text.
    pub num_chars: Vec<u32>,
    /// Bytes of the text.
    pub text_bytes: Vec<u32>,
    /// Bytes of the articles' texts.
    pub article_bytes: Vec<u32>,
    /// Number of references to articles.
    pub num_citations: Vec<u32>,
    /// Date in days since 1970.
    pub date: Vec<Option<i32>>,
    /// Hash of the law's name or the case number.
    pub instrument: Vec<Option<u64>>,
    /// Hash of the id.
    pub id_key: Vec<u64>,
}

impl Catalog {
    /// Read the numbers of every document.
    ///
    /// # Errors
    /// A unit cannot be read.
    pub fn read(files: UnitFiles) -> Result<Self> {
        let mut catalog = Self { files, ..Self::default() };
        if !catalog.is_empty() {
            let doing = "reading the catalog of documents";
            let columns =
                ["num_chars", "text_bytes", "article_bytes", "num_citations", "date", "instrument_key", "id_key"]
                    .map(col);
            let is_statute = col("kind").eq(lit("statute")).alias("is_statute");
            let frame = catalog
                .files
                .frame()?
                .select(columns.into_iter().chain([is_statute]).collect::<Vec<_>>())
                .collect_with_engine(Engine::Streaming)
                .map_err(polars_error(doing))?
                .unwrap_single();
            catalog.fill(&frame).map_err(polars_error(doing))?;
        }
        Ok(catalog)
    }

    fn fill(&mut self, frame: &DataFrame) -> PolarsResult<()> {
        let numbers =
            |name: &str| -> PolarsResult<Vec<u32>> { Ok(frame.column(name)?.u32()?.into_no_null_iter().collect()) };
        self.num_chars = numbers("num_chars")?;
        self.text_bytes = numbers("text_bytes")?;
        self.article_bytes = numbers("article_bytes")?;
        self.num_citations = numbers("num_citations")?;
        self.id_key = frame.column("id_key")?.u64()?.into_no_null_iter().collect();
        self.instrument = frame.column("instrument_key")?.u64()?.iter().collect();
        self.date = frame.column("date")?.cast(&DataType::Int32)?.i32()?.iter().collect();
        self.is_statute = frame.column("is_statute")?.bool()?.iter().map(|b| b.unwrap_or(false)).collect();
        Ok(())
    }

    /// Number of documents.
    pub fn len(&self) -> u32 {
        self.files.len()
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// Select single rows, ascending.
fn selection(rows: &[usize]) -> RowSelection {
    let mut selectors = Vec::with_capacity(rows.len() * 2);
    let mut next = 0;
    for row in rows {
        if *row > next {
            selectors.push(RowSelector::skip(row - next));
        }
        selectors.push(RowSelector::select(1));
        next = row + 1;
    }
    selectors.into()
}
