//! The edges between the crates, and the top level.

use std::{collections::BTreeSet, process::Command};

use crate::support;

#[test]
fn crates_depend_on_each_other_only_as_data_flows() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(support::root())
        .output()
        .expect("cargo starts");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let names: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let edges: BTreeSet<(&str, &str)> = packages
        .iter()
        .filter(|p| p["name"] != "acceptance")
        .flat_map(|p| {
            p["dependencies"].as_array().into_iter().flatten().map(|d| (p["name"].as_str(), d["name"].as_str()))
        })
        .filter_map(|(from, to)| Some((from?, to?)))
        .filter(|(_, to)| names.contains(to))
        .collect();
    // An edge appears here when the code that needs it does.
    assert_eq!(
        edges,
        BTreeSet::from([
            ("pipeline", "corpus-format"),
            ("vocab", "corpus-format"),
            ("trainer", "corpus-format"),
            ("trainer", "vocab"),
            ("evaluator", "corpus-format"),
            ("evaluator", "trainer"),
            ("evaluator", "vocab"),
        ])
    );
    let contract = packages.iter().find(|p| p["name"] == "corpus-format").expect("the contract");
    let heavy = ["polars", "candle-core", "candle-nn"];
    let dependencies = contract["dependencies"].as_array().expect("dependencies");
    assert!(dependencies.iter().all(|d| !heavy.contains(&d["name"].as_str().unwrap_or_default())));
}

#[test]
fn the_top_level_is_what_the_readme_says() {
    let tracked = Command::new("git").args(["ls-files"]).current_dir(support::root()).output().expect("git starts");
    let tracked = String::from_utf8_lossy(&tracked.stdout).into_owned();
    let top: BTreeSet<&str> = tracked
        .lines()
        .filter_map(|path| path.split('/').next())
        .filter(|name| !name.starts_with(['.', '"']))
        .collect();
    let known = BTreeSet::from([
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "README.zh.md",
        "clippy.toml",
        "data-manifests",
        "evaluator",
        "justfile",
        "pipeline",
        "rustfmt.toml",
        "tests",
        "trainer",
        "vocab",
    ]);
    assert_eq!(top.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new());
}
