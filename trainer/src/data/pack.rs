//! Packs texts into rows: best fit into a bounded number of open rows, or one after another without borders.

use serde::{Deserialize, Serialize};

use super::batch::{NO_TARGET, Row};

/// How texts are put into rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    /// A text sees itself only, and its positions start at 0. Only texts longer than a row are cut.
    #[default]
    Texts,
    /// Texts follow one another, rows are cut anywhere, and every token sees the whole row before it.
    Concatenate,
}

/// A text, or a part of one that fits into a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Its tokens.
    pub tokens: Vec<u32>,
    /// By token: the token that should follow, or [`NO_TARGET`].
    pub targets: Vec<u32>,
}

impl Text {
    /// All tokens learn the next one.
    pub fn plain(tokens: Vec<u32>) -> Self {
        let targets = tokens.iter().skip(1).copied().chain([NO_TARGET]).collect();
        Self { tokens, targets }
    }
}

/// Puts texts into rows of `seq_len` tokens.
///
/// Best fit keeps texts whole where a plain cut would not (Ding et al., "Fewer truncations improve language
/// modeling", 2024): a text goes into the open row that it fills best, and the fullest row is closed when none has room.
/// At the very end, where nothing more comes to fill the open rows, texts that may be cut are cut to fill them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packer {
    seq_len: usize,
    packing: Packing,
    may_cut: bool,
    /// The rows that are not full yet.
    open: Vec<Row>,
}

/// Open rows: more fill better and hold texts back longer.
const MAX_OPEN: usize = 256;

impl Packer {
    /// A packer for rows of `seq_len` tokens; `may_cut` says that part of a text is worth as much as a whole one.
    pub fn new(seq_len: usize, packing: Packing, may_cut: bool) -> Self {
        Self { seq_len, packing, may_cut, open: Vec::new() }
    }

    /// Take in a text; the rows that it closes.
    pub fn push(&mut self, text: &Text) -> Vec<Row> {
        let mut closed = Vec::new();
        match self.packing {
            Packing::Concatenate => {
                let mut from = 0;
                while from < text.tokens.len() {
                    if self.open.is_empty() {
                        self.open.push(empty());
                    }
                    let row = &mut self.open[0];
                    let to = text.tokens.len().min(from + self.seq_len - row.tokens.len());
                    append(row, &text.tokens[from..to], &text.targets[from..to], false);
                    if row.tokens.len() == self.seq_len {
                        closed.append(&mut self.open);
                    }
                    from = to;
                }
            }
            Packing::Texts => {
                for (tokens, targets) in text.tokens.chunks(self.seq_len).zip(text.targets.chunks(self.seq_len)) {
                    closed.extend(self.place(tokens, targets));
                }
            }
        }
        closed
    }

    fn place(&mut self, tokens: &[u32], targets: &[u32]) -> Option<Row> {
        let room = |row: &Row| self.seq_len - row.tokens.len();
        let fits = |(_, row): &(usize, &Row)| room(row) >= tokens.len();
        let best = self.open.iter().enumerate().filter(fits).min_by_key(|(at, row)| (room(row), *at)).map(|(at, _)| at);
        if let Some(at) = best {
            append(&mut self.open[at], tokens, targets, true);
            return (self.open[at].tokens.len() == self.seq_len).then(|| self.open.remove(at));
        }
        let mut row = empty();
        append(&mut row, tokens, targets, true);
        if tokens.len() == self.seq_len {
            return Some(row);
        }
        self.open.push(row);
        (self.open.len() > MAX_OPEN).then(|| self.close_fullest())
    }

    fn close_fullest(&mut self) -> Row {
        let fullest = (0..self.open.len()).min_by_key(|at| self.seq_len - self.open[*at].tokens.len()).unwrap_or(0);
        self.padded(fullest)
    }

    fn padded(&mut self, at: usize) -> Row {
        let mut row = self.open.remove(at);
        let last = row.texts.last().map_or(0, |text| text + 1);
        let missing = self.seq_len - row.tokens.len();
        // Filling is a text of its own that nothing is learned from.
        row.tokens.resize(self.seq_len, 0);
        row.targets.resize(self.seq_len, NO_TARGET);
        row.positions.extend(0..missing as u32);
        row.texts.resize(self.seq_len, last);
        row
    }

    /// Close what is open: cut to fill rows where texts may be cut, else fullest first.
    pub fn finish(&mut self) -> Vec<Row> {
        let mut closed = Vec::new();
        if self.may_cut && self.packing == Packing::Texts {
            let left = std::mem::take(&mut self.open);
            for row in left {
                let mut from = 0;
                for text in row.texts.chunk_by(|a, b| a == b) {
                    let to = from + text.len();
                    closed.extend(self.cut_in(&row.tokens[from..to], &row.targets[from..to]));
                    from = to;
                }
            }
        }
        while !self.open.is_empty() {
            closed.push(self.close_fullest());
        }
        closed
    }

    /// Put a text into the one open row and, what does not fit, into the next.
    fn cut_in(&mut self, tokens: &[u32], targets: &[u32]) -> Option<Row> {
        let room = self.open.first().map_or(self.seq_len, |row| self.seq_len - row.tokens.len());
        let fits = room.min(tokens.len());
        let closed = self.place(&tokens[..fits], &targets[..fits]);
        if fits < tokens.len() {
            self.place(&tokens[fits..], &targets[fits..]);
        }
        closed
    }
}

fn empty() -> Row {
    Row { tokens: Vec::new(), targets: Vec::new(), positions: Vec::new(), texts: Vec::new() }
}

fn append(row: &mut Row, tokens: &[u32], targets: &[u32], with_border: bool) {
    let text = row.texts.last().map_or(0, |text| text + u32::from(with_border));
    let first = if with_border { 0 } else { row.tokens.len() as u32 };
    // Without borders the last token of a text learns the first of the next.
    if !with_border
        && let Some(last) = row.targets.last_mut()
        && *last == NO_TARGET
    {
        *last = tokens[0];
    }
    row.tokens.extend_from_slice(tokens);
    row.targets.extend_from_slice(targets);
    row.positions.extend((0..tokens.len() as u32).map(|at| first + at));
    row.texts.extend(std::iter::repeat_n(text, tokens.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lengths: &[usize]) -> Vec<Text> {
        let mut next = 100;
        let text = |length: &usize| {
            next += 1000;
            Text::plain((next..next + *length as u32).collect())
        };
        lengths.iter().map(text).collect()
    }

    fn packed(lengths: &[usize], seq_len: usize, packing: Packing, may_cut: bool) -> Vec<Row> {
        let mut packer = Packer::new(seq_len, packing, may_cut);
        let mut rows: Vec<Row> = texts(lengths).iter().flat_map(|text| packer.push(text)).collect();
        rows.extend(packer.finish());
        rows
    }

    #[test]
    fn every_token_is_in_one_row_and_learns_the_next_of_its_text() {
        for may_cut in [false, true] {
            check_rows(&[5, 3, 17, 1, 8, 2, 9, 4, 6], may_cut);
        }
    }

    fn check_rows(lengths: &[usize], may_cut: bool) {
        let rows = packed(lengths, 8, Packing::Texts, may_cut);
        let (mut seen, mut learned) = (Vec::new(), 0);
        for row in &rows {
            assert!([&row.targets, &row.positions, &row.texts].iter().all(|column| column.len() == 8));
            for at in 0..8 {
                if row.tokens[at] != 0 {
                    seen.push(row.tokens[at]);
                }
                if row.targets[at] != NO_TARGET {
                    assert_eq!(row.targets[at], row.tokens[at] + 1);
                    learned += 1;
                }
                let starts = at == 0 || row.texts[at] != row.texts[at - 1];
                assert_eq!(row.positions[at] == 0, starts);
            }
        }
        seen.sort_unstable();
        let all: Vec<u32> = texts(lengths).into_iter().flat_map(|text| text.tokens).collect();
        assert_eq!(seen, all);
        assert_eq!(learned, lengths.iter().sum::<usize>() - lengths.len());
    }

    #[test]
    fn texts_that_fit_each_other_share_a_row() {
        let rows = packed(&[5, 6, 3, 2], 8, Packing::Texts, false);
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.tokens.iter().all(|token| *token != 0)));
    }

    #[test]
    fn at_the_end_texts_that_may_be_cut_fill_all_rows_but_the_last() {
        let lengths = [5, 6, 5, 6, 5, 6];
        let filling =
            |may_cut| packed(&lengths, 8, Packing::Texts, may_cut).iter().map(Row::filling).collect::<Vec<_>>();
        assert_eq!(filling(false), [2, 2, 2, 3, 3, 3]);
        assert_eq!(filling(true), [0, 0, 0, 0, 7]);
    }

    #[test]
    fn concatenated_rows_have_no_borders() {
        let rows = packed(&[5, 6, 5], 8, Packing::Concatenate, false);
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.texts.iter().all(|text| *text == 0)));
        assert_eq!(rows[0].positions, (0..8).collect::<Vec<u32>>());
        assert_eq!(rows[0].targets[4], rows[0].tokens[5], "the end of a text learns the start of the next");
    }
}
