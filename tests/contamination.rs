//! `evaluator contamination` on items that were planted into a small corpus, and `evaluator score --flagged`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{self, arg, evaluator, pipeline_ok, put, statute};

const PLANTED: &str = "二〇一六年五月某日夜间，被告人翻窗进入本市城东仓库，窃得铜线三卷、电缆两盘，经鉴定价值人民币七千余元，销赃后挥霍一空。";
const FRESH: &str = "二〇一七年九月某日清晨，被告人在菜市场与摊主因找零发生争执，持木凳击打对方头部，致其轻伤二级，后主动到派出所投案。";
const ADVICE: &str = "您好，借款到期后对方拒不归还的，可以先发函催告并保留聊天记录与转账凭证，协商不成的向被告住所地法院起诉并申请财产保全。";
const ASKED: &str =
    "朋友两年前向我借了八万元一直不还，现在连电话也不接，我手里只有转账记录，没有借条，请问应该怎么办才好呢？";
const ARTICLE: &str = "仓储条例所规定的第三项事务，由有关部门依照各自职责办理，不得推诿。";

/// A corpus with a statute, court documents and records in which items are planted.
fn corpus(folder: &Path) -> PathBuf {
    put(&folder.join("statutes/law.md"), statute("仓储条例", 12));
    let case = |n: usize, facts: &str| {
        format!(
            "某某市中级人民法院\n刑事判决书\n（2017）某01刑初{n}号\n公诉机关某某市人民检察院。\n被告人某某，男。\n经审理查明，{facts}\n\
             本院认为，{ARTICLE}被告人的行为应予惩处，其归案后如实供述，可以从轻处罚。判决如下：\n被告人某某犯盗窃罪，判处拘役三个月。\n审判员 某某\n二〇一七年六月一日\n"
        )
    };
    put(&folder.join("cases/1.txt"), case(1, PLANTED));
    put(
        &folder.join("cases/2.txt"),
        case(2, "被告人多次在夜市摆摊出售未经检验检疫的冻肉，执法人员当场查获六箱，货值不足五千元，未造成其他后果。"),
    );
    let asked: String = ASKED.replace('，', " ").replace("八万", "８万").replace('８', "八");
    let records = json!([
        {"instruction": "别人欠钱怎么要回来", "input": "", "output": format!("{ADVICE}祝您顺利。")},
        {"instruction": asked, "input": "", "output": "可以凭转账记录起诉，请求对方返还借款本金与逾期利息，注意三年的诉讼时效。"},
    ]);
    put(&folder.join("records/records.json"), records.to_string());
    let sources = ["statute=statutes", "judgment=cases", "instruction=records"];
    let sources = sources.map(|source| source.replace('=', &format!("={}/", folder.display())));
    let out = folder.join("corpus");
    let sources: Vec<&str> = sources.iter().flat_map(|source| ["--source", source]).collect();
    pipeline_ok(&[&["build"], sources.as_slice(), &["--out", arg(&out)]].concat());
    out
}

fn items(folder: &Path) -> PathBuf {
    let item = |question: &str, answer: &str| json!({"instruction": "请回答", "question": question, "answer": answer});
    let half: String = PLANTED.chars().take(40).chain(FRESH.chars().skip(35)).collect();
    let charges = [PLANTED, FRESH, &half].map(|facts| item(&format!("事实:{facts}"), "罪名:盗窃"));
    let advice = [
        item("如何追讨逾期不还的借款才最稳妥又省时省力呢", &format!("回答:{ADVICE}")),
        item(ASKED, "应当及时起诉对方，并且申请法院保全他名下的财产，以免日后无法执行到位。"),
        item(
            "离婚以后孩子的抚养费应当怎样计算才算是合理呢",
            "一般按照月收入的百分之二十到三十的比例给付，具体由双方协商确定。",
        ),
    ];
    put(&folder.join("items/3-3.json"), Value::from(charges.to_vec()).to_string());
    put(&folder.join("items/3-8.json"), Value::from(advice.to_vec()).to_string());
    put(
        &folder.join("items/1-1.json"),
        json!([item(&format!("下文出自哪里:{ARTICLE}"), &format!("答案:{ARTICLE}"))]).to_string(),
    );
    put(&folder.join("items/1-2.json"), json!([item("何者正确", "正确答案：B。")]).to_string());
    folder.join("items")
}

fn found(items: &Path, corpus: &Path, more: &[&str]) -> Vec<Value> {
    let (ok, printed, said) =
        evaluator(&[&["contamination", arg(items), "--corpus", arg(corpus), "--json"], more].concat());
    assert!(ok, "{said}");
    printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn planted_items_are_found_and_statutes_are_exempt() {
    let folder = tempfile::tempdir().expect("a folder");
    let (corpus, items) = (corpus(folder.path()), items(folder.path()));
    let flags = folder.path().join("out/flags.jsonl");
    let rows = found(&items, &corpus, &["--out", arg(&flags)]);
    let of =
        |task: &str, item: usize| rows.iter().find(|row| row["task"] == task && row["item"] == item).expect("a row");
    let number = |row: &Value, key: &str| row[key].as_f64().unwrap_or_else(|| panic!("{row}"));
    assert_eq!(rows.len(), 8);
    // Facts of a court document, whole, not at all, and in part.
    let (planted, fresh, half) = (of("3-3", 0), of("3-3", 1), of("3-3", 2));
    assert!(number(planted, "share") > 0.9 && planted["flagged"] == true, "{planted}");
    assert!(planted["nearest"].as_str().is_some_and(|id| id.contains("1.txt")), "{planted}");
    assert!(number(fresh, "share") == 0.0 && fresh["flagged"] == false && fresh["nearest"].is_null(), "{fresh}");
    assert!((0.2..0.8).contains(&number(half, "share")), "{half}");
    // An answer that a record gives, a question that one asks with other marks, and neither.
    assert!(of("3-8", 0)["answer"] == true && of("3-8", 0)["flagged"] == true, "{}", of("3-8", 0));
    assert!(number(of("3-8", 1), "share") == 1.0 && of("3-8", 1)["answer"] == false, "{}", of("3-8", 1));
    assert!(of("3-8", 2)["flagged"] == false && of("3-8", 2)["answer"] == false, "{}", of("3-8", 2));
    // What an article says stands in court documents and records too, and is no contamination.
    let quoted = of("1-1", 0);
    assert!(
        number(quoted, "statute_share") > 0.7 && quoted["flagged"] == false && quoted["answer"].is_null(),
        "{quoted}"
    );
    assert!(of("1-2", 0)["share"].is_null() && of("1-2", 0)["grams"] == 0, "{}", of("1-2", 0));
    // The threshold decides about what is there in part.
    let flagged = |threshold: &str| found(&items, &corpus, &["--threshold", threshold])[4]["flagged"].clone();
    assert_eq!((flagged("0.1"), flagged("0.9")), (json!(true), json!(false)));
    assert_eq!(fs_err::read_to_string(&flags).expect("read").lines().count(), 8);
    let (_, table, _) = evaluator(&["contamination", arg(&items), "--corpus", arg(&corpus)]);
    assert!(table.contains("4 court documents and records, ") && table.contains("3-8       3        2"), "{table}");
}

#[test]
fn scores_are_given_without_flagged_items() {
    let folder = tempfile::tempdir().expect("a folder");
    let (corpus, items) = (corpus(folder.path()), items(folder.path()));
    let flags = folder.path().join("flags.jsonl");
    found(&items, &corpus, &["--out", arg(&flags), "--threshold", "0.9"]);
    let answer = |answer: &str, reference: &str| json!({"prediction": answer, "refr": reference});
    let answers = |name: &str, reference: &str| {
        let answers =
            json!({"0": answer("盗窃", reference), "1": answer("赌博", reference), "2": answer("盗窃", reference)});
        put(&folder.path().join(format!("answers/{name}/3-3.json")), answers.to_string());
    };
    answers("a", "罪名:盗窃");
    answers("b", "罪名:诈骗");
    let predictions = folder.path().join("answers");
    let arguments = ["score", arg(&predictions), "--flagged", arg(&flags)];
    let (ok, printed, said) = evaluator(&[&arguments[..], &["--json"]].concat());
    assert!(ok && said.contains("b/3-3: 1 flagged items have other references here"), "{said}");
    let rows: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!((rows[0]["score"].as_f64().expect("a number") - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!((&rows[0]["unflagged"]["score"], &rows[0]["unflagged"]["items"]), (&json!(0.5), &json!(2)));
    assert_eq!(rows[1]["unflagged"]["items"], 3);
    let (_, table, _) = evaluator(&arguments);
    assert!(table.contains("Without the items that are flagged:") && table.contains("50.00"), "{table}");
    // A file of flags that is none.
    let refused = |text: &str, expected: &str| {
        put(&flags, text);
        let (ok, _, said) = evaluator(&arguments);
        assert!(!ok && said.contains("flags.jsonl") && said.contains(expected), "{said}");
    };
    refused("", "the file is empty");
    refused("\n{\"task\": \"3-3\"}\n", "line 2");
    let line = "{\"task\":\"4-1\",\"item\":0,\"reference\":\"r\",\"grams\":1,\"flagged\":true}";
    refused(line, "line 1: LawBench has no task \"4-1\"");
}

#[test]
fn items_and_corpora_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let items = folder.path().join("items");
    let refused = |expected: &str| {
        let (ok, _, said) = evaluator(&["contamination", arg(&items), "--corpus", arg(folder.path())]);
        assert!(!ok && said.contains(expected), "{expected}: {said}");
    };
    refused("items");
    put(&items.join("1-9.json"), "[]");
    refused("no files TASK.json with items");
    put(&items.join("1-2.json"), "");
    refused("1-2.json: the file is empty");
    put(&items.join("1-2.json"), "[]");
    refused("1-2.json: no items");
    put(&items.join("1-2.json"), "[{\"question\": \"q\",\n\"answer\"}]");
    refused("at line 2");
    put(&items.join("1-2.json"), "[{\"question\": \"q\", \"answer\": \"a\"}]");
    refused("index");
    let (ok, _, said) = evaluator(&["contamination", arg(&items), "--threshold", "2"]);
    assert!(!ok && said.contains("a share is a number from 0 to 1"), "{said}");
}

#[test]
fn the_published_items_are_looked_for_in_the_sample() {
    let Some(data) = support::shared_data("lawbench/zero_shot") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let corpus = folder.path().join("corpus");
    pipeline_ok(&["build", "pipeline/configs/corpus.toml", "--out", arg(&corpus)]);
    let rows = found(&data, &corpus, &[]);
    assert_eq!(rows.len(), 2500);
    // The sample has the Criminal Law, which charges rest on, and no case of the benchmark.
    assert!(rows.iter().all(|row| row["task"] == "1-1" || row["flagged"] == false));
    println!("{}", evaluator(&["contamination", arg(&data), "--corpus", arg(&corpus)]).1);
}
