//! Aligns two sentences by character at the least cost, and keeps every way that costs no more.
//!
//! Damerau, "A technique for computer detection and correction of spelling errors", 1964, with transpositions of more
//! than two characters as in Felice, Bryant and Briscoe, "Automatic extraction of learner errors in ESL sentences
//! using linguistically enhanced alignments", 2016.

use super::{cost::substitution, tables::Token};

/// Characters by which sentences may differ in length for all alignments to be looked at, and not the first alone.
const MAX_DIFFERENCE: usize = 10;

/// What becomes of a stretch of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Match,
    Transposition,
    Substitution,
    Insertion,
    Deletion,
}

/// A stretch of the source and what stands in its place: from a character on, to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Step {
    pub(super) kind: Kind,
    pub(super) source: (usize, usize),
    pub(super) target: (usize, usize),
}

/// The cheapest ways to the place behind some characters of the source and some of the target.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    cost: f64,
    is_match: bool,
    /// Characters of a transposition; 0 for none.
    transposed: usize,
    substitution: bool,
    insertion: bool,
    deletion: bool,
}

/// All cheapest alignments of two sentences.
pub(super) struct Alignment {
    cells: Vec<Cell>,
    num_source: usize,
    num_target: usize,
}

impl Alignment {
    pub(super) fn of(source: &[Token], target: &[Token]) -> Self {
        let (num_source, num_target) = (source.len(), target.len());
        let cells = vec![Cell::default(); (num_source + 1) * (num_target + 1)];
        let mut alignment = Self { cells, num_source, num_target };
        for i in 0..=num_source {
            for j in 0..=num_target {
                *alignment.at_mut(i, j) = match (i, j) {
                    (0, 0) => Cell::default(),
                    (_, 0) => Cell { cost: i as f64, deletion: true, ..Cell::default() },
                    (0, _) => Cell { cost: j as f64, insertion: true, ..Cell::default() },
                    _ => alignment.cell(source, target, i - 1, j - 1),
                };
            }
        }
        alignment
    }

    fn at(&self, i: usize, j: usize) -> &Cell {
        &self.cells[i * (self.num_target + 1) + j]
    }

    fn at_mut(&mut self, i: usize, j: usize) -> &mut Cell {
        &mut self.cells[i * (self.num_target + 1) + j]
    }

    /// The cell behind the characters `i` and `j`.
    fn cell(&self, source: &[Token], target: &[Token], i: usize, j: usize) -> Cell {
        if source[i].character == target[j].character {
            return Cell { cost: self.at(i, j).cost, is_match: true, ..Cell::default() };
        }
        let deletion = self.at(i, j + 1).cost + 1.0;
        let insertion = self.at(i + 1, j).cost + 1.0;
        let substitution = self.at(i, j).cost + substitution(&source[i], &target[j]);
        let (transposed, transposition) = self.transposition(source, target, i, j).unwrap_or((0, f64::INFINITY));
        let cost = transposition.min(substitution).min(insertion).min(deletion);
        Cell {
            cost,
            is_match: false,
            transposed: if transposition == cost { transposed } else { 0 },
            substitution: substitution == cost,
            insertion: insertion == cost,
            deletion: deletion == cost,
        }
    }

    /// The shortest stretch that ends with the characters `i` and `j` and has the same ones in another order, and what
    /// the way to its end costs: one less than it has characters. It stops at a match.
    fn transposition(&self, source: &[Token], target: &[Token], i: usize, j: usize) -> Option<(usize, f64)> {
        let code = |token: &Token| u64::from(u32::from(token.character));
        // Stretches of the same characters have the same sum of squares; few others do.
        let mut sums = (code(&source[i]).pow(2), code(&target[j]).pow(2));
        for k in 1..=i.min(j) {
            let before = self.at(i - k, j - k).cost;
            if self.at(i - k + 1, j - k + 1).cost == before {
                return None;
            }
            sums = (sums.0 + code(&source[i - k]).pow(2), sums.1 + code(&target[j - k]).pow(2));
            if sums.0 == sums.1 && sorted(&source[i - k..=i]) == sorted(&target[j - k..=j]) {
                return Some((k + 1, before + k as f64));
            }
        }
        None
    }

    /// Whether the first alignment alone counts.
    fn has_first_alone(&self) -> bool {
        self.num_source.abs_diff(self.num_target) > MAX_DIFFERENCE
    }

    /// How many alignments there are, or more than can be counted.
    pub(super) fn count(&self) -> u64 {
        if self.has_first_alone() {
            return 1;
        }
        let mut counts: Vec<u64> = Vec::with_capacity(self.cells.len());
        for i in 0..=self.num_source {
            for j in 0..=self.num_target {
                let ways =
                    self.steps_to(i, j).map(|step| counts[step.source.0 * (self.num_target + 1) + step.target.0]);
                counts.push(if i + j == 0 { 1 } else { ways.fold(0, u64::saturating_add) });
            }
        }
        counts.last().copied().unwrap_or_default()
    }

    /// The last steps of the ways to a place, in the order in which ties are broken.
    fn steps_to(&self, i: usize, j: usize) -> impl Iterator<Item = Step> + use<> {
        let Cell { is_match, transposed, substitution, insertion, deletion, .. } = *self.at(i, j);
        let steps = [
            (is_match, Kind::Match, 1, 1),
            (transposed > 0, Kind::Transposition, transposed, transposed),
            (substitution, Kind::Substitution, 1, 1),
            (insertion, Kind::Insertion, 0, 1),
            (deletion, Kind::Deletion, 1, 0),
        ];
        let steps = steps.into_iter().filter(|(is_cheapest, ..)| *is_cheapest);
        steps.map(move |(_, kind, m, n)| Step { kind, source: (i - m, i), target: (j - n, j) })
    }

    /// The alignment of which each step, from the end on, is the first of those that cost the same.
    pub(super) fn first(&self) -> Vec<Step> {
        let (mut i, mut j) = (self.num_source, self.num_target);
        let mut steps = Vec::new();
        while let Some(step) = self.steps_to(i, j).next() {
            (i, j) = (step.source.0, step.target.0);
            steps.push(step);
        }
        steps.reverse();
        steps
    }

    /// Every alignment that counts, one after the other.
    pub(super) fn for_each(&self, mut each: impl FnMut(&[Step])) {
        if self.has_first_alone() {
            return each(&self.first());
        }
        // Ways to go back from a place, the last one first; the steps from there to the end are as many as it says.
        let mut open: Vec<(usize, Step)> = Vec::new();
        let mut steps: Vec<Step> = Vec::new();
        let (mut i, mut j) = (self.num_source, self.num_target);
        loop {
            if i + j == 0 {
                each(&steps.iter().rev().copied().collect::<Vec<_>>());
            }
            open.extend(self.steps_to(i, j).map(|step| (steps.len(), step)));
            let Some((num_after, step)) = open.pop() else { return };
            steps.truncate(num_after);
            steps.push(step);
            (i, j) = (step.source.0, step.target.0);
        }
    }
}

fn sorted(tokens: &[Token]) -> Vec<char> {
    let mut characters: Vec<char> = tokens.iter().map(|token| token.character).collect();
    characters.sort_unstable();
    characters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proofreading::tables::tests::tables;

    /// The cost of the cheapest alignments, and each of them as a letter a step.
    fn aligned(source: &str, target: &str) -> (f64, Vec<String>) {
        let tables = tables("Aa01A01= 甲 乙\n", "诉 述\n").unwrap();
        let alignment = Alignment::of(&tables.tokens(source), &tables.tokens(target));
        let letters = |steps: &[Step]| -> String {
            let letter = |step: &Step| match step.kind {
                Kind::Match => 'M',
                Kind::Transposition => 'T',
                Kind::Substitution => 'S',
                Kind::Insertion => 'I',
                Kind::Deletion => 'D',
            };
            steps.iter().map(letter).collect()
        };
        let mut all = Vec::new();
        alignment.for_each(|steps| all.push(letters(steps)));
        assert_eq!(all.len() as u64, alignment.count());
        assert!(all.contains(&letters(&alignment.first())), "{all:?}");
        all.sort_unstable();
        (alignment.cells.last().unwrap().cost, all)
    }

    #[test]
    fn changes_cost_what_they_change() {
        assert_eq!(aligned("甲偷车", "甲偷车"), (0.0, vec!["MMM".into()]));
        assert_eq!(aligned("甲偷", "甲偷车"), (1.0, vec!["MMI".into()]));
        assert_eq!(aligned("甲偷车", "偷车"), (1.0, vec!["DMM".into()]));
        assert_eq!(aligned("上诉", "上述"), (4.0 / 6.0 + 0.25, vec!["MS".into()]));
        assert_eq!(aligned("", "车"), (1.0, vec!["I".into()]));
    }

    #[test]
    fn characters_in_another_order_are_one_transposition() {
        assert_eq!(aligned("甲车乙", "车甲乙"), (1.0, vec!["TM".into()]));
        // Three cost two, as much as to take one out and to put it back in; two matches stand between that.
        assert_eq!(aligned("偷车乙", "乙偷车"), (2.0, vec!["IMMD".into(), "T".into()]));
        assert_eq!(aligned("偷车乙偷", "乙偷车偷"), (2.0, vec!["IMMDM".into(), "TM".into()]));
        // Past a match nothing is looked for: behind 的 both have the same.
        assert_eq!(aligned("偷的车", "车的偷").1, ["SMS"]);
    }

    #[test]
    fn every_cheapest_alignment_is_kept_and_no_other() {
        assert_eq!(aligned("他他", "走他的").1, ["IMS", "SMI"]);
        assert_eq!(aligned("他他，他他", "走他的，走他的").1, ["IMSMIMS", "IMSMSMI", "SMIMIMS", "SMIMSMI"]);
        // What is the same is a match, whatever else would cost as little.
        assert_eq!(aligned("他了了走", "他了走"), (1.0, vec!["MDMM".into()]));
    }

    #[test]
    fn of_sentences_of_very_different_length_the_first_alignment_alone_counts() {
        let of_excess = |num_more: usize| aligned("他他", &format!("走他的{}", "走".repeat(num_more - 1))).1.len();
        assert!(of_excess(10) > 1);
        assert_eq!(of_excess(11), 1);
    }

    #[test]
    fn more_alignments_than_can_be_counted_are_counted_as_many() {
        let tables = tables("Aa01A01= 甲\n", "诉 述\n").unwrap();
        // What stands between is the same and nowhere else, so that it stays in its place.
        let between = |at: u32| String::from_iter((0..3).filter_map(|k| char::from_u32(0x5000 + 3 * at + k)));
        let count = |times: u32| {
            let places = (0..times).map(|at| (between(2 * at), between(2 * at + 1)));
            let source: String = places.clone().map(|(a, b)| format!("他他{a}走他的{b}")).collect();
            let target: String = places.map(|(a, b)| format!("走他的{a}他他{b}")).collect();
            Alignment::of(&tables.tokens(&source), &tables.tokens(&target)).count()
        };
        assert_eq!([count(1), count(2), count(10)], [4, 16, 1 << 20]);
        assert_eq!(count(40), u64::MAX);
    }
}
