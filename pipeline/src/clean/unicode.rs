//! Defines what happens to characters: NFC and a targeted map.
//!
//! Not NFKC, which turns the full-width punctuation that Chinese law is written with (（），：；！？)
//! into ASCII: 821,495 marks of LawRefBook's statutes. Quotation marks and the brackets that carry the
//! names of laws (《》〈〉＜＞) are never touched.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::{Rule, RuleCounts};

/// Fold the characters of a document; a text with nothing to fold is returned as it is.
pub fn fold<'a>(text: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
    let text = compose(text, counts);
    let Some(first) = next_special(text.as_bytes(), 0) else { return text };
    let mut folded = String::with_capacity(text.len());
    let (mut copied, mut at) = (0, first);
    loop {
        folded.push_str(&text[copied..at]);
        let Some(c) = text[at..].chars().next() else { break };
        copied = at + c.len_utf8();
        match c {
            '\r' => {
                counts.hit(Rule::LineBreak);
                // CRLF: the line feed follows.
                if !text[copied..].starts_with('\n') {
                    folded.push('\n');
                }
            }
            '\u{2028}' | '\u{2029}' | '\u{85}' | '\u{b}' | '\u{c}' => {
                counts.hit(Rule::LineBreak);
                folded.push('\n');
            }
            '\u{3000}' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => {
                counts.hit(Rule::SpaceFolded);
                folded.push(' ');
            }
            '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' => {
                counts.hit(Rule::WidthFolded);
                let ascii = u32::from(c) - 0xfee0;
                folded.extend(char::from_u32(ascii));
            }
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' => {
                counts.hit(Rule::InvisibleRemoved);
            }
            '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => {
                counts.hit(Rule::PrivateUse);
                folded.push('\u{fffd}');
            }
            '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => counts.hit(Rule::ControlRemoved),
            other => folded.push(other),
        }
        match next_special(text.as_bytes(), copied) {
            Some(next) => at = next,
            None => break,
        }
    }
    folded.push_str(&text[copied..]);
    Cow::Owned(folded)
}

/// Canonical composition, skipped for text in which nothing can compose.
fn compose<'a>(text: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
    // Leading bytes of the blocks that legal text is made of and that NFC leaves alone: ASCII, general
    // punctuation, CJK punctuation, Han, full-width forms.
    let inert = |lead: u8| matches!(lead, 0x00..=0x7f | 0x80..=0xbf | 0xc2 | 0xe2 | 0xe3..=0xe9 | 0xee | 0xef);
    let bytes = text.as_bytes();
    let may_compose = bytes.iter().enumerate().any(|(i, lead)| match lead {
        // Compatibility ideographs and presentation forms, and combining half marks.
        0xef => matches!(bytes[i + 1], 0xa4..=0xad | 0xb8),
        // Marks of tone and of kana voicing.
        0xe3 => bytes[i + 1] == 0x82 || (bytes[i + 1] == 0x80 && matches!(bytes[i + 2], 0xaa..=0xaf)),
        // Spaces and symbols (Ohm, Kelvin, Ångström, angle brackets) that double other characters; marks.
        0xe2 => match bytes[i + 1] {
            0x80 => bytes[i + 2] < 0x82,
            second => matches!(second, 0x83 | 0x84 | 0x8c | 0xab),
        },
        lead => !inert(*lead),
    });
    if !may_compose {
        return Cow::Borrowed(text);
    }
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    if composed != text {
        counts.hit(Rule::Composed);
    }
    composed
}

/// The next byte from `from` at which a character begins that the map may change.
fn next_special(bytes: &[u8], from: usize) -> Option<usize> {
    let mut i = from;
    while i < bytes.len() {
        let lead = bytes[i];
        i += match lead {
            b' '..=b'~' | b'\n' | b'\t' => 1,
            0xe4..=0xe9 => 3,
            0xe3 if bytes[i + 1] != 0x80 || bytes[i + 2] != 0x80 => 3,
            0xe2 if bytes[i + 1] != 0x80 && bytes[i + 1] != 0x81 => 3,
            // General punctuation: dashes, quotation marks, ellipsis, per mille are kept.
            0xe2 if bytes[i + 1] == 0x80 && matches!(bytes[i + 2], 0x90..=0xa7 | 0xb0..=0xbf) => 3,
            0xef if bytes[i + 1] == 0xbc && matches!(bytes[i + 2], 0x81..=0x8f | 0x9a..=0xa0 | 0xbb..=0xbf) => 3,
            0xef if bytes[i + 1] == 0xbd && bytes[i + 2] > 0x9a => 3,
            0xc3..=0xdf => 2,
            _ => return Some(i),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold_all(text: &str) -> String {
        fold(text, &mut RuleCounts::default()).into_owned()
    }

    #[test]
    fn punctuation_of_the_law_is_left_alone() {
        let text = "《最高人民法院关于适用〈中华人民共和国民法典〉的解释》（法释〔2000〕12号），：；！？％．／－＋＜＞﹤﹥“”‘’…—·";
        let mut counts = RuleCounts::default();
        assert_eq!(fold(text, &mut counts), text);
        assert_eq!(counts, RuleCounts::default());
    }

    #[test]
    fn each_rule_changes_what_it_names_and_counts_it() {
        let cases = [
            ("２０07年９月", "2007年9月", Rule::WidthFolded, 3),
            ("ＡＢｚ", "ABz", Rule::WidthFolded, 3),
            ("第一条\u{3000}为\u{a0}了", "第一条 为 了", Rule::SpaceFolded, 2),
            ("法\u{200b}律\u{feff}\u{ad}", "法律", Rule::InvisibleRemoved, 3),
            ("2\u{e010}5米", "2\u{fffd}5米", Rule::PrivateUse, 1),
            ("a\r\nb\rc", "a\nb\nc", Rule::LineBreak, 2),
            ("a\0b\u{7f}", "ab", Rule::ControlRemoved, 2),
            ("金\u{f90a}", "金金", Rule::Composed, 1),
            ("e\u{301}", "é", Rule::Composed, 1),
        ];
        for (text, expected, rule, count) in cases {
            let mut counts = RuleCounts::default();
            assert_eq!(fold(text, &mut counts), expected);
            let hits: Vec<_> = counts.iter().filter(|(_, n)| *n > 0).collect();
            assert_eq!(hits, [(rule, count)], "{text:?}");
        }
    }

    #[test]
    fn every_character_is_composed_exactly_as_nfc_says() {
        // The shortcut around the normaliser must not miss a character.
        let nfc = ComposingNormalizerBorrowed::new_nfc();
        for c in ('\0'..=char::MAX).filter(|c| !nfc.is_normalized(&c.to_string())) {
            let text = format!("法{c}律");
            assert_eq!(compose(&text, &mut RuleCounts::default()), nfc.normalize(&text), "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn folding_twice_changes_nothing_more() {
        for c in '\0'..=char::MAX {
            let once = fold_all(&format!("前{c}后"));
            assert_eq!(fold_all(&once), once, "U+{:04X}", u32::from(c));
        }
    }
}
