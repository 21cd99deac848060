//! Defines where in its file a record lies: from the start of its first line to the start of the next record.

use std::collections::VecDeque;

/// The bytes of the records of one file, told as its lines are read.
#[derive(Debug, Default)]
pub struct Offsets {
    /// Number and first byte of each line from the first that may still belong to a record that is not emitted.
    starts: VecDeque<(u32, u64)>,
    /// Byte after the last line read.
    end: u64,
    /// Whether the file is one record.
    is_whole: bool,
}

impl Offsets {
    /// Those of lines that begin at byte `start`.
    pub fn from(start: u64) -> Self {
        Self { end: start, ..Self::default() }
    }

    /// Those of a file that is one record.
    pub fn whole(bytes: u64) -> Self {
        Self { end: bytes, is_whole: true, ..Self::default() }
    }

    /// Line `number` was read.
    pub fn line(&mut self, number: u32, bytes: u64) {
        self.starts.push_back((number, self.end));
        self.end += bytes;
    }

    /// First byte of the record that begins at a line, and the byte after its last. It ends with the last line read,
    /// where it began there, and else before that line, which belongs to the next record.
    pub fn of(&mut self, record: Option<u32>, is_last: bool) -> Option<(u64, u64)> {
        let Some(record) = record else { return self.is_whole.then_some((0, self.end)) };
        while self.starts.front().is_some_and(|(line, _)| *line < record) {
            self.starts.pop_front();
        }
        let (_, start) = *self.starts.front().filter(|(line, _)| *line == record)?;
        let (last, last_start) = *self.starts.back()?;
        Some((start, if last == record || is_last { self.end } else { last_start }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_ends_where_the_next_begins() {
        let mut offsets = Offsets::from(100);
        offsets.line(5, 10);
        assert_eq!(offsets.of(Some(5), false), Some((100, 110)), "a line of its own");
        for line in 6..=8 {
            offsets.line(line, 10);
        }
        assert_eq!(offsets.of(Some(6), false), Some((110, 130)), "up to the line that begins the next");
        assert_eq!(offsets.of(Some(8), true), Some((130, 140)), "the last, to the end of the file");
        assert_eq!(offsets.of(Some(6), false), None, "gone");
        assert_eq!(Offsets::whole(7).of(None, false), Some((0, 7)));
        assert_eq!(Offsets::default().of(Some(3), false), None, "an element of an array");
    }
}
