//! Judges words that name events (2-10): how much of each word of the reference was found.

use super::{Mode, Verdict, assignment, characters::overlap};
use crate::{characters::is_blank, lawbench::Answer};

pub(super) fn judge(answer: &Answer, mode: Mode) -> Verdict {
    let reference: Vec<&str> = answer.reference.split(';').collect();
    match mode {
        Mode::Official => {
            let predicted: Vec<&str> = answer.prediction.split(';').collect();
            let matched = reference.iter().zip(&predicted).map(|(a, b)| overlap(a, b)).sum();
            Verdict::answered(soft_f1(matched, predicted.len(), reference.len()))
        }
        Mode::Strict if is_blank(&answer.prediction) => Verdict::abstained(),
        Mode::Strict => {
            let words = answer.prediction.split([';', '；', '\n']).map(str::trim);
            let predicted: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
            let gains: Vec<Vec<f64>> =
                reference.iter().map(|a| predicted.iter().map(|b| overlap(a, b)).collect()).collect();
            Verdict::answered(soft_f1(assignment::most(&gains), predicted.len(), reference.len()))
        }
    }
}

/// F1 of a sum of partial matches, with the small number that keeps the published one from dividing by nought.
pub(super) fn soft_f1(matched: f64, num_predicted: usize, num_reference: usize) -> f64 {
    let precision = matched / num_predicted.max(1) as f64;
    let recall = matched / num_reference.max(1) as f64;
    2.0 * precision * recall / (precision + recall + 1e-10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lawbench::Rule, score::judged};

    fn scores(prediction: &str, reference: &str) -> [f64; 2] {
        [Mode::Official, Mode::Strict]
            .map(|mode| (judged(Rule::Triggers, prediction, reference, mode).score.unwrap() * 1e6).round() / 1e6)
    }

    #[test]
    fn words_are_compared_by_place_as_published_and_in_any_order_when_mended() {
        assert_eq!(scores("查扣;退给", "查扣;退给"), [1.0, 1.0]);
        assert_eq!(scores("退给;查扣", "查扣;退给"), [0.0, 1.0]);
        // Half of one word of two.
        assert_eq!(scores("查获;卖", "查扣;退给"), [0.25, 0.25]);
        assert_eq!(scores("查扣", "查扣;退给"), [0.666_667, 0.666_667]);
    }

    #[test]
    fn the_promised_semicolon_separates_when_mended() {
        let [official, strict] = scores("查扣；退给", "查扣;退给");
        assert!(official < 0.5 && strict == 1.0, "{official} {strict}");
    }

    #[test]
    fn nothing_is_worth_nothing_and_abstains_when_mended() {
        assert_eq!(judged(Rule::Triggers, "", "查扣", Mode::Official), Verdict::answered(0.0));
        assert_eq!(judged(Rule::Triggers, "", "查扣", Mode::Strict), Verdict::abstained());
    }
}
