//! Defines how names of people are masked: 张三丰 becomes 张某, and where another has that surname 张某甲, the same
//! everywhere in a document.
//!
//! Names are found where a word before them says whose they are, then wherever they come again, and beside names
//! that are known. Judges, clerks, prosecutors and lawyers keep theirs.

/// Where names stand in a text.
mod find;
/// Surnames, and the words beside names.
mod lexicon;

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Rule, RuleCounts};

pub use find::{Known, is_introduced, people};

/// Whether a character can be a surname.
pub fn is_surname(c: char) -> bool {
    lexicon::surname(c.encode_utf8(&mut [0; 4]), false).is_some()
}

/// What tells people of one surname apart: the ten stems and twelve branches.
const STEMS: &str = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥";

/// The names of a document's people with what stands in their place.
#[derive(Debug, Default)]
pub struct Masks {
    /// Finds the longest name at a place, so that one within another is not taken for it.
    names: Option<AhoCorasick>,
    /// The mask of each name, in their order.
    masks: Vec<String>,
}

impl Masks {
    /// Choose a mask for each name; `text` may hold masks of the court's own.
    pub fn new(names: &[String], text: &str) -> Self {
        let surname_of = |name: &str| {
            let first = lexicon::surname(name, false).or_else(|| name.chars().next().map(char::len_utf8));
            name[..first.unwrap_or(0)].to_owned()
        };
        let taken = masks_of_court(text);
        let is_taken = |mask: &str| taken.iter().any(|court| court.starts_with(mask));
        let mut of_surname: FxHashMap<String, u32> = FxHashMap::default();
        for name in names {
            *of_surname.entry(surname_of(name)).or_default() += 1;
        }
        let mut given: FxHashMap<String, usize> = FxHashMap::default();
        let mut mask = |name: &String| {
            let surname = surname_of(name);
            let plain = format!("{surname}某");
            if of_surname.get(&surname) == Some(&1) && !is_taken(&plain) {
                return plain;
            }
            // The court's own 张某甲 keeps its place.
            let next = given.entry(surname).or_default();
            let marked = (*next..).map(|n| (n, format!("{plain}{}", mark(n)))).find(|(_, mask)| !is_taken(mask));
            let (n, mask) = marked.unwrap_or((*next, plain));
            *next = n + 1;
            mask
        };
        let masks = names.iter().map(&mut mask).collect();
        let names = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(names).ok();
        Self { names, masks }
    }

    /// Put the masks in the place of the names.
    pub fn apply<'a>(&self, text: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
        let Some(names) = self.names.as_ref().filter(|names| names.is_match(text)) else { return Cow::Borrowed(text) };
        let mut masked = String::with_capacity(text.len());
        names.replace_all_with(text, &mut masked, |found, _, masked| {
            masked.push_str(&self.masks[found.pattern().as_usize()]);
            counts.hit(Rule::Name);
            true
        });
        Cow::Owned(masked)
    }
}

/// What tells the n-th person of a surname from the others: 甲 to 亥, then 甲1 and so on.
fn mark(n: usize) -> String {
    let stems = STEMS.chars().count();
    let stem = STEMS.chars().nth(n % stems).unwrap_or('甲');
    if n < stems { stem.to_string() } else { format!("{stem}{}", n / stems) }
}

/// The masks that the court set: a surname, 某, and the character that follows.
fn masks_of_court(text: &str) -> FxHashSet<&str> {
    let around = |(at, mask): (usize, &str)| {
        let surname = text[..at].chars().next_back()?;
        let end = at + mask.len();
        let next = text[end..].chars().next().map_or(0, char::len_utf8);
        Some(&text[at - surname.len_utf8()..end + next])
    };
    text.match_indices('某').filter_map(around).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let known =
            Known {
                parties: vec![], bodies: vec!["龙工机械有限公司"], signers: vec!["钱七"], keeps_lawyers: true
            };
        let names = people(text, &known);
        Masks::new(&names, text).apply(text, &mut RuleCounts::default()).into_owned()
    }

    #[test]
    fn a_name_is_masked_wherever_it_comes() {
        let cases = [
            (
                "被告人张三丰，男。张三丰在其家中将李某打伤，证人赵六的证言。",
                "被告人张某，男。张某在其家中将李某打伤，证人赵某的证言。",
            ),
            (
                "被害人王小明、王大力和张某，王小明与王大力系兄弟。",
                "被害人王某甲、王某乙和张某，王某甲与王某乙系兄弟。",
            ),
            ("被告人欧阳锋犯盗窃罪，与刘洋、陈某甲等人。", "被告人欧阳某犯盗窃罪，与刘某、陈某甲等人。"),
            ("被告人买买提·艾力，男，维吾尔族。买买提·艾力供述", "被告人买某，男，维吾尔族。买某供述"),
            ("被告人李青一审刑事判决书，被告人李青供述。", "被告人李某一审刑事判决书，被告人李某供述。"),
            ("法定代表人：樋口太郎（HIGUCHI TARO），会长。", "法定代表人：樋某（H某），会长。"),
        ];
        for (text, expected) in cases {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn offices_bodies_places_and_words_keep_their_names() {
        for text in [
            "审判长张三丰\n审判员李四\n书记员钱七",
            "检察员孙八出庭支持公诉，辩护人周九，某某律师事务所律师。",
            "被申请人龙工（中国）机械有限公司与江西江铜有限公司",
            "被告人于2013年盗窃，被害人方同意，原告应向被告支付经济补偿金，贵州省安顺市",
            "另查明，原审查明的事实清楚，利用职务上的便利，解除劳动关系",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn the_masks_of_the_court_keep_their_place() {
        let text = "被告人张三丰与张某甲、张某乙系同乡。";
        assert_eq!(masked(text), "被告人张某丙与张某甲、张某乙系同乡。");
    }

    #[test]
    fn a_lawyer_is_masked_where_that_is_asked_for() {
        let text = "委托代理人：周九，某某律师事务所律师。";
        let known = Known { parties: vec![], bodies: vec![], signers: vec![], keeps_lawyers: false };
        assert_eq!(people(text, &known), ["周九"]);
    }
}
