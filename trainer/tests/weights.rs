//! Model folders: what is read and written, and what is refused by name.

mod support;

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use support::{fixture, flat, model, tokenizer};
use trainer::{
    Config,
    model::{
        Architecture, EMBEDDING, HEAD,
        grow::grow,
        weights::{self, Weights},
    },
    start,
};
use vocab::init_map::{self, NewRow};

/// A folder with the fixture's model.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a file");
    for name in ["config.json", "model.safetensors"] {
        fs_err::copy(fixture("model").join(name), folder.path().join(name)).expect("a file");
    }
    folder
}

fn refusal(folder: &Path) -> String {
    weights::read_folder(folder).expect_err("refused").to_string()
}

fn change_config(folder: &Path, key: &str, value: serde_json::Value) {
    let path = folder.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs_err::read(&path).expect("a file")).expect("a file");
    config[key] = value;
    fs_err::write(path, config.to_string()).expect("a file");
}

#[test]
fn what_is_written_is_read_again_in_every_type() {
    let (architecture, weights) = model("model");
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let folder = tempfile::tempdir().unwrap();
        let typed: Weights = weights.iter().map(|(n, t)| (n.clone(), t.to_dtype(dtype).unwrap())).collect();
        weights::write_folder(folder.path(), &architecture, &typed).unwrap();
        let (again, read) = weights::read_folder(folder.path()).unwrap();
        assert_eq!(again.num_parameters(), architecture.num_parameters());
        let name = match dtype {
            DType::F32 => "float32",
            DType::F16 => "float16",
            _ => "bfloat16",
        };
        assert_eq!((&again.other["dtype"], &again.other["torch_dtype"]), (&name.into(), &name.into()));
        assert!(read.iter().all(|(name, tensor)| tensor.dtype() == dtype && flat(tensor) == flat(&typed[name])));
    }
}

#[test]
fn shards_are_read_by_their_index_and_each_tensor_once() {
    let (architecture, weights) = model("model");
    let folder = tempfile::tempdir().unwrap();
    weights::write_folder(folder.path(), &architecture, &weights).unwrap();
    fs_err::remove_file(folder.path().join("model.safetensors")).unwrap();
    let (first, second): (Vec<_>, Vec<_>) = weights.clone().into_iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let mut map = serde_json::Map::new();
    for (name, part) in [("a.safetensors", first), ("b.safetensors", second)] {
        let part: Weights = part.into_iter().map(|(_, tensor)| tensor).collect();
        map.extend(part.keys().map(|tensor| (tensor.clone(), name.into())));
        weights::write_file(&folder.path().join(name), &part).unwrap();
    }
    let index = serde_json::json!({"metadata": {}, "weight_map": map});
    fs_err::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    assert_eq!(weights::read_folder(folder.path()).unwrap().1.len(), weights.len());
    fs_err::copy(folder.path().join("a.safetensors"), folder.path().join("b.safetensors")).unwrap();
    assert!(refusal(folder.path()).contains("is in another file too"));
    fs_err::remove_file(folder.path().join("b.safetensors")).unwrap();
    assert!(refusal(folder.path()).contains("b.safetensors"));
}

#[test]
fn a_pickle_is_read_as_safetensors_are() {
    let folder = folder();
    fs_err::remove_file(folder.path().join("model.safetensors")).unwrap();
    fs_err::copy(fixture("pytorch_model.bin"), folder.path().join("pytorch_model.bin")).unwrap();
    let (_, read) = weights::read_folder(folder.path()).unwrap();
    let (_, expected) = model("model");
    for (name, tensor) in &expected {
        assert_eq!(read[name].dtype(), DType::F16, "{name}");
        assert_eq!(flat(&read[name]), flat(&tensor.to_dtype(DType::F16).unwrap()), "{name}");
    }
}

#[test]
fn files_that_are_cut_or_lie_are_named() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    let bytes = fs_err::read(&path).unwrap();
    let with = |bytes: &[u8]| {
        fs_err::write(&path, bytes).unwrap();
        refusal(folder.path())
    };
    for cut in [&bytes[..bytes.len() / 2], &bytes[..100], &bytes[..4], b""] {
        let error = with(cut);
        assert!(error.contains("model.safetensors: "), "{error}");
    }
    // A header that promises more than the file holds, and one that is longer than the file.
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let text = String::from_utf8(bytes[8..8 + header].to_vec()).unwrap();
    let lie = text.replacen("[101,24]", "[102,24]", 1);
    let error = with(&[&bytes[..8], lie.as_bytes(), &bytes[8 + header..]].concat());
    assert!(error.contains("model.safetensors: "), "{error}");
    let error = with(&[&u64::MAX.to_le_bytes()[..], &bytes[8..]].concat());
    assert!(error.contains("model.safetensors: "), "{error}");
    fs_err::remove_file(&path).unwrap();
    assert!(refusal(folder.path()).contains("no model.safetensors, no pytorch_model.bin"));
}

#[test]
fn pickles_that_are_cut_or_lie_are_named() {
    let folder = folder();
    fs_err::remove_file(folder.path().join("model.safetensors")).unwrap();
    let path = folder.path().join("pytorch_model.bin");
    let bytes = fs_err::read(fixture("pytorch_model.bin")).unwrap();
    let with = |bytes: &[u8]| {
        fs_err::write(&path, bytes).unwrap();
        let error = refusal(folder.path());
        assert!(error.contains("pytorch_model.bin: "), "{} bytes: {error}", bytes.len());
    };
    // In the list of tensors, in the middle of one, before the archive's directory, in it, and in its last record.
    for length in [0, 4, 100, 2000, bytes.len() / 2, bytes.len() - 2000, bytes.len() - 100, bytes.len() - 1] {
        with(&bytes[..length]);
    }
    let changed = |from: &[u8], to: &[u8]| {
        assert_eq!(from.len(), to.len());
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    // The embedding's shape, (101, 24), grows by a row that its storage does not hold.
    with(&changed(b"K\x65K\x18\x86", b"K\x66K\x18\x86"));
    // The storage's description loses its last part, the number of values.
    with(&changed(b"q\x06M\x78\x09", b"r\x06\x00\x00\x00"));
}

#[test]
fn tensors_that_are_missing_extra_or_misshapen_are_named() {
    let folder = folder();
    let (_, weights) = model("model");
    let norm = "model.layers.1.input_layernorm.weight";
    let with = |change: &dyn Fn(&mut Weights)| {
        let mut weights = weights.clone();
        change(&mut weights);
        weights::write_file(&folder.path().join("model.safetensors"), &weights).unwrap();
        weights::read_folder(folder.path()).map(drop).map_err(|e| e.to_string())
    };
    let tensor = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    assert!(
        with(&|w| drop(w.remove(norm))).unwrap_err().contains("`model.layers.1.input_layernorm.weight` is missing")
    );
    let shape = with(&|w| drop(w.insert(norm.into(), tensor(&[25])))).unwrap_err();
    assert!(shape.contains("has the shape [25], config.json asks for [24]"), "{shape}");
    assert!(
        with(&|w| drop(w.insert("model.bias".into(), tensor(&[1])))).unwrap_err().contains("`model.bias` is not part")
    );
    let integers = Tensor::zeros(24, DType::U32, &Device::Cpu).unwrap();
    assert!(with(&|w| drop(w.insert(norm.into(), integers.clone()))).unwrap_err().contains("holds U32"));
    with(&|w| drop(w.insert("model.layers.0.self_attn.rotary_emb.inv_freq".into(), tensor(&[2])))).unwrap();

    // A head beside a tied embedding has to be the embedding.
    change_config(folder.path(), "tie_word_embeddings", true.into());
    assert!(with(&|_| ()).unwrap_err().contains("tie_word_embeddings says they are one"));
    with(&|w| drop(w.insert(HEAD.into(), w[EMBEDDING].clone()))).unwrap();
}

#[test]
fn models_that_are_no_llama_are_refused() {
    for (key, value, expected) in [
        ("model_type", serde_json::json!("qwen2"), "its model_type is `qwen2`"),
        ("hidden_act", "gelu".into(), "its hidden_act is `gelu`"),
        ("attention_bias", true.into(), "attention_bias"),
        ("num_key_value_heads", 4.into(), "no multiple of num_key_value_heads"),
        ("num_hidden_layers", 0.into(), "num_hidden_layers is 0"),
        ("head_dim", 0.into(), "head_dim is 0"),
        (
            "rope_parameters",
            serde_json::json!({"rope_type": "yarn", "factor": 2.0, "rope_theta": 1e4}),
            "`yarn` is not supported",
        ),
    ] {
        let folder = folder();
        change_config(folder.path(), key, value);
        let error = refusal(folder.path());
        assert!(error.contains("config.json") && error.contains(expected), "{error}");
    }
}

fn row(id: u32, base_ids: &[u32]) -> NewRow {
    NewRow { id, piece: id.to_string(), base_ids: base_ids.to_vec() }
}

#[test]
fn new_rows_are_means_and_old_rows_keep_their_bits() {
    let (mut architecture, weights) = model("model");
    let mut grown: Weights = weights.iter().map(|(n, t)| (n.clone(), t.to_dtype(DType::BF16).unwrap())).collect();
    let before = grown.clone();
    // 101 ids, then a mark, two new pieces, and a piece of the base that came alive.
    let map = [row(40, &[3, 9]), row(101, &[]), row(102, &[5, 6, 7]), row(103, &[8])];
    grow(&mut architecture, &mut grown, 104, &map).unwrap();
    assert_eq!(architecture.vocab_size, 128);
    for name in [EMBEDDING, HEAD] {
        let (old, new) = (flat(&before[name]), flat(&grown[name]));
        let row = |values: &[f64], id: usize| values[24 * id..24 * (id + 1)].to_vec();
        assert_eq!(new.len(), 128 * 24);
        assert!((0..101).filter(|id| *id != 40).all(|id| row(&old, id) == row(&new, id)));
        let mean = |ids: &[usize], at: usize| ids.iter().map(|id| old[24 * id + at]).sum::<f64>() / ids.len() as f64;
        let all: Vec<usize> = (0..101).collect();
        for (id, ids) in [(40, &[3, 9][..]), (101, &all), (102, &[5, 6, 7]), (103, &[8]), (127, &all)] {
            for (at, value) in row(&new, id).iter().enumerate() {
                assert!((value - mean(ids, at)).abs() <= 0.004 * mean(ids, at).abs() + 1e-6, "{name} {id} {at}");
            }
        }
    }
    assert_eq!(flat(&before["model.norm.weight"]), flat(&grown["model.norm.weight"]));
}

#[test]
fn maps_and_tokenizers_of_other_models_are_refused() {
    let (architecture, weights) = model("model");
    let refuse = |num_pieces: usize, map: &[NewRow]| {
        let (mut architecture, mut weights): (Architecture, Weights) = (architecture.clone(), weights.clone());
        grow(&mut architecture, &mut weights, num_pieces, map).unwrap_err().to_string()
    };
    assert!(refuse(100, &[]).contains("the tokenizer has 100 ids and the model 101 rows"));
    assert!(refuse(103, &[row(101, &[1])]).contains("id 102 is in the tokenizer, not in the model"));
    assert!(refuse(102, &[row(101, &[101])]).contains("id 101 comes from id 101; the model has 101 rows"));
    assert!(refuse(102, &[row(200, &[1])]).contains("id 200 is none of the tokenizer's 102"));
}

#[test]
fn a_plan_and_a_start_agree_and_find_the_map_beside_a_tokenizer_s_file() {
    let (folder, tokenizer) = (tempfile::tempdir().unwrap(), tokenizer());
    let model = folder.path().join("some.model");
    fs_err::write(&model, tokenizer.to_bytes()).unwrap();
    let text =
        format!("task = \"pretrain\"\noutput = \"run\"\ntokenizer = {model:?}\nmodel.base = {:?}", fixture("model"));
    let config: Config = toml::from_str(&text).unwrap();
    let refused = start::start(&config, &tokenizer).err().unwrap().to_string();
    assert!(refused.contains(folder.path().join("init_map.jsonl").to_str().unwrap()), "{refused}");

    let rows: Vec<NewRow> = (101..1800).map(|id| row(id, &[id % 101])).collect();
    fs_err::write(folder.path().join("init_map.jsonl"), init_map::to_jsonl(&rows)).unwrap();
    let start = start::start(&config, &tokenizer).unwrap();
    let planned = start::architecture(&config, &tokenizer).unwrap().0;
    assert_eq!((start.architecture.vocab_size, planned.vocab_size), (1856, 1856));
    assert_eq!(start.weights[EMBEDDING].dims(), [1856, 24]);
    assert!(start.base.is_none(), "the folder of the base does not hold what was grown");
}
