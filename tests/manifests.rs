//! The manifests, their schema, and the sample they describe.

use std::path::PathBuf;

use corpus_format::{Manifest, legal::Kind, manifest::read_checksums};

use crate::support;

fn manifests() -> Vec<(PathBuf, Manifest)> {
    let dir = support::root().join("data-manifests");
    let mut paths: Vec<PathBuf> =
        support::hashes(&dir).into_keys().filter(|name| name.ends_with(".toml")).map(|name| dir.join(name)).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), Manifest::read(&path).expect("a valid manifest"))).collect()
}

#[test]
fn every_manifest_is_valid_and_named_as_its_file() {
    let manifests = manifests();
    let mut names = std::collections::BTreeSet::new();
    for (path, manifest) in &manifests {
        assert_eq!(path.file_stem().expect("a stem").to_string_lossy(), manifest.name);
        assert!(names.insert(&manifest.name), "{} twice", manifest.name);
        let folder = path.parent().and_then(|p| p.file_name()).expect("a folder").to_string_lossy().into_owned();
        let kind = match manifest.kind {
            Kind::Statute => "statutes",
            Kind::Judgment => "judgments",
            Kind::Instruction => "instructions",
            Kind::Benchmark => "benchmarks",
        };
        assert!(folder == "sample" || folder == kind, "{}", path.display());
    }
    for kind in Kind::ALL {
        assert!(manifests.iter().any(|(_, m)| m.kind == *kind), "no manifest of a {kind}");
    }
}

#[test]
fn the_json_schema_beside_the_manifests_is_current() {
    let path = support::root().join("data-manifests/manifest.schema.json");
    let written = fs_err::read_to_string(path).expect("the schema");
    assert!(written == Manifest::json_schema(), "out of date; run `just manifest-schema`");
}

#[test]
fn the_sample_is_what_its_checksums_say_free_to_ship_and_small() {
    let mut bytes = 0;
    for (path, manifest) in manifests().iter().filter(|(path, _)| path.parent().is_some_and(|p| p.ends_with("sample")))
    {
        assert!(manifest.licence.redistributable, "{}", path.display());
        assert_ne!(manifest.personal_data, corpus_format::manifest::PersonalData::Present);
        let folder = path.with_extension("");
        let sums = read_checksums(&folder.join("SHA256SUMS")).expect("checksums");
        let mut found = support::hashes(&folder);
        found.remove("SHA256SUMS");
        assert_eq!(found, sums, "{}", folder.display());
        bytes += found.keys().map(|name| fs_err::metadata(folder.join(name)).expect("stated").len()).sum::<u64>();
    }
    assert!((1 << 20..12 << 20).contains(&bytes), "{bytes} bytes");
}

/// Court documents of the sample must stay masked: no number of a person, no full date of birth.
#[test]
fn the_sample_holds_no_number_of_a_person() {
    let dir = support::root().join("data-manifests/sample");
    for name in support::hashes(&dir).into_keys().filter(|n| !n.starts_with("statute") || n.contains("案例")) {
        let text = fs_err::read_to_string(dir.join(&name)).expect("text");
        if name.ends_with("SHA256SUMS") || name.ends_with(".toml") {
            continue;
        }
        let chars: Vec<char> = text.chars().collect();
        let mut run = 0;
        for (i, c) in chars.iter().enumerate() {
            run = if c.is_ascii_digit() { run + 1 } else { 0 };
            let ends = chars.get(i + 1).is_none_or(|c| !c.is_ascii_digit());
            // 11 digits beginning with 1: a mobile number; 15 or 18: an identity card.
            let mobile = run == 11 && chars[i - 10] == '1';
            let in_key =
                i >= run && chars[i - run].is_ascii_hexdigit() || chars.get(i + 1).is_some_and(char::is_ascii_hexdigit);
            assert!(
                !ends || in_key || !(mobile || run == 15 || run == 18),
                "{name}: a number of {run} digits at character {i}"
            );
        }
        let born: Vec<_> = text.match_indices("日出生").chain(text.match_indices("日生，")).collect();
        assert!(born.is_empty(), "{name}: a date of birth at byte {:?}", born.first().map(|b| b.0));
    }
}
