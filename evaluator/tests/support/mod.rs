//! Small models for the tests.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::path::{Path, PathBuf};

use evaluator::{
    generate::{Answer, Event, Generator, Options, Request},
    model::{Device, Engine, Files, Llama, Model},
};
use trainer::model::{Architecture, lora::Lora, weights};
use vocab::spm::{
    model::Algorithm,
    train::{Options as TokenizerOptions, train},
};

/// The Constitution.
pub const LAW: &str = include_str!("../../../data-manifests/sample/statutes/宪法/宪法.md");

/// A file of the data that is not in the repository; says loudly where it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo");
    let found = Path::new(&package).join("../../shared/data").join(path);
    if !found.exists() {
        eprintln!("SKIPPED: {} is not here", found.display());
        return None;
    }
    Some(found)
}

/// A folder with the small model that tells stories, and what is known of it. Its tokenizer takes spaces away that
/// stand beside others, which `vocab` refuses; this is turned off in the copy, since the tests' texts have none.
pub fn stories() -> Option<(tempfile::TempDir, serde_json::Value)> {
    let from = shared("checkpoints/stories260k")?;
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["config.json", "model.safetensors"] {
        fs_err::copy(from.join(name), folder.path().join(name)).expect("copied");
    }
    let mut tokenizer = fs_err::read(from.join("tokenizer.model")).expect("read");
    let rule = b"identity\x12\x00\x18\x01\x20\x01";
    let at = tokenizer.windows(rule.len()).position(|window| window == rule).expect("the rule") + rule.len() - 1;
    tokenizer[at] = 0;
    fs_err::write(folder.path().join("tokenizer.model"), tokenizer).expect("written");
    let golden = serde_json::from_slice(&fs_err::read(from.join("golden.json")).expect("read")).expect("JSON");
    Some((folder, golden))
}

/// A random model with sizes that are no multiples of anything, and a tokenizer of the Constitution.
pub fn write_model(folder: &Path, seed: u64) -> Architecture {
    write_model_of(folder, seed, 1500)
}

/// A random model with a tokenizer of so many pieces.
pub fn write_model_of(folder: &Path, seed: u64, vocab_size: usize) -> Architecture {
    let options =
        TokenizerOptions { algorithm: Algorithm::Bpe, vocab_size, character_coverage: 0.98, more: Vec::new() };
    let tokenizer = train(LAW.lines().filter(|line| !line.is_empty()), &options).expect("trained");
    fs_err::create_dir_all(folder).expect("made");
    fs_err::write(folder.join("tokenizer.model"), tokenizer.to_bytes()).expect("written");
    let architecture: Architecture = serde_json::from_value(serde_json::json!({
        "vocab_size": vocab_size.next_multiple_of(64), "hidden_size": 36, "intermediate_size": 52, "num_hidden_layers": 2,
        "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 160, "initializer_range": 0.15,
    }))
    .expect("numbers");
    let weights = weights::random(&architecture, seed).expect("drawn");
    weights::write_folder(folder, &architecture, &weights).expect("written");
    architecture
}

/// A model in a folder.
pub fn open(folder: &Path) -> Model {
    let files = Files { model: folder.to_owned(), device: Some(Device::Cpu), ..Files::default() };
    Model::open(&files).expect("a model")
}

/// What computes a model on a CPU.
pub fn llama(model: &Model) -> &Llama {
    match &model.engine {
        Engine::Host(llama) => llama,
        Engine::Card(_) => panic!("opened for a GPU"),
    }
}

/// An adapter that changes something.
pub fn write_adapter(folder: &Path, architecture: &Architecture, base: Option<&Path>) {
    let lora = Lora { rank: 3, alpha: 7.0, ..Lora::default() };
    let mut adapter = lora.fresh(architecture, 4).expect("drawn");
    for (name, tensor) in adapter.iter_mut().filter(|(name, _)| name.ends_with("lora_B.weight")) {
        let values: Vec<f32> = (0..tensor.elem_count()).map(|at| ((at + name.len()) % 7) as f32 * 0.05).collect();
        *tensor = candle_core::Tensor::from_vec(values, tensor.shape(), tensor.device()).expect("a tensor");
    }
    lora.write(folder, base.map(|base| base.to_str().expect("UTF-8")), &adapter).expect("written");
}

/// Answers in the order of their ids, and their texts as they came.
pub fn answers(model: &Model, options: &Options, num_slots: usize, prompts: &[Vec<u32>]) -> Vec<(Answer, String)> {
    let capacity = options.context.unwrap_or(model.context());
    let mut generator = Generator::new(model, options, num_slots, capacity).expect("memory");
    for (id, tokens) in prompts.iter().enumerate() {
        generator.push(Request { id, tokens: tokens.clone() }).expect("room");
    }
    let mut found: Vec<(Option<Answer>, String)> = prompts.iter().map(|_| (None, String::new())).collect();
    while !generator.is_idle() {
        for event in generator.step().expect("computed") {
            match event {
                Event::Text { id, text } => found[id].1.push_str(&text),
                Event::Done(answer) => {
                    let id = answer.id;
                    found[id].0 = Some(answer);
                }
            }
        }
    }
    found.into_iter().map(|(answer, text)| (answer.expect("answered"), text)).collect()
}
