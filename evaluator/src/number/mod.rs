//! Rewrites Chinese numerals in text as Arabic ones, as the published scores had it: cn2an 0.5's `transform`.
//!
//! Its ways are kept, odd ones too, since scores rest on them: 半 is 0.5 and 两 is 2 wherever they stand, five passes
//! follow each other (dates, fractions, percentages, temperatures, the rest), and what is no well-formed numeral stays.

mod decimal;
mod digits;
mod value;

use std::borrow::Cow;

use regex::{Captures, Regex};

/// Numerals of a text: digits and units, with a sign and with a whole part before the point.
const NUMERAL: &str = "负?(?:[零一二三四五六七八九十拾百佰千仟万亿]+点)?[零一二三四五六七八九十拾百佰千仟万亿]+";

/// Arabic digits before units. Any character may stand where the decimal point is meant; most are refused later.
const MIXED: &str = "-?(?:[0-9]+.)?[0-9]+[十拾百佰千仟万亿]+";

/// Months and days have no larger units than ten.
const MONTH: &str = "[零一二三四五六七八九十]+月";
const DAY: &str = "[零一二三四五六七八九十]+日";

/// Rewrite the numerals of `text`: `第二百六十四条` → `第264条`, `三年半` → `3年0.5`.
pub fn to_arabic(text: &str) -> String {
    pattern!(DATE, &format!("(?:{MIXED}|{NUMERAL})年(?:{MONTH})?(?:{DAY})?|{MONTH}(?:{DAY})?|{DAY}"));
    pattern!(FRACTION, &format!("({NUMERAL})分之({NUMERAL})"));
    pattern!(PERCENT, &format!("百分之({NUMERAL})"));
    pattern!(CELSIUS, &format!("({NUMERAL})摄氏度"));
    pattern!(REST, NUMERAL);
    let text = text.replace('廿', "二十").replace('半', "0.5").replace('两', "2");
    let text = rewrite(&DATE, &text, |found| date(&found[0]));
    // 百分之 is a percentage.
    let text = rewrite(&FRACTION, &text, |found| match found[0].starts_with('百') {
        true => None,
        false => Some(format!("{}/{}", value::of(&found[2])?, value::of(&found[1])?)),
    });
    let text = rewrite(&PERCENT, &text, |found| Some(format!("{}%", value::of(&found[1])?)));
    let text = rewrite(&CELSIUS, &text, |found| Some(format!("{}℃", value::of(&found[1])?)));
    rewrite(&REST, &text, |found| value::of(&found[0])).into_owned()
}

/// A date with all of its numerals rewritten; none where one of them has no value.
fn date(text: &str) -> Option<String> {
    pattern!(PART, &format!("{MIXED}|{NUMERAL}"));
    let values: Option<Vec<String>> = PART.find_iter(text).map(|part| value::of(part.as_str())).collect();
    let mut values = values?.into_iter();
    Some(PART.replace_all(text, |_: &Captures| values.next().unwrap_or_default()).into_owned())
}

/// Replace every find by what `to` makes of it; what it makes nothing of stays.
fn rewrite<'a>(pattern: &Regex, text: &'a str, mut to: impl FnMut(&Captures) -> Option<String>) -> Cow<'a, str> {
    pattern.replace_all(text, |found: &Captures| to(found).unwrap_or_else(|| found[0].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::to_arabic;

    fn all(expected: &[(&str, &str)]) {
        for (text, arabic) in expected {
            assert_eq!(to_arabic(text), *arabic, "{text}");
        }
    }

    #[test]
    fn numerals_in_text_become_arabic() {
        all(&[
            ("刑法第二百六十四条、第一百三十三条", "刑法第264条、第133条"),
            ("判处有期徒刑三年六个月", "判处有期徒刑3年6个月"),
            ("第133条之一", "第133条之1"),
            ("万元", "万元"),
            ("三万元", "30000元"),
            ("十余次", "10余次"),
            ("没有数字。", "没有数字。"),
            ("", ""),
        ]);
    }

    #[test]
    fn three_characters_are_numbers_wherever_they_stand() {
        all(&[
            ("半年", "0.5年"),
            ("一年半", "1年0.5"),
            ("两人", "2人"),
            ("廿五日", "25日"),
            ("一半", "10.5"),
            ("斤两", "斤2"),
        ]);
    }

    #[test]
    fn dates_are_rewritten_whole_or_not_at_all_at_first() {
        all(&[
            ("二零一六年五月十五日", "2016年5月15日"),
            ("二〇一六年", "2〇16年"),
            ("3.5万年", "35000年"),
            ("10百年", "1000年"),
            // Half of it is no numeral: the last pass still finds the other half.
            ("百年五月", "百年5月"),
            ("十年十月", "10年10月"),
        ]);
    }

    #[test]
    fn fractions_percentages_and_temperatures() {
        all(&[
            ("三分之一", "1/3"),
            ("五百分之三", "3/500"),
            ("百分之三十", "30%"),
            ("百分之三点五", "3.5%"),
            ("百分之十", "10%"),
            ("负三摄氏度", "-3℃"),
            ("千分之五", "千分之5"),
            ("百分之百", "百分之百"),
        ]);
    }

    #[test]
    fn mixed_digits_are_read_before_a_year_alone() {
        all(&[("3千5百年", "3500年"), ("3千5百元", "3千5百元"), ("1.2万元", "1.2万元"), ("3万", "3万")]);
    }

    #[test]
    fn what_is_not_well_formed_stays() {
        all(&[("一百百元", "一百百元"), ("千万不要", "千万不要"), ("万一", "万一"), ("一十十一", "一十十一")]);
    }
}
