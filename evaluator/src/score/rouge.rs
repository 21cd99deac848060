//! Judges free text by ROUGE-L (1-1, 2-7, 3-2, 3-8): the longest common subsequence of words.
//!
//! Lin, "ROUGE: A package for automatic evaluation of summaries", 2004.

use super::{Mode, Verdict, lcs, words};
use crate::{
    characters::{is_blank, is_space},
    lawbench::Answer,
};

/// What the published scorer judges in place of a blank answer: one word, which jieba would cut into two.
const NO_CONTENT: &str = "无内容";

pub(super) fn judge(prefix: &str, answer: &Answer, mode: Mode) -> Verdict {
    let reference = without(&answer.reference, prefix);
    match mode {
        Mode::Official => {
            let blank = is_blank(&answer.prediction);
            let prediction = if blank { NO_CONTENT.to_owned() } else { spaced(&answer.prediction) };
            let (prediction, reference) = (sentences(&prediction), sentences(&spaced(&reference)));
            Verdict::answered(f1(&published_tokens(&prediction), &published_tokens(&reference)))
        }
        Mode::Strict if is_blank(&answer.prediction) => Verdict::abstained(),
        Mode::Strict => {
            let prediction = without(&answer.prediction, prefix);
            let (prediction, reference) = (spaced(&prediction), spaced(&reference));
            Verdict::answered(f1(&tokens(&prediction).collect::<Vec<_>>(), &tokens(&reference).collect::<Vec<_>>()))
        }
    }
}

fn without(text: &str, prefix: &str) -> String {
    if prefix.is_empty() { text.to_owned() } else { text.replace(prefix, "") }
}

/// F1 of two texts, with the small number that keeps the published one from dividing by nought.
fn f1(prediction: &[&str], reference: &[&str]) -> f64 {
    let shared = lcs::length(reference, prediction) as f64;
    let (precision, recall) = (shared / prediction.len().max(1) as f64, shared / reference.len().max(1) as f64);
    2.0 * (precision * recall / (precision + recall + 1e-8))
}

/// Words with a space between each two.
fn spaced(text: &str) -> String {
    words::cut(text).join(" ")
}

fn tokens(spaced: &str) -> impl Iterator<Item = &str> {
    spaced.split(is_space).filter(|token| !token.is_empty())
}

/// The tokens of the published scorer: a sentence, or a line, of nothing but white space has one empty token, which
/// counts and can match.
fn published_tokens(sentences: &str) -> Vec<&str> {
    let mut all = Vec::new();
    for sentence in sentences.trim_end_matches(is_space).split('\n').filter(|sentence| !sentence.is_empty()) {
        let before = all.len();
        all.extend(tokens(sentence));
        if all.len() == before {
            all.push("");
        }
    }
    all
}

/// A text with a line break after each sentence. Each pattern takes the character after the end of a sentence too, so
/// that of two ends side by side only the first counts.
fn sentences(text: &str) -> String {
    pattern!(MARK, r"([。！？?])([^”’])");
    pattern!(DOTS, r"(\.{6})([^”’])");
    pattern!(ELLIPSIS, r"(…{2})([^”’])");
    pattern!(QUOTE, r"([。！？?][”’])([^，。！？?])");
    [&*MARK, &*DOTS, &*ELLIPSIS, &*QUOTE]
        .iter()
        .fold(text.to_owned(), |text, end| end.replace_all(&text, "$1\n$2").into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lawbench::Rule, score::judged};

    const SUMMARY: Rule = Rule::RougeL { prefix: "" };
    const ARTICLE: Rule = Rule::RougeL { prefix: "答案:" };

    fn score(rule: Rule, prediction: &str, reference: &str, mode: Mode) -> f64 {
        judged(rule, prediction, reference, mode).score.unwrap()
    }

    #[test]
    fn words_in_common_and_in_order_count() {
        for mode in [Mode::Official, Mode::Strict] {
            let score = |prediction, reference| score(SUMMARY, prediction, reference, mode);
            assert!((score("清华大学在北京", "清华大学在北京") - 1.0).abs() < 1e-7);
            // One of two words on one side, one of one on the other.
            assert!((score("北京", "清华大学北京") - 2.0 / 3.0).abs() < 1e-7);
            assert_eq!(score("上海", "北京"), 0.0);
        }
    }

    #[test]
    fn a_blank_answer_is_judged_as_published_and_abstains_when_mended() {
        assert_eq!(score(SUMMARY, " \n", "无内容", Mode::Official), 0.0);
        assert_eq!(judged(SUMMARY, " \n", "无内容", Mode::Strict), Verdict::abstained());
    }

    #[test]
    fn the_word_before_the_article_costs_as_published_and_not_when_mended() {
        let modes = [Mode::Official, Mode::Strict].map(|mode| score(ARTICLE, "答案:北京", "答案:北京", mode));
        assert!((modes[0] - 2.0 / 4.0).abs() < 1e-7, "{modes:?}");
        assert!((modes[1] - 1.0).abs() < 1e-7, "{modes:?}");
    }

    #[test]
    fn a_sentence_of_white_space_is_a_token_as_published() {
        assert_eq!(published_tokens(&sentences("甲 。 \n 乙")), ["甲", "。", "", "乙"]);
        assert_eq!(published_tokens("甲\n\n乙 \n "), ["甲", "乙"]);
        assert_eq!(tokens("甲 。 \n 乙").collect::<Vec<_>>(), ["甲", "。", "乙"]);
    }

    #[test]
    fn sentences_end_at_marks_but_not_before_a_closing_quote() {
        assert_eq!(sentences("甲。乙！”丙？。丁"), "甲。\n乙！”\n丙？\n。丁");
        assert_eq!(sentences("甲......乙……丙。”，"), "甲......\n乙……\n丙。”，");
    }
}
