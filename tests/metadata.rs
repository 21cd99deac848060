//! How right the metadata of court documents is, against labels made by reading them.

use std::collections::BTreeMap;

use corpus_format::{Corpus, Position, Selection, Table};
use serde_json::{Value, json};

use crate::{
    accuracy::{corpus, labels, of_label},
    support::value,
};

/// Sources of labelled documents.
const SOURCES: [&str; 5] = ["judge-criminal", "spc_txt", "judge_criminal", "crawler_dump", "lecardv2"];

/// A field, the least accuracy on the documents that the rules were mended on and on those they were not.
const FIELDS: [(&str, f64, f64); 12] = [
    ("number", 0.99, 0.95),
    ("court", 0.99, 0.95),
    ("document_type", 0.99, 0.95),
    ("date", 0.99, 0.95),
    ("instance", 0.97, 0.9),
    ("procedure", 0.97, 0.9),
    ("charges", 0.97, 0.9),
    ("cause", 0.9, 0.8),
    ("parties", 0.9, 0.8),
    ("judges", 0.95, 0.9),
    ("outcome", 0.95, 0.85),
    ("sentences", 0.95, 0.9),
];

/// The documents as JSON, by id.
fn documents() -> BTreeMap<String, Value> {
    let columns = ["id", "document_type", "date", "issuer", "number", "metadata"].map(str::to_owned).to_vec();
    let selection = Selection { columns, ..Selection::default() };
    let corpus = Corpus::open(corpus()).expect("a corpus");
    let reader = corpus.read(Table::Documents, &selection, 1000, Position::default()).expect("a reader");
    let batches = reader.map(|batch| batch.expect("a batch").1);
    let rows = batches.flat_map(|batch| {
        let row = |i: usize| {
            let columns = batch.schema_ref().fields().iter().zip(batch.columns());
            Value::Object(columns.map(|(field, column)| (field.name().clone(), value(column, i))).collect())
        };
        (0..batch.num_rows()).map(row).collect::<Vec<_>>()
    });
    rows.map(|row| (row["id"].as_str().expect("an id").to_owned(), row)).collect()
}

/// A field of a document in the form of its label.
fn found(document: &Value, field: &str) -> Value {
    let metadata = &document["metadata"];
    let list = |name: &str| metadata[name].as_array().cloned().unwrap_or_default();
    match field {
        "number" | "date" | "document_type" => document[field].clone(),
        "court" => document["issuer"].clone(),
        "charges" => Value::Array(list(field)),
        "parties" => list(field).iter().map(|party| json!([party["role"], party["kind"]])).collect(),
        "judges" => {
            // How many of each role, in the order of the roles.
            let mut counts: Vec<(Value, u32)> = Vec::new();
            for judge in list(field) {
                match counts.iter_mut().find(|(role, _)| *role == judge["role"]) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((judge["role"].clone(), 1)),
                }
            }
            counts.into_iter().map(|(role, count)| json!([role, count])).collect()
        }
        "sentences" => list(field)
            .iter()
            .map(|s| json!([s["penalty"], s["months"], s["suspended_months"], s["fine_yuan"]]))
            .collect(),
        _ => metadata[field].clone(),
    }
}

/// A label with the names of the schema, and of a number only what is no writing.
fn expected(label: &Value, field: &str) -> Value {
    let named = |text: &str| {
        let names = [
            ("普通程序", "ordinary"),
            ("简易程序", "summary"),
            ("速裁程序", "expedited"),
            ("特别程序", "special"),
            ("督促程序", "payment_order"),
            ("有期徒刑", "fixed_term"),
            ("拘役", "detention"),
            ("管制", "surveillance"),
            ("罚金", "fine"),
            ("无期徒刑", "life"),
            ("死刑", "death"),
            ("死刑缓期执行", "suspended_death"),
            ("免予刑事处罚", "exempted"),
        ];
        names.iter().find(|(chinese, _)| *chinese == text).map_or(text.to_owned(), |(_, name)| (*name).to_owned())
    };
    match (field, &label[field]) {
        ("court", Value::String(court)) => json!(court.trim_start_matches("中华人民共和国")),
        ("procedure", Value::String(name)) => json!(named(name)),
        ("judges", Value::Array(judges)) => {
            let roles = judges.iter().map(|judge| &judge[0]);
            let unique: Vec<&Value> = roles.fold(Vec::new(), |mut seen, role| {
                if seen.contains(&role) {
                    seen
                } else {
                    seen.push(role);
                    seen
                }
            });
            let count =
                |role: &Value| judges.iter().filter(|j| j[0] == *role).filter_map(|j| j[1].as_u64()).sum::<u64>();
            unique.into_iter().map(|role| json!([role, count(role)])).collect()
        }
        ("sentences", Value::Array(sentences)) => {
            sentences.iter().map(|s| json!([named(s[0].as_str().expect("a penalty")), s[1], s[2], s[3]])).collect()
        }
        (_, other) => other.clone(),
    }
}

/// Right and labelled, by field.
fn accuracy(file: &str) -> BTreeMap<&'static str, (u32, u32)> {
    let documents = documents();
    let mut counts = BTreeMap::new();
    for (source, _, labels) in labels(file, &SOURCES.map(|source| (source, 0.0))) {
        for label in &labels {
            let Some(document) = of_label(label, &documents) else { continue };
            for (field, _, _) in FIELDS {
                let (expected, found) = (expected(label, field), found(document, field));
                if label.get(field).is_none() || expected.get("?").is_some() {
                    continue;
                }
                let (right, all): &mut (u32, u32) = counts.entry(field).or_default();
                *all += 1;
                *right += u32::from(expected == found);
                // Names are in no label, so this prints none; the parties and judges that were found are roles.
                if expected != found {
                    eprintln!("{file} {source} {}: {field}: {found}, not {expected}", label["id"]);
                }
            }
        }
    }
    counts
}

#[test]
fn metadata_is_what_a_reader_says() {
    let mut wrong = Vec::new();
    // The blind sets from the second on are random samples; the rules were mended on all but the fifth.
    let files = [
        ("metadata.jsonl", false),
        ("metadata_blind.jsonl", true),
        ("metadata_blind2.jsonl", false),
        ("metadata_blind3.jsonl", false),
        ("metadata_blind4.jsonl", false),
        ("metadata_blind5.jsonl", true),
    ];
    for (file, is_blind) in files {
        let counts = accuracy(file);
        for (field, mended, blind) in FIELDS {
            let Some((right, all)) = counts.get(field) else { continue };
            let share = f64::from(*right) / f64::from(*all);
            eprintln!("{file}: {field} {right} of {all}, {share:.3}");
            if share < if is_blind { blind } else { mended } {
                wrong.push(format!("{file} {field}: {share:.3}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
