//! Defines Chinese numerals and article numbers (第一百二十条之一 → 120-1).

use std::fmt;

/// The number of an article (条), with the number after 之 where an amendment inserted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArticleNumber {
    /// The number before 之.
    pub base: u16,
    /// The number after 之.
    pub inserted: Option<u16>,
}

impl fmt::Display for ArticleNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inserted {
            Some(inserted) => write!(f, "{}-{inserted}", self.base),
            None => write!(f, "{}", self.base),
        }
    }
}

/// Whether a character can be part of a numeral.
pub fn is_numeral(c: char) -> bool {
    c.is_ascii_digit() || digit(c).is_some() || matches!(c, '十' | '百' | '千')
}

fn digit(c: char) -> Option<u32> {
    match c {
        '0'..='9' => c.to_digit(10),
        '〇' | '零' | '○' | 'Ｏ' | 'O' => Some(0),
        '一' => Some(1),
        '二' | '两' => Some(2),
        '三' => Some(3),
        '四' => Some(4),
        '五' => Some(5),
        '六' => Some(6),
        '七' => Some(7),
        '八' => Some(8),
        '九' => Some(9),
        _ => None,
    }
}

/// The value of a numeral below ten thousand, in words (一百二十), in digits (一二〇) or Arabic (120).
pub fn parse(text: &str) -> Option<u32> {
    if text.is_empty() || text.chars().count() > 9 {
        return None;
    }
    if !text.contains(['十', '百', '千']) {
        let digits = text.chars().map(digit).collect::<Option<Vec<_>>>()?;
        return (digits.len() <= 4).then(|| digits.iter().fold(0, |n, d| n * 10 + d));
    }
    let (mut total, mut pending, mut last_unit) = (0, None, u32::MAX);
    for c in text.chars() {
        let unit = match c {
            '十' => 10,
            '百' => 100,
            '千' => 1000,
            _ => {
                let value = digit(c)?;
                // 零 only separates; two digits in a row are no numeral in words.
                if pending.is_some_and(|p| p != 0) {
                    return None;
                }
                pending = Some(value);
                continue;
            }
        };
        if unit >= last_unit {
            return None;
        }
        last_unit = unit;
        total += pending.filter(|p| *p != 0).unwrap_or(1) * unit;
        pending = None;
    }
    Some(total + pending.unwrap_or(0))
}

/// A number below ten thousand in words: 120 is 一百二十, 12 is 十二.
pub fn words(n: u16) -> String {
    const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
    let mut text = String::new();
    let mut gap = false;
    for (unit, name) in [(1000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = n / unit % 10;
        if digit == 0 {
            gap = !text.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            text.push('零');
        }
        if !(unit == 10 && n < 20) {
            text.push(DIGITS[usize::from(digit)]);
        }
        text.push_str(name);
    }
    text
}

/// An article, and a paragraph or an item of it, as statutes name them: 第一百三十三条之一第一款第二项.
pub fn place(article: ArticleNumber, paragraph: Option<u16>, item: Option<u16>) -> String {
    let inserted = article.inserted.map(|n| format!("之{}", words(n))).unwrap_or_default();
    let part = |n: Option<u16>, unit: &str| n.map(|n| format!("第{}{unit}", words(n))).unwrap_or_default();
    format!("第{}条{inserted}{}{}", words(article.base), part(paragraph, "款"), part(item, "项"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerals_in_words_digits_and_arabic() {
        let cases = [
            ("一", Some(1)),
            ("十", Some(10)),
            ("十二", Some(12)),
            ("二十", Some(20)),
            ("一百", Some(100)),
            ("一百零五", Some(105)),
            ("一百一十", Some(110)),
            ("一千二百六十", Some(1260)),
            ("一千零一", Some(1001)),
            ("二〇一五", Some(2015)),
            ("120", Some(120)),
            ("", None),
            ("百百", None),
            ("一二十", None),
            ("十百", None),
            ("甲", None),
        ];
        for (text, value) in cases {
            assert_eq!(parse(text), value, "{text}");
        }
    }

    #[test]
    fn every_number_below_ten_thousand_written_in_words_is_read_back() {
        for n in 1..10_000 {
            let text = words(n);
            assert_eq!(parse(&text), Some(u32::from(n)), "{text}");
        }
        assert_eq!([12, 20, 105, 110, 1260].map(words), ["十二", "二十", "一百零五", "一百一十", "一千二百六十"]);
    }

    #[test]
    fn article_numbers_print_their_insertion() {
        assert_eq!(ArticleNumber { base: 120, inserted: Some(1) }.to_string(), "120-1");
        assert_eq!(ArticleNumber { base: 120, inserted: None }.to_string(), "120");
        let article = ArticleNumber { base: 133, inserted: Some(1) };
        assert_eq!(place(article, Some(1), Some(2)), "第一百三十三条之一第一款第二项");
    }
}
