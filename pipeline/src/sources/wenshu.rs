//! Defines what China Judgments Online and its crawlers delivered: a script with the page in it, records with the page or
//! with coded fields, and a dump whose tags open and close alike.

use corpus_format::manifest::Form;
use serde_json::Value;

use super::RawDocument;
use crate::outcome::{Reason, Rejection};

/// The variable of the script that holds the page, as JSON in a string.
const PAGE_VARIABLE: &str = "jsonHtmlData";

/// The court's title, facts, reasoning, … in the coded fields of 2019 and later, in the order of the document.
const PART_FIELDS: [&str; 7] = ["s22", "s23", "s24", "s25", "s26", "s27", "s28"];

/// Read the site's script of 2013 to 2018.
///
/// # Errors
/// A script without the page.
pub fn script(text: &str) -> Result<RawDocument, Rejection> {
    let missing = |what: &str| Rejection::new(Reason::Incomplete, what);
    let value = text
        .match_indices(PAGE_VARIABLE)
        .find_map(|(at, name)| text[at + name.len()..].trim_start().strip_prefix('='))
        .map(str::trim_start)
        .filter(|value| value.starts_with('"'))
        .ok_or_else(|| missing("no `jsonHtmlData = \"…\"`"))?;
    let literal = literal(value).ok_or_else(|| missing("the string of `jsonHtmlData` does not end"))?;
    let page: Value = serde_json::from_str(&unescaped(literal)).map_err(|e| {
        let what = format!("the string of `jsonHtmlData`, column {}: {}", e.column(), super::records::message(&e));
        Rejection::new(Reason::MalformedJson, what)
    })?;
    record(&page).ok_or_else(|| missing("the page of `jsonHtmlData` has no `Html`"))
}

/// Read a crawler's record: the page under `Html` or `qwContent`, or the parts under `s22` to `s28`; all of it may be
/// JSON in a string under `source`. `None` where it is no such record.
pub fn record(value: &Value) -> Option<RawDocument> {
    if let Some(Value::String(inner)) = value.get("source") {
        return record(&serde_json::from_str(inner).ok()?);
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let own = |keys: [&str; 2]| keys.into_iter().find_map(text).map(str::to_owned);
    let (title, published) = (own(["Title", "s1"]), own(["PubDate", "s41"]));
    if let Some(page) = own(["Html", "qwContent"]) {
        return Some(RawDocument { form: Form::WenshuPage, title, published, text: page });
    }
    let parts: Vec<&str> = PART_FIELDS.into_iter().filter_map(text).collect();
    if parts.is_empty() {
        return None;
    }
    Some(RawDocument { form: Form::JudgmentJsonl, title, published, text: parts.join("\n") })
}

/// A record of a dump: its first line, its id, and its document.
pub type DumpRecord = (u32, Option<String>, Result<RawDocument, Rejection>);

/// Reads a dump line by line: `<docid>`, a JSON string, `<docid>`, `<major_text>`, …; the text is under `<major_text>`.
#[derive(Debug, Default)]
pub struct Dump {
    first_line: u32,
    open: Option<String>,
    id: Option<String>,
    text: Option<String>,
    fault: Option<String>,
}

impl Dump {
    /// Take a line; gives the record before it where it begins another.
    pub fn line(&mut self, line: &str, number: u32) -> Option<DumpRecord> {
        let line = line.trim();
        if !is_tag(line) {
            match self.open.as_deref() {
                _ if line.is_empty() => {}
                Some("<docid>") => self.id.get_or_insert_default().push_str(&content(line)),
                Some("<major_text>") => {
                    // A text that was written without its quotes goes on over several lines.
                    let text = self.text.get_or_insert_default();
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(&content(line));
                }
                Some(_) => {}
                None => {
                    self.fault.get_or_insert_with(|| format!("line {number}: text outside of tags"));
                }
            }
            return None;
        }
        if self.open.as_deref() == Some(line) {
            self.open = None;
            return None;
        }
        if let Some(open) = self.open.replace(line.to_owned()) {
            self.fault.get_or_insert_with(|| format!("line {number}: {line} before {open} is closed"));
        }
        if line != "<docid>" {
            return None;
        }
        let record = self.take();
        self.first_line = number;
        record
    }

    /// The last record.
    pub fn finish(mut self) -> Option<DumpRecord> {
        if let Some(open) = self.open.take() {
            self.fault.get_or_insert_with(|| format!("{open} is not closed"));
        }
        self.take()
    }

    fn take(&mut self) -> Option<DumpRecord> {
        let (id, text, fault) = (self.id.take(), self.text.take(), self.fault.take());
        if id.is_none() && text.is_none() && fault.is_none() {
            return None;
        }
        let line = self.first_line;
        let document = match (text.filter(|text| !text.trim().is_empty()), fault) {
            (_, Some(fault)) => Err(Rejection::new(Reason::Incomplete, fault)),
            (None, None) => Err(Rejection::new(Reason::Incomplete, "no text under <major_text>")),
            (Some(text), None) => Ok(page(&text)),
        };
        Some((line, id, document.map_err(|rejection| rejection.at(line))))
    }
}

/// A page as it was copied: a title, the site's banner, the document.
fn page(text: &str) -> RawDocument {
    let (first, rest) = text.split_once('\n').unwrap_or(("", text));
    let has_banner = rest.trim_start().starts_with("发布日期");
    let (title, text) = if has_banner { (Some(first.trim().to_owned()), rest) } else { (None, text) };
    let title = title.filter(|title| !title.is_empty());
    RawDocument { form: Form::WenshuDump, title, published: None, text: text.to_owned() }
}

fn is_tag(line: &str) -> bool {
    line.len() > 2
        && line.starts_with('<')
        && line.ends_with('>')
        && line[1..line.len() - 1].bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// What a line of a dump holds: a JSON string, or text as it is.
fn content(line: &str) -> String {
    match literal(line) {
        Some(literal) if literal.len() + 2 == line.len() => unescaped(literal),
        _ => line.to_owned(),
    }
}

/// What lies between the quotes of the JSON string at the start of `text`.
fn literal(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = inner.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })?;
    Some(&inner[..end])
}

/// Undo the escapes of a JSON string. A damaged one stands for one lost character, U+FFFD.
fn unescaped(literal: &str) -> String {
    let mut text = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(kind) = rest.chars().next() else { break };
        rest = &rest[kind.len_utf8()..];
        match kind {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' | 'f' => text.push(' '),
            'u' => {
                let (unit, after) = hex(rest);
                rest = after;
                let low = unit
                    .filter(|unit| (0xd800..0xdc00).contains(unit))
                    .and_then(|_| rest.strip_prefix("\\u"))
                    .map(hex)
                    .and_then(|(low, after)| low.filter(|low| (0xdc00..0xe000).contains(low)).map(|low| (low, after)));
                let code = match (unit, low) {
                    (Some(high), Some((low, after))) => {
                        rest = after;
                        Some(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                    }
                    (unit, _) => unit,
                };
                text.push(code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            // `\"`, `\\`, `\/`, and what JSON does not know.
            other => text.push(other),
        }
    }
    text.push_str(rest);
    text
}

/// Four hexadecimal digits at the start of `text`, `None` where there are fewer; and what follows the digits.
fn hex(text: &str) -> (Option<u32>, &str) {
    let count = text.bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
    let unit = (count == 4).then(|| u32::from_str_radix(&text[..4], 16).ok()).flatten();
    (unit, &text[count..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_damaged_ones_are_lost_characters() {
        assert_eq!(unescaped(r#"\u8bc9\u8bbc\n\"a\"\\\/"#), "诉讼\n\"a\"\\/");
        assert_eq!(unescaped(r"\ud842\udfb7\u5409"), "𠮷吉");
        assert_eq!(unescaped(r"\u8b\u674e"), "\u{fffd}李");
        assert_eq!(unescaped(r"\ud842\u5409\u12"), "\u{fffd}吉\u{fffd}");
        assert_eq!(unescaped("末\\"), "末");
    }

    #[test]
    fn a_dump_is_read_record_by_record_and_faults_are_named_by_their_line() {
        let dump = "<docid>\n\"a1\"\n<docid>\n<major_text>\n\"某案判决书\\n发布日期：2016-12-05 浏览：1次\\n某法院\"\n<major_text>\n\n<docid>\n\"a2\"\n<docid>\n<major_text>\n\"正文\"\n<basic_inf>\n\"x\"\n<basic_inf>\n<docid>\n\"a3\"\n<docid>\n";
        let mut reader = Dump::default();
        let mut records: Vec<DumpRecord> =
            (1..).zip(dump.lines()).filter_map(|(number, line)| reader.line(line, number)).collect();
        records.extend(reader.finish());
        assert_eq!(records.len(), 3);
        let first = records[0].2.as_ref().unwrap();
        assert_eq!(
            (records[0].0, records[0].1.as_deref(), first.title.as_deref()),
            (1, Some("a1"), Some("某案判决书"))
        );
        assert!(first.text.ends_with("某法院") && first.text.starts_with("发布日期"));
        let fault = |number: usize| records[number].2.as_ref().unwrap_err();
        assert_eq!((records[1].0, fault(1).record), (8, Some(8)));
        assert!(fault(1).detail.contains("line 13: <basic_inf> before <major_text> is closed"), "{}", fault(1).detail);
        assert!(fault(2).detail.contains("no text"));
    }

    #[test]
    fn every_era_of_the_site_gives_its_page() {
        let page = |document: RawDocument| (document.form, document.title.unwrap(), document.published, document.text);
        let html = r#"{"Title":"某案","PubDate":"2013-12-26","Html":"<div class=\"a\">某法院</div>"}"#;
        let expected = (
            Form::WenshuPage,
            "某案".to_owned(),
            Some("2013-12-26".to_owned()),
            "<div class=\"a\">某法院</div>".to_owned(),
        );
        let inside = serde_json::to_string(html).unwrap();
        let text = format!(
            "$(function(){{ var jsonHtmlData = {inside};\n var jsonData = eval(\"(\" + jsonHtmlData + \")\"); }});"
        );
        assert_eq!(page(script(&text).unwrap()), expected);
        let of_2018 = serde_json::json!({"id": "5", "source": html});
        assert_eq!(page(record(&of_2018).unwrap()), expected);
        let fields = serde_json::json!({"s1": "某案", "s7": "（2018）某1号", "s41": "2019-12-31", "s22": "某法院", "s26": "本院认为"});
        assert_eq!(record(&fields).unwrap().text, "某法院\n本院认为");
        assert!(record(&serde_json::json!({"fd": "全文"})).is_none());
        assert!(script("var jsonHtmlData = \"{").unwrap_err().detail.contains("does not end"));
        assert!(script("var x = 1;").unwrap_err().detail.contains("no `jsonHtmlData"));
    }
}
