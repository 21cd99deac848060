//! Trains legal tokens and merges them into Chinese-LLaMA's tokenizer.
//!
//! No command exists yet: this crate begins when the corpus it reads is settled.
