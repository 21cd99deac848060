//! Defines what it costs to put one character in another's place: more, the less they have in common.

use super::tables::Token;

/// Marks that ChERRANT knows: of ASCII, of full width, and of Chinese.
pub(super) const MARKS: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~！？｡＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～\
    ｟｠｢｣､、〃》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟–—‘'‛“”„‟…‧";

/// Marks that it knows when it aligns, and not when it merges.
const MORE_MARKS: [char; 4] = ['〰', '〾', '〿', '﹏'];

/// The cost of a substitution by a character that is not the same: 0 to 2 − 0.01, where inserting and deleting cost 1.
/// The parts are added in the order in which ChERRANT adds them: ties are ties of sums that are equal to the last bit.
pub(super) fn substitution(a: &Token, b: &Token) -> f64 {
    meaning(a, b) / 6.0 + look(a, b) + kind(a, b)
}

/// 0 for one class of meaning, 2 for each of three levels at which classes differ, 4 where a class is not known.
fn meaning(a: &Token, b: &Token) -> f64 {
    match (a.class, b.class) {
        (Some(a), Some(b)) => 2.0 * (3 - a.num_shared(b)) as f64,
        _ => 4.0,
    }
}

/// Whether both are marks, both are not, or one is.
fn kind(a: &Token, b: &Token) -> f64 {
    match (is_mark(a.character), is_mark(b.character)) {
        (true, true) => 0.0,
        (false, false) => 0.25,
        _ => 0.499,
    }
}

/// Nothing for Chinese characters that sound the same or are mistaken for each other.
fn look(a: &Token, b: &Token) -> f64 {
    let is_han = |token: &Token| ('\u{4e00}'..='\u{9fff}').contains(&token.character);
    let is_alike = is_han(a)
        && is_han(b)
        && (a.sounds.iter().any(|sound| b.sounds.contains(sound)) || is_confused(a, b) || is_confused(b, a));
    if is_alike { 0.0 } else { 0.5 }
}

fn is_confused(a: &Token, b: &Token) -> bool {
    a.confusions.binary_search(&b.character).is_ok()
}

fn is_mark(character: char) -> bool {
    MARKS.contains(character) || MORE_MARKS.contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proofreading::tables::tests::tables;

    #[test]
    fn characters_that_have_more_in_common_cost_less() {
        let tables = tables("Aa01A01= 人 士\nAa01B01= 民\nAa02A01= 子\nAb01A01= 男\nBa01A01= 入\n", "入 人\n").unwrap();
        let cost = |a: &str, b: &str| substitution(&tables.tokens(a)[0], &tables.tokens(b)[0]);
        let cases = [
            // One class of words, one group of classes, one level less, and less.
            ("人", "士", 0.0 + 0.5 + 0.25),
            ("人", "民", 0.0 + 0.5 + 0.25),
            ("人", "子", 2.0 / 6.0 + 0.5 + 0.25),
            // 01 is the same, a is not.
            ("人", "男", 2.0 / 6.0 + 0.5 + 0.25),
            // A is not the same; mistaken for each other, whichever way the table has it.
            ("人", "入", 2.0 / 6.0 + 0.25),
            ("入", "人", 2.0 / 6.0 + 0.25),
            // No class; the same sound in one of the ways to say them.
            ("事", "实", 4.0 / 6.0 + 0.25),
            ("行", "航", 4.0 / 6.0 + 0.25),
            ("人", "航", 4.0 / 6.0 + 0.5 + 0.25),
            // Marks, and what is neither a mark nor Chinese.
            ("，", "。", 4.0 / 6.0 + 0.5 + 0.499),
            ("，", ",", 4.0 / 6.0 + 0.5),
            ("〰", "，", 4.0 / 6.0 + 0.5),
            ("，", "的", 4.0 / 6.0 + 0.5 + 0.499),
            ("1", "2", 4.0 / 6.0 + 0.5 + 0.25),
        ];
        for (a, b, expected) in cases {
            assert_eq!(cost(a, b), expected, "{a} {b}");
        }
    }
}
