//! The reference engine beside transformers, torch and peft, whose numbers `fixture/make.py` wrote.

mod support;

use candle_core::{DType, IndexOp};
use support::{engine, error, fixture, flat, learn, model, numbers, record, rows, tokens};
use trainer::{
    engine::Engine,
    group::Single,
    model::{Architecture, lora::Lora, weights},
    optimizer::{Optimizer, Schedule},
};

#[test]
fn loss_logits_and_every_gradient_are_those_of_transformers() {
    let record = record();
    let texts = tokens(&record["tokens"]);
    let mut engine = engine(model("model"), None, DType::F32);
    let loss = learn(&mut engine, &rows(&texts), 0, 0);
    assert_eq!(loss.num_targets, 3 * 18);
    assert!((loss.mean() / record["loss"].as_f64().unwrap() - 1.0).abs() < 1e-6, "{}", loss.mean());
    let logits = engine.logits(&texts[0]).unwrap();
    assert!(error(&flat(&logits.i(18).unwrap()), &numbers(&record["logits"])) < 1e-5);

    let ours = engine.gradients().unwrap();
    let theirs = weights::read_file(&fixture("gradients.safetensors")).unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (name, theirs) in theirs {
        // Ours are of the sum, theirs of the mean.
        let mean: Vec<f64> = flat(&ours[&name]).iter().map(|value| value / loss.num_targets as f64).collect();
        let error = error(&mean, &flat(&theirs));
        assert!(error < 1e-5, "{name}: {error}");
    }
}

#[test]
fn twenty_steps_follow_torch() {
    let record = record();
    let mut engine = engine(model("model"), None, DType::F32);
    let optimizer = Optimizer { learning_rate: 5e-3, schedule: Schedule::Constant, ..Optimizer::default() };
    let batches: Vec<Vec<Vec<u32>>> = serde_json::from_value(record["batches"].clone()).unwrap();
    let (losses, norms) = (numbers(&record["losses"]), numbers(&record["norms"]));
    for (number, batch) in (0..).zip(&batches) {
        let loss = learn(&mut engine, &rows(batch), number, 0);
        let updated = engine.update(loss.num_targets, &optimizer.step(number, 20), &mut Single).unwrap();
        let at = number as usize;
        assert!((loss.mean() / losses[at] - 1.0).abs() < 1e-6, "step {number}: {} {}", loss.mean(), losses[at]);
        assert!((updated.gradient_norm / norms[at] - 1.0).abs() < 1e-5, "step {number}: {}", updated.gradient_norm);
    }
    let ours = engine.save(&mut Single).unwrap().trained;
    for (name, theirs) in weights::read_file(&fixture("after.safetensors")).unwrap() {
        let error = error(&flat(&ours[&name]), &flat(&theirs));
        assert!(error < 1e-5, "{name}: {error}");
    }
}

#[test]
fn stretched_rotations_tied_heads_and_heads_of_their_own_width_are_computed() {
    let record = record();
    let texts = tokens(&record["tokens"]);
    for name in ["llama3", "linear"] {
        let mut engine = engine(model(name), None, DType::F32);
        let logits = engine.logits(&texts[0]).unwrap();
        let error = error(&flat(&logits.i(18).unwrap()), &numbers(&record[name]));
        assert!(error < 1e-5, "{name}: {error}");
    }
}

#[test]
fn an_adapter_of_peft_computes_the_same_here_merged_or_not() {
    let record = record();
    let texts = tokens(&record["tokens"]);
    let (architecture, mut merged) = model("model");
    let (lora, adapter) = Lora::read(&fixture("adapter"), &architecture).unwrap();
    assert_eq!((lora.rank, lora.alpha), (3, 7.0));
    let theirs = numbers(&record["adapter"]);
    let last = |engine: &mut dyn Engine| flat(&engine.logits(&texts[0]).unwrap().i(18).unwrap());
    let mut unmerged = engine(model("model"), Some((lora.clone(), adapter.clone())), DType::F32);
    assert!(error(&last(&mut unmerged), &theirs) < 1e-5);
    lora.merge(&mut merged, &adapter).unwrap();
    assert!(error(&last(&mut engine((architecture.clone(), merged), None, DType::F32)), &theirs) < 1e-5);
    let mut without = engine(model("model"), None, DType::F32);
    assert!(error(&last(&mut without), &theirs) > 0.1, "the adapter changes something");

    // What we write is what we read.
    let folder = tempfile::tempdir().unwrap();
    lora.write(folder.path(), Some("base"), &adapter).unwrap();
    let (again, tensors) = Lora::read(folder.path(), &architecture).unwrap();
    assert_eq!(again, lora);
    assert!(tensors.iter().all(|(name, tensor)| flat(tensor) == flat(&adapter[name])));
}

#[test]
fn an_adapter_that_does_not_fit_names_its_tensor() {
    let (mut architecture, _) = model("model");
    let folder = tempfile::tempdir().unwrap();
    let write = |lora: &Lora| {
        lora.write(folder.path(), None, &lora.fresh(&architecture, 1).unwrap()).unwrap();
        Lora::read(folder.path(), &architecture).unwrap_err().to_string()
    };
    for alpha in [0.0, -1.0] {
        let error = write(&Lora { alpha, ..Lora::default() });
        assert!(error.contains(&format!("lora.alpha is {alpha}; it has to be above 0")), "{error}");
    }
    let head = Lora { modules_to_save: ["lm_head".to_owned()].into(), ..Lora::default() };
    let tied = Architecture { tie_word_embeddings: true, ..architecture.clone() };
    head.write(folder.path(), None, &head.fresh(&tied, 1).unwrap()).unwrap();
    let error = Lora::read(folder.path(), &tied).unwrap_err().to_string();
    assert!(error.contains("this model's head is its embedding"), "{error}");

    architecture.num_hidden_layers = 3;
    let missing = Lora::read(&fixture("adapter"), &architecture).unwrap_err().to_string();
    assert!(missing.contains("model.layers.2.") && missing.contains("is missing"), "{missing}");
    architecture.num_hidden_layers = 1;
    let extra = Lora::read(&fixture("adapter"), &architecture).unwrap_err().to_string();
    assert!(extra.contains("model.layers.1.") && extra.contains("fits nothing"), "{extra}");
    architecture.intermediate_size = 48;
    let shape = Lora::read(&fixture("adapter"), &architecture).unwrap_err().to_string();
    assert!(shape.contains("the model asks for [3, 48]"), "{shape}");
}

/// Models and an adapter of ours, with logits, for `fixture/check.py` to load with transformers and peft.
#[test]
#[ignore = "writes to the folder CHECK for fixture/check.py"]
fn writes_what_transformers_and_peft_load() {
    let folder = std::path::PathBuf::from(std::env::var_os("CHECK").expect("CHECK names a folder"));
    let texts = tokens(&record()["tokens"]);
    let last = |engine: &mut dyn Engine| flat(&engine.logits(&texts[0]).unwrap().i(18).unwrap());
    let mut logits = serde_json::Map::new();
    for name in ["model", "llama3", "linear"] {
        let (architecture, weights) = model(name);
        weights::write_folder(&folder.join(name), &architecture, &weights).unwrap();
        logits.insert(name.into(), last(&mut engine((architecture, weights), None, DType::F32)).into());
    }
    let (architecture, weights) = model("model");
    let modules = ["embed_tokens", "lm_head"].map(str::to_owned).into();
    let lora = Lora { rank: 2, dropout: 0.0, rank_stabilized: true, modules_to_save: modules, ..Lora::default() };
    let fresh = lora.fresh(&architecture, 5).unwrap();
    let mut adapted = engine((architecture, weights), Some((lora.clone(), fresh)), DType::F32);
    for number in 0..5 {
        let loss = learn(&mut adapted, &rows(&texts), number, 0);
        let optimizer = Optimizer { learning_rate: 3e-2, ..Optimizer::default() };
        adapted.update(loss.num_targets, &optimizer.step(number, 5), &mut Single).unwrap();
    }
    lora.write(&folder.join("adapter"), Some("model"), &adapted.save(&mut Single).unwrap().trained).unwrap();
    logits.insert("adapter".into(), last(&mut adapted).into());
    logits.insert("tokens".into(), serde_json::json!(texts[0]));
    fs_err::write(folder.join("logits.json"), serde_json::Value::from(logits).to_string()).unwrap();
}
