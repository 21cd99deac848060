//! Corpora written by every released schema version are read, verified, and resumed anywhere.

use std::path::{Path, PathBuf};

use arrow::{array::RecordBatch, compute::concat_batches};
use corpus_format::{Corpus, Error, Position, SCHEMA_VERSION, Selection, Table, legal::Split};

fn released(version: u32) -> PathBuf {
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo")).join(format!("tests/compat/v{version}"))
}

fn read(corpus: &Corpus, table: Table, selection: &Selection, from: Position) -> (RecordBatch, Vec<Position>) {
    let reader = corpus.read(table, selection, 3, from).expect("a reader");
    let schema = reader.schema();
    let (positions, batches): (Vec<_>, Vec<_>) = reader.map(|batch| batch.expect("a batch")).unzip();
    (concat_batches(&schema, &batches).expect("one schema"), positions)
}

/// A copy of the current version's corpus that a test may damage.
fn copy() -> (tempfile::TempDir, Corpus) {
    let dir = tempfile::tempdir().expect("a folder");
    let corpus = Corpus::open(released(SCHEMA_VERSION)).expect("a corpus");
    fs_err::copy(released(SCHEMA_VERSION).join("index.json"), dir.path().join("index.json")).expect("copied");
    for file in &corpus.index().files {
        let to = dir.path().join(&file.path);
        fs_err::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs_err::copy(corpus.dir().join(&file.path), to).expect("copied");
    }
    let corpus = Corpus::open(dir.path()).expect("a corpus");
    (dir, corpus)
}

#[test]
fn every_released_version_is_read_whole() {
    for version in 1..=SCHEMA_VERSION {
        let corpus = Corpus::open(released(version)).expect("a corpus");
        corpus.verify().expect("undamaged");
        for table in Table::ALL {
            let (rows, _) = read(&corpus, table, &Selection::default(), Position::default());
            assert_eq!(rows.num_rows() as u64, corpus.index().rows_of(table), "{table}");
            // The corpus of version 1 was built before there were citations.
            assert!(rows.num_rows() > 0 || (version, table) == (1, Table::Citations), "{table}");
            let names: Vec<&str> = rows.schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
            let columns = table.columns();
            assert_eq!(names, columns.iter().map(|c| c.name).collect::<Vec<_>>());
        }
    }
}

#[test]
fn reading_resumes_at_every_row() {
    let corpus = Corpus::open(released(SCHEMA_VERSION)).expect("a corpus");
    let all = Selection::default();
    let (whole, positions) = read(&corpus, Table::Articles, &all, Position::default());
    assert!(positions.last().is_some_and(|p| p.file > 0 || p.row_group > 0), "more than one file or row group");
    let mut done = 0;
    for position in positions {
        let (rest, _) = read(&corpus, Table::Articles, &all, position);
        done = whole.num_rows() - rest.num_rows();
        assert_eq!(rest, whole.slice(done, rest.num_rows()), "{position:?}");
    }
    assert_eq!(done, whole.num_rows());
    // Single rows too: positions that no batch ended at.
    let first_group = corpus.read(Table::Articles, &all, 1, Position::default()).expect("a reader");
    for (n, batch) in first_group.enumerate() {
        let (position, row) = batch.expect("a batch");
        assert_eq!(row, whole.slice(n, 1));
        let (rest, _) = read(&corpus, Table::Articles, &all, position);
        assert_eq!(rest.num_rows(), whole.num_rows() - n - 1);
    }
    let beyond = Position { file: 99, row_group: 0, row: 0 };
    assert!(matches!(corpus.read(Table::Articles, &all, 1, beyond), Err(Error::Position { file: 99, .. })));
}

#[test]
fn row_groups_can_be_read_in_any_order() {
    let corpus = Corpus::open(released(SCHEMA_VERSION)).expect("a corpus");
    let all = Selection::default();
    let (whole, _) = read(&corpus, Table::Articles, &all, Position::default());
    let mut reader = corpus.read(Table::Articles, &all, usize::MAX >> 8, Position::default()).expect("a reader");
    let groups = reader.row_groups().expect("footers");
    assert!(groups.len() > 1);
    assert_eq!(groups.iter().map(|(_, rows)| rows).sum::<usize>(), whole.num_rows());
    let mut end = whole.num_rows();
    for (position, rows) in groups.into_iter().rev() {
        reader.seek(position).expect("there");
        let (_, batch) = reader.next().expect("rows").expect("whole");
        assert_eq!(batch, whole.slice(end - rows, rows));
        end -= rows;
    }
    assert!(reader.seek(Position { file: 99, row_group: 0, row: 0 }).is_err());
}

#[test]
fn a_selection_restricts_rows_and_columns() {
    let corpus = Corpus::open(released(SCHEMA_VERSION)).expect("a corpus");
    let columns = ["text", "id"].map(str::to_owned).to_vec();
    let count = |selection: &Selection| read(&corpus, Table::Documents, selection, Position::default()).0;
    let train = count(&Selection { split: Some(Split::Train), columns: columns.clone(), ..Selection::default() });
    let held_out = count(&Selection { split: Some(Split::Validation), columns, ..Selection::default() });
    assert!(train.num_rows() > 0 && held_out.num_rows() > 0);
    assert_eq!((train.num_rows() + held_out.num_rows()) as u64, corpus.index().rows_of(Table::Documents));
    let names: Vec<&str> = train.schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["id", "text"], "in the table's order");
    let none = count(&Selection { kind: Some("instruction".into()), ..Selection::default() });
    assert_eq!(none.num_rows(), 0);
    let unknown = Selection { columns: vec!["txet".into()], ..Selection::default() };
    let error = corpus.read(Table::Documents, &unknown, 1, Position::default()).err().expect("an error");
    assert_eq!(error.to_string(), "table documents has no column `txet`");
}

#[test]
fn damage_is_found_before_a_row_is_returned() {
    let (dir, corpus) = copy();
    let file = &corpus.index().files_of(Table::Articles).next().expect("a file").path;
    let path = dir.path().join(file);
    let mut bytes = fs_err::read(&path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(&path, bytes).expect("written");
    assert!(corpus.verify().is_err());
    let mut reader = corpus.read(Table::Articles, &Selection::default(), 3, Position::default()).expect("a reader");
    let error = reader.next().expect("an item").expect_err("damage");
    assert!(error.to_string().contains(&format!("{}: ", path.display())), "{error}");
    assert!(reader.next().is_none(), "an error ends the stream");
}

#[test]
fn an_unfinished_or_foreign_corpus_is_refused() {
    let (dir, _) = copy();
    let index = dir.path().join("index.json");
    let text = fs_err::read_to_string(&index).expect("read");
    let other = text.replacen(&format!("\"schema_version\": {SCHEMA_VERSION}"), "\"schema_version\": 77", 1);
    fs_err::write(&index, other).expect("written");
    let error = Corpus::open(dir.path()).expect_err("another version").to_string();
    let expected = format!("schema version 77, this program reads {SCHEMA_VERSION}; rebuild with `just build-corpus`");
    assert!(error.contains(&expected), "{error}");
    fs_err::write(&index, "{").expect("written");
    assert!(matches!(Corpus::open(dir.path()), Err(Error::BadIndex { .. })));
    fs_err::remove_file(&index).expect("removed");
    assert!(matches!(Corpus::open(dir.path()), Err(Error::NotBuilt(_))));
}
