//! Defines what the lines before a statute's body say of its days: passed, published, amended, in force.

use std::borrow::Cow;

use chrono::NaiveDate;

use super::date;

pattern!(NAMED, r"[《<〈][^\n]*[》>〉]");
pattern!(AMENDMENT_EFFECT, r"该(?:修正|修订|修改|决定)自([12一二][^自，。；《》]{3,14}?日)起?(?:施行|实施|生效|执行)");

const PUBLISHING: [&str; 5] = ["公布", "发布", "颁布", "颁发", "印发"];
const PASSING: [&str; 6] = ["通过", "公布", "发布", "颁布", "批准", "印发"];

/// The lines of a history without the names in them: 关于废止和修改某条例的决定 says nothing of this statute.
pub struct History<'a> {
    /// The lines, in order.
    pub lines: Vec<Cow<'a, str>>,
}

impl<'a> History<'a> {
    /// The history in `lines`.
    pub fn of(lines: &'a [String]) -> Self {
        Self { lines: lines.iter().map(|line| NAMED.replace_all(line, "")).collect() }
    }

    /// The date of the first line with one of `words`.
    pub fn dated(&self, words: &[&str]) -> Option<NaiveDate> {
        let line = self.lines.iter().find(|line| words.iter().any(|word| line.contains(word)))?;
        date::first(line)
    }

    /// When the statute was first passed or published.
    pub fn promulgated(&self) -> Option<NaiveDate> {
        self.dated(&PASSING).or_else(|| self.lines.iter().find_map(|line| date::first(line)))
    }

    /// The date of the last line that is not on taking effect.
    pub fn last_change(&self) -> Option<NaiveDate> {
        self.lines.iter().rev().filter(|line| !line.contains("施行")).find_map(|line| date::first(line))
    }

    /// When it was first published; `version` is the date of the text, which is that of a first version.
    pub fn published(&self, version: Option<NaiveDate>, issuer: Option<&str>) -> Option<NaiveDate> {
        let count = |word: &str| self.lines.iter().filter(|line| line.contains(word)).count();
        let is_first = count("修") == 0 && count("通过") < 2;
        // The laws of the congress and its committee are published on the day that they are passed.
        let by_congress = issuer.is_some_and(|issuer| issuer.starts_with("全国人民代表大会"));
        let published = self.dated(&PUBLISHING).or(version.filter(|_| is_first));
        published.or_else(|| self.dated(&["通过"]).filter(|_| by_congress))
    }

    /// When this version took effect, where a line says it of its amendment or else of the statute.
    pub fn effect(&self) -> Option<NaiveDate> {
        let amendment = self.lines.iter().rev().find_map(|line| date::first(&AMENDMENT_EFFECT.captures(line)?[1]));
        // 2023年11月1日 施行
        let line = || self.lines.iter().rev().find(|line| line.contains("施行"));
        amendment.or_else(|| date::first(line()?))
    }
}
