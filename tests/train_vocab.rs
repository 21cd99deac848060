//! `just train-vocab` on the sample, as a newcomer runs it; and what `vocab` says to bad input.

use std::path::Path;

use crate::support::{self, arg, pipeline_ok, program};

/// Run `vocab`; whether it succeeded, and all it printed.
fn vocab(arguments: &[&str]) -> (bool, String) {
    let output = program("vocab").args(arguments).output().expect("vocab starts");
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&printed).into_owned())
}

/// A configuration in `folder` for a corpus of the Constitution alone.
fn small(folder: &Path, more: &str) -> String {
    let law = support::root().join("data-manifests/sample/statutes/宪法");
    let shards = folder.join("shards");
    if !shards.exists() {
        pipeline_ok(&["build", "--source", &format!("statute={}", law.display()), "--out", arg(&shards)]);
    }
    let config = folder.join("tokenizer.toml");
    let text = format!(
        "corpus = {shards:?}\noutput = {:?}\n[train]\nnum_pieces = 60\n[base]\nvocab_size = 1800\n{more}",
        folder.join("tokenizer")
    );
    fs_err::write(&config, text).expect("written");
    config.to_str().expect("UTF-8").to_owned()
}

#[test]
fn just_train_vocab_makes_a_tokenizer_for_both_libraries() {
    let folder = tempfile::tempdir().expect("a folder");
    let shards = folder.path().join("shards");
    pipeline_ok(&["build", "--out", arg(&shards)]);
    let config = folder.path().join("tokenizer.toml");
    let text = fs_err::read_to_string(support::root().join("vocab/configs/tokenizer.toml")).expect("the default");
    let out = folder.path().join("tokenizer");
    let text =
        text.replace("\"data/shards\"", &format!("{shards:?}")).replace("\"data/tokenizer\"", &format!("{out:?}"));
    fs_err::write(&config, text).expect("written");
    let output = support::as_a_user("just").args(["train-vocab", arg(&config)]).output().expect("just starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report: serde_json::Value =
        serde_json::from_slice(&fs_err::read(out.join("report.json")).expect("a report")).expect("JSON");
    let audit = &report["trained"]["audit"];
    assert_eq!(audit["num_pieces"].as_u64().expect("a number") % 128, 0);
    assert!(audit["num_lines"].as_u64() > Some(30_000) && audit["has_json"] == true);
    let page = fs_err::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("statute") && page.contains("judgment"));

    // The map says what the base made of each new piece; the pieces say the same.
    let map = fs_err::read_to_string(out.join("init_map.jsonl")).expect("a map");
    let rows: Vec<serde_json::Value> = map.lines().map(|l| serde_json::from_str(l).expect("a row")).collect();
    let tokenizer: serde_json::Value =
        serde_json::from_slice(&fs_err::read(out.join("tokenizer.json")).expect("read")).expect("JSON");
    let pieces: std::collections::HashMap<u64, &str> = tokenizer["model"]["vocab"]
        .as_object()
        .expect("a vocabulary")
        .iter()
        .map(|(piece, id)| (id.as_u64().expect("an id"), piece.as_str()))
        .collect();
    for row in rows.iter().filter(|row| row["piece"] != "[PAD]") {
        let ids = row["base_ids"].as_array().expect("ids");
        let text: String = ids.iter().map(|id| pieces[&id.as_u64().expect("an id")]).collect();
        assert_eq!(row["piece"], text);
        assert!(ids.len() > 1);
    }
    assert_eq!(rows.len() as u64, audit["num_pieces"].as_u64().expect("a number") - 6000);
}

#[test]
fn the_same_corpus_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = small(folder.path(), "");
    let run = || {
        let (ok, printed) = vocab(&["train", &config]);
        assert!(ok, "{printed}");
        support::hashes(&folder.path().join("tokenizer"))
    };
    assert_eq!(run(), run());
}

#[test]
fn what_cannot_be_trained_is_an_error_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |more: &str, expected: &str| {
        let (ok, printed) = vocab(&["train", &small(folder.path(), more)]);
        assert!(!ok && printed.contains(expected), "{more}: {printed}");
        assert!(!folder.path().join("tokenizer").exists());
    };
    refused(
        "character_coverage = 1.0\n[mix]\nstatute = 0\njudgment = 0\nconsultation = 0\n",
        "every weight of [mix] is 0",
    );
    refused("colour = 1\n", "unknown field `colour`");
    refused(&format!("model = {:?}\n", folder.path().join("absent.model")), "absent.model");
    let text = folder.path().join("text.model");
    fs_err::write(&text, "not a model at all, but text").expect("written");
    refused(&format!("model = {text:?}\n"), "not a SentencePiece model");

    let config = small(folder.path(), "");
    let change = |from: &str, to: &str| {
        let text = fs_err::read_to_string(&config).expect("read").replace(from, to);
        fs_err::write(&config, text).expect("written");
        let (ok, printed) = vocab(&["train", &config]);
        assert!(!ok, "{printed}");
        assert!(!folder.path().join("tokenizer").exists());
        printed
    };
    assert!(change("1800", "300").contains("Vocabulary size is smaller than required_chars"));
    assert!(change("300", "1800\n[mix]\nstatute = 0\n").contains("0 new pieces"));
}

#[test]
fn a_tokenizer_of_another_base_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ok, printed) = vocab(&["train", &small(folder.path(), "")]);
    assert!(ok, "{printed}");
    let out = folder.path().join("tokenizer");
    let first = folder.path().join("first.model");
    fs_err::copy(out.join("tokenizer.model"), &first).expect("copied");
    fs_err::remove_dir_all(&out).expect("removed");

    // Another base, then the first one as a base for the same folder.
    let other = small(folder.path(), "character_coverage = 0.99\n");
    assert!(vocab(&["train", &other]).0);
    let before = support::hashes(&out);
    let (ok, printed) = vocab(&["train", &small(folder.path(), &format!("model = {first:?}\n"))]);
    assert!(!ok && printed.contains("another base"), "{printed}");
    assert_eq!(support::hashes(&out), before);
}

#[test]
fn a_model_cut_short_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(vocab(&["train", &small(folder.path(), "")]).0);
    let model = fs_err::read(folder.path().join("tokenizer/tokenizer.model")).expect("read");
    let cut = folder.path().join("cut.model");
    fs_err::write(&cut, &model[..model.len() / 2]).expect("written");
    let (ok, printed) = vocab(&["audit", arg(&cut)]);
    assert!(!ok && printed.contains("cut.model") && printed.contains("cut short"), "{printed}");
}

#[test]
fn text_that_is_not_utf8_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(vocab(&["train", &small(folder.path(), "")]).0);
    let text = folder.path().join("text.txt");
    fs_err::write(&text, b"\xE5\x9B\xBD\n\xFF\xFE\n").expect("written");
    let (ok, printed) = vocab(&["encode", arg(&folder.path().join("tokenizer/tokenizer.model")), arg(&text)]);
    assert!(!ok && printed.contains("text.txt:2: not UTF-8"), "{printed}");
}

#[test]
fn a_listed_term_becomes_a_token_where_it_stands_often_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = |more: &str| -> serde_json::Value {
        let (ok, printed) = vocab(&["train", &small(folder.path(), more)]);
        assert!(ok, "{printed}");
        let report = fs_err::read(folder.path().join("tokenizer/report.json")).expect("a report");
        serde_json::from_slice::<serde_json::Value>(&report).expect("JSON")["trained"].clone()
    };
    // Windows' line ends and mark, an empty line, a repeat, a term that the text never says.
    let list = folder.path().join("terms.txt");
    let terms = ["民族自治地方的自治机关", "国务院总理", "", "国务院总理", "民事诉讼法"];
    fs_err::write(&list, format!("\u{FEFF}{}\r\n", terms.join("\r\n"))).expect("written");
    let single = |weight: u64| {
        let trained = report(&format!("[terms]\nlist = {list:?}\nweight = {weight}\n"));
        let given = &trained["given_terms"];
        assert_eq!(given["num_terms"], 3);
        assert_eq!(trained["audit"]["num_pieces"].as_u64().expect("a number") % 128, 0);
        given["num_single"].as_u64().expect("a number")
    };
    let (without, with) = (single(0), single(50));
    assert!(without < 2, "{without}: the test needs terms that are not learned by themselves");
    assert_eq!(with, 2, "the two that the Constitution says, and not the third");
}

#[test]
fn a_span_keeps_new_tokens_inside_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = small(folder.path(), "");
    let phrases = |span: &str| {
        let (ok, printed) = vocab(&["train", &config, "--span", span]);
        assert!(ok, "{printed}");
        let report = fs_err::read(folder.path().join("tokenizer/report.json")).expect("a report");
        let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
        assert_eq!(report["config"]["train"]["span"], span);
        let map = fs_err::read_to_string(folder.path().join("tokenizer/init_map.jsonl")).expect("a map");
        let rows = map.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a row"));
        // Tokens of the base that hold 的 may begin or end a piece; nothing joins words across it.
        rows.filter(|row| row["piece"].as_str().expect("a piece").trim_matches('的').contains('的')).count()
    };
    assert!(phrases("free") > 5);
    assert_eq!((phrases("phrase"), phrases("word")), (0, 0));
    let (ok, printed) = vocab(&["train", &config, "--span", "sentence"]);
    assert!(!ok && printed.contains("possible values"), "{printed}");
}

#[test]
fn little_memory_samples_the_text_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ok, printed) = vocab(&["train", &small(folder.path(), "[limits]\nmemory_bytes = 300_000\n")]);
    assert!(ok && printed.contains("sampled    counts are off by"), "{printed}");
    let (ok, printed) = vocab(&["train", &small(folder.path(), "[limits]\nmemory_bytes = 1000\n")]);
    assert!(!ok && printed.contains("limits.memory_bytes is 1000"), "{printed}");
}

#[test]
fn a_model_without_a_base_is_trained_by_either_algorithm() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = small(folder.path(), "");
    let text = fs_err::read_to_string(&config).expect("read");
    let model = folder.path().join("tokenizer/tokenizer.model");
    for (method, has_json) in [("unigram", false), ("bpe", true)] {
        let method = text.replace("num_pieces = 60", &format!("num_pieces = 1600\nmethod = {method:?}"));
        fs_err::write(&config, method).expect("written");
        let (ok, printed) = vocab(&["train", &config]);
        assert!(ok && printed.contains("1600 pieces, without a base"), "{printed}");
        assert_eq!(folder.path().join("tokenizer/tokenizer.json").exists(), has_json);
        if !has_json {
            // Legal tokens go into a BPE model; a unigram one as a base is told why not.
            let unigram = folder.path().join("unigram.model");
            fs_err::copy(&model, &unigram).expect("copied");
            let (ok, printed) = vocab(&["train", &small(folder.path(), &format!("model = {unigram:?}\n"))]);
            assert!(!ok && printed.contains("its algorithm is Unigram"), "{printed}");
        }
    }
}

#[test]
fn a_tokenizer_can_be_audited_again_and_a_foreign_base_is_found_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let law = support::root().join("data-manifests/sample/statutes/宪法/宪法.md");
    let out = folder.path().join("tokenizer");
    let config = small(folder.path(), "");
    let base = folder.path().join("base.model");
    let text = fs_err::read_to_string(&config).expect("read");
    fs_err::write(&config, text.replace("num_pieces = 60", "num_pieces = 1800\nmethod = \"bpe\"")).expect("written");
    assert!(vocab(&["train", &config]).0);
    fs_err::rename(out.join("tokenizer.model"), &base).expect("moved");
    fs_err::remove_dir_all(&out).expect("removed");

    let (ok, printed) = vocab(&["train", &small(folder.path(), &format!("model = {base:?}\n"))]);
    assert!(ok, "{printed}");
    let merged = out.join("tokenizer.model");
    let (ok, printed) = vocab(&["audit", arg(&merged), "--base", arg(&base), "--text", arg(&law)]);
    assert!(ok && printed.contains("\"num_base_pieces\": 1800"), "{printed}");
    let (ok, printed) = vocab(&["audit", arg(&base), "--base", arg(&merged)]);
    assert!(!ok && printed.contains("id 1800 is no longer"), "{printed}");
}

#[test]
fn tokens_of_every_row_are_counted_for_joining() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(vocab(&["train", &small(folder.path(), "")]).0);
    let (shards, model) = (folder.path().join("shards"), folder.path().join("tokenizer/tokenizer.model"));
    let counts = folder.path().join("counts.parquet");
    let (ok, printed) = vocab(&["encode", arg(&model), "--corpus", arg(&shards), "--out", arg(&counts)]);
    assert!(ok && printed.contains("tokens     "), "{printed}");
    let total: i64 = printed
        .lines()
        .find_map(|line| line.strip_prefix("tokens"))
        .and_then(|count| count.trim().parse().ok())
        .expect("a number");
    // An analyst's way to it.
    let (counts, shards) = (counts.display(), shards.display());
    let query = format!(
        r#"
import duckdb
joined = duckdb.sql("""
    SELECT count(*), sum(num_tokens) FROM '{counts}' JOIN '{shards}/documents/**/*.parquet' USING (id)
    WHERE "table" = 'documents'
""").fetchall()[0]
assert joined[0] > 0 and joined[1] > 10_000, joined
print(duckdb.sql("SELECT sum(num_tokens) FROM '{counts}'").fetchall()[0][0])
"#
    );
    let Some(python) = std::env::var_os("READERS_PYTHON") else {
        eprintln!("SKIPPED: READERS_PYTHON is not set; run the tests with `just test`");
        return;
    };
    let output = std::process::Command::new(python).args(["-c", &query]).output().expect("python starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(printed.trim(), total.to_string());
}
