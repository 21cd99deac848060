//! Rewrites Chinese numerals in text as Arabic ones, as the published scores had it: cn2an 0.5's `transform`.
//!
//! Its ways are kept, odd ones too, since scores rest on them: 半 is 0.5 and 两 is 2 wherever they stand, five passes
//! follow each other (dates, fractions, percentages, temperatures, the rest), and what is no well-formed numeral stays.

mod digits;
mod value;

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

/// Numerals of a text: digits and units, with a sign and with a whole part before the point.
const NUMERAL: &str = "负?(?:[零一二三四五六七八九十拾百佰千仟万亿]+点)?[零一二三四五六七八九十拾百佰千仟万亿]+";

/// Arabic digits before units. Any character may stand where the decimal point is meant; most are refused later.
const MIXED: &str = "-?(?:[0-9]+.)?[0-9]+[十拾百佰千仟万亿]+";

struct Patterns {
    numeral: Regex,
    in_date: Regex,
    date: Regex,
    fraction: Regex,
    percent: Regex,
    celsius: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let pattern = |text: &str| Regex::new(text).expect("a pattern");
    let (year, month, day) =
        (format!("(?:{MIXED}|{NUMERAL})年"), "[零一二三四五六七八九十]+月", "[零一二三四五六七八九十]+日");
    Patterns {
        numeral: pattern(NUMERAL),
        in_date: pattern(&format!("{MIXED}|{NUMERAL}")),
        date: pattern(&format!("{year}(?:{month})?(?:{day})?|{month}(?:{day})?|{day}")),
        fraction: pattern(&format!("({NUMERAL})分之({NUMERAL})")),
        percent: pattern(&format!("百分之({NUMERAL})")),
        celsius: pattern(&format!("({NUMERAL})摄氏度")),
    }
});

/// Rewrite the numerals of `text`: `第二百六十四条` → `第264条`, `三年半` → `3年0.5`.
pub fn to_arabic(text: &str) -> String {
    let text = text.replace('廿', "二十").replace('半', "0.5").replace('两', "2");
    let text = rewrite(&PATTERNS.date, &text, |found| {
        let mut is_whole = true;
        let date = PATTERNS.in_date.replace_all(&found[0], |numeral: &Captures| {
            value::of(&numeral[0]).unwrap_or_else(|| {
                is_whole = false;
                String::new()
            })
        });
        is_whole.then(|| date.into_owned())
    });
    let text = rewrite(&PATTERNS.fraction, &text, |found| {
        // 百分之 is a percentage.
        let is_fraction = !found[0].starts_with('百');
        is_fraction.then(|| Some(format!("{}/{}", value::of(&found[2])?, value::of(&found[1])?)))?
    });
    let text = rewrite(&PATTERNS.percent, &text, |found| Some(format!("{}%", value::of(&found[1])?)));
    let text = rewrite(&PATTERNS.celsius, &text, |found| Some(format!("{}℃", value::of(&found[1])?)));
    rewrite(&PATTERNS.numeral, &text, |found| value::of(&found[0])).into_owned()
}

/// Replace every find by what `to` makes of it; what it makes nothing of stays.
fn rewrite<'a>(pattern: &Regex, text: &'a str, mut to: impl FnMut(&Captures) -> Option<String>) -> Cow<'a, str> {
    pattern.replace_all(text, |found: &Captures| to(found).unwrap_or_else(|| found[0].to_owned()))
}
