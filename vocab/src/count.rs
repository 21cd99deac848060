//! Counts the tokens of every row of a corpus, in a parquet file to join with its tables.

use std::{path::Path, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array},
    datatypes::{DataType, Field, Schema},
};
use corpus_format::{Corpus, Position, Selection, Table};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use rayon::prelude::*;

use crate::{Encoder, Error, Result, encode::Scratch, text};

const BATCH_ROWS: usize = 4096;

/// What was counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// Rows of all tables.
    pub num_rows: usize,
    /// Bytes of their text.
    pub num_bytes: usize,
    /// Tokens of their text.
    pub num_tokens: u64,
}

/// Write `table`, `id` and `num_tokens` for each document and each instruction record of `corpus`, in its order.
///
/// The tokens are those of the row's texts, without marks or a template around them.
///
/// # Errors
/// A corpus that cannot be read, a file that cannot be written; then there is no new file.
pub fn count(corpus: &Corpus, encoder: &Encoder, out: &Path) -> Result<Total> {
    let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    let file = tempfile::NamedTempFile::new_in(parent)?;
    let schema = Arc::new(Schema::new(vec![
        Field::new("table", DataType::Utf8, false),
        Field::new("id", DataType::Utf8, false),
        Field::new("num_tokens", DataType::UInt32, false),
    ]));
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let broken = |e: parquet::errors::ParquetError| Error::invalid(out.display(), e.to_string());
    let mut writer = ArrowWriter::try_new(file.as_file(), schema.clone(), Some(properties)).map_err(broken)?;
    let mut total = Total::default();
    for (table, texts) in
        [(Table::Documents, &["text"][..]), (Table::Instructions, &["instruction", "input", "output", "history"])]
    {
        let columns = std::iter::once("id").chain(texts.iter().copied()).map(str::to_owned).collect();
        let selection = Selection { kind: None, split: None, columns };
        for batch in corpus.read(table, &selection, BATCH_ROWS, Position::default())? {
            let (_, batch) = batch?;
            let ids = batch.column_by_name("id").and_then(|ids| ids.as_string_opt::<i32>());
            let ids = ids.ok_or_else(|| Error::invalid(format!("table {table}"), "it has no column `id` of text"))?;
            let texts: Vec<&ArrayRef> = texts.iter().filter_map(|name| batch.column_by_name(name)).collect();
            let counts: Vec<(usize, u32)> = (0..batch.num_rows())
                .into_par_iter()
                .map_init(
                    || (Scratch::default(), Vec::new()),
                    |(scratch, tokens), row| {
                        tokens.clear();
                        let mut num_bytes = 0;
                        for column in &texts {
                            text::each_text(column, row, &mut |text| {
                                num_bytes += text.len();
                                encoder.encode(text, scratch, tokens);
                            });
                        }
                        (num_bytes, tokens.len() as u32)
                    },
                )
                .collect();
            total.num_rows += counts.len();
            total.num_bytes += counts.iter().map(|(bytes, _)| bytes).sum::<usize>();
            total.num_tokens += counts.iter().map(|(_, tokens)| u64::from(*tokens)).sum::<u64>();
            let columns: Vec<ArrayRef> = vec![
                Arc::new(StringArray::from_iter_values(std::iter::repeat_n(table.to_string(), ids.len()))),
                Arc::new(ids.clone()),
                Arc::new(counts.iter().map(|(_, tokens)| *tokens).collect::<UInt32Array>()),
            ];
            let rows = RecordBatch::try_new(schema.clone(), columns)
                .map_err(|e| Error::invalid(out.display(), e.to_string()))?;
            writer.write(&rows).map_err(broken)?;
        }
    }
    writer.close().map_err(broken)?;
    file.as_file().sync_all()?;
    file.persist(out).map_err(|e| e.error)?;
    Ok(total)
}
