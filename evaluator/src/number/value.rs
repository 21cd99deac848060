//! Reads one numeral: cn2an's smart mode.

use regex::Captures;

use super::{decimal, digits::in_words};

const DIGIT: &str = "[一二三四五六七八九]";

/// A whole number below 10^16 that is well formed: nought is said once where places are empty.
fn well_formed() -> String {
    let below_hundred = format!("(?:{DIGIT}?十{DIGIT}?|{DIGIT})");
    let hundreds = format!("{DIGIT}百(?:零{DIGIT}|{DIGIT}?十{DIGIT}?)?");
    let below_thousand = format!("(?:{hundreds}|{below_hundred})");
    let thousands = format!("{DIGIT}千(?:零{below_hundred}|{hundreds})?");
    let below_myriad = format!("(?:{thousands}|{below_thousand})");
    let myriads = format!("{below_myriad}万(?:零{below_thousand}|{thousands})?");
    let below_hundred_million = format!("(?:{myriads}|{below_myriad})");
    let hundred_millions = format!("{below_hundred_million}亿(?:零{below_hundred_million}|{myriads})?");
    format!("^(?:零|{hundred_millions}|{below_hundred_million})$")
}

/// The value of a numeral that the passes found, as Python prints it; none where it is not well-formed.
pub(super) fn of(numeral: &str) -> Option<String> {
    let numeral: String = numeral.chars().map(simple).collect();
    // In this order: what 零佰 lacks is not added.
    let numeral = numeral.replace("零十", "零一十").replace("零百", "零一百");
    let numeral: String = numeral.chars().map(plain).collect();
    let (is_negative, numeral) = numeral.strip_prefix('负').map_or((false, numeral.as_str()), |rest| (true, rest));
    let (whole, fraction) = match numeral.split_once('点') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (numeral, None),
    };
    pattern!(ARABIC, r"^(-?[0-9]+(?:\.[0-9]+)?)([十百千万亿])$");
    if fraction.is_none()
        && let Some(found) = ARABIC.captures(whole)
    {
        return multiplied(&found);
    }
    let whole = spelled(whole)?;
    let sign = if is_negative { "-" } else { "" };
    match fraction {
        None => Some(match whole_number(&whole)?.as_str() {
            "0" => "0".to_owned(),
            number => format!("{sign}{number}"),
        }),
        Some(fraction) => {
            let digits = fraction.chars().map(|c| Some(digit(c)? as u8)).collect::<Option<Vec<u8>>>()?;
            decimal::printed(&whole_number(&whole)?, &digits, is_negative)
        }
    }
}

/// A character as numerals have it in simplified Chinese and half width. Only those matter that a numeral can have in
/// place of a decimal point.
fn simple(c: char) -> char {
    match c {
        '０'..='９' => char::from_digit(c as u32 - '０' as u32, 10).unwrap_or(c),
        '．' => '.',
        '－' => '-',
        '萬' => '万',
        '億' => '亿',
        '點' => '点',
        _ => c,
    }
}

/// A character of a numeral as everyday writing has it.
fn plain(c: char) -> char {
    match c {
        '〇' => '零',
        '拾' => '十',
        '佰' => '百',
        '仟' => '千',
        _ => c,
    }
}

/// A number of digits before one unit: 3.5万, its fraction cut off.
fn multiplied(found: &Captures) -> Option<String> {
    let number: f64 = found[1].parse().ok()?;
    let product = (number * unit(found[2].chars().next()?)? as f64).trunc();
    // Adding nought takes the sign from it.
    product.is_finite().then(|| format!("{:.0}", product + 0.0))
}

/// Digits spelled out.
fn spelled(numeral: &str) -> Option<String> {
    pattern!(DIGITS, "[0-9]+");
    let mut is_short = true;
    let spelled = DIGITS.replace_all(numeral, |found: &Captures| {
        in_words(&found[0]).unwrap_or_else(|| {
            is_short = false;
            String::new()
        })
    });
    is_short.then(|| spelled.into_owned())
}

/// The digits of a whole number in words.
fn whole_number(words: &str) -> Option<String> {
    pattern!(WHOLE, &well_formed());
    pattern!(RUN, "^[零一二三四五六七八九]+$");
    pattern!(SPOKEN, "^(?:[零一二三四五六七八九]{0,2}[十百千万亿])+[零一二三四五六七八九]$");
    if WHOLE.is_match(words) {
        return Some(sum(words)?.to_string());
    }
    if RUN.is_match(words) {
        let digits: Option<String> = words.chars().map(|c| char::from_digit(digit(c)? as u32, 10)).collect();
        let digits = digits?;
        let digits = digits.trim_start_matches('0');
        return Some(if digits.is_empty() { "0".to_owned() } else { digits.to_owned() });
    }
    // 一万二 is 一万二千: the last digit is of the unit below the last one. 百二 alone is too short to be meant so.
    if words.chars().count() >= 3 && SPOKEN.is_match(words) {
        let below = match words.chars().rev().nth(1)? {
            '百' => '十',
            '千' => '百',
            '万' => '千',
            _ => return None,
        };
        return Some(sum(&format!("{words}{below}"))?.to_string());
    }
    None
}

/// Add up digits times units, from the right.
fn sum(words: &str) -> Option<u128> {
    let (mut total, mut factor, mut group) = (0_u128, 1_u128, 1_u128);
    for c in words.chars().rev() {
        if let Some(digit) = digit(c) {
            total = total.checked_add(digit.checked_mul(factor)?)?;
            continue;
        }
        factor = unit(c)?;
        if factor >= 10_000 {
            if factor > group {
                group = factor;
            } else {
                group = group.checked_mul(factor)?;
                factor = group;
            }
        }
        if factor < group {
            factor = factor.checked_mul(group)?;
        }
    }
    // A unit with nothing before it counts once.
    if words.chars().next().is_some_and(|first| digit(first).is_none()) {
        total = total.checked_add(factor)?;
    }
    Some(total)
}

fn digit(c: char) -> Option<u128> {
    "零一二三四五六七八九".chars().position(|digit| digit == c).map(|value| value as u128)
}

fn unit(c: char) -> Option<u128> {
    match c {
        '十' => Some(10),
        '百' => Some(100),
        '千' => Some(1000),
        '万' => Some(10_000),
        '亿' => Some(100_000_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(expected: &[(&str, Option<&str>)]) {
        for (numeral, value) in expected {
            assert_eq!(of(numeral).as_deref(), *value, "{numeral}");
        }
    }

    #[test]
    fn whole_numbers_are_read() {
        all(&[
            ("零", Some("0")),
            ("十", Some("10")),
            ("十五", Some("15")),
            ("二十", Some("20")),
            ("一百零一", Some("101")),
            ("一百一十五", Some("115")),
            // The published scores have it so.
            ("一百十五", Some("105")),
            ("二百六十四", Some("264")),
            ("一千零一十", Some("1010")),
            ("一千零十", Some("1010")),
            ("一千零十一", Some("1011")),
            ("一万零一百", Some("10100")),
            ("一万零百一十", Some("10110")),
            ("十万", Some("100000")),
            ("三千零五万", Some("30050000")),
            ("一亿零一", Some("100000001")),
            ("九千九百九十九万九千九百九十九亿九千九百九十九万九千九百九十九", Some("9999999999999999")),
            ("一仟二佰", Some("1200")),
        ]);
    }

    #[test]
    fn runs_of_digits_are_read_digit_by_digit() {
        all(&[
            ("二零一六", Some("2016")),
            ("二〇一六", Some("2016")),
            ("零零七", Some("7")),
            ("零零", Some("0")),
            ("一二三四五六七八九零一二三四五六七八九零一", Some("123456789012345678901")),
        ]);
    }

    #[test]
    fn the_last_unit_may_be_left_out() {
        all(&[
            ("一万二", Some("12000")),
            ("三百四", Some("340")),
            ("二千三", Some("2300")),
            ("十三万六", Some("136000")),
            ("一百二十五万三", Some("1253000")),
            // Too short, and no unit below.
            ("百二", None),
            ("一十二亿三", None),
        ]);
    }

    #[test]
    fn fractions_are_doubles_as_python_prints_them() {
        all(&[
            ("三点五", Some("3.5")),
            ("一点五七", Some("1.57")),
            ("十二点零", Some("12.0")),
            ("二零一六点五", Some("2016.5")),
            ("零点零零零零一", Some("1e-05")),
            ("零点零零零一", Some("0.0001")),
            ("负零点零", Some("-0.0")),
            ("一万二点五", Some("12000.5")),
            ("一百二点五", Some("120.5")),
            ("三点五十", None),
            ("三点五点五", None),
            ("三点一二三四五六七八九一二三四五六七八九", None),
        ]);
    }

    #[test]
    fn a_sign_goes_before_a_value_that_is_not_nought() {
        all(&[("负三", Some("-3")), ("负零", Some("0")), ("负三点五", Some("-3.5")), ("三负", None), ("负负三", None)]);
    }

    #[test]
    fn arabic_digits_before_units_are_multiplied_or_spelled() {
        all(&[
            ("3.5万", Some("35000")),
            ("-3万", Some("-30000")),
            ("3.555百", Some("355")),
            ("0.1十", Some("1")),
            ("10百", Some("1000")),
            ("3千5百", Some("3500")),
            ("3千零5十", Some("3050")),
            ("3萬5千", Some("35000")),
            ("3５百", Some("3500")),
            ("3．5万", Some("35000")),
            ("3000〇5十", Some("3050")),
            ("10百万", None),
            ("3至5万", None),
            ("3点5万", None),
            ("-3千5百", None),
            ("12345678901234567千百", None),
        ]);
    }

    #[test]
    fn what_is_no_numeral_has_no_value() {
        all(&[("万", None), ("百", None), ("一百百", None), ("十十", None), ("一千二十", None), ("", None)]);
        // More than 128 bits hold: Python goes on, nobody is sentenced to that.
        all(&[("亿亿亿亿亿亿亿三", None)]);
    }
}
