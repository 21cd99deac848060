//! Defines case numbers (（2023）京01民终123号) and statute numbers (法释〔2000〕12号, 国务院令第4号) in canonical form.

use super::case::NumberParts;
use corpus_format::numeral;

pattern!(
    CASE,
    r"[（(〔\[［【]\s*((?:19|20)[0-9]{2})\s*[）)〕\]］】]\s*([\p{Han}][\p{Han}0-9a-zA-Z\s、（）()\-—]{0,24}?)\s*第?\s*([0-9]+(?:[-—之、][0-9]+)*)\s*号(之[一二三四五六七八九十]+)?"
);

// Of a document whose source lost the year: …刑事判决书 格刑初字第117号.
pattern!(YEARLESS, r"书\s*(\p{Han}{1,8}字第[0-9]{1,6}号)");

// A court's sign, the type of case, and the number: 沪0120 刑初 684; 豫法 刑二终 字第 47; 民申 字第 12.
pattern!(
    PARTS,
    r"^（([0-9]{4})）((?:最高法|\p{Han}[0-9]{2,4}|[^刑民行执赔破清司减假督催认]*?))((?:[知商海]*?)[刑民行执赔破清司减假督催认财商海知申监辖保请委他][^0-9字第]*?)字?第?([0-9][0-9\-—之、]*)号(之[一二三四五六七八九十]+)?$"
);

pattern!(STATUTE, r"([\p{Han}]{1,10})\s*[（(〔\[［]\s*((?:19|20)[0-9]{2})\s*[）)〕\]］]\s*第?\s*([0-9]{1,4})\s*号");

pattern!(ORDER, r"([\p{Han}、]{2,40}?)令第?\s*([0-9〇零一二三四五六七八九十百]{1,7})\s*号");

/// The first case number in `text`, as （2023）京01民终123号: full-width brackets, no spaces.
pub fn case_number(text: &str) -> Option<String> {
    let found = CASE.captures(text)?;
    let court: String = found[2].chars().filter(|c| !c.is_whitespace()).collect();
    let court = court.trim_end_matches('第');
    let ordinal = if found[0].contains('第') { "第" } else { "" };
    let part = found.get(4).map_or("", |part| part.as_str());
    Some(format!("（{}）{court}{ordinal}{}号{part}", &found[1], &found[3]))
}

/// The case number at the end of a title that lacks its year.
pub fn yearless(title: &str) -> Option<String> {
    YEARLESS.captures(title).map(|found| found[1].to_owned())
}

/// The parts of a case number in canonical form.
pub fn parts(case_number: &str) -> Option<NumberParts> {
    let found = PARTS.captures(case_number)?;
    Some(NumberParts {
        year: found[1].parse().ok()?,
        court: found[2].to_owned(),
        case_type: found[3].to_owned(),
        serial: found[4].to_owned() + found.get(5).map_or("", |part| part.as_str()),
    })
}

/// The first number of a statute in `text`, as 法释〔2000〕12号 or 国务院令第4号.
pub fn statute_number(text: &str) -> Option<String> {
    let (signed, order) = (STATUTE.captures(text), ORDER.captures(text));
    let start = |found: &Option<regex::Captures<'_>>| found.as_ref().and_then(|found| found.get(0)).map(|m| m.start());
    if let (Some(order), true) = (&order, start(&signed).is_none_or(|signed| start(&order) < Some(signed))) {
        let number = numeral::parse(&order[2])?;
        return Some(format!("{}令第{number}号", order[1].replace("中华人民共和国", "")));
    }
    let found = signed?;
    // What precedes the number may run into it: keep the issuer's sign only.
    let sign = found[1].rsplit(['第', '号', '以', '据', '按', '由', '日']).next().unwrap_or_default();
    Some(format!("{sign}〔{}〕{}号", &found[2], &found[3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_numbers_of_every_bracket() {
        let cases = [
            ("（2017）沪0120刑初684号", Some("（2017）沪0120刑初684号")),
            ("(2015)刑监字第12号", Some("（2015）刑监字第12号")),
            ("〔2014〕民申字第 1 号", Some("（2014）民申字第1号")),
            ("［2013］浙杭刑终字第3-1号", Some("（2013）浙杭刑终字第3-1号")),
            ("没有案号", None),
            ("（2017年）", None),
        ];
        for (text, expected) in cases {
            assert_eq!(case_number(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_number_without_its_year_stands_at_the_end_of_the_title() {
        assert_eq!(yearless("某市人民法院 刑事判决书 格刑初字第117号").as_deref(), Some("格刑初字第117号"));
        assert_eq!(yearless("某市人民法院刑事判决书"), None);
    }

    #[test]
    fn case_numbers_in_parts() {
        let cases = [
            ("（2017）沪0120刑初684号", "2017 沪0120 刑初 684"),
            ("（2015）刑监字第12号", "2015  刑监 12"),
            ("（2014）豫法刑二终字第00047号", "2014 豫法 刑二终 00047"),
            ("（2013）浙杭刑终字第3-1号", "2013 浙杭 刑终 3-1"),
            ("（2021）最高法知民终1号", "2021 最高法 知民终 1"),
            ("（2015）申民字第2115号", "2015  申民 2115"),
            ("（2017）黑1226财保393号", "2017 黑1226 财保 393"),
            ("（2019）冀0408执1523号之三", "2019 冀0408 执 1523之三"),
        ];
        for (number, expected) in cases {
            let parts = parts(number).expect(number);
            assert_eq!(format!("{} {} {} {}", parts.year, parts.court, parts.case_type, parts.serial), expected);
        }
    }

    #[test]
    fn statute_numbers() {
        assert_eq!(statute_number("2000年6月22日 法释〔2000〕12号 公布").as_deref(), Some("法释〔2000〕12号"));
        assert_eq!(statute_number("法释[2013]5号").as_deref(), Some("法释〔2013〕5号"));
        assert_eq!(statute_number("最高人民法院以法发〔1993〕15号通知印发").as_deref(), Some("法发〔1993〕15号"));
        let orders = [
            ("2004年1月1日 中华人民共和国国务院令第4号公布", "国务院令第4号"),
            (
                "1990年1月1日 中华人民共和国国务院、中华人民共和国中央军事委员会令第71号",
                "国务院、中央军事委员会令第71号",
            ),
            ("2002年8月29日 中华人民共和国主席令第七十三号公布", "主席令第73号"),
        ];
        for (text, number) in orders {
            assert_eq!(statute_number(text).as_deref(), Some(number));
        }
        assert_eq!(statute_number("审判委员会第4次会议"), None);
    }
}
