//! Tests of the steps together, on sentences made up here.

use super::*;
use crate::lawbench::Answer;

fn proofreader(max_alignments: u64) -> Proofreader {
    let tables = tables::tests::tables("Aa01A01= 甲 乙\nBa01A01= 车\n", "诉 述\n").unwrap();
    Proofreader { tables, max_alignments }
}

fn told(source: &str, prediction: &str, reference: &str) -> Told {
    let answer = Answer { prediction: prediction.into(), reference: reference.into() };
    Told { answer, prompt: Some(format!("改正。句子：\n{source}")), outcome: None }
}

fn judged(told: &[Told], mode: Mode) -> Proofread {
    proofreader(1000).judge(Path::new("2-1.json"), told, mode).unwrap()
}

fn counts(source: &str, prediction: &str, reference: &str, mode: Mode) -> (u64, u64, u64) {
    let all = judged(&[told(source, prediction, reference)], mode).counts;
    (all[0].true_positives, all[0].false_positives, all[0].false_negatives)
}

#[test]
fn edits_of_both_are_true_and_others_false() {
    for mode in [Mode::Official, Mode::Strict] {
        let counts = |prediction| counts("上诉证据确时。", prediction, "上述证据确实。", mode);
        assert_eq!(counts("上述证据确实。"), (2, 0, 0));
        assert_eq!(counts("上述证据确凿。"), (1, 1, 1));
        assert_eq!(counts("上诉证据确时。"), (0, 0, 2));
        assert_eq!(counts("没有错误"), (0, 0, 2));
        assert_eq!(counts("上述\n证 据确實。"), (2, 0, 0));
    }
}

#[test]
fn edits_count_once_for_each_way_to_align_as_published_and_once_when_mended() {
    // Either 走 is put in and 的 in the place of 他, or 走 in the place of 他 and 的 put in; 车 is changed either way.
    let counts = |prediction, mode| counts("他他，车", prediction, "走他的，船", mode);
    assert_eq!(counts("走他的，船", Mode::Official), (6, 0, 0));
    assert_eq!(counts("他他，车", Mode::Official), (0, 0, 6));
    // 船 is found once, and counts as often as the reference has it; 走 is one edit of two ways.
    assert_eq!(counts("他他，船", Mode::Official), (2, 0, 4));
    assert_eq!(counts("走他他，船", Mode::Official), (3, 0, 3));
    assert_eq!(counts("走他的，船", Mode::Strict), (3, 0, 0));
    assert_eq!(counts("他他，车", Mode::Strict), (0, 0, 3));
}

#[test]
fn what_outgrows_the_reference_is_not_judged() {
    let long = format!("甲偷车。{}", "谢".repeat(20));
    for mode in [Mode::Official, Mode::Strict] {
        assert_eq!(counts("甲偷车", &long, "甲偷车。", mode), counts("甲偷车", "甲偷车。谢谢谢谢谢", "甲偷车。", mode));
    }
}

#[test]
fn blank_answers_are_wrong_as_published_and_abstain_when_mended() {
    let file = [told("甲偷车", "", "乙偷车"), told("甲偷车", "乙偷车", "乙偷车")];
    let (official, strict) = (judged(&file, Mode::Official), judged(&file, Mode::Strict));
    assert!(official.counts[0].false_positives > 0);
    assert_eq!(strict.counts[0], Counts { true_positives: 0, false_positives: 0, false_negatives: 1 });
    assert_eq!((official.abstention(), strict.abstention()), (Some(0.0), Some(0.5)));
    // Precision 1, recall 1/2.
    assert!((strict.score(Mode::Strict) - 1.25 * 0.5 / 0.75).abs() < 1e-12);
    assert_eq!(strict.score(Mode::Official), 0.8333);
}

#[test]
fn a_traditional_source_is_an_error_as_published_and_none_when_mended() {
    assert_eq!(counts("甲偷車", "甲偷車", "甲偷车", Mode::Official), (1, 0, 0));
    assert_eq!(counts("甲偷車", "甲偷車", "甲偷车", Mode::Strict), (0, 0, 0));
}

#[test]
fn answers_with_too_many_alignments_are_told_of() {
    let file = [told("他他", "走他的", "他他")];
    let bounded = |max, mode| proofreader(max).judge(Path::new("2-1.json"), &file, mode).unwrap();
    assert_eq!(bounded(2, Mode::Official).over_bound, 0);
    let over = bounded(1, Mode::Official);
    assert_eq!(over.over_bound, 1);
    assert_eq!(over.counts, judged(&[told("他他", "无", "他他")], Mode::Official).counts);
    assert_eq!(bounded(1, Mode::Strict).over_bound, 0);
}

#[test]
fn a_prompt_without_a_sentence_is_named_with_its_item() {
    let mut file = [told("甲", "甲", "甲"), told("甲", "甲", "甲")];
    file[1].prompt = None;
    let error = proofreader(1).judge(Path::new("2-1.json"), &file, Mode::Official).unwrap_err().to_string();
    assert!(error.contains("2-1.json: item 1: the prompt"), "{error}");
}

#[test]
fn samples_are_drawn_of_items() {
    let file: Vec<Told> =
        (0..40).map(|at| told("甲偷车", if at % 2 == 0 { "乙偷车" } else { "甲偷车" }, "乙偷车")).collect();
    let draws = judged(&file, Mode::Official).draw(Bootstrap { resamples: 2000, seed: 3 });
    // Half of the edits are found and none is wrong: 1.25 · 0.5 / 0.75. Recall has the error √(0.25 / 40) = 0.079.
    let center = mean(draws.iter().copied()).unwrap();
    let error = mean(draws.iter().map(|draw| (draw - center).powi(2))).unwrap().sqrt();
    // The slope of F0.5 by recall at 1/2: 1.25 · 0.25 / 0.75².
    assert!((center - 0.8333).abs() < 0.01 && (error - 0.079 * 0.5556).abs() < 0.005, "{center} {error}");
}
