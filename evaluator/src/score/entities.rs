//! Judges values of entities by type (2-6).

use rustc_hash::FxHashMap;

use super::{Judged, Mode, Verdict, characters::overlap, triggers::soft_f1};
use crate::{characters::is_space, lawbench::Answer};

/// The types of entities in the facts of a theft.
const TYPES: [&str; 10] =
    ["犯罪嫌疑人", "受害人", "被盗货币", "物品价值", "盗窃获利", "被盗物品", "作案工具", "时间", "地点", "组织机构"];

/// How answers say that there is no such entity.
const NONE: [&str; 2] = ["无", "未提及"];

/// Values by type.
type Entities<'a> = FxHashMap<&'a str, &'a str>;

pub(super) fn judge(answer: &Answer, mode: Mode) -> Judged {
    let reference = reference(&answer.reference).ok_or("the reference is not of the form 类型:值;类型:值")?;
    let predicted = match mode {
        Mode::Official => published(&answer.prediction),
        Mode::Strict => listed(&answer.prediction),
    };
    if mode == Mode::Strict && predicted.is_empty() && !reference.is_empty() {
        return Ok(Verdict::abstained());
    }
    if reference.is_empty() {
        return Ok(Verdict::answered(if predicted.is_empty() { 1.0 } else { 0.0 }));
    }
    let matched = predicted.iter().filter_map(|(name, value)| Some(overlap(reference.get(name)?, value))).sum();
    Ok(Verdict::answered(soft_f1(matched, predicted.len(), reference.len())))
}

fn reference(text: &str) -> Option<Entities<'_>> {
    if text.is_empty() {
        return Some(Entities::default());
    }
    text.split(';')
        .map(|entity| {
            let mut fields = entity.split(':');
            Some((fields.next()?, fields.next()?))
        })
        .collect()
}

/// What stands after each type and a colon, up to a line break or a space: the last one of each type.
fn published(text: &str) -> Entities<'_> {
    let mut entities = Entities::default();
    for name in TYPES {
        for (start, _) in text.match_indices(name) {
            let rest = &text[start + name.len()..];
            // A value of one character at the end of the answer is lost.
            if rest.chars().nth(2).is_none() {
                continue;
            }
            if let Some(value) = rest.strip_prefix([':', '：']) {
                let value = value.trim_matches(is_space).split(['\n', ' ']).next().unwrap_or_default();
                keep(&mut entities, name, value.trim_matches(is_space));
            }
        }
    }
    entities
}

/// What stands after each type and a colon, up to a line break, a space, a semicolon or the next type: the last one of
/// each type.
fn listed(text: &str) -> Entities<'_> {
    pattern!(HEAD, &format!(r"({})\s*[:：]", TYPES.join("|")));
    let mut entities = Entities::default();
    let mut heads = HEAD.captures_iter(text).peekable();
    while let Some(head) = heads.next() {
        let (head, name) =
            head.get(0).zip(head.get(1)).map_or((0..0, ""), |(head, name)| (head.range(), name.as_str()));
        let end = heads.peek().and_then(|next| next.get(0)).map_or(text.len(), |next| next.start());
        let value = text[head.end..end].trim_matches(is_space).split(['\n', ' ', ';', '；']).next().unwrap_or_default();
        keep(&mut entities, name, value.trim_matches(is_space));
    }
    entities
}

fn keep<'a>(entities: &mut Entities<'a>, name: &'a str, value: &'a str) {
    if !NONE.contains(&value) {
        entities.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lawbench::Rule, score::judged};

    const REFERENCE: &str = "受害人:甲某;被盗物品:电瓶4只";

    fn scores(prediction: &str, reference: &str) -> [f64; 2] {
        [Mode::Official, Mode::Strict]
            .map(|mode| (judged(Rule::Entities, prediction, reference, mode).score.unwrap() * 1e6).round() / 1e6)
    }

    #[test]
    fn a_type_a_line_is_right() {
        assert_eq!(scores("受害人：甲某\n被盗物品:电瓶4只", REFERENCE), [1.0, 1.0]);
        assert_eq!(scores("受害人:甲某 被盗物品:电瓶4只", REFERENCE), [1.0, 1.0]);
        assert_eq!(scores("受害人:甲某\n时间:无\n地点:未提及", REFERENCE), [0.666_667, 0.666_667]);
        assert_eq!(scores("受害人:甲某\n时间:昨日上午", "受害人:甲某"), [0.666_667, 0.666_667]);
        // The last of several; half of its characters.
        assert_eq!(scores("受害人:甲某\n受害人:乙某\n", "受害人:甲某"), [0.5, 0.5]);
    }

    #[test]
    fn the_references_own_form_costs_as_published_and_not_when_mended() {
        let [official, strict] = scores(REFERENCE, REFERENCE);
        assert!(official < 0.8 && strict == 1.0, "{official} {strict}");
    }

    #[test]
    fn a_single_character_at_the_end_is_lost_as_published() {
        assert_eq!(scores("受害人:甲", "受害人:甲"), [0.0, 1.0]);
        assert_eq!(scores("受害人:甲\n", "受害人:甲"), [1.0, 1.0]);
    }

    #[test]
    fn a_reference_without_entities_wants_none() {
        assert_eq!(scores("没有", ""), [1.0, 1.0]);
        assert_eq!(scores("受害人:甲某", ""), [0.0, 0.0]);
    }

    #[test]
    fn an_answer_without_entities_abstains_when_mended() {
        assert_eq!(judged(Rule::Entities, "不清楚", REFERENCE, Mode::Official), Verdict::answered(0.0));
        assert_eq!(judged(Rule::Entities, "不清楚", REFERENCE, Mode::Strict), Verdict::abstained());
    }

    #[test]
    fn a_reference_without_a_colon_is_refused() {
        let answer = Answer { prediction: String::new(), reference: "受害人".into() };
        assert!(judge(&answer, Mode::Official).is_err());
    }
}
