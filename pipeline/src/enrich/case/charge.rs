//! Defines charges (罪名) and causes of action (案由) as a court document names them.

use super::Party;

// 犯盗窃罪、诈骗罪; not 因犯盗窃罪 nor 与某判决中对某甲犯盗窃罪, which are earlier convictions, nor 犯罪所得. After a comma a
// charge goes on with no word that could begin another statement.
pattern!(
    COMMITTED,
    concat!(
        r"(?P<before>因|因涉嫌|曾|又|与[^，。；]{0,40}判决书?中[^，。；]{0,16}?)?犯(?:有)?[“\x22]?(?P<charges>[\p{Han}、“”\x22&&[^罪]][\p{Han}、“”\x22]{1,59}?罪",
        r"(?:[、和及与]?[\p{Han}、“”\x22]{2,40}?罪|[，；][\p{Han}、&&[^犯罪被判处有于以并且其应系]]{2,20}(?:犯罪\p{Han}{1,6}?)?罪)*)"
    )
);
// Where the matter of a ruling is told: 指控被告人犯盗窃罪一案, 认定罪犯犯盗窃罪.
pattern!(ACCUSED, r"(?:指控|控诉|认定|起诉|审理|自诉人)[^。；\n]{0,200}?犯");
// What a prosecutor asks for at the end of his account: 应当以窝藏罪追究其刑事责任, 其行为已构成窝藏罪.
pattern!(DEMANDED, r"以[“\x22]?(?P<charge>[\p{Han}、]{2,24}?罪)[”\x22]?(?:定罪|追究)");
pattern!(FULFILLED, r"(?:行为|均|已经?|分别|，)构成[“\x22]?(?P<charge>(?:犯罪|[\p{Han}、&&[^罪]]){2,24}?罪)");
// The conviction in a sentence that is upheld or approved: 维持第一审以抢劫罪判处被告人死刑的裁定.
pattern!(UPHELD, r"以[“\x22]?(?P<charges>[\p{Han}、]{2,60}?罪)[”\x22]?，?(?:分别)?判处");
// The operative part of the court below, as an appeal tells it.
pattern!(BELOW, r"判决(?:如下)?[：:]");
// A form's field: 指控罪名：寻衅滋事、危险驾驶.
pattern!(FIELD, r"指控(?:的)?罪名[：:](?P<charges>[\p{Han}、]{2,60})");
pattern!(CASE, r"(?P<told>[^。；\n]{2,400}?)(?:管辖权异议|再审)?一案");

/// Words with 罪 that are no charge.
const NO_CHARGES: [&str; 14] =
    ["数罪", "漏罪", "余罪", "前罪", "后罪", "新罪", "本罪", "该罪", "此罪", "有罪", "无罪", "何罪", "原罪", "认罪"];

/// Where an appeal's account of the first trial ends.
const AFTER_VERDICT: [&str; 5] = ["宣判后", "上诉", "抗诉", "审理查明", "不服"];

/// Where a prosecutor's account ends and others speak.
const AFTER_ACCUSATION: [&str; 5] = ["辩称", "辩护", "辩解", "异议", "审理查明"];

/// Charges that begin no longer one, by which a list is told from one charge: 贪污、受贿罪, but 贩卖、运输毒品罪.
const COMPLETE: [&str; 27] = [
    "盗窃",
    "诈骗",
    "抢劫",
    "抢夺",
    "强奸",
    "绑架",
    "放火",
    "赌博",
    "贪污",
    "受贿",
    "行贿",
    "故意伤害",
    "故意杀人",
    "寻衅滋事",
    "聚众斗殴",
    "敲诈勒索",
    "非法拘禁",
    "职务侵占",
    "挪用公款",
    "挪用资金",
    "滥用职权",
    "玩忽职守",
    "交通肇事",
    "危险驾驶",
    "妨害公务",
    "开设赌场",
    "非法经营",
];

/// What is in the charges that begin with one of these or have 毒品 within: 盗窃、抢夺枪支罪, 窝藏、转移、隐瞒毒品、毒赃罪.
const ONE_CHARGE: [&str; 4] = ["抢夺枪支", "尸体", "尸骨", "毒赃"];

/// What a charge goes on after: 贩卖、运输毒品, 有毒、有害食品.
const CHARGE_GOES_ON: [&str; 14] = [
    "走私",
    "贩卖",
    "运输",
    "生产",
    "掩饰",
    "引诱",
    "容留",
    "组织",
    "领导",
    "伪造",
    "变造",
    "买卖",
    "非法持有",
    "有毒",
];

/// The charges in `text` that follow 犯, without repeats; earlier convictions aside.
pub fn committed(text: &str) -> Vec<String> {
    let found = COMMITTED.captures_iter(text).filter(|found| found.name("before").is_none());
    without_repeats(found.flat_map(|found| split(&found["charges"])))
}

/// The charges that a document without a conviction is about: those of the first sentence that says what was found or
/// alleged.
pub fn alleged(header: &str) -> Vec<String> {
    let sentences = ACCUSED.find_iter(header).map(|m| {
        let start = m.end() - '犯'.len_utf8();
        let end = header[start..].find(['。', '\n']).map_or(header.len(), |n| start + n);
        &header[start..end]
    });
    sentences.map(committed).find(|charges| !charges.is_empty()).unwrap_or_default()
}

/// The charges for which the prosecution asks to punish, of a document whose operative part is missing.
pub fn demanded(facts: &str) -> Vec<String> {
    let accusation = before(facts, &AFTER_ACCUSATION);
    let found = DEMANDED.captures_iter(accusation).chain(FULFILLED.captures_iter(accusation));
    found.flat_map(|found| split(&found["charge"])).collect()
}

/// The charges of the sentences that a court upholds, approves or sets aside.
pub fn upheld(disposition: &str) -> Vec<String> {
    without_repeats(UPHELD.captures_iter(disposition).flat_map(|found| split(&found["charges"])))
}

/// What the court below convicted of, by an appeal's account of its last judgment.
pub fn convicted_below(facts: &str) -> Vec<String> {
    let verdict = BELOW.find_iter(facts).last().map_or("", |found| &facts[found.end()..]);
    committed(before(verdict, &AFTER_VERDICT))
}

/// The charges in a form's field, which have no 罪.
pub fn of_field(text: &str) -> Vec<String> {
    let Some(found) = FIELD.captures(text) else { return Vec::new() };
    let mut charges: Vec<String> = Vec::new();
    let mut begun = String::new();
    for part in found["charges"].split('、') {
        begun += part;
        if CHARGE_GOES_ON.iter().any(|word| part.ends_with(word)) {
            begun.push('、');
        } else {
            charges.push(format!("{}罪", begun.trim_end_matches('罪')));
            begun.clear();
        }
    }
    charges
}

/// `text` up to the first of the words.
fn before<'a>(text: &'a str, words: &[&str]) -> &'a str {
    let end = words.iter().filter_map(|word| text.find(word)).min();
    &text[..end.unwrap_or(text.len())]
}

fn without_repeats(charges: impl Iterator<Item = String>) -> Vec<String> {
    charges.fold(Vec::new(), |mut seen, charge| {
        if !seen.contains(&charge) {
            seen.push(charge);
        }
        seen
    })
}

/// Single charges out of 盗窃罪、掩饰、隐瞒犯罪所得罪.
fn split(list: &str) -> Vec<String> {
    let mut charges = Vec::new();
    let mut rest = list;
    let mut from = 0;
    while let Some(at) = rest[from..].find('罪').map(|at| from + at) {
        let end = at + '罪'.len_utf8();
        // 犯罪所得, 犯罪活动: inside of a name.
        if rest[..at].ends_with('犯') {
            from = end;
            continue;
        }
        let charge: String = rest[..end].chars().filter(|c| !matches!(c, '“' | '”' | '"')).collect();
        let charge = after_name(&charge).trim_start_matches(['、', '，', '；', '和', '及', '与', '以']).to_owned();
        let is_charge = (3..=30).contains(&charge.chars().count())
            && !NO_CHARGES.iter().any(|word| charge.ends_with(word))
            && !["其行为", "被告人", "判处", "构成"].iter().any(|word| charge.contains(word));
        if is_charge {
            charges.extend(apart(&charge));
        }
        rest = &rest[end..];
        from = 0;
    }
    charges
}

/// The charges of a list that says 罪 once: 贪污、受贿罪.
fn apart(list: &str) -> Vec<String> {
    if ONE_CHARGE.iter().any(|word| list.contains(word)) {
        return vec![list.to_owned()];
    }
    let mut charges = Vec::new();
    let mut rest = list;
    for (at, mark) in list.match_indices('、') {
        let begun = &rest[..at - (list.len() - rest.len())];
        if COMPLETE.contains(&begun) || begun.ends_with("毒品") {
            charges.push(format!("{begun}罪"));
            rest = &list[at + mark.len()..];
        }
    }
    charges.push(rest.to_owned());
    charges
}

/// A charge without the co-accused before it: 、孟某、朱某犯窝藏罪. 犯 is a part of 侵犯著作权罪 and of 犯罪所得.
fn after_name(charge: &str) -> &str {
    let is_verb =
        |(at, _): &(usize, &str)| !charge[..*at].ends_with('侵') && !charge[*at + '犯'.len_utf8()..].starts_with('罪');
    charge.match_indices('犯').rfind(is_verb).map_or(charge, |(at, word)| &charge[at + word.len()..])
}

/// The cause of action that stands before 一案, after the last name in that statement; or in the title.
pub fn cause(header: &str, title: &str, parties: &[Party]) -> Option<String> {
    let in_text = CASE.captures_iter(header).find_map(|found| named(found.name("told")?.as_str(), parties));
    let in_title = || {
        let end = ["一审", "二审", "再审", "执行", "申请", "民事", "行政"]
            .iter()
            .filter_map(|word| title.find(word))
            .min()?;
        named(&title[..end], parties)
    };
    in_text.or_else(in_title)
}

/// The cause at the end of a statement: what follows the names of parties, or a bracket.
fn named(told: &str, parties: &[Party]) -> Option<String> {
    let told = told.find("纠纷").map_or(told, |at| &told[..at + "纠纷".len()]);
    let after_names = parties.iter().filter_map(|p| told.rfind(p.name.as_str()).map(|at| at + p.name.len())).max();
    let after_bracket = told.rfind(['）', ')']).map(|at| at + told[at..].chars().next().map_or(0, char::len_utf8));
    // 申请执行人A与被执行人B, in documents that cut the parties out.
    let after_role = ["被告", "被申请人", "被执行人", "被上诉人", "第三人"]
        .iter()
        .filter_map(|r| told.rfind(r).map(|at| at + r.len()))
        .max();
    let start = after_names.max(after_bracket).or(after_role)?;
    let cause = told[start..].trim_start_matches(['、', '，', ',', ' ', '等']);
    // A name that is in no party block, 被告王某, and one that goes on: 袁某甲 of a party that is 袁某.
    let cause = cause.char_indices().nth(1).filter(|(_, c)| *c == '某').map_or(cause, |(at, _)| &cause[at..]);
    let cause = cause.trim_start_matches(['某', '甲', '乙', '丙', '丁']);
    let cause = ["案由", "之间的", "之间", "因", "的", "关于", "发生", "为", "一般"]
        .iter()
        .fold(cause, |cause, word| cause.strip_prefix(word).unwrap_or(cause));
    let is_cause = (3..=40).contains(&cause.chars().count())
        && !cause.contains(['，', '。', '《', '号'])
        && ["纠纷", "争议", "支付令", "征收", "确认", "撤销", "处罚", "赔偿", "特别程序", "宣告失踪", "宣告死亡"]
            .iter()
            .any(|end| cause.ends_with(end));
    is_cause.then(|| cause.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpus_format::legal::PartyKind;

    #[test]
    fn charges_are_split_and_earlier_ones_left_out() {
        let text = "被告人张某犯掩饰、隐瞒犯罪所得罪、盗窃罪，判处有期徒刑一年；犯帮助信息网络犯罪活动罪，判处。曾因犯抢劫罪被判处。数罪并罚。又犯新罪。";
        assert_eq!(committed(text), ["掩饰、隐瞒犯罪所得罪", "盗窃罪", "帮助信息网络犯罪活动罪"]);
        let header = "被告人张某，男。1999年因犯盗窃罪被判处有期徒刑。某检察院指控被告人张某犯故意杀人罪和抢劫罪一案。认定犯别的罪。";
        assert_eq!(alleged(header), ["故意杀人罪", "抢劫罪"]);
        // A charge that has 犯罪 within it, and one after a comma.
        assert_eq!(committed("维持以掩饰、隐瞒犯罪所得罪判处被告人有期徒刑一年的裁定。"), Vec::<String>::new());
        let header =
            "起诉书指控被告人张某犯非法拘禁罪，掩饰、隐瞒犯罪所得罪；指控被告人李某犯非法拘禁罪，于2016年提起公诉。";
        assert_eq!(alleged(header), ["非法拘禁罪", "掩饰、隐瞒犯罪所得罪"]);
        let facts = "应当以寻衅滋事罪追究其刑事责任。李某应当以掩饰、隐瞒犯罪所得罪定罪处罚。";
        assert_eq!(demanded(facts), ["寻衅滋事罪", "掩饰、隐瞒犯罪所得罪"]);
        let facts = "张某的行为已构成窝藏罪。辩护人提出李某的行为构成包庇罪。";
        assert_eq!(demanded(facts), ["窝藏罪"]);
    }

    #[test]
    fn charges_of_co_accused_forms_and_earlier_judgments() {
        let header = "指控被告人张某犯组织卖淫罪、孟某、朱某犯协助组织卖淫罪，李某犯侵犯公民个人信息罪一案。";
        assert_eq!(alleged(header), ["组织卖淫罪", "协助组织卖淫罪", "侵犯公民个人信息罪"]);
        let disposition =
            "核准维持第一审对被告人张某以抢劫罪判处死刑；以掩饰、隐瞒犯罪所得罪，判处有期徒刑一年的裁定。";
        assert_eq!(upheld(disposition), ["抢劫罪", "掩饰、隐瞒犯罪所得罪"]);
        let facts = "以张某犯盗窃罪作出判决。发回重审后判决如下：被告人张某犯抢劫罪，判处。宣判后，认为不应犯抢夺罪。";
        assert_eq!(convicted_below(facts), ["抢劫罪"]);
        let list =
            "被告人张某犯贪污、受贿罪，犯走私、贩卖毒品、容留他人吸毒罪；掩饰、隐瞒犯罪所得罪；犯盗窃、抢夺枪支罪。";
        let charges =
            ["贪污罪", "受贿罪", "走私、贩卖毒品罪", "容留他人吸毒罪", "掩饰、隐瞒犯罪所得罪", "盗窃、抢夺枪支罪"];
        assert_eq!(committed(list), charges);
        let earlier = "张某犯盗窃罪，与某法院刑事判决中对张某犯抢劫罪判处的刑罚数罪并罚。";
        assert_eq!(committed(earlier), ["盗窃罪"]);
        let form = "指控罪名：盗窃、走私、贩卖毒品、销售有毒、有害食品。";
        assert_eq!(of_field(form), ["盗窃罪", "走私、贩卖毒品罪", "销售有毒、有害食品罪"]);
    }

    #[test]
    fn causes_follow_the_last_party() {
        let party = |name: &str| Party { role: "原告".into(), kind: PartyKind::Person, name: name.into() };
        let parties = [party("某甲公司"), party("王某")];
        let cases = [
            ("\n原告某甲公司与被告王某买卖合同纠纷一案，本院受理。", Some("买卖合同纠纷")),
            (
                "\n某甲公司因与王某（以下简称王）、第三人某甲公司与公司有关的纠纷管辖权异议一案",
                Some("与公司有关的纠纷"),
            ),
            ("\n申请执行人某行与被执行人某人一案，", None),
            ("\n原告某行与被告李某借款合同纠纷一案，", Some("借款合同纠纷")),
            ("\n原告某行与被告王某甲离婚纠纷一案，", Some("离婚纠纷")),
            ("\n某甲公司与王某案由买卖合同纠纷一案，", Some("买卖合同纠纷")),
        ];
        for (header, expected) in cases {
            assert_eq!(cause(header, "", &parties).as_deref(), expected, "{header}");
        }
        assert_eq!(cause("", "某甲公司与王某租赁合同纠纷一审民事判决书", &parties).as_deref(), Some("租赁合同纠纷"));
    }
}
