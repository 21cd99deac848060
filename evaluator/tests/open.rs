//! Models that are opened: folders, runs, adapters; and what does not belong together.

mod support;

use std::path::Path;

use candle_core::{DType, Tensor};
use evaluator::{
    generate::Options,
    model::{Device, Files, Model},
};
use support::{answers, open, write_adapter, write_model};
use trainer::model::{lora::Lora, weights};

fn refusal(files: &Files) -> String {
    Model::open(files).err().expect("refused").to_string()
}

fn with_adapter(model: &Path, adapter: &Path) -> Files {
    Files { model: model.to_owned(), adapter: Some(adapter.to_owned()), ..Files::default() }
}

#[test]
fn an_adapter_computes_what_its_merged_model_does() {
    let folder = tempfile::tempdir().unwrap();
    let (base, adapter, merged) =
        (folder.path().join("base"), folder.path().join("adapter"), folder.path().join("merged"));
    let architecture = write_model(&base, 1);
    write_model(&merged, 1);
    write_adapter(&adapter, &architecture, Some(&base));
    let (_, mut weights) = weights::read_folder(&base).unwrap();
    let (lora, tensors) = Lora::read(&adapter, &architecture).unwrap();
    lora.merge(&mut weights, &tensors).unwrap();
    weights::write_folder(&merged, &architecture, &weights).unwrap();

    let adapted = Model::open(&with_adapter(&base, &adapter)).unwrap();
    assert_eq!(adapted.name, "base+adapter");
    let options = Options { max_new_tokens: 40, ..Options::default() };
    let prompts = [adapted.tokenizer.ids("国家的权力")];
    let ours = answers(&adapted, &options, 1, &prompts);
    assert_eq!(ours, answers(&open(&merged), &options, 1, &prompts));
    assert_ne!(ours, answers(&open(&base), &options, 1, &prompts), "the adapter changes something");
}

#[test]
fn an_adapter_of_another_base_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (base, other, adapter) =
        (folder.path().join("base"), folder.path().join("other"), folder.path().join("adapter"));
    let mut architecture = write_model(&base, 1);
    write_model(&other, 2);
    // The same shapes and other weights: its base lies there, and is not this one.
    write_adapter(&adapter, &architecture, Some(&other));
    let error = refusal(&with_adapter(&base, &adapter));
    assert!(error.contains("it was trained on") && error.contains("other"), "{error}");
    assert!(Model::open(&with_adapter(&other, &adapter)).is_ok());
    // Other shapes, more blocks, fewer blocks.
    architecture.hidden_size = 72;
    write_adapter(&adapter, &architecture, None);
    let error = refusal(&with_adapter(&base, &adapter));
    assert!(error.contains("has the shape") && error.contains("the model asks for"), "{error}");
    architecture.hidden_size = 36;
    architecture.num_hidden_layers = 3;
    write_adapter(&adapter, &architecture, None);
    assert!(refusal(&with_adapter(&base, &adapter)).contains("fits nothing in this model"));
    architecture.num_hidden_layers = 1;
    write_adapter(&adapter, &architecture, None);
    assert!(refusal(&with_adapter(&base, &adapter)).contains("is missing: not an adapter of this model"));
    // A target that no block has, a rank that is not that of the tensors, tensors that are gone, a folder that is none.
    architecture.num_hidden_layers = 2;
    let change = |from: &str, to: &str| {
        write_adapter(&adapter, &architecture, None);
        let path = adapter.join("adapter_config.json");
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        fs_err::write(&path, text.replace(from, to)).unwrap();
        refusal(&with_adapter(&base, &adapter))
    };
    assert!(change("\"q_proj\"", "\"c_attn\"").contains("names `c_attn`, which no block has"));
    assert!(change("\"r\": 3", "\"r\": 4").contains("has the shape"));
    assert!(change("\"LORA\"", "\"IA3\"").contains("only plain LoRA"));
    write_adapter(&adapter, &architecture, None);
    fs_err::remove_file(adapter.join("adapter_model.safetensors")).unwrap();
    assert!(refusal(&with_adapter(&base, &adapter)).contains("adapter_model.safetensors"));
    assert!(refusal(&with_adapter(&base, &folder.path().join("absent"))).contains("there is no such folder"));
}

#[test]
fn a_model_in_halves_computes_what_the_same_numbers_in_singles_do() {
    let folder = tempfile::tempdir().unwrap();
    let (halves, singles) = (folder.path().join("halves"), folder.path().join("singles"));
    let architecture = write_model(&halves, 3);
    write_model(&singles, 3);
    let (_, weights) = weights::read_folder(&halves).unwrap();
    let half = |tensor: &Tensor| tensor.to_dtype(DType::BF16).unwrap();
    let halved = weights.iter().map(|(name, tensor)| (name.clone(), half(tensor))).collect();
    weights::write_folder(&halves, &architecture, &halved).unwrap();
    let rounded = halved.iter().map(|(name, tensor)| (name.clone(), tensor.to_dtype(DType::F32).unwrap())).collect();
    weights::write_folder(&singles, &architecture, &rounded).unwrap();
    let (halves, singles) = (open(&halves), open(&singles));
    let options = Options { max_new_tokens: 40, ..Options::default() };
    let prompts = [halves.tokenizer.ids("国家的权力")];
    assert_eq!(answers(&halves, &options, 1, &prompts), answers(&singles, &options, 1, &prompts));
}

#[test]
fn what_is_missing_or_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    let files = Files { model: model.clone(), device: Some(Device::Cpu), ..Files::default() };
    assert!(refusal(&files).contains("there is no such folder"));
    write_model(&model, 1);
    let tokenizer = fs_err::read(model.join("tokenizer.model")).unwrap();
    fs_err::remove_file(model.join("tokenizer.model")).unwrap();
    assert!(refusal(&files).contains("it has no tokenizer.model; --tokenizer says"));
    fs_err::write(folder.path().join("elsewhere.model"), tokenizer).unwrap();
    let elsewhere = Files { tokenizer: Some(folder.path().join("elsewhere.model")), ..files };
    assert!(Model::open(&elsewhere).is_ok());
    // Rows of another vocabulary.
    let (mut architecture, _) = weights::read_folder(&model).unwrap();
    for rows in [1499, 1600] {
        architecture.vocab_size = rows;
        weights::write_folder(&model, &architecture, &weights::random(&architecture, 1).unwrap()).unwrap();
        let error = refusal(&elsewhere);
        assert!(error.contains(&format!("the model has {rows} rows and the tokenizer 1500 ids")), "{error}");
    }
    fs_err::write(model.join("config.json"), "{\"model_type\": \"mamba\"}").unwrap();
    assert!(refusal(&elsewhere).contains("config.json"));
}
