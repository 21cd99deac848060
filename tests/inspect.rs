//! `pipeline inspect`: what an analyst sees of a corpus and of one document.

use crate::support::{arg, pipeline_err, pipeline_ok, put, statute};

#[test]
fn a_document_is_shown_through_every_stage_and_a_dropped_one_with_its_reason() {
    let dir = tempfile::tempdir().expect("a folder");
    let input = dir.path().join("laws");
    put(&input.join("good.md"), statute("某条例", 20).replace("第二条 ", "第二条\u{3000}２０"));
    put(&input.join("copy.md"), statute("某条例", 20).replace("第二条 ", "第二条　20"));
    let gap = statute("另一条例", 12).replace("第七条 ", "第六条 ");
    put(&input.join("gap.md"), gap.replace("2020年1月1日", "2021年5月1日"));
    put(&input.join("gap(2019-03-01).md"), statute("另一条例", 9).replace("2020年1月1日", "2019年3月1日"));
    put(&input.join("short.md"), "# 短条例\n<!-- INFO END -->\n第一条 短。\n");
    let out = dir.path().join("corpus");
    pipeline_ok(&["build", "--source", &format!("statute={}", arg(&input)), "--out", arg(&out)]);
    let inspect = |more: &[&str]| pipeline_ok(&[&["inspect", "--corpus", arg(&out)], more].concat());

    let overview = inspect(&[]);
    for part in ["statute", "documents", "too_short", "exact_duplicate", "laws/copy.md  某条例"] {
        assert!(overview.contains(part), "{part}: {overview}");
    }
    let good = inspect(&["laws/good.md"]);
    let parts = [
        "read      good.md: statute-markdown, utf-8",
        "2 × full-width letter or digit folded",
        "- 第二条⟨U+3000⟩２０",
        "+ 第二条 20",
        "segment   20 articles",
        "第一章 总则 from 第一条",
        "type administrative_regulation, date 2020-01-01, issuer 国务院",
        "filter    ",
        "DROPPED for exact_duplicate",
        "kept in its place: laws/copy.md",
    ];
    for part in parts {
        assert!(good.contains(part), "{part}:\n{good}");
    }
    let gap = inspect(&["laws/gap.md"]);
    for part in [
        "numbers missing: 7\n",
        "numbers repeated: 6\n",
        "in force from 2021-05-01\n",
        "before it laws/gap(2019-03-01).md",
    ] {
        assert!(gap.contains(part), "{part}:\n{gap}");
    }
    assert!(inspect(&["laws/gap(2019-03-01).md"]).contains("in force from 2019-03-01 to 2021-05-01\n"));
    assert!(inspect(&["laws/copy.md"]).contains("shard     documents/kind=statute/split="));
    let short = inspect(&["--dropped", "too_short"]);
    assert!(
        short.contains("laws/short.md") && short.contains("characters, min 64") && short.contains("| 短条例"),
        "{short}"
    );
    assert!(inspect(&["--dropped", "few_han"]).contains("nothing was dropped"));
    assert!(
        pipeline_err(&["inspect", "--corpus", arg(&out), "--dropped", "boredom"]).contains("reasons are unreadable, ")
    );
    assert!(pipeline_err(&["inspect", "--corpus", arg(&out), "laws/none.md"]).contains("no document `laws/none.md`"));
    assert!(pipeline_err(&["inspect", "--corpus", arg(&input)]).contains("no index.json"));
}
