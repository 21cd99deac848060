//! Measures a model: perplexity, LawBench, citations checked against the statutes, chat.
//!
//! No command exists yet: this crate begins when there is a model to measure.
