//! Defines the sections of a court document, found by the phrases that SPC 法〔2016〕221号 prescribes.
//!
//! Each section begins where its phrase does; a section whose phrase is missing is absent, and the text
//! belongs to the section before it. Spans are in characters of the cleaned text and cover all of it.

use std::cell::LazyCell;

use corpus_format::legal::Section;
use regex::Regex;

use crate::clean::layout::is_han;

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

/// What a court document is.
macro_rules! kind {
    () => {
        r"(?:(?:判\s*决|裁\s*定|决\s*定|调\s*解|通\s*知)\s*书|(?:支\s*付|报告财产|限制消费|搜\s*查)\s*令)"
    };
}
/// A case number after it, which may have lost its year.
macro_rules! number {
    () => {
        r"(?:[^\S\n]*\n?\s*(?:[（(〔\[]\s*(?:19|20)\d{2}\s*[）)〕\]][^\n。；，：]{1,30}?|\p{Han}{1,8}字第\d{1,6})号(?:之[一二三四五六七八九十]+)?[：:]?)"
    };
}

// The document type ends the title, and the number where it follows; a long name of the case needs the number; a number
// may be all the title there is.
pattern!(
    TITLE_END,
    concat!(
        "^(?:[^。；]{0,120}?",
        kind!(),
        number!(),
        "?|[^。]{0,300}?法\\s*院\\s*[^。；，：:]{0,24}?",
        kind!(),
        number!(),
        "|",
        number!(),
        ")"
    )
);
// The court's own heading after the name that a site gave the case: …盗窃罪一审刑事判决书湖南省桃源县人民法院刑事判决书.
pattern!(
    OWN_HEADING,
    concat!(r"^\s*(?:中华人民共和国)?[\p{Han}]{2,24}?法\s*院\s*[^。；，：:]{0,24}?", kind!(), number!(), "?")
);
// The sentence that ends the account of how the case came to the court.
pattern!(CLOSED, r"(?:审理|复核|审查|现)已?终结[。，,；;]?");
pattern!(HEARD, r"(?:公开开庭[^。\n]{0,12}审理了?[^。\n]{0,16}|到庭参加[^。\n]{0,6}诉讼)。");
pattern!(
    FACTS,
    concat!(
        r"公诉机关指控[^意]|检察院(?:起诉书)?指控[：:，,]|经(?:本院|法院)?(?:审理|再审|审查|复核)(?:查明|确认)",
        r"|(?:原告|申请再审人|再审申请人|上诉人|申诉人)[^。\n]{0,60}?(?:诉称|申请再审称|上诉称|申诉称|称[：:，,])",
        r"|提出申诉|申请再审[。，称]|(?:审理|诉讼|执行)(?:过程)?中[，,]|经查[，,：:]|本院于[^。，\n]{4,16}立案执行[^。，\n]|本院在[^。\n]{0,160}?(?:一案|纠纷)",
        r"|(?:一案|纠纷)[，,](?:原告|申请执?行?人|上诉人|被告|现|因)|本院[^。\n]{0,80}(?:送达|通知)[^。\n]{0,60}(?:预交|交纳|缴纳)",
        r"|(?:原告|上诉人|申请人)[^。\n]{1,60}?(?:向本院(?:申请[^执强恢]|提出[^执强恢])|(?:申请|请求|要求)撤)"
    )
);
// Where nothing else is told: the duty that was not done.
pattern!(UNPERFORMED, r"书[^。，\n]{0,8}已(?:经)?发生法律效力[^。\n]{0,60}?未[^。\n]{0,12}履行");
// How a court's answer to the defence begins where the source ends before its reasoning.
pattern!(WEIGHED, r"(?:本院(?:综合)?|问题[，,])(?:评判|评价|评析)如下");
pattern!(REASONING, r"(?:本院|合议庭|本庭)(?:经[^。，]{0,12})?(?:认为|审查认为|复核认为)|判决理由[：:]");
pattern!(
    LEGAL_BASIS,
    r"(?:(?:据此|综上(?:所述)?|因此|为此|故)[，,]?\s*)?(?:依照|依据|根据|按照)[^。\n]{0,12}《|(?:据此|综上(?:所述)?)[，,]《|法律依据[：:]"
);
pattern!(
    RULED,
    r"(?:判决|裁定|决定|通知|达成[^。]{0,10}协议|调解)如下[：:]?|如下(?:判决|裁定|决定)[：:]?|判决结果[：:]"
);
pattern!(
    TAIL,
    r"(?:被告[^。；，\n]{0,40}?如果?(?:逾期|未按)|权利告知[：:]|如不服从?本(?:判决|裁定|决定)|如果?[^。，；\n]{0,12}?(?:未|不)按照?本?(?:判决|裁定|调解)|本(?:判决|裁定|决定|调解|通知)书?(?:为终审|自|送达|立即|一经|经)|逾期[，,]?(?:依照|不|未)|案件申请费|申请(?:执行)?费[0-9]|本案[^。；\n]{0,20}案件受理费|[一二]审案件受理费|(?:案件|本案)受理费)"
);
// How a notice ends that rules nothing.
pattern!(NOTIFIED, r"特此(?:通知|告知|公告)");
pattern!(
    SIGNATURE,
    r"(?:(?:代理)?审\s*判|执\s*行)\s*(?:长|员)[^。；，]{0,24}(?:\n|$|审判|执行|代理|人民|书记|[一二]\S{3}年)|(?:\p{Han}{2,20}法院\s*)?二[〇○ＯO0零]\S{2}年\S{1,3}月\S{1,3}日\s*(?:\n|书记员|法官助理|$)"
);

/// Bytes from one sentence on the hearing to the next.
const MAX_HEARING_BYTES: usize = 450;

/// Characters after 本院认为 in which evidence is named where it is about that.
const MAX_EVIDENCE_CHARS: usize = 10;

/// Answers to the defence that are looked at.
const MAX_WEIGHED: usize = 32;

/// The bytes of the court's own heading at the start of a court document, where one can be told; the title ends with it.
pub fn heading(text: &str) -> Option<std::ops::Range<usize>> {
    let mut heading = 0..TITLE_END.find(text)?.end();
    // A site may set the court's heading before the document, which has it too.
    while let Some(own) = OWN_HEADING.find(&text[heading.end..]) {
        heading = heading.end..heading.end + own.end();
    }
    Some(heading)
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
    let reasoning = reasoning(text, from);
    if let Some(facts) = facts(text, from, reasoning) {
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
    let ruled = ruled(text, from, reasoning.is_some());
    if let Some((word, disposition)) = ruled {
        let basis = LEGAL_BASIS.find_iter(&text[from..word]).map(|m| from + m.start());
        let sentence = text[from..word].trim_end_matches('。').rfind('。').map_or(from, |n| from + n + '。'.len_utf8());
        if let Some(basis) = basis.filter(|b| *b >= sentence).min() {
            starts.push((basis, Section::LegalBasis));
        }
        starts.push((disposition, Section::Disposition));
        from = disposition;
    }
    let tail = if ruled.is_some() { tail(text, from) } else { find(&NOTIFIED, from) };
    if let Some(tail) = tail {
        starts.push((tail, Section::Tail));
        from = tail;
    }
    if let Some(signature) = find(&SIGNATURE, from.max(floor_boundary(text, text.len() / 3))) {
        starts.push((signature, Section::Signature));
    }
    starts
}

/// Where the court's reasoning begins.
fn reasoning(text: &str, from: usize) -> Option<usize> {
    let thoughts = || REASONING.find_iter(&text[from..]).map(|m| (from + m.start(), from + m.end()));
    // What a court thinks of a piece of evidence is not yet its reasoning, nor what it thinks of a point within a
    // sentence: 对于停运时间，本院认为….
    let is_on_evidence = |end: usize| text[end..].chars().take(MAX_EVIDENCE_CHARS).collect::<String>().contains("证据");
    let begins = |start: usize| text[..start].trim_end_matches(' ').ends_with(['。', '\n', '；', '”']);
    thoughts()
        .find(|(start, end)| begins(*start) && !is_on_evidence(*end))
        .or_else(|| thoughts().find(|(_, end)| !is_on_evidence(*end)))
        .or_else(|| thoughts().next())
        .map(|(start, _)| start)
        .or_else(|| weighed(text, from))
}

/// Where the court begins to answer the defence, in a document that ends before it reasons.
fn weighed(text: &str, from: usize) -> Option<usize> {
    let found = WEIGHED.find_iter(&text[from..]).take(MAX_WEIGHED).map(|m| from + m.start());
    let found = found.map(|at| sentence_start(text, from, at)..at);
    found.filter(|sentence| !text[sentence.clone()].contains("证")).map(|sentence| sentence.start).next()
}

/// Where the word stands that announces the operative part, and where that begins: after 判决如下, with 判决结果.
fn ruled(text: &str, from: usize, is_reasoned: bool) -> Option<(usize, usize)> {
    // The first 如下 of the reasoning is the court's own: earlier ones quote other courts. Where nothing is reasoned,
    // only a document that goes on to its end has an operative part.
    let last = |pattern: &Regex| pattern.find_iter(&text[from..]).last().map_or(0, |m| from + m.start());
    let last_end = LazyCell::new(|| last(&TAIL).max(last(&SIGNATURE)));
    let is_own = |end: usize| {
        let is_sentence = text[end..].starts_with(['\n', ' ']) || text[..end].ends_with(['：', ':']);
        is_reasoned || is_sentence && end <= *last_end
    };
    let found = RULED.find_iter(&text[from..]).find(|m| is_own(from + m.end()))?;
    let begins = if found.as_str().starts_with("判决结果") { found.start() } else { found.end() };
    Some((from + found.start(), from + begins))
}

/// Where the tail begins. A fee within a sentence is one that the operative part is about.
fn tail(text: &str, from: usize) -> Option<usize> {
    let is_fee = |m: &regex::Match<'_>| m.as_str().ends_with("受理费");
    let tails = TAIL.find_iter(&text[from..]).filter(|m| !is_fee(m) || !text[..from + m.start()].ends_with(is_han));
    tails.map(|m| from + m.start()).next()
}

/// Where the facts begin: after the account of the proceedings, else with the sentence that first tells some.
fn facts(text: &str, from: usize, reasoning: Option<usize>) -> Option<usize> {
    let before_reasoning = |at: &usize| reasoning.is_none_or(|reasoning| *at < reasoning);
    let closed = CLOSED.find_at(text, from).map(|m| m.end()).filter(before_reasoning);
    // Who came to the hearing may be told after that it was held.
    let heard = || {
        let ends = HEARD.find_iter(&text[from..]).map(|m| from + m.end()).filter(before_reasoning);
        ends.reduce(|last, end| if end - last < MAX_HEARING_BYTES { end } else { last })
    };
    let phrase = |pattern: &Regex| {
        let found = pattern.find_at(text, from).map(|m| m.start()).filter(before_reasoning)?;
        // Where a source lost the full stop before it: 审理了本案公诉机关指控….
        let is_glued = text[found..].starts_with("公诉机关指控") && text[..found].ends_with(|c| is_han(c) && c != '对');
        Some(if is_glued { found } else { sentence_start(text, from, found) })
    };
    closed.or_else(heard).or_else(|| phrase(&FACTS)).or_else(|| phrase(&UNPERFORMED))
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Where the sentence begins that holds `at`.
fn sentence_start(text: &str, from: usize, at: usize) -> usize {
    let end = |(n, end): (usize, &str)| from + n + end.len();
    text[from..at].rmatch_indices(['。', '\n']).next().map_or(from, end)
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

    /// The first characters of a section.
    fn head(text: &str, section: &str) -> Option<String> {
        cut(text).into_iter().find(|(name, _)| *name == section).map(|(_, text)| text.chars().take(8).collect())
    }

    #[test]
    fn titles_that_are_a_number_or_name_every_charge_or_come_twice() {
        let title = |text: &str| cut(text)[0].1.clone();
        assert_eq!(title("(2018)湘0624执1138号之一申请执行人：某甲。"), "(2018)湘0624执1138号之一");
        assert_eq!(
            title("西安市碑林区人民法院报告财产令(2019)陕0103执7033号某公司：本院于"),
            "西安市碑林区人民法院报告财产令(2019)陕0103执7033号"
        );
        let heading = "某县人民法院刑事判决书（2016）湘0421刑初35号：";
        let charges = "被告单位某公司骗取贷款罪；被告人某甲骗取贷款罪；一审刑事判决书";
        for text in [format!("{charges}{heading}"), format!("{}{heading}", heading.trim_end_matches('：'))] {
            assert_eq!(title(&format!("{text}某县人民检察院指控某甲。")), text);
        }
    }

    #[test]
    fn facts_begin_with_the_first_sentence_that_tells_some() {
        let heading = "某县人民法院民事裁定书（2018）皖1102民初462号原告：某甲。被告：某乙。";
        let end = "依照《中华人民共和国民事诉讼法》第一百四十五条，裁定如下：准许。审判员某丙";
        let facts = |body: &str| head(&format!("{heading}{body}{end}"), "facts");
        let filed = "原告某甲与被告某乙合同纠纷一案，本院于2018年1月24日立案。";
        assert_eq!(facts(&format!("{filed}原告某甲于同月向本院提出撤诉申请。")).as_deref(), Some("原告某甲于同月向"));
        assert_eq!(facts(&format!("{filed}在审理过程中，被告还款。")).as_deref(), Some("在审理过程中，被"));
        assert_eq!(facts("某甲与某乙合同纠纷一案，现因双方和解，").as_deref(), Some("某甲与某乙合同纠"));
        assert_eq!(facts(&format!("{filed}本院已送达交费通知，原告未预交。")).as_deref(), Some("本院已送达交费通"));
        assert_eq!(facts("本院作出的判决书已经发生法律效力，某乙至今未能履行。").as_deref(), Some("本院作出的判决书"));
        assert_eq!(facts(filed), None);
        // A full stop that the source lost, and a heading that is none of the facts.
        let glued = "公诉机关指控意见：某院提起公诉，公开开庭审理了本案公诉机关指控，2019年8月13日某甲在某店内盗窃。";
        assert_eq!(facts(glued).as_deref(), Some("公诉机关指控，2"));
    }

    #[test]
    fn reasoning_is_about_the_case_and_not_a_point_of_it() {
        let text = "某县人民法院刑事判决书（2018）皖1102刑初462号被告人某甲。现已审理终结。公诉机关指控某甲盗窃。";
        let body = "对于停运时间，本院认为应为十日。关于被告人的辩护意见，本院综合评判如下：不采纳。";
        let end = "依照《中华人民共和国刑法》第二百六十四条，判决如下：有期徒刑一年。审判员某丙";
        let reasoning = |rest: &str| head(&format!("{text}{rest}"), "reasoning");
        assert_eq!(reasoning(&format!("{body}本院认为，某甲有罪。{end}")).as_deref(), Some("本院认为，某甲有"));
        // Where the document ends before it reasons, the answer to the defence, but not the weighing of evidence.
        assert_eq!(reasoning("关于被告人的辩护意见，本院评判如下：不采纳。").as_deref(), Some("关于被告人的辩护"));
        assert_eq!(reasoning("关于质证意见，本院评判如下：不采纳。"), None);
        // The operative part of the court below is no operative part.
        let quoted = "原判认定某甲盗窃，判决如下：有期徒刑一年。某甲上诉称量刑过重。";
        assert_eq!(head(&format!("{text}{quoted}"), "disposition"), None);
    }

    #[test]
    fn every_word_that_opens_the_end_of_a_document() {
        let text =
            "某县人民法院民事判决书（2018）皖1102民初462号原告：某甲。现已审理终结。原告诉称某事。本院认为，有理。";
        let section = |rest: &str, name: &str| head(&format!("{text}{rest}"), name);
        let of_elements = "法律依据：《中华人民共和国刑法》第三百四十八条。判决结果：有期徒刑一年。权利告知：可上诉。";
        let found = ["legal_basis", "disposition", "tail"].map(|name| section(of_elements, name).unwrap_or_default());
        assert_eq!(found, ["法律依据：《中华", "判决结果：有期徒", "权利告知：可上诉"]);
        let ruled = "据此，《中华人民共和国侵权责任法》第三条，判决如下：某乙支付案件受理费100元。";
        assert_eq!(section(ruled, "legal_basis").as_deref(), Some("据此，《中华人民"));
        assert_eq!(section(ruled, "tail"), None, "a fee that is ordered to be paid is no cost of the case");
        for tail in ["本案受理费400元，由某甲负担。", "被告某乙如逾期不履行，加倍支付。"] {
            assert_eq!(section(&format!("{ruled}{tail}"), "tail"), Some(tail.chars().take(8).collect()));
        }
        let notice = "某县人民法院结案通知书（2018）执1号某甲：本院在执行某案中，已执行完毕。特此通知。某县人民法院二〇一八年五月三日";
        assert_eq!(head(notice, "tail").as_deref(), Some("特此通知。"));
        assert_eq!(head(notice, "signature").as_deref(), Some("某县人民法院二〇"));
    }

    #[test]
    fn text_without_any_phrase_is_one_section() {
        assert_eq!(cut("没有任何标志的文字"), [("header", "没有任何标志的文字".to_owned())]);
    }
}
