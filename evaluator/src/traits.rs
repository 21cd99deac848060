//! Reads from an item's own text what it is about: its case, length, charges, cause, year and court.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::{
    lawbench::{LabelList, Rule, Task},
    normal::letters,
};

/// What the text of an item says about it; what it does not say is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traits {
    /// Hash of the facts: items on the same facts have the same, whatever they ask about them.
    pub case: Option<String>,
    /// Characters of the question, the instruction left out.
    pub num_chars: Option<u32>,
    /// Charges: the reference of 3-3, or those that the question names, in order.
    pub charges: Vec<String>,
    /// The cause of action, or the reference of 2-4.
    pub cause: Option<String>,
    /// The first year of the calendar.
    pub year: Option<u16>,
    /// The level of the first court.
    pub court_level: Option<&'static str>,
}

impl Traits {
    /// Read them from the question and the reference of an item of a task.
    pub fn read(task: &Task, question: Option<&str>, reference: &str) -> Self {
        let text = question.unwrap_or_default();
        Self {
            case: question.map(facts).filter(|facts| letters(facts).next().is_some()).map(fingerprint),
            num_chars: question.map(|question| u32::try_from(question.chars().count()).unwrap_or(u32::MAX)),
            charges: charges(task, text, reference),
            cause: cause(task, text, reference),
            year: year(text),
            court_level: court_level(text),
        }
    }
}

/// A short hash of the letters and digits of a text.
pub fn fingerprint(text: &str) -> String {
    let letters: String = letters(text).collect();
    Sha256::digest(letters.as_bytes()).iter().take(8).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The facts of a question about a crime stand between 事实 and what else is given; another question is all facts.
fn facts(question: &str) -> &str {
    pattern!(START, r"(?m)^\s*(?:案件)?事实[:：]");
    pattern!(END, r"罪名[:：]|(?m:^)\s*(?:法条|法条内容|相关法条|刑法第\S{1,20}条)[:：]");
    let start = START.find(question).map_or(0, |found| found.end());
    let facts = &question[start..];
    END.find(facts).map_or(facts, |found| &facts[..found.start()])
}

fn charges(task: &Task, question: &str, reference: &str) -> Vec<String> {
    pattern!(NAMED, r"(?m)罪名[:：](.*?)(?:。|$)");
    let list = if task.rule == Rule::Labels(LabelList::Charge) {
        reference.strip_prefix("罪名:")
    } else {
        NAMED.captures_iter(question).last().and_then(|found| found.get(1)).map(|charges| charges.as_str())
    };
    let charges = list.into_iter().flat_map(|list| list.split([';', '；'])).map(str::trim);
    charges.filter(|charge| !charge.is_empty()).map(str::to_owned).collect()
}

fn cause(task: &Task, question: &str, reference: &str) -> Option<String> {
    pattern!(STATED, r"案由[:：]\s*(\p{Han}{2,30})");
    // Names of parties may stand right before a cause, so that only known ones have a beginning.
    pattern!(
        DISPUTE,
        r"((?:民间借贷|借款合同|金融借款合同|买卖合同|商品房买卖合同|房屋租赁合同|租赁合同|承揽合同|服务合同|劳务合同|物业服务合同|建设工程施工合同|建设工程合同|保险合同|劳动合同|合同|离婚|继承|抚养|机动车交通事故责任|侵权责任|生命权、健康权、身体权|医疗损害责任|不当得利|股权转让|排除妨害|名誉权|著作权权属、侵权)纠纷|劳动争议)一案"
    );
    if task.rule == Rule::Label(LabelList::IssueTopic) {
        return Some(reference.to_owned());
    }
    let found = STATED.captures(question).or_else(|| DISPUTE.captures(question))?;
    found.get(1).map(|cause| cause.as_str().to_owned())
}

fn year(text: &str) -> Option<u16> {
    pattern!(YEAR, r"(?:^|\D)((?:19|20)\d\d)年");
    YEAR.captures(text)?.get(1)?.as_str().parse().ok()
}

fn court_level(text: &str) -> Option<&'static str> {
    pattern!(COURT, r"(最高|高级|中级)?人民法院");
    let level = COURT.captures(text)?.get(1).map_or("", |level| level.as_str());
    Some(match level {
        "最高" => "supreme",
        "高级" => "high",
        "中级" => "intermediate",
        _ => "basic",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lawbench::task;

    fn read(id: &str, question: &str, reference: &str) -> Traits {
        Traits::read(task(id).unwrap().1, Some(question), reference)
    }

    #[test]
    fn items_on_the_same_facts_are_of_one_case() {
        let charge = read("3-3", "事实:2016年5月，甲偷车。\r\n", "罪名:盗窃");
        let term = read("3-4", "事实:２０１６年5月,甲偷车罪名:盗窃。法条:刑法第264条", "刑期:6个月");
        let article = read("3-5", "事实:2016年5月，甲偷车。\n罪名:盗窃\n法条:盗窃公私财物的", "刑期:6个月");
        assert_eq!(charge.case, term.case);
        assert_eq!(charge.case, article.case);
        assert_ne!(charge.case, read("3-3", "事实:2016年6月，甲偷车。", "罪名:盗窃").case);
        assert_eq!(charge.case.as_ref().map(String::len), Some(16));
        let unasked = Traits::read(task("3-3").unwrap().1, None, "罪名:盗窃");
        assert_eq!((unasked.case, unasked.num_chars), (None, None));
        assert_eq!(read("1-2", "。。", "正确答案：B。").case, None);
    }

    #[test]
    fn charges_are_those_of_the_reference_or_of_the_question() {
        assert_eq!(read("3-3", "事实:甲偷车。", "罪名:盗窃;诈骗").charges, ["盗窃", "诈骗"]);
        assert_eq!(read("3-4", "事实:甲。\n罪名:故意伤害。法条:刑法第234条", "刑期:6个月").charges, ["故意伤害"]);
        assert!(read("1-2", "下列关于罪名的说法", "正确答案：B。").charges.is_empty());
    }

    #[test]
    fn cause_year_and_court_are_read_where_they_are_stated() {
        let civil = read("3-8", "原告甲与被告乙民间借贷纠纷一案，某市中级人民法院于2018年受理", "可以。");
        assert_eq!(civil.cause.as_deref(), Some("民间借贷纠纷"));
        assert_eq!((civil.year, civil.court_level), (Some(2018), Some("intermediate")));
        assert_eq!(read("2-4", "请问离婚怎么办", "婚姻家庭").cause.as_deref(), Some("婚姻家庭"));
        assert_eq!(read("3-6", "案由：买卖合同纠纷。", "正确答案:C。").cause.as_deref(), Some("买卖合同纠纷"));
        assert_eq!(read("3-6", "最高人民法院的解释", "正确答案:C。").court_level, Some("supreme"));
        assert_eq!(read("3-6", "甲向人民法院起诉，赔12000年", "正确答案:C。").court_level, Some("basic"));
        assert_eq!(read("3-6", "12016年", "正确答案:C。").year, None);
    }
}
