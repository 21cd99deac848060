//! Defines what a statute says of itself: type, issuing body, number and dates.

use std::borrow::Cow;

use chrono::NaiveDate;
use corpus_format::legal::DocumentType;

use super::{date, issuer, law_name, number, repeal};
use crate::segment::statute::Statute;

/// The metadata of a statute.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct StatuteFacts {
    /// Title without a version in brackets.
    pub law: String,
    /// Issuing body.
    pub issuer: Option<String>,
    /// Number, as 法释〔2000〕12号.
    pub number: Option<String>,
    /// Date of this version: from the file's name, else the last date of its history.
    pub version: Option<NaiveDate>,
    /// When it was first passed or published.
    pub promulgated: Option<NaiveDate>,
    /// When it took effect, where it says so.
    pub effective: Option<NaiveDate>,
    /// When it was repealed, where it says so.
    pub repealed: Option<NaiveDate>,
    /// First day on which this version is in force, as far as it tells itself.
    pub in_force_from: Option<NaiveDate>,
    /// Statutes that it repeals.
    pub repeals: Vec<String>,
    /// Statutes that it amends.
    pub amends: Vec<String>,
}

pattern!(NAME, r"中华人民共和国\p{Han}{1,20}?法");
pattern!(VERSION, r"[（(]([12][0-9]{3}-[0-9]{2}-[0-9]{2})[）)]$");
pattern!(EFFECTIVE, r"[自从于]([12一二][^自，。；《》]{3,14}?日)(?:零时)?起?(?:正式)?(?:施行|实施|生效|执行|试行)");
pattern!(EFFECTIVE_AT_ONCE, r"(?:公布|发布|颁布|颁发|印发)之日起?(?:施行|实施|生效|执行|试行)");
// The day of effect of a decision or 修正案 itself, which may quote the closing article of the law that it amends.
pattern!(OWN_EFFECT, r"本(?:决定|修正案)自([12一二][^自，。；《》]{3,14}?日)起(?:施行|实施|生效|执行)");
pattern!(AMENDMENT_EFFECT, r"该(?:修正|修订|修改|决定)自([12一二][^自，。；《》]{3,14}?日)起?(?:施行|实施|生效|执行)");
pattern!(NAMED, r"[《<〈][^\n]*[》>〉]");

/// Split the version date off the name of a file: 刑法(2020-12-26) → 刑法, 2020-12-26.
pub fn file_version(stem: &str) -> (&str, Option<NaiveDate>) {
    match VERSION.captures(stem) {
        Some(found) => {
            let start = found.get(0).map_or(stem.len(), |m| m.start());
            (stem[..start].trim(), date::first(&found[1]))
        }
        None => (stem, None),
    }
}

/// Read the metadata of a statute from its title, history, last articles and file name.
pub fn facts(statute: &Statute, title: &str, file_stem: &str) -> StatuteFacts {
    let history = statute.history.join("\n");
    // The name of a decision (关于废止和修改某条例的决定) says nothing of this statute.
    let bare: Vec<Cow<'_, str>> = statute.history.iter().map(|line| NAMED.replace_all(line, "")).collect();
    let dated = |words: &[&str]| {
        let line = bare.iter().find(|line| words.iter().any(|word| line.contains(word)))?;
        date::first(line)
    };
    let passed = dated(&["通过", "公布", "发布", "颁布", "批准", "印发"]);
    let promulgated = passed.or_else(|| date::first(&history));
    let amended = statute.history.iter().rev().filter(|line| !line.contains("施行")).find_map(|line| date::first(line));
    let version = file_version(file_stem).1.or(amended).or(promulgated);
    let issuer = issuer::issuer(title, &bare);
    let published = || {
        let is_first = !history.contains("修") && bare.iter().filter(|line| line.contains("通过")).count() < 2;
        // The standing committee's laws are published on the day that they are passed.
        let by_congress = issuer.as_deref().is_some_and(|issuer| issuer.starts_with("全国人民代表大会"));
        let published = dated(&["公布", "发布", "颁布", "颁发", "印发"]);
        published.or(version.filter(|_| is_first)).or_else(|| dated(&["通过"]).filter(|_| by_congress))
    };
    let effective = stated_effect(statute)
        .or_else(|| dated(&["施行", "实施", "生效"]))
        .or_else(|| is_effective_at_once(statute, &bare).then(published).flatten());
    // A line of the history may say it of this version: 2023年11月1日 施行.
    let last_effect = bare.iter().rev().find(|line| line.contains("施行")).and_then(|line| date::first(line));
    let amendment = AMENDMENT_EFFECT.captures_iter(&history).last().and_then(|found| date::first(&found[1]));
    StatuteFacts {
        law: law_name::without_version(title).trim().to_owned(),
        issuer,
        number: number::statute_number(&history),
        version,
        promulgated,
        effective,
        repealed: dated(&["废止", "失效"]),
        // The article on taking effect is the first version's where the law was amended since.
        in_force_from: amendment.or_else(|| version.max(effective).max(last_effect)),
        repeals: repeal::repealed(&statute.text),
        amends: repeal::amended(title, &statute.text),
    }
}

/// The day of effect that the text itself states.
fn stated_effect(statute: &Statute) -> Option<NaiveDate> {
    let day = |pattern: &regex::Regex, text: &str| pattern.captures(text).and_then(|found| date::first(&found[1]));
    day(&OWN_EFFECT, &statute.text).or_else(|| closing(statute).find_map(|text| day(&EFFECTIVE, text)))
}

/// Whether it took effect when it was published.
fn is_effective_at_once(statute: &Statute, history: &[Cow<'_, str>]) -> bool {
    let mut lines = closing(statute).chain(history.iter().map(AsRef::as_ref));
    lines.any(|text| EFFECTIVE_AT_ONCE.is_match(text))
}

/// The last articles, or lines where there are none; the one on taking effect is among them, and annexes may follow.
fn closing(statute: &Statute) -> impl Iterator<Item = &str> {
    let articles = statute.articles.iter().rev().map(|article| article.text.as_str());
    let lines = statute.text.lines().rev().filter(|_| statute.articles.is_empty());
    articles.chain(lines).take(3)
}

/// The type of a statute, by its title, history and issuer, and where these say nothing by the folder
/// that its collection files it under.
pub fn document_type(title: &str, history: &[String], issuer: Option<&str>, raw_path: &str) -> DocumentType {
    let history = history.join("\n");
    let names = |word: &str| title.contains(word) || history.contains(word);
    if title == "中华人民共和国宪法" || title.starts_with("中华人民共和国宪法修正案") {
        return DocumentType::Constitution;
    }
    if title.starts_with("最高人民") || issuer.is_some_and(|i| i.starts_with("最高人民")) {
        return DocumentType::JudicialInterpretation;
    }
    match issuer {
        Some(i) if i.starts_with("全国人民代表大会") => DocumentType::Law,
        Some(i) if i.contains("国务院") || i == "政务院" => DocumentType::AdministrativeRegulation,
        Some(i) if i.contains("人民代表大会") => DocumentType::LocalRegulation,
        // What a ministry published with the approval of the State Council ranks as the Council's own.
        Some(_) if names("国务院") || names("政务院") => DocumentType::AdministrativeRegulation,
        Some(_) => DocumentType::DepartmentalRule,
        None if names("全国人民代表大会") || (title.starts_with("中华人民共和国") && title.ends_with('法')) => {
            DocumentType::Law
        }
        None if names("国务院") => DocumentType::AdministrativeRegulation,
        None => by_folder(raw_path),
    }
}

fn by_folder(raw_path: &str) -> DocumentType {
    let folders = [
        ("行政法规", DocumentType::AdministrativeRegulation),
        ("司法解释", DocumentType::JudicialInterpretation),
        ("地方性法规", DocumentType::LocalRegulation),
        ("部门规章", DocumentType::DepartmentalRule),
    ];
    let filed = |(folder, _): &&(&str, DocumentType)| raw_path.split('/').any(|part| part == *folder);
    folders.iter().find(filed).map_or(DocumentType::OtherStatute, |(_, kind)| *kind)
}

/// The name of a law whose text carries no title: the first law it names outside of quotation marks.
pub fn name_in_text(statute: &Statute) -> Option<&str> {
    let opening = statute.articles.iter().take(3).map(|article| article.text.as_str());
    opening
        .flat_map(|text| NAME.find_iter(text).map(move |m| (text, m)))
        .find_map(|(text, found)| (!text[..found.start()].ends_with('《')).then_some(found.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean::{RuleCounts, markup};
    use crate::segment::statute;

    fn read(text: &str, stem: &str) -> (StatuteFacts, DocumentType) {
        let mut counts = RuleCounts::default();
        let s = statute::parse(&markup::markdown(text, &mut counts), &mut counts);
        let title = s.title.clone().unwrap_or_default();
        let facts = facts(&s, &title, stem);
        let kind = document_type(&title, &s.history, facts.issuer.as_deref(), "某源/某法.md");
        (facts, kind)
    }

    fn iso(date: Option<NaiveDate>) -> String {
        date.map(|d| d.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_law_with_its_amendments() {
        let (facts, kind) = read(
            "# 中华人民共和国国家赔偿法\n\n1994年5月12日 第八届全国人民代表大会常务委员会第七次会议通过\n\n\
             2012年10月26日 第十一届全国人民代表大会常务委员会第二十九次会议第二次修正\n\n<!-- INFO END -->\n\n\
             第一条 甲。\n\n第二条 本法自1995年1月1日起施行。\n",
            "国家赔偿法(2012-10-26)",
        );
        assert_eq!(kind, DocumentType::Law);
        assert_eq!(facts.issuer.as_deref(), Some("全国人民代表大会常务委员会"));
        assert_eq!(facts.law, "中华人民共和国国家赔偿法");
        let dates = [facts.promulgated, facts.version, facts.effective, facts.repealed].map(iso);
        assert_eq!(dates, ["1994-05-12", "2012-10-26", "1995-01-01", ""]);
    }

    #[test]
    fn interpretations_regulations_and_rules() {
        let (facts, kind) = read(
            "# 最高人民法院关于审理某案件的解释（2020年修正）\n\n2000年6月22日 法释〔2000〕12号 公布\n\n<!-- INFO END -->\n\n第一条 甲。\n",
            "某解释",
        );
        assert_eq!(kind, DocumentType::JudicialInterpretation);
        assert_eq!(facts.number.as_deref(), Some("法释〔2000〕12号"));
        assert_eq!(facts.law, "最高人民法院关于审理某案件的解释");
        let (_, kind) =
            read("# 某条例\n\n2004年2月1日 国务院令第4号公布\n\n<!-- INFO END -->\n\n第一条 甲。\n", "某条例");
        assert_eq!(kind, DocumentType::AdministrativeRegulation);
        let (facts, kind) = read(
            "# 重庆市某条例\n\n2011年11月29日 重庆市第三届人民代表大会常务委员会通过\n\n<!-- INFO END -->\n\n第一条 甲。\n",
            "某条例",
        );
        assert_eq!(
            (kind, facts.issuer.as_deref()),
            (DocumentType::LocalRegulation, Some("重庆市人民代表大会常务委员会"))
        );
    }
}
