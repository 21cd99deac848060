//! Judges months of imprisonment (3-4, 3-5) by the distance of logarithms.

use regex::{Captures, Regex};

use super::{Judged, Mode, Verdict};
use crate::{characters::ascii_digits, lawbench::Answer, number};

/// What an answer without a term costs: the distance from none to 215 months.
const LONGEST: f64 = 216.0;

pub(super) fn judge(answer: &Answer, mode: Mode) -> Judged {
    if ["死刑", "无期"].iter().any(|other| answer.reference.contains(other)) {
        return Ok(Verdict::left_out(mode));
    }
    let reference = reference(&answer.reference).ok_or("the reference is not of the form 刑期:…个月")?;
    let predicted = match mode {
        Mode::Official => published(&answer.prediction),
        Mode::Strict => written(&answer.prediction),
    };
    Ok(match predicted {
        None => Verdict::abstained(),
        Some(months) => {
            let distance = (ln_after(&reference) - ln_after(&months)).abs();
            Verdict::answered(1.0 - distance / LONGEST.ln())
        }
    })
}

fn reference(text: &str) -> Option<String> {
    let months = text.strip_prefix("刑期:")?.strip_suffix("个月")?;
    (!months.is_empty() && months.bytes().all(|c| c.is_ascii_digit())).then(|| months.to_owned())
}

/// The logarithm of one more than a number of months, which may have more digits than a double holds.
fn ln_after(months: &str) -> f64 {
    let number: f64 = months.parse().unwrap_or(0.0);
    if number.is_finite() {
        return (number + 1.0).ln();
    }
    let (head, rest) = months.split_at(300);
    head.parse().unwrap_or(1.0_f64).ln() + rest.len() as f64 * 10.0_f64.ln()
}

/// The first months, or else the first years: `3年6个月` is 6.
fn published(text: &str) -> Option<String> {
    pattern!(COUNTED, r"(\d+)个月");
    pattern!(NAMED, r"(\d+)月");
    pattern!(YEARS, r"(\d+)年");
    let text = number::to_arabic(text);
    let first = |form: &Regex| form.captures(&text).map(|found| ascii_digits(&found[1]));
    first(&COUNTED).or_else(|| first(&NAMED)).or_else(|| first(&YEARS).map(|years| in_months(&years)))
}

fn in_months(years: &str) -> String {
    // Beyond this many digits the factor no longer matters to a logarithm that is far out already.
    years.parse::<u128>().ok().and_then(|years| years.checked_mul(12)).map_or(years.to_owned(), |m| m.to_string())
}

/// A number of months or years, and years before months.
const NUMBER: &str = r"(\d+(?:\.\d+)?)";
const YEARS_AND: &str = r"(?:(\d{1,2}(?:\.\d+)?)年(?:零|又)?)?";

/// The first term as people write it: years and months together, months, or years; dates are no terms.
fn written(text: &str) -> Option<String> {
    pattern!(COUNTED, &format!("{YEARS_AND}{NUMBER}个月"));
    pattern!(NAMED, &format!(r"{YEARS_AND}{NUMBER}月(?:[^份\d]|$)"));
    pattern!(YEARS, &format!(r"{NUMBER}年(?:(0\.5)(?:\D|$))?"));
    let text = ascii_digits(&number::to_arabic(text));
    let number = |found: &Captures, group: usize| {
        found.get(group).and_then(|number| number.as_str().parse::<f64>().ok()).unwrap_or(0.0)
    };
    let together = [&*COUNTED, &*NAMED].into_iter().find_map(|form| {
        let mut all = form.captures_iter(&text).filter(|found| !is_part_of_year(&text, found));
        all.next().map(|found| number(&found, 1) * 12.0 + number(&found, 2))
    });
    let alone = || {
        let mut all = YEARS.captures_iter(&text).map(|found| number(&found, 1) * 12.0 + number(&found, 2) * 12.0);
        // Nobody is sentenced to a hundred years: that is a year of the calendar.
        all.find(|months| *months < 1200.0)
    };
    together.or_else(alone).map(|months| format!("{}", months.min(f64::MAX)))
}

/// Whether the number of a find goes on to its left: the 16 of 2016年5月, or the 5 behind 2016年.
fn is_part_of_year(text: &str, found: &Captures) -> bool {
    let start = found.get(0).map_or(0, |found| found.start());
    let before = &text[..start];
    before.ends_with(|c: char| c.is_ascii_digit() || c == '.') || (before.ends_with('年') && found.get(1).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lawbench::Rule, score::judged};

    #[test]
    fn the_nearer_by_logarithm_the_better() {
        for mode in [Mode::Official, Mode::Strict] {
            let score = |prediction: &str| judged(Rule::Term, prediction, "刑期:36个月", mode).score.unwrap();
            assert_eq!(score("[刑期]36月<eoa>"), 1.0);
            assert_eq!(score("三十六个月"), 1.0);
            assert_eq!(score("有期徒刑三年"), 1.0);
            assert!((score("18个月") - (1.0 - (37.0_f64 / 19.0).ln() / 216.0_f64.ln())).abs() < 1e-12);
            assert!(score("99999999个月") < 0.0);
            assert_eq!(judged(Rule::Term, "不知道", "刑期:36个月", mode), Verdict::abstained());
        }
    }

    #[test]
    fn death_and_life_are_left_out_of_the_mean_and_when_mended_of_the_rate() {
        for reference in ["刑期:死刑", "刑期:无期"] {
            let official = judged(Rule::Term, "", reference, Mode::Official);
            assert_eq!(official, Verdict { score: None, abstained: Some(false) });
            let strict = judged(Rule::Term, "3年", reference, Mode::Strict);
            assert_eq!(strict, Verdict { score: None, abstained: None });
        }
    }

    #[test]
    fn terms_as_published_and_as_written() {
        let terms = [
            ("3年6个月", Some("6"), Some("42")),
            ("三年零六个月", Some("6"), Some("42")),
            ("有期徒刑一年又三个月", Some("3"), Some("15")),
            ("3年6月", Some("6"), Some("42")),
            ("2016年5月犯罪，判12个月", Some("12"), Some("12")),
            ("自2016年5月起3年", Some("5"), Some("36")),
            ("2016年犯罪，判3年", Some("24192"), Some("36")),
            ("一年半", Some("12"), Some("18")),
            ("半年", Some("60"), Some("6")),
            ("1.5年", Some("60"), Some("18")),
            ("１２个月", Some("12"), Some("12")),
            ("缓刑", None, None),
        ];
        for (text, as_published, as_written) in terms {
            assert_eq!(published(text).as_deref(), as_published, "{text}");
            assert_eq!(written(text).as_deref(), as_written, "{text}");
        }
    }

    #[test]
    fn a_number_beyond_a_double_has_a_logarithm() {
        let (many, more) = ("9".repeat(308), "9".repeat(400));
        assert!((ln_after(&many) - 308.0 * 10.0_f64.ln()).abs() < 1e-6);
        assert!((ln_after(&more) - 400.0 * 10.0_f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn a_reference_of_another_form_is_refused() {
        for reference in ["36", "刑期:三年", "刑期:个月"] {
            let answer = Answer { prediction: String::new(), reference: reference.into() };
            assert!(judge(&answer, Mode::Official).is_err(), "{reference}");
        }
    }
}
