//! Defines the issuing body of a statute: who passed it or, where nobody did, who published it; several joined by 、.

pattern!(COURTS, r"^最高人民(?:法院|检察院)(?:[、和与\s]*(?:最高人民(?:法院|检察院)|公安部|国家安全部|司法部))*");
pattern!(
    CONGRESS,
    r"(全国|[\p{Han}]{2,12}?(?:省|市|自治区|自治州|自治县|特区|县))(?:第?[一二三四五六七八九十]*届?)(人民代表大会(?:常务委员会)?)"
);
// Who stands between the date of a line and 令第4号, 发布 or 公布.
pattern!(PUBLISHED, r"日\s*([\p{Han}、，,\s]{2,60}?)(?:令第|联合|公告|发布|公布|颁布|颁发|印发)");
pattern!(ANY, r"全国人民代表大会常务委员会|全国人民代表大会|最高人民法院|最高人民检察院|国务院|中央军事委员会");

/// The issuing body by the title and the lines of the history without the names of other statutes in them.
pub fn issuer<S: AsRef<str>>(title: &str, history: &[S]) -> Option<String> {
    // An interpretation names its courts; what a ministry published is of the ministry, whoever approved it.
    if let Some(courts) = COURTS.find(title) {
        return joined(&courts.as_str().replace(['和', '与'], "、"));
    }
    let lines = || history.iter().map(AsRef::as_ref);
    let congress = |line: &str| {
        let found = CONGRESS.captures(line)?;
        // A congress is one body through all its terms (届).
        Some(format!("{}{}", found[1].trim_start_matches(['日', '经', '由']), &found[2]))
    };
    let passed = |line: &&str| line.contains("通过") || line.contains("主席团");
    lines()
        .filter(passed)
        .find_map(congress)
        .or_else(|| lines().find_map(|line| joined(&PUBLISHED.captures(line)?[1])))
        .or_else(|| lines().find_map(congress))
        .or_else(|| lines().chain([title]).find_map(|line| Some(ANY.find(line)?.as_str().to_owned())))
}

/// Bodies in their plain names, joined by 、.
fn joined(names: &str) -> Option<String> {
    let names = names.replace("中华人民共和国", "");
    let names = names.split(['、', '，', ',', ' ']).filter_map(|name| {
        let name = name.trim_start_matches('原');
        // 经国务院批准 says who approved.
        let is_body = name.chars().count() > 1 && !name.contains("批准") && !name.contains('经');
        is_body.then(|| name.replace("中央军委", "中央军事委员会"))
    });
    let names: Vec<String> = names.collect();
    (!names.is_empty()).then(|| names.join("、"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_by_title_and_history() {
        let cases = [
            ("最高人民法院、最高人民检察院关于办理某案件的解释", "2016年9月1日 公布", "最高人民法院、最高人民检察院"),
            ("某法", "1992年4月3日 第七届全国人民代表大会第五次会议通过", "全国人民代表大会"),
            ("某法", "1995年2月28日 第八届全国人民代表大会常务委员会第十二次会议通过", "全国人民代表大会常务委员会"),
            (
                "某条例",
                "2011年11月29日 重庆市第三届人民代表大会常务委员会第二十八次会议通过",
                "重庆市人民代表大会常务委员会",
            ),
            ("某条例", "2003年9月3日 中华人民共和国国务院令第390号公布", "国务院"),
            (
                "某条例",
                "1990年12月24日 中华人民共和国国务院、中华人民共和国中央军事委员会令第71号发布",
                "国务院、中央军事委员会",
            ),
            (
                "某办法",
                "2000年1月31日 国务院批准\n2000年4月4日 中国证券监督管理委员会、财政部公布",
                "中国证券监督管理委员会、财政部",
            ),
            ("某办法", "1997年6月23日 国务院批准\n1997年8月21日 中国人民银行令第2号发布", "中国人民银行"),
            ("某规定", "1982年8月30日 国务院批准", "国务院"),
            (
                "某条例",
                "2012年11月29日 重庆市第三届人民代表大会常务委员会第三十八次会议修订）",
                "重庆市人民代表大会常务委员会",
            ),
            (
                "某条例",
                "2012年5月1日 经酉阳土家族苗族自治县第十六届人民代表大会第二次会议通过",
                "酉阳土家族苗族自治县人民代表大会",
            ),
            ("人民检察院某规则", "2013年9月23日 最高人民检察院第十二届检察委员会第十次会议通过", "最高人民检察院"),
        ];
        for (title, history, expected) in cases {
            let history: Vec<&str> = history.lines().collect();
            assert_eq!(issuer(title, &history).as_deref(), Some(expected), "{history:?}");
        }
        assert_eq!(issuer("某条例", &["2016年5月1日"]), None);
    }
}
