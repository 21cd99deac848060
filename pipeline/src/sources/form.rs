//! Defines how a raw form is recognised by content, so that a folder needs no manifest.

use corpus_format::{legal::Kind, manifest::Form};

use crate::{
    outcome::{Reason, Rejection},
    segment::heading::{self, Level},
};

/// Recognise the form of a file from its decoded head.
///
/// # Errors
/// A form we do not read, or one that delivers another kind than the source does; says what was seen.
pub fn recognise(head: &str, kind: Kind) -> Result<Form, Rejection> {
    let text = head.trim_start_matches('\u{feff}').trim_start();
    let form = match kind {
        Kind::Instruction => is_json(text).then_some(Form::InstructionJson),
        Kind::Judgment => judgment(text),
        Kind::Statute | Kind::Benchmark => statute(text),
    };
    form.ok_or_else(|| {
        let seen: String = text.lines().next().unwrap_or_default().chars().take(24).collect();
        let detail = format!("no form of a {kind} that we read; {}", shape(text, &seen));
        Rejection::new(Reason::UnknownForm, detail)
    })
}

fn judgment(text: &str) -> Option<Form> {
    if is_json(text) {
        return Some(Form::JudgmentJsonl);
    }
    if text.starts_with("category:") && text.contains("\ncontent:") {
        return Some(Form::SpcText);
    }
    if text.starts_with("<docid>") {
        return Some(Form::WenshuDump);
    }
    if text.starts_with('<') {
        return text.contains("法院").then_some(Form::WenshuPage);
    }
    if text.contains("jsonHtmlData") {
        return Some(Form::WenshuScript);
    }
    let opening: String = text.chars().filter(|c| !c.is_whitespace()).take(2000).collect();
    (opening.contains("人民法院") || opening.contains("法院认为")).then_some(Form::JudgmentText)
}

fn statute(text: &str) -> Option<Form> {
    if text.starts_with("---\n") || text.starts_with("# ") || text.contains("<!-- INFO END -->") {
        return Some(Form::StatuteMarkdown);
    }
    if is_json(text) {
        let is_article = text.starts_with('{') && text.lines().next().is_some_and(|line| line.contains("\"name\""));
        return is_article.then_some(Form::StatuteJsonl);
    }
    if text.starts_with('<') {
        return None;
    }
    let lines = || text.lines().map(|line| line.trim_matches(|c: char| c.is_whitespace() || c == '@'));
    if lines().any(|line| line.starts_with("**第") || line.starts_with("## ")) {
        return Some(Form::StatuteMarkdown);
    }
    let headed = lines().any(|line| heading::parse(line).is_some_and(|h| h.level <= Level::Article));
    // Decisions and replies have numbered points and no articles.
    let numbered = lines().any(|line| line.starts_with("一、") || line.starts_with("（一）"));
    (headed || numbered).then_some(Form::StatuteText)
}

fn is_json(text: &str) -> bool {
    let mut chars = text.chars().filter(|c| !c.is_whitespace());
    match chars.next() {
        Some('{') => matches!(chars.next(), Some('"' | '}')),
        Some('[') => matches!(chars.next(), Some('{' | '[' | ']')),
        _ => false,
    }
}

/// What a file looks like, without showing more of it than its first characters' classes.
fn shape(text: &str, first: &str) -> String {
    let han = first.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
    if text.starts_with('<') {
        "looks like markup".into()
    } else if is_json(text) {
        "looks like JSON".into()
    } else if han > 0 {
        format!("plain text whose first line has {han} Han characters in its first {}", first.chars().count())
    } else {
        format!("first line begins with {first:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_recognised_by_content() {
        let cases = [
            (Kind::Statute, "# 中华人民共和国烟叶税法\n\n2017年", Some(Form::StatuteMarkdown)),
            (Kind::Statute, "---\nsidebar: auto\n---\n", Some(Form::StatuteMarkdown)),
            (Kind::Statute, "　　　目录\n\n@第一编　总则\n第一条　为了", Some(Form::StatuteText)),
            (Kind::Statute, "{\"text\": \"…\"}", None),
            (Kind::Judgment, "category:刑事\ntitle:x\npublictime:2015-02-27\ncontent:中华", Some(Form::SpcText)),
            (Kind::Judgment, "{\"fd\": \"\"}\n", Some(Form::JudgmentJsonl)),
            (Kind::Judgment, "北京市海淀区人民法院\n民 事 判 决 书\n", Some(Form::JudgmentText)),
            (Kind::Statute, "{\"text\": \"为了\", \"name\": \"刑法第一条\"}\n", Some(Form::StatuteJsonl)),
            (Kind::Judgment, "<html><body>人民法院", Some(Form::WenshuPage)),
            (Kind::Judgment, "<html><body>登录", None),
            (Kind::Judgment, "<docid>\n\"6b97\"\n<docid>\n", Some(Form::WenshuDump)),
            (Kind::Judgment, "$(function(){ var jsonHtmlData = \"{", Some(Form::WenshuScript)),
            (Kind::Instruction, "[[{\"instruction\": \"\"", Some(Form::InstructionJson)),
            (Kind::Instruction, "instruction,output\n", None),
        ];
        for (kind, head, form) in cases {
            assert_eq!(recognise(head, kind).ok(), form, "{head}");
        }
    }
}
