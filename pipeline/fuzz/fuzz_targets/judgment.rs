//! Any text as a court document, plain and as a page: cleaned, masked, cut into sections, its facts and citations read.
#![no_main]

use corpus_format::{legal::Kind, manifest::Form};
use libfuzzer_sys::fuzz_target;
use pipeline::{clean::RuleCounts, config::Privacy, signals::Scratch, sources::RawDocument, work::process};

fuzz_target!(|text: &str| {
    for form in [Form::JudgmentText, Form::WenshuPage] {
        let raw = RawDocument { form, title: None, published: None, text: text.to_owned() };
        let (mut rules, mut scratch) = (RuleCounts::default(), Scratch::default());
        let row = process::document("id", Kind::Judgment, "a.txt", raw, Privacy::default(), &mut rules, &mut scratch);
        let Ok(row) = row else { continue };
        // The sections cover the text, in order.
        let ends: u32 = row.sections.iter().map(|span| span.end - span.start).sum();
        assert_eq!(ends as usize, row.text.chars().count());
    }
});
