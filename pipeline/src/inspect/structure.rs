//! Defines how it is shown what segmenting and enriching found in one document.

use corpus_format::citation::Citation;
use std::fmt::Write;

use super::{LINES, visible};
use crate::{enrich::case::CaseFacts, segment::sequence, work::rows::DocumentRow};

/// Characters of a section's opening.
const OPENING_CHARS: u32 = 40;

/// The lines on a document's parts and metadata.
pub fn shown(row: &DocumentRow) -> String {
    let mut text = String::new();
    if row.sections.is_empty() {
        articles(&mut text, row)
    } else {
        sections(&mut text, row)
    }
    metadata(&mut text, row);
    case(&mut text, &row.case);
    citations(&mut text, &row.citations);
    text
}

fn articles(text: &mut String, row: &DocumentRow) {
    let _ = writeln!(text, "segment   {} articles", row.articles.len());
    let departures = sequence::departures(row.articles.iter().map(|article| article.number));
    for (what, numbers) in [("missing", &departures.missing), ("repeated", &departures.repeated)] {
        if !numbers.is_empty() {
            let _ = writeln!(text, "            numbers {what}: {}", sequence::shown(numbers));
        }
    }
    let mut last = None;
    let mut shown = 0;
    for article in &row.articles {
        let path: Vec<&str> = article.path.iter().flatten().map(String::as_str).collect();
        if last.as_ref() != Some(&path) && !path.is_empty() && shown < LINES {
            let _ = writeln!(text, "            {} from {}", path.join(" › "), article.label);
            shown += 1;
        }
        last = Some(path);
    }
}

fn sections(text: &mut String, row: &DocumentRow) {
    let _ = writeln!(text, "segment   {} sections", row.sections.len());
    for span in &row.sections {
        let length = (span.end - span.start).min(OPENING_CHARS) as usize;
        let opening: String = row.text.chars().skip(span.start as usize).take(length).collect();
        let (section, opening) = (span.section.as_str(), visible(&opening));
        let _ = writeln!(text, "            {section:<12} {:>6}..{:<6} {opening}", span.start, span.end);
    }
}

fn metadata(text: &mut String, row: &DocumentRow) {
    let day = |days: Option<i32>| days.and_then(|d| chrono::NaiveDate::from_num_days_from_ce_opt(d + 719_163));
    let date = day(row.date).map_or_else(|| "-".to_owned(), |d| d.to_string());
    let [issuer, number] = [&row.issuer, &row.number].map(|value| value.as_deref().unwrap_or("-"));
    let _ = writeln!(text, "enrich    title {}", row.title);
    let _ = writeln!(text, "            type {}, date {date}, issuer {issuer}, number {number}", row.document_type);
    let facts = &row.statute;
    let dates = [("promulgated", facts.promulgated), ("effective", facts.effective), ("repealed", facts.repealed)];
    for (label, value) in dates {
        if let Some(value) = value {
            let _ = writeln!(text, "            {label} {value}");
        }
    }
}

fn case(text: &mut String, case: &CaseFacts) {
    let Some(level) = case.court_level else { return };
    let stated = |value: Option<&str>| value.unwrap_or("-").to_owned();
    let _ = writeln!(
        text,
        "            court level {level}, province {}, instance {}, procedure {}",
        stated(case.province),
        stated(case.instance.map(|i| i.as_str())),
        stated(case.procedure.map(|p| p.as_str()))
    );
    if let Some(number) = &case.number {
        let _ = writeln!(
            text,
            "            case {} of {} {}, number {}",
            number.year, number.court, number.case_type, number.serial
        );
    }
    let mut list = |label: &str, items: Vec<String>| {
        if !items.is_empty() {
            let _ = writeln!(text, "            {label} {}", items.join("; "));
        }
    };
    list("cause", case.cause.iter().cloned().collect());
    list("charges", case.charges.clone());
    list("parties", case.parties.iter().map(|p| format!("{} {} ({})", p.role, p.name, p.kind)).collect());
    list("signed by", case.judges.iter().map(|j| format!("{} {}", j.role, j.name)).collect());
    list("outcome", case.outcome.iter().map(ToString::to_string).collect());
    let months =
        |term: Option<u16>, what: &str| term.map_or(String::new(), |months| format!(", {what}{months} months"));
    let sentence = |s: &crate::enrich::case::Sentence| {
        let fine = s.fine_yuan.map_or(String::new(), |yuan| format!(", fine {yuan} yuan"));
        format!("{}{}{}{fine}", s.penalty, months(s.months, ""), months(s.suspended_months, "suspended "))
    };
    list("sentences", case.sentences.iter().map(sentence).collect());
    list("to be paid", case.amounts_yuan.iter().map(|yuan| format!("{yuan} yuan")).collect());
}

fn citations(text: &mut String, citations: &[Citation]) {
    for citation in citations.iter().take(LINES) {
        let part = |n: Option<u16>, unit: &str| n.map_or(String::new(), |n| format!(" {unit} {n}"));
        let (paragraph, item) = (part(citation.paragraph, "paragraph"), part(citation.item, "item"));
        let _ = writeln!(text, "            cites {} article {}{paragraph}{item}", citation.title, citation.article);
    }
    if citations.len() > LINES {
        let _ = writeln!(text, "            … {} more citations", citations.len() - LINES);
    }
}
