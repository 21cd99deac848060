//! `evaluator report` on answers that were made up here.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{self, arg, program, put};

/// Run `evaluator report`: whether it succeeded, and what it said.
fn report(arguments: &[&str]) -> (bool, String) {
    let output = program("evaluator").arg("report").args(arguments).output().expect("evaluator starts");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A model that knows every `nth` of 40 items of two tasks, and writes what a page must not take for markup.
fn model(folder: &Path, nth: usize) {
    let write = |task: &str, reference: &str, right: &str, wrong: &str| {
        let item = |at: usize| {
            let answer = if at.is_multiple_of(nth) { right } else { wrong };
            let prompt = format!("请回答。\n第{at}题<script>alert(1)</script>");
            (at.to_string(), json!({"origin_prompt": prompt, "prediction": answer, "refr": reference}))
        };
        let items: serde_json::Map<String, Value> = (0..40).map(item).collect();
        put(&folder.join(task), serde_json::to_vec(&items).expect("JSON"));
    };
    write("1-2.json", "正确答案：B。", "B", "<img src=x onerror=alert(1)> C");
    write("3-4.json", "刑期:12个月", "12个月", "36个月");
}

#[test]
fn a_folder_of_models_becomes_a_page_and_figures() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, nth) in [("甲", 2), ("乙", 4), ("丙&<i>", 8)] {
        model(&folder.path().join("answers").join(name), nth);
    }
    let (answers, out) = (folder.path().join("answers"), folder.path().join("out/deep"));
    let (ok, said) = report(&[arg(&answers), "--out", arg(&out), "--resamples", "500"]);
    assert!(ok, "{said}");
    let page = fs_err::read_to_string(out.join("index.html")).expect("read");
    for foreign in ["<script", "<img", "<i>", "http://", "https://", "@import", "<link"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for shown in
        ["丙&amp;&lt;i&gt;", "&lt;img src=x", "prefers-color-scheme: dark", "<details>", "<svg", "evaluator report"]
    {
        assert!(page.contains(shown), "{shown}");
    }
    let figures: Value = serde_json::from_slice(&fs_err::read(out.join("report.json")).expect("read")).expect("JSON");
    // Two others against the best, six files, three examples of each, and floors and ceilings in both modes.
    let count = |value: &Value| value.as_array().map_or(0, Vec::len);
    assert_eq!((count(&figures["rows"]), count(&figures["comparisons"]), count(&figures["examples"])), (6, 2, 18));
    assert_eq!((count(&figures["bounds"]), count(&figures["ran"]["predictions"])), (4, 6));
    assert!(figures["comparisons"].as_array().expect("comparisons").iter().all(|c| c["b"] == "甲"));
    let file = &figures["ran"]["predictions"][0];
    let path = answers.join(file["model"].as_str().expect("text")).join("1-2.json");
    assert_eq!(file["sha256"], corpus_format::reader::hash_file(&path).expect("hashed").1);
    assert_eq!(figures["means"][1]["model"], "乙");
    // The same again.
    let before = support::hashes(&out);
    assert!(report(&[arg(&answers), "--out", arg(&out), "--resamples", "500"]).0);
    assert_eq!(support::hashes(&out), before);
    let (ok, _) = report(&[arg(&answers), "--out", arg(&out), "--against", "乙", "--resamples", "0"]);
    let figures: Value = serde_json::from_slice(&fs_err::read(out.join("report.json")).expect("read")).expect("JSON");
    assert!(ok && figures["comparisons"][0]["b"] == "乙" && figures["comparisons"][0]["tasks"][0]["low"].is_null());
}

#[test]
fn what_a_report_lacks_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let answers = folder.path().join("answers");
    model(&answers.join("a"), 2);
    let out = folder.path().join("out");
    let refused = |more: &[&str], expected: &str| {
        let (ok, said) = report(&[&[arg(&answers), "--out", arg(&out)], more].concat());
        assert!(!ok && said.contains(expected) && !out.exists(), "{said}");
    };
    refused(&["--against", "b"], "no model \"b\" to compare with; there are a");
    refused(&["--corpus", arg(folder.path())], arg(folder.path()));
    refused(&["--flagged", arg(&folder.path().join("absent"))], "absent");
    put(&answers.join("b/3-4.json"), "{");
    refused(&[], "b/3-4.json");
}
