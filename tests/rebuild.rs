//! The same input gives the same bytes, and a change rebuilds exactly what depends on it.

use std::{collections::BTreeMap, path::Path, time::SystemTime};

use corpus_format::Table;

use crate::support::{self, arg, hashes, pipeline_ok, put, rows, statute};

/// When each cleaned unit was written.
fn units(work: &Path) -> BTreeMap<String, SystemTime> {
    fs_err::read_dir(work)
        .expect("listed")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "parquet"))
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                entry.metadata().expect("stated").modified().expect("a time"),
            )
        })
        .collect()
}

#[test]
fn threads_units_and_memory_change_no_row() {
    let dir = tempfile::tempdir().expect("a folder");
    let sample = support::root().join("data-manifests/sample/statutes/司法解释");
    let build = |name: &str, threads: &str, limits: &str| {
        let config = dir.path().join(format!("{name}.toml"));
        put(
            &config,
            format!(
                "{limits}\n[shards]\nfile_bytes = 400000\nrow_group_bytes = 100000\n[[sources]]\nkind = \"statute\"\npath = {:?}\n",
                sample
            ),
        );
        let out = dir.path().join(name);
        let output = support::program("pipeline")
            .args(["build", arg(&config), "--out", arg(&out)])
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .expect("starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        out
    };
    let (one, again, two) = (
        build("one", "1", ""),
        build("again", "2", ""),
        build("two", "3", "[limits]\nunit_bytes = 65536\nmemory_bytes = 1048576"),
    );
    assert_eq!(hashes(&one), hashes(&again), "byte for byte, however many threads");
    assert!(hashes(&one).len() > 12, "several shards a table");
    for table in Table::ALL {
        // Sections and history aside, which have no text form here.
        let columns: Vec<&str> =
            table.columns().iter().map(|c| c.name).filter(|name| !matches!(*name, "history" | "metadata")).collect();
        assert_eq!(rows(&one, table, &columns), rows(&two, table, &columns), "{table}: spilled and in many units");
    }
}

#[test]
fn a_change_rebuilds_what_depends_on_it_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let (input, out, work) = (dir.path().join("in"), dir.path().join("corpus"), dir.path().join("corpus-work"));
    for n in 0..40 {
        put(&input.join(format!("{n:02}.md")), statute(&format!("第{n}号{}条例", "甲乙丙丁戊".repeat(n % 5 + 1)), 60));
    }
    let config = dir.path().join("corpus.toml");
    let build = |more: &str| {
        put(
            &config,
            format!("[limits]\nunit_bytes = 65536\n{more}\n[[sources]]\nkind = \"statute\"\npath = {input:?}\n"),
        );
        pipeline_ok(&["build", arg(&config), "--out", arg(&out)])
    };
    build("");
    let (first, first_units) = (hashes(&out), units(&work));
    assert!(first_units.len() >= 12, "several units");

    let printed = build("");
    assert!(printed.contains("current"), "{printed}");
    assert_eq!((hashes(&out), units(&work)), (first.clone(), first_units.clone()));

    build("[split]\nvalidation_fraction = 0.5");
    assert_ne!(hashes(&out), first, "another split gives other shards");
    assert_eq!(units(&work), first_units, "and cleans nothing again");

    build("");
    assert_eq!(hashes(&out), first, "the old setting gives the old bytes");

    put(&input.join("07.md"), statute("改过的条例", 60));
    build("");
    let later = units(&work);
    let same = first_units.iter().filter(|(name, time)| later.get(*name) == Some(time)).count();
    assert_eq!(same + 5, first_units.len(), "one unit of five files is cleaned again");
    assert_eq!(later.len(), first_units.len(), "and the old one is removed");
    assert!(rows(&out, Table::Documents, &["title"]).contains(&vec!["改过的条例".to_owned()]));

    fs_err::remove_file(input.join("07.md")).expect("removed");
    build("");
    assert_eq!(rows(&out, Table::Documents, &["id"]).len(), 39);
}
