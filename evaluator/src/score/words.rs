//! Cuts text into words as the published scores had it: jieba 0.42's precise mode.

use std::sync::LazyLock;

use jieba_rs::Jieba;

/// Built when the first text is cut: tasks without words do not pay for the dictionary.
static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Build the dictionary, if it is not.
pub(crate) fn load() {
    LazyLock::force(&JIEBA);
}

/// The words of `text`, in order; together they are the text.
pub(super) fn cut(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for token in JIEBA.cut(text, true) {
        if is_unknown_latin(token.word) {
            words.extend(latin_parts(token.word));
        } else {
            words.push(token.word);
        }
    }
    words
}

/// Whether a word is a run of Latin letters, digits and marks that jieba-rs leaves whole and jieba takes apart.
fn is_unknown_latin(word: &str) -> bool {
    word.len() > 1
        && word.bytes().all(|c| c.is_ascii_alphanumeric() || b"+#&._%-".contains(&c))
        && !JIEBA.has_word(word)
}

/// Letters and digits with a decimal fraction and a percent sign, and what stands between.
fn latin_parts(word: &str) -> impl Iterator<Item = &str> {
    pattern!(PARTS, r"[a-zA-Z0-9]+(?:\.[0-9]+)?%?|[^a-zA-Z0-9]+");
    PARTS.find_iter(word).map(|part| part.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_jiebas() {
        assert_eq!(cut("我来到北京清华大学"), ["我", "来到", "北京", "清华大学"]);
        assert_eq!(cut("他来到了网易杭研大厦"), ["他", "来到", "了", "网易", "杭研", "大厦"]);
        assert_eq!(cut("赔偿 3.5%。"), ["赔偿", " ", "3.5%", "。"]);
    }

    #[test]
    fn latin_runs_are_taken_apart_where_jieba_does() {
        assert_eq!(latin_parts("a-b.c").collect::<Vec<_>>(), ["a", "-", "b", ".", "c"]);
        assert_eq!(latin_parts("1.25%").collect::<Vec<_>>(), ["1.25%"]);
        assert_eq!(cut("www.court.gov.cn"), ["www", ".", "court", ".", "gov", ".", "cn"]);
        // In the dictionary.
        assert_eq!(cut("C++"), ["C++"]);
    }
}
