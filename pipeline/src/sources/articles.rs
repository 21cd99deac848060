//! Defines statutes that come an article a line: `{"text": …, "name": "中华人民共和国刑法第一条"}`.

use corpus_format::manifest::Form;
use serde_json::Value;

use super::RawDocument;
use crate::outcome::{Reason, Rejection};

/// Brings the articles of each law together; those of one law follow one another.
#[derive(Debug, Default)]
pub struct Laws {
    law: Option<(u32, String, String)>,
}

impl Laws {
    /// Take an article; gives the law before it where it is of another.
    ///
    /// # Errors
    /// A record without text, or whose name ends with no article's number.
    pub fn article(&mut self, value: &Value, line: u32) -> Result<Option<(u32, RawDocument)>, Rejection> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        let (Some(body), Some(name)) = (text("text"), text("name")) else {
            return Err(Rejection::new(Reason::Incomplete, "no text under `text` and `name`").at(line));
        };
        let numbered = name.rfind('第').filter(|at| *at > 0 && name[*at..].contains('条'));
        let Some(at) = numbered else {
            return Err(Rejection::new(Reason::Incomplete, "`name` ends with no article's number").at(line));
        };
        let (law, number) = name.split_at(at);
        let before = match &self.law {
            Some((_, open, _)) if open == law => None,
            _ => self.take(),
        };
        let (_, _, articles) = self.law.get_or_insert_with(|| (line, law.to_owned(), format!("{law}\n")));
        articles.push_str(number);
        articles.push('\u{3000}');
        articles.push_str(body);
        articles.push('\n');
        Ok(before)
    }

    /// The last law.
    pub fn take(&mut self) -> Option<(u32, RawDocument)> {
        let (line, law, text) = self.law.take()?;
        Some((line, RawDocument { form: Form::StatuteText, title: Some(law), published: None, text }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_of_a_law_are_one_document() {
        let mut laws = Laws::default();
        let mut article =
            |name: &str, line| laws.article(&serde_json::json!({"text_id": "1", "text": "为了。", "name": name}), line);
        assert!(article("刑法第一条", 1).unwrap().is_none());
        assert!(article("刑法第十七条之一", 2).unwrap().is_none());
        let (line, law) = article("民法典第一条", 3).unwrap().unwrap();
        assert_eq!((line, law.text.as_str()), (1, "刑法\n第一条　为了。\n第十七条之一　为了。\n"));
        assert!(article("刑法", 4).unwrap_err().detail.contains("number"));
        assert_eq!(laws.take().map(|(line, law)| (line, law.title)), Some((3, Some("民法典".to_owned()))));
    }
}
