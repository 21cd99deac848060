//! Defines what happens to one unit: read, clean, segment, enrich, measure; every record ends up as
//! a row of documents, of instructions, or of the dropped.

use std::{borrow::Cow, path::Path};

use corpus_format::{
    citation, law_name,
    legal::{DocumentType, Kind, PartyKind, Section},
    manifest::Form,
};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{
    plan::Unit,
    rows::{Articles, Citations, DocumentRow, Documents, Dropped, DroppedRow, Instructions, Origin},
    store::{Finished, UnitWriter},
};
use crate::{
    clean::{Rule, RuleCounts, broken, court_masks, figures, html, layout, leftovers, markup, names, privacy, unicode},
    config::{Config, Privacy},
    enrich::{
        case::{self, court},
        date, number, statute as enrich_statute,
    },
    error::Result,
    outcome::{Reason, Rejection},
    segment::{judgment, statute},
    signals::{self, Scratch},
    sources::{
        self, Content, RawDocument, RawRecord,
        files::{RawFile, Source},
    },
};

/// Bytes of text after which rows are written out.
const BATCH_BYTES: usize = 4 << 20;

/// Process a unit into `writer`'s files.
///
/// # Errors
/// The work folder cannot be written.
pub fn process(
    unit: &Unit,
    source: &Source,
    files: &[RawFile],
    config: &Config,
    writer: UnitWriter,
) -> Result<Finished> {
    let mut rows = Rows::new(source, config.privacy, writer);
    for (i, part) in &unit.files {
        let file = &files[*i];
        let sha256 = match &file.state {
            Ok(hashed) => &hashed.sha256,
            Err(rejection) => {
                rows.file = FileContext { name: &file.name, sha256: "" };
                rows.record(RawRecord {
                    member: None,
                    record: None,
                    bytes: None,
                    given_id: None,
                    encoding: "unknown",
                    content: Content::Rejected(rejection.clone()),
                });
                continue;
            }
        };
        rows.file = FileContext { name: &file.name, sha256 };
        sources::read_file(file, *part, source.manifest.kind, source.manifest.form, &config.limits, &mut |record| {
            rows.record(record);
        });
        if let Some(error) = rows.error.take() {
            return Err(error);
        }
    }
    rows.finish()
}

#[derive(Clone, Copy)]
struct FileContext<'a> {
    name: &'a str,
    sha256: &'a str,
}

struct Rows<'a> {
    source: &'a Source,
    privacy: Privacy,
    file: FileContext<'a>,
    writer: UnitWriter,
    documents: Documents,
    articles: Articles,
    citations: Citations,
    instructions: Instructions,
    dropped: Dropped,
    document_rows: u32,
    inputs: u64,
    rules: RuleCounts,
    scratch: Scratch,
    error: Option<crate::error::Error>,
}

impl<'a> Rows<'a> {
    fn new(source: &'a Source, privacy: Privacy, writer: UnitWriter) -> Self {
        Self {
            source,
            privacy,
            file: FileContext { name: "", sha256: "" },
            writer,
            documents: Documents::default(),
            articles: Articles::default(),
            citations: Citations::default(),
            instructions: Instructions::default(),
            dropped: Dropped::default(),
            document_rows: 0,
            inputs: 0,
            rules: RuleCounts::default(),
            scratch: Scratch::default(),
            error: None,
        }
    }

    fn record(&mut self, record: RawRecord) {
        if self.error.is_some() {
            return;
        }
        self.inputs += 1;
        let raw_path = match &record.member {
            Some(member) => format!("{}!/{member}", self.file.name),
            None => self.file.name.to_owned(),
        };
        let name = &self.source.manifest.name;
        let id = record_id(name, &raw_path, record.given_id.as_deref(), record.record);
        let origin = Origin {
            source: name,
            raw_path: &raw_path,
            raw_record: record.record,
            raw_bytes: record.bytes,
            raw_sha256: self.file.sha256,
            encoding: record.encoding,
        };
        match record.content {
            Content::Rejected(rejection) => self.drop(&id, &origin, &rejection),
            Content::Instruction(mut record) => {
                let turns = record.history.iter_mut().flat_map(|(q, a)| [q, a]);
                let parts = [&mut record.instruction, &mut record.input, &mut record.output].into_iter().chain(turns);
                for part in parts.filter(|_| self.privacy.mask) {
                    if let Cow::Owned(masked) = privacy::mask(part, &mut self.rules) {
                        *part = masked;
                    }
                }
                let mut hasher = Xxh3::new();
                let turns = record.history.iter().flat_map(|(q, a)| [q, a]);
                for part in [&record.instruction, &record.input, &record.output].into_iter().chain(turns) {
                    hasher.update(&(part.len() as u64).to_le_bytes());
                    hasher.update(part.as_bytes());
                }
                self.instructions.push(&id, &record, &origin, xxh3_64(id.as_bytes()), hasher.digest());
            }
            Content::Document(raw) => {
                let kind = self.source.manifest.kind;
                match document(&id, kind, &raw_path, raw, self.privacy, &mut self.rules, &mut self.scratch) {
                    Ok(row) => {
                        self.documents.push(&row, &origin, xxh3_64(id.as_bytes()));
                        self.articles.push(&row, origin.source, self.document_rows);
                        self.citations.push(&row, origin.source, self.document_rows);
                        self.document_rows += 1;
                    }
                    Err(rejection) => self.drop(&id, &origin, &rejection),
                }
            }
        }
        let bytes = self.documents.bytes() + self.articles.bytes() + self.citations.bytes() + self.instructions.bytes();
        if bytes > BATCH_BYTES {
            self.error = self.flush().err();
        }
    }

    fn drop(&mut self, id: &str, origin: &Origin<'_>, rejection: &Rejection) {
        self.dropped.push(&DroppedRow {
            id,
            kind: self.source.manifest.kind.as_str(),
            source: origin.source,
            raw_path: origin.raw_path,
            raw_record: rejection.record.or(origin.raw_record),
            stage: rejection.reason.stage(),
            reason: rejection.reason.as_str(),
            detail: &rejection.detail,
            text: rejection.excerpt.as_deref(),
            ..DroppedRow::default()
        });
    }

    fn flush(&mut self) -> Result<()> {
        self.writer.write(&[
            self.documents.finish()?,
            self.articles.finish()?,
            self.citations.finish()?,
            self.instructions.finish()?,
            self.dropped.finish()?,
        ])
    }

    fn finish(mut self) -> Result<Finished> {
        self.flush()?;
        self.writer.finish(self.inputs, &self.rules)
    }
}

/// Source and path, and within a file the id the record carries or else its line.
fn record_id(source: &str, raw_path: &str, given: Option<&str>, record: Option<u32>) -> String {
    match (given, record) {
        (Some(given), _) => format!("{source}/{raw_path}:{given}"),
        (None, Some(record)) => format!("{source}/{raw_path}:{record}"),
        (None, None) => format!("{source}/{raw_path}"),
    }
}

/// The name of a file or member without folders and extensions.
fn file_stem(raw_path: &str) -> &str {
    let name = raw_path.rsplit('/').next().unwrap_or(raw_path);
    let name = ["gz", "zst"]
        .iter()
        .find_map(|end| Path::new(name).extension().filter(|e| e == end).map(|_| &name[..name.len() - end.len() - 1]))
        .unwrap_or(name);
    [".md", ".txt", ".jsonl", ".json"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// Clean, segment, enrich and measure one document.
///
/// # Errors
/// There is nothing besides a title.
pub fn document(
    id: &str,
    kind: Kind,
    raw_path: &str,
    raw: RawDocument,
    privacy: Privacy,
    rules: &mut RuleCounts,
    scratch: &mut Scratch,
) -> std::result::Result<DocumentRow, Rejection> {
    let mut row = match kind {
        Kind::Judgment => judgment_row(raw, privacy, rules)?,
        _ => statute_row(&raw, raw_path, rules)?,
    };
    if row.text.is_empty() {
        return Err(Rejection::new(Reason::NoBody, "no text after cleaning"));
    }
    row.id = id.to_owned();
    // 本法 in a decision that amends a law is the law.
    let own = Some(row.statute.law.as_str()).filter(|law| !law.is_empty() && !law.ends_with("决定"));
    row.citations = citation::citations(&row.text, own);
    row.signals = signals::measure(&row.text, scratch);
    if row.kind == Kind::Statute.as_str() {
        // Two instruments are never one, even where their texts are equal.
        row.signals.content_key ^= row.instrument_key.unwrap_or(0);
    }
    Ok(row)
}

/// The page of a document: its lines after the characters were folded, the markup removed and broken lines joined.
fn page<'a>(folded: &'a str, form: Form, rules: &mut RuleCounts) -> markup::Page<'a> {
    let mut page = if form == Form::StatuteMarkdown {
        markup::markdown(folded, rules)
    } else {
        let lines = folded.lines().map(str::trim_end).filter(|line| !line.is_empty());
        let line = |text| markup::Line { level: 0, text: layout::uncredited(text, rules).into() };
        markup::Page { lines: lines.map(line).collect(), history_end: None }
    };
    let history = page.history_end.unwrap_or(0);
    let mut body = page.lines.split_off(history);
    broken::rejoin_page(&mut body, folded, rules);
    page.lines.append(&mut body);
    page
}

fn statute_row(
    raw: &RawDocument,
    raw_path: &str,
    rules: &mut RuleCounts,
) -> std::result::Result<DocumentRow, Rejection> {
    let folded = unicode::fold(&raw.text, rules);
    let folded = figures::unify(&folded, rules);
    let page = page(&folded, raw.form, rules);
    let mut statute = statute::parse(&page, rules);
    let file_stem = file_stem(raw_path);
    let name = enrich_statute::file_version(file_stem).0;
    let unnamed = || enrich_statute::name_in_text(&statute).unwrap_or(name).to_owned();
    let title = statute.title.clone().unwrap_or_else(unnamed);
    if !statute.has_body {
        let detail = format!("{} lines of title and history, nothing else", page.lines.len());
        let excerpt = Some(statute.text).filter(|text| !text.is_empty());
        return Err(Rejection { excerpt, ..Rejection::new(Reason::NoBody, detail) });
    }
    if statute.is_case {
        let text = std::mem::take(&mut statute.text);
        let date = enrich_statute::file_version(file_stem).1.map(date::days);
        return Ok(DocumentRow {
            kind: Kind::Judgment.as_str(),
            document_type: DocumentType::GuidingCase.as_str(),
            title,
            date,
            text,
            ..DocumentRow::default()
        });
    }
    let facts = enrich_statute::facts(&statute, &title, file_stem);
    let document_type = enrich_statute::document_type(&title, &statute.history, facts.issuer.as_deref(), raw_path);
    Ok(DocumentRow {
        kind: Kind::Statute.as_str(),
        document_type: document_type.as_str(),
        title,
        date: facts.version.map(date::days),
        issuer: facts.issuer.clone(),
        number: facts.number.clone(),
        instrument_key: Some(law_name::key(&facts.law)),
        statute: facts,
        articles: statute.articles,
        text: statute.text,
        ..DocumentRow::default()
    })
}

/// # Errors
/// A notice that the document is withheld.
fn judgment_row(
    mut raw: RawDocument,
    privacy: Privacy,
    rules: &mut RuleCounts,
) -> std::result::Result<DocumentRow, Rejection> {
    raw.text = match raw.form {
        Form::WenshuPage => html::text(&raw.text, rules),
        _ => leftovers::removed(raw.text, rules),
    };
    let mut folded = unicode::fold(&raw.text, rules);
    // A record has no lines but those between its parts.
    if raw.form != Form::JudgmentJsonl {
        folded = broken::rejoined(folded, rules);
    }
    let mut text = String::with_capacity(folded.len());
    for line in folded.lines() {
        let line = layout::line(line, rules);
        if let Some(published) = layout::banner(&line) {
            rules.hit(Rule::Banner);
            raw.published.get_or_insert_with(|| published.to_owned());
        } else if !line.is_empty() {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text.truncate(text.trim_end().len());
    let mut text = figures::unify(&text, rules).into_owned();
    if privacy.mask {
        text = privacy::mask(&court_masks::unify(&text, rules), rules).into_owned();
    }
    let opening: String = text.chars().take(400).collect();
    let sections = judgment::sections(&text);
    let heading = judgment::heading(&text).map_or("", |range| &text[range]);
    let number = case_number(&opening, judgment::text_of(&text, &sections, Section::Title));
    let court = court::court(&opening);
    let own_title = raw.title.map(|title| {
        let title = unicode::fold(&title, rules).trim().to_owned();
        if privacy.mask { privacy::mask(&title, rules).into_owned() } else { title }
    });
    let title = own_title.unwrap_or_else(|| composed_title(heading, court.as_deref(), number.as_deref()));
    let document_type = match court::document_type(heading) {
        DocumentType::OtherCourtDocument => court::document_type(&title),
        found => found,
    };
    // The day of publication stands in for a date that is lost, not for that of a decision that the source does not reach.
    let decides = sections.iter().any(|span| span.section == Section::Disposition);
    let published = || date::first(raw.published.as_deref().filter(|_| decides)?);
    let known = case::Known { title: &title, document_type, court: court.as_deref(), number: number.as_deref() };
    let case = case::facts(&text, &sections, &known);
    let mut row = DocumentRow {
        kind: Kind::Judgment.as_str(),
        document_type: document_type.as_str(),
        date: judgment_date(&text, &sections).or_else(published).map(date::days),
        instrument_key: number.as_deref().map(law_name::key),
        issuer: court,
        number,
        case,
        sections,
        title,
        text,
        ..DocumentRow::default()
    };
    if privacy.mask {
        mask_names(&mut row, privacy, rules);
    }
    if row.text.contains("不公开理由") && row.sections.iter().all(|span| span.section != Section::Disposition) {
        let excerpt = Some(row.text);
        return Err(Rejection { excerpt, ..Rejection::new(Reason::Withheld, "不公开理由, and no disposition") });
    }
    Ok(row)
}

/// Mask the names of people in a court document, in the same way everywhere.
fn mask_names(row: &mut DocumentRow, privacy: Privacy, rules: &mut RuleCounts) {
    let of_kind = |kind| {
        let parties = row.case.parties.iter().filter(move |party| party.kind == kind);
        parties.map(|party| party.name.as_str()).collect()
    };
    let known = names::Known {
        parties: of_kind(PartyKind::Person),
        bodies: of_kind(PartyKind::Organization),
        signers: row.case.judges.iter().map(|judge| judge.name.as_str()).collect(),
        keeps_lawyers: !privacy.lawyers,
    };
    let people = names::people(&row.text, &known);
    if people.is_empty() {
        return;
    }
    let masks = names::Masks::new(&people, &row.text);
    let masked = |text: &mut String, rules: &mut RuleCounts| {
        if let Cow::Owned(masked) = masks.apply(text, rules) {
            *text = masked;
        }
    };
    masked(&mut row.text, rules);
    // Masks are shorter or longer than names.
    row.sections = judgment::sections(&row.text);
    let mut repeats = RuleCounts::default();
    masked(&mut row.title, &mut repeats);
    let causes = row.case.cause.iter_mut();
    row.case.parties.iter_mut().map(|party| &mut party.name).chain(causes).for_each(|t| masked(t, &mut repeats));
}

/// The case number in a document's title, or on a line of its own near it; further on it is that of another case.
fn case_number(opening: &str, title: &str) -> Option<String> {
    let alone = || {
        let is_alone = |line: &&str| line.chars().count() < 40 && line.ends_with('号') && line.starts_with(['（', '(']);
        opening.lines().find(is_alone).and_then(number::case_number)
    };
    let untitled = || number::case_number(opening).filter(|_| title.is_empty());
    number::case_number(title).or_else(alone).or_else(untitled).or_else(|| number::yearless(title))
}

/// Court, type and case number, for a document whose source states no title.
fn composed_title(heading: &str, court: Option<&str>, number: Option<&str>) -> String {
    let compact: String = heading.chars().filter(|c| !c.is_whitespace()).collect();
    match (compact.is_empty(), court, number) {
        (false, _, _) => compact,
        (true, Some(court), Some(number)) => format!("{court}{number}"),
        (true, Some(name), None) | (true, None, Some(name)) => name.to_owned(),
        (true, None, None) => "无标题".to_owned(),
    }
}

/// The date of a court document: the first date of its signature, else the last of its last lines that is no part of a
/// sentence; a source may end in the facts.
fn judgment_date(text: &str, sections: &[judgment::Span]) -> Option<chrono::NaiveDate> {
    let from_end = |chars: usize| text.char_indices().rev().nth(chars).map_or(text, |(at, _)| &text[at..]);
    let signature = sections.last().filter(|span| span.section == Section::Signature);
    match signature {
        Some(span) => date::first(from_end((span.end - span.start) as usize)),
        None => {
            let end = from_end(80);
            let is_alone =
                |at: usize| end[at..].chars().next().is_none_or(|c| c.is_whitespace() || "书审法代附".contains(c));
            date::all(end).filter(|(at, _)| is_alone(*at)).last().map(|(_, date)| date)
        }
    }
}
