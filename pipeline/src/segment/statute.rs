//! Defines the structure of a statute: title, history, headings and articles in one pass over its lines.
//!
//! The trap is that an article's later paragraphs carry no number while references such as 第二十条规定的
//! may stand at the start of a line: a label without a space after it is an article only where it
//! continues the sequence of numbers. So are the labels in the text of an amendment, which quotes other articles,
//! and those within a line, where a source has run articles together.

use super::{
    heading::{self, Heading, Level},
    sequence,
};
use crate::clean::{Rule, RuleCounts, layout, markup::Page};
use corpus_format::{citation, numeral::ArticleNumber};

/// A statute cut into its parts.
#[derive(Debug, Default)]
pub struct Statute {
    /// The title, where the text has one.
    pub title: Option<String>,
    /// Lines on when and by whom it was passed, published and amended.
    pub history: Vec<String>,
    /// The articles in order.
    pub articles: Vec<Article>,
    /// The cleaned text: title, history, headings and articles, a paragraph a line.
    pub text: String,
    /// Whether there is anything besides title and history.
    pub has_body: bool,
    /// Whether the page is a case published as an example, not a statute.
    pub is_case: bool,
}

/// An article of a statute.
#[derive(Debug, PartialEq, Eq)]
pub struct Article {
    /// Headings above it: part, subpart, chapter, section.
    pub path: [Option<String>; 4],
    /// Its number.
    pub number: ArticleNumber,
    /// Its number as the statute writes it.
    pub label: String,
    /// Its text without the label, paragraphs separated by a line feed.
    pub text: String,
}

impl Article {
    /// Number of its paragraphs (款).
    pub fn num_paragraphs(&self) -> usize {
        citation::num_paragraphs(&self.text)
    }
}

/// Characters beyond which a line is no heading.
const MAX_HEADING_CHARS: usize = 48;

/// Build a statute from a page whose characters are folded and whose markup is gone.
pub fn parse(page: &Page<'_>, counts: &mut RuleCounts) -> Statute {
    let mut builder = Builder::default();
    let text_bytes: usize = page.lines.iter().map(|l| l.text.len() + 1).sum();
    builder.statute.text.reserve(text_bytes);
    for (i, line) in page.lines.iter().enumerate() {
        // A leading @ marks headings in one crawl of the Criminal Law.
        let text = layout::line(line.text.trim_start_matches('@'), counts);
        if text.is_empty() {
            continue;
        }
        if line.level == 1 && builder.statute.title.is_none() {
            builder.statute.title = Some(text.clone().into_owned());
            builder.push_line(&text);
        } else if page.history_end.is_some_and(|end| i < end) || (!builder.in_body() && is_history(&text)) {
            builder.statute.history.push(text.clone().into_owned());
            builder.push_line(&text);
        } else {
            builder.body_lines(&text, line.level, counts);
        }
    }
    let mut statute = builder.statute;
    statute.text.truncate(statute.text.trim_end().len());
    let departures = sequence::departures(statute.articles.iter().map(|article| article.number));
    counts.add_count(Rule::MissingArticle, departures.missing.len() as u64);
    counts.add_count(Rule::RepeatedArticle, departures.repeated.len() as u64);
    statute
}

/// Whether a line before the body states when the statute was passed: it begins with a date, or is in
/// brackets and holds one.
fn is_history(line: &str) -> bool {
    let dated = line.contains('年') && line.contains('月') && line.contains('日');
    let line = line.trim_start_matches(['（', '(']);
    dated && line.starts_with(|c: char| c.is_ascii_digit()) && !line.ends_with('。')
}

#[derive(Default)]
struct Builder {
    statute: Statute,
    path: [Option<String>; 4],
    last: Option<ArticleNumber>,
    /// First entry of the table of contents while it is skipped; empty before its first entry.
    contents: Option<String>,
    in_annex: bool,
    in_article: bool,
}

impl Builder {
    fn in_body(&self) -> bool {
        self.statute.has_body
    }

    fn push_line(&mut self, line: &str) {
        self.statute.text.push_str(line);
        self.statute.text.push('\n');
    }

    /// A line, or the articles that were run together in it.
    fn body_lines(&mut self, line: &str, level: u8, counts: &mut RuleCounts) {
        let mut rest = line;
        while let Some(at) = self.joined_article(rest) {
            counts.hit(Rule::JoinedArticle);
            self.body_line(rest[..at].trim_end(), level, counts);
            rest = &rest[at..];
        }
        self.body_line(rest, level, counts);
    }

    /// Where in the line, after the end of a sentence and a space, the next article begins.
    fn joined_article(&self, line: &str) -> Option<usize> {
        let mut labels =
            line.match_indices(" 第").filter(|(at, _)| line[..*at].ends_with(['。', '；', '”'])).peekable();
        labels.peek()?;
        let own = heading::parse(line).filter(|h| h.level == Level::Article && self.is_article(h));
        let last = own.map(|h| h.number).or(self.last)?;
        labels.map(|(at, _)| at + 1).find(|at| {
            heading::parse(&line[*at..]).is_some_and(|h| {
                h.level == Level::Article && h.separated && !h.rest.is_empty() && follows(last, h.number)
            })
        })
    }

    /// Whether the statute changes another, whose headings and articles its text quotes.
    fn is_amendment(&self) -> bool {
        let title = self.statute.title.as_deref().unwrap_or_default();
        let bare = title.split('（').next().unwrap_or_default();
        bare.ends_with("修正案") || (title.contains("修改") && title.ends_with("决定"))
    }

    fn body_line(&mut self, line: &str, level: u8, counts: &mut RuleCounts) {
        if matches!(line, "目录" | "目 录" | "目　录") {
            self.contents = Some(String::new());
            counts.hit(Rule::Contents);
            return;
        }
        let heading = heading::parse(line);
        if self.is_contents(line, heading.as_ref()) {
            return;
        }
        if is_case_heading(line) {
            self.statute.is_case = true;
        }
        match heading {
            Some(h) if h.level != Level::Article && self.is_heading(&h, line) => self.open_heading(&h, line),
            Some(h) if h.level == Level::Article && self.is_article(&h) => self.open_article(&h),
            _ => self.plain_line(line, level),
        }
        self.statute.has_body = true;
    }

    /// Whether the line is part of the table of contents, which ends where its first entry comes again.
    fn is_contents(&mut self, line: &str, heading: Option<&Heading<'_>>) -> bool {
        let Some(first) = &mut self.contents else { return false };
        let compact: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        let is_entry = heading.is_some_and(|h| h.level != Level::Article) || is_appendix_entry(line);
        if !is_entry || *first == compact {
            self.contents = None;
            return false;
        }
        if first.is_empty() {
            *first = compact;
        }
        true
    }

    fn is_heading(&self, heading: &Heading<'_>, line: &str) -> bool {
        !self.in_annex
            && !self.is_amendment()
            && line.chars().count() <= MAX_HEADING_CHARS
            && !line.contains(['。', '；'])
            && (heading.separated || !heading.rest.contains(['，', '、', '：']) && !continues(heading.rest))
    }

    fn open_heading(&mut self, heading: &Heading<'_>, line: &str) {
        let depth = heading.level as usize;
        let text = if heading.rest.is_empty() {
            heading.label.to_owned()
        } else {
            format!("{} {}", heading.label, heading.rest)
        };
        self.path[depth] = Some(text.clone());
        self.path[depth + 1..].fill(None);
        self.in_article = false;
        let line = if heading.separated { line } else { &text };
        self.push_line(line);
    }

    fn is_article(&self, heading: &Heading<'_>) -> bool {
        if self.in_annex {
            return false;
        }
        if heading.separated && !heading.rest.is_empty() {
            return self.last.is_none_or(|last| !self.is_amendment() || follows(last, heading.number));
        }
        // No space, or nothing after it: an article only where the sequence goes on.
        let follows = match self.last {
            None => heading.number == ArticleNumber { base: 1, inserted: None },
            Some(last) => follows(last, heading.number),
        };
        follows && !continues(heading.rest)
    }

    fn open_article(&mut self, heading: &Heading<'_>) {
        self.last = Some(heading.number);
        self.in_article = true;
        let label = heading.label.replace(' ', "");
        self.statute.text.push_str(&label);
        self.statute.text.push(' ');
        self.push_line(heading.rest);
        self.statute.articles.push(Article {
            path: self.path.clone(),
            number: heading.number,
            label,
            text: heading.rest.to_owned(),
        });
    }

    fn plain_line(&mut self, line: &str, level: u8) {
        if is_annex_heading(line) && !self.statute.articles.is_empty() {
            self.in_annex = true;
            self.in_article = false;
        }
        if self.statute.title.is_none() && !self.statute.has_body && is_title(line) {
            self.statute.title = Some(line.to_owned());
            self.push_line(line);
            // A title is no body.
            return;
        }
        if self.in_article && level == 0 {
            if let Some(article) = self.statute.articles.last_mut() {
                if !article.text.is_empty() {
                    article.text.push('\n');
                }
                article.text.push_str(line);
            }
        } else if level > 0 {
            self.in_article = false;
        }
        self.push_line(line);
    }
}

/// Whether `number` is the next article after `last`, or the next that was inserted behind it.
fn follows(last: ArticleNumber, number: ArticleNumber) -> bool {
    let next = ArticleNumber { base: last.base.saturating_add(1), inserted: None };
    let inserted = last.inserted.unwrap_or(0).saturating_add(1);
    number == next || number == ArticleNumber { base: last.base, inserted: Some(inserted) }
}

/// Whether what follows a label goes on with the sentence, so that the label is a reference.
fn continues(rest: &str) -> bool {
    const WORDS: [&str; 16] =
        ["规定", "第", "和", "或", "、", "的", "至", "中", "所", "款", "项", "及", "以", "，", "与", "修改"];
    WORDS.iter().any(|word| rest.starts_with(word))
}

fn is_annex_heading(line: &str) -> bool {
    const NAMES: [&str; 4] = ["附件", "附表", "附录", "附："];
    line.chars().count() <= 32 && !line.contains('。') && NAMES.iter().any(|name| line.starts_with(name))
}

fn is_appendix_entry(line: &str) -> bool {
    matches!(line, "附则" | "附件" | "附录" | "序言" | "前言" | "总则") || is_annex_heading(line)
}

/// Headings that only a published case has.
fn is_case_heading(line: &str) -> bool {
    const HEADINGS: [&str; 10] = [
        "基本案情",
        "简要案情",
        "案情简介",
        "案情回顾",
        "裁判结果",
        "裁判要旨",
        "裁判要点",
        "法院裁判",
        "典型意义",
        "法官解读",
    ];
    HEADINGS.contains(&line.trim_matches(['【', '】', '：', ' ']))
}

/// Whether a first line can be a title: short, not a sentence, and naming an instrument.
fn is_title(line: &str) -> bool {
    const ENDS: [&str; 14] =
        ["法", "条例", "规定", "办法", "细则", "解释", "决定", "批复", "规则", "意见", "通知", "法典", "宪法", "答复"];
    let bare = line.trim_end_matches('）').split('（').next().unwrap_or(line);
    line.chars().count() <= 80 && !line.ends_with('。') && ENDS.iter().any(|end| bare.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean::markup;

    fn statute(text: &str) -> Statute {
        let mut counts = RuleCounts::default();
        parse(&markup::markdown(text, &mut counts), &mut counts)
    }

    fn numbers(s: &Statute) -> Vec<String> {
        s.articles.iter().map(|a| a.number.to_string()).collect()
    }

    #[test]
    fn tree_paragraphs_and_inserted_articles() {
        let s = statute(
            "# 中华人民共和国某法\n\n2020年1月1日 通过\n\n<!-- INFO END -->\n\n## 第一编 总 则\n\n### 第一章 任务\n\n\
             第一条 甲。\n\n后款。\n\n（一）项；\n\n第一条之一 乙。\n\n### 第二章 范围\n\n#### 第一节 节名\n\n第二条 丙。\n",
        );
        assert_eq!(s.title.as_deref(), Some("中华人民共和国某法"));
        assert_eq!(s.history, ["2020年1月1日 通过"]);
        assert_eq!(numbers(&s), ["1", "1-1", "2"]);
        assert_eq!(s.articles[0].text, "甲。\n后款。\n（一）项；");
        let path = |i: usize| s.articles[i].path.clone().map(Option::unwrap_or_default);
        assert_eq!(path(0), ["第一编 总则", "", "第一章 任务", ""]);
        assert_eq!(path(2), ["第一编 总则", "", "第二章 范围", "第一节 节名"]);
        assert!(
            s.text.starts_with("中华人民共和国某法\n2020年1月1日 通过\n第一编 总则\n第一章 任务\n第一条 甲。\n后款。")
        );
    }

    #[test]
    fn a_reference_at_the_start_of_a_line_is_not_an_article() {
        let s = statute(
            "# 某法\n<!-- INFO END -->\n第一条 有下列情形：\n第二十条规定的；\n第二条、第三条所列的。\n第二条　乙。\n第三条丙。\n",
        );
        assert_eq!(numbers(&s), ["1", "2", "3"]);
        assert_eq!(s.articles[0].text, "有下列情形：\n第二十条规定的；\n第二条、第三条所列的。");
    }

    #[test]
    fn articles_run_together_in_a_line_are_set_apart() {
        let s = statute(
            "# 某法\n<!-- INFO END -->\n第一条 甲。 第二条 乙，见下。 第九条 的除外。 第三条 丙。\n第四条 丁。\n",
        );
        assert_eq!(numbers(&s), ["1", "2", "3", "4"]);
        assert_eq!(s.articles[1].text, "乙，见下。 第九条 的除外。");
    }

    #[test]
    fn an_amendment_quotes_articles_that_are_not_its_own() {
        let s = statute(
            "# 某宪法修正案（2018年）\n<!-- INFO END -->\n第五十一条 修改。\n第五十二条 增加：\n第七节 监察\n第一百二十三条 甲。\n",
        );
        assert_eq!(numbers(&s), ["51", "52"]);
        assert_eq!(s.articles[1].text, "增加：\n第七节 监察\n第一百二十三条 甲。");
    }

    #[test]
    fn a_table_of_contents_is_removed_and_annexes_have_no_articles() {
        let s = statute(
            "# 某法\n<!-- INFO END -->\n目　录\n第一章　总则\n第二章　附则\n第一章　总则\n第一条　甲。\n第二章　附则\n第二条　乙。\n附件一\n第一条 附件的。\n",
        );
        assert_eq!(numbers(&s), ["1", "2"]);
        assert_eq!(s.text.matches("第二章").count(), 1);
        assert!(s.text.ends_with("附件一\n第一条 附件的。"));
    }

    #[test]
    fn a_statute_with_a_title_and_a_history_has_no_body() {
        assert!(!statute("# 某法\n\n2020年1月1日 通过\n\n<!-- INFO END -->\n\n").has_body);
        assert!(statute("# 某决定\n<!-- INFO END -->\n一、废止某条例。\n").has_body);
    }

    #[test]
    fn cases_are_told_from_statutes() {
        assert!(statute("# 某某案\n<!-- INFO END -->\n## 基本案情\n某某诉某公司。\n").is_case);
    }
}
