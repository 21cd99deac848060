//! Defines how an answer is judged: a rule a file, each as published and mended.

mod amount;
mod articles;
mod assignment;
mod characters;
mod entities;
mod labels;
pub(crate) mod lcs;
mod letters;
mod rouge;
mod term;
mod triggers;
mod words;

use serde::{Deserialize, Serialize};
pub(crate) use words::load as load_words;

use crate::lawbench::{Answer, Rule};

/// Which faults of the published scorer are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All: scores equal the published ones.
    #[default]
    Official,
    /// None that is known; the help of `evaluator score` lists what is mended.
    Strict,
}

impl Mode {
    /// Its name on the command line and in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Official => "official",
            Self::Strict => "strict",
        }
    }

    /// The mode of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Official, Self::Strict].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Mostly 0 to 1; a term of imprisonment can score less. None where the mean leaves the item out.
    pub score: Option<f64>,
    /// Whether nothing that could be judged was found in the answer. None where the rate leaves the item out.
    pub abstained: Option<bool>,
}

impl Verdict {
    /// An item that nothing can be right about. The published rate of abstention counts it as answered.
    fn left_out(mode: Mode) -> Self {
        Self { score: None, abstained: (mode == Mode::Official).then_some(false) }
    }

    fn answered(score: f64) -> Self {
        Self { score: Some(score), abstained: Some(false) }
    }

    fn abstained() -> Self {
        Self { score: Some(0.0), abstained: Some(true) }
    }
}

/// A verdict, or why the reference cannot be one of this task.
type Judged = Result<Verdict, &'static str>;

/// Judge an answer; none where the rule judges no answer by itself.
///
/// # Errors
/// What the reference ought to look like, where it does not.
pub fn judge(rule: Rule, answer: &Answer, mode: Mode) -> Option<Judged> {
    let judged = match rule {
        Rule::RougeL { prefix } => Ok(rouge::judge(prefix, answer, mode)),
        Rule::Letter { options, at } => letters::judge(options, at, answer, mode),
        Rule::Label(list) => labels::judge_one(list, answer, mode),
        Rule::Labels(list) => labels::judge_several(list, answer, mode),
        Rule::Characters => Ok(characters::judge(answer, mode)),
        Rule::Entities => entities::judge(answer, mode),
        Rule::Triggers => Ok(triggers::judge(answer, mode)),
        Rule::Articles => articles::judge(answer, mode),
        Rule::Term => term::judge(answer, mode),
        Rule::Amount => amount::judge(answer, mode),
        Rule::Edits => return None,
    };
    Some(judged)
}

/// The harmonic mean of precision and recall; 0 where both are.
fn f1(precision: f64, recall: f64) -> f64 {
    if precision + recall == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) }
}

/// F1 of two sets without repeats.
fn set_f1<T: PartialEq>(predicted: &[T], reference: &[T]) -> f64 {
    let shared = predicted.iter().filter(|label| reference.contains(label)).count() as f64;
    if shared == 0.0 {
        return 0.0;
    }
    f1(shared / predicted.len() as f64, shared / reference.len() as f64)
}

/// A rule at work on one answer, for the tests of the rules.
#[cfg(test)]
fn judged(rule: Rule, prediction: &str, reference: &str, mode: Mode) -> Verdict {
    let answer = Answer { prediction: prediction.into(), reference: reference.into() };
    judge(rule, &answer, mode).unwrap().unwrap()
}

/// Random numbers below a bound, the same in every run (xorshift).
#[cfg(test)]
fn random() -> impl FnMut(u64) -> u64 {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    move |below| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 8) % below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_of_sets_counts_what_both_have() {
        assert_eq!(set_f1(&[1, 2], &[2, 3]), 0.5);
        assert_eq!(set_f1(&[1], &[1]), 1.0);
        assert!((set_f1(&[1, 2, 3], &[1]) - 0.5).abs() < 1e-15);
        assert_eq!(set_f1(&[1], &[2]), 0.0);
        assert_eq!(set_f1::<u8>(&[], &[2]), 0.0);
    }

    #[test]
    fn proofreading_is_not_judged_by_item() {
        let answer = Answer { prediction: "a".into(), reference: "a".into() };
        assert!(judge(Rule::Edits, &answer, Mode::Official).is_none());
    }

    #[test]
    fn no_answer_is_too_odd_to_judge() {
        let references = [
            "答案:甲",
            "正确答案：A。",
            "甲",
            "争议焦点类别：违约。",
            "类别:法定离婚。",
            "侵权",
            "回答:甲",
            "时间:甲",
            "甲",
            "[正确答案]A<eoa>",
            "供述",
            "甲",
            "法条:刑法第1条",
            "甲",
            "罪名:盗窃",
            "刑期:1个月",
            "刑期:1个月",
            "正确答案:A。",
            "犯罪金额:1.0元。",
            "回答:甲",
        ];
        let digits = "9".repeat(5000);
        let parts = [
            "",
            "。",
            "；",
            "\u{0}",
            "\u{1f}",
            "\u{feff}",
            "😀",
            "第",
            "条",
            "、",
            "《",
            "年",
            "个月",
            "月",
            "点",
            "负",
            "万",
            "亿",
            "分之",
            "百",
            "时间:",
            "时间：",
            "A",
            "Ａ",
            ",",
            ".",
            "-",
            "³",
            "٣",
            "之一",
            " ",
            "\n",
            "半",
            &digits,
        ];
        let long = format!("{}{}", "亿".repeat(3000), "一万".repeat(3000));
        for (task, reference) in crate::lawbench::TASKS.iter().zip(references) {
            let pairs = parts.iter().flat_map(|a| parts.iter().map(move |b| format!("{a}{b}")));
            for prediction in pairs.chain([long.clone()]) {
                for mode in [Mode::Official, Mode::Strict] {
                    let answer = Answer { prediction: prediction.clone(), reference: reference.into() };
                    let Some(judged) = judge(task.rule, &answer, mode) else { continue };
                    let score = judged.expect("a reference").score.expect("a score");
                    assert!(score.is_finite() && score <= 1.0 + 1e-12, "{} {prediction:.40}: {score}", task.id);
                }
            }
        }
    }
}
