//! Defines one parquet file of the corpus: compression, row groups, statistics, bloom filters, comments.

use std::path::Path;

use corpus_format::{SCHEMA_VERSION, ShardFile, reader};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::{
        metadata::{KeyValue, SortingColumn},
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    },
    schema::types::ColumnPath,
};

use super::{place::Shard, sort::SortedRows};
use crate::{
    config::ShardConfig,
    error::{Result, parquet as parquet_error},
    output,
};

/// Characters of a value that page and column statistics keep.
const STATISTICS_BYTES: usize = 64;

/// What every file of a build states about it.
#[derive(Debug, Clone)]
pub struct BuildStamp {
    /// Hash of the configuration.
    pub config_hash: String,
    /// Hash of the configuration and the inputs.
    pub build_key: String,
}

/// Write a shard below `dir` under its final name, in one piece or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn write(
    dir: &Path,
    shard: &Shard,
    rows: &SortedRows,
    config: &ShardConfig,
    stamp: &BuildStamp,
) -> Result<ShardFile> {
    let name = shard.path();
    let path = dir.join(&name);
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let temporary = output::partial(&path);
    let schema = shard.table.schema();
    let text_columns: Vec<usize> =
        shard.table.text_columns().iter().filter_map(|name| schema.index_of(name).ok()).collect();
    let mut chunks = Vec::new();
    let (mut from, mut most) = (0, 0);
    // The sizes of the row groups come first: bloom filters are sized by them.
    while from < rows.len() {
        let n = rows.chunk_len(from, &text_columns, config.row_group_bytes);
        chunks.push((from, n));
        most = most.max(n);
        from += n;
    }
    let properties = properties(shard, most, config, stamp)?;
    let file = fs_err::File::create(&temporary)?;
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(parquet_error(&temporary))?;
    for (from, n) in chunks {
        writer.write(&rows.rows(from, n)?).map_err(parquet_error(&temporary))?;
        writer.flush().map_err(parquet_error(&temporary))?;
    }
    writer.close().map_err(parquet_error(&temporary))?;
    let (bytes, sha256) = reader::hash_file(&temporary)?;
    fs_err::rename(&temporary, &path)?;
    Ok(ShardFile {
        path: name,
        table: shard.table.name().to_owned(),
        kind: shard.kind.map(str::to_owned),
        split: shard.split.map(|split| split.as_str().to_owned()),
        rows: rows.len() as u64,
        bytes,
        sha256,
    })
}

fn properties(shard: &Shard, most_rows: usize, config: &ShardConfig, stamp: &BuildStamp) -> Result<WriterProperties> {
    let table = shard.table;
    let schema = table.schema();
    let level = ZstdLevel::try_new(config.zstd_level).map_err(parquet_error(Path::new("shards.zstd_level")))?;
    let sorting = table
        .sorted_by()
        .iter()
        .filter_map(|name| schema.index_of(name).ok())
        .map(|i| SortingColumn { column_idx: i32::try_from(i).unwrap_or(0), descending: false, nulls_first: false })
        .collect();
    let stated = |key: &str, value: &str| KeyValue::new(key.to_owned(), value.to_owned());
    let mut metadata = vec![
        stated("schema_version", &SCHEMA_VERSION.to_string()),
        stated("table", table.name()),
        stated("config_hash", &stamp.config_hash),
        stated("build_key", &stamp.build_key),
    ];
    metadata.extend(table.columns().iter().map(|c| stated(&format!("comment:{}", c.name), c.comment)));
    let mut builder: WriterPropertiesBuilder = WriterProperties::builder()
        .set_created_by(concat!("corpus pipeline ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES))
        .set_max_row_group_row_count(None)
        .set_sorting_columns(Some(sorting))
        .set_key_value_metadata(Some(metadata));
    for name in table.text_columns() {
        let column = ColumnPath::from(*name);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    for name in table.bloom_filtered() {
        let column = ColumnPath::from(*name);
        builder = builder
            .set_column_bloom_filter_enabled(column.clone(), true)
            .set_column_bloom_filter_fpp(column.clone(), 0.01)
            .set_column_bloom_filter_max_ndv(column.clone(), most_rows.max(1) as u64)
            .set_column_dictionary_enabled(column, false);
    }
    Ok(builder.build())
}
