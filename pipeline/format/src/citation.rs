//! Defines citations: 《law》第X条(之Y)第Z款第（N）项, lists and ranges of them, and what 同法, 本法 and short names mean.
//!
//! A citation begins at a law's name that a number follows directly, in brackets or one of the names courts write
//! without them. The list of numbers is then read unit by unit: a unit may leave out its 第 or, before another of
//! its level, its 条, 款 or 项 (第七十二、七十三条). Numbers without a law before them are no citations; contracts
//! have articles too.

use rustc_hash::FxHashMap;

use crate::{
    law_name::{self, KNOWN},
    numeral::{self, ArticleNumber},
};

/// A reference to an article or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// First character of the number in the text.
    pub start: u32,
    /// Character after the last of the number.
    pub end: u32,
    /// The law as the text writes it: 中华人民共和国刑法, 同法.
    pub name: String,
    /// The title that it stands for, as far as the text and the short names in use say.
    pub title: String,
    /// The article (条).
    pub article: ArticleNumber,
    /// The paragraph (款).
    pub paragraph: Option<u16>,
    /// The item (项).
    pub item: Option<u16>,
}

/// Characters of the longest name that is looked for before a closing bracket.
const MAX_NAME_CHARS: usize = 160;
/// Articles of the longest range that is taken apart.
const MAX_RANGE: u16 = 100;

/// Words that stand for a law named before, with what that law's name ends with.
const ANAPHORA: [(&str, &str); 30] = [
    ("本法", ""),
    ("同法", ""),
    ("该法", ""),
    ("上述法律", ""),
    ("前述法律", ""),
    ("本条例", "条例"),
    ("该条例", "条例"),
    ("上述条例", "条例"),
    ("同条例", "条例"),
    ("本司法解释", "解释"),
    ("该司法解释", ""),
    ("上述司法解释", ""),
    ("本解释", "解释"),
    ("该解释", "解释"),
    ("上述解释", "解释"),
    ("前述解释", "解释"),
    ("本规定", "规定"),
    ("该规定", "规定"),
    ("上述规定", "规定"),
    ("本办法", "办法"),
    ("该办法", "办法"),
    ("上述办法", "办法"),
    ("本细则", "细则"),
    ("该细则", "细则"),
    ("本规则", "规则"),
    ("该规则", "规则"),
    ("本意见", "意见"),
    ("该意见", "意见"),
    ("该批复", "批复"),
    ("该纪要", "纪要"),
];

// A law's name with a number after it; the group ends where the number begins.
pattern!(REFERENCE, &{
    let names: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
    let words: Vec<&str> = ANAPHORA.iter().map(|(word, _)| *word).collect();
    format!(
        r"(?P<closed>》)\s*(?:[（(][^（）()\n]{{0,80}}[）)]\s*){{0,2}}(?:的|中的?|之)?\s*第|(?P<word>{})的?\s*第|(?P<known>(?:中华人民共和国)?(?:{}))(?:的|之)?\s*第|(?P<long>最高人民(?:法院|检察院)关于[^。，；：\n《》]{{2,60}}?(?:解释|规定|意见|批复|答复))\s*第",
        words.join("|"),
        names.join("|"),
    )
});
pattern!(
    UNIT,
    r"^\s*(?P<sep>[、，,]?\s*(?:以及|或者|和|及|与|或|并|至|到|—|－|-)?)\s*(?P<di>第)?\s*[（(]?\s*(?P<n>[0-9〇零一二两三四五六七八九十百千]+)\s*[）)]?\s*(?P<unit>条|款|项|目)?(?:之(?P<ins>[一二三四五六七八九十]+))?"
);
// 《full name》（以下简称《short》）
pattern!(
    ALIAS,
    r"》\s*[（(]\s*以下(?:均)?简?称(?:为)?[：:]?\s*[《“\x22‘〈]?([^《》“”\x22‘’〈〉（）()\n]{2,30})[》”\x22’〉]?\s*[）)]"
);

pattern!(ISSUER, r"最高人民(?:法院|检察院)(?:[、和与]?(?:最高人民检察院|最高人民法院|公安部|司法部|国家安全部))*$");
pattern!(PART, r"^[（(](?:试行|[一二三四五六七])[）)]");

/// The levels of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Article,
    Paragraph,
    Item,
    SubItem,
}

/// A number in a list of them.
#[derive(Debug, Clone, Copy)]
struct Unit {
    level: Level,
    number: ArticleNumber,
    is_range_end: bool,
    /// Bytes of the number in the text.
    start: usize,
    end: usize,
}

/// Every citation in `text`, in order. `own` is the title of the statute that the text is of, which 本法 means.
pub fn citations(text: &str, own: Option<&str>) -> Vec<Citation> {
    let aliases = aliases(text);
    let mut found: Vec<Citation> = Vec::new();
    let mut from = 0;
    while let Some(reference) = REFERENCE.captures_at(text, from) {
        let whole = reference.get(0).map_or(0..0, |m| m.range());
        let first = whole.end - '第'.len_utf8();
        from = whole.end;
        let units = units(text, first);
        let Some(last) = units.last() else { continue };
        let law = if let Some(closed) = reference.name("closed") {
            bracketed(text, closed.start()).map(|name| {
                let before = &text[..closed.start() - name.len() - '《'.len_utf8()];
                (name, with_issuer_and_part(&expanded(name, &aliases), before, &text[closed.end()..]))
            })
        } else if let Some(word) = reference.name("word") {
            let title = antecedent(&text[..word.start()], word.as_str(), own, &found, &aliases);
            title.map(|title| (word.as_str(), title))
        } else {
            let name = reference.name("known").or_else(|| reference.name("long"));
            name.map(|name| (name.as_str(), expanded(name.as_str().trim_start_matches("中华人民共和国"), &aliases)))
        };
        let Some((name, title)) = law else { continue };
        from = last.end;
        fold(&units, |article, paragraph, item, span| {
            let (name, title) = (name.to_owned(), title.clone());
            // Bytes for now.
            let (start, end) = (to_u32(span.0), to_u32(span.1));
            found.push(Citation { start, end, name, title, article, paragraph, item });
        });
    }
    in_characters(text, &mut found);
    found
}

/// Short names that the text itself defines.
fn aliases(text: &str) -> FxHashMap<&str, &str> {
    ALIAS
        .captures_iter(text)
        .filter_map(|alias| {
            let (whole, short) = (alias.get(0)?, alias.get(1)?);
            Some((short.as_str(), bracketed(text, whole.start())?))
        })
        .collect()
}

/// The name in the brackets that close at byte `close`, where a statute can have it.
pub fn bracketed(text: &str, close: usize) -> Option<&str> {
    let mut depth = 0;
    for (at, c) in text[..close].char_indices().rev().take(MAX_NAME_CHARS) {
        match c {
            '》' => depth += 1,
            '《' if depth == 0 => {
                let name = &text[at + c.len_utf8()..close];
                return law_name::is_statute(name).then_some(name);
            }
            '《' => depth -= 1,
            '。' | '\n' => return None,
            _ => {}
        }
    }
    None
}

/// A title with what belongs to it though it stands outside of the brackets: the courts before 《关于…》, and
/// the part or 试行 behind 《…的解释》.
pub fn with_issuer_and_part(title: &str, before: &str, after: &str) -> String {
    let issuer = ISSUER.find(before).filter(|_| title.starts_with("关于")).map_or("", |issuer| issuer.as_str());
    let part = PART.find(after).map_or("", |part| part.as_str());
    format!("{issuer}{title}{part}")
}

/// The title that a name stands for, by the text's own short names and then by those in use.
fn expanded(name: &str, aliases: &FxHashMap<&str, &str>) -> String {
    let name = law_name::without_version(name);
    let full = aliases.get(name).copied().unwrap_or(name);
    law_name::title_of(full).unwrap_or(full).to_owned()
}

/// The law that a word such as 同法 or 该解释 stands for.
fn antecedent(
    before: &str,
    word: &str,
    own: Option<&str>,
    found: &[Citation],
    aliases: &FxHashMap<&str, &str>,
) -> Option<String> {
    let end = ANAPHORA.iter().find(|(known, _)| *known == word).map_or("", |(_, end)| *end);
    if let Some(own) = own.filter(|_| word.starts_with('本')) {
        return Some(own.to_owned());
    }
    let fits = |title: &str| title.trim_end_matches(['）', ')', '一', '二', '三', '四', '（', '(']).ends_with(end);
    let cited =
        found.iter().rev().take(64).find(|citation| fits(&citation.title)).map(|c| (c.end as usize, c.title.clone()));
    let named = before.rmatch_indices('》').take(8).find_map(|(at, _)| {
        let title = expanded(bracketed(before, at)?, aliases);
        fits(&title).then_some((at, title))
    });
    [cited, named].into_iter().flatten().max_by_key(|(at, _)| *at).map(|(_, title)| title)
}

/// The numbers from byte `from` on, as long as the list goes on.
fn units(text: &str, from: usize) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    // Numbers whose level the next one states.
    let mut pending: Vec<Unit> = Vec::new();
    let mut at = from;
    while let Some(found) = UNIT.captures(&text[at..]) {
        let group = |name: &str| found.name(name).map_or("", |m| m.as_str());
        let separator = group("sep").trim();
        let level = match group("unit") {
            "条" => Some(Level::Article),
            "款" => Some(Level::Paragraph),
            "项" => Some(Level::Item),
            "目" => Some(Level::SubItem),
            _ => None,
        };
        let has_ordinal = !group("di").is_empty();
        let is_first = units.is_empty() && pending.is_empty();
        // A comma ends the sentence's part unless a full number follows; a number alone must follow a mark.
        let goes_on = match separator.chars().next() {
            _ if is_first => has_ordinal,
            None => has_ordinal || level > Some(Level::Article),
            Some('，' | ',') => has_ordinal && level == Some(Level::Article),
            Some(_) => true,
        };
        let number = numeral::parse(group("n")).and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0);
        let Some(base) = number.filter(|_| goes_on) else { break };
        let inserted = found.name("ins").filter(|_| level == Some(Level::Article));
        let inserted = inserted.and_then(|m| numeral::parse(m.as_str())).and_then(|n| u16::try_from(n).ok());
        let digits = found.name("di").or_else(|| found.name("n")).map_or(0, |m| m.start());
        let after = match (level, inserted) {
            // 之 that no number of an article follows is not part of it.
            (Some(_), None) => found.name("unit").map_or(0, |m| m.end()),
            _ => found.get(0).map_or(0, |m| m.end()),
        };
        let unit = Unit {
            level: level.unwrap_or(Level::SubItem),
            number: ArticleNumber { base, inserted },
            is_range_end: separator.ends_with(['至', '到', '—', '－', '-']),
            start: at + digits,
            end: at + after,
        };
        at = unit.end;
        match level {
            Some(level) => {
                units.extend(pending.drain(..).map(|unit| Unit { level, ..unit }));
                units.push(unit);
            }
            None => pending.push(unit),
        }
    }
    if units.first().is_some_and(|unit| unit.level != Level::Article) {
        units.clear();
    }
    units
}

/// Bytes from and to.
type Range = (usize, usize);

/// Give `each` article, paragraph or item that a list of numbers names, at the deepest level it names it.
fn fold(units: &[Unit], mut each: impl FnMut(ArticleNumber, Option<u16>, Option<u16>, Range)) {
    let mut leaf: Option<(ArticleNumber, Option<u16>, Option<u16>, Range)> = None;
    for (i, unit) in units.iter().enumerate() {
        let span = (unit.start, unit.end);
        let number = unit.number.base;
        // The numbers between the ends of a range.
        let last = i.checked_sub(1).map(|i| units[i]).filter(|last| unit.is_range_end && last.level == unit.level);
        let between = last.map_or(0..0, |last| last.number.base + 1..number);
        let between = if between.len() > usize::from(MAX_RANGE) { 0..0 } else { between };
        let place = |leaf: Option<(ArticleNumber, Option<u16>, Option<u16>, Range)>, number: ArticleNumber| {
            let (article, paragraph, _, _) = leaf?;
            Some(match unit.level {
                Level::Article => (number, None, None, span),
                Level::Paragraph => (article, Some(number.base), None, span),
                Level::Item | Level::SubItem => (article, paragraph, Some(number.base), span),
            })
        };
        let deepens = |leaf: &(ArticleNumber, Option<u16>, Option<u16>, Range)| match unit.level {
            Level::Article => false,
            Level::Paragraph => leaf.1.is_none() && leaf.2.is_none(),
            Level::Item => leaf.2.is_none(),
            Level::SubItem => true,
        };
        match &mut leaf {
            None => leaf = Some((unit.number, None, None, span)),
            Some(open) if unit.level == Level::SubItem => open.3.1 = unit.end,
            Some(open) => {
                if deepens(open) {
                    let start = open.3.0;
                    leaf = place(leaf, unit.number).map(|(a, p, n, _)| (a, p, n, (start, unit.end)));
                    continue;
                }
                each(open.0, open.1, open.2, open.3);
                for base in between {
                    if let Some((a, p, n, span)) = place(leaf, ArticleNumber { base, inserted: None }) {
                        each(a, p, n, span);
                    }
                }
                leaf = place(leaf, unit.number);
            }
        }
    }
    if let Some((article, paragraph, item, span)) = leaf {
        each(article, paragraph, item, span);
    }
}

/// Turn the spans from bytes into characters.
fn in_characters(text: &str, citations: &mut [Citation]) {
    let (mut byte, mut chars) = (0, 0);
    for citation in citations {
        let (start, end) = (citation.start as usize, citation.end as usize);
        chars += text[byte..start].chars().count();
        byte = start;
        citation.start = to_u32(chars);
        citation.end = to_u32(chars + text[start..end].chars().count());
    }
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Number of paragraphs (款) of an article's text; the lines of items and sub-items are part of the paragraph before them.
pub fn num_paragraphs(text: &str) -> usize {
    let is_item = |line: &str| {
        let number = line.trim_start_matches(['（', '(']);
        let rest = number.trim_start_matches(numeral::is_numeral);
        rest.len() < number.len() && (rest.starts_with(['）', ')']) || rest.starts_with(['.', '．', '、']))
    };
    text.lines().filter(|line| !is_item(line)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Title, article, paragraph, item of each citation.
    fn cited(text: &str) -> Vec<String> {
        shown(&citations(text, None))
    }

    fn shown(citations: &[Citation]) -> Vec<String> {
        let part = |n: Option<u16>| n.map(|n| format!(".{n}")).unwrap_or_default();
        let shown = |c: &Citation| {
            let item = c.item.map(|n| format!("({n})")).unwrap_or_default();
            format!("{} {}{}{item}", c.title.trim_start_matches("中华人民共和国"), c.article, part(c.paragraph))
        };
        citations.iter().map(shown).collect()
    }

    #[test]
    fn lists_go_on_at_every_level() {
        let cases = [
            ("《中华人民共和国刑法》第二百六十四条之规定", "刑法 264"),
            ("《刑法》第一百三十三条之一第一款第（一）项", "刑法 133-1.1(1)"),
            ("《中华人民共和国刑法》第六十七条第一款、第三款、第五十二条", "刑法 67.1 刑法 67.3 刑法 52"),
            ("《刑法》第七十二、七十三条和第六十四条", "刑法 72 刑法 73 刑法 64"),
            ("《刑法》第五十二条至第五十四条，第六十一条", "刑法 52 刑法 53 刑法 54 刑法 61"),
            ("《刑法》第二百三十六条第三款第（二）、（四）项", "刑法 236.3(2) 刑法 236.3(4)"),
            ("《刑法》第67条第3款，2015年", "刑法 67.3"),
            ("《刑法》第二十条的规定，第三人", "刑法 20"),
            ("《民事诉讼法》（2017年修正）第一百七十条第一款第一项", "民事诉讼法 170.1(1)"),
        ];
        for (text, expected) in cases {
            assert_eq!(cited(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn names_are_resolved_within_the_text() {
        let cases = [
            ("根据刑法第六十七条第一款", "刑法 67.1"),
            ("依照劳动合同法第三十八条", "劳动合同法 38"),
            ("刑诉法第二百条", "刑事诉讼法 200"),
            ("《刑法》第二百六十四条、同法第六十四条", "刑法 264 刑法 64"),
            ("《工伤保险条例》规定的，该条例第十四条", "工伤保险条例 14"),
            (
                "《最高人民法院关于适用<中华人民共和国担保法>若干问题的解释》（以下简称《担保法解释》）第三条，《担保法解释》第七条",
                "最高人民法院关于适用<中华人民共和国担保法>若干问题的解释 3 最高人民法院关于适用<中华人民共和国担保法>若干问题的解释 7",
            ),
            (
                "《关于审理某案件的规定》第一条；《合同法》第八条。该规定第二条",
                "关于审理某案件的规定 1 合同法 8 关于审理某案件的规定 2",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(cited(text).join(" "), expected, "{text}");
        }
        let own = citations("违反本法第三条的", Some("中华人民共和国会计法"));
        assert_eq!(shown(&own), ["会计法 3"]);
    }

    #[test]
    fn contracts_and_bare_numbers_are_no_citations() {
        for text in [
            "《借款合同》第三条",
            "合同第五条约定",
            "第二十条规定的",
            "《公司章程》第一条",
            "《刑法》的规定",
            "《刑法》第一审",
        ] {
            assert!(cited(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn spans_are_characters_of_the_number() {
        let text = "依照《刑法》第六十七条第一款、第五十二条至第五十四条";
        let chars: Vec<char> = text.chars().collect();
        let spans: Vec<String> =
            citations(text, None).iter().map(|c| chars[c.start as usize..c.end as usize].iter().collect()).collect();
        assert_eq!(spans, ["第六十七条第一款", "第五十二条", "第五十四条", "第五十四条"]);
    }
}
