//! Defines which rows share a key, computed by the streaming engine over one key column.

use polars::prelude::{Engine, LazyFrame, col, len, lit};

use crate::error::{Result, polars as polars_error};

/// Bytes that grouping needs for one key and row: a hash table's slot, the key, the list of rows.
const BYTES_PER_KEY: u64 = 64;

/// The groups of two rows or more that share a value of `key`, each ascending, in the order of their
/// first rows. `frame` has the columns `row` and `key`; a null key belongs to no group.
///
/// # Errors
/// The frame cannot be read.
pub fn sharing(frame: &LazyFrame, num_keys: u64, memory_bytes: u64) -> Result<Vec<Vec<u32>>> {
    let passes = (num_keys * BYTES_PER_KEY).div_ceil(memory_bytes).max(1);
    let mut groups = Vec::new();
    for pass in 0..passes {
        let found = frame
            .clone()
            .filter(col("key").is_not_null().and((col("key") % lit(passes)).eq(lit(pass))))
            .group_by([col("key")])
            .agg([col("row"), len().alias("rows")])
            .filter(col("rows").gt(lit(1_u32)))
            .select([col("row")])
            .collect_with_engine(Engine::Streaming)
            .map_err(polars_error("grouping rows by key"))?
            .unwrap_single();
        let lists = found.column("row").and_then(|c| c.list().cloned()).map_err(polars_error("reading groups"))?;
        for rows in (0..lists.len()).filter_map(|i| lists.get_as_series(i)) {
            let rows = rows.u32().map_err(polars_error("reading groups"))?;
            let mut rows: Vec<u32> = rows.iter().flatten().collect();
            rows.sort_unstable();
            groups.push(rows);
        }
    }
    groups.sort_unstable();
    Ok(groups)
}
