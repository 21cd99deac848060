//! What citations resolve to.

use corpus_format::Table;

use crate::support::{arg, pipeline_ok, rows};

#[test]
fn a_citation_is_judged_by_the_version_in_force_on_its_day() {
    let dir = tempfile::tempdir().expect("a folder");
    let laws = dir.path().join("laws");
    let cases = dir.path().join("cases");
    fs_err::create_dir_all(&laws).expect("made");
    fs_err::create_dir_all(&cases).expect("made");
    let filler = "为了规范社会生活中的各种行为，维护社会秩序，保护公民、法人和其他组织的合法权益，根据宪法，制定本法。";
    let law = |date: &str, year: &str, second: &str| {
        let text = format!(
            "# 中华人民共和国测试法\n\n{date} 通过\n\n<!-- INFO END -->\n\n第一条 {filler}\n\n后款，违反本法第一条的，依法处理。\n{second}\n第三条 本法自{year}年1月1日起施行。\n"
        );
        fs_err::write(laws.join(format!("测试法({year}-01-01).md")), text).expect("written");
    };
    law("2010年1月1日", "2010", "");
    law("2018年1月1日", "2018", "\n第二条 甲。\n");
    for (name, day) in [("a", "二〇一二年五月一日"), ("b", "二〇一九年五月一日"), ("c", "二〇〇五年五月一日")]
    {
        let text = format!(
            "某某人民法院\n民事判决书\n（2019）某01民初{}号\n原告某某，男。\n本院认为，{filler}依照《中华人民共和国测试法》第一条第二款、第三款、第二条，《不在语料中的法》第九条的规定，判决如下：\n驳回。\n审判员 某某\n{day}\n",
            name.as_bytes()[0]
        );
        fs_err::write(cases.join(format!("{name}.txt")), text).expect("written");
    }
    let out = dir.path().join("corpus");
    let (statutes, judgments) = (format!("statute={}", arg(&laws)), format!("judgment={}", arg(&cases)));
    pipeline_ok(&["build", "--source", &statutes, "--source", &judgments, "--out", arg(&out)]);
    let columns = ["document_id", "number", "paragraph", "verdict", "cited_article_id", "section"];
    let found = rows(&out, Table::Citations, &columns);
    let of = |name: &str| {
        let ours = found.iter().filter(|row| row[0] == format!("cases/{name}.txt"));
        ours.map(|row| row[1..].join(" ")).collect::<Vec<_>>()
    };
    let expected = |year: &str, second: [&str; 2]| {
        let id = format!("laws/测试法({year}-01-01).md#1");
        let [verdict, article] = second;
        [
            format!("1 2 ok {id} legal_basis"),
            format!("1 3 no_such_paragraph {id} legal_basis"),
            format!("2  {verdict} {article} legal_basis"),
            "9  unresolved_law  legal_basis".to_owned(),
        ]
    };
    assert_eq!(of("a"), expected("2010", ["no_such_article", ""]));
    assert_eq!(of("b"), expected("2018", ["ok", "laws/测试法(2018-01-01).md#2"]));
    assert!(of("c")[..3].iter().all(|row| row.contains("unresolved_version  ")), "{:?}", of("c"));
    let own: Vec<_> = found.iter().filter(|row| row[0].starts_with("laws/")).collect();
    assert!(own.len() == 2 && own.iter().all(|row| row[4] == format!("{}#1", row[0])), "本法 is the version itself");
}
