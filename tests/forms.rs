//! A document of every raw form, shown raw and as the pipeline reads it: pipeline/FORMS.md.

use std::fmt::Write;

use crate::support::{self, arg, pipeline_ok};

/// The files of tests/forms with their kind, in the order of the page.
const FILES: [(&str, &str); 11] = [
    ("statute", "statute-markdown.md"),
    ("statute", "statute-text.txt"),
    ("statute", "statute-jsonl.jsonl"),
    ("judgment", "judgment-text.txt"),
    ("judgment", "spc-text.txt"),
    ("judgment", "judgment-jsonl.jsonl"),
    ("judgment", "wenshu-page.doc"),
    ("judgment", "wenshu-script.xhr"),
    ("judgment", "wenshu-fields.json"),
    ("judgment", "wenshu-dump.txt"),
    ("judgment", "judgment-word.docx"),
];
/// Characters of a raw line on the page, and lines.
const RAW: (usize, usize) = (160, 16);

/// The page, written from what the program prints.
fn page() -> String {
    let mut page = "# Raw forms\n\nA document of each form that the pipeline reads, the beginning of its file and what `pipeline inspect` \
                    says of it. The\nfiles are in `tests/forms`; their people and places are invented. A test keeps this page as the \
                    program prints it.\n"
        .to_owned();
    let folder = support::root().join("tests/forms");
    let dir = tempfile::tempdir().expect("a folder");
    for (kind, file) in FILES {
        // One at a time: they tell one case, and copies would be dropped.
        let out = dir.path().join(file);
        let path = folder.join(file);
        pipeline_ok(&["build", "--source", &format!("{kind}={}", arg(&path)), "--out", arg(&out)]);
        let ids = support::rows(&out, corpus_format::Table::Documents, &["id"]);
        let bytes = fs_err::read(&path).expect("read");
        let (form, _) = file.rsplit_once('.').expect("a form");
        let _ = write!(page, "\n## {form}\n\n```text\n{}```\n\n```text\n", beginning(&bytes));
        for id in ids {
            page += &pipeline_ok(&["inspect", "--corpus", arg(&out), &id[0]]);
        }
        page += "```\n";
    }
    page
}

/// The first lines of a file, cut to a page's width.
fn beginning(bytes: &[u8]) -> String {
    if bytes.starts_with(b"PK") {
        return "(a ZIP archive)\n".to_owned();
    }
    let text = String::from_utf8_lossy(bytes);
    let cut = |line: &str| {
        line.chars().take(RAW.0).collect::<String>() + if line.chars().count() > RAW.0 { "…" } else { "" }
    };
    text.lines().take(RAW.1).map(|line| cut(line) + "\n").collect()
}

#[test]
fn every_form_is_read_as_the_page_shows() {
    let path = support::root().join("pipeline/FORMS.md");
    let page = page();
    // `UPDATE=1 just test` writes the page anew.
    if std::env::var_os("UPDATE").is_some() {
        fs_err::write(&path, &page).expect("written");
    }
    let kept = fs_err::read_to_string(&path).unwrap_or_default();
    for (ours, theirs) in kept.lines().zip(page.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(kept.len(), page.len());
}
