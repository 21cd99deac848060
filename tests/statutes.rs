//! All statutes of LawRefBook: their articles against a plain reading of the files, and what is known of each
//! against labels.
//!
//! The labels were made by reading the history and the closing article of statutes drawn at random: 60 on which the
//! rules were mended, and 40 more that were labelled before they were compared; of their 320 values one was wrong then.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use corpus_format::Table;
use serde_json::Value;

use crate::support::{self, arg, pipeline_ok, rows};

/// LawRefBook and the corpus of it, where it is here.
static CORPUS: LazyLock<Option<(PathBuf, tempfile::TempDir)>> = LazyLock::new(|| {
    let raw = support::shared_data("statutes/lawrefbook")?;
    let dir = tempfile::tempdir().expect("a folder");
    let source = format!("statute={}", arg(&raw));
    pipeline_ok(&["build", "--source", &source, "--out", arg(&dir.path().join("corpus"))]);
    Some((raw, dir))
});

/// The value of a numeral in words or digits.
fn value(numeral: &str) -> Option<u32> {
    let (mut total, mut digit) = (0, None);
    for c in numeral.chars() {
        let unit = match c {
            '十' => 10,
            '百' => 100,
            '千' => 1000,
            _ => {
                let d = "零一二三四五六七八九".chars().position(|known| known == c);
                let d = c.to_digit(10).or(d.and_then(|d| u32::try_from(d).ok()))?;
                digit = Some(if c.is_ascii_digit() { digit.unwrap_or(0) * 10 + d } else { d });
                continue;
            }
        };
        total += digit.take().unwrap_or(1) * unit;
    }
    (!numeral.is_empty()).then(|| total + digit.unwrap_or(0))
}

/// The number of the article that `text` begins with, as 120-1, and its parts.
fn label(text: &str) -> Option<(String, u32, u32)> {
    let (base, rest) = text.strip_prefix('第')?.split_once('条')?;
    let base = value(&base.replace(' ', ""))?;
    let numeral: String = rest
        .strip_prefix('之')
        .map_or("", |rest| rest)
        .chars()
        .take_while(|c| value(&c.to_string()).is_some())
        .collect();
    let inserted = value(&numeral).unwrap_or(0);
    let number = if inserted > 0 { format!("{base}-{inserted}") } else { base.to_string() };
    Some((number, base, inserted))
}

/// The article numbers of a file as a reader would count them: at the start of a line, or after a full stop and a
/// space where the number is the next one.
fn numbers(markdown: &str) -> Vec<(String, u32, u32)> {
    let body = markdown.split_once("<!-- INFO END -->").map_or(markdown, |(_, body)| body);
    let mut found: Vec<(String, u32, u32)> = Vec::new();
    for line in body.lines() {
        let line = line.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{200b}');
        let Some(first) = label(line) else { continue };
        found.push(first);
        for (at, _) in line.match_indices("。 第") {
            let next = label(&line[at + "。 ".len()..]);
            let last = found[found.len() - 1].1;
            found.extend(next.filter(|(_, base, _)| *base == last + 1));
        }
    }
    found
}

/// Numbers missing between the first and the last, and numbers that occur again.
fn departures(numbers: &[(String, u32, u32)]) -> (Vec<u32>, Vec<&str>) {
    let bases: Vec<u32> = numbers.iter().map(|(_, base, _)| *base).collect();
    let ends = bases.iter().min().zip(bases.iter().max());
    let missing =
        ends.into_iter().flat_map(|(first, last)| *first..=*last).filter(|base| !bases.contains(base)).collect();
    let again = |(i, number): (usize, &'_ (String, u32, u32))| numbers[..i].iter().any(|(n, ..)| *n == number.0);
    let repeated = numbers.iter().enumerate().filter(|(i, n)| again((*i, n))).map(|(_, (n, ..))| n.as_str());
    (missing, repeated.collect())
}

#[test]
fn every_article_of_every_statute_is_found() {
    let Some((raw, dir)) = &*CORPUS else { return };
    let corpus = dir.path().join("corpus");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows(&corpus, Table::Articles, &["document_id", "number"]) {
        found.entry(row[0].clone()).or_default().push(row[1].clone());
    }
    let documents = rows(&corpus, Table::Documents, &["id", "kind", "raw_path"]);
    let (mut labelled, mut given, mut right, mut gaps, mut repeats) = (0, 0, 0, 0, 0);
    let statutes: Vec<_> = documents.iter().filter(|row| row[1] == "statute").collect();
    for row in &statutes {
        let expected = numbers(&fs_err::read_to_string(raw.join(&row[2])).expect("read"));
        let ours = found.remove(&row[0]).unwrap_or_default();
        let mut open: Vec<&str> = ours.iter().map(String::as_str).collect();
        let take = |number: &&(String, u32, u32)| {
            open.iter().position(|n| *n == number.0).map(|at| open.swap_remove(at)).is_some()
        };
        let common = expected.iter().filter(take).count();
        (labelled, given, right) = (labelled + expected.len(), given + ours.len(), right + common);
        if common < expected.len() || !open.is_empty() {
            eprintln!("{}: {} articles in the file, {} in the corpus", row[2], expected.len(), ours.len());
        }
        let (missing, again) = departures(&expected);
        if !missing.is_empty() || !again.is_empty() {
            let some = &missing[..missing.len().min(8)];
            eprintln!("{}: {} numbers missing {some:?}, repeated {again:?}", row[2], missing.len());
        }
        (gaps, repeats) = (gaps + missing.len(), repeats + again.len());
    }
    let (recall, precision) = (right as f64 / labelled as f64, right as f64 / given as f64);
    eprintln!("{} statutes, {labelled} articles: recall {recall:.5}, precision {precision:.5}", statutes.len());
    eprintln!("{gaps} numbers missing in the files, {repeats} repeated");
    assert!(statutes.len() > 1500 && labelled > 60_000);
    assert!(recall >= 0.995 && precision >= 0.995);
}

/// A field of printed metadata.
fn field(metadata: &str, name: &str) -> String {
    let value = metadata.split(&format!("{name}: ")).nth(1).unwrap_or_default();
    value.split([',', '}']).next().unwrap_or_default().to_owned()
}

/// The fields that labels give of a statute, by its path.
fn known(corpus: &Path) -> BTreeMap<String, BTreeMap<&'static str, String>> {
    let columns = ["raw_path", "document_type", "issuer", "number", "date", "metadata"];
    let rows = rows(corpus, Table::Documents, &columns).into_iter().map(|row| {
        let field = |name: &str| field(&row[5], name);
        let [document_type, issuer, number, date] = [1, 2, 3, 4].map(|i| row[i].clone());
        let fields = [
            ("law", field("{law")),
            ("document_type", document_type),
            ("issuer", issuer),
            ("number", number),
            ("promulgated", field("promulgated")),
            ("effective", field("effective")),
            ("version_date", date),
            ("repealed", field("repealed")),
        ];
        (row[0].clone(), BTreeMap::from(fields))
    });
    rows.collect()
}

#[test]
fn what_is_known_of_a_statute_is_what_a_reader_finds() {
    let Some((_, dir)) = &*CORPUS else { return };
    let known = known(&dir.path().join("corpus"));
    for (file, least) in [("statutes.jsonl", 0.98), ("statutes_blind.jsonl", 0.97)] {
        let text = fs_err::read_to_string(support::root().join("tests/labels").join(file)).expect("labels");
        let labels: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let mut right: BTreeMap<&str, usize> = BTreeMap::new();
        for label in &labels {
            let path = label["path"].as_str().expect("a path");
            for (field, ours) in &known[path] {
                let theirs = label[*field].as_str().unwrap_or_default();
                *right.entry(field).or_default() += usize::from(ours == theirs);
                if ours != theirs {
                    eprintln!("{path}: {field} is {ours:?}, not {theirs:?}");
                }
            }
        }
        for (field, right) in right {
            let accuracy = right as f64 / labels.len() as f64;
            eprintln!("{file}: {field} {right} of {}, {accuracy:.3}", labels.len());
            assert!(accuracy >= least, "{file}: {field} {accuracy:.3}");
        }
    }
}

/// A text as letters only, with the outermost brackets of names as `[` and `]`.
fn letters(text: &str) -> String {
    let mut depth = 0;
    let mut letters = String::new();
    for c in text.replace("中华人民共和国", "").chars() {
        depth += i32::from(c == '《') - i32::from(c == '》');
        match c {
            '《' if depth == 1 => letters.push('['),
            '》' if depth == 0 => letters.push(']'),
            c if c.is_alphanumeric() && c != '的' => letters.push(c),
            _ => {}
        }
    }
    letters
}

/// Whether a sentence abolishes the statute of that name and not a part of it only.
fn abolishes(sentence: &str, name: &str) -> bool {
    let about = name.find("关于").map_or(name, |at| &name[at..]);
    [name, about].iter().any(|name| {
        let after = sentence.split(&format!("[{name}]")).nth(1);
        after.is_some_and(|after| !after.starts_with(['第', '中', '有']))
    })
}

#[test]
fn repeals_are_those_that_a_plain_search_finds() {
    let Some((raw, dir)) = &*CORPUS else { return };
    let rows = rows(&dir.path().join("corpus"), Table::Documents, &["id", "kind", "raw_path", "metadata"]);
    let statutes: Vec<_> = rows.iter().filter(|row| row[1] == "statute").collect();
    // Name, first day, day after the last, what repealed it.
    let facts = |metadata: &str| {
        let [from, to, by] = ["in_force_from", "in_force_to", "repealed_by"].map(|name| field(metadata, name));
        [letters(&field(metadata, "{law")).replace(['[', ']'], ""), from, to, by]
    };
    let laws: Vec<[String; 4]> = statutes.iter().map(|row| facts(&row[3])).collect();
    let mut expected = BTreeMap::new();
    for (row, own) in statutes.iter().zip(&laws) {
        let text = fs_err::read_to_string(raw.join(&row[2])).expect("read");
        let body = text.split_once("<!-- INFO END -->").map_or(text.as_str(), |(_, body)| body);
        let effective = Some(field(&row[3], "effective")).filter(|day| !day.is_empty()).unwrap_or(own[1].clone());
        for sentence in body.split(['。', '；', '\n']).filter(|sentence| sentence.contains("废止")).map(letters) {
            let was_in_force = |law: &[String; 4]| law[1] < effective && (law[2].is_empty() || law[2] >= effective);
            let ended = laws.iter().zip(&statutes).filter(|(law, ended)| ended[0] != row[0] && was_in_force(law));
            for (_, ended) in ended.filter(|(law, _)| abolishes(&sentence, &law[0])) {
                expected.entry(ended[0].clone()).or_insert(row[0].clone());
            }
        }
    }
    let found: Vec<&String> =
        statutes.iter().zip(&laws).filter(|(_, law)| !law[3].is_empty()).map(|(row, _)| &row[0]).collect();
    for missed in expected.keys().filter(|id| !found.contains(id)) {
        eprintln!("{missed}: {} repeals it", expected[missed]);
    }
    let (labelled, given) = (expected.len() as f64, found.len() as f64);
    let right = found.iter().filter(|id| expected.contains_key(**id)).count() as f64;
    for extra in found.iter().filter(|id| !expected.contains_key(**id)) {
        eprintln!("{extra}: nothing repeals it by name");
    }
    eprintln!("{labelled} repealed: recall {:.3}, precision {:.3}", right / labelled, right / given);
    assert!(labelled > 40.0 && right / labelled >= 0.95 && right / given >= 0.95);
}
