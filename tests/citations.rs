//! What citations resolve to.

use std::{collections::BTreeMap, path::Path};

use corpus_format::Table;

use crate::support::{arg, pipeline_ok, put, rows};

const FILLER: &str =
    "为了规范社会生活中的各种行为，维护社会秩序，保护公民、法人和其他组织的合法权益，根据宪法，制定本法。";

#[test]
fn a_citation_is_judged_by_the_version_in_force_on_its_day() {
    let dir = tempfile::tempdir().expect("a folder");
    let laws = dir.path().join("laws");
    let cases = dir.path().join("cases");
    fs_err::create_dir_all(&laws).expect("made");
    fs_err::create_dir_all(&cases).expect("made");
    let law = |date: &str, year: &str, second: &str| {
        let text = format!(
            "# 中华人民共和国测试法\n\n{date} 通过\n\n<!-- INFO END -->\n\n第一条 {FILLER}\n\n后款，违反本法第一条的，依法处理。\n{second}\n第三条 本法自{year}年1月1日起施行。\n"
        );
        fs_err::write(laws.join(format!("测试法({year}-01-01).md")), text).expect("written");
    };
    law("2010年1月1日", "2010", "");
    law("2018年1月1日", "2018", "\n第二条 甲。\n");
    for (name, day) in [("a", "二〇一二年五月一日"), ("b", "二〇一九年五月一日"), ("c", "二〇〇五年五月一日")]
    {
        let text = format!(
            "某某人民法院\n民事判决书\n（2019）某01民初{}号\n原告某某，男。\n本院认为，{FILLER}依照《中华人民共和国测试法》第一条第二款、第三款、第二条，《不在语料中的法》第九条的规定，判决如下：\n驳回。\n审判员 某某\n{day}\n",
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

/// A statute with two articles of its own and a closing one.
fn put_law(dir: &Path, title: &str, file: &str, history: &str, closing: &str) {
    let text = format!(
        "# 中华人民共和国{title}\n\n{history}\n\n<!-- INFO END -->\n\n第一条 {FILLER}{file}\n\n第二条 {title}{file}调整民事关系。\n\n{closing}\n"
    );
    put(&dir.join(format!("{file}.md")), text);
}

/// What a court's citation of the first article of `law` on each day resolves to.
fn cited_on(dir: &Path, law: &str, days: &[(&str, &str)]) -> BTreeMap<String, String> {
    let (laws, cases, out) = (dir.join("laws"), dir.join("cases"), dir.join("corpus"));
    for (name, day) in days {
        let text = format!(
            "某某人民法院\n民事判决书\n（2019）某01民初{name}号\n原告某某，男。\n本院认为，{FILLER}依照《中华人民共和国{law}》第一条的规定，判决如下：\n驳回。\n审判员 某某\n{day}\n"
        );
        put(&cases.join(format!("{name}.txt")), text);
    }
    let (statutes, judgments) = (format!("statute={}", arg(&laws)), format!("judgment={}", arg(&cases)));
    pipeline_ok(&["build", "--source", &statutes, "--source", &judgments, "--out", arg(&out)]);
    let found = rows(&out, Table::Citations, &["document_id", "verdict", "cited_article_id"]);
    let of_cases = found.into_iter().filter_map(|row| {
        let name = row[0].strip_prefix("cases/")?.trim_end_matches(".txt").to_owned();
        Some((name, format!("{} {}", row[1], row[2])))
    });
    of_cases.collect()
}

/// The named fields of the metadata of each statute, by the name of its file.
fn validity(dir: &Path, fields: &[&str]) -> BTreeMap<String, Vec<String>> {
    let field = |metadata: &str, name: &str| {
        let (_, rest) = metadata.split_once(&format!("{name}: ")).expect("a field");
        rest.split([',', '}']).next().expect("a value").to_owned()
    };
    let rows = rows(&dir.join("corpus"), Table::Documents, &["id", "metadata"]);
    let statutes = rows.into_iter().filter_map(|row| {
        let name = row[0].strip_prefix("laws/")?.trim_end_matches(".md").to_owned();
        Some((name, fields.iter().map(|name| field(&row[1], name)).collect()))
    });
    statutes.collect()
}

#[test]
fn a_later_law_repeals_and_only_what_it_names_as_a_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let laws = dir.path().join("laws");
    put_law(&laws, "合同法", "合同法", "1999年3月15日 通过", "第三条 本法自1999年10月1日起施行。");
    put_law(&laws, "担保法", "担保法", "1995年6月30日 通过", "第三条 本法自1995年10月1日起施行。");
    put_law(
        &laws,
        "民法典",
        "民法典",
        "2020年5月28日 通过",
        "第三条 本法自2021年1月1日起施行。《中华人民共和国继承法》、《中华人民共和国合同法》同时废止；《中华人民共和国担保法》第一条同时废止。",
    );
    let days = [("1", "二〇一九年五月一日"), ("2", "二〇二二年五月一日"), ("3", "二〇二〇年十二月三十一日")];
    let cited = cited_on(dir.path(), "合同法", &days);
    assert_eq!(cited["1"], "ok laws/合同法.md#1");
    assert_eq!(cited["2"], "repealed laws/合同法.md#1");
    assert_eq!(cited["3"], "ok laws/合同法.md#1");
    let unseen = cited_on(dir.path(), "继承法", &days);
    assert_eq!([&unseen["1"], &unseen["2"]], ["unresolved_law ", "repealed "]);
    let validity = validity(dir.path(), &["repealed", "repealed_by", "in_force_from", "in_force_to"]);
    assert_eq!(validity["合同法"], ["2021-01-01", "laws/民法典.md", "1999-10-01", "2021-01-01"]);
    assert_eq!(validity["担保法"], ["", "", "1995-10-01", ""]);
    assert_eq!(validity["民法典"], ["", "", "2021-01-01", ""]);
    let articles =
        rows(&dir.path().join("corpus"), Table::Articles, &["id", "repealed", "in_force_from", "in_force_to"]);
    let first = articles.iter().find(|row| row[0] == "laws/合同法.md#1").expect("an article");
    assert_eq!(first[1..], ["2021-01-01", "1999-10-01", "2021-01-01"]);
}

#[test]
fn an_amended_version_is_in_force_from_the_amendments_own_day() {
    let dir = tempfile::tempdir().expect("a folder");
    let laws = dir.path().join("laws");
    let closing = "第三条 本法自1997年10月1日起施行。";
    put_law(&laws, "刑法", "刑法(2017-11-04)", "1997年3月14日 通过\n\n2017年11月4日 修正", closing);
    let history = "1997年3月14日 通过\n\n2020年12月26日 通过的《中华人民共和国刑法修正案（十一）》";
    put_law(&laws, "刑法", "刑法(2020-12-26)", history, closing);
    let amendment = format!(
        "# 中华人民共和国刑法修正案（十一）\n\n2020年12月26日 通过\n\n<!-- INFO END -->\n\n一、将第一条修改为：{FILLER}\n\n二、本修正案自2021年3月1日起施行。\n"
    );
    put(&laws.join("刑法修正案（十一）.md"), amendment);
    let days = [("1", "二〇二一年二月二十八日"), ("2", "二〇二一年三月一日")];
    let cited = cited_on(dir.path(), "刑法", &days);
    assert_eq!(cited["1"], "ok laws/刑法(2017-11-04).md#1");
    assert_eq!(cited["2"], "ok laws/刑法(2020-12-26).md#1");
    let validity = validity(dir.path(), &["in_force_from", "in_force_to", "previous_version", "next_version"]);
    let (old, new) = ("laws/刑法(2017-11-04).md", "laws/刑法(2020-12-26).md");
    assert_eq!(validity["刑法(2017-11-04)"], ["2017-11-04", "2021-03-01", "", new]);
    assert_eq!(validity["刑法(2020-12-26)"], ["2021-03-01", "", old, ""]);
    assert_eq!(validity["刑法修正案（十一）"], ["2021-03-01", "", "", ""]);
}
