//! Look into a corpus from a terminal: overview, one document through every stage, what was dropped.

/// The parts and facts of a document.
mod structure;
/// When a statute is in force.
mod validity;

use std::{fmt::Write, path::Path, time::Duration};

use corpus_format::{Corpus, Index, Table, legal::Kind};
use polars::prelude::{AnyValue, DataFrame, Engine, PolarsResult, col, lit};
use similar::{ChangeTag, TextDiff};

use crate::{
    clean::{RuleCounts, unicode},
    config::Config,
    error::{Error, Result, polars as polars_error},
    filter,
    outcome::Reason,
    report::grouped,
    run::Built,
    scan::scan,
    signals::Scratch,
    sources::{
        self, Content, RawRecord,
        files::{RawFile, Source},
    },
    work::process,
};

/// Samples shown of what was dropped for one reason.
const SAMPLES: u32 = 8;
/// Lines shown of a long text.
const LINES: usize = 12;
/// Characters shown of a line.
const LINE_CHARS: usize = 100;

/// Print an overview of the corpus in `dir`, one document, or documents dropped for a reason.
///
/// # Errors
/// There is no complete corpus, or not what was asked for.
pub fn run(dir: &Path, id: Option<&str>, dropped: Option<&str>) -> Result<()> {
    let corpus = Corpus::open(dir)?;
    let text = match (id, dropped) {
        (Some(id), _) => document(&corpus, id)?,
        (None, Some(reason)) => dropped_for(&corpus, reason)?,
        (None, None) => overview(&corpus)?,
    };
    print!("{text}");
    Ok(())
}

/// What a build says at its end.
pub fn summary(config: &Config, built: &Built, elapsed: Duration) -> String {
    let mut text = String::new();
    if built.was_current {
        text += "The corpus is current: no input and no setting has changed.\n";
    }
    text += &counts(&built.index);
    let _ = writeln!(text, "\ncorpus  {}", config.output.shards.display());
    let _ = writeln!(text, "report  {}/index.html", config.output.report.display());
    let _ = writeln!(text, "time    {:.2} s", elapsed.as_secs_f64());
    text
}

fn counts(index: &Index) -> String {
    let mut text = format!("{:<12} {:>12} {:>12} {:>12}\n", "kind", "read", "kept", "dropped");
    let number = |n: u64| grouped(i64::try_from(n).unwrap_or(i64::MAX));
    for c in &index.counts {
        let _ =
            writeln!(text, "{:<12} {:>12} {:>12} {:>12}", c.kind, number(c.inputs), number(c.kept), number(c.dropped));
    }
    let _ = writeln!(text, "\n{:<12} {:>12} {:>12} {:>12}", "table", "rows", "files", "MB");
    for table in Table::ALL {
        let bytes: u64 = index.files_of(table).map(|f| f.bytes).sum();
        let files = index.files_of(table).count();
        let _ = writeln!(
            text,
            "{:<12} {:>12} {files:>12} {:>12.1}",
            table.name(),
            number(index.rows_of(table)),
            bytes as f64 / 1e6
        );
    }
    text
}

fn overview(corpus: &Corpus) -> Result<String> {
    let mut text = counts(corpus.index());
    let dropped: Vec<String> = Reason::ALL
        .iter()
        .filter_map(|reason| {
            let part = format!("/reason={}/", reason.as_str());
            let rows: u64 = corpus.index().files.iter().filter(|f| f.path.contains(&part)).map(|f| f.rows).sum();
            (rows > 0).then(|| format!("  {:<20} {rows:>8}  ({})\n", reason.as_str(), reason.stage()))
        })
        .collect();
    if !dropped.is_empty() {
        let _ = write!(text, "\ndropped for\n{}", dropped.concat());
    }
    let some = rows(corpus, Table::Documents, None, &["id", "title"], 5)?;
    text += "\nsome documents (pipeline inspect ID shows one through every stage)\n";
    for i in 0..some.height() {
        let _ = writeln!(text, "  {}  {}", cell(&some, "id", i), cell(&some, "title", i));
    }
    Ok(text)
}

fn dropped_for(corpus: &Corpus, reason: &str) -> Result<String> {
    if !Reason::ALL.iter().any(|known| known.as_str() == reason) {
        let known: Vec<&str> = Reason::ALL.iter().map(|known| known.as_str()).collect();
        return Err(Error::NotFound(format!("no reason `{reason}`; reasons are {}", known.join(", "))));
    }
    let columns = ["id", "detail", "kept_id", "num_chars", "excerpt"];
    let found = rows(corpus, Table::Dropped, Some(("reason", reason)), &columns, SAMPLES)?;
    let mut text = String::new();
    if found.height() == 0 {
        let _ = writeln!(text, "nothing was dropped for {reason}");
    }
    for i in 0..found.height() {
        let _ = writeln!(text, "{}\n  {}", cell(&found, "id", i), cell(&found, "detail", i));
        for (label, column) in [("kept", "kept_id"), ("characters", "num_chars")] {
            let value = cell(&found, column, i);
            if !value.is_empty() {
                let _ = writeln!(text, "  {label}: {value}");
            }
        }
        let excerpt = cell(&found, "excerpt", i);
        for line in excerpt.lines().take(3) {
            let _ = writeln!(text, "  | {}", short(line));
        }
    }
    Ok(text)
}

/// One document through every stage, from its raw file.
fn document(corpus: &Corpus, id: &str) -> Result<String> {
    let mut text = String::new();
    let kept = rows(corpus, Table::Documents, Some(("id", id)), &[], 1)?;
    let dropped = rows(corpus, Table::Dropped, Some(("id", id)), &[], 1)?;
    let row = if kept.height() > 0 { &kept } else { &dropped };
    if row.height() == 0 {
        return Err(Error::NotFound(format!("no document `{id}` in {}", corpus.dir().display())));
    }
    let (source, path) = (cell(row, "source", 0), cell(row, "raw_path", 0));
    let _ = writeln!(text, "{id}\n");
    match raw(corpus, &source, &path, &cell(row, "raw_record", 0))? {
        Some((raw, kind)) => stages(&mut text, corpus, id, &path, raw, kind)?,
        None => text += "read      the raw file is no longer where the configuration says\n",
    }
    if dropped.height() > 0 {
        let stage = cell(&dropped, "stage", 0);
        let _ =
            writeln!(text, "{stage:<9} DROPPED for {}: {}", cell(&dropped, "reason", 0), cell(&dropped, "detail", 0));
        let kept = cell(&dropped, "kept_id", 0);
        if !kept.is_empty() {
            let _ = writeln!(text, "          kept in its place: {kept}");
        }
    }
    if kept.height() > 0 {
        let cluster = cell(&kept, "duplicate_cluster", 0);
        let near =
            if cluster.is_empty() { "no near-copy".to_owned() } else { format!("near-copies, cluster {cluster}") };
        if cell(&kept, "kind", 0) == Kind::Statute.as_str() {
            text += &validity::shown(corpus, id, &cell(&kept, "split", 0))?;
        }
        let _ = writeln!(text, "dedup     {near}\nsplit     {}", cell(&kept, "split", 0));
        let _ =
            writeln!(text, "shard     documents/kind={}/split={}/", cell(&kept, "kind", 0), cell(&kept, "split", 0));
    }
    Ok(text)
}

/// Find the raw record again through the configuration beside the corpus.
fn raw(corpus: &Corpus, source: &str, raw_path: &str, record: &str) -> Result<Option<(RawRecord, Kind)>> {
    let config = Config::read(&corpus.dir().join("config.toml"))?;
    for entry in &config.sources {
        let Ok(found) = Source::resolve(entry) else { continue };
        if found.manifest.name != source {
            continue;
        }
        let (name, member) = raw_path.split_once("!/").map_or((raw_path, None), |(name, member)| (name, Some(member)));
        let path = if found.root.is_dir() { found.root.join(name) } else { found.root.clone() };
        let state = Err(crate::outcome::Rejection::new(Reason::Empty, ""));
        let file = RawFile { path, name: name.to_owned(), bytes: 0, state };
        let record = record.parse::<u32>().ok();
        let mut hit = None;
        sources::read_file(&file, None, found.manifest.kind, found.manifest.form, &config.limits, &mut |raw| {
            if hit.is_none() && raw.member.as_deref() == member && raw.record == record {
                hit = Some(raw);
            }
        });
        return Ok(hit.map(|hit| (hit, found.manifest.kind)));
    }
    Ok(None)
}

fn stages(text: &mut String, corpus: &Corpus, id: &str, raw_path: &str, raw: RawRecord, kind: Kind) -> Result<()> {
    let config = Config::read(&corpus.dir().join("config.toml"))?;
    let bytes = raw.bytes.map_or(String::new(), |(start, end)| format!(", bytes {start}..{end}"));
    let at = raw.record.map_or(String::new(), |n| format!(", record {n}{bytes}"));
    let document = match raw.content {
        Content::Document(document) => document,
        Content::Instruction(_) => return Ok(()),
        Content::Rejected(rejection) => {
            let _ = writeln!(text, "read      {raw_path}{at}: {}", rejection.detail);
            return Ok(());
        }
    };
    let before = document.text.clone();
    let form = document.form.as_str();
    let _ = writeln!(text, "read      {raw_path}{at}: {form}, {}, {} bytes", raw.encoding, before.len());
    let mut rules = RuleCounts::default();
    let row = match process::document(id, kind, raw_path, document, config.privacy, &mut rules, &mut Scratch::default())
    {
        Ok(row) => row,
        Err(_) => return Ok(()),
    };
    let _ = writeln!(text, "clean     {} → {} characters", before.chars().count(), row.signals.num_chars);
    for (rule, n) in rules.iter().filter(|(_, n)| *n > 0) {
        let _ = writeln!(text, "            {n:>6} × {}", rule.as_str());
    }
    changes(text, &before, &row.text);
    text.push_str(&structure::shown(&row));
    let profile = config.filter_of(if row.kind == "judgment" { Kind::Judgment } else { Kind::Statute });
    let s = &row.signals;
    let values = [
        f64::from(s.num_chars),
        f64::from(s.han_fraction),
        f64::from(s.replacement_fraction),
        f64::from(s.masked_fraction),
        f64::from(s.duplicate_line_fraction),
        f64::from(s.duplicate_5gram_fraction),
    ];
    for (i, (rule, value)) in filter::RULES.iter().zip(values).enumerate() {
        let label = if i == 0 { "filter" } else { "" };
        let verdict = if rule.keeps(value, profile) { "" } else { "  ← fails" };
        let _ = writeln!(text, "{label:<9} {}{verdict}", rule.detail(value, profile));
    }
    Ok(())
}

/// The first lines that cleaning changed.
fn changes(text: &mut String, before: &str, after: &str) {
    // Blank lines and line ends are not worth a reader's time.
    let squeeze = |t: &str| t.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
    let (before, after) = (squeeze(before), squeeze(after));
    let diff = TextDiff::from_lines(&before, &after);
    let changed: Vec<String> = diff
        .iter_all_changes()
        .filter_map(|change| match change.tag() {
            ChangeTag::Equal => None,
            ChangeTag::Delete => Some(format!("            - {}\n", visible(change.value()))),
            ChangeTag::Insert => Some(format!("            + {}\n", visible(change.value()))),
        })
        .collect();
    *text += &changed.iter().take(LINES).map(String::as_str).collect::<String>();
    if changed.len() > LINES {
        let _ = writeln!(text, "            … {} more changed lines", changed.len() - LINES);
    }
}

fn short(line: &str) -> String {
    let mut text: String = line.chars().take(LINE_CHARS).collect();
    if line.chars().count() > LINE_CHARS {
        text.push('…');
    }
    text
}

/// A line with the characters that one cannot see made visible.
fn visible(line: &str) -> String {
    let mut counts = RuleCounts::default();
    let line = line.trim_end_matches('\n').replace('\n', "⏎");
    let shown: String = line
        .chars()
        .map(|c| {
            let plain = matches!(c, ' ' | '\u{fffd}')
                || !unicode::fold(c.encode_utf8(&mut [0; 4]), &mut counts).trim().is_empty();
            if plain && c != '\u{fffd}' && !matches!(c, '\u{e000}'..='\u{f8ff}') {
                c.to_string()
            } else {
                format!("⟨U+{:04X}⟩", u32::from(c))
            }
        })
        .collect();
    short(&shown)
}

/// Rows of a table, all columns where none is named.
fn rows(
    corpus: &Corpus,
    table: Table,
    wanted: Option<(&str, &str)>,
    columns: &[&str],
    limit: u32,
) -> Result<DataFrame> {
    let read = || -> PolarsResult<DataFrame> {
        let paths = corpus.index().files_of(table).map(|file| corpus.dir().join(&file.path));
        let Some(mut frame) = scan(paths, None)? else { return Ok(DataFrame::empty()) };
        if let Some((column, value)) = wanted {
            frame = frame.filter(col(column).eq(lit(value)));
        }
        if !columns.is_empty() {
            frame = frame.select(columns.iter().map(|c| col(*c)).collect::<Vec<_>>());
        }
        Ok(frame.limit(limit).collect_with_engine(Engine::Streaming)?.unwrap_single())
    };
    read().map_err(polars_error("reading the corpus"))
}

fn cell(frame: &DataFrame, column: &str, row: usize) -> String {
    match frame.column(column).and_then(|c| c.get(row).map(AnyValue::into_static)) {
        Ok(AnyValue::Null) | Err(_) => String::new(),
        Ok(AnyValue::StringOwned(text)) => text.to_string(),
        Ok(AnyValue::String(text)) => text.to_owned(),
        Ok(other) => other.to_string(),
    }
}
