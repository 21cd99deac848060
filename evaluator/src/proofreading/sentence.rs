//! Finds the sentence that a prompt asks to correct, and makes answers comparable with it.

use crate::characters::is_space;

/// The line before the sentence.
const HEAD: &str = "句子：\n";

/// Characters by which an answer may be longer than the reference; what is beyond them is not judged.
const MAX_EXCESS: usize = 5;

/// What is judged in place of an answer of white space, or of one that has too many alignments.
pub(super) const NOTHING: &str = "无";

/// What is judged in place of an empty answer.
const NO_CONTENT: &str = "无内容";

/// The sentence that a prompt asks to correct, without white space.
pub(super) fn question(prompt: &str) -> Option<String> {
    let (_, after) = prompt.split_once(HEAD)?;
    let sentence = without_space(after.split('\n').next()?);
    (!sentence.is_empty()).then_some(sentence)
}

/// An answer without white space, cut where it outgrows `reference`.
pub(super) fn corrected(answer: &str, reference: Option<&str>) -> String {
    let mut text: String = answer.chars().filter(|c| !matches!(c, '\n' | '\t')).collect();
    if let Some(reference) = reference {
        let max = reference.chars().count() + MAX_EXCESS;
        text = text.chars().take(max).collect();
    }
    if text.is_empty() {
        return NO_CONTENT.to_owned();
    }
    let text = without_space(&text);
    if text.is_empty() { NOTHING.to_owned() } else { text }
}

fn without_space(text: &str) -> String {
    text.chars().filter(|c| !is_space(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_is_the_line_below_its_head() {
        assert_eq!(question("改正错误。句子：\n甲 偷\t车。\n答案：").as_deref(), Some("甲偷车。"));
        assert_eq!(question("句子：\n甲。\n句子：\n乙。").as_deref(), Some("甲。"));
        assert_eq!(question("改正错误。"), None);
        assert_eq!(question("句子：\n \n乙"), None);
    }

    #[test]
    fn what_outgrows_the_reference_by_more_than_five_is_cut() {
        assert_eq!(corrected("一二三四五六七八", Some("甲乙")), "一二三四五六七");
        assert_eq!(corrected("一二三四五六七", Some("甲乙")), "一二三四五六七");
        // Line breaks and tabs are gone before characters are counted, other white space after.
        assert_eq!(corrected("\n一\t二 三四五六七八", Some("甲乙")), "一二三四五六");
        assert_eq!(corrected("一二三四五六七八", None), "一二三四五六七八");
    }

    #[test]
    fn nothing_is_compared_as_a_word() {
        assert_eq!(corrected("\n\t", Some("甲")), "无内容");
        assert_eq!(corrected(" \u{3000}", Some("甲")), "无");
    }
}
