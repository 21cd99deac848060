//! `evaluator` runs models: one that was trained here, and a small one that is known.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::{
    support::{self, Killer, arg, evaluator, program, put},
    train,
};

fn evaluator_ok(arguments: &[&str]) -> String {
    let (ok, printed, said) = evaluator(arguments);
    assert!(ok, "{said}");
    printed
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs_err::read_to_string(path).expect("read");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Records to answer.
fn records(path: &Path, count: usize) {
    let topics = ["盗窃罪", "合同", "离婚", "选举", "公民的义务"];
    let record = |at: usize| json!({"instruction": format!("{}是什么？", topics[at % 5]), "input": "", "output": "无"});
    let text: String = (0..count).map(|at| format!("{}\n", record(at))).collect();
    put(path, text);
}

/// Two tasks of LawBench with a few items each.
fn items(folder: &Path) {
    let list = |answer: &str, count: usize| -> Value {
        let item = |at| json!({"instruction": "请回答。", "question": format!("第{at}题"), "answer": answer});
        (0..count).map(item).collect()
    };
    put(&folder.join("zero_shot/1-2.json"), list("正确答案：B。", 5).to_string());
    put(&folder.join("zero_shot/3-4.json"), list("刑期:4个月", 3).to_string());
}

/// Train a tiny model, and export it: `run` and `run/model`.
fn trained(folder: &Path) {
    let config = train::tiny(folder, &[]);
    for arguments in [["train", arg(&config)], ["export", arg(&folder.join("run"))]] {
        let output = program("trainer").args(arguments).output().expect("trainer starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The small model that tells stories. Its tokenizer takes spaces away that stand beside others, which ours do not know;
/// the copy has this turned off.
fn stories(folder: &Path) -> Option<PathBuf> {
    let from = support::shared_data("checkpoints/stories260k")?;
    let model = folder.join("stories");
    for name in ["config.json", "model.safetensors"] {
        put(&model.join(name), fs_err::read(from.join(name)).expect("read"));
    }
    let mut tokenizer = fs_err::read(from.join("tokenizer.model")).expect("read");
    let rule = b"identity\x12\x00\x18\x01\x20\x01";
    let at = tokenizer.windows(rule.len()).position(|window| window == rule).expect("the rule") + rule.len() - 1;
    tokenizer[at] = 0;
    put(&model.join("tokenizer.model"), tokenizer);
    Some(model)
}

#[test]
fn a_run_answers_as_its_exported_model_does_and_killed_runs_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    trained(folder.path());
    records(&path("in.jsonl"), 40);
    let infer = |model: &Path, out: &Path| {
        let mut command = program("evaluator");
        command.args(["infer", arg(model), arg(&path("in.jsonl")), "--out", arg(out), "--max-new-tokens", "200"]);
        command.args(["--allow-loops", "--batch", "4", "--context", "1024"]);
        command
    };
    let start = std::time::Instant::now();
    for (model, out) in [(path("run"), "run.jsonl"), (path("run/model"), "model.jsonl")] {
        let output = infer(&model, &path(out)).output().expect("evaluator starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let whole = fs_err::read(path("run.jsonl")).expect("read");
    assert_eq!(whole, fs_err::read(path("model.jsonl")).expect("read"));
    assert!(lines(&path("run.jsonl")).iter().all(|answer| answer["answer_tokens"].is_u64()));

    let mut killer = Killer::new(start.elapsed() / 2);
    let killed = (0..5).filter(|_| killer.kills(&mut infer(&path("run"), &path("killed.jsonl")))).count();
    let output = infer(&path("run"), &path("killed.jsonl")).output().expect("evaluator starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("killed {killed} times");
    assert_eq!(whole, fs_err::read(path("killed.jsonl")).expect("read"));

    let shards = train::shared().join("shards");
    let printed = evaluator_ok(&["perplexity", arg(&path("run")), "--corpus", arg(&shards), "--json"]);
    let row: Value = serde_json::from_str(printed.lines().next().expect("a row")).expect("JSON");
    assert!(row["bits_per_byte"].as_f64().is_some_and(|bits| bits > 0.5 && bits < 20.0), "{row}");
    assert_eq!((&row["model"], row["tokens"].as_u64() > Some(100)), (&json!("run"), true));
}

#[test]
fn a_configuration_is_evaluated_whole_on_one_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    trained(folder.path());
    items(&path("items"));
    let evaluation = format!(
        "corpus = '{shards}'\noutput = '{out}'\ntemplate = 'alpaca'\n\
         [[models]]\nmodel = '{run}'\n[[models]]\nmodel = '{run}/model'\n\
         [generate]\nmax_new_tokens = 8\ncontext = 512\n[perplexity]\nmax_documents = 3\ncontext = 128\n\
         [held_out]\nper_kind = 2\n[lawbench]\nitems = '{items}'\n",
        shards = train::shared().join("shards").display(),
        out = path("out").display(),
        run = path("run").display(),
        items = path("items").display(),
    );
    put(&path("evaluation.toml"), evaluation);
    let run = || evaluator_ok(&["run", arg(&path("evaluation.toml"))]);
    let printed = run();
    assert!(printed.contains("bits/byte") && printed.contains("report") && printed.contains("mean"), "{printed}");
    let report: Value =
        serde_json::from_slice(&fs_err::read(path("out/report.json")).expect("read")).expect("the figures are JSON");
    // The run and what was exported of it are the same model.
    for difference in report["perplexity"]["differences"].as_array().expect("differences") {
        assert_eq!(difference["bits_per_byte"], json!(0.0), "{difference}");
    }
    let held_out = report["held_out"].as_array().expect("rows");
    assert!(held_out.len() >= 2 && held_out.iter().all(|row| row["records"].as_u64().is_some_and(|n| n <= 2)));
    let tasks =
        |key: &str| report[key].as_array().expect(key).iter().map(|row| row["task"].clone()).collect::<Vec<_>>();
    assert_eq!(tasks("rows"), ["1-2", "3-4", "1-2", "3-4"]);
    assert_eq!((tasks("failures"), tasks("contamination")), (tasks("rows"), vec![json!("1-2"), json!("3-4")]));
    assert!(report["citations"].as_array().is_some_and(|cited| cited.len() == 2));
    let ran = &report["ran"];
    assert!(ran["models"].as_array().is_some_and(|models| models.len() == 2), "{ran}");
    assert!(["config", "corpus", "flagged"].iter().all(|hash| ran[*hash].as_str().is_some_and(|h| h.len() == 64)));
    assert!(ran["models"][0]["model"].is_string() && ran["models"][0]["template"] == "alpaca", "{ran}");

    let page = fs_err::read_to_string(path("out/index.html")).expect("read");
    for section in ["Held-out documents", "Held-out records", "Citations in answers", "How answers ended", "What ran"] {
        assert!(page.contains(section), "{section}");
    }
    assert!(path("out/items.parquet").exists());

    // Of a configuration with less the page shows less, whatever answers lie there.
    let all = fs_err::read_to_string(path("evaluation.toml")).expect("read");
    let second = format!("[[models]]\nmodel = '{}'\n", path("run/model").display());
    put(&path("less.toml"), all.replace(&second, "") + "tasks = ['3-4']\n");
    evaluator_ok(&["run", arg(&path("less.toml"))]);
    let less: Value = serde_json::from_slice(&fs_err::read(path("out/report.json")).expect("read")).expect("JSON");
    let rows: Vec<_> = less["rows"].as_array().expect("rows").iter().map(|row| (&row["model"], &row["task"])).collect();
    assert_eq!(rows, [(&json!("run"), &json!("3-4"))]);
    assert_eq!(less["comparisons"], json!([]));
    // Without LawBench there are the other measures.
    let (others, _) = all.split_once("[lawbench]").expect("a section");
    put(&path("others.toml"), others);
    let printed = evaluator_ok(&["run", arg(&path("others.toml"))]);
    assert!(printed.contains("bits/byte") && !printed.contains("accuracy"), "{printed}");
    // What is missing is said before anything is answered.
    put(&path("absent.toml"), all.replace(arg(&path("items")), arg(&path("nowhere"))).replace("/out'", "/new'"));
    let (ok, _, said) = evaluator(&["run", arg(&path("absent.toml"))]);
    assert!(!ok && said.contains("nowhere") && !path("new").exists(), "{said}");

    // All answers are there: they are taken as they are.
    let answers = fs_err::read(path("out/answers/held_out/run.jsonl")).expect("read");
    let spoiled = String::from_utf8(answers).expect("text").replacen("\"prediction\":\"", "\"prediction\":\"又", 1);
    put(&path("out/answers/held_out/run.jsonl"), &spoiled);
    run();
    assert_eq!(fs_err::read_to_string(path("out/answers/held_out/run.jsonl")).expect("read"), spoiled);
}

#[test]
fn a_known_model_is_run_by_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let Some(model) = stories(folder.path()) else { return };
    items(&path("items"));
    let arguments =
        ["lawbench", arg(&model), "--items", arg(&path("items")), "--out", arg(&path("out"))].map(str::to_owned);
    let lawbench = |more: &[&str]| {
        evaluator(&arguments.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
    };
    let (ok, printed, said) = lawbench(&["--max-new-tokens", "30", "--json"]);
    assert!(ok && said.contains("5 items of 500"), "{said}");
    let rows: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        rows.iter().map(|row| row["task"].as_str().expect("text")).collect::<Vec<_>>(),
        ["1-2", "3-4", "1-2", "3-4"]
    );
    assert_eq!((&rows[2]["items"], &rows[3]["items"]), (&json!(5), &json!(3)));
    // The scorer alone says the same of what was written.
    let scored = evaluator_ok(&["score", arg(&path("out")), "--json"]);
    assert_eq!(scored.lines().collect::<Vec<_>>(), printed.lines().take(2).collect::<Vec<_>>());
    let (ok, _, said) = lawbench(&["--max-new-tokens", "31"]);
    assert!(!ok && said.contains("was begun with other settings (generate"), "{said}");

    // A file of Python's JSON that is no adapter of this model, and one that is none at all.
    let adapter = json!({"peft_type": "LORA", "task_type": null, "base_model_name_or_path": "elsewhere", "r": 4,
        "lora_alpha": 8, "lora_dropout": 0.0, "target_modules": ["q_proj"], "modules_to_save": null});
    put(&path("adapter/adapter_config.json"), adapter.to_string());
    put(&path("adapter/adapter_model.safetensors"), fs_err::read(model.join("model.safetensors")).expect("read"));
    records(&path("in.jsonl"), 3);
    let infer = |adapter: &str| {
        let out = path("adapted.jsonl");
        evaluator(&["infer", arg(&model), arg(&path("in.jsonl")), "--out", arg(&out), "--adapter", adapter])
    };
    let (ok, _, said) = infer(arg(&path("adapter")));
    assert!(!ok && said.contains("is missing: not an adapter of this model"), "{said}");
    let (ok, _, said) = infer(arg(&path("items")));
    assert!(!ok && said.contains("no adapter_config.json"), "{said}");
    assert!(!path("adapted.jsonl").exists(), "nothing was answered without the adapter");

    put(&path("story.txt"), "Once upon a time, there was a little girl");
    let table = evaluator_ok(&["perplexity", arg(&model), "--text", arg(&path("story.txt"))]);
    assert!(table.contains("0.1114") && table.contains("windows of 512 tokens"), "{table}");

    let mut chat = program("evaluator");
    chat.args(["chat", arg(&model), "--max-new-tokens", "12"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = chat.spawn().expect("evaluator starts");
    child.stdin.take().expect("a pipe").write_all("Lily\n".as_bytes()).expect("written");
    let output = child.wait_with_output().expect("waited");
    let said = String::from_utf8(output.stdout).expect("whole characters");
    assert!(output.status.success() && said.contains("> ") && said.lines().count() > 2, "{said}");
}
