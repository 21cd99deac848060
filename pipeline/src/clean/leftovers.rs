//! Defines what sites and Word leave in a text that is none of it: characters escaped twice, comments, page numbers.

use super::{Rule, RuleCounts};

// What becomes of a page number when a document of Word becomes text: 。PAGE＼＊ArabicDash。-2-。 and 第页 第页.
pattern!(
    PAGE_FIELDS,
    r"(?:(?:\s+。?PAGE(?:\s*[＼\\][＊*]\s*[A-Za-z]+)?(?:。?\s*-\s*[0-9０-９]+\s*-)?。?)+|(?:\s+第\s*页)+)\s*$"
);

/// A text without what was left in it.
pub fn removed(text: String, counts: &mut RuleCounts) -> String {
    let text = unescaped_again(text, counts);
    without_word_junk(text, counts)
}

/// Characters that were escaped twice, and the marks that sites put in the place of line breaks and quotes.
fn unescaped_again(text: String, counts: &mut RuleCounts) -> String {
    const ESCAPES: [(&str, &str); 20] = [
        ("&#xA;", "\n"),
        ("&#xD;", ""),
        ("&#10;", "\n"),
        ("[ly]", "\n"),
        ("01lydyh01", "'"),
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&ldquo;", "“"),
        ("&rdquo;", "”"),
        ("&lsquo;", "‘"),
        ("&rsquo;", "’"),
        ("&middot;", "·"),
        ("&mdash;", "—"),
        ("&hellip;", "…"),
        ("&times;", "×"),
        ("&divide;", "÷"),
        ("&permil;", "‰"),
        ("&amp;", "&"),
    ];
    if !text.contains(['&', '[']) && !text.contains("01lydyh01") {
        return text;
    }
    let mut text = text;
    for (escape, plain) in ESCAPES {
        let number = text.matches(escape).count() as u64;
        if number > 0 {
            counts.add_count(Rule::Unescaped, number);
            text = text.replace(escape, plain);
        }
    }
    text
}

/// Comments of Word that became text, `{C}<!--TABLE{…}-->`, and the fields of page numbers at the end.
fn without_word_junk(text: String, counts: &mut RuleCounts) -> String {
    let mut text = text;
    let may_end = text.contains("PAGE") || text.trim_end().ends_with('页');
    if let Some(fields) = may_end.then(|| PAGE_FIELDS.find(&text)).flatten().map(|m| m.start()) {
        counts.hit(Rule::WordJunk);
        text.truncate(fields);
    }
    if !text.contains("<!--") && !text.contains("{C}") {
        return text;
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.as_str();
    // A comment that never ends is text.
    while let Some((before, (_, after))) =
        rest.split_once("<!--").and_then(|(before, from)| Some((before, from.split_once("-->")?)))
    {
        clean.push_str(before);
        counts.hit(Rule::WordJunk);
        rest = after;
    }
    clean.push_str(rest);
    if clean.contains("{C}") {
        counts.hit(Rule::WordJunk);
        clean = clean.replace("{C}", "");
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        removed(text.to_owned(), &mut RuleCounts::default())
    }

    #[test]
    fn escapes_are_decoded_once_and_other_signs_stay() {
        assert_eq!(
            clean("月利率21.86&permil;，67.56元&divide;4人&nbsp;，&lt;刑法&gt;"),
            "月利率21.86‰，67.56元÷4人 ，<刑法>"
        );
        assert_eq!(clean("第一条[ly]第二条&#xA;第三条&amp;amp;"), "第一条\n第二条\n第三条&amp;");
        for text in ["A&B公司、R&D;中心", "[ly", "[2017]号"] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn page_numbers_of_word_go_and_words_stay() {
        let end = "书记员骆某";
        for fields in [
            " PAGE",
            " 。PAGE。",
            " 。PAGE＼＊ArabicDash。-2-。 。PAGE＼＊ArabicDash。-3-。",
            " 第页 第页",
            "\nPAGE \\* MERGEFORMAT",
        ] {
            let mut counts = RuleCounts::default();
            assert_eq!(removed(format!("{end}{fields}"), &mut counts), end);
            assert_eq!(counts.iter().find(|(rule, _)| *rule == Rule::WordJunk).map(|(_, n)| n), Some(1));
        }
        for text in ["见HOMEPAGE网站。", "载于第3页", "PAGE公司的经理"] {
            assert_eq!(clean(text), text);
        }
    }
}
