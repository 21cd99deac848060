//! Judges labels of a closed list: one (2-2, 2-4) or several (2-3, 2-9, 3-3).

use super::{Judged, Mode, Verdict, set_f1};
use crate::lawbench::{Answer, LabelList};

/// A reference of 2-2 that no label of the list matches; its items are left out.
const NO_LABEL: &str = "赔偿";

pub(super) fn judge_one(list: LabelList, answer: &Answer, mode: Mode) -> Judged {
    let reference = match list {
        LabelList::DisputeFocus => between(&answer.reference, "争议焦点类别：", "。")
            .ok_or("the reference is not of the form 争议焦点类别：…。")?,
        _ => answer.reference.as_str(),
    };
    let predicted = predicted(list, &answer.prediction, mode);
    let verdict = match predicted.as_slice() {
        [] => Verdict::abstained(),
        [label] if *label == reference => Verdict::answered(1.0),
        _ => Verdict::answered(0.0),
    };
    Ok(match (list, reference, mode) {
        (LabelList::DisputeFocus, NO_LABEL, mode) => Verdict::left_out(mode),
        _ => verdict,
    })
}

pub(super) fn judge_several(list: LabelList, answer: &Answer, mode: Mode) -> Judged {
    let mut reference = reference_labels(list, &answer.reference)?;
    reference.sort_unstable();
    reference.dedup();
    let predicted = predicted(list, &answer.prediction, mode);
    if predicted.is_empty() {
        return Ok(Verdict::abstained());
    }
    Ok(Verdict::answered(set_f1(&predicted, &reference)))
}

fn predicted(list: LabelList, prediction: &str, mode: Mode) -> Vec<&'static str> {
    match mode {
        Mode::Official => list.known().occurring(prediction),
        Mode::Strict => list.all().longest(prediction),
    }
}

fn reference_labels(list: LabelList, reference: &str) -> Result<Vec<&str>, &'static str> {
    match list {
        LabelList::MaritalDispute => {
            let labels = between(reference, "类别:", "。").ok_or("the reference is not of the form 类别:…。")?;
            Ok(labels.split('、').collect())
        }
        LabelList::Charge => {
            let labels = reference.strip_prefix("罪名:").ok_or("the reference is not of the form 罪名:…")?;
            Ok(labels.split(';').collect())
        }
        _ => Ok(reference.split(';').collect()),
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_suffix(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lawbench::Rule, score::judged};

    const DISPUTE: Rule = Rule::Label(LabelList::DisputeFocus);
    const TOPIC: Rule = Rule::Label(LabelList::IssueTopic);
    const MARITAL: Rule = Rule::Labels(LabelList::MaritalDispute);
    const EVENT: Rule = Rule::Labels(LabelList::Event);
    const CHARGE: Rule = Rule::Labels(LabelList::Charge);

    fn modes(rule: Rule, prediction: &str, reference: &str) -> [Verdict; 2] {
        [Mode::Official, Mode::Strict].map(|mode| judged(rule, prediction, reference, mode))
    }

    fn both(rule: Rule, prediction: &str, reference: &str) -> Verdict {
        let [official, strict] = modes(rule, prediction, reference);
        assert_eq!(official, strict, "{prediction}");
        official
    }

    #[test]
    fn one_label_that_is_the_references_is_right() {
        let reference = "争议焦点类别：合同解除。";
        assert_eq!(both(DISPUTE, "[争议焦点]合同解除<eoa>", reference), Verdict::answered(1.0));
        assert_eq!(both(DISPUTE, "合同解除、违约", reference), Verdict::answered(0.0));
        assert_eq!(both(DISPUTE, "违约", reference), Verdict::answered(0.0));
        assert_eq!(both(DISPUTE, "不知道", reference), Verdict::abstained());
        assert_eq!(both(TOPIC, "[类别]劳动纠纷<eoa>", "劳动纠纷"), Verdict::answered(1.0));
        assert_eq!(both(TOPIC, "侵权", "劳动纠纷"), Verdict::answered(0.0));
    }

    #[test]
    fn a_dispute_that_no_label_names_is_left_out_of_the_mean_and_when_mended_of_the_rate() {
        let reference = "争议焦点类别：赔偿。";
        let [official, strict] = modes(DISPUTE, "不知道", reference);
        assert_eq!(official, Verdict { score: None, abstained: Some(false) });
        assert_eq!(strict, Verdict { score: None, abstained: None });
    }

    #[test]
    fn several_labels_score_by_what_both_sides_have() {
        let reference = "类别:婚后有子女、支付抚养费。";
        assert_eq!(both(MARITAL, "[类别]支付抚养费、婚后有子女<eoa>", reference), Verdict::answered(1.0));
        assert_eq!(both(MARITAL, "婚后有子女、准予离婚", reference), Verdict::answered(0.5));
        assert_eq!(both(MARITAL, "准予离婚", reference), Verdict::answered(0.0));
        assert_eq!(both(MARITAL, "", reference), Verdict::abstained());
        assert_eq!(both(EVENT, "支付/给付；卖出", "卖出;支付/给付"), Verdict::answered(1.0));
        assert_eq!(both(EVENT, "给付", "支付/给付"), Verdict::abstained());
    }

    #[test]
    fn a_charge_inside_another_counts_twice_as_published_and_once_when_mended() {
        let [official, strict] = modes(CHARGE, "[罪名]合同诈骗<eoa>", "罪名:合同诈骗");
        assert!((official.score.unwrap() - 2.0 / 3.0).abs() < 1e-15);
        assert_eq!(strict, Verdict::answered(1.0));
        assert_eq!(both(CHARGE, "盗窃", "罪名:盗窃;诈骗").score, Some(2.0 / 3.0));
    }

    #[test]
    fn a_charge_beyond_the_published_list_can_be_right_when_mended() {
        assert_eq!(modes(CHARGE, "爆炸", "罪名:爆炸"), [Verdict::abstained(), Verdict::answered(1.0)]);
    }

    #[test]
    fn references_of_another_form_are_refused() {
        for (list, reference) in [(LabelList::MaritalDispute, "婚后有子女"), (LabelList::Charge, "盗窃")] {
            let answer = Answer { prediction: String::new(), reference: reference.into() };
            assert!(judge_several(list, &answer, Mode::Official).is_err());
        }
        let answer = Answer { prediction: String::new(), reference: "违约".into() };
        assert!(judge_one(LabelList::DisputeFocus, &answer, Mode::Official).is_err());
    }
}
