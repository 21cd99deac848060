//! Killed anywhere and started again: the same bytes as a run that nobody disturbed.

use std::path::Path;

use crate::support::{self, arg, hashes, pipeline_ok};

const KILLS: u32 = 20;

fn corpus_and_report(dir: &Path) -> std::collections::BTreeMap<String, String> {
    let mut all = hashes(&dir.join("corpus"));
    all.extend(hashes(&dir.join("corpus-report")).into_iter().map(|(name, hash)| (format!("report/{name}"), hash)));
    all
}

#[test]
fn killed_at_random_moments_and_started_again_gives_the_same_bytes() {
    let config = support::root().join("pipeline/configs/corpus.toml");
    let build = |dir: &Path| {
        ["build".to_owned(), arg(&config).to_owned(), "--out".to_owned(), arg(&dir.join("corpus")).to_owned()]
    };
    let undisturbed = tempfile::tempdir().expect("a folder");
    let started = std::time::Instant::now();
    pipeline_ok(&build(undisturbed.path()).each_ref().map(String::as_str));
    let whole = started.elapsed();
    let expected = corpus_and_report(undisturbed.path());

    let dir = tempfile::tempdir().expect("a folder");
    let mut killer = support::Killer::new(whole);
    let mut killed = 0;
    while killed < KILLS {
        // Every other run starts with what the one before left; the others from nothing.
        if killer.number().is_multiple_of(2) {
            fs_err::remove_dir_all(dir.path()).expect("removed");
            fs_err::create_dir_all(dir.path()).expect("made");
        }
        if !killer.kills(support::program("pipeline").args(build(dir.path()))) {
            continue;
        }
        killed += 1;
        if killer.number().is_multiple_of(2) {
            pipeline_ok(&build(dir.path()).each_ref().map(String::as_str));
            assert_eq!(corpus_and_report(dir.path()), expected);
        }
    }
    pipeline_ok(&build(dir.path()).each_ref().map(String::as_str));
    assert_eq!(corpus_and_report(dir.path()), expected);
}
