//! `evaluator score --items` and `evaluator compare` on answers that were made up here; and what they say to bad input.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{self, arg, evaluator, put};

fn compared(arguments: &[&str]) -> Value {
    let (ok, printed, said) = evaluator(&[&["compare"], arguments, &["--json"]].concat());
    assert!(ok, "{said}");
    serde_json::from_str(&printed).expect("JSON")
}

/// Answers to `items` items of a task; of each its question, the reference and the answer.
fn answers(file: &Path, items: usize, item: impl Fn(usize) -> (String, String, String)) {
    let items = (0..items).map(|at| {
        let (question, reference, prediction) = item(at);
        let prompt = format!("<s>请回答。\n{question} </s>");
        (at.to_string(), json!({"origin_prompt": prompt, "prediction": prediction, "refr": reference}))
    });
    put(file, serde_json::to_vec(&items.collect::<serde_json::Map<_, _>>()).expect("JSON"));
}

/// A model that knows every `nth` item of an examination, of charges and of terms; the last two share their cases.
fn model(folder: &Path, nth: usize) {
    let knows = |at: usize| at.is_multiple_of(nth);
    answers(&folder.join("1-2.json"), 60, |at| {
        let answer = if knows(at) { "B" } else { "C" };
        (format!("第{at}题，2016年甲诉至人民法院"), "正确答案：B。".to_owned(), answer.to_owned())
    });
    let charge = |at: usize| if at < 30 { "盗窃" } else { "抢劫" };
    let facts = |at: usize| format!("事实:201{}年，第{at}号人拿走一物。", at % 7);
    answers(&folder.join("3-3.json"), 60, |at| {
        let answer = if knows(at) { charge(at) } else { "赌博" };
        (facts(at), format!("罪名:{}", charge(at)), answer.to_owned())
    });
    answers(&folder.join("3-4.json"), 60, |at| {
        let answer = if knows(at) { "12个月" } else { "36个月" };
        (format!("{}\n罪名:{}。法条:刑法第264条", facts(at), charge(at)), "刑期:12个月".to_owned(), answer.to_owned())
    });
}

#[test]
fn two_models_are_compared_item_by_item() {
    let folder = tempfile::tempdir().expect("a folder");
    let (a, b) = (folder.path().join("zero_shot/甲"), folder.path().join("zero_shot/乙"));
    model(&a, 2);
    model(&b, 6);
    let result = compared(&[arg(&a), arg(&b)]);
    assert_eq!((&result["a"], &result["b"]), (&json!("甲"), &json!("乙")));
    // A knows all that B knows, 30 of 60 against 10.
    let exam = &result["tasks"][0];
    assert_eq!((&exam["better"], &exam["worse"], &exam["test"]), (&json!(20), &json!(0), &json!("mcnemar")));
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!((number(&exam["p"]) - 2.0 * 0.5_f64.powi(20)).abs() < 1e-12);
    assert!((number(&exam["p_holm"]) - 6.0 * 0.5_f64.powi(20)).abs() < 1e-12);
    assert!((number(&exam["difference"]) - 1.0 / 3.0).abs() < 1e-12);
    assert!(number(&exam["low"]) > 0.2 && number(&exam["high"]) < 0.47, "{exam}");
    // The cases of charges and terms are the same 60.
    assert_eq!((&result["mean"]["items"], &result["mean"]["cases"]), (&json!(180), &json!(120)));
    let slices = result["slices"].as_array().expect("slices");
    let of = |task: &str, by: &str, value: &str| {
        slices.iter().find(|s| s["task"] == task && s["by"] == by && s["value"] == value)
    };
    assert_eq!(of("3-4", "charge", "盗窃").expect("a slice")["items"], 30);
    assert_eq!(of("1-2", "year", "2016").expect("a slice")["items"], 60);
    assert_eq!(of("1-2", "court_level", "basic").expect("a slice")["items"], 60);
    assert!(
        result["unreported"]
            .as_array()
            .expect("an array")
            .contains(&json!({"task": "3-3", "by": "year", "slices": 7, "items": 60}))
    );
    // The files of items, of both models together and of each, say the same; and so does the other order, negated.
    let items = folder.path().join("items/all.parquet");
    assert!(evaluator(&["score", arg(folder.path()), "--items", arg(&items)]).0);
    let named = |model: &str| format!("{}#{model}", items.display());
    let mut again = compared(&[&named("甲"), &named("乙")]);
    again["warnings"] = result["warnings"].clone();
    assert_eq!(again, result);
    let reversed = compared(&[arg(&b), &named("甲")]);
    assert_eq!(number(&reversed["tasks"][0]["difference"]), -number(&exam["difference"]));
    let (_, table, _) = evaluator(&["compare", arg(&a), arg(&b)]);
    assert!(table.contains("1-2      60     60   50.00   16.67  +33.33") && table.contains("charge: 盗窃"), "{table}");
    assert!(table.contains("3-3   year: 7 slices of 60 items"), "{table}");
}

#[test]
fn a_seed_gives_the_same_bytes_and_a_model_equals_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let a = folder.path().join("a");
    model(&a, 3);
    let run = |seed: &str| {
        let items = folder.path().join(format!("{seed}.parquet"));
        let (ok, printed, said) =
            evaluator(&["score", arg(folder.path()), "--seed", seed, "--resamples", "500", "--items", arg(&items)]);
        assert!(ok, "{said}");
        (printed, fs_err::read(items).expect("read"))
    };
    assert_eq!(run("7"), run("7"));
    assert_ne!(run("7").0, run("8").0);
    let result = compared(&[arg(&a), arg(&a)]);
    for task in result["tasks"].as_array().expect("tasks").iter().chain([&result["mean"]]) {
        assert_eq!((&task["difference"], &task["low"], &task["p"]), (&json!(0.0), &json!(0.0), &json!(1.0)));
    }
    // Without samples there are scores, and tests that need none.
    let (ok, printed, _) = evaluator(&["score", arg(folder.path()), "--resamples", "0", "--json"]);
    assert!(ok && printed.contains("\"low\":null"), "{printed}");
}

#[test]
fn items_that_only_one_has_are_counted_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let exam = |reference: &'static str| move |at: usize| (format!("第{at}题"), reference.to_owned(), "B".to_owned());
    answers(&a.join("1-2.json"), 30, exam("正确答案：B。"));
    answers(&b.join("1-2.json"), 28, exam("正确答案：B。"));
    answers(&a.join("3-6.json"), 3, exam("正确答案:B。"));
    answers(&b.join("3-6.json"), 3, exam("正确答案:C。"));
    answers(&b.join("1-9.json"), 3, exam("正确答案:C。"));
    let (ok, printed, said) = evaluator(&["compare", arg(&a), arg(&b)]);
    assert!(ok && printed.contains("1-2      28"), "{printed}");
    for expected in [
        "task 1-2: 2 items of a are none of b (28, 29)",
        "task 3-6: 3 items have other references in b (0, 1, 2)",
        "1-9.json: no task of LawBench has this number",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // With nothing in common there is nothing to compare.
    let c = folder.path().join("c");
    answers(&c.join("3-6.json"), 3, exam("正确答案:D。"));
    let (ok, _, said) = evaluator(&["compare", arg(&a), arg(&c)]);
    assert!(!ok && said.contains("no item that both answered"), "{said}");
}

#[test]
fn sides_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let a = folder.path().join("a");
    model(&a, 3);
    let refused = |path: &Path, expected: &str| {
        let (ok, _, said) = evaluator(&["compare", arg(&a), arg(path)]);
        assert!(!ok && said.contains(expected), "{expected}: {said}");
    };
    refused(&folder.path().join("absent"), "absent");
    refused(folder.path(), "give the folder of one model");
    let file = folder.path().join("b/1-2.json");
    put(&file, "{\"0\": {\n\"prediction\": \"B\"\n\"refr\"");
    refused(&folder.path().join("b"), "at line 3");
    put(&file, "");
    refused(&folder.path().join("b"), "1-2.json: the file is empty");
    let parquet = folder.path().join("items.parquet");
    put(&parquet, "model,task\n");
    refused(&parquet, "items.parquet: not a file of scored items");
    put(&parquet, "");
    refused(&parquet, "items.parquet: the file is empty");
    fs_err::remove_dir_all(folder.path().join("b")).expect("removed");
    model(&folder.path().join("b"), 4);
    assert!(evaluator(&["score", arg(folder.path()), "--items", arg(&parquet)]).0);
    refused(&parquet, "say which model is meant, as FILE#MODEL; there are a, b");
    refused(Path::new(&format!("{}#c", parquet.display())), "there are a, b");
    let (ok, _, said) = evaluator(&["compare", arg(&parquet), arg(&parquet), "--split", "one_shot"]);
    assert!(!ok && said.contains("no items of the split one_shot"), "{said}");
}

#[test]
fn foreign_readers_open_the_file_of_items() {
    let folder = tempfile::tempdir().expect("a folder");
    model(&folder.path().join("a"), 3);
    let items = folder.path().join("items.parquet");
    assert!(evaluator(&["score", arg(folder.path()), "--items", arg(&items)]).0);
    let Some(python) = std::env::var_os("READERS_PYTHON") else {
        eprintln!("SKIPPED: READERS_PYTHON is not set");
        return;
    };
    let script = "import duckdb, sys; print(duckdb.sql(f\"SELECT task, count(*), round(avg(score), 3), count(DISTINCT \\\"case\\\") \
                  FROM '{sys.argv[1]}' GROUP BY task ORDER BY task\").fetchall())";
    let output = std::process::Command::new(python).args(["-c", script, arg(&items)]).output().expect("python starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("('1-2', 60, 0.333, 60), ('3-3', 60, 0.333, 60)"), "{printed}");
}

#[test]
fn the_published_answers_are_compared() {
    let Some(data) = support::shared_data("lawbench/predictions/zero_shot") else { return };
    let result = compared(&[arg(&data.join("GPT4")), arg(&data.join("chatlaw-13b-hf"))]);
    assert_eq!((&result["warnings"], result["tasks"].as_array().map(Vec::len)), (&json!([]), Some(5)));
    assert_eq!((&result["mean"]["items"], &result["mean"]["cases"]), (&json!(2496), &json!(2407)));
    println!("{}", result["tasks"]);
}
