//! Reads what is known of characters: their classes of meaning, those they are mistaken for, and their sounds.
//!
//! Classes and confusions come from files whose licences are unclear, so that they are read from a path; sounds and
//! simplified forms from libraries.

use std::{path::Path, str::FromStr};

use encoding_rs::GBK;
use ferrous_opencc::{OpenCC, config::BuiltinConfig};
use pinyin::ToPinyinMulti as _;
use rustc_hash::FxHashMap;

use crate::{Error, Result};

/// A thesaurus, 同义词词林: a class and its words a line, in GBK.
const CLASSES: &str = "cilin.txt";

/// A character and those it is mistaken for a line, in UTF-8.
const CONFUSIONS: &str = "confusion_dict.txt";

/// A class of meaning at three levels, the widest first: `Aa01` is A, a, 01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class {
    levels: [u16; 3],
}

impl Class {
    /// Levels at which two classes are the same.
    pub(super) fn num_shared(self, other: Self) -> usize {
        self.levels.iter().zip(other.levels).filter(|(a, b)| **a == *b).count()
    }
}

impl FromStr for Class {
    type Err = &'static str;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        match code.as_bytes() {
            [high, middle, tens, ones, ..] if code.is_ascii() => {
                Ok(Self { levels: [u16::from(*high), u16::from(*middle), u16::from_be_bytes([*tens, *ones])] })
            }
            _ => Err("the line does not begin with a class such as Aa01"),
        }
    }
}

/// A character with what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub(super) character: char,
    pub(super) class: Option<Class>,
    pub(super) sounds: Vec<&'static str>,
    pub(super) confusions: &'a [char],
}

/// What is known of characters.
pub(super) struct Tables {
    classes: FxHashMap<char, Class>,
    confusions: FxHashMap<char, Vec<char>>,
    to_simplified: OpenCC,
}

impl Tables {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(CLASSES);
        let bytes = fs_err::read(&path)?;
        let (text, is_damaged) = GBK.decode_without_bom_handling(&bytes);
        if is_damaged {
            return Err(Error::invalid(&path, "not text in GBK"));
        }
        let classes = lines(&path, &text, classes_of)?;
        let path = folder.join(CONFUSIONS);
        let confusions = lines(&path, &fs_err::read_to_string(&path)?, confusions_of)?;
        let to_simplified = OpenCC::from_config(BuiltinConfig::T2s)
            .map_err(|e| Error::invalid(folder, format!("the library's own table of simplified characters: {e}")))?;
        Ok(Self { classes, confusions, to_simplified })
    }

    /// A text in simplified characters.
    pub(super) fn simplified(&self, text: &str) -> String {
        self.to_simplified.convert(text)
    }

    /// The characters of a text.
    pub(super) fn tokens(&self, text: &str) -> Vec<Token<'_>> {
        let token = |character| Token {
            character,
            class: self.classes.get(&character).copied(),
            sounds: sounds(character),
            confusions: self.confusions.get(&character).map_or(&[], Vec::as_slice),
        };
        text.chars().map(token).collect()
    }
}

/// Every way to say a character, without its tone.
fn sounds(character: char) -> Vec<&'static str> {
    let Some(all) = character.to_pinyin_multi() else { return Vec::new() };
    all.into_iter().map(|sound| sound.plain()).collect()
}

/// Characters of a line with what it says of them, or what is wrong with it.
type Entries<T> = Result<Vec<(char, T)>, &'static str>;

/// Of characters that several lines have, the last line counts.
fn lines<T>(path: &Path, text: &str, read: fn(&str) -> Entries<T>) -> Result<FxHashMap<char, T>> {
    let mut table = FxHashMap::default();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        table.extend(read(line).map_err(|what| Error::invalid(path, format!("line {number}: {what}")))?);
    }
    if table.is_empty() {
        return Err(Error::invalid(path, "no characters"));
    }
    Ok(table)
}

fn classes_of(line: &str) -> Entries<Class> {
    let mut words = line.split(' ');
    let class: Class = words.next().unwrap_or_default().parse()?;
    Ok(words.filter_map(only_character).map(|character| (character, class)).collect())
}

fn confusions_of(line: &str) -> Entries<Vec<char>> {
    let mut words = line.split(' ');
    let of = match words.next() {
        // A line of the published table lacks the character that it is about.
        None | Some("") => return Ok(Vec::new()),
        Some(word) => only_character(word).ok_or("the line does not begin with one character and a space")?,
    };
    let mut confusions: Vec<char> = words.filter_map(only_character).collect();
    confusions.sort_unstable();
    Ok(vec![(of, confusions)])
}

/// The character of a word of one.
fn only_character(word: &str) -> Option<char> {
    let mut characters = word.chars();
    characters.next().filter(|_| characters.next().is_none())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Tables of these lines.
    pub(in super::super) fn tables(classes: &str, confusions: &str) -> Result<Tables> {
        let folder = tempfile::tempdir().expect("a folder");
        fs_err::write(folder.path().join(CLASSES), GBK.encode(classes).0)?;
        fs_err::write(folder.path().join(CONFUSIONS), confusions)?;
        Tables::read(folder.path())
    }

    #[test]
    fn characters_have_the_class_of_their_last_line() {
        let tables = tables("Aa01A01= 人 士 人物\r\nBb02B01= 士 子\n\n", "人 入 八\n").unwrap();
        let classes: Vec<_> = tables.tokens("人士子人物").iter().map(|token| token.class).collect();
        let (a, b) = (Some("Aa01".parse().unwrap()), Some("Bb02".parse().unwrap()));
        assert_eq!(classes, [a, b, b, a, None]);
    }

    #[test]
    fn characters_have_their_sounds_and_confusions() {
        let tables = tables("Aa01A01= 人\n", "行 衍 街\n").unwrap();
        let tokens = tables.tokens("行a");
        assert_eq!(tokens[0].confusions, ['衍', '街']);
        assert!(["hang", "xing"].iter().all(|sound| tokens[0].sounds.contains(sound)), "{:?}", tokens[0].sounds);
        assert!(tokens[1].sounds.is_empty() && tokens[1].confusions.is_empty());
        assert_eq!(tables.simplified("證據確實"), "证据确实");
    }

    #[test]
    fn tables_of_another_form_are_named_with_their_line() {
        let refused = |classes: &str, confusions: &str, expected: &str| {
            let error = tables(classes, confusions).err().expect("an error").to_string();
            assert!(error.contains(expected), "{error}");
        };
        refused("Aa01A01= 人\n人 士\n", "人 入\n", "cilin.txt: line 2: the line does not begin with a class");
        refused("", "人 入\n", "cilin.txt: no characters");
        refused("Aa01A01= 人\n", "人 入\n\n人物 入\n", "confusion_dict.txt: line 3: the line does not begin with one");
        let folder = tempfile::tempdir().unwrap();
        assert!(Tables::read(folder.path()).err().unwrap().to_string().contains("cilin.txt"));
    }
}
