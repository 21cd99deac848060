//! Defines when the versions of a law are in force: from which day, until which, what came before and after, and
//! which statute repealed it.
//!
//! A version is in force from the day that it states or, where it came of a decision or 修正案 of the corpus, from
//! that one's day of effect; until the next version is, or until the law is repealed.

use super::acts::Act;

/// Days between the passing of an amendment and the date of the version that it made.
const MAX_PUBLICATION_DAYS: i32 = 31;

/// A version of a law, or a part of one: some sixty bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// The row of its document.
    pub document: u32,
    /// Its date.
    pub date: Option<i32>,
    /// First day on which it is in force.
    pub start: Option<i32>,
    /// Day from which it is not.
    pub end: Option<i32>,
    /// When the law was repealed, on the version that was in force then.
    pub repealed: Option<i32>,
    /// The document that repealed it.
    pub repealed_by: Option<u32>,
    /// The version before; of one in several files, the first file.
    pub previous: Option<u32>,
    /// The version after, likewise.
    pub next: Option<u32>,
}

/// Let the version that `act` made begin when it took effect.
pub fn amend(versions: &mut [Version], act: &Act) {
    let made = |version: &Version| {
        version.document != act.document
            && version.date.is_some_and(|date| (date - act.date).abs() <= MAX_PUBLICATION_DAYS)
    };
    for version in versions.iter_mut().filter(|version| made(version)) {
        version.start = version.start.max(Some(act.day));
    }
}

/// Put the versions in the order in which they came into force, and end each with the next.
///
/// Files of one date are the parts (编) of one version; only the last says when all of them took effect.
pub fn link(versions: &mut [Version]) {
    versions.sort_by_key(|version| (version.date, version.document));
    for part in versions.chunk_by_mut(|a, b| a.date == b.date) {
        let start = part.iter().filter_map(|version| version.start).max();
        part.iter_mut().for_each(|version| version.start = start);
    }
    versions.sort_by_key(|version| (version.start, version.date, version.document));
    // Nothing is known of the order of versions without any date.
    let known = versions.partition_point(|version| version.start.is_none());
    let mut previous: Option<(u32, &mut [Version])> = None;
    for parts in versions[known..].chunk_by_mut(|a, b| (a.start, a.date) == (b.start, b.date)) {
        let (first, start) = (parts[0].document, parts[0].start);
        if let Some((before, earlier)) = previous {
            parts.iter_mut().for_each(|version| version.previous = Some(before));
            earlier.iter_mut().for_each(|version| (version.next, version.end) = (Some(first), start));
        }
        previous = Some((first, parts));
    }
    for version in versions.iter_mut() {
        version.end = earliest(version.end, version.repealed);
    }
}

/// End what was in force when `act` repealed the law: its last version, and none that began later.
pub fn repeal(versions: &mut [Version], act: &Act) {
    let in_force = |version: &Version| {
        version.document != act.document
            && version.start.is_some_and(|start| start < act.day)
            && version.end.is_none_or(|end| end >= act.day)
    };
    for version in versions.iter_mut().filter(|version| version.repealed.is_none() && in_force(version)) {
        (version.repealed, version.repealed_by) = (Some(act.day), Some(act.document));
        version.end = earliest(version.end, version.repealed);
    }
}

/// The version, in all its parts, that began last by `day`, whether or not it has ended since.
pub fn on(versions: &[Version], day: i32) -> &[Version] {
    let begun = versions.partition_point(|version| version.start.is_none_or(|start| start <= day));
    let begun = &versions[..begun];
    let Some(last) = begun.last().filter(|version| version.start.is_some()) else { return &[] };
    let first = begun.partition_point(|version| (version.start, version.date) < (last.start, last.date));
    &begun[first..]
}

fn earliest(a: Option<i32>, b: Option<i32>) -> Option<i32> {
    [a, b].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(document: u32, date: i32, start: i32) -> Version {
        Version { document, date: Some(date), start: Some(start), ..Version::default() }
    }

    /// Document, first day, last, previous, next.
    fn shown(versions: &[Version]) -> Vec<String> {
        let or = |n: Option<i32>| n.map_or("-".to_owned(), |n| n.to_string());
        let of = |n: Option<u32>| n.map_or("-".to_owned(), |n| n.to_string());
        let row =
            |v: &Version| format!("{}: {}..{} {} {}", v.document, or(v.start), or(v.end), of(v.previous), of(v.next));
        versions.iter().map(row).collect()
    }

    #[test]
    fn a_version_ends_when_the_next_takes_effect() {
        let mut versions = vec![version(3, 300, 300), version(1, 100, 150), version(2, 200, 200)];
        amend(&mut versions, &Act { document: 9, date: 190, day: 260 });
        link(&mut versions);
        assert_eq!(shown(&versions), ["1: 150..260 - 2", "2: 260..300 1 3", "3: 300..- 2 -"]);
        let document = |day| on(&versions, day).iter().map(|v| v.document).collect::<Vec<_>>();
        assert_eq!([document(149), document(150), document(259), document(260)], [vec![], vec![1], vec![1], vec![2]]);
    }

    #[test]
    fn files_of_one_date_are_one_version() {
        let mut versions = vec![version(4, 200, 200), version(5, 200, 230), version(2, 100, 100), version(3, 100, 100)];
        versions.push(Version { document: 6, ..Version::default() });
        link(&mut versions);
        let expected = ["6: -..- - -", "2: 100..230 - 4", "3: 100..230 - 4", "4: 230..- 2 -", "5: 230..- 2 -"];
        assert_eq!(shown(&versions), expected);
        assert_eq!(on(&versions, 230).len(), 2);
        assert!(on(&versions, 99).is_empty());
    }

    #[test]
    fn a_repeal_ends_what_was_in_force_and_no_later_namesake() {
        let mut versions = vec![version(1, 100, 100), version(2, 200, 200), version(3, 400, 400)];
        link(&mut versions);
        repeal(&mut versions, &Act { document: 8, date: 290, day: 300 });
        repeal(&mut versions, &Act { document: 9, date: 350, day: 350 });
        assert_eq!(shown(&versions), ["1: 100..200 - 2", "2: 200..300 1 3", "3: 400..- 2 -"]);
        let repealed: Vec<_> = versions.iter().map(|v| (v.repealed, v.repealed_by)).collect();
        assert_eq!(repealed, [(None, None), (Some(300), Some(8)), (None, None)]);
    }

    #[test]
    fn a_new_version_may_repeal_the_one_before() {
        let mut versions = vec![version(1, 100, 100), version(2, 200, 230)];
        link(&mut versions);
        repeal(&mut versions, &Act { document: 2, date: 200, day: 230 });
        assert_eq!((versions[0].end, versions[0].repealed_by), (Some(230), Some(2)));
        assert_eq!((versions[1].end, versions[1].repealed), (None, None));
    }
}
