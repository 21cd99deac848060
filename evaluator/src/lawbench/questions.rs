//! Finds the questions in prompts: what is left of them without the instruction and what a model's template adds.

use std::collections::HashSet;

/// The question of each prompt of a task.
///
/// A template and an instruction are the same in every prompt: the lines that all have, and what all end with from a
/// break or a mark of ASCII on, are no part of a question. Of a prompt of which nothing is left, or of a single one,
/// all of it is the question.
pub fn questions(prompts: &[&str]) -> Vec<String> {
    let Some((first, others)) = prompts.split_first().filter(|(_, others)| !others.is_empty()) else {
        return prompts.iter().map(|prompt| (*prompt).to_owned()).collect();
    };
    let ending = others.iter().fold(*first, |ending, prompt| common_ending(ending, prompt));
    // Questions may end in the same words; no template ends in the middle of words.
    let ending = ending.find(|c: char| c.is_whitespace() || c.is_ascii_punctuation()).map_or("", |at| &ending[at..]);
    let body = |prompt: &str| prompt.strip_suffix(ending).unwrap_or(prompt).to_owned();
    let mut shared: HashSet<String> = body(first).lines().map(str::to_owned).collect();
    for prompt in others {
        let body = body(prompt);
        let lines: HashSet<&str> = body.lines().collect();
        shared.retain(|line| lines.contains(line.as_str()));
    }
    let question = |prompt: &&str| {
        let body = body(prompt);
        let lines: Vec<&str> = body.lines().filter(|line| !shared.contains(*line)).collect();
        let question = lines.join("\n");
        if question.trim().is_empty() { (*prompt).to_owned() } else { question }
    };
    prompts.iter().map(question).collect()
}

fn common_ending<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b);
    let bytes: usize = same.map(|(a, _)| a.len_utf8()).sum();
    &a[a.len() - bytes..]
}

#[cfg(test)]
mod tests {
    use super::questions;

    #[test]
    fn instruction_and_template_are_no_part_of_a_question() {
        let prompts = |before: &str, after: &str| {
            ["事实:甲偷车。\n罪名:盗窃", "事实:乙伤人。\r\n\n其后自首。\n罪名:故意伤害"]
                .map(|question| format!("{before}预测刑期。\n{question}{after}"))
        };
        for (before, after) in
            [("", ""), ("Human:\n", "\nAssistant:"), ("[INST] ", " [/INST]"), ("例子:\n乙\n", "\n\n")]
        {
            let prompts = prompts(before, after);
            let found = questions(&[&prompts[0], &prompts[1]]);
            assert_eq!(found, ["事实:甲偷车。\n罪名:盗窃", "事实:乙伤人。\n\n其后自首。\n罪名:故意伤害"], "{before}");
        }
    }

    #[test]
    fn words_that_questions_end_in_are_theirs() {
        let prompts = ["法条:\n刑法第一条的内容是什么？</s>", "法条:\n民法典第二条的内容是什么？</s>"];
        assert_eq!(questions(&prompts), ["刑法第一条的内容是什么？", "民法典第二条的内容是什么？"]);
    }

    #[test]
    fn prompts_that_are_all_alike_are_questions() {
        assert_eq!(questions(&["甲\n乙", "甲\n乙"]), ["甲\n乙", "甲\n乙"]);
        assert_eq!(questions(&["甲"]), ["甲"]);
        assert!(questions(&[]).is_empty());
    }
}
