//! Defines the instruction schemas that public sets use, and the one record they all become.

use serde_json::Value;

use super::records::kind_of;
use crate::outcome::{Reason, Rejection};

/// An instruction with its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstructionRecord {
    /// What is asked.
    pub instruction: String,
    /// Material that goes with it.
    pub input: String,
    /// The answer.
    pub output: String,
    /// Earlier turns, oldest first: question and answer.
    pub history: Vec<(String, String)>,
    /// Id of the article that a generated record rests on, by its provenance.
    pub article: Option<String>,
}

impl InstructionRecord {
    /// Characters of all its parts.
    pub fn num_chars(&self) -> usize {
        let turns = self.history.iter().flat_map(|(q, a)| [q, a]);
        [&self.instruction, &self.input, &self.output].into_iter().chain(turns).map(|t| t.chars().count()).sum()
    }
}

/// Read a record of any schema we know: Alpaca's (also inside a one-element list, as lawyer-llama has
/// it), question and answer, lawyer-llama's tagged turns with articles, or messages with roles.
///
/// # Errors
/// A record without a question or without an answer; says which keys it has.
pub fn parse(value: Value) -> Result<InstructionRecord, Rejection> {
    let value = match value {
        Value::Array(mut list) if list.len() == 1 => list.remove(0),
        other => other,
    };
    let record = tagged_turns(&value).or_else(|| messages(&value)).or_else(|| question_and_answer(&value));
    match record {
        Some(mut record) if !record.instruction.is_empty() && !record.output.is_empty() => {
            record.article = value.pointer("/provenance/article").and_then(Value::as_str).map(str::to_owned);
            Ok(record)
        }
        _ => {
            let saw = match &value {
                Value::Object(object) => object.keys().take(8).cloned().collect::<Vec<_>>().join(", "),
                other => kind_of(other).to_owned(),
            };
            let detail = format!("no question with an answer under a schema we know; saw {saw}");
            Err(Rejection::new(Reason::Incomplete, detail))
        }
    }
}

fn text(value: &Value, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| value.get(key)?.as_str()).map(|t| t.trim().to_owned())
}

fn question_and_answer(value: &Value) -> Option<InstructionRecord> {
    let instruction = text(value, &["instruction", "question", "query", "prompt"])?;
    let output = text(value, &["output", "answer", "response"])?;
    let input = text(value, &["input"]).unwrap_or_default();
    let turns = value.get("history").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let history = turns
        .iter()
        .filter_map(|turn| Some((turn.get(0)?.as_str()?.trim().to_owned(), turn.get(1)?.as_str()?.trim().to_owned())))
        .collect();
    // Alpaca records with an empty instruction carry the question as their input.
    let (instruction, input) = if instruction.is_empty() { (input, String::new()) } else { (instruction, input) };
    Some(InstructionRecord { instruction, input, output, history, article: None })
}

/// `{"query", "laws": [...], "history": ["[客户] ...", "[律师] ..."]}`: the last answer is the output.
fn tagged_turns(value: &Value) -> Option<InstructionRecord> {
    let turns = value.get("history")?.as_array()?;
    let tagged = turns.iter().map(|turn| {
        let turn = turn.as_str()?.trim();
        let question = turn.strip_prefix("[客户]").map(|t| (true, t));
        question.or_else(|| turn.strip_prefix("[律师]").map(|t| (false, t)))
    });
    let tagged: Vec<(bool, &str)> = tagged.collect::<Option<_>>()?;
    let laws: Vec<&str> =
        value.get("laws").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    conversation(tagged.into_iter(), laws.join("\n"))
}

/// `{"messages": [{"role", "content"}]}` or `{"conversations": [{"from", "value"}]}`.
fn messages(value: &Value) -> Option<InstructionRecord> {
    let turns = ["messages", "conversations"].iter().find_map(|key| value.get(key)?.as_array())?;
    let turns: Vec<(bool, &str)> = turns
        .iter()
        .filter_map(|turn| {
            let role = turn.get("role").or_else(|| turn.get("from"))?.as_str()?;
            let said = turn.get("content").or_else(|| turn.get("value"))?.as_str()?;
            match role {
                "user" | "human" => Some((true, said)),
                "assistant" | "gpt" => Some((false, said)),
                _ => None,
            }
        })
        .collect();
    conversation(turns.into_iter(), String::new())
}

/// Fold turns (true: a question) into a record; neighbouring turns of one side are joined.
fn conversation<'a>(turns: impl Iterator<Item = (bool, &'a str)>, input: String) -> Option<InstructionRecord> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (is_question, said) in turns {
        let said = said.trim();
        match pairs.last_mut() {
            Some((question, answer)) if is_question && answer.is_empty() => push_line(question, said),
            _ if is_question => pairs.push((said.to_owned(), String::new())),
            Some((_, answer)) => push_line(answer, said),
            None => return None,
        }
    }
    // A last question that nobody answered teaches nothing.
    while pairs.last().is_some_and(|(_, answer)| answer.is_empty()) {
        pairs.pop();
    }
    let (instruction, output) = pairs.pop()?;
    Some(InstructionRecord { instruction, input, output, history: pairs, article: None })
}

fn push_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<InstructionRecord> {
        parse(serde_json::from_str(json).expect("json")).ok()
    }

    #[test]
    fn alpaca_lists_of_one_and_empty_instructions() {
        let expected = InstructionRecord {
            instruction: "问".into(),
            input: "材料".into(),
            output: "答".into(),
            ..InstructionRecord::default()
        };
        assert_eq!(read(r#"{"instruction":"问","input":"材料","output":"答"}"#), Some(expected.clone()));
        assert_eq!(read(r#"[{"instruction":"问","input":"材料","output":"答"}]"#), Some(expected));
        assert_eq!(
            read(r#"{"instruction":"","input":"问","output":"答"}"#).map(|r| r.instruction).as_deref(),
            Some("问")
        );
        assert_eq!(read(r#"{"instruction":"问","output":""}"#), None);
        assert_eq!(read(r#"{"content":"只有正文"}"#), None);
    }

    #[test]
    fn the_last_answered_turn_is_the_record_and_the_rest_its_history() {
        let json = r#"{"query":"甲","laws":["《民法典》第一条"],
            "history":["[客户] 甲","[律师] 乙","[客户] 丙","[客户] 丁","[律师] 戊","[客户] 己"]}"#;
        let expected = InstructionRecord {
            instruction: "丙\n丁".into(),
            input: "《民法典》第一条".into(),
            output: "戊".into(),
            history: vec![("甲".into(), "乙".into())],
            article: None,
        };
        assert_eq!(read(json), Some(expected));
        let json = r#"{"messages":[{"role":"system","content":"x"},{"role":"user","content":"问"},{"role":"assistant","content":"答"}]}"#;
        assert_eq!(read(json).map(|r| (r.instruction, r.output)), Some(("问".into(), "答".into())));
    }
}
