//! Judges an amount of money (3-7).

use super::{Judged, Mode, Verdict};
use crate::{characters::ascii_digits, lawbench::Answer, number};

/// Half a fen: amounts nearer than that are the same.
const SAME: f64 = 0.005;

pub(super) fn judge(answer: &Answer, mode: Mode) -> Judged {
    let reference = published(&answer.reference);
    let &[reference, ..] = reference.as_slice() else {
        return Err("the reference has no amount");
    };
    let (amounts, distance) = match mode {
        Mode::Official => (published(&answer.prediction), 0.0),
        Mode::Strict => (written(&answer.prediction), SAME),
    };
    if amounts.is_empty() {
        return Ok(Verdict::abstained());
    }
    let is_right = amounts.iter().any(|amount| (amount - reference).abs() <= distance);
    Ok(Verdict::answered(if is_right { 1.0 } else { 0.0 }))
}

/// Runs of digits, with a fraction.
fn published(text: &str) -> Vec<f64> {
    pattern!(NUMBER, r"\d+\.?\d*");
    NUMBER.find_iter(text).filter_map(|number| ascii_digits(number.as_str()).parse().ok()).collect()
}

/// Numbers as people write them: 8,500 and 1.2万 and 八千五百.
fn written(text: &str) -> Vec<f64> {
    pattern!(NUMBERS, r"(\d+(?:[,，]\d+)*)((?:\.\d+)?)\s*([万亿]?)");
    let text = ascii_digits(&number::to_arabic(text));
    let mut amounts = Vec::new();
    for found in NUMBERS.captures_iter(&text) {
        let unit = match &found[3] {
            "万" => 1e4,
            "亿" => 1e8,
            _ => 1.0,
        };
        let parts: Vec<&str> = found[1].split([',', '，']).collect();
        let is_one = parts[0].len() <= 3 && parts[1..].iter().all(|part| part.len() == 3);
        let numbers = if is_one { vec![parts.concat()] } else { parts.into_iter().map(str::to_owned).collect() };
        // What the commas do not group they part, and the fraction and the unit are the last one's.
        let last = numbers.len() - 1;
        for (at, number) in numbers.into_iter().enumerate() {
            let (fraction, unit) = if at == last { (&found[2], unit) } else { ("", 1.0) };
            amounts.extend((number + fraction).parse::<f64>().map(|number| number * unit));
        }
    }
    amounts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lawbench::Rule, score::judged};

    const REFERENCE: &str = "上文涉及到的犯罪金额:8500.0元。";

    #[test]
    fn an_amount_that_is_among_the_numbers_is_right() {
        for mode in [Mode::Official, Mode::Strict] {
            let judged = |prediction| judged(Rule::Amount, prediction, REFERENCE, mode);
            assert_eq!(judged("[金额]8500元<eoa>"), Verdict::answered(1.0));
            assert_eq!(judged("共2起，8500.00元"), Verdict::answered(1.0));
            assert_eq!(judged("８５００元"), Verdict::answered(1.0));
            assert_eq!(judged("850元"), Verdict::answered(0.0));
            assert_eq!(judged("无法计算"), Verdict::abstained());
        }
    }

    #[test]
    fn separators_and_units_fail_as_published_and_count_when_mended() {
        for prediction in ["8,500元", "8，500.00元", "0.85万元", "八千五百元"] {
            let strict = judged(Rule::Amount, prediction, REFERENCE, Mode::Strict);
            assert_eq!(strict, Verdict::answered(1.0), "{prediction}");
            assert_ne!(judged(Rule::Amount, prediction, REFERENCE, Mode::Official).score, Some(1.0));
        }
        assert_eq!(written("1,2345元和12,34,567"), [1.0, 2345.0, 12.0, 34.0, 567.0]);
        assert_eq!(published("1..2."), [1.0, 2.0]);
    }

    #[test]
    fn a_reference_without_a_number_is_refused() {
        let answer = Answer { prediction: "1".into(), reference: "犯罪金额".into() };
        assert!(judge(&answer, Mode::Official).is_err());
    }
}
