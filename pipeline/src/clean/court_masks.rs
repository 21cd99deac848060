//! Defines how the masks that courts set are written alike: 王×× and 王XX are 王某某, and ** and XXX in an address are ×.

use std::borrow::Cow;

use regex::Captures;

use super::{Rule, RuleCounts, layout::is_han, names};

// A run of signs that stand for characters.
pattern!(RUN, r"[*＊×✕╳□△]+|[XＸxｘ]{1,12}");

/// What follows a mask in the name of a place or a body.
const PLACES: &str = "村镇乡路街道号市县区州省栋幢室组小社公厂店院校酒饭中银单屯庄旗桥";

/// Write the masks of a cleaned court document alike.
pub fn unify<'a>(text: &'a str, counts: &mut RuleCounts) -> Cow<'a, str> {
    RUN.replace_all(text, |found: &Captures<'_>| {
        let run = &found[0];
        let range = found.get(0).map_or(0..0, |m| m.range());
        let (before, after) = (&text[..range.start], &text[range.end..]);
        let unified = unified(run, before, after);
        if unified != run {
            counts.hit(Rule::CourtMask);
        }
        unified
    })
}

fn unified(run: &str, before: &str, after: &str) -> String {
    let length = run.chars().count();
    let (left, right) = (before.chars().next_back(), after.chars().next());
    let is_beside_han = left.is_some_and(is_han) || right.is_some_and(is_han);
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    // 3×4 and xxx.com are no masks, and one letter alone is one only after a surname.
    let is_letters = run.starts_with(['X', 'x', 'Ｘ', 'ｘ']);
    if !is_beside_han || is_word(left) || is_word(right) || right == Some('.') {
        return run.to_owned();
    }
    let ends_name = right.is_none_or(|c| !PLACES.contains(c));
    let is_name = length <= 2 && ends_name && left.is_some_and(names::is_surname) && names::is_introduced(before);
    if is_name {
        "某".repeat(length)
    } else if is_letters && length == 1 {
        run.to_owned()
    } else {
        "×".repeat(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_written_alike_and_other_signs_stay() {
        let cases = [
            ("被告人王××，男，住某县**村XXX号。", "被告人王某某，男，住某县××村×××号。"),
            ("被害人李X、张＊的陈述，在李××家中", "被害人李某、张某的陈述，在李某某家中"),
            ("面积3×4米，X光片，www.xxx.com，xxx酒店，2*3", "面积3×4米，X光片，www.xxx.com，×××酒店，2*3"),
            ("江×村、粤H×××××号", "江×村、粤H×××××号"),
        ];
        for (text, expected) in cases {
            assert_eq!(unify(text, &mut RuleCounts::default()), expected);
        }
    }
}
