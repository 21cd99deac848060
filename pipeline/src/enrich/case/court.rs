//! Defines what a court document says of itself: court and its level, instance, type.

use corpus_format::legal::{CourtLevel, DocumentType, Instance};

pattern!(
    COURT,
    r"(?:中华人民共和国)?(最高人民法院|[\p{Han}]{2,24}?(?:人民|铁路运输|海事|知识产权|互联网|金融|军事|林区|农垦|矿区)(?:高级|中级|基层|运输)?法院)"
);

/// The court that issued a document: the first court named in its opening.
pub fn court(opening: &str) -> Option<String> {
    let found = COURT.captures(opening)?;
    // A title may run into the name without a break: …一审刑事判决书湖南省桃源县人民法院.
    let name = found[1].rsplit('书').next().unwrap_or(&found[1]);
    Some(name.trim_start_matches("中华人民共和国").to_owned())
}

/// The level of the court of that name.
pub fn level(court: &str) -> CourtLevel {
    if court.contains("最高") {
        CourtLevel::Supreme
    } else if court.contains("高级") {
        CourtLevel::High
    } else if court.contains("中级")
        || court.contains("海事法院")
        || court.contains("知识产权法院")
        || court.contains("金融法院")
    {
        CourtLevel::Intermediate
    } else {
        CourtLevel::Basic
    }
}

/// The type of a document by its title.
pub fn document_type(title: &str) -> DocumentType {
    let compact: String = title.chars().filter(|c| !c.is_whitespace()).collect();
    let types = [
        ("判决书", DocumentType::Judgment),
        ("裁定书", DocumentType::Ruling),
        ("调解书", DocumentType::MediationStatement),
        ("决定书", DocumentType::Decision),
        ("通知书", DocumentType::Notice),
        ("支付令", DocumentType::Notice),
        ("报告财产令", DocumentType::Notice),
        ("限制消费令", DocumentType::Notice),
        ("搜查令", DocumentType::Notice),
    ];
    let found = types.iter().filter_map(|(word, kind)| compact.find(word).map(|at| (at, *kind)));
    found.min_by_key(|(at, _)| *at).map_or(DocumentType::OtherCourtDocument, |(_, kind)| kind)
}

/// The instance, by the case number's sign or else by the title.
pub fn instance(case_number: Option<&str>, title: &str) -> Option<Instance> {
    let by = |text: &str| {
        if ["再", "申", "监", "抗", "提"].iter().any(|sign| text.contains(sign)) {
            Some(Instance::Retrial)
        } else if text.contains('终') || text.contains("二审") {
            Some(Instance::Second)
        } else if text.contains('初') || text.contains("一审") {
            Some(Instance::First)
        } else {
            None
        }
    };
    // A source may have lost the year, which is in brackets.
    let sign = case_number.and_then(|number| number.rsplit('）').next());
    sign.and_then(by).or_else(|| {
        let words = ["再审", "申诉", "一审", "二审"];
        words.iter().any(|word| title.contains(word)).then(|| by(title)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn courts_levels_types_and_instances() {
        assert_eq!(court("中华人民共和国最高人民法院\n刑事裁定书").as_deref(), Some("最高人民法院"));
        assert_eq!(court("上海市奉贤区人民法院 刑事判决书").as_deref(), Some("上海市奉贤区人民法院"));
        assert_eq!(court("广州海事法院民事判决书").as_deref(), Some("广州海事法院"));
        assert_eq!(
            court("甲某某抢夺罪一审刑事判决书湖南省桃源县人民法院刑事判决书").as_deref(),
            Some("湖南省桃源县人民法院")
        );
        assert_eq!(level("最高人民法院"), CourtLevel::Supreme);
        assert_eq!(level("浙江省高级人民法院"), CourtLevel::High);
        assert_eq!(level("北京市第一中级人民法院"), CourtLevel::Intermediate);
        assert_eq!(level("上海市奉贤区人民法院"), CourtLevel::Basic);
        assert_eq!(document_type("民 事 裁 定 书"), DocumentType::Ruling);
        assert_eq!(document_type("某案一审刑事判决书"), DocumentType::Judgment);
        assert_eq!(document_type("某区人民法院报告财产令"), DocumentType::Notice);
        assert_eq!(document_type("无"), DocumentType::OtherCourtDocument);
        assert_eq!(instance(Some("（2017）沪0120刑初684号"), ""), Some(Instance::First));
        assert_eq!(instance(Some("（2015）民申字第12号"), ""), Some(Instance::Retrial));
        assert_eq!(instance(Some("格刑初字第117号"), ""), Some(Instance::First));
        assert_eq!(instance(None, "某某二审民事判决书"), Some(Instance::Second));
        assert_eq!(instance(None, "某某"), None);
    }
}
