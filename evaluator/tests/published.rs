//! Scores of real answers beside the published ones. The data is not in the repository.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use evaluator::{
    Mode,
    lawbench::{Answer, NUM_ITEMS, task},
    run::{self, Row},
    score::judge,
};

/// LawBench's data; says loudly where it is absent.
fn lawbench() -> Option<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo");
    let folder = Path::new(&package).join("../../shared/data/lawbench");
    if !folder.exists() {
        eprintln!("SKIPPED: {} is not here", folder.display());
        return None;
    }
    Some(folder)
}

fn rows(data: &Path, mode: Mode) -> Vec<Row> {
    let scores = run::score(&data.join("predictions"), "zero_shot", mode, None).expect("scores");
    assert_eq!(scores.warnings, Vec::<String>::new());
    scores.rows
}

/// Score and abstention by task and model.
fn published(data: &Path) -> BTreeMap<(String, String), (f64, f64)> {
    let table = fs_err::read_to_string(data.join("published_scores_zero_shot.csv")).expect("read");
    let number = |field: &str| field.trim().parse::<f64>().expect("a number");
    table
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            ((fields[0].to_owned(), fields[1].to_owned()), (number(fields[2]), number(fields[3])))
        })
        .collect()
}

#[test]
fn official_scores_equal_the_published_ones() {
    let Some(data) = lawbench() else { return };
    let (rows, mut published) = (rows(&data, Mode::Official), published(&data));
    for row in rows {
        let (score, abstention) = published.remove(&(row.task.to_owned(), row.model.clone())).expect("published");
        let (ours, rate) = (row.score.expect("a score"), row.abstention.expect("a rate"));
        println!("{} {}: {ours} is off by {:e}", row.model, row.task, (ours - score).abs());
        assert!((ours - score).abs() < 1e-9, "{row:?}: {score}");
        assert!((rate - abstention).abs() < 1e-9, "{row:?}: {abstention}");
        assert_eq!(row.items, NUM_ITEMS);
    }
    assert!(published.is_empty(), "{published:?} were not scored");
}

#[test]
fn strict_scores_stand_beside_the_official_ones() {
    let Some(data) = lawbench() else { return };
    let (official, strict) = (rows(&data, Mode::Official), rows(&data, Mode::Strict));
    for (official, strict) in official.iter().zip(&strict) {
        let (before, after) = (official.score.expect("a score"), strict.score.expect("a score"));
        println!("{} {}: {before:.4} official, {after:.4} strict", official.model, official.task);
        assert_eq!((&official.model, official.task), (&strict.model, strict.task));
        // What strict mends takes from nobody who was right: no score here falls by a point.
        assert!(after > before - 0.01, "{official:?} {strict:?}");
    }
}

#[test]
fn the_references_as_answers_reach_the_known_ceilings() {
    let Some(data) = lawbench() else { return };
    let ceilings = [("1-1", 0.972, 1.0), ("1-2", 1.0, 1.0), ("3-3", 0.932, 1.0), ("3-4", 1.0, 1.0), ("3-6", 1.0, 1.0)];
    for (id, official, strict) in ceilings {
        let items = fs_err::read(data.join(format!("zero_shot/{id}.json"))).expect("read");
        let items: Vec<serde_json::Value> = serde_json::from_slice(&items).expect("JSON");
        let (_, task) = task(id).expect("a task");
        for (mode, ceiling) in [(Mode::Official, official), (Mode::Strict, strict)] {
            let scores: Vec<f64> = items
                .iter()
                .filter_map(|item| {
                    let reference = item["answer"].as_str().expect("text").to_owned();
                    let answer = Answer { prediction: reference.clone(), reference };
                    judge(task.rule, &answer, mode).expect("scored").expect("a reference").score
                })
                .collect();
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            assert!((mean - ceiling).abs() < 6e-4, "{id} {mode:?}: {mean}");
        }
    }
}
