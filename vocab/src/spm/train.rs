//! Trains models with the SentencePiece library itself.

// The one place that calls C: the library's trainer has no Rust binding.
#![allow(unsafe_code)]

extern crate sentencepiece_sys;

use std::{
    ffi::{CString, c_char, c_void},
    iter::Peekable,
};

use super::model::{Algorithm, Model};
use crate::{Error, Result};

/// What a SentencePiece model is trained for; everything else is as LLaMA's model has it.
#[derive(Debug, Clone)]
pub struct Options {
    /// [`Algorithm::Bpe`] or [`Algorithm::Unigram`].
    pub algorithm: Algorithm,
    /// Pieces of the model, special ones and bytes included.
    pub vocab_size: usize,
    /// The share of characters, by occurrence, that become pieces; the rest is spelled in bytes.
    pub character_coverage: f64,
    /// Options that replace or join those above, by the library's own names.
    pub more: Vec<(&'static str, String)>,
}

impl Options {
    fn pairs(&self) -> Vec<(&str, String)> {
        let algorithm = match self.algorithm {
            Algorithm::Unigram => "unigram",
            Algorithm::Bpe => "bpe",
            Algorithm::Word => "word",
            Algorithm::Char => "char",
        };
        let mut pairs = vec![
            ("model_type", algorithm.into()),
            ("vocab_size", self.vocab_size.to_string()),
            ("character_coverage", self.character_coverage.to_string()),
            ("byte_fallback", "true".into()),
            ("split_digits", "true".into()),
            ("allow_whitespace_only_pieces", "true".into()),
            ("normalization_rule_name", "identity".into()),
            ("remove_extra_whitespaces", "false".into()),
            ("max_sentence_length", "65536".into()),
            ("num_threads", "2".into()),
            ("minloglevel", "2".into()),
        ];
        pairs.extend(self.more.iter().cloned());
        pairs
    }
}

/// Train a model on `sentences`.
///
/// # Errors
/// The library's reason, for example a size below the number of characters.
pub fn train<S: AsRef<str>, I: Iterator<Item = S>>(sentences: I, options: &Options) -> Result<Model> {
    let refuse = |reason: String| Error::SentencePiece { doing: "training a model".into(), reason };
    let mut sentences = sentences.peekable();
    if sentences.peek().is_none() {
        return Err(refuse("there is no text to train on".into()));
    }
    let text = |s: &str| -> Result<CString> { CString::new(s).map_err(|e| refuse(e.to_string())) };
    let mut strings: Vec<CString> = Vec::new();
    for (name, value) in options.pairs() {
        strings.push(text(name)?);
        strings.push(text(&value)?);
    }
    let pointers: Vec<*const c_char> = strings.iter().map(|s| s.as_ptr()).collect();
    let mut source = Source { sentences, current: None::<S> };
    let mut out: Vec<u8> = Vec::new();
    // SAFETY: the strings, the source and the output outlive the call; both callbacks are given the pointers
    // that belong to them, on this thread, and do not unwind.
    let trained = unsafe {
        vocab_spm_train(
            pointers.as_ptr(),
            pointers.len() / 2,
            next::<Peekable<I>, S>,
            (&raw mut source).cast(),
            take,
            (&raw mut out).cast(),
        )
    };
    if !trained {
        return Err(refuse(String::from_utf8_lossy(&out).into_owned()));
    }
    Model::parse(&out, "the trained model")
}

struct Source<I, S> {
    sentences: I,
    /// The sentence that the library is reading.
    current: Option<S>,
}

type Next = unsafe extern "C" fn(*mut c_void, *mut *const c_char, *mut usize) -> bool;
type Take = unsafe extern "C" fn(*mut c_void, *const c_char, usize);

unsafe extern "C" {
    fn vocab_spm_train(
        options: *const *const c_char,
        count: usize,
        next: Next,
        sentences: *mut c_void,
        take: Take,
        taken: *mut c_void,
    ) -> bool;
}

unsafe extern "C" fn next<I: Iterator<Item = S>, S: AsRef<str>>(
    context: *mut c_void,
    data: *mut *const c_char,
    size: *mut usize,
) -> bool {
    // SAFETY: `train` passes a `Source` of these types and valid places for the answer.
    unsafe {
        let source = &mut *context.cast::<Source<I, S>>();
        source.current = source.sentences.next();
        let Some(sentence) = &source.current else { return false };
        let sentence = sentence.as_ref();
        data.write(sentence.as_ptr().cast());
        size.write(sentence.len());
        true
    }
}

unsafe extern "C" fn take(context: *mut c_void, data: *const c_char, size: usize) {
    // SAFETY: `train` passes a `Vec<u8>`; the library passes `size` bytes.
    unsafe {
        let out = &mut *context.cast::<Vec<u8>>();
        out.extend_from_slice(std::slice::from_raw_parts(data.cast(), size));
    }
}
