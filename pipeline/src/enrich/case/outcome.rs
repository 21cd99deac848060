//! Defines what the operative part of a court document decides, and the amounts it orders to be paid.

use corpus_format::legal::{DocumentType, Instance, Outcome};

use crate::enrich::amount;

pattern!(AMOUNT, &format!(r"(?P<amount>{})\s*元", amount::DIGITS));

/// What decides the outcome besides the text.
pub struct Decided {
    /// Type of the document.
    pub document_type: DocumentType,
    /// Instance of the case.
    pub instance: Option<Instance>,
    /// Whether it is a criminal case.
    pub is_criminal: bool,
}

/// The outcome of an operative part.
pub fn outcome(disposition: &str, decided: &Decided) -> Option<Outcome> {
    let text: String = disposition.chars().filter(|c| !c.is_whitespace()).collect();
    if text.chars().count() < 4 {
        return None;
    }
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if decided.document_type == DocumentType::MediationStatement {
        return Some(Outcome::Mediated);
    }
    let of_both = [
        (has(&["撤销"]) && has(&["发回", "重新审判", "重新审理"]), Outcome::Remanded),
        (has(&["再审申请", "申诉"]) && has(&["驳回"]), Outcome::RetrialDenied),
        (has(&["指令", "提审", "由本院再审", "另行组成合议庭再审"]), Outcome::RetrialOrdered),
        (
            has(&["准许", "准予", "按自动撤", "按撤", "撤回上诉处理", "撤诉处理"]) && has(&["撤回", "撤诉"]),
            Outcome::WithdrawalGranted,
        ),
        (has(&["终结"]) && has(&["执行"]) && !has(&["督促程序"]), Outcome::EnforcementEnded),
        (
            has(&["移送", "指定管辖", "指定由", "管辖权异议", "有管辖权"]) && !has(&["驳回上诉", "维持"]),
            Outcome::Jurisdiction,
        ),
        (
            has(&["驳回上诉", "驳回抗诉", "维持原判", "维持原裁定", "维持原审", "驳回复议"]) && !has(&["撤销", "变更"]),
            Outcome::Affirmed,
        ),
    ];
    if let Some((_, outcome)) = of_both.into_iter().find(|(holds, _)| *holds) {
        return Some(outcome);
    }
    let is_later = matches!(decided.instance, Some(Instance::Second | Instance::Retrial));
    if is_later && has(&["撤销", "变更"]) {
        return Some(Outcome::Changed);
    }
    Some(if decided.is_criminal { criminal(&text) } else { civil(&text, decided) })
}

fn criminal(text: &str) -> Outcome {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["核准", "同意"]) {
        Outcome::Approved
    } else if has(&["减刑", "减去", "假释", "减为"]) {
        Outcome::Commuted
    } else if has(&["犯"]) && has(&["判处", "免予刑事处罚", "免于刑事处罚", "决定执行", "单处"]) {
        Outcome::Convicted
    } else if has(&["无罪"]) {
        Outcome::Acquitted
    } else {
        Outcome::Other
    }
}

fn civil(text: &str, decided: &Decided) -> Outcome {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["驳回起诉", "驳回原告的起诉", "的起诉。", "不予受理", "不予立案"])
        && has(&["起诉", "不予"])
        && !has(&["诉讼请求"])
    {
        return Outcome::ActionDismissed;
    }
    if decided.document_type != DocumentType::Judgment {
        return Outcome::Other;
    }
    // Claims are dismissed where no statement does anything else.
    let mut statements = text.split(['；', '。']).filter(|s| s.chars().count() > 4);
    if statements.clone().next().is_some() && statements.all(|s| s.contains("驳回")) {
        Outcome::ClaimDismissed
    } else {
        Outcome::ClaimGranted
    }
}

/// The amounts that an operative part orders to be paid, fines and costs aside, in yuan and in its order.
pub fn amounts(disposition: &str) -> Vec<f64> {
    let is_order = |before: &str| {
        let statement = before.rsplit(['；', '。', '\n']).next().unwrap_or(before);
        ["支付", "偿还", "赔偿", "返还", "给付", "归还", "退赔", "承担", "清偿", "补偿", "偿付"]
            .iter()
            .any(|word| statement.contains(word))
            && !["驳回", "罚金", "受理费", "诉讼费", "保全费", "撤销"].iter().any(|word| statement.contains(word))
    };
    let found = AMOUNT.captures_iter(disposition).filter_map(|c| {
        let at = c.get(0)?.start();
        is_order(&disposition[..at]).then(|| amount::yuan(&c["amount"])).flatten()
    });
    found.filter(|yuan| *yuan > 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes() {
        use DocumentType::{Judgment, Ruling};
        let first = Some(Instance::First);
        let second = Some(Instance::Second);
        let cases = [
            ("被告人张某犯盗窃罪，判处拘役一个月。", true, Judgment, first, Outcome::Convicted),
            ("被告人张某无罪。", true, Judgment, first, Outcome::Acquitted),
            ("核准某法院以故意杀人罪判处被告人张某死刑的刑事裁定。", true, Ruling, None, Outcome::Approved),
            ("将罪犯张某的刑罚减去有期徒刑六个月。", true, Ruling, None, Outcome::Commuted),
            ("驳回上诉，维持原判。", false, Judgment, second, Outcome::Affirmed),
            ("一、撤销某判决；二、张某赔偿李某一元。", false, Judgment, second, Outcome::Changed),
            ("撤销某判决，发回某法院重审。", false, Ruling, second, Outcome::Remanded),
            ("驳回某公司的再审申请。", false, Ruling, Some(Instance::Retrial), Outcome::RetrialDenied),
            ("一、指令某法院再审本案；", false, Ruling, Some(Instance::Retrial), Outcome::RetrialOrdered),
            ("准许原告张某撤回起诉。", false, Ruling, first, Outcome::WithdrawalGranted),
            ("终结本次执行程序。", false, Ruling, None, Outcome::EnforcementEnded),
            (
                "被告张某于本判决生效后十日内支付原告货款1元。驳回其他诉讼请求。",
                false,
                Judgment,
                first,
                Outcome::ClaimGranted,
            ),
            ("驳回原告张某的全部诉讼请求。", false, Judgment, first, Outcome::ClaimDismissed),
            ("驳回原告张某的起诉。", false, Ruling, first, Outcome::ActionDismissed),
            ("查封被申请人张某的住宅。", false, Ruling, None, Outcome::Other),
        ];
        for (text, is_criminal, document_type, instance, expected) in cases {
            let decided = Decided { document_type, instance, is_criminal };
            assert_eq!(outcome(text, &decided), Some(expected), "{text}");
        }
    }

    #[test]
    fn amounts_of_orders_only() {
        let text = "一、被告于十日内偿还借款本金3.5万元及利息28,895.10元；二、罚金一千元；三、驳回要求赔偿500元的请求。案件受理费50元";
        assert_eq!(amounts(text), [35_000.0, 28_895.1]);
    }
}
