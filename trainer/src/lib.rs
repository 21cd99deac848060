//! Continues pretraining on the corpus and tunes on its instructions.
//!
//! No command exists yet: this crate begins when the corpus and the tokenizer it reads are settled.
