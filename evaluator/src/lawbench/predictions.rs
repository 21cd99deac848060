//! Reads a file of answers as LawBench lays it out: an object of items under the keys "0", "1" and so on.

use std::{fmt, marker::PhantomData, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use crate::{Error, Result};

/// A model's answer to an item, and what it is judged by.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// What the model answered.
    pub prediction: String,
    /// The reference.
    #[serde(rename = "refr")]
    pub reference: String,
}

/// An answer with what else its file tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Record")]
pub struct Told {
    /// The answer.
    pub answer: Answer,
    /// What the model was asked, as one text.
    pub prompt: Option<String>,
    /// How the answer ended, where the program that made it says so.
    pub outcome: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    prediction: String,
    refr: String,
    origin_prompt: Option<serde_json::Value>,
    outcome: Option<String>,
}

impl From<Record> for Told {
    fn from(record: Record) -> Self {
        let prompt = record.origin_prompt.as_ref().and_then(prompt_text);
        let answer = Answer { prediction: record.prediction, reference: record.refr };
        Self { answer, prompt, outcome: record.outcome }
    }
}

/// A prompt is a text, or turns of a conversation with a text each.
fn prompt_text(prompt: &serde_json::Value) -> Option<String> {
    if let Some(turns) = prompt.as_array() {
        let turns: Vec<&str> = turns.iter().filter_map(|turn| turn["prompt"].as_str()).collect();
        return (!turns.is_empty()).then(|| turns.join("\n"));
    }
    prompt.as_str().map(str::to_owned)
}

/// Read the answers of a file, in the order of their keys.
pub fn read(path: &Path) -> Result<Vec<Answer>> {
    read_items(path)
}

/// Read the answers of a file with what else it tells of them, in the order of their keys.
///
/// Beside `TASK.json` may lie `TASK.jsonl`, in which the program that made the answers says how each ended.
pub fn read_told(path: &Path) -> Result<Vec<Told>> {
    let mut told: Vec<Told> = read_items(path)?;
    let log = path.with_extension("jsonl");
    if log.exists() {
        for Ending { item, stop } in read_endings(&log)? {
            if let Some(told) = told.get_mut(item) {
                told.outcome = Some(stop.unwrap_or_else(|| NO_ROOM.to_owned()));
            }
        }
    }
    Ok(told)
}

/// How an answer ended for which there was no room.
const NO_ROOM: &str = "no_room";

/// What a line of the log says of how an answer ended.
#[derive(Deserialize)]
struct Ending {
    item: usize,
    stop: Option<String>,
}

fn read_endings(path: &Path) -> Result<Vec<Ending>> {
    let text = fs_err::read_to_string(path)?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let ending = |(line, text): (usize, &str)| {
        serde_json::from_str(text).map_err(|source| Error::BadLine { at: path.display().to_string(), line, source })
    };
    lines.map(ending).collect()
}

fn read_items<T: Clone + for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>> {
    let bytes = fs_err::read(path)?;
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    if text.trim_ascii().is_empty() {
        return Err(Error::invalid(path, "the file is empty"));
    }
    let Items(items) = serde_json::from_slice(text)
        .map_err(|source| Error::BadPredictions { at: path.display().to_string(), source })?;
    if items.is_empty() {
        return Err(Error::invalid(path, "no items"));
    }
    in_order(path, items)
}

/// Items in the order of the file, with their keys.
struct Items<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = Items<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of items with `prediction` and `refr`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Items<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = map.next_entry()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_map(Object(PhantomData))
    }
}

/// Check that the keys are 0, 1, … without a gap, in any order.
fn in_order<T: Clone>(path: &Path, items: Vec<(String, T)>) -> Result<Vec<T>> {
    let count = items.len();
    let mut slots: Vec<Option<T>> = vec![None; count];
    for (key, answer) in items {
        let place = key.parse::<usize>().ok().filter(|place| place.to_string() == key);
        let Some(place) = place else {
            return Err(Error::invalid(path, format!("the key {key:?} is not a number from 0 on")));
        };
        let Some(slot) = slots.get_mut(place) else {
            return Err(Error::invalid(path, format!("the key {key:?} is too high for {count} items; one is missing")));
        };
        if slot.replace(answer).is_some() {
            return Err(Error::invalid(path, format!("the key {key:?} occurs twice")));
        }
    }
    // As many different keys below `count` as there are items: none is missing.
    Ok(slots.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Answer>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1-2.json");
        fs_err::write(&path, text).unwrap();
        read(&path).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            assert!(error.to_string().contains("1-2.json"), "{error}");
            format!("{error}{cause}")
        })
    }

    #[test]
    fn items_come_in_the_order_of_their_keys() {
        let text = "\u{feff}{\"1\":{\"prediction\":\"b\",\"refr\":\"B\"},\n\"0\":{\"origin_prompt\":[{\"role\":\"HUMAN\"}],\
                    \"prediction\":\"a\",\"refr\":\"A\"}}";
        let answers = read_text(text).unwrap();
        assert_eq!(answers.iter().map(|answer| answer.prediction.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn prompts_are_texts_or_turns_and_may_be_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1-2.json");
        let text = r#"{"0":{"prediction":"a","refr":"A","origin_prompt":"甲\n乙","outcome":"stop"},
            "1":{"prediction":"a","refr":"A","origin_prompt":[{"prompt":"甲"},{"role":"BOT","prompt":"乙"}]},
            "2":{"prediction":"a","refr":"A","origin_prompt":[{"role":"HUMAN"}]},
            "3":{"prediction":"a","refr":"A"}}"#;
        fs_err::write(&path, text).unwrap();
        let told = read_told(&path).unwrap();
        let prompts: Vec<Option<&str>> = told.iter().map(|told| told.prompt.as_deref()).collect();
        assert_eq!(prompts, [Some("甲\n乙"), Some("甲\n乙"), None, None]);
        assert_eq!(told[0].outcome.as_deref(), Some("stop"));
    }

    #[test]
    fn how_answers_ended_is_read_from_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1-2.json");
        let item = "{\"prediction\":\"a\",\"refr\":\"A\"}";
        fs_err::write(&path, format!("{{\"0\":{item},\"1\":{item},\"2\":{item}}}")).unwrap();
        let log = folder.path().join("1-2.jsonl");
        fs_err::write(
            &log,
            "{\"item\":2,\"stop\":\"loop\"}\n\n{\"item\":1,\"stop\":null}\n{\"item\":9,\"stop\":null}\n",
        )
        .unwrap();
        let outcomes: Vec<Option<String>> = read_told(&path).unwrap().into_iter().map(|told| told.outcome).collect();
        assert_eq!(outcomes, [None, Some("no_room".to_owned()), Some("loop".to_owned())]);
        fs_err::write(&log, "{\"item\":2}\n{\"item\"").unwrap();
        let error = read_told(&path).unwrap_err().to_string();
        assert!(error.contains("1-2.jsonl: line 2"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let refused = |text: &str, expected: &str| {
            let error = read_text(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        let item = "{\"prediction\":\"a\",\"refr\":\"A\"}";
        refused("", "the file is empty");
        refused(" \n", "the file is empty");
        refused("{}", "no items");
        refused("[]", "expected an object of items with `prediction` and `refr` at line 1");
        refused("{\n\"0\": {\"prediction\": \"a\",,}}", "at line 2 column");
        refused("{\"0\":\n{\"prediction\":\"a\"}}", "missing field `refr` at line 2");
        refused("{\"0\":\n{\"refr\":\"a\"}}", "missing field `prediction` at line 2");
        refused("{\"0\":{\"refr\":\"a\",\n\"prediction\":null}}", "invalid type: null, expected a string at line 2");
        refused(&format!("{{\"0\":{item},\"2\":{item}}}"), "the key \"2\" is too high for 2 items; one is missing");
        refused(&format!("{{\"0\":{item},\"00\":{item}}}"), "the key \"00\" is not a number from 0 on");
        refused(&format!("{{\"0\":{item},\"0\":{item}}}"), "the key \"0\" occurs twice");
        refused(&format!("{{\"0\":{item},\"x\":{item}}}"), "the key \"x\" is not a number from 0 on");
        refused(&format!("{{\"0\":{item}"), "at line 1 column");
    }
}
