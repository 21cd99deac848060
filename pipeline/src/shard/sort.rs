//! Defines how rows of all units come into the order of their shards: held in memory up to a bound,
//! beyond it spilled to disk per shard.

use std::path::{Path, PathBuf};

use arrow::{
    array::{ArrayRef, AsArray, RecordBatch, UInt32Array, UInt64Array},
    compute::{interleave_record_batch, take_record_batch},
    datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type},
};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::Compression,
    file::properties::WriterProperties,
};
use std::sync::Arc;

use crate::error::{Result, arrow as arrow_error, parquet as parquet_error};

/// Rows of one shard: those in memory, and the file of those that were spilled.
#[derive(Default)]
struct Bucket {
    batches: Vec<RecordBatch>,
    bytes: usize,
    spill: Option<(PathBuf, ArrowWriter<fs_err::File>)>,
}

/// Buckets of rows, one a shard.
pub struct Sorter {
    buckets: Vec<Bucket>,
    bytes: usize,
    max_bytes: usize,
    dir: PathBuf,
}

impl Sorter {
    /// A sorter that holds about `max_bytes` and spills into `dir`.
    pub fn new(max_bytes: u64, dir: &Path) -> Self {
        Self {
            buckets: Vec::new(),
            bytes: 0,
            max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
            dir: dir.to_owned(),
        }
    }

    /// Take the rows of `batch` to their shards; `targets` has a shard and a rank a row, or nothing.
    ///
    /// # Errors
    /// A spill file cannot be written.
    pub fn push(&mut self, batch: &RecordBatch, targets: &[Option<(u32, u64)>]) -> Result<()> {
        let mut shards: Vec<u32> = targets.iter().flatten().map(|(shard, _)| *shard).collect();
        shards.sort_unstable();
        shards.dedup();
        for shard in shards {
            let rows =
                || targets.iter().zip(0_u32..).filter_map(|(t, row)| t.filter(|t| t.0 == shard).map(|t| (row, t.1)));
            let ranks = UInt64Array::from_iter_values(rows().map(|(_, rank)| rank));
            let rows = UInt32Array::from_iter_values(rows().map(|(row, _)| row));
            let taken = take_record_batch(batch, &rows).map_err(arrow_error("sorting rows"))?;
            self.add(shard as usize, with_rank(&taken, Arc::new(ranks))?)?;
        }
        Ok(())
    }

    fn add(&mut self, shard: usize, batch: RecordBatch) -> Result<()> {
        if shard >= self.buckets.len() {
            self.buckets.resize_with(shard + 1, Bucket::default);
        }
        let bytes = batch.get_array_memory_size();
        let bucket = &mut self.buckets[shard];
        bucket.bytes += bytes;
        bucket.batches.push(batch);
        self.bytes += bytes;
        while self.bytes > self.max_bytes {
            self.spill_largest()?;
        }
        Ok(())
    }

    fn spill_largest(&mut self) -> Result<()> {
        let largest = self.buckets.iter_mut().enumerate().max_by_key(|(_, bucket)| bucket.bytes);
        let Some((shard, bucket)) = largest else { return Ok(()) };
        let (path, writer) = match &mut bucket.spill {
            Some(spill) => spill,
            spill @ None => {
                let path = self.dir.join(format!("spill-{shard:05}.parquet"));
                let properties = WriterProperties::builder()
                    .set_compression(Compression::LZ4_RAW)
                    .set_dictionary_enabled(false)
                    .build();
                let schema = bucket.batches[0].schema();
                let file = fs_err::File::create(&path)?;
                let writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(parquet_error(&path))?;
                spill.insert((path, writer))
            }
        };
        for batch in bucket.batches.drain(..) {
            writer.write(&batch).map_err(parquet_error(path))?;
        }
        writer.flush().map_err(parquet_error(path))?;
        self.bytes -= std::mem::take(&mut bucket.bytes);
        Ok(())
    }

    /// The rows of each shard, to be put in order one shard at a time.
    pub fn finish(self) -> Vec<Rows> {
        self.buckets.into_iter().map(|bucket| Rows { batches: bucket.batches, spill: bucket.spill }).collect()
    }
}

/// The rows of one shard in any order.
pub struct Rows {
    batches: Vec<RecordBatch>,
    spill: Option<(PathBuf, ArrowWriter<fs_err::File>)>,
}

impl Rows {
    /// Put the rows in the order of their ranks.
    ///
    /// # Errors
    /// The spilled rows cannot be read back.
    pub fn sorted(self) -> Result<SortedRows> {
        let mut batches = self.batches;
        if let Some((path, writer)) = self.spill {
            writer.close().map_err(parquet_error(&path))?;
            let file = fs_err::File::open(&path)?.into_parts().0;
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
            for batch in reader.map_err(parquet_error(&path))? {
                batches.push(batch.map_err(arrow_error("reading spilled rows"))?);
            }
            fs_err::remove_file(&path)?;
        }
        let mut order = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
        for (b, batch) in batches.iter().enumerate() {
            let ranks = batch.column(batch.num_columns() - 1).as_primitive::<UInt64Type>();
            order.extend(ranks.values().iter().enumerate().map(|(row, rank)| (*rank, b, row)));
        }
        order.sort_unstable();
        let last = batches.first().map_or(0, |batch| batch.num_columns() - 1);
        let columns: Vec<usize> = (0..last).collect();
        let batches: Result<Vec<RecordBatch>> =
            batches.iter().map(|batch| batch.project(&columns).map_err(arrow_error("sorting rows"))).collect();
        Ok(SortedRows { batches: batches?, order: order.into_iter().map(|(_, b, row)| (b, row)).collect() })
    }
}

/// The rows of one shard in order.
pub struct SortedRows {
    batches: Vec<RecordBatch>,
    order: Vec<(usize, usize)>,
}

impl SortedRows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many rows `from..` hold about `max_bytes` of the text in `columns`; at least one.
    pub fn chunk_len(&self, from: usize, columns: &[usize], max_bytes: u64) -> usize {
        let mut bytes = 0;
        let mut to = from;
        while to < self.order.len() && (to == from || bytes < max_bytes) {
            let (batch, row) = self.order[to];
            for column in columns {
                let values = self.batches[batch].column(*column).as_string::<i32>();
                bytes += u64::try_from(values.value_length(row)).unwrap_or(0);
            }
            to += 1;
        }
        to - from
    }

    /// `n` rows from `from` on.
    ///
    /// # Errors
    /// Batches of different schemas: a defect.
    pub fn rows(&self, from: usize, n: usize) -> Result<RecordBatch> {
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        interleave_record_batch(&batches, &self.order[from..from + n]).map_err(arrow_error("sorting rows"))
    }
}

fn with_rank(batch: &RecordBatch, ranks: ArrayRef) -> Result<RecordBatch> {
    let fields = batch
        .schema()
        .fields()
        .iter()
        .cloned()
        .chain([Arc::new(Field::new("rank", DataType::UInt64, false))])
        .collect::<Vec<_>>();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let columns = batch.columns().iter().cloned().chain([ranks]).collect();
    RecordBatch::try_new(schema, columns).map_err(arrow_error("sorting rows"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringArray;

    #[test]
    fn rows_come_out_in_order_whether_or_not_they_were_spilled() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, false)]));
        let run = |max_bytes| {
            let dir = tempfile::tempdir().expect("a folder");
            let mut sorter = Sorter::new(max_bytes, dir.path());
            for b in 0..50_u64 {
                let rows: Vec<u64> = (0..40).map(|i| (i * 37 + b * 101) % 2000 * 2 + i % 2).collect();
                let text = StringArray::from_iter_values(rows.iter().map(|r| format!("行{r}")));
                let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(text)]).expect("a batch");
                let targets: Vec<_> =
                    rows.iter().map(|r| (r % 7 != 0).then_some((u32::from(r % 2 == 0), r * 100 + b))).collect();
                sorter.push(&batch, &targets).expect("pushed");
            }
            let spilled = sorter.buckets.iter().any(|b| b.spill.is_some());
            let rows: Vec<Vec<String>> = sorter
                .finish()
                .into_iter()
                .map(|rows| {
                    let rows = rows.sorted().expect("sorted");
                    let batch = rows.rows(0, rows.len()).expect("all rows");
                    assert_eq!(rows.chunk_len(0, &[0], u64::MAX), rows.len());
                    assert_eq!(rows.chunk_len(1, &[0], 1), 1);
                    batch.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect()
                })
                .collect();
            assert_eq!(fs_err::read_dir(dir.path()).expect("listed").count(), 0, "spill files are removed");
            (spilled, rows)
        };
        let (in_memory, expected) = run(u64::MAX);
        let (spilled, found) = run(1 << 14);
        assert!(!in_memory && spilled);
        assert_eq!(found, expected);
        let number = |text: &String| text.trim_start_matches('行').parse::<u64>().expect("a number");
        assert!(expected.iter().all(|rows| rows.len() > 500 && rows.is_sorted_by_key(number)));
    }
}
