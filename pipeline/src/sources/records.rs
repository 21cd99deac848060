//! Defines how JSON records are read: a line or an array element at a time, never more than a limit.

use std::{
    cell::Cell,
    fmt,
    io::{self, BufRead, Read},
};

use serde::de::{self, DeserializeSeed, SeqAccess, Visitor};
use serde_json::Value;

use super::{RawDocument, wenshu};
use crate::outcome::{Reason, Rejection};
use corpus_format::manifest::Form;

/// Read one line into `line`, its line feed included; returns the line's length in bytes, 0 at the end.
/// Of a line longer than `max` the rest is skipped, not held.
pub fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>, max: u64) -> io::Result<u64> {
    line.clear();
    let mut length = reader.take(max + 1).read_until(b'\n', line)? as u64;
    if length <= max || line.ends_with(b"\n") {
        return Ok(length);
    }
    *line = Vec::new();
    loop {
        let chunk = reader.fill_buf()?;
        let (used, done) = match memchr::memchr(b'\n', chunk) {
            Some(at) => (at + 1, true),
            None => (chunk.len(), chunk.is_empty()),
        };
        reader.consume(used);
        length += used as u64;
        if done {
            return Ok(length);
        }
    }
}

/// serde's message without its position, which counts from the record and not from the file.
pub fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Why reading an array stopped.
pub enum ArrayFault {
    /// It is not JSON; says where.
    Json(String),
    /// An element is over the limit.
    TooLarge,
    /// The reader failed.
    Io(io::Error),
}

/// Read the elements of a JSON array one by one.
pub fn for_each_element(reader: &mut dyn Read, max: u64, each: &mut dyn FnMut(Value)) -> Result<(), ArrayFault> {
    let since_element = Cell::new(0);
    let metered = Metered { reader: io::BufReader::new(reader), since_element: &since_element, max };
    let mut json = serde_json::Deserializer::from_reader(metered);
    let elements = Elements { each, since_element: &since_element };
    let read = de::Deserializer::deserialize_seq(&mut json, elements).and_then(|()| json.end());
    read.map_err(|e| {
        if since_element.get() > max {
            ArrayFault::TooLarge
        } else if e.is_io() {
            ArrayFault::Io(e.into())
        } else {
            ArrayFault::Json(e.to_string())
        }
    })
}

struct Metered<'a, R> {
    reader: R,
    since_element: &'a Cell<u64>,
    max: u64,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_element.get() > self.max {
            return Err(io::Error::other("element over the limit"));
        }
        let n = self.reader.read(buffer)?;
        self.since_element.set(self.since_element.get() + n as u64);
        Ok(n)
    }
}

struct Elements<'a> {
    each: &'a mut dyn FnMut(Value),
    since_element: &'a Cell<u64>,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(value) = sequence.next_element_seed(Element)? {
            self.since_element.set(0);
            (self.each)(value);
        }
        Ok(())
    }
}

struct Element;

impl<'de> DeserializeSeed<'de> for Element {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        serde::Deserialize::deserialize(deserializer)
    }
}

/// The id that a record carries under one of the names the field uses.
pub fn given_id(value: &Value) -> Option<String> {
    let id = ["id", "text_id", "docid", "doc_id", "uid"].iter().find_map(|key| value.get(key))?;
    match id {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The documents of a record of CAIL2019-SCM: a case and two that are to be compared with it.
pub const TRIPLE: [&str; 3] = ["A", "B", "C"];

/// Whether a record is one of CAIL2019-SCM.
pub fn is_triple(value: &Value) -> bool {
    TRIPLE.iter().all(|key| value.get(key).is_some_and(Value::is_string))
}

/// A document of such a record.
///
/// # Errors
/// There is no text.
pub fn of_triple(value: &Value, key: &str) -> Result<RawDocument, Rejection> {
    match value.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty()) {
        Some(text) => {
            Ok(RawDocument { form: Form::JudgmentJsonl, title: None, published: None, text: text.to_owned() })
        }
        None => Err(Rejection::new(Reason::Incomplete, format!("no text under {key}"))),
    }
}

/// The text of a court document in a JSON record: JuDGE's `fd`, LeCaRDv2's `query` and `fact`,
/// LaWGPT's `content`, CAIL's `fact`, or `text`, which may be a list of sentences; or a record of China Judgments Online.
///
/// # Errors
/// A record with none of these as non-empty text.
pub fn judgment(mut value: Value) -> Result<RawDocument, Rejection> {
    if ["source", "Html", "qwContent", "s22"].iter().any(|key| value.get(key).is_some_and(Value::is_string))
        && let Some(document) = wenshu::record(&value)
    {
        return Ok(document);
    }
    if let Some(Value::Array(sentences)) = value.get("text") {
        let sentences = sentences.iter().map(|sentence| sentence.get("sentence").unwrap_or(sentence).as_str());
        let text: Option<String> = sentences.collect();
        value["text"] = text.map_or(Value::Null, Value::String);
    }
    let mut take = |key: &str| match value.get_mut(key).map(Value::take) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
        _ => None,
    };
    let title = take("title");
    let text = match (take("fd"), take("query"), take("fact")) {
        (Some(whole), _, _) => Some(whole),
        // LeCaRDv2: `query` is the whole document and `fact` an extract of it, or its continuation.
        (None, Some(query), Some(fact)) if !query.contains(fact.trim()) => Some(format!("{query}\n{fact}")),
        (None, Some(query), _) => Some(query),
        (None, None, Some(fact)) => Some(fact),
        (None, None, None) => ["content", "full_text", "fulltext", "text"].iter().find_map(|key| take(key)),
    };
    match text {
        Some(text) => Ok(RawDocument { form: Form::JudgmentJsonl, title, published: None, text }),
        None => {
            let keys = match &value {
                Value::Object(object) => object.keys().take(8).cloned().collect::<Vec<_>>().join(", "),
                other => kind_of(other).to_owned(),
            };
            let detail = format!("no text under fd, query, fact, content, full_text or text; saw {keys}");
            Err(Rejection::new(Reason::Incomplete, detail))
        }
    }
}

/// What a JSON value is, for messages.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_over_the_limit_is_skipped_and_the_next_is_read() {
        let data = [b"short\n".to_vec(), vec![b'x'; 100], b"\nafter\n".to_vec(), b"end".to_vec()].concat();
        let mut reader = io::BufReader::with_capacity(7, &data[..]);
        let mut line = Vec::new();
        let mut lengths = Vec::new();
        while let Ok(n @ 1..) = read_line(&mut reader, &mut line, 10) {
            lengths.push((n, line.clone()));
        }
        let expected: Vec<(u64, Vec<u8>)> =
            vec![(6, b"short\n".into()), (101, Vec::new()), (6, b"after\n".into()), (3, b"end".into())];
        assert_eq!(lengths, expected);
    }

    #[test]
    fn elements_before_a_fault_are_kept_and_the_fault_is_named() {
        let mut seen = Vec::new();
        let fault = for_each_element(&mut &b"[{\"a\":1},\n{\"a\":2},\n{\"a\":}]"[..], 1000, &mut |v| seen.push(v));
        assert_eq!(seen.len(), 2);
        assert!(matches!(fault, Err(ArrayFault::Json(detail)) if detail.contains("line 3")));
        let long = format!("[{{\"a\":\"{}\"}}]", "x".repeat(100_000));
        let fault = for_each_element(&mut long.as_bytes(), 10_000, &mut |_| panic!("over the limit"));
        assert!(matches!(fault, Err(ArrayFault::TooLarge)));
    }

    #[test]
    fn the_text_of_each_public_schema_is_found() {
        let text = |json: &str| judgment(serde_json::from_str(json).expect("json")).map(|d| d.text).ok();
        assert_eq!(text(r#"{"fd":"全文","text":"事实"}"#).as_deref(), Some("全文"));
        assert_eq!(text(r#"{"query":"首部","fact":"事实"}"#).as_deref(), Some("首部\n事实"));
        assert_eq!(text(r#"{"query":"首部事实","fact":"事实"}"#).as_deref(), Some("首部事实"));
        assert_eq!(
            text(r#"{"text":[{"sentence":"甲。","label":0},{"sentence":"乙。","label":1}]}"#).as_deref(),
            Some("甲。乙。")
        );
        assert_eq!(text(r#"{"content":"内容"}"#).as_deref(), Some("内容"));
        assert_eq!(text(r#"{"fact":"","meta":{}}"#), None);
    }
}
