//! Defines the last line of an answer, in a form that can be scored: 罪名：…, 依据：…, 刑期：….

use corpus_format::{
    legal::{CitationVerdict, Penalty},
    numeral,
};

use super::{case::Basis, titled};
use crate::enrich::case::Sentence;

/// 罪名：盗窃罪；抢劫罪
pub fn charges(charges: &[&str]) -> Option<String> {
    let full = |charge: &&str| if charge.ends_with('罪') { (*charge).to_owned() } else { format!("{charge}罪") };
    let names: Vec<String> = charges.iter().map(full).collect();
    (!names.is_empty()).then(|| format!("罪名：{}", names.join("；")))
}

/// 依据：《中华人民共和国刑法》第二百六十四条、第六十七条第三款; `None` where one of them cannot be right.
pub fn articles(basis: &[Basis]) -> Option<String> {
    use CitationVerdict as V;
    let is_wrong = |b: &Basis| matches!(b.verdict, V::NoSuchArticle | V::NoSuchParagraph | V::Repealed);
    if basis.is_empty() || basis.iter().any(is_wrong) {
        return None;
    }
    let mut laws: Vec<(&str, Vec<&str>)> = Vec::new();
    for Basis { law, label, .. } in basis {
        let at = laws.iter().position(|(other, _)| other == law).unwrap_or_else(|| {
            laws.push((law, Vec::new()));
            laws.len() - 1
        });
        if !laws[at].1.contains(&label.as_str()) {
            laws[at].1.push(label);
        }
    }
    let shown = |(law, labels): &(&str, Vec<&str>)| titled(law) + &labels.join("、");
    Some(format!("依据：{}", laws.iter().map(shown).collect::<Vec<_>>().join("；")))
}

/// 刑期：有期徒刑一年六个月，缓刑二年，并处罚金人民币5000元; `None` where a part of it is not known.
pub fn term(sentence: &Sentence) -> Option<String> {
    let length = || Some(months(sentence.months?));
    let fine = sentence.fine_yuan.map(|yuan| format!("人民币{yuan}元"));
    let mut term = match sentence.penalty {
        Penalty::Death => "死刑".to_owned(),
        Penalty::SuspendedDeath => "死刑，缓期二年执行".to_owned(),
        Penalty::Life => "无期徒刑".to_owned(),
        Penalty::FixedTerm => format!("有期徒刑{}", length()?),
        Penalty::Detention => format!("拘役{}", length()?),
        Penalty::Surveillance => format!("管制{}", length()?),
        Penalty::Fine => return Some(format!("刑期：单处罚金{}", fine?)),
        Penalty::Exempted => "免予刑事处罚".to_owned(),
    };
    if let Some(suspended) = sentence.suspended_months {
        term += &format!("，缓刑{}", months(suspended));
    }
    if let Some(fine) = fine {
        term += &format!("，并处罚金{fine}");
    }
    Some(format!("刑期：{term}"))
}

/// 一年六个月
fn months(months: u16) -> String {
    let part = |n: u16, unit: &str| if n == 0 { String::new() } else { format!("{}{unit}", numeral::words(n)) };
    part(months / 12, "年") + &part(months % 12, "个月")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(law: &str, label: &str, verdict: CitationVerdict) -> Basis {
        Basis { law: law.into(), label: label.into(), article_id: None, verdict }
    }

    #[test]
    fn articles_are_grouped_by_law_and_wrong_ones_give_no_answer() {
        use CitationVerdict as V;
        let mut all = vec![
            basis("刑法", "第二百六十四条", V::Ok),
            basis("关于适用《刑法》的解释", "第一条", V::UnresolvedLaw),
            basis("刑法", "第六十七条第三款", V::Ok),
            basis("刑法", "第二百六十四条", V::Ok),
        ];
        let line = "依据：《刑法》第二百六十四条、第六十七条第三款；《关于适用〈刑法〉的解释》第一条";
        assert_eq!(articles(&all).as_deref(), Some(line));
        all.push(basis("刑法", "第九百条", V::NoSuchArticle));
        assert_eq!((articles(&all), articles(&[])), (None, None));
    }

    #[test]
    fn terms_are_written_as_courts_write_them() {
        let sentence =
            |penalty, months, suspended_months, fine_yuan| Sentence { penalty, months, suspended_months, fine_yuan };
        let cases = [
            (
                sentence(Penalty::FixedTerm, Some(18), Some(24), Some(5000)),
                "有期徒刑一年六个月，缓刑二年，并处罚金人民币5000元",
            ),
            (sentence(Penalty::Detention, Some(4), None, None), "拘役四个月"),
            (sentence(Penalty::Fine, None, None, Some(3000)), "单处罚金人民币3000元"),
            (sentence(Penalty::SuspendedDeath, None, None, None), "死刑，缓期二年执行"),
        ];
        for (sentence, expected) in cases {
            assert_eq!(term(&sentence), Some(format!("刑期：{expected}")));
        }
        assert_eq!(term(&sentence(Penalty::FixedTerm, None, None, None)), None);
    }

    #[test]
    fn a_charge_has_its_last_character_whatever_the_case_says() {
        assert_eq!(charges(&["盗窃罪", "抢劫"]).as_deref(), Some("罪名：盗窃罪；抢劫罪"));
        assert_eq!(charges(&[]), None);
    }
}
