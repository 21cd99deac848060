//! Defines how parquet files are opened as one lazy frame.

use std::path::PathBuf;

use polars::prelude::{LazyFrame, PlRefPath, PolarsResult, RowIndex, ScanArgsParquet};

/// The files as one frame, with the rows numbered through in the column `number` where one is named;
/// nothing where there is no file.
///
/// # Errors
/// A file cannot be opened.
pub fn scan(paths: impl Iterator<Item = PathBuf>, number: Option<&str>) -> PolarsResult<Option<LazyFrame>> {
    let paths = paths.map(|path| PlRefPath::try_from_path(&path)).collect::<PolarsResult<Vec<_>>>()?;
    if paths.is_empty() {
        return Ok(None);
    }
    let row_index = number.map(|name| RowIndex { name: name.into(), offset: 0 });
    // Names of statutes hold brackets and stars of their own.
    let args = ScanArgsParquet { row_index, glob: false, ..ScanArgsParquet::default() };
    LazyFrame::scan_parquet_files(paths.into(), args).map(Some)
}
