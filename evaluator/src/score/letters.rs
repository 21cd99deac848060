//! Judges the choice of a letter (1-2, 2-8, 3-6).

use super::{Judged, Mode, Verdict};
use crate::lawbench::Answer;

pub(super) fn judge(options: &str, at: usize, answer: &Answer, mode: Mode) -> Judged {
    let reference = answer.reference.chars().nth(at).filter(|letter| options.contains(*letter));
    let reference = reference.ok_or("the reference has no option's letter where the task has one")?;
    let chosen: Vec<char> = match mode {
        Mode::Official => options.chars().filter(|letter| answer.prediction.contains(*letter)).collect(),
        Mode::Strict => standing_alone(options, &answer.prediction),
    };
    Ok(match chosen.as_slice() {
        [] => Verdict::abstained(),
        [letter] if *letter == reference => Verdict::answered(1.0),
        _ => Verdict::answered(0.0),
    })
}

/// Letters in runs of options alone: both of `AC`, none of `APP` or `DNA`.
fn standing_alone(options: &str, text: &str) -> Vec<char> {
    let narrow: String = text.chars().map(narrow).collect();
    let runs = narrow.split(|c: char| !c.is_ascii_alphanumeric());
    let chosen: String = runs.filter(|run| run.chars().all(|c| options.contains(c))).collect();
    options.chars().filter(|letter| chosen.contains(*letter)).collect()
}

/// A full-width capital letter as an ordinary one.
fn narrow(c: char) -> char {
    match c {
        'Ａ'..='Ｚ' => char::from_u32(c as u32 - 'Ａ' as u32 + 'A' as u32).unwrap_or(c),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lawbench::Rule, score::judged};

    const EXAM: Rule = Rule::Letter { options: "ABCD", at: 5 };
    const ARGUMENT: Rule = Rule::Letter { options: "ABCDE", at: 6 };

    #[test]
    fn one_letter_that_is_the_references_is_right() {
        for mode in [Mode::Official, Mode::Strict] {
            let judged = |prediction| judged(EXAM, prediction, "正确答案：B。", mode);
            assert_eq!(judged("[正确答案]B<eoa>"), Verdict::answered(1.0));
            assert_eq!(judged("选B，B对"), Verdict::answered(1.0));
            assert_eq!(judged("[正确答案]C<eoa>"), Verdict::answered(0.0));
            assert_eq!(judged("A或B"), Verdict::answered(0.0));
            assert_eq!(judged("AB"), Verdict::answered(0.0));
            assert_eq!(judged("b"), Verdict::abstained());
            assert_eq!(judged(""), Verdict::abstained());
        }
        assert_eq!(judged(ARGUMENT, "E", "[正确答案]E<eoa>", Mode::Official), Verdict::answered(1.0));
        assert_eq!(judged(EXAM, "E", "正确答案:A。", Mode::Official), Verdict::abstained());
    }

    #[test]
    fn a_letter_inside_a_word_counts_as_published_and_not_when_mended() {
        let modes = |prediction, reference| {
            [Mode::Official, Mode::Strict].map(|mode| judged(EXAM, prediction, reference, mode))
        };
        assert_eq!(modes("下载APP后选B", "正确答案：B。"), [Verdict::answered(0.0), Verdict::answered(1.0)]);
        assert_eq!(modes("Apple", "正确答案：A。"), [Verdict::answered(1.0), Verdict::abstained()]);
        assert_eq!(modes("选Ｂ", "正确答案：B。"), [Verdict::abstained(), Verdict::answered(1.0)]);
    }

    #[test]
    fn a_reference_without_a_letter_is_refused() {
        for reference in ["", "B", "正确答案：无"] {
            let answer = Answer { prediction: "B".into(), reference: reference.into() };
            assert!(judge("ABCD", 5, &answer, Mode::Official).is_err());
        }
    }
}
