//! Defines the sections of a court document, found by the phrases that SPC 法〔2016〕221号 prescribes.
//!
//! Each section begins where its phrase does; a section whose phrase is missing is absent, and the text
//! belongs to the section before it. Spans are in characters of the cleaned text and cover all of it.

use corpus_format::legal::Section;
use regex::Regex;

/// A section of a court document: characters `start..end` of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which section.
    pub section: Section,
    /// First character.
    pub start: u32,
    /// Character after the last.
    pub end: u32,
}

// The document type ends the title; a case number may follow it.
pattern!(
    TITLE_END,
    r"^[^。；]{0,120}?(?:判\s*决|裁\s*定|决\s*定|调\s*解|通\s*知|支\s*付\s*令)\s*书[^\S\n]*(?:\n?\s*[（(〔\[]\s*(?:19|20)\d{2}\s*[）)〕\]][^\n。；，：]{1,30}?号(?:之[一二三四五六七八九十]+)?[：:]?)?"
);
// The court's own heading after the name that a site gave the case: …盗窃罪一审刑事判决书湖南省桃源县人民法院刑事判决书.
pattern!(
    OWN_HEADING,
    r"^\s*(?:中华人民共和国)?[\p{Han}]{2,24}?法\s*院\s*[^。；，：:]{0,24}?(?:判\s*决|裁\s*定|决\s*定|调\s*解|通\s*知|支\s*付\s*令)\s*书[^\S\n]*(?:\n?\s*[（(〔\[]\s*(?:19|20)\d{2}\s*[）)〕\]][^\n。；，：]{1,30}?号(?:之[一二三四五六七八九十]+)?[：:]?)?"
);
// The sentence that ends the account of how the case came to the court.
pattern!(CLOSED, r"(?:审理|复核|审查|现)已?终结[。，,；;]?");
pattern!(HEARD, r"(?:公开开庭[^。\n]{0,12}审理了?[^。\n]{0,16}|到庭参加[^。\n]{0,6}诉讼)。");
pattern!(
    FACTS,
    r"公诉机关指控|检察院(?:起诉书)?指控[：:，,]|(?:经(?:本院|法院)?(?:审理|再审|审查|复核)(?:查明|确认))|(?:原告|申请再审人|再审申请人|上诉人|申诉人)[^。\n]{0,60}?(?:诉称|申请再审称|上诉称|申诉称|称[：:，,])|提出申诉|申请再审[。，称]|执行(?:过程)?中[，,]|经查[，,：:]|本院在[^。\n]{0,160}?(?:一案|纠纷)|原告[^。\n]{1,60}?诉被告[^。\n]{1,120}?一案|申请人[^。\n]{1,60}?向本院(?:申请|提出)"
);
pattern!(REASONING, r"(?:本院|合议庭|本庭)(?:经[^。，]{0,12})?(?:认为|审查认为|复核认为)|判决理由[：:]");
pattern!(LEGAL_BASIS, r"(?:(?:据此|综上(?:所述)?|因此|为此|故)[，,]?\s*)?(?:依照|依据|根据|按照)[^。\n]{0,12}《");
pattern!(RULED, r"(?:判决|裁定|决定|通知|达成[^。]{0,10}协议|调解)如下[：:]?|如下(?:判决|裁定|决定)[：:]?");
pattern!(
    TAIL,
    r"(?:如不服从?本(?:判决|裁定|决定)|如果?[^。，；\n]{0,12}?(?:未|不)按照?本?(?:判决|裁定|调解)|本(?:判决|裁定|决定|调解|通知)书?(?:为终审|自|送达|立即|一经|经)|逾期[，,]?(?:依照|不|未)|案件申请费|申请(?:执行)?费[0-9]|本案[^。；\n]{0,20}案件受理费|[一二]审案件受理费|案件受理费)"
);
pattern!(
    SIGNATURE,
    r"(?:(?:代理)?审\s*判|执\s*行)\s*(?:长|员)[^。；，]{0,24}(?:\n|$|审判|执行|代理|人民|书记|[一二]\S{3}年)|二[〇○ＯO0零]\S{2}年\S{1,3}月\S{1,3}日\s*(?:\n|书记员|法官助理|$)"
);

/// Bytes from one sentence on the hearing to the next.
const MAX_HEARING_BYTES: usize = 450;

/// Characters after 本院认为 in which evidence is named where it is about that.
const MAX_EVIDENCE_CHARS: usize = 10;

/// The bytes of the court's own heading at the start of a court document, where one can be told; the title ends with it.
pub fn heading(text: &str) -> Option<std::ops::Range<usize>> {
    let end = TITLE_END.find(text)?.end();
    match OWN_HEADING.find(&text[end..]) {
        Some(own) => Some(end..end + own.end()),
        None => Some(0..end),
    }
}

/// The sections of a court document, in order, without gaps.
pub fn sections(text: &str) -> Vec<Span> {
    let starts = starts(text);
    let mut spans: Vec<Span> = Vec::with_capacity(starts.len());
    let (mut byte, mut chars) = (0, 0);
    for (at, section) in starts {
        chars += count(&text[byte..at]);
        byte = at;
        if let Some(last) = spans.last_mut() {
            last.end = chars;
        }
        spans.push(Span { section, start: chars, end: chars });
    }
    let total = chars + count(&text[byte..]);
    if let Some(last) = spans.last_mut() {
        last.end = total;
    }
    spans.retain(|span| span.start < span.end);
    spans
}

/// The text of a section; empty where there is none.
pub fn text_of<'a>(text: &'a str, spans: &[Span], section: Section) -> &'a str {
    let Some(span) = spans.iter().find(|span| span.section == section) else { return "" };
    let byte = |text: &str, chars: u32| text.char_indices().nth(chars as usize).map_or(text.len(), |(at, _)| at);
    let start = byte(text, span.start);
    &text[start..start + byte(&text[start..], span.end - span.start)]
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

/// Where each section begins, in bytes, ascending. Every phrase is looked for after the one before it.
fn starts(text: &str) -> Vec<(usize, Section)> {
    let find = |pattern: &Regex, from: usize| pattern.find_at(text, from).map(|m| m.start());
    let title_end = heading(text).map_or(0, |heading| heading.end);
    let mut starts = vec![(0, Section::Title), (title_end, Section::Header)];
    let mut from = title_end;
    // What a court thinks of a piece of evidence is not yet its reasoning.
    let is_on_evidence = |end: usize| text[end..].chars().take(MAX_EVIDENCE_CHARS).collect::<String>().contains("证据");
    let thoughts = || REASONING.find_iter(&text[from..]).map(|m| (from + m.start(), from + m.end()));
    let reasoning = thoughts().find(|(_, end)| !is_on_evidence(*end)).or_else(|| thoughts().next());
    let reasoning = reasoning.map(|(start, _)| start);
    let before_reasoning = |at: &usize| reasoning.is_none_or(|reasoning| *at < reasoning);
    let end = |pattern: &Regex| pattern.find_at(text, from).map(|m| m.end()).filter(before_reasoning);
    let phrase = || {
        // The section begins with the sentence that holds the phrase.
        let facts = find(&FACTS, from).filter(before_reasoning)?;
        Some(text[from..facts].rfind(['。', '\n']).map_or(from, |n| ceil_boundary(text, from + n + 1)))
    };
    // Who came to the hearing may be told after that it was held.
    let heard = || {
        let ends = HEARD.find_iter(&text[from..]).map(|m| from + m.end()).filter(before_reasoning);
        ends.reduce(|last, end| if end - last < MAX_HEARING_BYTES { end } else { last })
    };
    if let Some(facts) = end(&CLOSED).or_else(heard).or_else(phrase) {
        let is_told = reasoning.is_none_or(|reasoning| !text[facts..reasoning].trim().is_empty());
        if is_told {
            starts.push((facts, Section::Facts));
        }
        from = facts;
    }
    if let Some(reasoning) = reasoning {
        starts.push((reasoning, Section::Reasoning));
        from = reasoning;
    }
    // The operative part follows the last 如下 of the reasoning: earlier ones quote other courts.
    let ruled = RULED.find_iter(&text[from..]).map(|m| from + m.end()).find(|end| {
        reasoning.is_some() || text[*end..].starts_with(['\n', ' ']) || text[..*end].ends_with(['：', ':'])
    });
    if let Some(ruled) = ruled {
        let basis = LEGAL_BASIS.find_iter(&text[from..ruled]).map(|m| from + m.start());
        let sentence = text[from..ruled].rfind('。').map_or(from, |n| from + n + '。'.len_utf8());
        if let Some(basis) = basis.filter(|b| *b >= sentence).min() {
            starts.push((basis, Section::LegalBasis));
        }
        starts.push((ruled, Section::Disposition));
        from = ruled;
    }
    if let Some(tail) = find(&TAIL, from).filter(|_| ruled.is_some()) {
        starts.push((tail, Section::Tail));
        from = tail;
    }
    if let Some(signature) = find(&SIGNATURE, from.max(floor_boundary(text, text.len() / 3))) {
        starts.push((signature, Section::Signature));
    }
    starts
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(&'static str, String)> {
        let chars: Vec<char> = text.chars().collect();
        sections(text)
            .into_iter()
            .map(|s| (s.section.as_str(), chars[s.start as usize..s.end as usize].iter().collect()))
            .collect()
    }

    #[test]
    fn a_ruling_with_line_breaks() {
        let text = "中华人民共和国最高人民法院\n刑事裁定书\n被告人张某，男。现在押。\n某院指控张某犯罪一案，现已复核终结。\n经复核确认，张某犯罪。\n\
                    本院认为，张某构成犯罪。依照《中华人民共和国刑事诉讼法》第二百三十五条的规定，裁定如下：\n核准。\n\
                    本裁定自宣告之日起发生法律效力。\n审判长李某\n二〇一四年三月三日\n书记员王某";
        let sections: Vec<_> = cut(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            sections,
            ["title", "header", "facts", "reasoning", "legal_basis", "disposition", "tail", "signature"]
        );
        let joined: String = cut(text).into_iter().map(|(_, t)| t).collect();
        assert_eq!(joined, text, "the spans cover the text");
        assert_eq!(cut(text)[5].1, "\n核准。\n");
        // A ruling that goes on with its reasoning tells no facts.
        let without = text.replace("经复核确认，张某犯罪。\n", "");
        assert!(cut(&without).iter().all(|(name, _)| *name != "facts"));
    }

    #[test]
    fn a_judgment_on_one_line() {
        let text = "上海市奉贤区人民法院 刑事判决书 （2017）沪0120刑初684号 公诉机关某检察院。 被告人张3，女。 某检察院指控：张3盗窃。 \
                    本院认为，被告人盗窃。依照《中华人民共和国刑法》第二百六十四条之规定，判决如下： 一、有期徒刑一年。 \
                    如不服本判决，可上诉。 审判员 李四 二〇一七年五月一日 书记员 王五";
        let found = cut(text);
        assert_eq!(found[0], ("title", "上海市奉贤区人民法院 刑事判决书 （2017）沪0120刑初684号".to_owned()));
        assert_eq!(found.iter().map(|(n, _)| *n).collect::<Vec<_>>().len(), 8);
    }

    #[test]
    fn the_courts_own_heading_ends_the_title_and_the_hearing_ends_the_header() {
        let text = "张某盗窃罪一审刑事判决书湖南省桃源县人民法院刑事判决书（2017）湘0725刑初1号公诉机关桃源县人民检察院。\
                    桃源县人民检察院以起诉书指控被告人张某犯盗窃罪，向本院提起公诉。现已审理终结。公诉机关指控，张某盗窃。\
                    本院认为，张某有罪。据此，依照《中华人民共和国刑法》第二百六十四条，判决如下：有期徒刑一年。\
                    如果未按本判决指定的期间缴纳，强制缴纳。执行员李某";
        assert_eq!(&text[heading(text).expect("a heading")], "湖南省桃源县人民法院刑事判决书（2017）湘0725刑初1号");
        let first = |n: usize| cut(text)[n].1.chars().take(6).collect::<String>();
        assert_eq!([1, 2, 3, 4].map(first), ["公诉机关桃源", "公诉机关指控", "本院认为，张", "据此，依照《"]);
        assert_eq!([5, 6, 7].map(first), ["有期徒刑一年", "如果未按本判", "执行员李某"]);
    }

    #[test]
    fn text_without_any_phrase_is_one_section() {
        assert_eq!(cut("没有任何标志的文字"), [("header", "没有任何标志的文字".to_owned())]);
    }
}
