//! Judges numbers of articles of the Criminal Law (3-1).

use super::{Judged, Mode, Verdict, set_f1};
use crate::{characters::ascii_digits, lawbench::Answer, number};

pub(super) fn judge(answer: &Answer, mode: Mode) -> Judged {
    let reference = reference(&answer.reference).ok_or("the reference is not of the form 法条:刑法第…、…条")?;
    let predicted = match mode {
        Mode::Official => published(&answer.prediction),
        Mode::Strict => cited(&answer.prediction),
    };
    if predicted.is_empty() {
        return Ok(Verdict::abstained());
    }
    Ok(Verdict::answered(set_f1(&predicted, &reference)))
}

fn reference(text: &str) -> Option<Vec<String>> {
    let numbers = text.strip_prefix("法条:刑法第")?.strip_suffix("条")?.split('、').map(str::trim);
    let numbers: Option<Vec<String>> = numbers
        .map(|number| (!number.is_empty() && number.bytes().all(|c| c.is_ascii_digit())).then(|| plain(number)))
        .collect();
    numbers.map(distinct)
}

/// The digits of a number without noughts before it.
fn plain(number: &str) -> String {
    let digits = ascii_digits(number);
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }
}

fn distinct(mut numbers: Vec<String>) -> Vec<String> {
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

pattern!(DIGITS, r"\d+");

/// The first number of each piece between enumeration commas, whatever it is the number of.
fn published(text: &str) -> Vec<String> {
    pattern!(PARAGRAPH, "第(.*?)款");
    pattern!(ARTICLE, "第(.*?)条");
    let number = |piece: &str| {
        let piece = piece.replace("万元", "元");
        let piece = PARAGRAPH.replace_all(&piece, "");
        let piece = number::to_arabic(&ARTICLE.replace_all(&piece, "$1"));
        DIGITS.find(&piece).map(|number| plain(number.as_str()))
    };
    distinct(text.split('、').filter_map(number).collect())
}

/// The name of a law right before an article; names of other kinds of rules stand in marks.
const LAW: &str = r"\p{Han}{0,30}(?:法典?|条例|修正案(?:[（(]\d+[）)])?)";

/// One of several numbers of articles, and what stands between two.
const NUMBER: &str = r"\d+\s*条?(?:之\d+)?";
const AND: &str = r"\s*(?:(?:[、和及与至]|以及)\s*第?|[,，])\s*";

/// Every article that is cited from the Criminal Law, or from a law that is not named. Where no article is cited,
/// what is a number and nothing else counts as one, since the task asks for numbers.
fn cited(text: &str) -> Vec<String> {
    pattern!(CITED, &format!(r"《([^》\n]*)》|({LAW})?\s*第?\s*({NUMBER}(?:{AND}{NUMBER})*)\s*条"));
    pattern!(INSERTED, r"之\d+");
    let text = ascii_digits(&number::to_arabic(text));
    let (mut numbers, mut is_criminal_law, mut has_citation) = (Vec::new(), true, false);
    for found in CITED.captures_iter(&text) {
        // An article without a law is of the law before it.
        if let Some(law) = found.get(1).filter(|title| names_rules(title.as_str())).or(found.get(2)) {
            is_criminal_law = names_criminal_law(law.as_str());
        }
        let Some(list) = found.get(3) else { continue };
        has_citation = true;
        // An inserted article (之一) counts as the one it stands behind: references have no others.
        let list = INSERTED.replace_all(list.as_str(), "");
        let articles = DIGITS.find_iter(&list).filter(|_| is_criminal_law);
        numbers.extend(articles.map(|number| plain(number.as_str())));
    }
    if !has_citation {
        numbers.extend(bare(&text));
    }
    distinct(numbers)
}

/// Whether a title in marks is that of rules and not of a document of the case.
fn names_rules(title: &str) -> bool {
    ["法", "条例", "规定", "解释", "办法", "决定"].iter().any(|kind| title.contains(kind))
}

fn names_criminal_law(law: &str) -> bool {
    let name = law.split(['（', '(']).next().unwrap_or_default();
    name.ends_with("刑法") || name.ends_with("刑法典")
}

/// Numbers that stand alone between marks.
fn bare(text: &str) -> impl Iterator<Item = String> {
    let pieces = text.split(|c: char| !c.is_alphanumeric());
    pieces.filter(|piece| !piece.is_empty() && piece.bytes().all(|c| c.is_ascii_digit())).map(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lawbench::Rule, score::judged};

    #[test]
    fn numbers_in_both_count() {
        for mode in [Mode::Official, Mode::Strict] {
            let judged = |prediction| judged(Rule::Articles, prediction, "法条:刑法第264、133条", mode);
            assert_eq!(judged("[法条]刑法第133条、刑法第264条<eoa>"), Verdict::answered(1.0));
            assert_eq!(judged("刑法第二百六十四条"), Verdict::answered(2.0 / 3.0));
            assert_eq!(judged("264、133"), Verdict::answered(1.0));
            assert_eq!(judged("刑法第232条"), Verdict::answered(0.0));
            assert_eq!(judged("无"), Verdict::abstained());
        }
    }

    #[test]
    fn articles_as_published_and_as_cited() {
        let citations: [(&str, &[&str], &[&str]); 19] = [
            ("刑法第264、133条", &["133", "264"], &["133", "264"]),
            ("刑法第264条和第133条", &["264"], &["133", "264"]),
            ("《中华人民共和国刑法》第二百六十四条、第六十七条第三款", &["264"], &["264", "67"]),
            ("2016年犯罪，依刑法第264条", &["2016"], &["264"]),
            ("刑法第264条第1款", &[], &["264"]),
            ("《民法典》第10条、《刑法》第264条", &["10", "264"], &["264"]),
            ("刑事诉讼法第15条", &["15"], &[]),
            ("《刑法（2020修正）》第264条", &["2020"], &["264"]),
            ("《刑法修正案（九）》第30条", &["9"], &[]),
            ("刑法修正案（九）第30条", &["9"], &[]),
            ("涉及的刑法法条编号为第264条", &["264"], &["264"]),
            ("构成非法拘禁，适用第238条", &["238"], &["238"]),
            ("据《鉴定书》，适用第234条", &["234"], &["234"]),
            ("金额5000，第264条，第67条", &["5000"], &["264", "67"]),
            ("根据刑法第133条之一", &["133"], &["133"]),
            ("刑法第0264条", &["264"], &["264"]),
            ("第２６４条", &["264"], &["264"]),
            ("[法条]264<eoa>", &["264"], &["264"]),
            ("罚金3万元", &["3"], &[]),
        ];
        for (text, as_published, as_cited) in citations {
            assert_eq!(published(text), as_published, "{text}");
            assert_eq!(cited(text), as_cited, "{text}");
        }
    }

    #[test]
    fn a_reference_of_another_form_is_refused() {
        for reference in ["264", "法条:刑法第条", "法条:刑法第二条"] {
            let answer = Answer { prediction: String::new(), reference: reference.into() };
            assert!(judge(&answer, Mode::Official).is_err(), "{reference}");
        }
    }
}
