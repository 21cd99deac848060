//! Defines how an encoding is recognised and bytes become UTF-8.
//!
//! The order matters for cost: a UTF-8 check runs at gigabytes a second, statistical detection at
//! megabytes, so that only the head of a file that is not UTF-8 is ever given to the latter.

use std::borrow::Cow;

use encoding_rs::{BIG5, Encoding, GB18030, GBK, UTF_16BE, UTF_16LE};

use crate::outcome::{Reason, Rejection};

/// Bytes given to statistical detection.
const DETECT_BYTES: usize = 4 << 10;
/// Share of undecodable bytes above which text is not text in that encoding.
const MAX_LOST: f64 = 0.01;
/// Share of NUL bytes above which a file is not text.
const MAX_NUL: f64 = 0.05;

/// First bytes of files that hold text in a form we do not read, and what to do.
const UNREAD: [(&[u8], &str); 2] = [
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a document of Word before 2007; convert it, for example with `soffice --headless --convert-to docx FILE`",
    ),
    (b"%PDF-", "a PDF; take its text out, for example with `pdftotext FILE`"),
];

/// A recognised encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextEncoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// One that has to be converted.
    Other(&'static Encoding),
}

impl TextEncoding {
    /// Recognise the encoding of a file by its first bytes.
    ///
    /// # Errors
    /// Bytes that are not text, or text in no encoding that Chinese documents come in.
    pub fn detect(head: &[u8], whole: bool) -> Result<Self, Rejection> {
        if let Some((encoding, _)) = Encoding::for_bom(head) {
            return Ok(if encoding == encoding_rs::UTF_8 { Self::Utf8 } else { Self::Other(encoding) });
        }
        let unread = UNREAD.iter().find(|(magic, _)| head.starts_with(magic));
        if let Some((_, detail)) = unread {
            return Err(Rejection::new(Reason::UnknownForm, *detail));
        }
        let nul = memchr::memchr_iter(0, head).count();
        if nul > 0
            && let Some(encoding) = utf16_without_mark(head)
        {
            return Ok(Self::Other(encoding));
        }
        if nul as f64 > MAX_NUL * head.len() as f64 {
            let detail = format!("{nul} NUL bytes in the first {}", head.len());
            return Err(Rejection::new(Reason::Binary, detail));
        }
        // A head may end inside a character; the rest of a broken character counts as lost.
        let lost = invalid_bytes(head).saturating_sub(if whole { 0 } else { 3 });
        if lost as f64 <= MAX_LOST * head.len() as f64 {
            return Ok(Self::Utf8);
        }
        let start = head.iter().position(|b| !b.is_ascii()).unwrap_or(0);
        let sample = &head[start..head.len().min(start + DETECT_BYTES)];
        let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
        detector.feed(sample, whole && start + sample.len() == head.len());
        let guess = detector.guess(None, chardetng::Utf8Detection::Allow);
        match guess {
            // GB18030 contains GBK and GB2312, and files labelled as those use its characters.
            _ if guess == GBK || guess == GB18030 => Ok(Self::Other(GB18030)),
            _ if guess == BIG5 => Ok(Self::Other(BIG5)),
            _ => {
                let detail = format!("not UTF-8, UTF-16, GB18030 or Big5 (looks like {})", guess.name());
                Err(Rejection::new(Reason::Undecodable, detail))
            }
        }
    }

    /// The name in `documents.raw_encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Other(e) if e == GB18030 => "gb18030",
            Self::Other(e) if e == BIG5 => "big5",
            Self::Other(e) if e == UTF_16LE => "utf-16le",
            Self::Other(e) if e == UTF_16BE => "utf-16be",
            Self::Other(e) => e.name(),
        }
    }

    /// Whether a character takes two or four bytes.
    pub fn is_utf16(self) -> bool {
        matches!(self, Self::Other(e) if e == UTF_16LE || e == UTF_16BE)
    }

    /// Whether bytes need no conversion.
    pub fn is_utf8(self) -> bool {
        self == Self::Utf8
    }

    /// Decode what may end inside a character, for a look at the form only.
    pub fn decode_lossy(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
            Self::Other(encoding) => encoding.decode(bytes).0,
        }
    }

    /// Decode the whole of a document. Single lost bytes become U+FFFD, which later stages count.
    ///
    /// # Errors
    /// More than one byte in a hundred is lost.
    pub fn decode(self, bytes: Vec<u8>) -> Result<String, Rejection> {
        let length = bytes.len();
        let text = match self {
            Self::Utf8 => match String::from_utf8(bytes) {
                Ok(text) => return Ok(text),
                Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
            },
            Self::Other(encoding) => encoding.decode(&bytes).0.into_owned(),
        };
        let lost = text.matches('\u{fffd}').count();
        if lost as f64 > MAX_LOST * length as f64 {
            let detail = format!("{lost} of {length} bytes are not {}", self.name());
            return Err(Rejection::new(Reason::Undecodable, detail));
        }
        Ok(text)
    }
}

/// UTF-16 without a mark: the byte order in which nearly every unit is a character of Chinese text.
fn utf16_without_mark(head: &[u8]) -> Option<&'static Encoding> {
    let usual =
        |unit: u16| matches!(unit, 0x09..=0x7e | 0x2010..=0x2030 | 0x3000..=0x303f | 0x4e00..=0x9fff | 0xff00..=0xffef);
    let share = |unit_of: fn([u8; 2]) -> u16| {
        let units = head.chunks_exact(2).map(|pair| unit_of([pair[0], pair[1]]));
        units.filter(|unit| usual(*unit)).count() as f64 / (head.len() / 2).max(1) as f64
    };
    let (little, big) = (share(u16::from_le_bytes), share(u16::from_be_bytes));
    let encoding = if little > big { UTF_16LE } else { UTF_16BE };
    (little.max(big) > 0.9).then_some(encoding)
}

fn invalid_bytes(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Ok(_) => 0,
        Err(_) => bytes.utf8_chunks().map(|chunk| chunk.invalid().len()).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "中华人民共和国刑法\n第一条 为了惩罚犯罪，保护人民，根据宪法，制定本法。\n";

    const TRADITIONAL: &str = "香港特別行政區是中華人民共和國不可分離的部分。全國人民代表大會授權香港特別行政區依照本法的規定\
        實行高度自治，享有行政管理權、立法權、獨立的司法權和終審權。香港特別行政區的行政機關和立法機關由香港永久性居民\
        依照本法有關規定組成。香港特別行政區依法保障居民和其他人的權利和自由。";

    fn detect(bytes: &[u8]) -> &'static str {
        TextEncoding::detect(bytes, true).map_or_else(|r| r.reason.as_str(), TextEncoding::name)
    }

    #[test]
    fn encodings_of_real_files_are_recognised_and_decoded() {
        let utf16 = |little: bool| -> Vec<u8> {
            TEXT.encode_utf16().flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
        };
        let gbk = GBK.encode(TEXT).0.into_owned();
        let big5 = BIG5.encode(TRADITIONAL).0.into_owned();
        for (bytes, name) in [
            (TEXT.as_bytes().to_vec(), "utf-8"),
            (gbk, "gb18030"),
            (utf16(true), "utf-16le"),
            (utf16(false), "utf-16be"),
            ([b"\xff\xfe".to_vec(), utf16(true)].concat(), "utf-16le"),
            (big5, "big5"),
            (b"\0\x01\x02\0PNG\0\0\0\0".to_vec(), "binary"),
        ] {
            assert_eq!(detect(&bytes), name);
        }
        let gbk = GBK.encode(TEXT).0.into_owned();
        assert_eq!(TextEncoding::Other(GB18030).decode(gbk).expect("decodes"), TEXT);
    }

    #[test]
    fn a_stray_byte_is_a_lost_character_and_many_are_no_text() {
        let mut bytes = TEXT.repeat(10).into_bytes();
        bytes.insert(27, 0xff);
        let encoding = TextEncoding::detect(&bytes, true).expect("still UTF-8");
        assert_eq!(encoding.decode(bytes).expect("one byte lost").matches('\u{fffd}').count(), 1);
        let noise: Vec<u8> = (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80).collect();
        assert!(TextEncoding::Utf8.decode(noise).is_err());
    }
}
