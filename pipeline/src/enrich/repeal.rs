//! Defines which other statutes a statute repeals or amends, by the names that its text gives.
//!
//! 《甲法》、国务院发布的《乙条例》同时废止 repeals both; 《甲法》第三条同时废止 and 《甲法》中关于丙的规定同时废止
//! leave the law in force. A decision amends the laws that its title and its points name, 某法修正案 the law.

use corpus_format::{citation, law_name};

// Brackets with a number or a note behind a name, one pair inside another: （法（研）发〔1987〕32号）.
pattern!(
    REPEALED,
    &format!(r"》(?:{NOTE}|自[^《》，。；]{{2,30}}日起|[，,\s]|同时|相应|即行|立即|予以|一并|均|都|即|也)*废止")
);
// What may stand between two names of one list: a mark, and who published the second and when.
pattern!(
    BETWEEN,
    &format!(
        r"》(?:{NOTE})*\s*(?:(?:[、，,和及与]|以及)+\s*(?:[^《》。；\n]*(?:通过|批准|公布|发布|颁布|颁发|印发|下发|所发|批转|转发|制定|修订|修正)的?|原?最高人民(?:法院|检察院)[^《》。；，\n]*)?)?$"
    )
);
pattern!(REPEALING, r"(?:^|[^于和或、])废止《");
pattern!(LIST, r"(?:下列|以下)[^。；：]*废止[：:]$|废止(?:下列|以下)[^。；：]*[：:]$");
pattern!(POINT, r"^[（(]?[0-9一二三四五六七八九十百]{1,5}[）)]?[、．.\s]*");
pattern!(AMENDING, r"(?:修改|^(?:[（(]?[一二三四五六七八九十百]+[）)、]+)?(?:决定)?对|[，。]\s*(?:现?决定)?对)《");

const NOTE: &str = r"[（(](?:[^（）()]|[（(][^（）()]*[）)])*[）)]";

/// The names of the statutes that a text repeals as a whole.
pub fn repealed(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_list = false;
    for line in text.lines() {
        in_list = (in_list && POINT.is_match(line)) || LIST.is_match(line);
        if in_list {
            names.extend(listed(line));
        }
        if !line.contains("废止") {
            continue;
        }
        for sentence in line.split(['。', '；']) {
            for found in REPEALED.find_iter(sentence) {
                before(sentence, found.start(), &mut names);
            }
            for found in REPEALING.find_iter(sentence) {
                after(sentence, found.end() - '《'.len_utf8(), &mut names);
            }
        }
    }
    names
}

/// The name in a line of a list of repealed statutes, with or without its brackets.
fn listed(line: &str) -> Option<String> {
    let point = POINT.find(line)?;
    let name = &line[point.end()..];
    if let Some(name) = name.starts_with('《').then(|| opened(name, 0)).flatten() {
        return Some(name.to_owned());
    }
    let name = name.trim_end_matches(['；', '。', '，']);
    (law_name::is_statute(name) && !name.contains(['。', '，', '《'])).then(|| name.to_owned())
}

/// The name that closes at byte `close`, and those of the same list before it.
fn before(sentence: &str, mut close: usize, names: &mut Vec<String>) {
    while let Some(name) = citation::bracketed(sentence, close) {
        let open = close - name.len() - '《'.len_utf8();
        names.push(citation::with_issuer_and_part(name, &sentence[..open], &sentence[close + '》'.len_utf8()..]));
        let Some(last) = BETWEEN.find(&sentence[..open]) else { return };
        close = last.start();
    }
}

/// The name that opens at byte `open`, and those of the same list after it; none where only parts are meant.
fn after(sentence: &str, mut open: usize, names: &mut Vec<String>) {
    let known = names.len();
    while let Some(name) = opened(sentence, open) {
        names.push(name.to_owned());
        let close = open + '《'.len_utf8() + name.len();
        let rest = &sentence[close + '》'.len_utf8()..];
        if rest.is_empty() || rest.starts_with(['，', '（']) {
            return;
        }
        let next = rest.find('《').filter(|next| BETWEEN.is_match(&sentence[close..close + '》'.len_utf8() + next]));
        let Some(next) = next else { break };
        open = close + '》'.len_utf8() + next;
    }
    names.truncate(known);
}

/// The name of a statute in the brackets that open at byte `open`.
fn opened(text: &str, open: usize) -> Option<&str> {
    let inside = &text[open + '《'.len_utf8()..];
    let mut depth = 0;
    for (at, c) in inside.char_indices() {
        match c {
            '《' => depth += 1,
            '》' if depth == 0 => return law_name::is_statute(&inside[..at]).then_some(&inside[..at]),
            '》' => depth -= 1,
            '。' | '\n' => return None,
            _ => {}
        }
    }
    None
}

/// The names of the statutes that a decision or 修正案 of this title amends.
pub fn amended(title: &str, text: &str) -> Vec<String> {
    if let Some((law, _)) = title.split_once("修正案").filter(|(law, _)| !law.contains('《') && !law.is_empty()) {
        return vec![law.to_owned()];
    }
    if !title.contains("修改") || !title.ends_with("决定") {
        return Vec::new();
    }
    let named = |line: &str| -> Vec<String> {
        let names = AMENDING.find_iter(line).filter_map(|found| opened(line, found.end() - '《'.len_utf8()));
        names.map(str::to_owned).collect()
    };
    let mut names: Vec<String> = std::iter::once(title).chain(text.lines()).flat_map(named).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_statutes_are_repealed() {
        let cases = [
            (
                "第二条 本法自2021年1月1日起施行。《中华人民共和国婚姻法》、《中华人民共和国继承法》同时废止。",
                "中华人民共和国婚姻法 中华人民共和国继承法",
            ),
            (
                "1991年4月9日第七届全国人民代表大会第四次会议通过的《甲法》和1993年12月13日国务院发布的《乙条例》同时废止。",
                "乙条例 甲法",
            ),
            (
                "本解释公布施行后，最高人民法院、最高人民检察院《关于办理某案件的解释》（法（研）发〔1987〕32号）同时废止",
                "最高人民法院、最高人民检察院关于办理某案件的解释",
            ),
            ("1964年卫生部发布的《甲规定》，1979年卫生部发布的《乙规定》，同时废止。", "乙规定 甲规定"),
            (
                "《最高人民法院关于适用《中华人民共和国某法》的解释》自本解释施行之日起废止",
                "最高人民法院关于适用《中华人民共和国某法》的解释",
            ),
            ("自本规定施行之日起，《甲规定（试行）》即行废止", "甲规定（试行）"),
            ("决定废止《甲条例》和《乙条例》。", "乙条例 甲条例"),
            ("下列条例自本法施行之日起，予以废止：\n1．甲条例\n2．关于乙的决定\n说明", "关于乙的决定 甲条例"),
            ("现决定废止下列规定：\n一、《甲规定》（法释〔2000〕1号）\n二、《乙规定》", "乙规定 甲规定"),
            ("根据《立法法》，国务院决定，《甲条例》同时废止", "甲条例"),
        ];
        for (text, expected) in cases {
            let mut found = repealed(text);
            found.sort();
            let mut expected: Vec<&str> = expected.split(' ').collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn parts_of_a_statute_do_not_end_it() {
        for text in [
            "《反倾销和反补贴条例》中关于反倾销的规定同时废止。",
            "《甲法》第三条同时废止。",
            "决定废止《甲法》第三条。",
            "2011年1月8日 《国务院关于废止和修改部分行政法规的决定》第一次修订",
            "注销注册，废止医师执业证书：\n（一）死亡；",
            "依照《甲法》规定废止的，公布之。",
            "《借款合同》同时废止",
        ] {
            assert!(repealed(text).is_empty(), "{text}: {:?}", repealed(text));
        }
        assert_eq!(repealed("《甲法》第三条、《乙法》同时废止"), ["乙法"]);
    }

    #[test]
    fn decisions_name_what_they_amend() {
        assert_eq!(amended("中华人民共和国刑法修正案（十一）", ""), ["中华人民共和国刑法"]);
        let text =
            "决定，对《甲解释》等二件司法解释作如下修改：\n一、修改《甲解释》\n1.“依照《丙法》”\n二、修改《乙解释》";
        assert_eq!(amended("某院关于修改《甲解释》等二件司法解释的决定", text), ["乙解释", "甲解释"]);
        assert!(amended("关于适用《刑法修正案（九）》的解释", "修改《甲法》").is_empty());
    }
}
