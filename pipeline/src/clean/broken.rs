//! Defines which lines a source broke in the middle of a sentence: 无正当理由拒不到⏎庭的. They are joined.
//!
//! Most lines that end without a full stop are no such lines: headings, signatures, parties, items, and sentences whose
//! full stop was lost. A line is broken where it is long and ends with a comma, or where the two characters at the
//! break stand side by side elsewhere in the document.

use std::{borrow::Cow, cell::LazyCell, collections::HashSet};

use super::{Rule, RuleCounts, layout::is_han, markup::Line};

/// A shorter line was meant to end.
const MIN_BROKEN_CHARS: usize = 20;

/// A longer one is no line that was broken.
const MAX_BROKEN_BYTES: usize = 16 << 10;

// How a line begins that is a paragraph of its own: an item, a heading, a party, who signs, what the court thinks.
pattern!(
    PARAGRAPH,
    concat!(
        r"^\s*(?:[（(〔\[【<《#*|@“]|[0-9０-９]|[一二三四五六七八九十]+[、.．是]|第\s*[一二三四五六七八九十百千零〇0-9]+\s*[编章节条款项]",
        r"|附|原告|被告|被执行|第三人|被?上诉|被?申请|再审|委托|法定|负责人|诉讼代|辩护人|公诉|自诉|罪犯|原审|[一二]审|住所|代表人",
        r"|(?:代理)?审\s*判|执\s*行|(?:代\s*)?书\s*记|法官|人民陪审|代\s*理|[一二][〇○ＯO0零]\S{2}年|本院|合议庭|经审|综上|据此|因此)"
    )
);
/// What no statement ends with.
const OPEN: [&str; 11] = ["和", "与", "及", "或", "并", "且", "应当", "不得", "按照", "依照", "根据"];

/// Join the lines of `text` that a source broke in the middle of a sentence.
pub fn rejoined<'a>(text: Cow<'a, str>, counts: &mut RuleCounts) -> Cow<'a, str> {
    let neighbours = LazyCell::new(|| neighbours(&text));
    let mut starts = Vec::new();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        if let Some(next) = lines.peek().filter(|next| goes_on(line, next, || &*neighbours)) {
            starts.push(next.as_ptr() as usize - text.as_ptr() as usize);
        }
    }
    if starts.is_empty() {
        return text;
    }
    let mut joined = String::with_capacity(text.len());
    let mut from = 0;
    for start in starts {
        counts.hit(Rule::Rejoined);
        joined.push_str(text[from..start].trim_end());
        from = start;
    }
    joined.push_str(&text[from..]);
    Cow::Owned(joined)
}

/// Join the lines of a statute's page that its source broke in the middle of a sentence; `text` is all of it.
pub fn rejoin_page(lines: &mut Vec<Line<'_>>, text: &str, counts: &mut RuleCounts) {
    let neighbours = LazyCell::new(|| neighbours(text));
    lines.dedup_by(|next, line| {
        let is_broken = next.level == 0 && goes_on(line.text.trim(), next.text.trim(), || &*neighbours);
        if is_broken {
            counts.hit(Rule::Rejoined);
            line.text = format!("{}{}", line.text.trim_end(), next.text.trim()).into();
        }
        is_broken
    });
}

/// The characters that stand side by side.
fn neighbours(text: &str) -> HashSet<(char, char)> {
    text.chars().zip(text.chars().skip(1)).collect()
}

/// Whether `next` goes on with the sentence that `line` breaks off.
fn goes_on<'a>(line: &str, next: &str, neighbours: impl Fn() -> &'a HashSet<(char, char)>) -> bool {
    let Some(last) = line.chars().next_back() else { return false };
    let is_comma = matches!(last, '，' | '、');
    let is_long = line.len() <= MAX_BROKEN_BYTES && line.chars().count() >= MIN_BROKEN_CHARS;
    if !is_long || !(is_comma || is_han(last) && line.contains('，')) {
        return false;
    }
    let Some(first) = next.chars().next().filter(|c| is_han(*c)) else { return false };
    let is_open = || OPEN.iter().any(|word| line.ends_with(word)) || neighbours().contains(&(last, first));
    (is_comma || is_open()) && !PARAGRAPH.is_match(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> (String, u64) {
        let mut counts = RuleCounts::default();
        let joined = rejoined(Cow::Borrowed(text), &mut counts).into_owned();
        (joined, counts.iter().map(|(_, n)| n).sum())
    }

    #[test]
    fn a_line_that_breaks_off_is_joined_with_the_next() {
        let start = "被告经传票传唤，原告也经法院依法通知，无正当理由拒不到";
        let cases = [
            // The two characters of the break stand together elsewhere.
            format!("未到庭参加诉讼。\n{start}\n庭的，可以缺席判决。"),
            format!("未到庭参加诉讼。\n\u{3000}\u{3000}{start}  \n\n  庭的，可以缺席判决。"),
            "当事人一方不履行合同义务，造成另一方的损失的，应当\n承担违约责任。".to_owned(),
            "双方共签订了三份联合招标协议书（即本案的居间合同），\n三份协议约定了费用。".to_owned(),
        ];
        for text in cases {
            let (joined, count) = joined(&text);
            assert_eq!(count, 1, "{text}");
            assert!(["拒不到庭的", "应当承担", "），三份"].iter().any(|words| joined.contains(words)), "{joined}");
        }
    }

    #[test]
    fn headings_parties_signatures_items_and_lost_full_stops_stay_lines() {
        let prose = "原告住北京市某区，被告住某市某区，双方于某日签订合同";
        for next in [
            "本院认为，合同有效。",
            "被告：某乙，男。",
            "被执行人：某丙公司。",
            "（一）关于效力的问题",
            "二、驳回其他诉讼请求。",
            "第三条 合同的效力",
            "审\u{3000}判\u{3000}员　某丙",
            "二〇一八年五月三日",
            "3份协议",
        ] {
            let text = format!("同本院被告二审第。\n{prose}，\n{next}");
            assert_eq!(joined(&text), (text.clone(), 0));
        }
        // A sentence that lost its full stop: 同上 is nowhere else.
        let text = format!("{prose}\n上诉期满，未履行。");
        assert_eq!(joined(&text), (text.clone(), 0));
        // A heading has no comma, and a short line was meant to end.
        for text in ["关于合同是否已经于二〇〇四年七月解除的问题\n题中的合同有效，合同。", "甲，乙，\n丙。"]
        {
            assert_eq!(joined(text), (text.to_owned(), 0));
        }
    }
}
