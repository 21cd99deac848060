//! Defines how pairs are read out of what a model wrote: a JSON array, bare, in a code fence, or among other words.

use serde_json::Value;

/// A question with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
}

/// The pairs of an answer; what is no pair in the array is `None`.
///
/// # Errors
/// There is no JSON array.
pub fn pairs(content: &str) -> Result<Vec<Option<Pair>>, String> {
    let array = content.match_indices('[').find_map(|(start, _)| {
        let mut values = serde_json::Deserializer::from_str(&content[start..]).into_iter::<Value>();
        match values.next()?.ok()? {
            Value::Array(items) if items.iter().any(Value::is_object) => Some(items),
            _ => None,
        }
    });
    let array = array.ok_or_else(|| "the answer holds no JSON array of pairs".to_owned())?;
    Ok(array.iter().map(pair).collect())
}

fn pair(value: &Value) -> Option<Pair> {
    let text =
        |name: &str| value.get(name)?.as_str().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    Some(Pair { question: text("question")?, answer: text("answer")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_read_bare_fenced_and_among_words() {
        let pair = Pair { question: "问".into(), answer: "答".into() };
        let array = "[{\"question\": \"问\", \"answer\": \" 答 \"}]";
        for content in [array.to_owned(), format!("```json\n{array}\n```"), format!("好的[如下]：\n{array}\n以上。")]
        {
            assert_eq!(pairs(&content), Ok(vec![Some(pair.clone())]), "{content}");
        }
        assert_eq!(pairs("[{\"question\": \"问\"}, 3]"), Ok(vec![None, None]));
        for content in ["", "[]", "无法回答", "[{\"question\": \"问\", \"answer\": \"答", "{\"question\": \"问\"}"]
        {
            assert!(pairs(content).is_err(), "{content}");
        }
    }
}
