//! The project as its users run it: the recipes on real data, foreign readers, bad input, crashes.

mod accuracy;
mod bad_input;
mod build_corpus;
mod citations;
mod cited_answers;
mod compare;
mod contamination;
mod crash;
mod evaluate;
mod forms;
mod generate;
mod inspect;
mod layering;
mod manifests;
mod metadata;
mod privacy;
mod rebuild;
mod report;
mod score;
mod statutes;
mod support;
mod train;
mod train_vocab;
