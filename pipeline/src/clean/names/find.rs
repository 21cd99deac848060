//! Defines where names of people stand in a court document.

use aho_corasick::AhoCorasick;
use jieba_rs::Jieba;
use regex::Regex;
use std::sync::LazyLock;

use super::lexicon::{self, BEFORE, LEFT, RIGHT};
use crate::clean::layout::is_han;

/// What is known of the people of a document before its text is searched.
pub struct Known<'a> {
    /// Names of parties who are persons.
    pub parties: Vec<&'a str>,
    /// Names of parties that are bodies.
    pub bodies: Vec<&'a str>,
    /// Names of those who sign.
    pub signers: Vec<&'a str>,
    /// Whether lawyers keep their names.
    pub keeps_lawyers: bool,
}

// A list of names with a word before it that says whose they are.
pattern!(INTRODUCED, &format!(r"{BEFORE}(?:[（(][^（）()\n]{{0,40}}[）)])?(?:[：:，,]|自报|是|为)?\s*[“\x22]?"));
pattern!(
    OFFICIAL,
    r"(?:审判长|审判员|陪审员|执行员|执行长|法官助理|法官|书记员|检察员|检察官|检察长|翻译人员|翻译)(?:[：:])?\s*(?P<names>[\p{Han}]{2,4}(?:[、\s][\p{Han}]{2,4}){0,4})"
);
pattern!(
    LAWYER,
    r"(?:代理人|辩护人|[：:\n。、])\s*(?P<names>[\p{Han}]{2,4}(?:[、和][\p{Han}]{2,4}){0,4})(?:[（(][^（）()\n]{0,30}[）)])?(?:[，,]\s*(?:系|均系|均为|分别系)?|系|均系|均为)[^，,。；：\n]{2,30}(?:律师|法律服务|法律援助|专利代理|事务所)"
);
pattern!(DEFENDER, r"辩护人(?:[：:])?\s*(?P<names>[\p{Han}]{2,4}(?:[、和][\p{Han}]{2,4}){0,4})[，,。、]");
// A name with dots, and its other spelling in brackets.
pattern!(DOTTED, r"^\p{Han}{1,10}(?:[·•]\p{Han}{1,10})+|^[A-Z][A-Za-z\p{Latin}.·\- ]{2,40}[A-Za-z\p{Latin}]");
pattern!(SPELLING, r"^\s*[（(](?P<other>[A-Z][A-Za-z\p{Latin}.,·\- ]{2,60})[）)]");

pattern!(DOTTED_ANYWHERE, r"(?P<name>\p{Han}{1,14}(?:[·•]\p{Han}{1,8})+)(?:[，。、；：,;（(\n”》]|$)");
// A name that the court masked.
pattern!(MASKED, r"^\p{Han}(?:某{1,2}|×{1,2}|\*{1,2}|[XＸ]{1,2})[\p{Han}0-9]?[0-9]?");
pattern!(MASKED_ANYWHERE, r"\p{Han}(?:某{1,2}|×{1,2})[甲乙丙丁戊0-9]?[0-9]?");
pattern!(
    BODY,
    r"^\p{Han}{2,30}?(?:（\p{Han}{1,8}）)?\p{Han}{0,24}?(?:有限|股份|责任|集团|合伙)|^\p{Han}{2,3}（\p{Han}{1,6}）\p{Han}{1,20}公司|^\p{Han}{2,8}?(?:公司|银行|法院|检察院|公安|政府|委员会|事务所|医院|学校|大学|集团|厂|局)"
);
// A whole statement that is a name, of whatever surname.
pattern!(ALONE, r"^(?P<name>\p{Han}{2,6})(?:[，。,；\n]|[（(][A-Za-z])");

/// Bytes of the longest introduction.
const MAX_ROLE_BYTES: usize = 60;
/// Rounds in which names beside names are looked for; each reads the text once.
const MAX_ROUNDS: usize = 16;
/// Bytes before and after a name in which it must come again.
const NEAR_BYTES: usize = 1 << 16;

static WORDS: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// The names of people in `text` that are to be masked, in the order in which they were found.
pub fn people(text: &str, known: &Known<'_>) -> Vec<String> {
    let officials = officials(text, known);
    let mut search = Search { text, officials, bodies: &known.bodies, names: Vec::new() };
    for party in &known.parties {
        search.add(party);
    }
    search.introduced();
    search.dotted();
    search.beside_masked();
    search.beside_known();
    search.in_sentences();
    search.beside_known();
    search.spellings();
    search.names
}

/// The names of those who are named for their office.
fn officials(text: &str, known: &Known<'_>) -> Vec<String> {
    let mut officials: Vec<String> = known.signers.iter().map(|name| (*name).to_owned()).collect();
    let mut patterns: Vec<&Regex> = vec![&OFFICIAL];
    if known.keeps_lawyers {
        patterns.extend([&*LAWYER, &*DEFENDER]);
    }
    for found in patterns.into_iter().flat_map(|pattern| pattern.captures_iter(text)) {
        let list = found.name("names").map_or("", |m| m.as_str());
        for name in list.split(['、', '和', ' ', '\n']) {
            let exact = name_at(name, true).filter(|n| n.chars().count() >= 2).unwrap_or(name);
            officials.push(exact.to_owned());
        }
    }
    officials
}

struct Search<'a> {
    text: &'a str,
    officials: Vec<String>,
    bodies: &'a [&'a str],
    names: Vec<String>,
}

impl<'a> Search<'a> {
    fn add(&mut self, name: &str) {
        // A name with dots is known in full where marks end it: 买买提·艾力供述 is it again.
        let is_it = |known: &String| known == name || known.contains(['·', '•']) && name.starts_with(known.as_str());
        let is_official = self.officials.iter().any(|official| official == name);
        if is_name(name) && !is_official && !self.names.iter().any(is_it) {
            self.names.push(name.to_owned());
        }
    }

    /// Names after the words that introduce them, and the others of their lists.
    fn introduced(&mut self) {
        for found in INTRODUCED.find_iter(self.text) {
            let is_marked = found.as_str().ends_with(['：', ':']);
            let rest = &self.text[found.end()..];
            if is_marked && let Some(name) = alone(rest) {
                self.add(name);
            }
            self.list(rest, !is_marked);
        }
    }

    /// The names of a list, those that the court masked among them.
    fn list(&mut self, mut rest: &'a str, sure: bool) {
        loop {
            let length = match name_at(rest, sure) {
                Some(name) if !self.is_body(rest, name) => {
                    self.add(name);
                    name.len()
                }
                _ => match MASKED.find(rest) {
                    Some(masked) => masked.len(),
                    None => return,
                },
            };
            match separator(&rest[length..]) {
                Some(more) => rest = &rest[length + more..],
                None => return,
            }
        }
    }

    /// Whether a name is the beginning of a body's: 江西某公司, 龙某（中国）公司.
    fn is_body(&self, rest: &str, name: &str) -> bool {
        self.bodies.iter().any(|body| rest.starts_with(body) || body.starts_with(name)) || BODY.is_match(rest)
    }

    /// Names with dots, which are those of minorities and foreigners, wherever they stand between marks.
    fn dotted(&mut self) {
        for found in DOTTED_ANYWHERE.captures_iter(self.text) {
            let name = &found["name"];
            // The first part begins after the last word that may stand before a name.
            let first = name.find(['·', '•']).unwrap_or(name.len());
            let cut = INTRODUCED.find_iter(&name[..first]).last().map_or(0, |m| m.end());
            let name = name[cut..].trim_start_matches(|c: char| LEFT.contains(c));
            if !name.starts_with(['·', '•']) {
                self.add(name);
            }
        }
    }

    /// Names in a list with one that the court masked.
    fn beside_masked(&mut self) {
        let text = self.text;
        for masked in MASKED_ANYWHERE.find_iter(text) {
            let after = &text[masked.end()..];
            if let Some(length) = separator(after) {
                self.list(&after[length..], true);
            }
            if let Some(before) = text[..masked.start()].strip_suffix('、').and_then(name_before) {
                self.add(before);
            }
        }
    }

    /// Names in a list with a name that is known, in rounds until no more are found.
    fn beside_known(&mut self) {
        let (text, mut from) = (self.text, 0);
        for _ in 0..MAX_ROUNDS {
            let Ok(names) = AhoCorasick::new(&self.names[from..]) else { return };
            if from == self.names.len() {
                return;
            }
            from = self.names.len();
            for found in names.find_iter(text) {
                let (at, after) = (found.start(), &text[found.end()..]);
                if let Some(length) = separator(after) {
                    self.list(&after[length..], true);
                }
                if let Some(before) = text[..at].strip_suffix('、').and_then(name_before) {
                    self.add(before);
                }
            }
        }
    }

    /// Names that nothing introduces: what a segmenter takes for an unknown word, between what may stand beside a name.
    fn in_sentences(&mut self) {
        let words: Vec<&str> = WORDS.cut(self.text, true).into_iter().map(|token| token.word).collect();
        let ends = words.iter().scan(0, |end, word| {
            *end += word.len();
            Some(*end)
        });
        let ends: Vec<usize> = ends.collect();
        for (word, end) in words.iter().zip(&ends) {
            let start = end - word.len();
            let before = &self.text[..start];
            let is_left = before
                .ends_with(|c: char| !is_han(c) && !c.is_ascii_alphanumeric() && c != '》' || LEFT.contains(c))
                || before.is_empty();
            if !is_left || lexicon::surname(word, true).is_none() {
                continue;
            }
            let Some(name) = name_at(&self.text[start..], true) else { continue };
            let after = &self.text[start + name.len()..];
            let is_right = after.starts_with(|c: char| !is_han(c) && !c.is_ascii_digit() || RIGHT.contains(c));
            // What `name_at` gives is no word of the language, but it may begin with one.
            let begins_with_word = word.chars().count() > 1 && WORDS.has_word(word) && !is_person(name);
            let is_whole = ends.binary_search(&(start + name.len())).is_ok();
            if is_right
                && !begins_with_word
                && is_whole
                && !BODY.is_match(&self.text[start..])
                && self.comes_again(name, start)
            {
                self.add(name);
            }
        }
    }

    /// Whether a string stands near `at` a second time; far away it would be another's name.
    fn comes_again(&self, name: &str, at: usize) -> bool {
        let (before, after) = (&self.text[..at], &self.text[at + name.len()..]);
        let far = (after.len().min(NEAR_BYTES)..).find(|end| after.is_char_boundary(*end)).unwrap_or(after.len());
        before[floor(before, NEAR_BYTES)..].contains(name) || after[..far].contains(name)
    }

    /// Other spellings in brackets after names: 约翰·史密斯（JOHN SMITH）.
    fn spellings(&mut self) {
        let Ok(names) = AhoCorasick::new(&self.names) else { return };
        for found in names.find_iter(self.text) {
            let Some(spelling) = SPELLING.captures(&self.text[found.end()..]) else { continue };
            let other = spelling["other"].trim();
            if !self.names.iter().any(|name| name == other) {
                self.names.push(other.to_owned());
            }
        }
    }
}

/// Bytes of what separates the names of a list.
fn separator(after: &str) -> Option<usize> {
    ["、", "以及", "与", "和", "及"].iter().find(|word| after.starts_with(**word)).map(|word| word.len())
}

/// Whether a string is a word of the language, or has a part that no name has.
fn is_other(name: &str) -> bool {
    WORDS.has_word(name) && !is_person(name) || NOT_NAMES.iter().any(|word| name.contains(word))
}

/// Whether the dictionary has a word as somebody's name.
fn is_person(name: &str) -> bool {
    WORDS.tag(name, false).first().is_some_and(|tag| tag.word == name && tag.tag.starts_with("nr"))
}

/// Whether a whole string can be the full name of a person: not masked by the court, and long enough to be masked.
fn is_name(name: &str) -> bool {
    let chars = name.chars().count();
    !name.contains(['某', '×', '*', 'X', 'x', '＊', '�', '△', '□']) && (2..=60).contains(&chars)
}

/// The name at the start of `rest`; one that could go on ends before a character that seldom ends a name. `sure` asks
/// for a surname that is no common word.
fn name_at(rest: &str, sure: bool) -> Option<&str> {
    if let Some(found) = DOTTED.find(rest) {
        return Some(found.as_str());
    }
    let run_end = rest
        .char_indices()
        .take(6)
        .find(|(_, c)| !is_han(*c))
        .map_or_else(|| rest.char_indices().nth(6).map_or(rest.len(), |(at, _)| at), |(at, _)| at);
    let run = &rest[..run_end];
    let chars: Vec<(usize, char)> = run.char_indices().collect();
    let end_of = |n: usize| chars.get(n).map_or(run.len(), |(at, _)| *at);
    let first = lexicon::surname(run, false)?;
    let surname_chars = run[..first].chars().count();
    let least = surname_chars + 1;
    if chars.len() < least || chars[surname_chars..].iter().take(3).any(|(_, c)| *c == '某') {
        return None;
    }
    let short = &run[..end_of(least)];
    let is_bounded = |n: usize| {
        chars.len() == n
            && run_end < rest.len()
            && rest[run_end..].starts_with(|c: char| "，。、；：,;:（(\n”\" 》".contains(c))
    };
    if is_bounded(least) || is_bounded(least + 1) {
        return accept(run, sure);
    }
    let Some((_, third)) = chars.get(least) else { return accept(short, sure) };
    let long = &run[..end_of(least + 1)];
    // A title names its instance after the name: 张小一审刑事判决书.
    let is_instance = "一二再".contains(*third) && chars.get(least + 1).is_some_and(|(_, c)| *c == '审');
    let follows = RIGHT.contains(*third) || is_instance;
    let name = if follows { short } else { long };
    let is_place = rest[name.len()..].starts_with(|c: char| PLACES.contains(c)) || PLACES.contains(*third);
    // 梁还准备了: a surname that stands for a name, and a word after it.
    let is_short =
        sure && name == short && chars.get(surname_chars).is_some_and(|(_, c)| "的还也均又在与和说".contains(*c));
    accept(name, sure).filter(|_| !is_place && !is_short)
}

/// A name, unless it is a word of the language.
fn accept(name: &str, sure: bool) -> Option<&str> {
    let is_common = name.chars().next().is_some_and(lexicon::is_word);
    (!(sure && is_common || is_other(name))).then_some(name)
}

/// What follows the name of a place.
const PLACES: &str = "省市县区镇乡州";
/// Parts that no name has.
const NOT_NAMES: [&str; 24] = [
    "公司", "本院", "法院", "检察", "公安", "银行", "被告", "原告", "上诉", "申请", "代理", "人民", "证言", "供述",
    "陈述", "律师", "不服", "其他", "家属", "先后", "以及", "支付", "驾驶", "经营",
];

/// The name that fills what stands after a role and its mark; it may have any surname.
fn alone(rest: &str) -> Option<&str> {
    let name = ALONE.captures(rest)?.name("name")?.as_str();
    let is_long = name.chars().count() > 4;
    let is_whole = !is_long || rest[name.len()..].starts_with(['（', '(']);
    (is_whole && !BODY.is_match(name) && !is_other(name)).then_some(name)
}

/// The name that ends where `before` does, after what may stand before a name.
fn name_before(before: &str) -> Option<&str> {
    let starts: Vec<usize> = before.char_indices().rev().take(4).map(|(at, _)| at).collect();
    for n in [3, 2, 4] {
        let Some(start) = starts.get(n - 1).copied() else { continue };
        let name = &before[start..];
        let left = &before[..start];
        let is_left = left.is_empty() || left.ends_with(|c: char| !is_han(c) || LEFT.contains(c)) || ends_in_role(left);
        if is_left && name.chars().all(is_han) && name_at(name, true) == Some(name) {
            return Some(name);
        }
    }
    None
}

/// Whether a name that begins with the last character of `before` is introduced or stands in a list.
pub fn is_introduced(before: &str) -> bool {
    let surname = before.char_indices().next_back().map_or(0, |(at, _)| at);
    let left = &before[..surname];
    left.ends_with(['、', '，', '。', '：', ':', '\n', '“'])
        || left.ends_with(|c: char| LEFT.contains(c))
        || ends_in_role(left)
}

/// Whether a text ends with words that introduce a name.
fn ends_in_role(text: &str) -> bool {
    let near = &text[floor(text, MAX_ROLE_BYTES)..];
    INTRODUCED.find_iter(near).last().is_some_and(|m| m.end() == near.len())
}

/// The start of the last `bytes` bytes of `text`, at a character.
fn floor(text: &str, bytes: usize) -> usize {
    let mut at = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
