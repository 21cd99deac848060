//! Defines the classes of characters that the published scores rest on: those of Python's `str`.
//!
//! Rust draws the lines elsewhere: its `is_alphabetic` has letter numbers and marks, its `is_numeric` fractions, and
//! its `is_whitespace` lacks four control characters.

use std::ops::RangeInclusive;

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Digits that no decimal number is written with: superscripts, circled, bracketed and so on (`Numeric_Type=Digit`).
const OTHER_DIGITS: [RangeInclusive<char>; 20] = [
    '\u{b2}'..='\u{b3}',
    '\u{b9}'..='\u{b9}',
    '\u{1369}'..='\u{1371}',
    '\u{19da}'..='\u{19da}',
    '\u{2070}'..='\u{2070}',
    '\u{2074}'..='\u{2079}',
    '\u{2080}'..='\u{2089}',
    '\u{2460}'..='\u{2468}',
    '\u{2474}'..='\u{247c}',
    '\u{2488}'..='\u{2490}',
    '\u{24ea}'..='\u{24ea}',
    '\u{24f5}'..='\u{24fd}',
    '\u{24ff}'..='\u{24ff}',
    '\u{2776}'..='\u{277e}',
    '\u{2780}'..='\u{2788}',
    '\u{278a}'..='\u{2792}',
    '\u{10a40}'..='\u{10a43}',
    '\u{10e60}'..='\u{10e68}',
    '\u{11052}'..='\u{1105a}',
    '\u{1f100}'..='\u{1f10a}',
];

/// Whether a character is a letter (`isalpha`) or a digit (`isdigit`).
pub(crate) fn is_letter_or_digit(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    c.general_category_group() == GeneralCategoryGroup::Letter
        || c.general_category() == GeneralCategory::DecimalNumber
        || OTHER_DIGITS.iter().any(|range| range.contains(&c))
}

/// Whether a character is white space (`isspace`).
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Whether a text has nothing but white space.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(is_space)
}

/// Decimal digits of any script (５, ٥) as those of ASCII; other characters as they are.
pub(crate) fn ascii_digits(text: &str) -> String {
    text.chars().map(|c| decimal_digit(c).unwrap_or(c)).collect()
}

fn decimal_digit(c: char) -> Option<char> {
    if c.is_ascii() || c.general_category() != GeneralCategory::DecimalNumber {
        return None;
    }
    // The digits of a script stand together in Unicode, from nought to nine, ten or a multiple of ten in a row.
    let is_digit =
        |code: u32| char::from_u32(code).is_some_and(|c| c.general_category() == GeneralCategory::DecimalNumber);
    let place = (1..60).take_while(|back| is_digit(c as u32 - back)).count();
    char::from_digit(place as u32 % 10, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_digits_are_pythons() {
        for c in ['a', 'Z', '7', '法', '７', '²', '①', '٣', 'é', 'ª', 'ー', '々'] {
            assert!(is_letter_or_digit(c), "{c}");
        }
        // Fractions, ten in a circle, Roman numerals, nought as an ideograph and combining vowels are neither.
        for c in ['，', ' ', '_', '½', '⑩', 'Ⅳ', '〇', '\u{93e}', '￥', '。'] {
            assert!(!is_letter_or_digit(c), "{c}");
        }
    }

    #[test]
    fn control_characters_between_records_are_white_space() {
        assert!(is_space('\u{1c}') && is_space('\u{85}') && is_space('\u{3000}'));
        assert!(!is_space('\u{200b}') && !is_space('\u{feff}'));
        assert!(is_blank(" \u{1f}\n") && is_blank("") && !is_blank("。"));
    }

    #[test]
    fn digits_of_any_script_become_ascii() {
        assert_eq!(ascii_digits("第２６４条٣٠, 𝟗𝟘²"), "第264条30, 90²");
    }
}
