//! Defines how Markdown becomes lines of text; what a heading was is kept as its level.

use std::borrow::Cow;

use super::{Rule, RuleCounts};

/// The line that ends the history of a statute in LawRefBook's files.
const INFO_END: &str = "<!-- INFO END -->";

/// A line of a document without markup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// Level of a Markdown heading, 1 to 6; 0 for text.
    pub level: u8,
    /// The text.
    pub text: Cow<'a, str>,
}

/// A Markdown page without its markup.
#[derive(Debug, Default)]
pub struct Page<'a> {
    /// The lines in order, blank ones left out.
    pub lines: Vec<Line<'a>>,
    /// Number of lines before the mark that ends a statute's history, where there is one.
    pub history_end: Option<usize>,
}

/// Take the markup out of a Markdown page.
pub fn markdown<'a>(text: &'a str, counts: &mut RuleCounts) -> Page<'a> {
    let mut page = Page::default();
    let mut text = text;
    if let Some(end) = text.strip_prefix("---\n").and_then(|rest| rest.find("\n---")) {
        counts.hit(Rule::FrontMatter);
        // Skip the opening line, the block, and the closing line.
        let rest = &text[4 + end + 4..];
        text = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    let mut in_comment = false;
    for line in text.lines() {
        let line = line.trim();
        if in_comment || line.starts_with("<!--") {
            if !in_comment {
                counts.hit(Rule::Comment);
            }
            in_comment = !line.contains("-->");
            if line == INFO_END && page.history_end.is_none() {
                page.history_end = Some(page.lines.len());
            }
            continue;
        }
        let marks = line.bytes().take_while(|b| *b == b'#').count();
        let level = if marks <= 6 && line[marks..].starts_with(' ') { marks } else { 0 };
        let text = line[level..].trim();
        let text = inline(text, counts);
        if !text.is_empty() {
            page.lines.push(Line { level: u8::try_from(level).unwrap_or(0), text });
        }
    }
    page
}

/// Reduce emphasis, break tags, comments and links inside a line to their text.
fn inline<'a>(line: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
    if !line.contains(['*', '<', '[', '&', '\\']) {
        return Cow::Borrowed(line);
    }
    let mut text = line.replace("**", "");
    for tag in ["</br>", "<br>", "<br/>", "<br />"] {
        text = text.replace(tag, " ");
    }
    while let Some(start) = text.find("<!--") {
        let end = text[start..].find("-->").map_or(text.len(), |n| start + n + 3);
        text.replace_range(start..end, "");
    }
    for (entity, plain) in [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("\\*", "*"), ("\\_", "_")] {
        text = text.replace(entity, plain);
    }
    text = without_link_targets(text);
    if text == line {
        return Cow::Borrowed(line);
    }
    counts.hit(Rule::Inline);
    Cow::Owned(text.trim().to_owned())
}

/// `[text](target)` and `![text](target)` become `text`. A target begins like one, so that brackets of
/// the law's own are left alone.
fn without_link_targets(mut text: String) -> String {
    let mut from = 0;
    while let Some(middle) = text[from..].find("](").map(|n| from + n) {
        let target = &text[middle + 2..];
        let is_target = ["http", "/", "#", "./", "../"].iter().any(|start| target.starts_with(start));
        let (open, close) = (text[..middle].rfind('['), target.find(')'));
        from = middle + 2;
        if let (true, Some(open), Some(close)) = (is_target, open, close) {
            text.replace_range(middle..middle + 2 + close + 1, "");
            let image = text[..open].ends_with('!');
            text.replace_range(open - usize::from(image)..=open, "");
            from = middle - 1 - usize::from(image);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> (Vec<(u8, String)>, Option<usize>) {
        let page = markdown(text, &mut RuleCounts::default());
        (page.lines.into_iter().map(|l| (l.level, l.text.into_owned())).collect(), page.history_end)
    }

    #[test]
    fn lawrefbook_and_vuepress_pages() {
        let text = "---\nsidebar: auto\n---\n\n# 题\n\n2017年 通过\n\n<!-- INFO END -->\n\n## 第一章 总则\n**第一条**\u{3000}文</br>字\n";
        let expected = [(1, "题"), (0, "2017年 通过"), (2, "第一章 总则"), (0, "第一条\u{3000}文 字")];
        let (found, history_end) = lines(text);
        assert_eq!(found, expected.map(|(level, text)| (level, text.to_owned())));
        assert_eq!(history_end, Some(2));
    }

    #[test]
    fn links_are_reduced_and_legal_brackets_stay() {
        let text = "见[第五条](#第五条)和![图](/a.png)，法释[2000]12号，[甲](乙)";
        assert_eq!(lines(text).0, [(0, "见第五条和图，法释[2000]12号，[甲](乙)".to_owned())]);
        assert_eq!(lines("《关于适用<刑法>的解释》").0, [(0, "《关于适用<刑法>的解释》".to_owned())]);
    }
}
