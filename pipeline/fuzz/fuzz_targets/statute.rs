//! Any text as a statute, in Markdown and as plain text: cleaned, cut into articles, dated, its citations read.
#![no_main]

use corpus_format::{legal::Kind, manifest::Form};
use libfuzzer_sys::fuzz_target;
use pipeline::{clean::RuleCounts, config::Privacy, signals::Scratch, sources::RawDocument, work::process};

fuzz_target!(|text: &str| {
    for form in [Form::StatuteMarkdown, Form::StatuteText] {
        let raw = RawDocument { form, title: None, published: None, text: text.to_owned() };
        let (mut rules, mut scratch) = (RuleCounts::default(), Scratch::default());
        let _ = process::document("id", Kind::Statute, "law.md", raw, Privacy::default(), &mut rules, &mut scratch);
    }
});
