//! Defines how numbers are written alike: the zero of a year in words (二○一五年, 二Ｏ一五年), and no separator of
//! thousands in an amount of money (3，000元).

use std::borrow::Cow;

use regex::Captures;

use super::{Rule, RuleCounts};

pattern!(YEAR, r"[一二][〇○ＯO0零一二三四五六七八九]{3}年");
pattern!(
    THOUSANDS,
    r"(?P<number>[0-9]{1,3}(?:[,，][0-9]{3})+)(?P<rest>(?:[.．][0-9]{1,4})?\s*(?:元|余元|万元|余万元|亿元|美元|港元|港币|欧元|日元))"
);

/// Write the figures of a cleaned text alike.
pub fn unify<'a>(text: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
    let years = if text.contains(['○', 'O', 'Ｏ', '0', '零']) { years(text, counts) } else { Cow::Borrowed(text) };
    if !years.contains([',', '，']) {
        return years;
    }
    let joined = THOUSANDS.replace_all(&years, |found: &Captures<'_>| {
        // 共计1，200，300元: a number before this one, and these are a list.
        let at = found.get(0).map_or(0, |m| m.start());
        if years[..at].ends_with(|c: char| c.is_ascii_digit() || matches!(c, ',' | '，' | '.')) {
            return found[0].to_owned();
        }
        counts.hit(Rule::Thousands);
        let digits: String = found["number"].chars().filter(char::is_ascii_digit).collect();
        digits + &found["rest"]
    });
    match joined {
        Cow::Borrowed(_) => years,
        Cow::Owned(joined) => Cow::Owned(joined),
    }
}

fn years<'a>(text: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
    YEAR.replace_all(text, |found: &Captures<'_>| {
        let year = &found[0];
        if year.contains(['○', 'O', 'Ｏ', '0', '零']) {
            counts.hit(Rule::YearZero);
        }
        year.replace(['○', 'O', 'Ｏ', '0', '零'], "〇")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_alike_and_lists_stay() {
        let cases = [
            (
                "二○一五年、二O一六年、二0一七年、二零一八年、二Ｏ一九年、二〇二〇年",
                "二〇一五年、二〇一六年、二〇一七年、二〇一八年、二〇一九年、二〇二〇年",
            ),
            ("赔偿3，000元和28,895.10元、1,234,567万元", "赔偿3000元和28895.10元、1234567万元"),
        ];
        for (text, expected) in cases {
            assert_eq!(unify(text, &mut RuleCounts::default()), expected);
        }
        // Three in a row are taken for one number: nothing tells 100，200，300元 from it.
        assert_eq!(unify("第1，200条，2015年，20，50元", &mut RuleCounts::default()), "第1，200条，2015年，20，50元");
    }
}
