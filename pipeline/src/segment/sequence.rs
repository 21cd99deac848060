//! Defines what a statute's article numbers leave out or repeat: a gap is an article lost by the source or by us.

use std::collections::BTreeMap;

use corpus_format::numeral::ArticleNumber;

/// Departures of article numbers from their own sequence.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Departures {
    /// Numbers between the first and the last that no article has.
    pub missing: Vec<ArticleNumber>,
    /// Numbers that more than one article has.
    pub repeated: Vec<ArticleNumber>,
}

/// Compare the numbers of a statute's articles with their sequence; a part of a code may begin with any number.
pub fn departures(numbers: impl Iterator<Item = ArticleNumber>) -> Departures {
    // By the number before 之: how often each number after it is there, 0 standing for none.
    let mut seen: BTreeMap<u16, BTreeMap<u16, u32>> = BTreeMap::new();
    for number in numbers {
        *seen.entry(number.base).or_default().entry(number.inserted.unwrap_or(0)).or_default() += 1;
    }
    let mut departures = Departures::default();
    let (Some(first), Some(last)) = (seen.keys().next(), seen.keys().next_back()) else { return departures };
    for base in *first..=*last {
        let Some(own) = seen.get(&base) else {
            departures.missing.push(ArticleNumber { base, inserted: None });
            continue;
        };
        let most = own.keys().next_back().copied().unwrap_or(0);
        for inserted in 0..=most {
            let number = ArticleNumber { base, inserted: Some(inserted).filter(|n| *n > 0) };
            match own.get(&inserted) {
                None => departures.missing.push(number),
                Some(1) => {}
                Some(_) => departures.repeated.push(number),
            }
        }
    }
    departures
}

/// Numbers as text, runs of whole articles shortened: 2–10, 12, 120-1.
pub fn shown(numbers: &[ArticleNumber]) -> String {
    let follows = |a: &ArticleNumber, b: &ArticleNumber| {
        a.inserted.is_none() && b.inserted.is_none() && b.base == a.base.saturating_add(1)
    };
    let run = |run: &[ArticleNumber]| match run {
        [first, .., last] => format!("{first}–{last}"),
        _ => run.iter().map(ToString::to_string).collect(),
    };
    numbers.chunk_by(follows).map(run).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[(u16, u16)]) -> (String, String) {
        let number = |(base, n): &(u16, u16)| ArticleNumber { base: *base, inserted: Some(*n).filter(|n| *n > 0) };
        let found = departures(numbers.iter().map(number));
        (shown(&found.missing), shown(&found.repeated))
    }

    #[test]
    fn gaps_and_repeats() {
        assert_eq!(of(&[(1, 0), (2, 0), (2, 1), (3, 0)]), (String::new(), String::new()));
        assert_eq!(of(&[(5, 0), (6, 0), (10, 0), (12, 0), (12, 2)]), ("7–9, 11, 12-1".into(), String::new()));
        assert_eq!(of(&[(1, 0), (2, 0), (1, 0), (2, 0), (2, 1), (2, 1)]), (String::new(), "1–2, 2-1".into()));
        assert_eq!(of(&[]), (String::new(), String::new()));
    }
}
