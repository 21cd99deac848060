//! Defines amounts of money (一万二千元, 3.5万元) and terms (一年六个月) as numbers.

use corpus_format::numeral;

/// What an amount is written with, before 元; the unit 万 or 亿 included.
pub const DIGITS: &str = r"[0-9〇零一二三四五六七八九十百千两万亿.．,，]+";
/// A term: years, months or both.
pub const TERM: &str = r"(?:[0-9一二三四五六七八九十]+年)?[零又]?(?:[0-9一二三四五六七八九十]+个月)?";

/// The value of an amount in yuan, written in words or digits, with 万 and 亿.
pub fn yuan(text: &str) -> Option<f64> {
    let text: String = text.chars().filter(|c| !matches!(c, ',' | '，' | ' ')).collect();
    let text = text.replace('．', ".");
    for (unit, factor) in [('亿', 1e8), ('万', 1e4)] {
        if let Some((many, rest)) = text.split_once(unit) {
            let rest = if rest.is_empty() { 0.0 } else { yuan(rest.trim_start_matches('零'))? };
            return Some(yuan(many)? * factor + rest);
        }
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return text.trim_end_matches('.').parse().ok();
    }
    numeral::parse(&text).map(f64::from)
}

/// The months of a term at the start of `text`.
pub fn months(text: &str) -> Option<u16> {
    let mut total = 0;
    let mut rest = text;
    for (unit, factor) in [("年", 12), ("个月", 1)] {
        let end = rest.find(|c| !numeral::is_numeral(c)).unwrap_or(rest.len());
        if let Some(after) = rest[end..].strip_prefix(unit) {
            total += numeral::parse(&rest[..end])? * factor;
            rest = after.trim_start_matches(['零', '又']);
        }
    }
    u16::try_from(total).ok().filter(|months| *months > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_words_and_digits() {
        let cases = [
            ("五千", Some(5000.0)),
            ("一万二千", Some(12_000.0)),
            ("一万零五百", Some(10_500.0)),
            ("二十万", Some(200_000.0)),
            ("3.5万", Some(35_000.0)),
            ("28,895.10", Some(28_895.1)),
            ("3，000", Some(3000.0)),
            ("1亿", Some(1e8)),
            ("", None),
            ("万", None),
        ];
        for (text, expected) in cases {
            assert_eq!(yuan(text), expected, "{text}");
        }
    }

    #[test]
    fn terms_in_months() {
        let cases = [
            ("三年六个月，", Some(42)),
            ("一年零三个月", Some(15)),
            ("十五年，", Some(180)),
            ("六个月，", Some(6)),
            ("10个月", Some(10)),
            ("终身", None),
            ("二十日", None),
        ];
        for (text, expected) in cases {
            assert_eq!(months(text), expected, "{text}");
        }
    }
}
