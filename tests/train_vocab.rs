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
