//! Defines the closed lists of labels, and finds labels in an answer.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// A list of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelList {
    /// What parties dispute (2-2).
    DisputeFocus,
    /// What is decided when spouses part (2-3).
    MaritalDispute,
    /// What a question to a lawyer is about (2-4).
    IssueTopic,
    /// What happens in a sentence (2-9).
    Event,
    /// Criminal charges (3-3).
    Charge,
}

const DISPUTE_FOCUS: &str = "诉讼主体 租金情况 利息 本金争议 责任认定 责任划分 损失认定及处理 原审判决是否适当 \
    合同效力 财产分割 责任承担 鉴定结论采信问题 诉讼时效 违约 合同解除 肇事逃逸";

const MARITAL_DISPUTE: &str = "婚后有子女 限制行为能力子女抚养 有夫妻共同财产 支付抚养费 不动产分割 婚后分局 \
    二次起诉离婚 按月给付抚养费 准予离婚 有夫妻共同债务 婚前个人财产 法定离婚 不履行家庭义务 存在非婚生子 适当帮助 \
    不履行离婚协议 损害赔偿 感情不和分居满二年 子女随非抚养权人生活 婚后个人财产";

const ISSUE_TOPIC: &str = "婚姻家庭 劳动纠纷 交通事故 债权债务 刑事辩护 合同纠纷 房产纠纷 侵权 公司法 医疗纠纷 \
    拆迁安置 行政诉讼 建设工程 知识产权 综合咨询 人身损害 涉外法律 海事海商 消费权益 抵押担保";

const EVENT: &str = "支付/给付 欺骗 搜查/扣押 要求/请求 卖出 买入 获利 拘捕 鉴定 同意/接受 供述 联络 帮助/救助 \
    租用/借用 受伤 伪造 卖淫 伤害人身 赔偿 归还/偿还";

/// The 189 charges that the published scores know, a line each.
const CHARGES: &str = include_str!("charges.txt");

/// The 13 charges of references that are not among them.
const CHARGES_BEYOND: &str = include_str!("charges_beyond.txt");

impl LabelList {
    /// The labels that the published scores know.
    pub fn known(self) -> &'static Labels {
        static LISTS: LazyLock<[Labels; 5]> = LazyLock::new(|| {
            [DISPUTE_FOCUS, MARITAL_DISPUTE, ISSUE_TOPIC, EVENT, CHARGES]
                .map(|list| Labels::of(list.split_whitespace()))
        });
        &LISTS[self as usize]
    }

    /// All labels that a reference can have.
    pub fn all(self) -> &'static Labels {
        static CHARGES_ALL: LazyLock<Labels> =
            LazyLock::new(|| Labels::of(CHARGES.split_whitespace().chain(CHARGES_BEYOND.split_whitespace())));
        if self == Self::Charge { &CHARGES_ALL } else { self.known() }
    }
}

/// Labels that can be found in text.
pub struct Labels {
    names: Vec<&'static str>,
    automaton: AhoCorasick,
}

impl Labels {
    fn of(names: impl Iterator<Item = &'static str>) -> Self {
        let names: Vec<&str> = names.collect();
        let automaton = AhoCorasick::new(&names).expect("a short list of labels");
        Self { names, automaton }
    }

    /// Every label that occurs in `text`, also inside another one.
    pub fn occurring(&self, text: &str) -> Vec<&'static str> {
        let found = self.automaton.find_overlapping_iter(text).map(|found| self.names[found.pattern()]);
        distinct(found.collect())
    }

    /// Every label that occurs in `text` outside a longer one.
    pub fn longest(&self, text: &str) -> Vec<&'static str> {
        let mut spans: Vec<(usize, usize, &str)> = self
            .automaton
            .find_overlapping_iter(text)
            .map(|found| (found.start(), found.end(), self.names[found.pattern()]))
            .collect();
        // From left to right, the longer first: what ends no later than one before it lies inside that one.
        spans.sort_unstable_by_key(|&(start, end, _)| (start, std::cmp::Reverse(end)));
        let mut reach = 0;
        spans.retain(|&(_, end, _)| {
            let is_outside = end > reach;
            reach = reach.max(end);
            is_outside
        });
        distinct(spans.into_iter().map(|(_, _, name)| name).collect())
    }
}

fn distinct(mut names: Vec<&'static str>) -> Vec<&'static str> {
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_as_long_as_published_and_have_no_label_twice() {
        let lists = [
            (LabelList::DisputeFocus, 16, 16),
            (LabelList::MaritalDispute, 20, 20),
            (LabelList::IssueTopic, 20, 20),
            (LabelList::Event, 20, 20),
            (LabelList::Charge, 189, 202),
        ];
        for (list, known, all) in lists {
            for (labels, count) in [(list.known(), known), (list.all(), all)] {
                assert_eq!(labels.names.len(), count, "{list:?}");
                assert_eq!(distinct(labels.names.clone()).len(), count, "{list:?}");
            }
        }
    }

    #[test]
    fn a_label_inside_a_longer_one_occurs_and_is_not_meant() {
        let charges = LabelList::Charge.known();
        assert_eq!(charges.occurring("罪名:合同诈骗"), ["合同诈骗", "诈骗"]);
        assert_eq!(charges.longest("罪名:合同诈骗"), ["合同诈骗"]);
        assert_eq!(charges.longest("合同诈骗;诈骗;诈骗"), ["合同诈骗", "诈骗"]);
        assert!(charges.longest("无罪").is_empty());
    }

    #[test]
    fn a_charge_beyond_the_published_list_is_found_in_the_whole_list_alone() {
        assert!(LabelList::Charge.known().occurring("爆炸").is_empty());
        assert_eq!(LabelList::Charge.all().longest("爆炸"), ["爆炸"]);
    }
}
