//! Defines the bare facts: those of a case without the sentences from which charge, articles or term could be read.
//!
//! Before the court reasons, the prosecution has named the charge, cited the law and asked for a term. A sentence that
//! does so is cut whole; one about an earlier conviction stays, unless it names a charge of this case.

// A charge that is claimed or found: 其行为构成盗窃罪, 应当以盗窃罪追究, 涉嫌盗窃罪; not 犯罪, 认罪, 罪名 and 罪行.
pattern!(
    CLAIM,
    r"(?:构成|触犯|涉嫌|犯有|犯|以|为)[^。；，：\n犯罪《》]{1,28}[^。；，：\n犯罪认有无服悔谢赎重轻数同定]罪(?:[^名行犯责过]|$)"
);
pattern!(
    ARTICLE,
    r"(?:》|法|条例|解释|规定)(?:[（(][^（）()\n]{0,20}[）)])?(?:的|之)?\s*第\s*[0-9〇零一二两三四五六七八九十百千]+\s*条"
);
pattern!(
    TERM,
    r"量刑|(?:建议|提请|请求)[^。；\n]{0,40}(?:判处|刑|处罚)|(?:从轻|从重|减轻|从宽)(?:、(?:从轻|减轻))?处罚"
);
pattern!(EARLIER, r"曾因|前科|刑满释放|劣迹|刑罚执行完毕|假释");

/// Characters of a charge from which it is no everyday word: 盗窃 is, 非法吸收公众存款 is not.
const LEGAL_NAME_CHARS: usize = 5;

/// The facts without the sentences that name one of `charges` or claim another, cite an article or speak of the
/// penalty; `None` where that is more than half of them.
pub fn bare(facts: &str, charges: &[&str]) -> Option<String> {
    let names: Vec<&str> = charges.iter().map(|charge| named(charge)).collect();
    let mut kept = String::with_capacity(facts.len());
    for sentence in facts.split_inclusive(['。', '；', '\n']) {
        if !tells(sentence, charges, &names) {
            kept.push_str(sentence);
        }
    }
    (kept.len() * 2 >= facts.len()).then(|| kept.trim().to_owned())
}

/// What a text names a charge by: its name, without 罪 where nobody speaks so outside of courts.
fn named(charge: &str) -> &str {
    let bare = charge.trim_end_matches('罪');
    if bare.chars().count() >= LEGAL_NAME_CHARS { bare } else { charge }
}

fn tells(sentence: &str, charges: &[&str], names: &[&str]) -> bool {
    if names.iter().any(|name| sentence.contains(name)) || ARTICLE.is_match(sentence) {
        return true;
    }
    // Without its charges a case might repeat an earlier one.
    let is_earlier = !charges.is_empty() && EARLIER.is_match(sentence);
    !is_earlier && (CLAIM.is_match(sentence) || TERM.is_match(sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_the_answer_away_is_cut_and_the_facts_stay() {
        let facts = "公诉机关指控，2017年3月1日，被告人张某在超市盗窃手机一部，价值2000元。被告人张某曾因犯抢夺罪被判处有期徒刑一年，\
                     2016年刑满释放。公诉机关认为，其行为已触犯《中华人民共和国刑法》第二百六十四条。应当以盗窃罪追究其刑事责任。\
                     建议判处有期徒刑六个月。被告人张某对指控的犯罪事实无异议，自愿认罪。";
        let bare = bare(facts, &["盗窃罪"]).expect("more than half");
        for cut in ["盗窃罪", "第二百六十四条", "建议"] {
            assert!(!bare.contains(cut), "{cut}: {bare}");
        }
        for kept in ["盗窃手机一部", "抢夺罪", "自愿认罪"] {
            assert!(bare.contains(kept), "{kept}: {bare}");
        }
    }

    #[test]
    fn a_name_that_only_courts_use_is_cut_without_its_last_character() {
        let facts =
            "张某租用厂房。经查，张某非法吸收公众存款一千万元。款项用于购房，至今没有归还，多名集资参与人报案。";
        let bare = bare(facts, &["非法吸收公众存款罪"]).expect("more than half");
        assert!(!bare.contains("非法吸收") && bare.contains("租用厂房"));
    }

    #[test]
    fn facts_that_are_mostly_the_charge_are_no_facts() {
        assert_eq!(bare("张某被抓获。检察院认为应当以危险驾驶罪追究刑事责任。", &[]), None);
    }
}
