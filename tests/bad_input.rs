//! Bad input: a clear reason in the ledger or a clear error, the rest of the run unharmed.

use std::{io::Write, path::Path, process::Command};

use corpus_format::Table;
use sha2::{Digest, Sha256};

use crate::support::{self, arg, hashes, pipeline_err, pipeline_ok, put, rows, statute};

/// Build a folder of statutes; the ledger as name → (reason, detail), and the kept names.
fn build(kind: &str, input: &Path) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("corpus");
    pipeline_ok(&["build", "--source", &format!("{kind}={}", arg(input)), "--out", arg(&out)]);
    let kept = rows(&out, Table::Documents, &["raw_path", "raw_encoding", "text"]);
    (rows(&out, Table::Dropped, &["raw_path", "reason", "detail"]), kept)
}

fn reason<'a>(dropped: &'a [Vec<String>], path: &str) -> (&'a str, &'a str) {
    let row = dropped.iter().find(|row| row[0] == path).unwrap_or_else(|| panic!("{path} is not in {dropped:?}"));
    (&row[1], &row[2])
}

#[test]
fn encodings_are_detected_decoded_and_recorded() {
    let dir = tempfile::tempdir().expect("a folder");
    let law = statute("某某条例", 12);
    let utf16: Vec<u8> = law.encode_utf16().flat_map(u16::to_le_bytes).collect();
    put(&dir.path().join("utf8.md"), &law);
    put(&dir.path().join("bom.md"), format!("\u{feff}{}", statute("甲条例", 12)));
    put(&dir.path().join("gbk.md"), encoding_rs::GBK.encode(&statute("乙条例", 12)).0);
    put(&dir.path().join("utf16.md"), [b"\xff\xfe".to_vec(), utf16].concat());
    put(&dir.path().join("nul.md"), statute("丙条例", 12).replace("第一章", "第一\0章"));
    let mut stray = statute("丁条例", 12).into_bytes();
    stray.insert(2, 0xff);
    put(&dir.path().join("stray.md"), stray);
    let (dropped, kept) = build("statute", dir.path());
    // The UTF-16 file is the UTF-8 file again: decoded to the same text, it is its duplicate.
    let duplicate = if reason_of(&dropped, "utf16.md").is_some() { "utf16.md" } else { "utf8.md" };
    assert_eq!(reason(&dropped, duplicate).0, "exact_duplicate");
    let encoding = |path: &str| kept.iter().find(|row| row[0] == path).map(|row| row[1].as_str());
    assert_eq!(encoding("bom.md"), Some("utf-8"));
    assert_eq!(encoding("gbk.md"), Some("gb18030"));
    let text = |path: &str| &kept.iter().find(|row| row[0] == path).expect("kept")[2];
    assert!(text("gbk.md").starts_with("乙条例\n2020年1月1日 国务院令第1号公布\n第一章 总则\n第一条 "));
    assert!(text("nul.md").contains("第一章 总则"));
    assert_eq!(text("stray.md").matches('\u{fffd}').count(), 1);
}

fn reason_of<'a>(dropped: &'a [Vec<String>], path: &str) -> Option<&'a str> {
    dropped.iter().find(|row| row[0] == path).map(|row| row[1].as_str())
}

#[test]
fn bad_files_are_dropped_with_a_reason_and_the_rest_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| put(&dir.path().join(name), bytes);
    put("good.md", statute("好条例", 20).as_bytes());
    put("empty.md", b"");
    put("blank.md", b" \n\n\t\n");
    put("bodyless.md", "# 某条例\n\n2020年1月1日 公布\n\n<!-- INFO END -->\n\n".as_bytes());
    put("front.md", "---\ntitle: x\n---\n".as_bytes());
    put("binary.md", &[0, 1, 2, 0, 0, 0, 9, 0, 200, 0].repeat(50));
    // As Word 97 begins, in a compound file: sectors of 512 bytes, little-endian.
    let header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x3e\0\x03\0\xfe\xff\x09\0\x06\0";
    put("word.doc", &[header, &[0; 476][..], &[0xff; 512]].concat());
    put("scan.pdf", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\nendobj\n");
    put("noise.md", &(0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80).collect::<Vec<_>>());
    put("page.html", "<html><body>第一条 为了</body></html>".as_bytes());
    put("line.md", format!("{}{}", statute("长条例", 3), "法".repeat(70 << 20)).as_bytes());
    let zipped = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(statute("压缩条例", 90).as_bytes()).expect("compressed");
        encoder.finish().expect("compressed")
    };
    put("whole.md.gz", &zipped);
    put("torn.md.gz", &zipped[..zipped.len() / 2]);
    let zstd = zstd::encode_all(statute("压缩办法", 90).as_bytes(), 3).expect("compressed");
    put("whole.md.zst", &zstd);
    put("torn.md.zst", &zstd[..zstd.len() / 2]);
    std::os::unix::fs::symlink("/nowhere/at/all", dir.path().join("dangling.md")).expect("a link");
    let (dropped, kept) = build("statute", dir.path());
    let expected = [
        ("empty.md", "empty", "0 bytes"),
        ("blank.md", "empty", "all blank"),
        ("bodyless.md", "no_body", "title and history"),
        ("front.md", "no_body", "nothing else"),
        ("binary.md", "binary", "NUL bytes"),
        ("word.doc", "unknown_form", "Word before 2007; convert it"),
        ("scan.pdf", "unknown_form", "a PDF; take its text out"),
        ("noise.md", "undecodable", "not UTF-8"),
        ("page.html", "unknown_form", "looks like markup"),
        ("line.md", "too_large", "over 16777216 bytes (limits.max_document_bytes)"),
        ("torn.md.gz", "damaged_archive", "cannot be unpacked"),
        ("torn.md.zst", "damaged_archive", "cannot be unpacked"),
        ("dangling.md", "unreadable", "not found"),
    ];
    for (path, wanted, detail) in expected {
        let (found, why) = reason(&dropped, path);
        assert_eq!(found, wanted, "{path}: {why}");
        assert!(why.contains(detail), "{path}: {why}");
    }
    assert_eq!(dropped.len(), expected.len(), "{dropped:?}");
    let mut kept: Vec<&str> = kept.iter().map(|row| row[0].as_str()).collect();
    kept.sort_unstable();
    assert_eq!(kept, ["good.md", "whole.md.gz", "whole.md.zst"]);
}

#[test]
fn an_archive_with_a_bomb_or_a_path_out_of_it_harms_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(name, options).expect("a member");
        zip.write_all(bytes).expect("written");
    };
    add("laws/good.md", statute("好条例", 20).as_bytes());
    add("../../outside.md", statute("外条例", 20).as_bytes());
    // A thousandfold: 300 MB of blanks behind a statute.
    add("bomb.md", &[statute("弹条例", 20).into_bytes(), vec![b' '; 300 << 20]].concat());
    add("after.md", statute("后条例", 20).as_bytes());
    let bytes = zip.finish().expect("an archive").into_inner();
    assert!(bytes.len() < 1 << 20);
    put(&dir.path().join("in/laws.zip"), &bytes);
    put(&dir.path().join("in/torn.zip"), &bytes[..bytes.len() - 40]);
    let config = dir.path().join("corpus.toml");
    let out = dir.path().join("corpus");
    put(
        &config,
        format!(
            "[limits]\nmax_archive_bytes = 10000000\n[[sources]]\nkind = \"statute\"\npath = {:?}\n",
            dir.path().join("in")
        ),
    );
    pipeline_ok(&["build", arg(&config), "--out", arg(&out)]);
    let dropped = rows(&out, Table::Dropped, &["raw_path", "reason", "detail"]);
    assert_eq!(reason(&dropped, "laws.zip!/../../outside.md").0, "unsafe_path");
    assert_eq!(reason(&dropped, "torn.zip").0, "damaged_archive");
    assert_eq!(reason(&dropped, "laws.zip!/bomb.md").0, "archive_bomb");
    let kept = rows(&out, Table::Documents, &["raw_path"]);
    assert!(kept.iter().any(|row| row[0] == "laws.zip!/laws/good.md"), "{kept:?}");
    assert!(!dir.path().join("outside.md").exists());
}

#[test]
fn a_broken_record_is_named_by_its_line_and_a_repeated_id_by_the_first() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = |n: u32| {
        let facts: String = (0..60).map(|i| format!("第{}项事实与证据{}。", n * 100 + i, n * 7 + i)).collect();
        format!(
            "某某市中级人民法院 刑事判决书 （2017）沪01刑初{n}号 被告人张某。{facts}本院认为，依照《中华人民共和国刑法》第一条，判决如下：无罪。"
        )
    };
    let record = |id: &str, n: u32| serde_json::json!({"id": id, "text": text(n)}).to_string();
    let long = serde_json::json!({"id": "long", "text": "长".repeat(6 << 20)}).to_string();
    let lines = [
        record("a", 1),
        record("b", 2),
        "{\"id\": \"c\", \"text\": ".to_owned(),
        record("a", 4),
        "{\"id\": \"e\"}".to_owned(),
        long,
        record("g", 7),
    ];
    put(&dir.path().join("cases.jsonl"), lines.join("\n"));
    let (dropped, kept) = build("judgment", dir.path());
    assert_eq!(kept.len(), 3, "{dropped:?}");
    let detail = |wanted: &str| {
        &dropped.iter().find(|row| row[1] == wanted).unwrap_or_else(|| panic!("{wanted}: {dropped:?}"))[2]
    };
    assert!(detail("malformed_json").starts_with("line 3, column "), "{}", detail("malformed_json"));
    assert!(detail("incomplete").contains("saw id"));
    assert!(detail("too_large").starts_with("line 6: "));
    assert!(detail("duplicate_id").contains("has this id"));
    assert_eq!(dropped.len(), 4);
}

#[test]
fn a_file_that_differs_from_its_checksum_is_dropped_and_a_missing_one_is_an_error() {
    let dir = tempfile::tempdir().expect("a folder");
    let sum = |text: &str| corpus_format::reader::hex(&Sha256::digest(text));
    let (good, bad) = (statute("好条例", 20), statute("坏条例", 20));
    put(&dir.path().join("raw/good.md"), &good);
    put(&dir.path().join("raw/bad.md"), bad.replace("事务", "事物"));
    let sums = format!("{}  bad.md\n{}  good.md\n", sum(&bad), sum(&good));
    put(&dir.path().join("raw/SHA256SUMS"), &sums);
    let manifest = "name = \"laws\"\ntitle = \"t\"\nkind = \"statute\"\norigin = \"o\"\npersonal_data = \"none\"\nobtain = \"o\"\n\
                    licence = { name = \"MIT\", redistributable = true, note = \"n\" }\n[files]\npath = \"raw\"\nchecksums = \"SHA256SUMS\"\n";
    put(&dir.path().join("laws.toml"), manifest);
    let config = dir.path().join("corpus.toml");
    put(&config, format!("[[sources]]\nmanifest = {:?}\n", dir.path().join("laws.toml")));
    let out = dir.path().join("corpus");
    pipeline_ok(&["build", arg(&config), "--out", arg(&out)]);
    let dropped = rows(&out, Table::Dropped, &["raw_path", "reason", "detail"]);
    let (found, detail) = reason(&dropped, "bad.md");
    assert_eq!(found, "checksum_mismatch");
    assert!(detail.contains(&sum(&bad)), "{detail}");
    assert_eq!(rows(&out, Table::Documents, &["raw_path"]), [["good.md"]]);

    put(&dir.path().join("raw/SHA256SUMS"), format!("{sums}{}  gone.md\n", sum("x")));
    assert!(pipeline_err(&["build", arg(&config), "--out", arg(&out)]).contains("gone.md is listed in the checksums"));
    put(&dir.path().join("raw/SHA256SUMS"), "not a checksum\n");
    let error = pipeline_err(&["build", arg(&config), "--out", arg(&out)]);
    assert!(error.contains("SHA256SUMS: line 1: not `<sha256>  <path>`"), "{error}");
}

#[test]
fn a_folder_of_another_schema_version_or_of_somebody_else_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    put(&dir.path().join("in/a.md"), statute("某条例", 20));
    let source = format!("statute={}", arg(&dir.path().join("in")));
    let out = dir.path().join("corpus");
    put(&out.join("index.json"), "{\"schema_version\": 999}");
    let before = hashes(&out);
    let error = pipeline_err(&["build", "--source", &source, "--out", arg(&out)]);
    assert!(error.contains("schema version 999, and this program writes version 2"), "{error}");
    assert_eq!(hashes(&out), before);
    let inspected = pipeline_err(&["inspect", "--corpus", arg(&out)]);
    assert!(inspected.contains("written with schema version 999, this program reads 2"), "{inspected}");

    let home = dir.path().join("home");
    put(&home.join("letters.txt"), "dear");
    let error = pipeline_err(&["build", "--source", &source, "--out", arg(&home)]);
    assert!(error.contains("holds `letters.txt`, which no build made"), "{error}");
    assert_eq!(hashes(&home).len(), 1);
}

#[test]
fn a_full_disk_leaves_the_last_corpus_as_it_was() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("corpus");
    let input = dir.path().join("in");
    put(&input.join("a.md"), statute("某条例", 20));
    let source = format!("statute={}", arg(&input));
    pipeline_ok(&["build", "--source", &source, "--out", arg(&out)]);
    let before = hashes(&out);
    for n in 0..60 {
        put(&input.join(format!("{n}.md")), statute(&format!("第{n}号{}条例", "甲乙丙丁".repeat(n % 7)), 90));
    }
    // No file may grow beyond 16 KiB: what a full disk is to a writer.
    let program = support::program("pipeline").get_program().to_owned();
    let limited = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""])
        .arg(program)
        .args(["build", "--source", &source, "--out", arg(&out)])
        .output()
        .expect("bash starts");
    let error = String::from_utf8_lossy(&limited.stderr);
    assert!(!limited.status.success(), "16 KiB cannot be enough");
    assert!(error.contains("File too large") || error.contains("too large"), "{error}");
    assert_eq!(
        hashes(&out)
            .into_iter()
            .filter(|(name, _)| !name.starts_with(".partial/"))
            .collect::<std::collections::BTreeMap<_, _>>(),
        before
    );
    // With room again the same command finishes.
    pipeline_ok(&["build", "--source", &source, "--out", arg(&out)]);
    assert_eq!(rows(&out, Table::Documents, &["id"]).len(), 61);
}

#[test]
fn configurations_and_manifests_are_closed_and_errors_name_their_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = dir.path().join("corpus.toml");
    let error = |text: &str| {
        put(&config, text);
        pipeline_err(&["build", arg(&config)])
    };
    assert!(
        error("[[sources]]\nmanifest = \"x.toml\"\n[filter.statute]\nmin_char = 3\n")
            .contains("unknown field `min_char`")
    );
    assert!(error("[[sources]]\nmanifest = \"x.toml\"\n[filter.statute]\nmin_char = 3\n").contains("line 4"));
    assert!(error("").contains("no [[sources]]"));
    assert!(error("[[sources]]\nmanifest = \"gone.toml\"\n").contains("gone.toml"));
    assert!(error("[[sources]]\nkind = \"statute\"\npath = \"/nowhere\"\n").contains("/nowhere"));
    assert!(
        error("[split]\nvalidation_fraction = 2.0\n[[sources]]\nmanifest = \"x\"\n")
            .contains("validation_fraction = 2 is not between 0 and 1")
    );
}
