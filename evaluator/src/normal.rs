//! Defines the form of text in which two writings of the same words are equal: letters and digits, one width, one case.

use crate::characters::is_letter_or_digit;

/// A character in its usual width and in lower case.
pub(crate) fn folded(c: char) -> char {
    let c = match c {
        // Full-width ASCII stands in the same order as ASCII.
        '！'..='～' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    };
    c.to_ascii_lowercase()
}

/// The letters and digits of a text, Chinese characters among them.
pub(crate) fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(folded).filter(|c| is_letter_or_digit(*c))
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn width_case_marks_and_space_make_no_difference() {
        let of = |text: &str| letters(text).collect::<String>();
        assert_eq!(of("《刑法》第２６４条，\n　Ａ：盗窃。"), "刑法第264条a盗窃");
        assert_eq!(of("刑法第264条a盗窃"), of("《刑法》 第264条（Ａ）盗窃"));
        assert_eq!(of("，。！ \u{feff}"), "");
    }
}
