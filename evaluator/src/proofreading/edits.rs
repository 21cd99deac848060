//! Merges the steps of alignments into edits.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    alignment::{Alignment, Kind, Step},
    cost::MARKS,
    tables::Token,
};

/// What says that a sentence has no error.
const NO_ERROR: &str = "没有错误";

/// Edits and how often each counts: where in the source it starts and ends, and what then stands there.
pub(super) type Edits = FxHashMap<(usize, usize, String), u64>;

/// The edits of all cheapest alignments; none where there are more than `max`. Each counts once for each different
/// list of edits that has it.
pub(super) fn of_all_alignments(source: &[Token], target: &[Token], max: u64) -> Option<Edits> {
    let (source_text, target_text) = (text(source), text(target));
    if is_unchanged(&source_text, &target_text) {
        return Some(Edits::default());
    }
    let alignment = Alignment::of(source, target);
    if alignment.count() > max {
        return None;
    }
    let mut lists: FxHashSet<Vec<Step>> = FxHashSet::default();
    alignment.for_each(|steps| {
        lists.insert(merged(steps, &source_text, &target_text));
    });
    let mut edits = Edits::default();
    for edit in lists.iter().flatten() {
        *edits.entry(told(edit, &target_text)).or_default() += 1;
    }
    Some(edits)
}

/// The edits of the first of the cheapest alignments.
pub(super) fn of_first_alignment(source: &[Token], target: &[Token]) -> Edits {
    let (source_text, target_text) = (text(source), text(target));
    if is_unchanged(&source_text, &target_text) {
        return Edits::default();
    }
    let steps = Alignment::of(source, target).first();
    merged(&steps, &source_text, &target_text).iter().map(|edit| (told(edit, &target_text), 1)).collect()
}

fn text(tokens: &[Token]) -> Vec<char> {
    tokens.iter().map(|token| token.character).collect()
}

fn is_unchanged(source: &[char], target: &[char]) -> bool {
    source == target || target.iter().copied().eq(NO_ERROR.chars())
}

fn told(edit: &Step, target: &[char]) -> (usize, usize, String) {
    (edit.source.0, edit.source.1, target[edit.target.0..edit.target.1].iter().collect())
}

/// The edits of an alignment.
pub(super) fn merged(steps: &[Step], source: &[char], target: &[char]) -> Vec<Step> {
    let runs = runs(steps);
    let moved = moved(&runs, source, target);
    moved.into_iter().filter_map(|edit| trimmed(edit, source, target)).collect()
}

/// Matches in a row are one; so are changes in a row, but for deletions beside insertions alone. Transpositions stay
/// as they are.
fn runs(steps: &[Step]) -> Vec<Step> {
    let group = |kind| match kind {
        Kind::Match | Kind::Transposition => Some(kind),
        _ => None,
    };
    let mut runs = Vec::new();
    for steps in steps.chunk_by(|a, b| group(a.kind) == group(b.kind)) {
        let has = |kind| steps.iter().any(|step| step.kind == kind);
        let first = steps[0].kind;
        let is_mixed = has(Kind::Insertion) && has(Kind::Deletion) && !has(Kind::Substitution);
        if first == Kind::Transposition || is_mixed {
            runs.extend(steps);
        } else {
            let is_one = steps.iter().all(|step| step.kind == first);
            runs.push(joined(if is_one { first } else { Kind::Substitution }, steps));
        }
    }
    runs
}

fn joined(kind: Kind, steps: &[Step]) -> Step {
    let (first, last) = (steps[0], steps[steps.len() - 1]);
    Step { kind, source: (first.source.0, last.source.1), target: (first.target.0, last.target.1) }
}

/// Leaves matches out, and makes one transposition of two changes around a match that move words.
fn moved(runs: &[Step], source: &[char], target: &[char]) -> Vec<Step> {
    let mut edits = Vec::new();
    let mut rest = runs;
    while let [first, after @ ..] = rest {
        match rest {
            [a, b, c, after @ ..] if is_move(a, b, c, source, target) => {
                edits.push(joined(Kind::Transposition, &[*a, *b, *c]));
                rest = after;
            }
            _ => {
                edits.extend((first.kind != Kind::Match).then_some(*first));
                rest = after;
            }
        }
    }
    edits
}

fn is_move(a: &Step, b: &Step, c: &Step, source: &[char], target: &[char]) -> bool {
    let of_source = |step: &Step| &source[step.source.0..step.source.1];
    let of_target = |step: &Step| &target[step.target.0..step.target.1];
    match (a.kind, b.kind, c.kind) {
        (Kind::Substitution, Kind::Match, Kind::Substitution) => {
            is_swap(of_source(a), of_target(a), of_source(c), of_target(c))
        }
        (Kind::Deletion, Kind::Match | Kind::Transposition, Kind::Insertion) => is_shift(of_source(a), of_target(c)),
        (Kind::Insertion, Kind::Match | Kind::Transposition, Kind::Deletion) => is_shift(of_source(c), of_target(a)),
        _ => false,
    }
}

/// Whether two words have changed places: just so where one has a single character, else but for a character each.
fn is_swap(source_a: &[char], target_a: &[char], source_c: &[char], target_c: &[char]) -> bool {
    if [source_a, target_a, source_c, target_c].iter().any(|word| word.len() == 1) {
        return source_a == target_c && target_a == source_c;
    }
    is_near(source_a, target_c) && is_near(target_a, source_c)
}

/// Whether a word that was deleted is one that was inserted: just so where it has a single character, else but for a
/// character or a turn (甲乙丙, 乙丙甲). Marks are no words.
fn is_shift(deleted: &[char], inserted: &[char]) -> bool {
    if is_marks(deleted) || is_marks(inserted) {
        return false;
    }
    if deleted.len().min(inserted.len()) == 1 {
        return deleted == inserted;
    }
    is_near(deleted, inserted) || is_turned(deleted, inserted)
}

fn is_turned(a: &[char], b: &[char]) -> bool {
    a.len() == b.len() && (0..a.len()).any(|at| a[at..] == b[..a.len() - at] && a[..at] == b[a.len() - at..])
}

/// Whether a word stands in the list of marks.
fn is_marks(word: &[char]) -> bool {
    MARKS.contains(&word.iter().collect::<String>())
}

/// Whether one change of a character, or none, makes one word of another.
fn is_near(a: &[char], b: &[char]) -> bool {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let num_same = long.iter().zip(short).take_while(|(a, b)| a == b).count();
    match long.len() - short.len() {
        0 => long.iter().zip(short).skip(num_same + 1).all(|(a, b)| a == b),
        1 => long[num_same + 1..] == short[num_same..],
        _ => false,
    }
}

/// A substitution without the characters that both sides begin or end with; none where nothing changes.
///
/// What both end with is looked for in the whole target. Where more of it is found than the beginning has left over,
/// nothing is taken from the end.
fn trimmed(edit: Step, source: &[char], target: &[char]) -> Option<Step> {
    let of_source = &source[edit.source.0..edit.source.1];
    let of_target = &target[edit.target.0..edit.target.1];
    if of_source == of_target {
        return None;
    }
    if edit.kind != Kind::Substitution {
        return Some(edit);
    }
    let start = of_source.iter().zip(of_target).take_while(|(a, b)| a == b).count();
    let end = of_source[start..].iter().rev().zip(of_target.iter().rev()).take_while(|(a, b)| a == b).count();
    let end = if end > of_target.len() - start { 0 } else { end };
    let of_source = (edit.source.0 + start, edit.source.1 - end);
    let of_target = (edit.target.0 + start, edit.target.1 - end);
    let kind = if of_source.0 == of_source.1 {
        Kind::Insertion
    } else if of_target.0 == of_target.1 {
        Kind::Deletion
    } else {
        Kind::Substitution
    };
    Some(Step { kind, source: of_source, target: of_target })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Kind::{Deletion as D, Insertion as I, Match as M, Substitution as S, Transposition as T};

    /// The steps of these kinds, a number of characters each, from a source to a target, and the edits that they make:
    /// what stands in the source, and what in the target.
    fn edits(steps: &[(Kind, usize)], source: &str, target: &str) -> Vec<(Kind, String, String)> {
        let (source, target): (Vec<char>, Vec<char>) = (source.chars().collect(), target.chars().collect());
        let (mut i, mut j) = (0, 0);
        let mut all = Vec::new();
        for &(kind, count) in steps {
            let repeated = if kind == T { 1 } else { count };
            for _ in 0..repeated {
                let width = if kind == T { count } else { 1 };
                let (m, n) = match kind {
                    I => (0, 1),
                    D => (1, 0),
                    _ => (width, width),
                };
                all.push(Step { kind, source: (i, i + m), target: (j, j + n) });
                (i, j) = (i + m, j + n);
            }
        }
        assert_eq!((i, j), (source.len(), target.len()));
        let text = |of: &[char], (start, end): (usize, usize)| of[start..end].iter().collect();
        let edits = merged(&all, &source, &target);
        edits.iter().map(|edit| (edit.kind, text(&source, edit.source), text(&target, edit.target))).collect()
    }

    fn edit(kind: Kind, source: &str, target: &str) -> (Kind, String, String) {
        (kind, source.into(), target.into())
    }

    #[test]
    fn changes_in_a_row_are_one_edit() {
        assert_eq!(edits(&[(M, 1), (D, 2), (M, 1)], "甲一二乙", "甲乙"), [edit(D, "一二", "")]);
        assert_eq!(edits(&[(I, 2), (M, 1)], "甲", "一二甲"), [edit(I, "", "一二")]);
        assert_eq!(edits(&[(S, 2), (M, 1)], "一二甲", "三四甲"), [edit(S, "一二", "三四")]);
        assert_eq!(edits(&[(S, 1), (D, 1), (M, 1)], "一二甲", "三甲"), [edit(S, "一二", "三")]);
    }

    #[test]
    fn deletions_beside_insertions_alone_stay_apart() {
        assert_eq!(edits(&[(D, 1), (I, 1), (M, 1)], "一甲", "二甲"), [edit(D, "一", ""), edit(I, "", "二")]);
        let (all, one) = ([(D, 1), (S, 1), (I, 1)], [edit(S, "一二", "三四")]);
        assert_eq!(edits(&all, "一二", "三四"), one);
    }

    #[test]
    fn transpositions_stay_as_they_are() {
        assert_eq!(
            edits(&[(T, 2), (T, 2)], "一二三四", "二一四三"),
            [edit(T, "一二", "二一"), edit(T, "三四", "四三")]
        );
        assert_eq!(edits(&[(T, 2), (D, 1)], "一二三", "二一"), [edit(T, "一二", "二一"), edit(D, "三", "")]);
    }

    #[test]
    fn words_that_change_places_are_one_transposition() {
        let swapped = |source, target| edits(&[(S, 1), (M, 1), (S, 1)], source, target);
        assert_eq!(swapped("一和二", "二和一"), [edit(T, "一和二", "二和一")]);
        // Of single characters both must be the same.
        assert_eq!(swapped("一和二", "二和三"), [edit(S, "一", "二"), edit(S, "二", "三")]);
        let words = |source, target| edits(&[(S, 2), (M, 1), (S, 2)], source, target);
        assert_eq!(words("一二和三四", "三四和一五"), [edit(T, "一二和三四", "三四和一五")]);
        assert_eq!(words("一二和三四", "三四和五六"), [edit(S, "一二", "三四"), edit(S, "三四", "五六")]);
    }

    #[test]
    fn a_word_that_moves_is_one_transposition() {
        let back = |count: usize, source, target| edits(&[(D, count), (M, 1), (I, count)], source, target);
        assert_eq!(back(1, "一和", "和一"), [edit(T, "一和", "和一")]);
        assert_eq!(back(1, "一和", "和二"), [edit(D, "一", ""), edit(I, "", "二")]);
        assert_eq!(back(2, "一二和", "和一三"), [edit(T, "一二和", "和一三")]);
        // Turned: 二三一 of 一二三, which is three characters from it.
        assert_eq!(back(3, "一二三和", "和二三一"), [edit(T, "一二三和", "和二三一")]);
        assert_eq!(back(3, "一二三和", "和三二一"), [edit(D, "一二三", ""), edit(I, "", "三二一")]);
        // To the front, and over a transposition.
        assert_eq!(edits(&[(I, 1), (M, 1), (D, 1)], "和一", "一和"), [edit(T, "和一", "一和")]);
        assert_eq!(edits(&[(D, 1), (T, 2), (I, 1)], "一二三", "三二一"), [edit(T, "一二三", "三二一")]);
    }

    #[test]
    fn words_of_other_lengths_move_where_one_character_is_all_that_differs() {
        let moved = |steps: &[(Kind, usize)], source, target| edits(steps, source, target);
        assert_eq!(moved(&[(D, 3), (M, 1), (I, 2)], "一二三和", "和一三"), [edit(T, "一二三和", "和一三")]);
        assert_eq!(moved(&[(D, 2), (M, 1), (I, 1)], "一二和", "和一"), [edit(D, "一二", ""), edit(I, "", "一")]);
        assert_eq!(moved(&[(D, 4), (M, 1), (I, 2)], "一二三四和", "和一二").len(), 2);
    }

    #[test]
    fn marks_do_not_move() {
        assert_eq!(edits(&[(D, 1), (M, 1), (I, 1)], "，和", "和，"), [edit(D, "，", ""), edit(I, "", "，")]);
        // No mark, as the list has it.
        assert_eq!(edits(&[(D, 1), (M, 1), (I, 1)], "。和", "和。"), [edit(T, "。和", "和。")]);
    }

    #[test]
    fn what_both_sides_begin_or_end_with_is_no_change() {
        let one = |source: &str, target: &str| {
            let (source, target): (Vec<char>, Vec<char>) = (source.chars().collect(), target.chars().collect());
            let step = Step { kind: S, source: (0, source.len()), target: (0, target.len()) };
            let edit = trimmed(step, &source, &target)?;
            let text = |of: &[char], (start, end): (usize, usize)| of[start..end].iter().collect::<String>();
            Some((edit.kind, text(&source, edit.source), text(&target, edit.target)))
        };
        assert_eq!(one("一二三", "一四三"), Some(edit(S, "二", "四")));
        assert_eq!(one("一二", "一三二"), Some(edit(I, "", "三")));
        assert_eq!(one("一三二", "一二"), Some(edit(D, "三", "")));
        assert_eq!(one("一二", "一二"), None);
        // 一 ends both, but the beginning has taken it: the end is left as it is.
        assert_eq!(one("一二一", "一"), Some(edit(D, "二一", "")));
        assert_eq!(one("一二", "三四"), Some(edit(S, "一二", "三四")));
    }
}
