//! Defines when two names are one law: 《中华人民共和国刑法》, 刑法, 《刑法（2017年修正）》; and the short names in use.

use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64;

/// Names as courts write them without brackets, or in short, with the title each stands for.
/// A longer name comes before one that it ends with.
pub const KNOWN: [(&str, &str); 71] = [
    ("民事诉讼法司法解释", "最高人民法院关于适用《中华人民共和国民事诉讼法》的解释"),
    ("民事诉讼法解释", "最高人民法院关于适用《中华人民共和国民事诉讼法》的解释"),
    ("民诉法司法解释", "最高人民法院关于适用《中华人民共和国民事诉讼法》的解释"),
    ("民诉法解释", "最高人民法院关于适用《中华人民共和国民事诉讼法》的解释"),
    ("刑事诉讼法解释", "最高人民法院关于适用《中华人民共和国刑事诉讼法》的解释"),
    ("刑诉法司法解释", "最高人民法院关于适用《中华人民共和国刑事诉讼法》的解释"),
    ("刑诉法解释", "最高人民法院关于适用《中华人民共和国刑事诉讼法》的解释"),
    ("行政诉讼法解释", "最高人民法院关于适用《中华人民共和国行政诉讼法》的解释"),
    ("行诉法解释", "最高人民法院关于适用《中华人民共和国行政诉讼法》的解释"),
    ("合同法司法解释二", "最高人民法院关于适用《中华人民共和国合同法》若干问题的解释（二）"),
    ("合同法司法解释一", "最高人民法院关于适用《中华人民共和国合同法》若干问题的解释（一）"),
    ("合同法解释二", "最高人民法院关于适用《中华人民共和国合同法》若干问题的解释（二）"),
    ("合同法解释一", "最高人民法院关于适用《中华人民共和国合同法》若干问题的解释（一）"),
    ("婚姻法解释三", "最高人民法院关于适用《中华人民共和国婚姻法》若干问题的解释（三）"),
    ("婚姻法解释二", "最高人民法院关于适用《中华人民共和国婚姻法》若干问题的解释（二）"),
    ("担保法司法解释", "最高人民法院关于适用《中华人民共和国担保法》若干问题的解释"),
    ("担保法解释", "最高人民法院关于适用《中华人民共和国担保法》若干问题的解释"),
    ("海事诉讼特别程序法", "中华人民共和国海事诉讼特别程序法"),
    ("刑事诉讼法", "中华人民共和国刑事诉讼法"),
    ("刑诉法", "中华人民共和国刑事诉讼法"),
    ("民事诉讼法", "中华人民共和国民事诉讼法"),
    ("民诉法", "中华人民共和国民事诉讼法"),
    ("行政诉讼法", "中华人民共和国行政诉讼法"),
    ("行诉法", "中华人民共和国行政诉讼法"),
    ("民法典", "中华人民共和国民法典"),
    ("民法通则", "中华人民共和国民法通则"),
    ("民法总则", "中华人民共和国民法总则"),
    ("刑法", "中华人民共和国刑法"),
    ("宪法", "中华人民共和国宪法"),
    ("劳动合同法实施条例", "中华人民共和国劳动合同法实施条例"),
    ("劳动合同法", "中华人民共和国劳动合同法"),
    ("合同法", "中华人民共和国合同法"),
    ("侵权责任法", "中华人民共和国侵权责任法"),
    ("物权法", "中华人民共和国物权法"),
    ("担保法", "中华人民共和国担保法"),
    ("婚姻法", "中华人民共和国婚姻法"),
    ("继承法", "中华人民共和国继承法"),
    ("收养法", "中华人民共和国收养法"),
    ("公司法", "中华人民共和国公司法"),
    ("合伙企业法", "中华人民共和国合伙企业法"),
    ("企业破产法", "中华人民共和国企业破产法"),
    ("证券法", "中华人民共和国证券法"),
    ("票据法", "中华人民共和国票据法"),
    ("社会保险法", "中华人民共和国社会保险法"),
    ("保险法", "中华人民共和国保险法"),
    ("商业银行法", "中华人民共和国商业银行法"),
    ("信托法", "中华人民共和国信托法"),
    ("海商法", "中华人民共和国海商法"),
    ("专利法", "中华人民共和国专利法"),
    ("商标法", "中华人民共和国商标法"),
    ("著作权法", "中华人民共和国著作权法"),
    ("反不正当竞争法", "中华人民共和国反不正当竞争法"),
    ("反垄断法", "中华人民共和国反垄断法"),
    ("劳动争议调解仲裁法", "中华人民共和国劳动争议调解仲裁法"),
    ("劳动法", "中华人民共和国劳动法"),
    ("仲裁法", "中华人民共和国仲裁法"),
    ("道路交通安全法实施条例", "中华人民共和国道路交通安全法实施条例"),
    ("道路交通安全法", "中华人民共和国道路交通安全法"),
    ("治安管理处罚法", "中华人民共和国治安管理处罚法"),
    ("行政处罚法", "中华人民共和国行政处罚法"),
    ("行政许可法", "中华人民共和国行政许可法"),
    ("行政复议法", "中华人民共和国行政复议法"),
    ("行政强制法", "中华人民共和国行政强制法"),
    ("国家赔偿法", "中华人民共和国国家赔偿法"),
    ("土地管理法", "中华人民共和国土地管理法"),
    ("农村土地承包法", "中华人民共和国农村土地承包法"),
    ("城市房地产管理法", "中华人民共和国城市房地产管理法"),
    ("消费者权益保护法", "中华人民共和国消费者权益保护法"),
    ("食品安全法", "中华人民共和国食品安全法"),
    ("产品质量法", "中华人民共和国产品质量法"),
    ("建筑法", "中华人民共和国建筑法"),
];

/// What the name of a statute ends with; a contract's or a company's own rules end otherwise.
const ENDS: [&str; 19] = [
    "法",
    "法典",
    "条例",
    "规定",
    "解释",
    "办法",
    "细则",
    "规则",
    "通则",
    "总则",
    "意见",
    "批复",
    "决定",
    "通知",
    "纪要",
    "答复",
    "公约",
    "安排",
    "修正案",
];

// A note on the version or part at the end of a name: （2017年修正）, (试行).
pattern!(NOTE, r"[（(](?:[^（()）]*(?:修订|修正|修改|公布|施行|[12][0-9]{3})[^（()）]*)[）)]$");

/// Whether a name in brackets can be a statute's.
pub fn is_statute(name: &str) -> bool {
    let inside = name.strip_suffix(['）', ')']).and_then(|open| open.rsplit_once(['（', '(']));
    let bare = inside.map_or(name, |(bare, _)| bare);
    ENDS.iter().any(|end| bare.ends_with(end)) || title_of(name).is_some()
}

/// The title that a short name stands for.
pub fn title_of(name: &str) -> Option<&'static str> {
    let bare: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    KNOWN.iter().find(|(known, _)| *known == bare).map(|(_, title)| *title)
}

/// The name without a note on its version; the year of a 修正案 is its name.
pub fn without_version(name: &str) -> &str {
    let bare = NOTE.find(name).map_or(name, |note| &name[..note.start()]);
    if bare.ends_with("修正案") { name } else { bare }
}

/// One key for every spelling of a law's name: without the state's name, brackets, punctuation and 的, which courts
/// leave out (若干问题解释).
pub fn key(name: &str) -> u64 {
    let name = without_version(name).replace("中华人民共和国", "");
    let bare: String = name.chars().filter(|c| c.is_alphanumeric() && *c != '的').collect();
    xxh3_64(bare.as_bytes())
}

/// The keys of a law's name as a text gives it: whole, and from 关于 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// Of the whole name.
    pub key: u64,
    /// Without its issuer, where it begins with one.
    pub short: Option<u64>,
}

impl Name {
    /// The keys of `name`.
    pub fn of(name: &str) -> Self {
        Self { key: key(name), short: key_without_issuer(name) }
    }
}

/// Which laws there are, found by full and by short names.
#[derive(Debug, Default)]
pub struct Names {
    whole: FxHashSet<u64>,
    /// The one law whose name without its issuer has that key; `None` where there are several.
    short: FxHashMap<u64, Option<u64>>,
}

impl Names {
    /// Add a law by its title; gives its key.
    pub fn add(&mut self, title: &str) -> u64 {
        let Name { key, short } = Name::of(title);
        self.whole.insert(key);
        if let Some(short) = short {
            let law = self.short.entry(short).or_insert(Some(key));
            *law = law.filter(|other| *other == key);
        }
        key
    }

    /// The key of the law with that name, or of the one law that has it without its issuer.
    pub fn find(&self, name: Name) -> Option<u64> {
        let by_short = |key: u64| self.short.get(&key).copied().flatten();
        let whole = Some(name.key).filter(|key| self.whole.contains(key));
        whole.or_else(|| by_short(name.key)).or_else(|| by_short(name.short?))
    }
}

/// The key of a name without its issuer, where it begins with one: 最高人民法院关于适用… is also cited as 关于适用….
pub fn key_without_issuer(name: &str) -> Option<u64> {
    let about = name.find("关于").filter(|at| *at > 0)?;
    Some(key(&name[about..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        let same = [
            ("中华人民共和国刑法", "刑法（2017年修正）"),
            ("最高人民法院关于适用《中华人民共和国民事诉讼法》的解释", "最高人民法院关于适用<民事诉讼法>的解释"),
        ];
        for (a, b) in same {
            assert_eq!(key(a), key(b), "{a}");
        }
        assert_ne!(key("最高人民法院关于某的解释（一）"), key("最高人民法院关于某的解释（二）"));
        assert_ne!(key("某条例（试行）"), key("某条例"));
        assert_ne!(key("宪法修正案（1988年）"), key("宪法修正案（1993年）"));
        let full = "最高人民法院关于适用〈担保法〉若干问题的解释";
        assert_eq!(key_without_issuer(full), Some(key("关于适用〈担保法〉若干问题的解释")));
    }

    #[test]
    fn statutes_are_told_from_contracts() {
        for name in ["中华人民共和国刑法", "某解释（二）", "工伤保险条例", "民诉法解释"] {
            assert!(is_statute(name), "{name}");
        }
        for name in ["借款合同", "公司章程", "补充协议", "会议记录"] {
            assert!(!is_statute(name), "{name}");
        }
    }

    #[test]
    fn a_longer_name_comes_before_one_that_it_ends_with() {
        for (i, (name, _)) in KNOWN.iter().enumerate() {
            assert!(KNOWN[i + 1..].iter().all(|(later, _)| !later.ends_with(name)), "{name}");
        }
    }
}
