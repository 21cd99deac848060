//! Answers that are kept: records, items of LawBench and conversations, interrupted and not.

mod support;

use std::path::Path;

use evaluator::{
    Mode,
    answers::{self, chat, infer, lawbench},
    generate,
    model::{Device, Files},
};
use serde_json::{Value, json};
use support::{LAW, write_model};

fn session(model: &Path, batch: usize) -> answers::Options {
    answers::Options {
        files: Files { model: model.to_owned(), device: Some(Device::Cpu), ..Files::default() },
        template: "law".into(),
        batch: Some(batch),
        generate: generate::Options { max_new_tokens: 24, ..generate::Options::default() },
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs_err::read_to_string(path).expect("read");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Some characters of the Constitution.
fn law(from: usize, count: usize) -> String {
    LAW.chars().filter(|character| !character.is_whitespace()).skip(from).take(count).collect()
}

#[test]
fn records_are_answered_and_an_interrupted_run_ends_as_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let (model, input) = (folder.path().join("model"), folder.path().join("in.jsonl"));
    write_model(&model, 11);
    let record = |at: usize| json!({"instruction": law(at * 20, 5 + at), "input": "", "output": "无", "id": at});
    let text: String = (0..9).map(|at| format!("{}\n", record(at))).collect();
    fs_err::write(&input, text).unwrap();
    let run = |out: &Path, batch: usize| {
        infer::infer(infer::Options { session: session(&model, batch), input: input.clone(), out: out.to_owned() })
    };
    let whole = folder.path().join("whole.jsonl");
    assert_eq!(run(&whole, 4).unwrap(), (9, 0));
    let answers = lines(&whole);
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!((&answer["item"], &answer["id"], &answer["output"]), (&json!(at), &json!(at), &json!("无")));
        assert!(answer["prediction"].is_string() && answer["prompt_tokens"].as_u64() > Some(10), "{answer}");
    }
    // Three answers are there when a run is interrupted, in the order in which they came, and a part of a fourth.
    let broken = folder.path().join("broken.jsonl");
    let kept: String = [7, 0, 3].iter().map(|at: &usize| format!("{}\n", answers[*at])).collect();
    fs_err::write(&broken, kept + "{\"item\":5,\"pre").unwrap();
    fs_err::copy(folder.path().join("whole.jsonl.settings"), folder.path().join("broken.jsonl.settings")).unwrap();
    assert_eq!(run(&broken, 2).unwrap(), (9, 0));
    assert_eq!(fs_err::read(&broken).unwrap(), fs_err::read(&whole).unwrap());
    // With another model it would be a mixture.
    write_model(&model, 12);
    let error = run(&whole, 4).unwrap_err().to_string();
    assert!(error.contains("whole.jsonl: was begun with other settings (model)"), "{error}");
}

#[test]
fn items_of_lawbench_are_answered_scored_and_their_failures_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (model, items) = (folder.path().join("tiny"), folder.path().join("items"));
    write_model(&model, 13);
    fs_err::create_dir_all(&items).unwrap();
    let item = |at: usize| {
        // The last one is longer than the context of 160 tokens.
        let question = law(at * 30, if at == 5 { 900 } else { 12 });
        json!({"instruction": "选择。", "question": question, "answer": "正确答案：B。"})
    };
    fs_err::write(items.join("1-2.json"), json!((0..6).map(item).collect::<Vec<_>>()).to_string()).unwrap();
    let asking = |out: &str, batch, tasks: &[&str]| lawbench::Options {
        session: session(&model, batch),
        asked: lawbench::Asked {
            items: items.clone(),
            out: folder.path().join(out),
            tasks: tasks.iter().map(|task| (*task).to_owned()).collect(),
            mode: Mode::Official,
        },
    };
    let options = |out: &str, batch| asking(out, batch, &[]);
    let (scores, failures, _) = lawbench::lawbench(options("out", 4), "zero_shot").unwrap();
    let [row] = &scores.rows[..] else { panic!("{scores:?}") };
    assert_eq!((row.model.as_str(), row.task, row.items), ("tiny", "1-2", 6));
    assert!(scores.warnings.iter().any(|warning| warning.contains("6 items of 500")), "{:?}", scores.warnings);
    let [failed] = &failures[..] else { panic!("{failures:?}") };
    assert_eq!((failed.items, failed.cut, failed.no_room), (6, 1, 0));
    let ended =
        failed.loops + failed.no_stop + failed.truncated + failed.empty + failed.unparsable + failed.well_formed;
    assert_eq!(ended, 6);

    let below = folder.path().join("out/zero_shot/tiny");
    let predictions: Value = serde_json::from_slice(&fs_err::read(below.join("1-2.json")).unwrap()).unwrap();
    let kept = lines(&below.join("1-2.jsonl"));
    for (at, kept) in kept.iter().enumerate() {
        let prediction = &predictions[at.to_string()];
        assert_eq!((&prediction["prediction"], &kept["item"]), (&kept["prediction"], &json!(at)));
        assert_eq!(prediction["refr"], "正确答案：B。");
        let prompt = prediction["origin_prompt"][0]["prompt"].as_str().unwrap();
        assert!(prompt.starts_with("选择。\n"), "{prompt}");
        assert_eq!(kept["cut_characters"].as_u64().unwrap() > 0, at == 5, "{kept}");
        assert!(kept["prompt_tokens"].as_u64().unwrap() <= 160 - 24);
    }
    // One at a time, and once more over what is there: the same bytes.
    lawbench::lawbench(options("alone", 1), "zero_shot").unwrap();
    lawbench::lawbench(options("out", 4), "zero_shot").unwrap();
    for name in ["1-2.json", "1-2.jsonl", "1-2.jsonl.settings"] {
        let alone = folder.path().join("alone/zero_shot/tiny").join(name);
        assert_eq!(fs_err::read(alone).unwrap(), fs_err::read(below.join(name)).unwrap(), "{name}");
    }

    let refused = |options| lawbench::lawbench(options, "zero_shot").unwrap_err().to_string();
    let unknown = refused(asking("out", 1, &["1-9"]));
    assert!(unknown.contains("LawBench has no task `1-9`"), "{unknown}");
    let absent = refused(asking("out", 1, &["3-6"]));
    assert!(absent.contains("3-6.json"), "{absent}");
    fs_err::write(items.join("1-2.json"), "[{\"instruction\": \"a\",\n\"question\": \"b\"}]").unwrap();
    let missing = refused(options("out", 1));
    assert!(missing.contains("missing field `answer` at line 2"), "{missing}");
    fs_err::remove_file(items.join("1-2.json")).unwrap();
    assert!(refused(options("out", 1)).contains("no items TASK.json"));
}

#[test]
fn an_item_that_never_fits_is_kept_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let (model, items) = (folder.path().join("tiny"), folder.path().join("items"));
    write_model(&model, 13);
    fs_err::create_dir_all(&items).unwrap();
    let item = json!({"instruction": "选择。", "question": "甲", "answer": "正确答案：B。"});
    fs_err::write(items.join("1-2.json"), json!([item]).to_string()).unwrap();
    let mut session = session(&model, 1);
    session.generate.context = Some(8);
    let out = folder.path().join("out");
    let asked = lawbench::Asked { items, out: out.clone(), tasks: Vec::new(), mode: Mode::Strict };
    let options = lawbench::Options { session, asked };
    let (_, failures, _) = lawbench::lawbench(options, "zero_shot").unwrap();
    assert_eq!((failures[0].no_room, failures[0].cut, failures[0].well_formed), (1, 1, 0));
    let kept = lines(&out.join("zero_shot/tiny/1-2.jsonl"));
    assert_eq!((&kept[0]["stop"], &kept[0]["prediction"]), (&Value::Null, &json!("")));
}

#[test]
fn a_conversation_goes_on_and_forgets_what_no_longer_fits() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), 14);
    let questions = format!("国家\n{}\n权力\n/new\n国家\n\n不再问\n", law(100, 40));
    let talk = || {
        let mut output = Vec::new();
        chat::chat(session(folder.path(), 1), questions.as_bytes(), &mut output).unwrap();
        String::from_utf8(output).expect("whole characters")
    };
    let said = talk();
    let turns: Vec<&str> = said.split("\n> ").collect();
    // What is said first, three answers, nothing, an answer, and the end before what comes after an empty line.
    assert_eq!(turns.len(), 7, "{said}");
    assert!(turns[3].starts_with("[turns that no longer fit and are forgotten: 1]"), "{said}");
    assert_eq!(turns[1], turns[5], "a new conversation is as the first one was");
    assert_eq!(said, talk());
    let mut output = Vec::new();
    chat::chat(session(folder.path(), 1), &b"\xff\n\n"[..], &mut output).expect("goes on");
    assert!(String::from_utf8(output).expect("whole characters").matches("\n> ").count() == 2);
}
