//! Small models and rows for the tests.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::{DType, Device, Tensor};
use trainer::{
    data::{
        batch::{Batch, Row},
        pack::{Packer, Packing, Text},
    },
    engine::{Engine, Loss, reference::Reference},
    model::{
        Architecture,
        lora::Lora,
        weights::{self, Weights},
    },
    ops::memory::{Class, Kind, Layout, Matrix},
};
use vocab::{
    Tokenizer,
    spm::{
        model::Algorithm,
        train::{Options, train},
    },
};

const LAW: &str = include_str!("../../../data-manifests/sample/statutes/宪法/宪法.md");

/// A tokenizer of the Constitution with `vocab_size` ids.
pub fn tokenizer_of(vocab_size: usize) -> Arc<Tokenizer> {
    let options = Options { algorithm: Algorithm::Bpe, vocab_size, character_coverage: 0.999, more: Vec::new() };
    let model = train(LAW.lines().filter(|line| !line.is_empty()), &options).expect("trained");
    let folder = tempfile::tempdir().expect("a folder");
    fs_err::write(folder.path().join("tokenizer.model"), model.to_bytes()).expect("written");
    Arc::new(Tokenizer::open(folder.path()).expect("opened"))
}

/// A tokenizer of the Constitution.
pub fn tokenizer() -> Arc<Tokenizer> {
    tokenizer_of(1800)
}

/// A file of the fixture that transformers, torch and peft made.
pub fn fixture(path: &str) -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo");
    Path::new(&package).join("tests/fixture").join(path)
}

/// What they computed.
pub fn record() -> serde_json::Value {
    serde_json::from_slice(&fs_err::read(fixture("record.json")).expect("read")).expect("JSON")
}

/// A list of lists of tokens.
pub fn tokens(value: &serde_json::Value) -> Vec<Vec<u32>> {
    serde_json::from_value(value.clone()).expect("tokens")
}

/// A list of numbers.
pub fn numbers(value: &serde_json::Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).expect("numbers")
}

/// Each text in a row of its own, as long as it is.
pub fn rows(texts: &[Vec<u32>]) -> Batch {
    let row =
        |text: &Vec<u32>| Packer::new(text.len(), Packing::Texts, false).push(&Text::plain(text.clone())).remove(0);
    Batch { rows: texts.iter().map(row).collect() }
}

/// Texts in as few rows as they need.
pub fn packed(texts: &[Vec<u32>], seq_len: usize) -> Batch {
    let mut packer = Packer::new(seq_len, Packing::Texts, false);
    let mut rows: Vec<Row> = texts.iter().flat_map(|text| packer.push(&Text::plain(text.clone()))).collect();
    rows.extend(packer.finish());
    Batch { rows }
}

/// A model folder of the fixture.
pub fn model(name: &str) -> (Architecture, Weights) {
    weights::read_folder(&fixture(name)).expect("a model")
}

/// An engine on the CPU.
pub fn engine(model: (Architecture, Weights), adapter: Option<(Lora, Weights)>, dtype: DType) -> Reference {
    Reference::new(model.0, model.1, adapter, Device::Cpu, dtype, 7).expect("an engine")
}

/// Add the gradients of a part: its loss.
pub fn learn(engine: &mut dyn Engine, batch: &Batch, step: u64, part: u64) -> Loss {
    engine.forward_backward(batch, step, part, None).expect("computed");
    engine.loss().expect("computed")
}

/// The greatest difference of two lists, over the greatest number of the second.
pub fn error(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let scale = theirs.iter().fold(0.0f64, |scale, value| scale.max(value.abs()));
    ours.iter().zip(theirs).fold(0.0f64, |error, (a, b)| error.max((a - b).abs())) / scale
}

/// A tensor's numbers.
pub fn flat(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.flatten_all().and_then(|tensor| tensor.to_dtype(DType::F64)).expect("flat");
    flat.to_vec1().expect("numbers")
}

/// A matrix of halves.
pub fn half(layout: &mut Layout, rows: usize, columns: usize) -> Matrix {
    layout.matrix(Class::Workspace, Kind::Half, rows, columns)
}

/// A matrix of singles.
pub fn single(layout: &mut Layout, rows: usize, columns: usize) -> Matrix {
    layout.matrix(Class::Workspace, Kind::Single, rows, columns)
}

/// A row of indices.
pub fn index(layout: &mut Layout, columns: usize) -> Matrix {
    layout.matrix(Class::Workspace, Kind::Index, 1, columns)
}
