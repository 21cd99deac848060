//! Spells Arabic digits as Chinese numerals, so that mixed ones (3千5百) can be read as Chinese ones.

const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

/// The name of each place within a group of four digits, and of each group.
const PLACES: [&str; 4] = ["", "十", "百", "千"];
const GROUPS: [&str; 4] = ["", "万", "亿", "万"];

/// A whole number in words; none where it has more than sixteen digits.
pub(super) fn in_words(number: &str) -> Option<String> {
    let number = number.trim_start_matches('0');
    if number.len() > 16 {
        return None;
    }
    let mut words = String::new();
    for (at, digit) in number.bytes().enumerate() {
        let digit = usize::from(digit - b'0');
        let place = number.len() - at - 1;
        let is_group_end = place.is_multiple_of(4);
        if digit > 0 {
            words.push(DIGITS[digit]);
            words += PLACES[place % 4];
        } else if is_group_end || !words.ends_with('零') {
            words.push('零');
        }
        if is_group_end {
            words += GROUPS[place / 4];
        }
        // A nought that ends a group speaks for the next group too.
        if digit == 0 && is_group_end && !words.ends_with('零') {
            words.push('零');
        }
    }
    Some(tidied(&words))
}

/// Noughts that nobody says go: double ones, those before a group's name, those at the ends, and the 一 of 一十.
fn tidied(words: &str) -> String {
    let words = words.replace("零零", "零").replace("零万", "万").replace("零亿", "亿").replace("亿万", "亿");
    let words = words.trim_matches('零');
    match words.strip_prefix("一十") {
        _ if words.is_empty() => "零".to_owned(),
        Some(rest) => format!("十{rest}"),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn numbers_are_spelled() {
        let spelled = [
            ("0", "零"),
            ("7", "七"),
            ("007", "七"),
            ("10", "十"),
            ("15", "十五"),
            ("110", "一百一十"),
            ("1001", "一千零一"),
            ("1010", "一千零一十"),
            ("10000", "一万"),
            ("10001", "一万零一"),
            ("100010", "十万零一十"),
            ("20300400", "二千零三十万零四百"),
            ("100000000", "一亿"),
            ("1234567890123456", "一千二百三十四万五千六百七十八亿九千零一十二万三千四百五十六"),
        ];
        for (number, words) in spelled {
            assert_eq!(in_words(number).as_deref(), Some(words), "{number}");
        }
        assert_eq!(in_words("12345678901234567"), None);
    }
}
