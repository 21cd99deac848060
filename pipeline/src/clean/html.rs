//! Defines how an HTML page becomes lines of text: a block is a line, and what a browser would not show is left out.
//!
//! `<` before a Han character opens no tag, as the standard has it, so 《关于适用<刑法>的解释》 keeps its inner name.

use html5gum::{Token, Tokenizer};

use super::{Rule, RuleCounts, layout::is_han, leftovers};

/// Elements that begin and end a line.
const BLOCKS: [&[u8]; 16] = [
    b"div", b"p", b"br", b"tr", b"li", b"ul", b"ol", b"table", b"h1", b"h2", b"h3", b"h4", b"hr", b"body", b"center",
    b"form",
];
/// Elements whose text is not shown. Pages have `<styletype=…>`, from which a space was lost.
const HIDDEN: [&[u8]; 3] = [b"script", b"style", b"title"];

/// A line this long was not meant to end before a number.
const MIN_BROKEN_CHARS: usize = 20;

/// The text of a page, a line a block.
pub fn text(html: &str, counts: &mut RuleCounts) -> String {
    counts.hit(Rule::Html);
    let mut lines = Lines::default();
    let mut hidden: Option<(&[u8], String)> = None;
    for token in Tokenizer::new(html) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = &tag.name[..];
                if let Some(element) = HIDDEN.into_iter().find(|element| name.starts_with(element)) {
                    if !tag.self_closing {
                        hidden.get_or_insert((element, String::new()));
                    }
                } else if BLOCKS.contains(&name) {
                    lines.end();
                }
            }
            Token::EndTag(tag) => {
                if hidden.as_ref().is_some_and(|(element, _)| tag.name.starts_with(element)) {
                    hidden = None;
                } else if BLOCKS.contains(&&tag.name[..]) {
                    lines.end();
                }
            }
            Token::String(text) => {
                let text = String::from_utf8_lossy(&text);
                match &mut hidden {
                    Some((_, kept)) => kept.push_str(&text),
                    None => lines.add(&text),
                }
            }
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    // An element that never ends hides nothing.
    if let Some((_, kept)) = hidden {
        lines.add(&kept);
    }
    lines.end();
    rejoined(&leftovers::removed(lines.text, counts), counts)
}

/// Lines while they grow; white space of the page's source is a space, and none between Han characters.
#[derive(Default)]
struct Lines {
    text: String,
    line: String,
}

impl Lines {
    fn add(&mut self, text: &str) {
        let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
        let mut rest = text;
        while let Some(at) = rest.find(is_blank) {
            self.line.push_str(&rest[..at]);
            let after = rest[at..].trim_start_matches(is_blank);
            let is_break = rest[at..rest.len() - after.len()].contains('\n');
            let is_inside = self.line.ends_with(is_han) && after.starts_with(is_han);
            if !(self.line.is_empty() || self.line.ends_with(' ') || is_break && is_inside) {
                self.line.push(' ');
            }
            rest = after;
        }
        self.line.push_str(rest);
    }

    fn end(&mut self) {
        let line = self.line.trim_end();
        if !line.is_empty() {
            self.text.push_str(line);
            self.text.push('\n');
        }
        self.line.clear();
    }
}

/// Join a line that ends in the middle of a sentence, before a number, with the next.
fn rejoined(text: &str, counts: &mut RuleCounts) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut last_chars = 0;
    for line in text.lines() {
        let is_broken = last_chars >= MIN_BROKEN_CHARS
            && joined.ends_with(is_han)
            && line.starts_with(|c: char| c.is_ascii_digit());
        if is_broken {
            counts.hit(Rule::Rejoined);
        } else if !joined.is_empty() {
            joined.push('\n');
        }
        last_chars = line.chars().count() + if is_broken { last_chars } else { 0 };
        joined.push_str(line);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(html: &str) -> String {
        text(html, &mut RuleCounts::default())
    }

    #[test]
    fn blocks_are_lines_and_what_is_hidden_is_left_out() {
        let page = "<html><head><title>某案</title><style>p { color: red }</style></head><body>\n<a type='dir' \
                    name='WBSB'></a><div style='TEXT-ALIGN: center'>某某人民法院</div><div>民 事 判 决 书</div>\n\
                    <p>原告\n张某，<b>男</b>。</p><script>if (a < b) {}</script>本院<br/>认为</body>";
        assert_eq!(shown(page), "某某人民法院\n民 事 判 决 书\n原告张某，男。\n本院\n认为");
        // A style of which the space was lost, and an element that never ends.
        assert_eq!(shown("<styletype=”text/css”>.a{}</style>判决书"), "判决书");
        assert_eq!(shown("甲<style>乙"), "甲乙");
    }

    #[test]
    fn names_of_laws_in_brackets_stay() {
        for name in
            ["《关于适用<刑法>的解释》", "《关于适用&lt;刑法&gt;的解释》", "《关于适用&amp;lt;刑法&amp;gt;的解释》"]
        {
            assert_eq!(shown(&format!("<div>{name}</div>")), "《关于适用<刑法>的解释》");
        }
        assert_eq!(shown("<p>〈甲〉《乙》＜丙＞〔2000〕&ldquo;丁&rdquo;</p>"), "〈甲〉《乙》＜丙＞〔2000〕“丁”");
    }

    #[test]
    fn breaks_of_every_kind_are_lines_and_word_s_leftovers_go() {
        let mut counts = RuleCounts::default();
        let page = "<div>第一条　甲[ly]第二条　乙&amp;#xA;第三条{C}&lt;!--TABLE{x}--&gt;　01lydyh01丙</div>";
        assert_eq!(text(page, &mut counts), "第一条　甲\n第二条　乙\n第三条　'丙");
        let hits = |rule: Rule| counts.iter().find(|(r, _)| *r == rule).map(|(_, n)| n);
        assert_eq!((hits(Rule::Unescaped), hits(Rule::WordJunk)), (Some(3), Some(2)));
        let broken = "<div>被告人某某于某日晚在某地某小区内窃取被害人某某现金</div><div>4100余元，后逃离。</div>\n<div>2013年，某某</div>";
        let lines = shown(broken);
        assert_eq!(lines.lines().count(), 2, "{lines}");
        assert!(lines.contains("现金4100余元") && lines.ends_with("\n2013年，某某"));
    }
}
