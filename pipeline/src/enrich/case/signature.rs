//! Defines who signs a court document: roles and names, which sources glue together or space out.

use super::Judge;

pattern!(
    SIGNER,
    r"(?P<role>审判长|代理审判长|人民陪审员|代理审判员|助理审判员|审判员|执行长|执行员|陪审员|法官助理|助理法官|代理书记员|见习书记员|实习书记员|代书记员|书记员)[：:]?"
);
pattern!(NAME, r"^[\p{Han}�○]{1,4}(?:[·•][\p{Han}]{1,8})*|^\p{Han}{2,8}(?:[·•][\p{Han}]{1,8})+|^[\p{Han}]{2}×{1,2}");

/// What may follow a name without a space.
const AFTER: [&str; 9] = ["附", "本件", "二〇", "二○", "二零", "二O", "二0", "与原本", "一九"];

/// The signers of a signature, in order.
pub fn judges(signature: &str) -> Vec<Judge> {
    // Roles are spaced out on some sites: 审　判　长.
    let lines: Vec<(String, Vec<String>)> = signature.lines().map(|line| (compact(line), words(line))).collect();
    let mut judges = Vec::new();
    for (line, words) in &lines {
        let found: Vec<_> =
            SIGNER.captures_iter(line).filter_map(|c| Some((c.name("role")?, c.get(0)?.end()))).collect();
        for (i, (role, from)) in found.iter().enumerate() {
            let until = found.get(i + 1).map_or(line.len(), |(next, _)| next.start());
            for name in names(&line[*from..until], words) {
                let signer = Judge { role: role.as_str().to_owned(), name };
                if !judges.contains(&signer) {
                    judges.push(signer);
                }
            }
        }
    }
    judges
}

fn compact(line: &str) -> String {
    line.chars().filter(|c| !c.is_whitespace()).collect()
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// The names in what stands between two roles; `words` are the line's, between its spaces.
fn names(text: &str, words: &[String]) -> Vec<String> {
    let end = AFTER.iter().filter_map(|word| text.find(word)).filter(|at| *at > 0).min().unwrap_or(text.len());
    let text = &text[..end];
    let Some(name) = NAME.find(text) else { return Vec::new() };
    // Two names side by side: the line has one of them as a word.
    let two = words
        .iter()
        .find(|word| text.starts_with(word.as_str()) && word.chars().count() >= 2 && word.len() < text.len());
    match two.map(|first| (first.clone(), &text[first.len()..])) {
        Some((first, rest)) if NAME.find(rest).is_some_and(|m| m.len() == rest.len() && rest.chars().count() >= 2) => {
            vec![first, rest.to_owned()]
        }
        _ => vec![name.as_str().to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(signature: &str) -> Vec<String> {
        judges(signature).into_iter().map(|j| format!("{} {}", j.role, j.name)).collect()
    }

    #[test]
    fn roles_glued_spaced_and_on_one_line() {
        assert_eq!(
            shown("审判长张三丰\n代理审判员李四\n二〇一四年三月三日\n书记员王五"),
            ["审判长 张三丰", "代理审判员 李四", "书记员 王五"]
        );
        assert_eq!(
            shown("审 判 长 张 三\n审判员  李四\n二〇一八年八月三十日\n书 记 员  王 五（代）"),
            ["审判长 张三", "审判员 李四", "书记员 王五"]
        );
        assert_eq!(
            shown("审判长张三人民陪审员李四人民陪审员赵六二〇一八年九月十日代书记员王五附件：本案"),
            ["审判长 张三", "人民陪审员 李四", "人民陪审员 赵六", "代书记员 王五"]
        );
        assert_eq!(shown("审判员 张三\n书记员 李四 王五"), ["审判员 张三", "书记员 李四", "书记员 王五"]);
    }
}
