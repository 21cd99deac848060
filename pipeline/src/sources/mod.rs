//! Read raw files: find them, unpack them, decode them, recognise their form, and split them into records.

/// Statutes, an article a line.
pub mod articles;
/// Open a plain file, a compressed one, or the members of an archive.
pub mod container;
/// Recognise an encoding and decode to UTF-8.
pub mod encoding;
/// Find and hash the files of a source.
pub mod files;
/// Recognise a raw form by its content.
pub mod form;
/// The instruction schemas of the public sets.
pub mod instruction;
/// Where in its file a record lies.
pub mod offsets;
/// JSON records, a line or an array element each.
pub mod records;
/// The header lines of SPC text files.
pub mod spc;
/// What China Judgments Online and its crawlers delivered.
pub mod wenshu;
/// Word documents.
pub mod word;

use std::io::{BufRead, Cursor, Read};

use corpus_format::{legal::Kind, manifest::Form};

use self::{
    container::Member, encoding::TextEncoding, files::RawFile, instruction::InstructionRecord, offsets::Offsets,
};
use crate::{
    config::Limits,
    outcome::{Reason, Rejection},
};

/// What a source delivers for one record.
#[derive(Debug)]
pub struct RawRecord {
    /// The archive's member it came from.
    pub member: Option<String>,
    /// Line of the record in its file, or its place in a JSON array, from 1; `None` where the file is the record.
    pub record: Option<u32>,
    /// Its first byte in the file or member, after decompression, and the byte after its last; `None` in a JSON array
    /// and in UTF-16.
    pub bytes: Option<(u64, u64)>,
    /// The id that the record itself carries.
    pub given_id: Option<String>,
    /// Name of the encoding the bytes were decoded from.
    pub encoding: &'static str,
    /// The content.
    pub content: Content,
}

/// The content of a record, by what becomes of it.
#[derive(Debug)]
pub enum Content {
    /// Text of a statute or a court document.
    Document(RawDocument),
    /// An instruction with its answer.
    Instruction(InstructionRecord),
    /// Nothing that can be used.
    Rejected(Rejection),
}

/// Text of a statute or a court document as its source has it.
#[derive(Debug)]
pub struct RawDocument {
    /// The raw form.
    pub form: Form,
    /// Title, where the form has it outside of the text.
    pub title: Option<String>,
    /// Date of publication, where the form states it.
    pub published: Option<String>,
    /// The text, not cleaned.
    pub text: String,
}

/// Bytes at the start of a file by which encoding and form are recognised.
const HEAD_BYTES: u64 = 64 << 10;

/// Read every record of `file` (of the part `range` of it, whose first line is `first_line`) in order.
pub fn read_file(
    file: &RawFile,
    part: Option<files::Part>,
    kind: Kind,
    form: Option<Form>,
    limits: &Limits,
    emit: &mut dyn FnMut(RawRecord),
) {
    let first = part.map_or((1, 0), |p| (p.first_line, p.start));
    let opened = container::for_each_member(&file.path, part, limits, &mut |member, reader| {
        let name = member.name.clone();
        let mut reading = Reading::new(kind, form, limits, &mut *emit);
        reading.member = name;
        let read = reader.and_then(|reader| reading.member(&member, reader, first));
        if let Err(rejection) = read {
            reading.reject(rejection);
        }
    });
    if let Err(rejection) = opened {
        Reading::new(kind, form, limits, emit).reject(rejection);
    }
}

/// The rejection of what is no JSON, at a line of its file.
fn malformed(error: &serde_json::Error, line: usize) -> Rejection {
    let detail = format!("line {line}, column {}: {}", error.column(), records::message(error));
    Rejection::new(Reason::MalformedJson, detail)
}

/// Whether the first object of a JSON text goes over several lines.
fn is_spread(head: &str) -> bool {
    let first = head.trim_start_matches('\u{feff}').trim_start().lines().next();
    first.is_some_and(|line| line.trim_end() == "{")
}

/// One member while it is read.
struct Reading<'a> {
    kind: Kind,
    form: Option<Form>,
    limits: &'a Limits,
    member: Option<String>,
    encoding: &'static str,
    offsets: Offsets,
    /// Whether there is no line after the last one read.
    is_at_end: bool,
    emit: &'a mut dyn FnMut(RawRecord),
}

impl<'a> Reading<'a> {
    fn new(kind: Kind, form: Option<Form>, limits: &'a Limits, emit: &'a mut dyn FnMut(RawRecord)) -> Self {
        let offsets = Offsets::default();
        Self { kind, form, limits, member: None, encoding: "unknown", offsets, is_at_end: false, emit }
    }

    fn emit(&mut self, record: Option<u32>, given_id: Option<String>, content: Content) {
        let (member, encoding) = (self.member.clone(), self.encoding);
        let bytes = self.offsets.of(record, self.is_at_end);
        (self.emit)(RawRecord { member, record, bytes, given_id, encoding, content });
    }

    fn reject(&mut self, rejection: Rejection) {
        self.emit(rejection.record, None, Content::Rejected(rejection));
    }

    /// Read a member whose first line has this number and begins at this byte.
    fn member(&mut self, member: &Member, reader: &mut dyn BufRead, first: (u32, u64)) -> Result<(), Rejection> {
        let mut head = Vec::new();
        (&mut *reader).take(HEAD_BYTES).read_to_end(&mut head).map_err(|e| member.fault(&e))?;
        if head.iter().all(u8::is_ascii_whitespace) && (head.len() as u64) < HEAD_BYTES {
            return Err(Rejection::new(Reason::Empty, format!("{} bytes, all blank", head.len())));
        }
        let whole = (head.len() as u64) < HEAD_BYTES;
        let encoding = TextEncoding::detect(&head, whole)?;
        self.encoding = encoding.name();
        let head_text = encoding.decode_lossy(&head);
        let form = match self.form {
            Some(form) => form,
            None => form::recognise(&head_text, self.kind)?,
        };
        let opening = head_text.trim_start().chars().next();
        let is_spread = is_spread(&head_text);
        let mut reader = Cursor::new(head).chain(reader);
        match (form, opening) {
            (Form::JudgmentJsonl | Form::InstructionJson, Some('[')) => {
                self.json_array(form, &encoding, &mut reader, member)
            }
            (Form::JudgmentJsonl | Form::InstructionJson, _) if is_spread => {
                self.json_objects(form, &encoding, &mut reader, member)
            }
            (Form::JudgmentJsonl | Form::InstructionJson, _) => {
                self.lines(&encoding, &mut reader, member, first, &mut |reading, line, number| {
                    reading.json_record(form, line, number)
                })
            }
            (Form::StatuteJsonl, _) => {
                let mut laws = articles::Laws::default();
                self.lines(&encoding, &mut reader, member, first, &mut |reading, line, number| {
                    reading.article(&mut laws, line, number);
                })?;
                self.law(laws.take());
                Ok(())
            }
            (Form::WenshuDump, _) => {
                let mut dump = wenshu::Dump::default();
                self.lines(&encoding, &mut reader, member, first, &mut |reading, line, number| {
                    reading.dumped(dump.line(line, number));
                })?;
                self.dumped(dump.finish());
                Ok(())
            }
            _ => {
                let bytes = self.read_whole(&mut reader, member)?;
                self.offsets = Offsets::whole(bytes.len() as u64);
                let text = encoding.decode(bytes)?;
                let document = match form {
                    Form::SpcText => spc::parse(&text)?,
                    Form::WenshuScript => wenshu::script(&text)?,
                    _ => RawDocument { form, title: None, published: None, text },
                };
                self.emit(None, None, Content::Document(document));
                Ok(())
            }
        }
    }

    fn read_whole(&self, reader: &mut dyn Read, member: &Member) -> Result<Vec<u8>, Rejection> {
        let max = self.limits.max_document_bytes;
        let mut bytes = Vec::new();
        reader.take(max + 1).read_to_end(&mut bytes).map_err(|e| member.fault(&e))?;
        if bytes.len() as u64 > max {
            return Err(Rejection::new(Reason::TooLarge, format!("over {max} bytes (limits.max_document_bytes)")));
        }
        Ok(bytes)
    }

    /// Give `each` line with its number.
    fn lines(
        &mut self,
        encoding: &TextEncoding,
        reader: &mut dyn BufRead,
        member: &Member,
        (first_line, first_byte): (u32, u64),
        each: &mut dyn FnMut(&mut Self, &str, u32),
    ) -> Result<(), Rejection> {
        if encoding.is_utf16() {
            let text = encoding.decode(self.read_whole(reader, member)?)?;
            for (line, number) in text.lines().zip(first_line..) {
                each(self, line, number);
            }
            return Ok(());
        }
        let max = self.limits.max_document_bytes;
        let mut line = Vec::new();
        self.offsets = Offsets::from(first_byte);
        for number in first_line.. {
            let length = records::read_line(reader, &mut line, max).map_err(|e| member.fault(&e).at(number))?;
            if length == 0 {
                self.is_at_end = true;
                break;
            }
            self.offsets.line(number, length);
            if length > max {
                let detail = format!("line {number}: {length} bytes, over {max} (limits.max_document_bytes)");
                self.reject(Rejection::new(Reason::TooLarge, detail).at(number));
                continue;
            }
            match encoding.decode(std::mem::take(&mut line)) {
                Ok(text) => {
                    each(self, &text, number);
                    line = text.into_bytes();
                }
                Err(rejection) => self.reject(rejection.at(number)),
            }
        }
        Ok(())
    }

    /// JSON objects one after another, each over several lines.
    fn json_objects(
        &mut self,
        form: Form,
        encoding: &TextEncoding,
        reader: &mut dyn Read,
        member: &Member,
    ) -> Result<(), Rejection> {
        let text = encoding.decode(self.read_whole(reader, member)?)?;
        let text = text.trim_start_matches('\u{feff}');
        for (value, number) in serde_json::Deserializer::from_str(text).into_iter().zip(1..) {
            match value {
                Ok(value) => self.json_value(form, value, number),
                Err(e) => return Err(malformed(&e, e.line()).at(number)),
            }
        }
        Ok(())
    }

    fn article(&mut self, laws: &mut articles::Laws, line: &str, number: u32) {
        let Some(value) = self.json_line(line, number) else { return };
        match laws.article(&value, number) {
            Ok(before) => self.law(before),
            Err(rejection) => self.reject(rejection),
        }
    }

    fn law(&mut self, law: Option<(u32, RawDocument)>) {
        if let Some((line, document)) = law {
            self.emit(Some(line), None, Content::Document(document));
        }
    }

    fn dumped(&mut self, record: Option<wenshu::DumpRecord>) {
        if let Some((line, id, document)) = record {
            self.emit(Some(line), id, document.map_or_else(Content::Rejected, Content::Document));
        }
    }

    fn json_record(&mut self, form: Form, line: &str, number: u32) {
        if let Some(value) = self.json_line(line, number) {
            self.json_value(form, value, number);
        }
    }

    /// The value on a line; `None` where it is blank, or no JSON and rejected.
    fn json_line(&mut self, line: &str, number: u32) -> Option<serde_json::Value> {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() {
            return None;
        }
        let value = serde_json::from_str(line).map_err(|e| malformed(&e, number as usize).at(number));
        value.map_err(|rejection| self.reject(rejection)).ok()
    }

    fn json_value(&mut self, form: Form, value: serde_json::Value, number: u32) {
        let given_id = records::given_id(&value);
        if form == Form::JudgmentJsonl && records::is_triple(&value) {
            for key in records::TRIPLE {
                let content = records::of_triple(&value, key).map_or_else(Content::Rejected, Content::Document);
                self.emit(Some(number), Some(format!("{number}{key}")), content);
            }
            return;
        }
        let content = match form {
            Form::InstructionJson => instruction::parse(value).map(Content::Instruction),
            _ => records::judgment(value).map(Content::Document),
        };
        match content {
            Ok(content) => self.emit(Some(number), given_id, content),
            Err(rejection) => self.emit(Some(number), given_id, Content::Rejected(rejection.at(number))),
        }
    }

    fn json_array(
        &mut self,
        form: Form,
        encoding: &TextEncoding,
        reader: &mut dyn BufRead,
        member: &Member,
    ) -> Result<(), Rejection> {
        let max = self.limits.max_document_bytes;
        let mut number = 0;
        let mut each = |value| {
            number += 1;
            self.json_value(form, value, number);
        };
        let read = if encoding.is_utf8() {
            records::for_each_element(reader, max, &mut each)
        } else {
            let mut bytes = Vec::new();
            reader.take(max + 1).read_to_end(&mut bytes).map_err(|e| member.fault(&e))?;
            if bytes.len() as u64 > max {
                let detail = format!("over {max} bytes (limits.max_document_bytes) and not UTF-8");
                return Err(Rejection::new(Reason::TooLarge, detail));
            }
            records::for_each_element(&mut encoding.decode(bytes)?.as_bytes(), max, &mut each)
        };
        read.map_err(|fault| {
            match fault {
                records::ArrayFault::Json(detail) => Rejection::new(Reason::MalformedJson, detail),
                records::ArrayFault::TooLarge => {
                    let detail = format!("element {}: over {max} bytes (limits.max_document_bytes)", number + 1);
                    Rejection::new(Reason::TooLarge, detail)
                }
                records::ArrayFault::Io(e) => member.fault(&e),
            }
            .at(number + 1)
        })
    }
}
