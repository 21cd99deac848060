//! What is left of people in the corpus, and what is masked that is no person's.

use std::collections::BTreeMap;

use corpus_format::Table;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::{
    accuracy::{corpus, labels, of_label, open_corpus},
    support::{self, arg, pipeline_ok, put, rows},
};

/// The characters of every document that are no white space, by id.
fn texts(corpus: &std::path::Path) -> BTreeMap<String, Vec<char>> {
    let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect();
    rows(corpus, Table::Documents, &["id", "text"]).into_iter().map(|row| (row[0].clone(), solid(&row[1]))).collect()
}

/// Labelled names, those of them that are masked, stretches that were masked as names, and those of them at a label.
#[derive(Default)]
struct Count {
    labelled: usize,
    masked: usize,
    stretches: usize,
    at_label: usize,
}

/// Compare a document with and without masks, where `names` are its labels: class, first character, character after.
fn compare(open: &[char], masked: &[char], names: &[(String, usize, usize)], count: &mut Count) {
    let mut changed = vec![false; open.len() + 1];
    let mut stretches = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, open, masked) {
        let (old, new) = (op.old_range(), op.new_range());
        // Numbers and dates are masked with other signs.
        if !matches!(op, DiffOp::Equal { .. }) && masked[new].contains(&'某') {
            changed[old.start.saturating_sub(usize::from(old.is_empty()))..old.end].fill(true);
            stretches.push(old);
        }
    }
    let parties: Vec<_> = names.iter().filter(|(class, _, _)| class == "party").collect();
    count.labelled += parties.len();
    count.masked += parties.iter().filter(|(_, start, end)| changed[*start..*end].contains(&true)).count();
    count.stretches += stretches.len();
    let is_near =
        |at: &std::ops::Range<usize>| parties.iter().any(|(_, start, end)| *start < at.end + 3 && at.start < *end + 3);
    count.at_label += stretches.iter().filter(|at| is_near(at)).count();
}

#[test]
fn names_are_masked_and_nothing_else_is() {
    let (open, masked) = (texts(&open_corpus()), texts(&corpus()));
    let sources = ["spc_txt", "judge_criminal", "crawler_dump", "lecardv2", "civil_summaries"];
    for (file, recall, precision) in [("names.jsonl", 0.98, 0.98), ("names_blind.jsonl", 0.97, 0.97)] {
        let (mut all, mut documents, mut shifted) = (Count::default(), 0, 0);
        for (_, _, labels) in labels(file, &sources.map(|source| (source, 0.0))) {
            for label in &labels {
                let (Some(open), Some(masked)) = (of_label(label, &open), of_label(label, &masked)) else { continue };
                // Cleaning took characters away, so that the labels' places are others.
                if Some(open.len() as u64) != label["length"].as_u64() {
                    shifted += 1;
                    continue;
                }
                let names = label["names"].as_array().expect("names").iter();
                let at =
                    |value: &serde_json::Value| usize::try_from(value.as_u64().expect("a place")).expect("a place");
                let names: Vec<_> =
                    names.map(|n| (n[0].as_str().expect("a class").to_owned(), at(&n[1]), at(&n[2]))).collect();
                compare(open, masked, &names, &mut all);
                documents += 1;
            }
        }
        if documents == 0 {
            return;
        }
        let (r, p) = (all.masked as f64 / all.labelled as f64, all.at_label as f64 / all.stretches as f64);
        eprintln!(
            "{file}: {documents} documents ({shifted} shifted), {} names, recall {r:.4}, precision {p:.4}",
            all.labelled
        );
        assert!(shifted <= 6 && all.labelled > 500, "{documents} documents, {} names", all.labelled);
        assert!(r >= recall && p >= precision, "{file}: recall {r:.4}, precision {p:.4}");
    }
}

#[test]
fn the_title_that_a_source_states_is_masked_only_where_it_is_asked_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let raw = fs_err::read_to_string(support::root().join("tests/forms/spc-text.txt")).expect("read");
    let stated = "张三丰（电话13800138000）盗窃一审刑事判决书";
    put(&dir.path().join("raw/a.txt"), raw.replace("张三丰盗窃一审刑事判决书", stated));
    let titles = ["true", "false"].map(|mask| {
        let raw = dir.path().join("raw");
        let config = format!("[[sources]]\nkind = \"judgment\"\npath = {raw:?}\n[privacy]\nmask = {mask}\n");
        put(&dir.path().join(format!("{mask}.toml")), config);
        let out = dir.path().join(mask);
        pipeline_ok(&["build", arg(&dir.path().join(format!("{mask}.toml"))), "--out", arg(&out)]);
        rows(&out, Table::Documents, &["title"])[0][0].clone()
    });
    assert_eq!(titles[1], stated);
    assert!(!titles[0].contains("13800138000") && !titles[0].contains("张三丰"), "{}", titles[0]);
}

/// How many identity-card numbers a text has: 18 characters that stand alone and fulfil GB 11643-1999.
fn identity_cards(text: &str) -> usize {
    let runs = text.split(|c: char| !c.is_ascii_digit() && !matches!(c, 'X' | 'x')).filter(|run| run.len() == 18);
    let is_card = |run: &&str| {
        let mut sum = 0;
        // A digit's weight is two to the power of its place from the right, modulo eleven; X is ten.
        for (place, c) in run.chars().rev().enumerate() {
            let value = match c {
                'X' | 'x' if place == 0 => 10,
                _ => c.to_digit(10).unwrap_or(11),
            };
            sum += value * 2_u32.pow(u32::try_from(place).unwrap_or(0)) % 11;
        }
        sum % 11 == 1 && matches!(&run[6..8], "19" | "20")
    };
    runs.filter(is_card).count()
}

#[test]
fn no_identity_card_of_the_raw_documents_is_in_the_corpus() {
    let Some(shared) = support::shared_data("judgments") else { return };
    let raw: usize = ["judge_criminal/judge_a.jsonl", "lecardv2/test_query.jsonl", "crawler_dump/wenshu_dump_a.txt"]
        .iter()
        .map(|file| identity_cards(&fs_err::read_to_string(shared.join(file)).expect("read")))
        .sum();
    let left: usize = rows(&corpus(), Table::Documents, &["text"]).iter().map(|row| identity_cards(&row[0])).sum();
    eprintln!("{raw} identity-card numbers, {left} left");
    assert!(raw >= 5 && left == 0, "{raw} in the files, {left} in the corpus");
}
