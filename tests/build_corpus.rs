//! `just build-corpus` on the sample, as a newcomer runs it, and what other readers make of the result.

use std::process::Command;

use corpus_format::{Corpus, Table};

use crate::support::{self, arg, pipeline_ok, rows};

/// The folder that `just build-corpus` writes.
fn just_build_corpus() -> std::path::PathBuf {
    static BUILT: std::sync::Once = std::sync::Once::new();
    BUILT.call_once(|| {
        let output = support::as_a_user("just").arg("build-corpus").output().expect("just starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains("documents") && printed.contains("report"), "{printed}");
        // Quiet where nobody watches: no bar, no escape sequence.
        assert!(!String::from_utf8_lossy(&output.stderr).contains('\u{1b}'));
    });
    support::root().join("data/shards")
}

/// Records in the sample, counted without the pipeline.
fn sample_records() -> u64 {
    let sample = support::root().join("data-manifests/sample");
    let mut records = 0;
    for name in support::hashes(&sample).into_keys() {
        let path = sample.join(&name);
        if name.ends_with(".jsonl") {
            records += fs_err::read_to_string(&path).expect("read").lines().count() as u64;
        } else if !name.ends_with("SHA256SUMS") && !name.ends_with(".toml") {
            records += 1;
        }
    }
    records
}

#[test]
fn every_input_of_the_sample_is_in_the_shards_or_in_the_ledger() {
    let corpus = Corpus::open(just_build_corpus()).expect("a complete corpus");
    corpus.verify().expect("every shard is what the index says");
    let counts = &corpus.index().counts;
    let inputs: u64 = counts.iter().map(|c| c.inputs).sum();
    assert_eq!(inputs, sample_records());
    assert_eq!(inputs, corpus.index().rows_of(Table::Documents) + corpus.index().rows_of(Table::Dropped));
    for table in [Table::Articles, Table::Instructions] {
        assert!(corpus.index().rows_of(table) > 10_000, "{table}");
    }
}

#[test]
fn the_criminal_law_is_in_the_corpus_with_its_articles() {
    let shards = just_build_corpus();
    let laws = rows(&shards, Table::Documents, &["id", "title", "document_type", "date", "num_articles"]);
    let law = laws.iter().find(|row| row[0] == "statutes/刑法/刑法.md").expect("the Criminal Law");
    assert_eq!(law[1..], ["中华人民共和国刑法", "law", "2023-12-29", "505"]);
    let articles = rows(&shards, Table::Articles, &["id", "label", "part", "chapter", "section", "text"]);
    let article =
        |id: &str| articles.iter().find(|row| row[0] == format!("statutes/刑法/刑法.md#{id}")).expect("an article");
    assert_eq!(article("264")[1..5], ["第二百六十四条", "第二编 分则", "第五章 侵犯财产罪", ""]);
    assert!(article("264")[5].starts_with("盗窃公私财物，数额较大的"));
    assert_eq!(article("120-1")[1..5], ["第一百二十条之一", "第二编 分则", "第二章 危害公共安全罪", ""]);
}

#[test]
fn versions_of_one_law_are_kept_and_on_one_side_of_the_split() {
    let shards = just_build_corpus();
    let mut sides = std::collections::BTreeMap::<String, std::collections::BTreeSet<String>>::new();
    let mut versions = std::collections::BTreeMap::<String, usize>::new();
    for row in rows(&shards, Table::Documents, &["kind", "title", "split"]) {
        if row[0] == "statute" {
            sides.entry(row[1].clone()).or_default().insert(row[2].clone());
            *versions.entry(row[1].clone()).or_default() += 1;
        }
    }
    assert!(versions.values().filter(|n| **n > 1).count() >= 20, "the sample has laws in several versions");
    let torn: Vec<_> = sides.iter().filter(|(_, sides)| sides.len() > 1).collect();
    assert!(torn.is_empty(), "{torn:?}");
}

#[test]
fn punctuation_survives_and_masks_stay() {
    let shards = just_build_corpus();
    let texts = rows(&shards, Table::Documents, &["kind", "text"]);
    let count = |kind: &str, c: char| {
        texts.iter().filter(|row| row[0] == kind).map(|row| row[1].matches(c).count()).sum::<usize>()
    };
    for mark in ['，', '：', '；', '（', '《', '〈'] {
        assert!(count("statute", mark) > 0, "{mark}");
    }
    assert!(count("statute", '，') > 20_000, "NFKC would have made them ASCII");
    assert!(count("judgment", '某') > 500);
    let raw: String = ["０", '\u{3000}'.to_string().as_str(), "\u{a0}", "\u{200b}"].concat();
    assert!(texts.iter().all(|row| !row[1].contains(|c| raw.contains(c))), "widths and spaces are folded");
}

#[test]
fn instruction_records_rest_on_the_newest_version_of_their_law() {
    let shards = just_build_corpus();
    let mut newest = std::collections::BTreeMap::<String, String>::new();
    let documents = rows(&shards, Table::Documents, &["id", "title", "date", "kind"]);
    for row in documents.iter().filter(|row| row[3] == "statute") {
        let date = newest.entry(row[1].clone()).or_default();
        *date = row[2].clone().max(date.clone());
    }
    let by_id: std::collections::BTreeMap<_, _> = documents.iter().map(|row| (&row[0], (&row[1], &row[2]))).collect();
    let records = rows(&shards, Table::Instructions, &["kind", "document_id", "instruction", "input", "output"]);
    for row in records.iter().filter(|row| ["article_lookup", "article_recitation"].contains(&row[0].as_str())) {
        let (title, date) = by_id[&row[1]];
        assert_eq!(newest[title], **date, "{}", row[1]);
    }
    let theft = records
        .iter()
        .find(|row| row[0] == "article_recitation" && row[2].contains("《中华人民共和国刑法》第二百六十四条"));
    assert!(theft.expect("a record")[4].starts_with("《中华人民共和国刑法》第二百六十四条规定：\n盗窃公私财物"));
    assert!(records.iter().any(|row| row[0] == "article_lookup" && !row[3].is_empty() && row[4].starts_with("出自《")));
}

#[test]
fn court_documents_give_records_that_do_not_hold_their_answer() {
    let shards = just_build_corpus();
    let splits: std::collections::BTreeMap<_, _> = rows(&shards, Table::Documents, &["id", "kind", "split"])
        .into_iter()
        .filter(|row| row[1] == "judgment")
        .map(|row| (row[0].clone(), row[2].clone()))
        .collect();
    let columns = ["kind", "document_id", "split", "input", "output"];
    let records = rows(&shards, Table::Instructions, &columns);
    let of = |kind: &str| records.iter().filter(|row| row[0] == kind).collect::<Vec<_>>();
    let cites = |text: &str| text.split("》第").skip(1).any(|rest| rest.chars().take(9).any(|c| c == '条'));
    let predictions = of("article_prediction");
    assert!(predictions.len() >= 20, "{}", predictions.len());
    for row in predictions {
        assert!(!cites(&row[3]), "{}: an article is in the question", row[1]);
        assert!(row[4].starts_with("本院") && row[4].contains("\n依据：《中华人民共和国刑法》第"), "{}", row[1]);
    }
    for (kind, least) in [("judgment_drafting", 25), ("judgment_summary", 25)] {
        let records = of(kind);
        assert!(records.len() >= least, "{kind}: {}", records.len());
        // A record is on the side of its document.
        assert!(records.iter().all(|row| splits[&row[1]] == row[2] && !row[3].is_empty() && !row[4].is_empty()));
    }
}

#[test]
fn other_readers_open_the_shards() {
    let Ok(python) = std::env::var("READERS_PYTHON") else {
        eprintln!("SKIPPED: READERS_PYTHON is not set; `just test` sets it");
        return;
    };
    let cache = tempfile::tempdir().expect("a folder");
    let output = Command::new(python)
        .args([arg(&support::root().join("tests/readers.py")), arg(&just_build_corpus())])
        .env("HF_HUB_OFFLINE", "1")
        .env("HF_HOME", cache.path())
        .output()
        .expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_folder_without_a_manifest_is_built_the_same_way() {
    let dir = tempfile::tempdir().expect("a folder");
    let sample = support::root().join("data-manifests/sample");
    let out = dir.path().join("corpus");
    let statutes = format!("statute={}", arg(&sample.join("statutes/刑法")));
    let judgments = format!("judgment={}", arg(&sample.join("judge-criminal/judge.jsonl")));
    pipeline_ok(&["build", "--source", &statutes, "--source", &judgments, "--out", arg(&out)]);
    let documents = rows(&out, Table::Documents, &["source", "kind"]);
    let files = fs_err::read_dir(sample.join("statutes/刑法")).expect("listed").count();
    assert!(documents.iter().filter(|row| row[1] == "statute").count() + 2 >= files);
    assert_eq!(documents.iter().filter(|row| row[1] == "judgment").count(), 24);
}

#[test]
fn every_raw_form_is_read_and_a_withheld_document_is_named_as_such() {
    let Some(data) = support::shared_data("") else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("corpus");
    let judgments = format!("judgment={}", arg(&data.join("judgments")));
    let statutes = format!("statute={}", arg(&data.join("statutes/other")));
    pipeline_ok(&["build", "--source", &judgments, "--source", &statutes, "--out", arg(&out)]);

    let documents = rows(&out, Table::Documents, &["raw_path", "issuer", "number", "date", "document_type", "text"]);
    let dropped = rows(&out, Table::Dropped, &["raw_path", "reason"]);
    assert!(dropped.iter().all(|row| row[1] != "unknown_form" && row[1] != "malformed_json" && row[1] != "incomplete"));
    let kept = |path: &str| documents.iter().filter(|row| row[0].starts_with(path)).collect::<Vec<_>>();
    let lost =
        |path: &str, reason: &str| dropped.iter().filter(|row| row[0].starts_with(path) && row[1] == reason).count();
    // 70 records of a crawler's dump, of which a fifth are notices that the court withholds the document.
    assert_eq!((kept("crawler_dump").len(), lost("crawler_dump", "withheld")), (56, 14));
    // The same page as HTML and in the site's script; a record of 2018, one of 2019, and a page saved as .doc.
    assert_eq!((kept("html_wenshu").len(), lost("html_wenshu", "exact_duplicate")), (4, 1));
    // Three documents a record, most of them in several.
    assert_eq!(kept("scm_triples").len() + lost("scm_triples", "exact_duplicate"), 900);
    assert_eq!((kept("judge_criminal").len(), kept("lecardv2").len(), kept("civil_summaries").len()), (340, 160, 14));
    for (number, row) in kept("crawler_dump").into_iter().chain(kept("html_wenshu")).enumerate() {
        // Names of files name people.
        // A death-penalty review of 2013 has no number of its own.
        let has_number = !row[2].is_empty() || row[5].contains("依法报请本院核准");
        assert!(has_number && !row[1].is_empty() && !row[3].is_empty(), "{number}: court, number and date");
        assert_ne!(row[4], "other_court_document", "{number}");
        let markup = ["<div", "</", "&nbsp;", "&lt;", "[ly]", "发布日期：", "浏览："];
        assert!(markup.iter().all(|mark| !row[5].contains(mark)), "{number}");
    }
    let articles = rows(&out, Table::Articles, &["document_id"]);
    let of_lines = articles.iter().filter(|row| row[0].contains("judge_law_corpus.jsonl")).count();
    assert_eq!(of_lines, 452, "an article a line");
}

#[test]
fn real_instruction_sets_become_records() {
    let Some(sets) = support::shared_data("instructions") else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("corpus");
    let source = |name: &str| format!("instruction={}", arg(&sets.join(name)));
    pipeline_ok(&["build", "--source", &source("lawyer_llama"), "--source", &source("general_zh"), "--out", arg(&out)]);
    let corpus = Corpus::open(&out).expect("a corpus");
    let counts = &corpus.index().counts[0];
    // 5,000 + 2,000 one-element lists, 476 conversations, 1,000 Alpaca records.
    assert_eq!(counts.inputs, 8476);
    assert!(counts.kept >= 8400, "{counts:?}");
}
