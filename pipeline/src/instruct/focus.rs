//! Defines the dispute focus (争议焦点) that a court states: 本案的争议焦点为：一、…；二、….

use corpus_format::numeral;

// The statement ends where its list begins; who names the focus stands before it.
pattern!(
    STATED,
    r"(?:本案|双方|当事人|各方|归纳|总结|本院认为)[^。；\n]{0,30}?(?:争议|争执)的?(?:主要)?焦点(?:问题)?(?:[^。，；：:\n]{0,12}?(?:为|是|有|在于|包括|如下)(?:[^。：:，；\n]{0,6}[：:])?|[：:])"
);
pattern!(
    NUMBERED,
    r"^\s*(?:第?[（(]?([0-9]{1,2}|[一二三四五六七八九十]{1,2})[）)]?\s*(?:[、.．，：:]|是)|[（(]([0-9]{1,2}|[一二三四五六七八九十]{1,2})[）)])"
);
// What one of the parties or another court takes for the focus.
pattern!(OTHERS, r"一审|原审|二审法院|仲裁|诉称|辩称|上诉称");

/// What a focus asks with; a sentence without any of them states what the court thinks of it.
const ASKS: [&str; 10] = ["是否", "应否", "能否", "可否", "与否", "有无", "谁", "何", "多少", "问题"];
/// Characters of a focus that says something, and of the longest that is still a statement.
const CHARS: std::ops::RangeInclusive<usize> = 8..=400;

/// A focus, and the byte where the sentence that states it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Focus<'a> {
    /// What is disputed, as the court lists it.
    pub text: &'a str,
    /// Where the sentence begins.
    pub start: usize,
}

/// The first focus that the court states in `text`.
pub fn focus(text: &str) -> Option<Focus<'_>> {
    STATED.find_iter(text).find_map(|stated| {
        let start = text[..stated.start()]
            .rfind(['。', '；', '\n'])
            .map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
        if OTHERS.is_match(&text[start..stated.end()]) {
            return None;
        }
        let rest = &text[stated.end()..];
        let list = rest[..length(rest)].trim_matches(['，', '：', ' ', '\n']).trim_end_matches('。');
        let is_question = ASKS.iter().any(|word| list.contains(word));
        (is_question && CHARS.contains(&list.chars().count())).then_some(Focus { text: list, start })
    })
}

/// Bytes of the list: one sentence, or as many as go on with its numbers.
fn length(text: &str) -> usize {
    let mut end = 0;
    let mut next = 1;
    for sentence in text.split_inclusive(['。', '；', '\n']) {
        let number = NUMBERED.captures(sentence).and_then(|n| numeral::parse(n.get(1).or(n.get(2))?.as_str()));
        let ended = text[..end].ends_with(['。', '\n']) && end > 1;
        if ended && number != Some(next) {
            break;
        }
        next = number.map_or(next, |n| n + 1);
        end += sentence.len();
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        focus(text).map(|focus| focus.text)
    }

    #[test]
    fn a_focus_is_one_sentence_or_a_numbered_list() {
        let cases = [
            ("本院认为，本案的争议焦点是：被告应否偿还借款本金及利息。关于本金，…", "被告应否偿还借款本金及利息"),
            (
                "综合双方意见，本案争议焦点为：一、合同是否有效；二、违约金是否过高。关于焦点一，…",
                "一、合同是否有效；二、违约金是否过高",
            ),
            (
                "本案的争议焦点为：1.涉案合同的效力。2.已付款项应否返还。一、关于合同的效力，本院认为",
                "1.涉案合同的效力。2.已付款项应否返还",
            ),
            ("双方当事人争议的焦点在于原告的损失由谁承担。", "原告的损失由谁承担"),
            ("本案双方争议的焦点归纳如下：1、甲应否还款；2、乙应否担保。甲称", "1、甲应否还款；2、乙应否担保"),
        ];
        for (text, expected) in cases {
            assert_eq!(found(text).unwrap_or_default(), expected, "{text}");
        }
    }

    #[test]
    fn what_another_court_or_a_party_says_is_not_the_courts_focus() {
        assert_eq!(found("一审法院认为，本案的争议焦点是：被告应否偿还借款本金。"), None);
        assert_eq!(found("本案争议焦点是工程款，不属于有重大影响的案件。"), None);
        assert_eq!(found("被告围绕本案焦点作了答辩。"), None);
    }

    #[test]
    fn the_sentence_that_states_it_is_told_from_what_stands_before() {
        let text = "经审理查明，双方签订合同。本案争议焦点为：被告应否承担违约责任。";
        assert_eq!(focus(text).map(|focus| &text[..focus.start]), Some("经审理查明，双方签订合同。"));
    }
}
