//! Defines what happens to lines: edges, runs of spaces, spaced headings.

use std::borrow::Cow;

use super::{Rule, RuleCounts};

/// Whether a character is Han; the extensions used by names are included.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{323af}' | '〇')
}

/// Trim a line, join a spaced heading, and reduce runs of spaces to one.
pub fn line<'a>(line: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
    let trimmed = line.trim();
    if !trimmed.contains([' ', '\t']) {
        if trimmed.len() != line.len() {
            counts.hit(Rule::Spaces);
        }
        return Cow::Borrowed(trimmed);
    }
    let tidy = join_spaced(trimmed, counts);
    let runs = tidy.as_bytes().windows(2).any(|w| w == b"  ") || tidy.contains('\t');
    if !runs {
        return tidy;
    }
    counts.hit(Rule::Spaces);
    let mut text = String::with_capacity(tidy.len());
    for word in tidy.split([' ', '\t']).filter(|word| !word.is_empty()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    Cow::Owned(text)
}

/// The date in the line that China Judgments Online puts above a document: 发布日期：2016-12-05 浏览：100次.
pub fn banner(line: &str) -> Option<&str> {
    let (date, seen) = line.strip_prefix("发布日期")?.split_once("浏览")?;
    let is_count = seen.chars().all(|c| c.is_ascii_digit() || "：:次 ".contains(c));
    let date = date.trim_matches(['：', ':', ' ']);
    (is_count && date.chars().all(|c| c.is_ascii_digit() || c == '-')).then_some(date)
}

// At the end of an article that a site published: …从重处罚。中国刑事辩护网提供http://….
pattern!(CREDIT, r"(?P<text>.*[。；])\p{Han}{2,12}网提供(?:https?://\S+)?$");

/// A line without the name of the site that provided it.
pub fn uncredited<'a>(line: &'a str, counts: &mut RuleCounts) -> &'a str {
    let found = line.contains("网提供").then(|| CREDIT.captures(line)).flatten().and_then(|found| found.name("text"));
    found.map_or(line, |text| {
        counts.hit(Rule::Banner);
        text.as_str()
    })
}

/// Join a line whose words are single Han characters (执 行 裁 定 书), the first word of a heading
/// aside (第一章 总 则). Two characters or more must stand alone, and the line must be short.
fn join_spaced<'a>(line: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
    const MAX_WORDS: usize = 24;
    let single = |word: &str| {
        let mut chars = word.chars();
        matches!((chars.next(), chars.next()), (Some(c), None) if is_han(c))
    };
    let words: Vec<&str> = line.split([' ', '\t']).filter(|w| !w.is_empty()).take(MAX_WORDS + 1).collect();
    let spaced = words.iter().rev().take_while(|w| single(w)).count();
    let heading = spaced + 1 == words.len() && words[0].starts_with('第');
    if words.len() > MAX_WORDS || spaced < 2 || (spaced != words.len() && !heading) {
        return Cow::Borrowed(line);
    }
    counts.hit(Rule::SpacedHeading);
    let joined = words[words.len() - spaced..].concat();
    Cow::Owned(if heading { format!("{} {joined}", words[0]) } else { joined })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banners_and_credits_of_sites_are_told_from_text() {
        assert_eq!(banner("发布日期：2016-12-05 浏览：100次"), Some("2016-12-05"));
        assert_eq!(banner("发布日期：浏览：次"), Some(""));
        assert_eq!(banner("发布日期以浏览页面为准。"), None);
        let mut counts = RuleCounts::default();
        let credit = |line, counts: &mut RuleCounts| uncredited(line, counts).to_owned();
        assert_eq!(credit("　　从重处罚。中国刑事辩护网提供http://www.example.com", &mut counts), "　　从重处罚。");
        for line in ["由中国人大网提供的文本。", "检索服务由某网提供"] {
            assert_eq!(credit(line, &mut counts), line);
        }
        assert_eq!(counts.iter().map(|(_, n)| n).sum::<u64>(), 1);
    }

    #[test]
    fn spaced_headings_are_joined_and_sentences_are_not() {
        let cases = [
            ("第一章 总 则", "第一章 总则"),
            ("  执 行   裁 定 书 ", "执行裁定书"),
            ("第十二章 附 则", "第十二章 附则"),
            ("目 录", "目录"),
            ("第一条 为 了保护", "第一条 为 了保护"),
            ("第一条  为了保护\t人民", "第一条 为了保护 人民"),
            ("甲 乙", "甲乙"),
            ("单独", "单独"),
        ];
        for (raw, expected) in cases {
            assert_eq!(line(raw, &mut RuleCounts::default()), expected);
        }
    }
}
