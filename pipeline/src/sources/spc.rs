//! Defines the files of the Supreme People's Court's site: four header lines, then the document.

use corpus_format::manifest::Form;

use super::RawDocument;
use crate::outcome::{Reason, Rejection};

/// Read `category: title: publictime: content:`; the document starts on the `content:` line.
///
/// # Errors
/// A file without a `content:` line.
pub fn parse(text: &str) -> Result<RawDocument, Rejection> {
    let text = text.trim_start_matches('\u{feff}');
    let (mut title, mut published) = (None, None);
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if let Some(value) = line.strip_prefix("title:") {
            title = Some(value.trim().to_owned());
        } else if let Some(value) = line.strip_prefix("publictime:") {
            published = Some(value.trim().to_owned());
        } else if let Some(body) = rest.strip_prefix("content:") {
            return Ok(RawDocument { form: Form::SpcText, title, published, text: body.to_owned() });
        }
        rest = after;
    }
    Err(Rejection::new(Reason::Incomplete, "no `content:` line"))
}
