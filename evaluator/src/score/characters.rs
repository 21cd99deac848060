//! Judges a short answer by its characters (2-5): how far two bags of letters and digits are the same.

use rustc_hash::FxHashMap;

use super::{Mode, Verdict, f1};
use crate::{
    characters::{is_blank, is_letter_or_digit},
    lawbench::Answer,
};

/// A word that stands before every reference.
const PREFIX: &str = "回答:";

pub(super) fn judge(answer: &Answer, mode: Mode) -> Verdict {
    let reference = answer.reference.replace(PREFIX, "");
    match mode {
        Mode::Official => Verdict::answered(overlap(&reference, &answer.prediction)),
        Mode::Strict if is_blank(&answer.prediction) => Verdict::abstained(),
        Mode::Strict => {
            let prediction = answer.prediction.replace(PREFIX, "").replace("回答：", "");
            Verdict::answered(overlap(&reference, &prediction))
        }
    }
}

/// F1 of the letters and digits of two texts, in small letters and in any order; 1 where both have none.
pub(super) fn overlap(reference: &str, prediction: &str) -> f64 {
    let (reference, prediction) = (Bag::of(reference), Bag::of(prediction));
    if reference.size == 0 || prediction.size == 0 {
        return if reference.size == prediction.size { 1.0 } else { 0.0 };
    }
    let shared = reference.shared(&prediction) as f64;
    f1(shared / prediction.size as f64, shared / reference.size as f64)
}

/// How often each character occurs.
struct Bag {
    counts: FxHashMap<char, usize>,
    size: usize,
}

impl Bag {
    fn of(text: &str) -> Self {
        let mut bag = Self { counts: FxHashMap::default(), size: 0 };
        for c in text.to_lowercase().chars().filter(|c| is_letter_or_digit(*c)) {
            *bag.counts.entry(c).or_default() += 1;
            bag.size += 1;
        }
        bag
    }

    fn shared(&self, other: &Self) -> usize {
        self.counts.iter().map(|(c, count)| other.counts.get(c).map_or(0, |of_other| *count.min(of_other))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lawbench::Rule, score::judged};

    #[test]
    fn characters_overlap_in_any_order_and_as_often_as_both_have_them() {
        assert_eq!(overlap("二十一万元", "万元，二十一。"), 1.0);
        assert_eq!(overlap("ABc", "a b C"), 1.0);
        assert_eq!(overlap("甲甲乙", "甲丙丁"), 1.0 / 3.0);
        assert_eq!(overlap("甲", "乙"), 0.0);
        assert_eq!(overlap("。", "！"), 1.0);
        assert_eq!(overlap("甲", "！"), 0.0);
        assert_eq!(overlap("", "甲"), 0.0);
    }

    #[test]
    fn the_word_before_the_answer_costs_as_published_and_not_when_mended() {
        let judged = |prediction, mode| judged(Rule::Characters, prediction, "回答:甲乙", mode);
        assert_eq!(judged("甲乙", Mode::Official), Verdict::answered(1.0));
        assert!((judged("回答:甲乙", Mode::Official).score.unwrap() - 2.0 / 3.0).abs() < 1e-15);
        assert_eq!(judged("回答：甲乙", Mode::Strict), Verdict::answered(1.0));
        assert_eq!(judged("", Mode::Official), Verdict::answered(0.0));
        assert_eq!(judged(" \n", Mode::Strict), Verdict::abstained());
    }
}
