//! Defines the text of a Word document of 2007 and later (Office Open XML, ECMA-376): a line for each paragraph.

use quick_xml::{Reader, events::Event};

use crate::outcome::{Reason, Rejection};

/// Where an archive has its text, if it is a Word document.
pub const TEXT_MEMBER: &str = "word/document.xml";

/// The text of `word/document.xml`. What was deleted while changes were tracked is not part of it.
///
/// # Errors
/// What is no XML.
pub fn text(xml: &[u8]) -> Result<String, Rejection> {
    let damaged = |e: &dyn std::fmt::Display| Rejection::new(Reason::DamagedArchive, format!("{TEXT_MEMBER}: {e}"));
    let mut reader = Reader::from_reader(xml);
    let (mut text, mut is_run) = (String::new(), false);
    loop {
        match reader.read_event().map_err(|e| damaged(&e))? {
            Event::Start(tag) if tag.local_name().as_ref() == b"t" => is_run = true,
            Event::End(tag) => match tag.local_name().as_ref() {
                b"t" => is_run = false,
                b"p" => text.push('\n'),
                _ => {}
            },
            Event::Empty(tag) => match tag.local_name().as_ref() {
                b"br" | b"cr" | b"p" => text.push('\n'),
                b"tab" => text.push(' '),
                _ => {}
            },
            Event::Text(run) if is_run => text.push_str(&run.decode().map_err(|e| damaged(&e))?),
            Event::GeneralRef(entity) if is_run => {
                let name = entity.decode().map_err(|e| damaged(&e))?;
                match entity.resolve_char_ref().map_err(|e| damaged(&e))? {
                    Some(c) => text.push(c),
                    None => text.push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap_or_default()),
                }
            }
            Event::Eof => return Ok(text),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_lines_and_what_was_deleted_is_gone() {
        let xml = "<?xml version=\"1.0\"?><w:document xmlns:w=\"x\"><w:body><w:p><w:r><w:t>某市</w:t><w:t xml:space=\"preserve\">人民&lt;法院&gt;</w:t></w:r></w:p>\
                   <w:p><w:del><w:r><w:delText>旧</w:delText></w:r></w:del><w:r><w:t>甲</w:t><w:tab/><w:t>乙&#19993;</w:t><w:br/><w:t>丁</w:t></w:r></w:p></w:body></w:document>";
        assert_eq!(text(xml.as_bytes()).expect("text"), "某市人民<法院>\n甲 乙丙\n丁\n");
        assert!(text(b"<w:p><w:t></w:x>").is_err());
    }
}
