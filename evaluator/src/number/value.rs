//! Reads one numeral: cn2an's smart mode.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::digits::in_words;

/// Well-formed whole numbers below 10^16, runs of digits, and numbers that leave out their last unit (一万二).
struct Patterns {
    arabic: Regex,
    digits: Regex,
    whole: Regex,
    run: Regex,
    spoken: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let pattern = |text: &str| Regex::new(&format!("^(?:{text})$")).expect("a pattern");
    let digit = "[一二三四五六七八九]";
    let tens = format!("{digit}?十{digit}?");
    let below_hundred = format!("(?:{tens}|{digit})");
    let hundreds = format!("{digit}百(?:零{digit}|{tens})?");
    let below_thousand = format!("(?:{hundreds}|{below_hundred})");
    let thousands = format!("{digit}千(?:零{below_hundred}|{hundreds})?");
    let below_myriad = format!("(?:{thousands}|{below_thousand})");
    let myriads = format!("{below_myriad}万(?:零{below_thousand}|{thousands})?");
    let below_hundred_million = format!("(?:{myriads}|{below_myriad})");
    let hundred_millions = format!("{below_hundred_million}亿(?:零{below_hundred_million}|{myriads})?");
    Patterns {
        arabic: pattern(r"(-?[0-9]+(?:\.[0-9]+)?)([十百千万亿])"),
        digits: Regex::new("[0-9]+").expect("a pattern"),
        whole: pattern(&format!("零|{hundred_millions}|{below_hundred_million}")),
        run: pattern("[零一二三四五六七八九]+"),
        spoken: pattern("(?:[零一二三四五六七八九]{0,2}[十百千万亿])+[零一二三四五六七八九]"),
    }
});

/// The value of a numeral as Python prints it; none where it is not well-formed.
pub(super) fn of(numeral: &str) -> Option<String> {
    let numeral: String = numeral.chars().map(simple).collect();
    let numeral = numeral.replace("零十", "零一十").replace("零百", "零一百");
    let (is_negative, numeral) = numeral.strip_prefix('负').map_or((false, numeral.as_str()), |rest| (true, rest));
    let (whole, fraction) = match numeral.split_once('点') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (numeral, None),
    };
    if fraction.is_none()
        && let Some(found) = PATTERNS.arabic.captures(whole)
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
            let fraction = fraction.chars().map(digit).collect::<Option<Vec<u128>>>()?;
            (fraction.len() <= 16).then(|| decimal(&whole, &fraction, is_negative))?
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
        '〇' => '零',
        '拾' => '十',
        '佰' => '百',
        '仟' => '千',
        '萬' => '万',
        '億' => '亿',
        '點' => '点',
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
    let mut is_short = true;
    let spelled = PATTERNS.digits.replace_all(numeral, |found: &Captures| {
        in_words(&found[0]).unwrap_or_else(|| {
            is_short = false;
            String::new()
        })
    });
    is_short.then(|| spelled.into_owned())
}

/// The digits of a whole number in words.
fn whole_number(words: &str) -> Option<String> {
    if PATTERNS.whole.is_match(words) {
        return Some(sum(words)?.to_string());
    }
    if PATTERNS.run.is_match(words) {
        let digits: Option<String> = words.chars().map(|c| char::from_digit(digit(c)? as u32, 10)).collect();
        let digits = digits?;
        let digits = digits.trim_start_matches('0');
        return Some(if digits.is_empty() { "0".to_owned() } else { digits.to_owned() });
    }
    if PATTERNS.spoken.is_match(words) {
        // 一万二 is 一万二千: the last digit is of the unit below the last one.
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

/// A number with a fraction.
fn decimal(whole: &str, fraction: &[u128], is_negative: bool) -> Option<String> {
    let whole: f64 = whole_number_before_point(whole)?;
    let digits: String = fraction.iter().map(u128::to_string).collect();
    let fraction_value: f64 = format!("0.{digits}").parse().ok()?;
    let sum = format!("{:.*}", fraction.len(), whole + fraction_value).parse::<f64>().ok()?;
    Some(as_python_prints(if is_negative { -sum } else { sum }))
}

fn whole_number_before_point(words: &str) -> Option<f64> {
    whole_number(words)?.parse().ok()
}

/// A double with the fewest digits that tell it from others, with an exponent where Python has one.
fn as_python_prints(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
        return format!("{mantissa}e{sign}{exponent:0>2}");
    }
    format!("{number:?}")
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
