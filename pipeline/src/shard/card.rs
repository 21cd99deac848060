//! Defines the dataset card beside the shards: Hugging Face's front matter, and what the columns mean.

use std::fmt::Write;

use corpus_format::{Index, SCHEMA_VERSION, Table};

use crate::sources::files::Source;

/// The card as Markdown.
pub fn card(index: &Index, sources: &[&Source]) -> String {
    let mut card = String::from("---\nlanguage:\n- zh\npretty_name: Chinese public law\ntags:\n- legal\nconfigs:\n");
    for table in Table::ALL {
        let has = |split: &str| index.files_of(table).any(|f| f.split.as_deref().is_none_or(|s| s == split));
        if index.files_of(table).next().is_none() {
            continue;
        }
        let default = if table == Table::Documents { "  default: true\n" } else { "" };
        let _ = write!(card, "- config_name: {table}\n{default}  data_files:\n");
        if table == Table::Dropped {
            let _ = write!(card, "  - split: train\n    path: {table}/**/*.parquet\n");
            continue;
        }
        for split in ["train", "validation"].into_iter().filter(|split| has(split)) {
            let kind = if table == Table::Articles { "" } else { "kind=*/" };
            let _ = write!(card, "  - split: {split}\n    path: {table}/{kind}split={split}/*.parquet\n");
        }
    }
    let rows = index.rows_of(Table::Documents);
    let size = match rows {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        _ => "n>1M",
    };
    let _ = write!(card, "size_categories:\n- {size}\n---\n\n# Chinese public law\n\n");
    card += "Statutes and court documents of the People's Republic of China, cleaned and cut into parquet.\n\
             For research. Texts may be incomplete, out of date or wrong; do not use them for a real legal case.\n\n\
             ```sql\nFROM 'documents/**/*.parquet';  -- DuckDB, in this folder\n```\n\n";
    card += "| table | rows | files | MB |\n|---|---:|---:|---:|\n";
    for table in Table::ALL {
        let bytes: u64 = index.files_of(table).map(|f| f.bytes).sum();
        let files = index.files_of(table).count();
        let _ = writeln!(card, "| {table} | {} | {files} | {:.1} |", index.rows_of(table), bytes as f64 / 1e6);
    }
    card += "\n## Sources\n\n| source | kind | licence | origin |\n|---|---|---|---|\n";
    for source in sources {
        let m = &source.manifest;
        let _ = writeln!(card, "| {} | {} | {} | {} |", m.name, m.kind, m.licence.name, m.origin);
    }
    let _ = write!(card, "\n## Columns (schema version {SCHEMA_VERSION})\n");
    for table in Table::ALL {
        let _ = write!(card, "\n### {table}\n\n| column | type | meaning |\n|---|---|---|\n");
        for column in table.columns() {
            let kind = match &column.data_type {
                arrow::datatypes::DataType::Struct(_) => "struct".to_owned(),
                arrow::datatypes::DataType::List(_) => "list of structs".to_owned(),
                plain => plain.to_string().to_lowercase().replace("utf8", "string"),
            };
            let null = if column.nullable { ", may be null" } else { "" };
            let _ = writeln!(card, "| {} | {kind}{null} | {} |", column.name, column.comment);
        }
    }
    card
}
