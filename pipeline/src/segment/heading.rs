//! Defines the headings of a statute: 第…编, 分编, 章, 节, 条 at the start of a line.

use corpus_format::numeral::{self, ArticleNumber};

/// The level of a heading, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// 编.
    Part,
    /// 分编.
    Subpart,
    /// 章.
    Chapter,
    /// 节.
    Section,
    /// 条.
    Article,
}

/// A heading at the start of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heading<'a> {
    /// Its level.
    pub level: Level,
    /// Its number.
    pub number: ArticleNumber,
    /// 第一百二十条之一, without what follows.
    pub label: &'a str,
    /// Whether a space, or the end of the line, follows the label.
    pub separated: bool,
    /// What follows the label, without leading spaces.
    pub rest: &'a str,
}

/// Parse the heading at the start of `line`; whether it is one in its context, the caller decides.
pub fn parse(line: &str) -> Option<Heading<'_>> {
    let after = line.strip_prefix('第')?;
    // Some sources set spaces inside: 第 一 条.
    let digits_end = after.find(|c| !numeral::is_numeral(c) && c != ' ')?;
    let digits = &after[..digits_end];
    let base = if digits.contains(' ') { numeral::parse(&digits.replace(' ', ""))? } else { numeral::parse(digits)? };
    let base = u16::try_from(base).ok()?;
    let tail = &after[digits_end..];
    let (level, unit) = match tail.chars().next()? {
        '编' => (Level::Part, "编"),
        '分' if tail.starts_with("分编") => (Level::Subpart, "分编"),
        '章' => (Level::Chapter, "章"),
        '节' => (Level::Section, "节"),
        '条' => (Level::Article, "条"),
        _ => return None,
    };
    let mut end = line.len() - tail.len() + unit.len();
    let mut inserted = None;
    if let Some(number) = line[end..].strip_prefix('之') {
        let length = number.find(|c| !numeral::is_numeral(c)).unwrap_or(number.len());
        if let Some(value) = numeral::parse(&number[..length]) {
            inserted = u16::try_from(value).ok();
            end += '之'.len_utf8() + length;
        }
    }
    let (label, rest) = line.split_at(end);
    let separated = rest.is_empty() || rest.starts_with([' ', '\u{3000}', '\t', '\u{a0}']);
    let number = ArticleNumber { base, inserted };
    Some(Heading { level, number, label, separated, rest: rest.trim_start_matches([' ', '\u{3000}', '\t', '\u{a0}']) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> Option<(Level, String, &str, bool, &str)> {
        parse(line).map(|h| (h.level, h.number.to_string(), h.label, h.separated, h.rest))
    }

    #[test]
    fn headings_of_every_level() {
        use Level::*;
        let cases = [
            ("第一编 总则", Some((Part, "1", "第一编", true, "总则"))),
            ("第二分编 典型合同", Some((Subpart, "2", "第二分编", true, "典型合同"))),
            ("第十二章　附则", Some((Chapter, "12", "第十二章", true, "附则"))),
            ("第三节 一般规定", Some((Section, "3", "第三节", true, "一般规定"))),
            ("第一百二十条之一 资助", Some((Article, "120-1", "第一百二十条之一", true, "资助"))),
            ("第二十条规定的行为", Some((Article, "20", "第二十条", false, "规定的行为"))),
            ("第5条 文", Some((Article, "5", "第5条", true, "文"))),
            ("第七条", Some((Article, "7", "第七条", true, ""))),
            ("第一款", None),
            ("依照第一条", None),
            ("第条", None),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|(l, n, label, s, rest)| (l, n.to_owned(), label, s, rest));
            assert_eq!(parts(line), expected, "{line}");
        }
    }
}
