//! Defines what is masked of people: identity cards, telephones, bank accounts, e-mail addresses, number plates, and
//! of birth dates all but the year.
//!
//! Masks are written as courts write theirs, ×××. A number is masked where its own check digit or the words before it say
//! what it is, so that amounts and case numbers stay.

use std::borrow::Cow;

use regex::Captures;

use super::{Rule, RuleCounts};

/// What stands in the place of what is masked.
const MASK: &str = "×××";
/// Characters before a number in which a word says what it is.
const CONTEXT_CHARS: usize = 16;

// Where somebody lives: what follows the last of province, city and county. A body's seat is its 住所地.
pattern!(
    HOME,
    r"(?P<lead>(?:户籍所在地|户籍地址|户籍地|户籍|住址|现住址|现住|暂住地址|暂住地|暂住|居住地|家庭住址|捕前住|原住|家住|[，,。：:\n ]住)(?:[：:]|在|于|为)?)(?P<region>(?:\p{Han}{1,9}?(?:省|自治区|自治州|地区|市|盟|自治县|县|区|旗))+)(?P<street>[^，。,；;（()）\n]{2,60})"
);
pattern!(
    PERSONAL,
    r"(?P<email>[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+)|(?P<number>[0-9]{11,19}[Xx]?)|(?P<region>[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z])[·•－\-]?[A-HJ-NP-Z0-9]{5,6}|(?P<year>(?:(?:19|20)[0-9]{2}|[一二][〇○零一二三四五六七八九]{3})年)(?:[0-9]{1,2}|[一二三四五六七八九十]{1,3})月(?:[0-9]{1,2}|[一二三四五六七八九十]{1,3})日"
);

/// Mask the text of a court document or a record.
pub fn mask<'a>(text: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
    match homes(text, counts) {
        Cow::Borrowed(text) => numbers(text, counts),
        Cow::Owned(text) => Cow::Owned(numbers(&text, counts).into_owned()),
    }
}

/// Mask where in their county people live.
fn homes<'a>(text: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
    HOME.replace_all(text, |found: &Captures<'_>| {
        let street = &found["street"];
        let is_street = [
            "街", "路", "号", "镇", "乡", "村", "组", "室", "幢", "栋", "小区", "单元", "社区", "巷", "弄", "屯", "庄",
        ];
        // What the court masked in part is left as it is.
        let is_masked = street.contains(['×', '某', '*']);
        if is_masked || !is_street.iter().any(|word| street.contains(word)) {
            return found[0].to_owned();
        }
        counts.hit(Rule::Address);
        format!("{}{}{MASK}", &found["lead"], &found["region"])
    })
}

/// Mask numbers, e-mail addresses and birth dates.
fn numbers<'a>(text: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
    PERSONAL.replace_all(text, |found: &Captures<'_>| {
        let range = found.get(0).map_or(0..0, |m| m.range());
        let (before, after) = (&text[..range.start], &text[range.end..]);
        let (rule, masked) = if found.name("email").is_some() {
            (Some(Rule::Email), MASK.to_owned())
        } else if let Some(number) = found.name("number") {
            (number_rule(number.as_str(), before, after), MASK.to_owned())
        } else if let Some(region) = found.name("region") {
            let is_whole = !after.starts_with(|c: char| c.is_ascii_alphanumeric());
            (is_whole.then_some(Rule::Plate), format!("{}{MASK}", region.as_str()))
        } else {
            let is_birth = after.starts_with("出生") || after.starts_with('生') || before.ends_with("生于");
            (is_birth.then_some(Rule::BirthDate), found["year"].to_owned())
        };
        match rule {
            Some(rule) => {
                counts.hit(rule);
                masked
            }
            None => found[0].to_owned(),
        }
    })
}

/// What a long number is, if it is a person's.
fn number_rule(number: &str, before: &str, after: &str) -> Option<Rule> {
    let is_part = before.ends_with(|c: char| c.is_ascii_alphanumeric())
        || after.starts_with(|c: char| c.is_ascii_alphanumeric())
        || after.starts_with('.') && after[1..].starts_with(|c: char| c.is_ascii_digit());
    if is_part || after.starts_with(['元', '号']) || after.starts_with("万元") {
        return None;
    }
    let start = before.char_indices().rev().nth(CONTEXT_CHARS).map_or(0, |(at, _)| at);
    let context = &before[start..];
    let says = |words: &[&str]| words.iter().any(|word| context.contains(word));
    match number.len() {
        18 if is_identity_card(number) => Some(Rule::IdentityCard),
        15 | 17 | 18 if says(&["身份证", "身份号码", "证件号"]) => Some(Rule::IdentityCard),
        11 if number.starts_with('1') && number.as_bytes()[1] >= b'3' => Some(Rule::Phone),
        11..=12 if says(&["电话", "手机", "联系方式"]) => Some(Rule::Phone),
        16..=19 if is_card(number) || says(&["账号", "帐号", "账户", "帐户", "卡号", "银行卡", "信用卡"]) => {
            Some(Rule::Account)
        }
        _ => None,
    }
}

/// Whether 18 characters are an identity-card number: a date of birth, and the check digit of GB 11643-1999.
fn is_identity_card(number: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: &[u8; 11] = b"10X98765432";
    let bytes = number.as_bytes();
    let value = |range: std::ops::Range<usize>| number.get(range).and_then(|digits| digits.parse::<u32>().ok());
    let is_date = value(6..10).is_some_and(|year| (1880..2100).contains(&year))
        && value(10..12).is_some_and(|month| (1..=12).contains(&month))
        && value(12..14).is_some_and(|day| (1..=31).contains(&day));
    let sum: u32 = bytes.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0')) * weight).sum();
    is_date && CHECKS[sum as usize % 11] == bytes[17].to_ascii_uppercase()
}

/// Whether a number is a bank card's: the check digit of ISO/IEC 7812-1 (Luhn).
fn is_card(number: &str) -> bool {
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, digit)| {
            let digit = u32::from(digit.wrapping_sub(b'0'));
            if i % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
        })
        .sum();
    number.bytes().all(|b| b.is_ascii_digit())
        && number.starts_with(['3', '4', '5', '6', '9'])
        && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        mask(text, &mut RuleCounts::default()).into_owned()
    }

    #[test]
    fn what_is_a_person_s_is_masked_and_counted() {
        // Made-up numbers with valid check digits.
        let cases = [
            ("公民身份号码11010519491231002X。", "公民身份号码×××。", Rule::IdentityCard),
            ("（11010519491231002x）", "（×××）", Rule::IdentityCard),
            ("身份证号110105491231002，", "身份证号×××，", Rule::IdentityCard),
            ("电话13800138000。", "电话×××。", Rule::Phone),
            ("卡号4111111111111111的卡", "卡号×××的卡", Rule::Account),
            ("账号为1234567890123456789，", "账号为×××，", Rule::Account),
            ("邮箱a.b-c@mail.example.cn，", "邮箱×××，", Rule::Email),
            ("驾驶苏A12345号小型轿车", "驾驶苏A×××号小型轿车", Rule::Plate),
            ("1990年1月2日出生，", "1990年出生，", Rule::BirthDate),
            ("汉族，住陕西省渭南市临渭区老城街7-17号，", "汉族，住陕西省渭南市临渭区×××，", Rule::Address),
            (
                "户籍地某县某镇某村。住址：上海市青浦区华新镇1号。",
                "户籍地某县某镇某村。住址：上海市青浦区×××。",
                Rule::Address,
            ),
            ("生于一九九〇年十二月三十一日，", "生于一九九〇年，", Rule::BirthDate),
        ];
        for (text, expected, rule) in cases {
            let mut counts = RuleCounts::default();
            assert_eq!(mask(text, &mut counts), expected);
            assert_eq!(counts.iter().filter(|(_, n)| *n > 0).collect::<Vec<_>>(), [(rule, 1)], "{text}");
        }
    }

    #[test]
    fn amounts_case_numbers_and_other_dates_stay() {
        for text in [
            "共计13800138000元",
            "（2015）商标异字第13800138000号",
            "2015年1月2日，被告人",
            "发票110105194912310021",
            "编号1234567890123456",
            "价款13800138000.50",
            "公司，住所地：江苏省扬州市维扬经济开发区蜀岗东路1号",
            "被告人，住南阳市卧龙区。住院三日",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn a_check_digit_that_is_wrong_is_no_identity_card() {
        let right = "11010519491231002X";
        assert!(is_identity_card(right));
        for at in 0..17 {
            let mut wrong = right.as_bytes().to_vec();
            wrong[at] = b'0' + (wrong[at] - b'0' + 1) % 10;
            assert!(!is_identity_card(std::str::from_utf8(&wrong).expect("ASCII")), "digit {at}");
        }
    }
}
