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

use rustc_hash::FxHashMap;

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
    /// Longest first, so that a name within another is not taken for it.
    masks: Vec<(String, String)>,
}

impl Masks {
    /// Choose a mask for each name; `text` may hold masks of the court's own.
    pub fn new(names: &[String], text: &str) -> Self {
        let mut of_surname: FxHashMap<&str, Vec<&String>> = FxHashMap::default();
        for name in names {
            let first = lexicon::surname(name, false).or_else(|| name.chars().next().map(char::len_utf8)).unwrap_or(0);
            of_surname.entry(&name[..first]).or_default().push(name);
        }
        let mut masks = Vec::with_capacity(names.len());
        for (surname, people) in of_surname {
            let is_alone = people.len() == 1 && !text.contains(&format!("{surname}某"));
            // The court's own 张某甲 keeps its place.
            let free = STEMS.chars().filter(|stem| !text.contains(&format!("{surname}某{stem}")));
            let mut more = (1..).map(|n: u32| format!("{surname}某第{n}"));
            let mut marked = free.map(|stem| format!("{surname}某{stem}"));
            for name in people {
                let mask = if is_alone {
                    format!("{surname}某")
                } else {
                    marked.next().or_else(|| more.next()).unwrap_or_default()
                };
                masks.push((name.clone(), mask));
            }
        }
        masks.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        Self { masks }
    }

    /// Put the masks in the place of the names.
    pub fn apply<'a>(&self, text: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
        let mut masked: Option<String> = None;
        let (mut copied, mut at) = (0, 0);
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            match self.masks.iter().find(|(name, _)| rest.starts_with(name.as_str())) {
                Some((name, mask)) => {
                    let masked = masked.get_or_insert_with(|| String::with_capacity(text.len()));
                    masked.push_str(&text[copied..at]);
                    masked.push_str(mask);
                    counts.hit(Rule::Name);
                    at += name.len();
                    copied = at;
                }
                None => at += c.len_utf8(),
            }
        }
        match masked {
            Some(mut masked) => {
                masked.push_str(&text[copied..]);
                Cow::Owned(masked)
            }
            None => Cow::Borrowed(text),
        }
    }
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
