//! Defines the parties of a case, as the header of a court document introduces them.

use corpus_format::legal::PartyKind;

use super::Party;

// A role at the start of a statement, notes on its role below in brackets, and a name.
pattern!(
    INTRODUCTION,
    r"(?:^|[\n。；;：号书]\s*|(?P<space> ))(?P<role>(?:(?:原审|一审|二审|再审|原|被)*(?:附带民事(?:公益)?诉讼)?(?:公诉机关|抗诉机关|公益诉讼起诉人|起诉机关|执行机关|申请执行人|被?申请执行人|被执行人|申请再审人|再审申请人|复议申请人|申请复议人|申请人|申诉人|上诉人|上诉单位|起诉人|原告人?|被告人|被告单位|被告|第三人|异议人|案外人|利害关系人|罪犯|赔偿请求人|赔偿义务机关)(?:、(?:一审|二审|原审)(?:被?上诉人|原告|被告|第三人))*))(?:\s*[（(][^（）()\n]{0,60}[）)])?\s*(?P<mark>[：:]?)\s*(?:自报)?(?P<name>[^，。,；;：:\n\s（(、]{2,60}(?:[（(]\p{Han}{1,10}[）)][^，。,；;：:\n\s（(、]{1,40})?)(?P<after>.{0,12})"
);
// From here on the document tells what happened, and names parties again.
pattern!(
    NARRATIVE,
    r"一案|起诉书|指控|向本院(?:申请|提起|起诉)|提起公诉|(?:本院|法院)(?:于|受理|审理|依法|在执行)|作出[^。\n]{0,40}(?:判决|裁定)"
);

/// What the name of a body ends with, or has within.
const BODIES: [&str; 44] = [
    "公司",
    "集团",
    "工厂",
    "银行",
    "支行",
    "分行",
    "信用社",
    "合作社",
    "联社",
    "政府",
    "委员会",
    "管委会",
    "村委会",
    "居委会",
    "人民检察院",
    "检察院",
    "法院",
    "公安局",
    "医院",
    "学校",
    "大学",
    "学院",
    "中心",
    "事务所",
    "经营部",
    "商行",
    "商店",
    "服务部",
    "营业部",
    "办事处",
    "管理局",
    "管理处",
    "协会",
    "基金会",
    "合伙企业",
    "企业",
    "监狱",
    "幼儿园",
    "小组",
    "局",
    "厂",
    "店",
    "部",
    "场",
];

/// The parties in `header`, the text from the title's end on, in the order in which they are introduced.
pub fn parties(header: &str) -> Vec<Party> {
    let mut parties: Vec<Party> = Vec::new();
    let narrative = narrative_start(header);
    let mut from = 0;
    while let Some(found) = INTRODUCTION.captures_at(&header[..narrative], from) {
        let (role, name, after) = (&found["role"], &found["name"], &found["after"]);
        // The mark that ends this statement begins the next.
        from = found.name("name").map_or(narrative, |m| m.end());
        let given = name.char_indices().nth(1).map_or("", |(at, _)| &name[at..]);
        let is_told = ["与", "诉", "因", "不服", "于", "及其"].iter().any(|word| given.contains(word))
            && kind(name, after) == PartyKind::Person
            || ["犯", "提出", "经本院", "均"].iter().any(|word| name.contains(word));
        // A name alone after a space is a mention, unless the role is marked or a person is described.
        let is_mention =
            found.name("space").is_some() && found["mark"].is_empty() && !after.starts_with(['，', '。', ',', '（']);
        if is_told || is_mention || parties.iter().any(|party| party.name == name) {
            continue;
        }
        parties.push(Party { role: role.to_owned(), kind: kind(name, after), name: name.to_owned() });
        // 申请执行人张某；李某；王某: the others on the line.
        let line = header[from..narrative].split(['\n', '。', '，']).next().unwrap_or_default();
        for name in line.split([';', '；', '、']).skip(1).filter(|_| line.starts_with([';', '；', '、'])) {
            if (2..=4).contains(&name.chars().count()) && !name.contains(['：', ':']) {
                parties.push(Party { role: role.to_owned(), kind: PartyKind::Person, name: name.to_owned() });
            }
        }
    }
    parties
}

/// Where the introductions end: the start of the statement that tells how the case came to the court.
fn narrative_start(header: &str) -> usize {
    let told = NARRATIVE.find_iter(header).map(|m| m.start());
    let statement = |at: usize| {
        header[..at].rfind(['。', '\n']).map_or(0, |n| n + if header[n..].starts_with('\n') { 1 } else { 3 })
    };
    // What was done to an accused before stands in his introduction: 经本院决定逮捕.
    let is_introduction = |start: &usize| {
        let statement = &header[*start..];
        let statement = statement.split(['。', '\n']).next().unwrap_or(statement);
        !["因本案", "因涉嫌", "取保候审", "刑事拘留", "逮捕", "监视居住", "释放"]
            .iter()
            .any(|word| statement.contains(word))
            || statement.contains("一案") && !statement.contains("取保候审")
            || statement.contains("起诉书")
    };
    told.map(statement).find(is_introduction).unwrap_or(header.len())
}

fn kind(name: &str, after: &str) -> PartyKind {
    let is_described =
        ["，男", "，女", ",男", ",女", "，汉族", "（男", "（女"].iter().any(|word| after.starts_with(word));
    let is_body = name.chars().count() > 3
        && BODIES.iter().any(|body| name.ends_with(body) || body.chars().count() > 1 && name.contains(body));
    if !is_described && (is_body || name.chars().count() > 5 && !name.contains(['·', '•'])) {
        PartyKind::Organization
    } else {
        PartyKind::Person
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(header: &str) -> Vec<String> {
        parties(header).into_iter().map(|p| format!("{} {} {}", p.role, p.kind, p.name)).collect()
    }

    #[test]
    fn a_civil_header_with_agents() {
        let header = "\n再审申请人（一审被告、二审被上诉人）：某甲集团有限公司。住所地：某省。\n法定代表人：李某，该公司董事长。\n\
                      被申请人（一审原告、二审上诉人）：王某，女，汉族。\n委托代理人：赵某，某律师事务所律师。\n一审被告：龙某（中国）机械有限公司。\n\
                      再审申请人某甲集团有限公司因与被申请人王某、一审被告龙某（中国）机械有限公司合同纠纷一案，不服。";
        assert_eq!(
            shown(header),
            [
                "再审申请人 organization 某甲集团有限公司",
                "被申请人 person 王某",
                "一审被告 organization 龙某（中国）机械有限公司"
            ]
        );
    }

    #[test]
    fn a_criminal_header_on_one_line() {
        let header = " 公诉机关某市人民检察院。 被告人自报张某某，男，1990年出生。因涉嫌犯盗窃罪于2017年1月2日被逮捕，经本院决定取保候审。 \
                      被告人买买提·某某，男。 某市人民检察院以某检起诉书指控被告人张某某犯盗窃罪，于2017年5月1日向本院提起公诉。";
        assert_eq!(
            shown(header),
            ["公诉机关 organization 某市人民检察院", "被告人 person 张某某", "被告人 person 买买提·某某"]
        );
    }

    #[test]
    fn a_role_without_a_mark_is_read_to_the_end_of_the_name() {
        let header = "\n上诉人（原审原告）张某。\n被上诉人（原审被告）某市某镇人民政府。\n法定代表人李某，镇长。\n上诉人因请求确认一案，不服裁定。";
        assert_eq!(shown(header), ["上诉人 person 张某", "被上诉人 organization 某市某镇人民政府"]);
    }
}
