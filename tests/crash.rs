//! Killed anywhere and started again: the same bytes as a run that nobody disturbed.

use std::{path::Path, process::Stdio, time::Duration};

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
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    // The longest wait before a kill follows how long runs take while other tests run beside them.
    let mut longest = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
    let mut killed = 0;
    while killed < KILLS {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        // Every other run starts with what the one before left; the others from nothing.
        if seed.is_multiple_of(2) {
            fs_err::remove_dir_all(dir.path()).expect("removed");
            fs_err::create_dir_all(dir.path()).expect("made");
        }
        let mut child = support::program("pipeline")
            .args(build(dir.path()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        std::thread::sleep(Duration::from_micros((seed >> 11) % longest));
        child.kill().expect("killed");
        if child.wait().expect("waited").success() {
            longest = (longest * 3 / 4).max(2_000);
            continue;
        }
        killed += 1;
        longest = longest * 5 / 4;
        if seed % 4 < 2 {
            pipeline_ok(&build(dir.path()).each_ref().map(String::as_str));
            assert_eq!(corpus_and_report(dir.path()), expected);
        }
    }
    pipeline_ok(&build(dir.path()).each_ref().map(String::as_str));
    assert_eq!(corpus_and_report(dir.path()), expected);
}
