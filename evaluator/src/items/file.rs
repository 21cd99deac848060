//! Writes and reads items as parquet, a row each, so that a table program can look at them too.

use std::{path::Path, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray, UInt16Array, UInt32Array},
    datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, UInt16Type, UInt32Type},
};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};

use super::{Item, TaskItems};
use crate::{Error, Mode, Result, lawbench::task, output::write_file, traits::Traits};

/// What stands between the charges of an item.
const BETWEEN_CHARGES: &str = ";";

/// The columns, each with what it means.
fn columns() -> [(&'static str, DataType, bool, &'static str); 15] {
    use DataType::{Boolean, Float64, UInt16, UInt32, Utf8};
    [
        ("model", Utf8, false, "The model: the name of its folder."),
        ("task", Utf8, false, "The number of LawBench's task: 1-2."),
        ("split", Utf8, false, "zero_shot or one_shot."),
        ("mode", Utf8, false, "official: the faults of the published scorer are kept; strict: mended."),
        ("item", UInt32, false, "Number of the item in the task, from 0."),
        ("score", Float64, true, "1 at best; null where the mean leaves the item out."),
        ("abstained", Boolean, true, "Whether the answer has nothing that could be judged."),
        ("outcome", Utf8, true, "How the answer ended, where the predictions say so."),
        ("reference", Utf8, false, "Hash of the reference's letters and digits."),
        ("case", Utf8, true, "Hash of the question's facts: items of one case have the same."),
        ("num_chars", UInt32, true, "Characters of the question without the instruction."),
        ("charges", Utf8, true, "Charges of the item, a semicolon between them."),
        ("cause", Utf8, true, "Cause of action or topic."),
        ("year", UInt16, true, "First year that the question names."),
        ("court_level", Utf8, true, "Level of the first court that the question names."),
    ]
}

fn schema() -> SchemaRef {
    let field = |(name, data_type, nullable, comment): (&str, DataType, bool, &str)| {
        Field::new(name, data_type, nullable).with_metadata([("comment".to_owned(), comment.to_owned())].into())
    };
    Arc::new(Schema::new(columns().map(field).to_vec()))
}

/// Write items to a file of parquet.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, tasks: &[TaskItems]) -> Result<()> {
    let parquet = |source: ParquetError| Error::parquet(path, source);
    let level = ZstdLevel::try_new(3).map_err(parquet)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties)).map_err(parquet)?;
    for task in tasks {
        let batch = RecordBatch::try_new(schema(), cells(task)).map_err(|e| parquet(e.into()))?;
        writer.write(&batch).map_err(parquet)?;
    }
    write_file(path, &writer.into_inner().map_err(parquet)?)
}

fn cells(task: &TaskItems) -> Vec<ArrayRef> {
    let items = &task.items;
    let same = |text: &str| Arc::new(StringArray::from(vec![text; items.len()])) as ArrayRef;
    let text = |of: fn(&Item) -> Option<&str>| Arc::new(items.iter().map(of).collect::<StringArray>()) as ArrayRef;
    let number = |of: fn(&Item) -> Option<u32>| Arc::new(items.iter().map(of).collect::<UInt32Array>()) as ArrayRef;
    let charges = |item: &Item| Some(item.traits.charges.join(BETWEEN_CHARGES)).filter(|charges| !charges.is_empty());
    vec![
        same(&task.model),
        same(task.task),
        same(&task.split),
        same(task.mode.as_str()),
        number(|item| Some(item.item)),
        Arc::new(items.iter().map(|item| item.score).collect::<Float64Array>()),
        Arc::new(items.iter().map(|item| item.abstained).collect::<BooleanArray>()),
        text(|item| item.outcome.as_deref()),
        text(|item| Some(&item.reference)),
        text(|item| item.traits.case.as_deref()),
        number(|item| item.traits.num_chars),
        Arc::new(items.iter().map(charges).collect::<StringArray>()),
        text(|item| item.traits.cause.as_deref()),
        Arc::new(items.iter().map(|item| item.traits.year).collect::<UInt16Array>()),
        text(|item| item.traits.court_level),
    ]
}

/// Read a file that [`write`] has written.
///
/// # Errors
/// A file that is not parquet, has no items, lacks a column or has a task that there is not.
pub fn read(path: &Path) -> Result<Vec<TaskItems>> {
    let file = fs_err::File::open(path)?.into_parts().0;
    if file.metadata()?.len() == 0 {
        return Err(Error::invalid(path, "the file is empty"));
    }
    let parquet = |source: ParquetError| Error::parquet(path, source);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet)?.build().map_err(parquet)?;
    let mut tasks: Vec<TaskItems> = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|e| parquet(e.into()))?;
        let rows = Rows::of(path, &batch)?;
        for row in 0..batch.num_rows() {
            let (head, item) = rows.read(path, row)?;
            match tasks.last_mut().filter(|last| last.model == head.model && last.task == head.task) {
                Some(last) => last.items.push(item),
                None => tasks.push(TaskItems { items: vec![item], ..head }),
            }
        }
    }
    if tasks.is_empty() {
        return Err(Error::invalid(path, "no items"));
    }
    Ok(tasks)
}

/// The columns of a batch, of the types that they should have.
struct Rows<'a>(Vec<&'a ArrayRef>);

impl<'a> Rows<'a> {
    fn of(path: &Path, batch: &'a RecordBatch) -> Result<Self> {
        let column = |(name, data_type, ..): (&str, DataType, bool, &str)| {
            let column = batch.column_by_name(name).filter(|column| *column.data_type() == data_type);
            column.ok_or_else(|| Error::invalid(path, format!("no column `{name}` of type {data_type}")))
        };
        Ok(Self(columns().into_iter().map(column).collect::<Result<_>>()?))
    }

    fn text(&self, column: usize, row: usize) -> Option<&'a str> {
        let column = self.0[column].as_string::<i32>();
        column.is_valid(row).then(|| column.value(row))
    }

    fn required(&self, column: usize, row: usize) -> String {
        self.text(column, row).unwrap_or_default().to_owned()
    }

    /// An item, and the task it is of without its items.
    fn read(&self, path: &Path, row: usize) -> Result<(TaskItems, Item)> {
        let id = self.required(1, row);
        let wrong = |what: String| Error::invalid(path, format!("row {row}: {what}"));
        let (_, task) = task(&id).ok_or_else(|| wrong(format!("LawBench has no task {id:?}")))?;
        let mode = self.required(3, row);
        let mode = Mode::from_name(&mode).ok_or_else(|| wrong(format!("there is no mode {mode:?}")))?;
        let head = TaskItems {
            model: self.required(0, row),
            task: task.id,
            split: self.required(2, row),
            mode,
            items: vec![],
        };
        Ok((head, self.item(row)))
    }

    fn item(&self, row: usize) -> Item {
        let number = |column: usize| {
            let column = self.0[column].as_primitive::<UInt32Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        let (score, abstained) = (self.0[5].as_primitive::<Float64Type>(), self.0[6].as_boolean());
        let year = self.0[13].as_primitive::<UInt16Type>();
        let charges = self.text(11, row).into_iter().flat_map(|charges| charges.split(BETWEEN_CHARGES));
        let levels = ["basic", "intermediate", "high", "supreme"];
        Item {
            item: number(4).unwrap_or_default(),
            score: score.is_valid(row).then(|| score.value(row)),
            abstained: abstained.is_valid(row).then(|| abstained.value(row)),
            outcome: self.text(7, row).map(str::to_owned),
            reference: self.required(8, row),
            traits: Traits {
                case: self.text(9, row).map(str::to_owned),
                num_chars: number(10),
                charges: charges.map(str::to_owned).collect(),
                cause: self.text(12, row).map(str::to_owned),
                year: year.is_valid(row).then(|| year.value(row)),
                court_level: self.text(14, row).and_then(|level| levels.into_iter().find(|known| *known == level)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks() -> Vec<TaskItems> {
        let traits = Traits {
            case: Some("c".into()),
            num_chars: Some(12),
            charges: vec!["盗窃".into(), "诈骗".into()],
            cause: Some("侵权".into()),
            year: Some(2016),
            court_level: Some("high"),
        };
        let item = |item, score, traits| Item {
            item,
            score,
            abstained: score.map(|_| true),
            outcome: score.map(|_| "stop".into()),
            reference: "r".into(),
            traits,
        };
        let of = |task| TaskItems {
            model: "模型".into(),
            task,
            split: "zero_shot".into(),
            mode: Mode::Strict,
            items: vec![item(0, Some(1.0 / 3.0), traits.clone()), item(1, None, Traits::default())],
        };
        vec![of("1-2"), of("3-3")]
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/items.parquet");
        write(&path, &tasks()).unwrap();
        assert_eq!(read(&path).unwrap(), tasks());
    }

    #[test]
    fn files_of_another_kind_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("items.parquet");
        let refused = |expected: &str| {
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("items.parquet") && error.contains(expected), "{error}");
        };
        fs_err::write(&path, "").unwrap();
        refused("the file is empty");
        fs_err::write(&path, "{}").unwrap();
        refused("not a file of scored items");
        write(&path, &[]).unwrap();
        refused("no items");
        let mut wrong = tasks();
        wrong[1].task = "4-1";
        write(&path, &wrong).unwrap();
        refused("LawBench has no task \"4-1\"");
    }
}
