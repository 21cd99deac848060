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
