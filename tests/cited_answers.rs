//! `evaluator citations`: every verdict on texts written for it, and on a model's answers where they are.

use serde_json::{Value, json};

use crate::support::{self, arg, evaluator, pipeline_ok, put};

/// Two versions of a regulation, and one that is repealed by a third.
const STATUTES: [(&str, &str); 4] = [
    (
        "湖泊条例(2010-01-01).md",
        "# 某市湖泊条例\n\n2010年1月1日 国务院令第1号公布\n\n<!-- INFO END -->\n\n第一条 为了保护湖泊，制定本条例。\n\n第二条 任何单位和个人不得在湖泊保护范围内倾倒垃圾。\n\n第三条 湖泊水域不得围垦，违者处以罚款。\n\n第四条 本条例自2010年3月1日起施行。\n",
    ),
    (
        "湖泊条例(2020-01-01).md",
        "# 某市湖泊条例\n\n2010年1月1日 国务院令第1号公布\n\n2020年1月1日 修订\n\n<!-- INFO END -->\n\n第一条 为了保护湖泊，制定本条例。\n\n第二条 任何单位和个人不得在湖泊保护范围内倾倒垃圾、排放污水。\n\n第五条 湖泊的名录由水行政主管部门公布，并且每五年核对一次。\n",
    ),
    (
        "旧档案条例(2001-01-01).md",
        "# 某市旧档案条例\n\n2001年1月1日 国务院令第2号公布\n\n<!-- INFO END -->\n\n第一条 为了管理档案，制定本条例。\n\n第二条 档案应当归档，任何人不得据为己有。\n",
    ),
    (
        "档案条例(2015-01-01).md",
        "# 某市档案条例\n\n2015年1月1日 国务院令第3号公布\n\n<!-- INFO END -->\n\n第一条 为了管理档案，制定本条例。\n\n第二条 档案应当自形成之日起一年内归档。\n\n第三条 本条例自2015年5月1日起施行。《某市旧档案条例》同时废止。\n",
    ),
];

/// What `evaluator` prints, which must succeed.
fn printed(arguments: &[&str]) -> String {
    let (ok, printed, said) = evaluator(arguments);
    assert!(ok, "{printed}\n{said}");
    printed
}

#[test]
fn every_verdict_is_told_from_the_others() {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in STATUTES {
        put(&dir.path().join("laws").join(name), text);
    }
    put(
        &dir.path().join("open.toml"),
        format!(
            "[[sources]]\nkind = \"statute\"\npath = {:?}\n[filter.statute]\nmin_chars = 10\n",
            dir.path().join("laws")
        ),
    );
    let corpus = dir.path().join("corpus");
    pipeline_ok(&["build", arg(&dir.path().join("open.toml")), "--out", arg(&corpus)]);
    let cases = [
        ("依照《某市湖泊条例》第一条。", "", "ok"),
        ("《某市湖泊条例》第二条规定：“任何单位和个人不得在湖泊保护范围内倾倒垃圾、排放污水。”", "", "ok"),
        ("《某市湖泊条例》第二条规定：“湖泊的名录由水行政主管部门公布，每五年核对。”", "", "quote_mismatch"),
        ("《某市湖泊条例》第九条", "", "no_such_article"),
        ("《某市湖泊条例》第二条第三款", "", "no_such_paragraph"),
        ("《某市湖泊条例》第三条", "", "superseded"),
        ("《某市湖泊条例》第三条", "2015-06-01", "ok"),
        ("《某市湖泊条例》第一条", "2005-06-01", "not_in_force"),
        ("《某市旧档案条例》第二条", "", "repealed"),
        ("《某市旧档案条例》第二条", "2010-01-01", "ok"),
        ("《某市河流条例》第二条", "", "unresolved"),
    ];
    let text = dir.path().join("answer.txt");
    for (answer, date, expected) in cases {
        put(&text, answer);
        let mut arguments = vec!["citations", arg(&text), "--corpus", arg(&corpus), "--json"];
        if !date.is_empty() {
            arguments.extend(["--date", date]);
        }
        let line: Value = serde_json::from_str(&printed(&arguments)).expect(answer);
        assert_eq!(line["verdict"], expected, "{answer} {date}");
        if expected == "quote_mismatch" {
            assert!(line["nearest"][0].as_str().is_some_and(|id| id.ends_with("#5")), "{line}");
        }
    }
    put(&text, "《某市河流条例》第二条");
    let complete = printed(&["citations", arg(&text), "--corpus", arg(&corpus), "--json", "--complete"]);
    assert!(complete.contains("\"no_such_law\""));
    // LawBench's 1-1 names the article in the question.
    let answer = |n: usize, prediction: &str| {
        let prompt = format!("只需直接给出法条内容:\n行政法某市湖泊条例第{n}条的内容是什么？");
        json!({"origin_prompt": [{"role": "HUMAN", "prompt": prompt}], "prediction": prediction, "refr": "答案:"})
    };
    let told = "任何单位和个人不得在湖泊保护范围内倾倒垃圾、排放污水";
    // The last one recites nothing, and is neither right nor wrong.
    let answers = json!({"0": answer(2, told), "1": answer(5, told), "2": answer(8, told), "3": answer(2, "不知道")});
    put(&dir.path().join("m/1-1.json"), answers.to_string());
    let table = printed(&["citations", arg(&dir.path().join("m")), "--corpus", arg(&corpus)]);
    for part in
        ["1-1.json", "ok                       1", "quote_mismatch           1", "no_such_article          1", "33.33"]
    {
        assert!(table.contains(part), "{part}\n{table}");
    }
    let line = table.lines().find(|line| line.starts_with("1-1.json")).expect("a line");
    assert_eq!(
        line.split_whitespace().skip(1).take(3).collect::<Vec<_>>(),
        ["4", "1", "3"],
        "texts, uncited, citations"
    );
    put(&dir.path().join("bad.jsonl"), "{\"text\": \"甲\"}\n{\"t\n");
    let bad = dir.path().join("bad.jsonl");
    let (ok, _, error) = evaluator(&["citations", arg(&bad), "--corpus", arg(&corpus)]);
    assert!(!ok && error.contains("bad.jsonl: line 2"), "{error}");
}

#[test]
fn the_answers_of_two_models_are_checked_where_they_are() {
    let (Some(answers), Some(laws)) =
        (support::shared_data("lawbench/predictions/zero_shot"), support::shared_data("statutes/lawrefbook"))
    else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let corpus = dir.path().join("corpus");
    pipeline_ok(&["build", "--source", &format!("statute={}", arg(&laws)), "--out", arg(&corpus)]);
    let table = printed(&["citations", arg(&answers), "--corpus", arg(&corpus)]);
    eprintln!("{table}");
    assert_eq!(table.lines().filter(|line| line.contains("1-1.json")).count(), 2, "{table}");
}
