"""Open a corpus with other people's readers; every one must see the same rows.

usage: readers.py CORPUS
"""
import datetime
import json
import pathlib
import sys

import duckdb
import pandas
import polars
import pyarrow.dataset
import pyarrow.parquet
from datasets import load_dataset

corpus = pathlib.Path(sys.argv[1])
index = json.loads((corpus / "index.json").read_text())
for table in ["documents", "articles", "citations", "instructions", "dropped"]:
    expected = sum(f["rows"] for f in index["files"] if f["table"] == table)
    files = f"{corpus}/{table}/**/*.parquet"

    assert duckdb.sql(f"SELECT count(*) FROM '{files}'").fetchall()[0][0] == expected, table
    frame = polars.scan_parquet(files, hive_partitioning=True)
    assert frame.select(polars.len()).collect().item() == expected, table
    dataset = pyarrow.dataset.dataset(corpus / table, partitioning="hive", exclude_invalid_files=False)
    assert dataset.count_rows() == expected, table
    some = [f["path"] for f in index["files"] if f["table"] == table]
    if some:
        assert len(pandas.read_parquet(corpus / some[0])) == index["files"][[f["path"] for f in index["files"]].index(some[0])]["rows"]
        metadata = pyarrow.parquet.read_metadata(corpus / some[0])
        assert metadata.metadata[b"schema_version"] == str(index["schema_version"]).encode()
        columns = pyarrow.parquet.read_schema(corpus / some[0])
        assert all(metadata.metadata[f"comment:{f.name}".encode()] for f in columns), "columns are explained"
        assert all(f.metadata[b"comment"] for f in columns)

# A law by a date range, a row by its id, nested columns, the hive columns.
count = duckdb.sql(f"""
    SELECT count(*) FROM '{corpus}/documents/**/*.parquet'
    WHERE kind = 'statute' AND date BETWEEN '2020-01-01' AND '2020-12-31'""").fetchall()[0][0]
frame = polars.scan_parquet(f"{corpus}/documents/**/*.parquet")
year = (polars.col("date") >= datetime.date(2020, 1, 1)) & (polars.col("date") <= datetime.date(2020, 12, 31))
assert count == frame.filter((polars.col("kind") == "statute") & year).select(polars.len()).collect().item() > 0
text = duckdb.sql(f"FROM '{corpus}/articles/**/*.parquet' SELECT text WHERE id = 'statutes/刑法/刑法.md#264'").fetchall()[0][0]
assert text.startswith("盗窃公私财物"), text
sections = duckdb.sql(f"""
    SELECT list_transform(metadata.sections, lambda s: s.section) FROM '{corpus}/documents/**/*.parquet'
    WHERE id = 'spc-judgments/0743.txt'""").fetchall()[0][0]
assert sections == ["title", "header", "facts", "reasoning", "legal_basis", "disposition", "tail", "signature"], sections

# Which law repealed which, and the versions in force on a day: one of each law, in all its files.
statutes = f"{corpus}/documents/kind=statute/**/*.parquet"
repealed = duckdb.sql(f"""
    SELECT count(*) FROM '{statutes}' AS old JOIN '{statutes}' AS new ON new.id = old.metadata.repealed_by
    WHERE old.metadata.repealed >= old.metadata.in_force_to""").fetchall()[0][0]
assert repealed == duckdb.sql(f"SELECT count(metadata.repealed_by) FROM '{statutes}'").fetchall()[0][0] > 0
day = "DATE '2022-06-01'"
doubled = duckdb.sql(f"""
    SELECT metadata.law FROM '{statutes}'
    WHERE metadata.in_force_from <= {day} AND coalesce(metadata.in_force_to > {day}, true)
    GROUP BY metadata.law HAVING count(DISTINCT date) > 1""").fetchall()
assert not doubled, doubled

# Files are sorted, have a page index, and bloom filters on ids.
path = corpus / "documents/kind=statute/split=train/part-00000.parquet"
dates = polars.read_parquet(path, columns=["date"])["date"].to_list()
dated = [d for d in dates if d is not None]
assert dates == sorted(dated) + [None] * (len(dates) - len(dated)), "by date, nulls last"
row_group = pyarrow.parquet.read_metadata(path).row_group(0)
columns = {row_group.column(i).path_in_schema: row_group.column(i) for i in range(row_group.num_columns)}
assert columns["date"].has_offset_index and columns["date"].has_column_index and columns["date"].statistics.has_min_max
assert columns["text"].compression == "ZSTD" and not columns["text"].has_dictionary_page
assert [s.column_index for s in row_group.sorting_columns] == [list(columns).index("date")]
bloom = duckdb.sql(f"SELECT bloom_filter_excludes FROM parquet_bloom_probe('{path}', 'id', 'no such id')").fetchall()
assert bloom and all(excluded for (excluded,) in bloom), "the bloom filter excludes an id that is not there"

# The card makes load_dataset work without a word of code.
for table in ["documents", "articles", "citations", "instructions", "dropped"]:
    loaded = load_dataset(str(corpus), table)
    expected = sum(f["rows"] for f in index["files"] if f["table"] == table)
    assert sum(split.num_rows for split in loaded.values()) == expected, table
