//! `evaluator score` on answers that were made up here; and what it says to bad input.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{self, arg, evaluator, put};

/// Run `evaluator score`: whether it succeeded, what it printed, and what it said beside that.
fn score(arguments: &[&str]) -> (bool, String, String) {
    evaluator(&[&["score"], arguments].concat())
}

/// A file of answers in LawBench's layout from pairs of an answer and a reference.
fn answers(folder: &Path, file: &str, pairs: &[(&str, &str)]) {
    prompted(folder, file, "甲\n乙", pairs);
}

/// A file of answers to one prompt.
fn prompted(folder: &Path, file: &str, prompt: &str, pairs: &[(&str, &str)]) {
    let items = pairs.iter().enumerate().map(|(at, (prediction, reference))| {
        (at.to_string(), json!({"origin_prompt": prompt, "prediction": prediction, "refr": reference}))
    });
    let items: serde_json::Map<String, Value> = items.collect();
    put(&folder.join(file), serde_json::to_vec_pretty(&items).expect("JSON"));
}

/// A file for each task, each with an answer that is right and one that is nothing.
fn all_tasks(folder: &Path) {
    let references = [
        ("1-1", "北京的法院审理案件。", "答案:北京的法院审理案件。"),
        ("1-2", "[正确答案]B<eoa>", "正确答案：B。"),
        ("2-1", "改正的句子。", "改正的句子。"),
        ("2-2", "[争议焦点]违约<eoa>", "争议焦点类别：违约。"),
        ("2-3", "[类别]准予离婚<eoa>", "类别:准予离婚。"),
        ("2-4", "[类别]侵权<eoa>", "侵权"),
        ("2-5", "4000元", "回答:4000元"),
        ("2-6", "受害人:甲某\n地点:某某路口", "受害人:甲某;地点:某某路口"),
        ("2-7", "两名男子被判刑。", "两名男子被判刑。"),
        ("2-8", "[正确答案]E<eoa>", "[正确答案]E<eoa>"),
        ("2-9", "鉴定;受伤", "受伤;鉴定"),
        ("2-10", "查扣;退给", "查扣;退给"),
        ("3-1", "[法条]刑法第264条、刑法第67条<eoa>", "法条:刑法第67、264条"),
        ("3-2", "根据第五条的规定，合同成立。", "根据第五条的规定，合同成立。"),
        ("3-3", "[罪名]盗窃;抢劫<eoa>", "罪名:抢劫;盗窃"),
        ("3-4", "三十六个月", "刑期:36个月"),
        ("3-5", "[刑期]36月<eoa>", "刑期:36个月"),
        ("3-6", "C", "正确答案:C。"),
        ("3-7", "[金额]8500元<eoa>", "上文涉及到的犯罪金额:8500.0元。"),
        ("3-8", "可以起诉。", "可以起诉。"),
    ];
    for (id, prediction, reference) in references {
        answers(folder, &format!("{id}.json"), &[(prediction, reference), ("", reference)]);
    }
}

#[test]
fn all_tasks_of_a_folder_of_models_are_scored() {
    let folder = tempfile::tempdir().expect("a folder");
    all_tasks(&folder.path().join("zero_shot/one"));
    answers(&folder.path().join("zero_shot/two"), "1-2.json", &[("A", "正确答案：B。")]);
    answers(&folder.path().join("one_shot/one"), "3-6.json", &[("C", "正确答案:C。")]);
    put(&folder.path().join("zero_shot/results.csv"), "task,model_name,score,abstention_rate\n");
    for mode in ["official", "strict"] {
        let (ok, printed, said) = score(&[arg(folder.path()), "--mode", mode, "--json"]);
        assert!(ok, "{said}");
        let rows: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(rows.len(), 21);
        let keys: Vec<&str> = rows[0].as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["model", "task", "metric", "score", "low", "high", "abstention", "items"]);
        // One right, one of nothing.
        for row in rows.iter().take(20).filter(|row| row["task"] != "2-1") {
            let score = row["score"].as_f64().expect("a number");
            assert!((score - 0.5).abs() < 1e-7 && row["items"] == 2, "{mode}: {row}");
            assert!(mode == "official" || row["abstention"] == 0.5, "{row}");
        }
        assert_eq!(rows[2]["task"], "2-1");
        assert!(rows[2]["score"].is_null() && rows[2]["abstention"].is_null() && rows[2]["items"] == 2);
        assert!(said.contains("2-1.json: task 2-1 is not scored"), "{said}");
        assert!(said.contains("one/3-8.json: 2 items of 500"), "{said}");
    }
    let (ok, printed, _) = score(&[arg(folder.path()), "--split", "one_shot"]);
    assert!(
        ok && printed.contains("one    3-6   accuracy        100.00                -        0.00      1"),
        "{printed}"
    );
    assert!(printed.ends_with("one    mean  of 1  tasks     100.00                -\n"), "{printed}");
    // The folder of a split by itself.
    let (ok, printed, _) = score(&[arg(&folder.path().join("zero_shot"))]);
    assert!(ok && printed.contains("mean  of 19 tasks      50.00") && printed.contains("two    1-2"), "{printed}");
}

#[test]
fn proofreading_is_scored_apart_with_tables_from_a_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let (models, tables) = (folder.path().join("models"), folder.path().join("tables"));
    all_tasks(&models.join("one"));
    let with_tables = |more: &[&str]| score(&[&[arg(&models), "--proofreading-tables", arg(&tables)], more].concat());
    let (ok, _, said) = with_tables(&[]);
    assert!(!ok && said.contains("cilin.txt"), "{said}");
    put(&tables.join("cilin.txt"), encoding_rs::GBK.encode("Aa01A01= 他 她\n").0);
    put(&tables.join("confusion_dict.txt"), "述 诉\n");
    let (ok, _, said) = with_tables(&[]);
    assert!(!ok && said.contains("one/2-1.json: item 0: the prompt has no line 句子"), "{said}");

    // Two edits of two, none of two, and one with a false one: precision 3/4, recall 3/6.
    let pairs = [("上述事实。", "上述事实。"), ("上诉事时。", "上述事实。"), ("上述事是。", "上述事实。")];
    prompted(&models.join("one"), "2-1.json", "改正。句子：\n上诉事时。", &pairs);
    let expected = 1.25 * 0.75 * 0.5 / (0.25 * 0.75 + 0.5);
    for (mode, expected) in [("official", 0.6818), ("strict", expected)] {
        let (ok, printed, said) = with_tables(&["--json", "--mode", mode]);
        assert!(ok && !said.contains("not scored"), "{said}");
        let row: Value = printed
            .lines()
            .find(|line| line.contains("2-1"))
            .and_then(|l| serde_json::from_str(l).ok())
            .expect("a row");
        assert_eq!((&row["metric"], &row["abstention"], &row["items"]), (&json!("f0.5"), &json!(0.0), &json!(3)));
        let number = |key: &str| row[key].as_f64().expect("a number");
        assert!((number("score") - expected).abs() < 1e-12, "{row}");
        assert!(number("low") < expected && expected < number("high"), "{row}");
    }
    let (_, table, _) = with_tables(&[]);
    assert!(table.contains("one    mean  of 19 tasks      50.00 "), "{table}");
    // (19 · 50 + 68.18) / 20.
    assert!(table.contains("one    mean  20 with 2-1      50.91 "), "{table}");
    // The page has it, too.
    all_tasks(&models.join("two"));
    prompted(&models.join("two"), "2-1.json", "改正。句子：\n上诉事时。", &pairs);
    let out = folder.path().join("page");
    let arguments = ["report", arg(&models), "--proofreading-tables", arg(&tables), "--out", arg(&out)];
    let (ok, _, said) = evaluator(&arguments);
    assert!(ok && !said.contains("not scored"), "{said}");
    let figures: Value = serde_json::from_slice(&fs_err::read(out.join("report.json")).expect("read")).expect("JSON");
    let proofread = |row: &&Value| row["task"] == "2-1" && row["score"] == 0.6818;
    assert_eq!(figures["rows"].as_array().expect("rows").iter().filter(proofread).count(), 2);
    assert_eq!(figures["comparisons"].as_array().map(Vec::len), Some(1), "each model once");
    assert!(fs_err::read_to_string(out.join("index.html")).expect("read").contains("with 2-1"));
    fs_err::remove_dir_all(models.join("two")).expect("removed");
    // Either 走 is put in and 的 stands for 他, or the other way round: two alignments.
    prompted(&models.join("one"), "2-1.json", "改正。句子：\n他他", &[("走他的", "走他的")]);
    let (_, _, said) = with_tables(&["--max-alignments", "2"]);
    assert!(!said.contains("alignments"), "{said}");
    let (_, _, said) = with_tables(&["--max-alignments", "1"]);
    assert!(said.contains("one/2-1.json: 2 answers and references have more than 1 alignments"), "{said}");
}

#[test]
fn floors_and_ceilings_stand_beside_scores() {
    let folder = tempfile::tempdir().expect("a folder");
    all_tasks(&folder.path().join("one"));
    answers(&folder.path().join("two"), "3-3.json", &[("抢劫", "罪名:抢劫"); 3]);
    let (ok, printed, said) = score(&[arg(folder.path()), "--bounds", "--json"]);
    assert!(ok, "{said}");
    let rows: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let bounds: Vec<&Value> = rows.iter().filter(|row| row.get("gold").is_some()).collect();
    assert_eq!(bounds.len(), 2 * 19);
    for row in bounds {
        let number = |key: &str| row[key].as_f64().expect("a number");
        // Where all references are the same, the commonest is as good as the reference.
        assert!(number("gold") > 0.6 && number("majority") == number("gold") && number("empty") <= 0.0, "{row}");
        assert!(row["mode"] == "official" || number("gold") > 1.0 - 1e-7, "{row}");
    }
    let (_, table, _) = score(&[arg(folder.path()), "--bounds"]);
    assert!(table.contains("official  3-3      0.00    100.00   100.00    2 times 罪名:抢劫;盗窃"), "{table}");
    // 2-6 is the task whose references fail themselves; an answer that does better is told of.
    let entities = [("受害人:甲某\n地点:某某路口", "受害人:甲某;地点:某某路口")];
    answers(&folder.path().join("three"), "2-6.json", &entities);
    let (_, _, said) = score(&[arg(folder.path())]);
    assert!(said.contains("three/2-6: the score is above what the references themselves get"), "{said}");
}

#[test]
fn help_lists_what_strict_mends() {
    let (ok, printed, _) = score(&["--help"]);
    assert!(ok);
    for said in ["3年6个月", "合同诈骗", "2-1 is scored with --proofreading-tables", "2016年"] {
        assert!(printed.contains(said), "{said}");
    }
}

#[test]
fn bad_answers_are_named_with_their_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("one/1-2.json");
    let refused = |text: &str, expected: &[&str]| {
        put(&file, text);
        let (ok, printed, said) = score(&[arg(folder.path()), "--json"]);
        assert!(!ok && printed.is_empty() && said.contains("one/1-2.json"), "{text}: {said}");
        assert!(expected.iter().all(|expected| said.contains(expected)), "{text}: {said}");
    };
    refused("", &["the file is empty"]);
    refused("{}", &["no items"]);
    refused("[1]", &["expected an object of items"]);
    refused("{\"0\": {\n\"prediction\": \"B\"\n\"refr\"", &["at line 3"]);
    refused("{\"0\": {\"prediction\": \"B\"}\n}", &["missing field `refr` at line 1"]);
    refused("{\"0\": {\"refr\": \"B\"}\n}", &["missing field `prediction`"]);
    let item = "{\"prediction\": \"B\", \"refr\": \"正确答案：B。\"}";
    refused(&format!("{{\"1\": {item}}}"), &["the key \"1\" is too high for 1 items"]);
    refused(&format!("{{\"0\": {item}, \"0\": {item}}}"), &["the key \"0\" occurs twice"]);
    refused(&format!("{{\"first\": {item}}}"), &["the key \"first\" is not a number from 0 on"]);
    let other = "{\"prediction\": \"B\", \"refr\": \"B\"}";
    refused(&format!("{{\"0\": {item}, \"1\": {other}}}"), &["1-2.json: item 1: the reference has no option's letter"]);
}

#[test]
fn folders_without_answers_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |path: &Path, expected: &str| {
        let (ok, _, said) = score(&[arg(path)]);
        assert!(!ok && said.contains(expected), "{said}");
    };
    refused(&folder.path().join("absent"), "absent");
    refused(folder.path(), "no files MODEL/TASK.json");
    // A file whose name is no task is told of, and nothing else is scored.
    answers(&folder.path().join("one"), "1-9.json", &[("A", "正确答案：B。")]);
    refused(folder.path(), "no files MODEL/TASK.json");
    answers(&folder.path().join("one"), "1-2.json", &[("A", "正确答案：B。")]);
    refused(&folder.path().join("one"), "give the folder above");
    put(&folder.path().join("two/notes.txt"), "");
    let (ok, printed, said) = score(&[arg(folder.path()), "--json"]);
    assert!(ok && printed.lines().count() == 1, "{said}");
    assert!(said.contains("two: no files TASK.json"), "{said}");
    assert!(said.contains("1-9.json: no task of LawBench has this number"), "{said}");
    let (ok, _, said) = score(&[arg(folder.path()), "--split", "two_shot"]);
    assert!(!ok && said.contains("possible values: zero_shot, one_shot"), "{said}");
}

#[test]
fn the_published_answers_are_scored_by_the_program() {
    let Some(data) = support::shared_data("lawbench") else { return };
    let start = std::time::Instant::now();
    let (ok, printed, said) = score(&[arg(&data.join("predictions")), "--json"]);
    println!("{:.2} s for {} files", start.elapsed().as_secs_f64(), printed.lines().count());
    assert!(ok && said.is_empty() && printed.lines().count() == 10, "{said}");
    let table = fs_err::read_to_string(data.join("published_scores_zero_shot.csv")).expect("read");
    for row in printed.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")) {
        let head = format!("{},{},", row["task"].as_str().expect("text"), row["model"].as_str().expect("text"));
        let published = table.lines().find_map(|line| line.strip_prefix(&head)).expect("published");
        let published: f64 = published.split(',').next().and_then(|score| score.parse().ok()).expect("a number");
        assert!((row["score"].as_f64().expect("a number") - published).abs() < 1e-9, "{row}");
    }
}
