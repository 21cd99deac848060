//! Defines what a statute says of itself: type, issuing body, number and dates.

use chrono::NaiveDate;
use corpus_format::{law_name, legal::DocumentType};

use super::{date, history::History, issuer, number, repeal};
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
    let history = History::of(&statute.history);
    let promulgated = history.promulgated();
    let version = file_version(file_stem).1.or_else(|| history.last_change()).or(promulgated);
    let issuer = issuer::issuer(title, &history.lines);
    let published = || history.published(version, issuer.as_deref());
    let effective = stated_effect(statute)
        .or_else(|| history.dated(&["施行", "实施", "生效"]))
        .or_else(|| is_effective_at_once(statute, &history).then(published).flatten());
    StatuteFacts {
        law: law_name::without_version(title).trim().to_owned(),
        number: number::statute_number(&statute.history.join("\n")),
        version,
        promulgated,
        effective,
        repealed: history.dated(&["废止", "失效"]),
        // The article on taking effect is the first version's where the law was amended since.
        in_force_from: version.max(effective).max(history.effect()),
        repeals: repeal::repealed(&statute.text),
        amends: repeal::amended(title, &statute.text),
        issuer,
    }
}

/// The day of effect that the text itself states.
fn stated_effect(statute: &Statute) -> Option<NaiveDate> {
    let day = |pattern: &regex::Regex, text: &str| pattern.captures(text).and_then(|found| date::first(&found[1]));
    day(&OWN_EFFECT, &statute.text).or_else(|| closing(statute).find_map(|text| day(&EFFECTIVE, text)))
}

/// Whether it took effect when it was published.
fn is_effective_at_once(statute: &Statute, history: &History<'_>) -> bool {
    let mut lines = closing(statute).chain(history.lines.iter().map(AsRef::as_ref));
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
    fn a_regulation_that_a_decision_with_another_name_amended() {
        let (facts, kind) = read(
            "# 某条例\n\n2006年1月21日 中华人民共和国国务院令第455号公布\n\n\
             2016年2月6日 《国务院关于废止和修改部分行政法规的决定》修订\n\n<!-- INFO END -->\n\n\
             第一条 甲。\n\n第二条 本条例自公布之日起施行。1990年发布的《旧条例》同时废止。\n",
            "某条例(2016-02-06)",
        );
        assert_eq!((kind, facts.number.as_deref()), (DocumentType::AdministrativeRegulation, Some("国务院令第455号")));
        let dates = [facts.promulgated, facts.effective, facts.in_force_from, facts.repealed].map(iso);
        assert_eq!(dates, ["2006-01-21", "2006-01-21", "2016-02-06", ""]);
        assert_eq!(facts.repeals, ["旧条例"]);
    }

    #[test]
    fn the_day_of_effect_of_an_amendment() {
        let (facts, _) = read(
            "# 最高人民法院关于某的解释\n\n2015年5月11日 审判委员会第1651次会议通过\n\n\
             2021年4月7日 审判委员会第1835次会议《关于修改某的决定》修正，该修正自2021年4月15日起施行\n\n\
             <!-- INFO END -->\n\n第一条 本解释自2015年6月1日起施行。\n",
            "某解释(2021-04-13)",
        );
        assert_eq!(iso(facts.in_force_from), "2021-04-15");
        assert_eq!((iso(facts.effective), facts.number), ("2015-06-01".to_owned(), None));
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
