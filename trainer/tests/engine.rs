//! What has to hold of any engine: gradients that are slopes, rows that do not matter, and a published model's numbers.

mod support;

use candle_core::{DType, Device, IndexOp, Tensor};
use support::{engine, error, flat, learn, model, packed, record, rows, tokens};
use trainer::{
    data::batch::Batch,
    engine::{Engine, Saved},
    group::Single,
    model::{
        lora::Lora,
        weights::{self, Weights},
    },
    optimizer::Optimizer,
};

/// `weights` with `by` added to one number of one tensor.
fn moved(weights: &Weights, name: &str, at: usize, by: f64) -> Weights {
    let mut values = flat(&weights[name]);
    values[at] += by;
    let tensor = Tensor::from_vec(values, weights[name].shape(), &Device::Cpu).expect("computed");
    let mut weights = weights.clone();
    weights.insert(name.to_owned(), tensor.to_dtype(DType::F32).expect("computed"));
    weights
}

/// Check the gradient of a few numbers of every trained tensor against the slope of the loss, in f64.
fn check_slopes(lora: Option<Lora>) {
    let (architecture, weights) = model("model");
    let batch = packed(&tokens(&record()["tokens"])[..2], 23);
    let adapter = lora.map(|lora| {
        let mut adapter = lora.fresh(&architecture, 3).expect("computed");
        // B starts at 0, where A has no slope.
        for (seed, tensor) in (0..).zip(adapter.values_mut()) {
            let values: Vec<f32> =
                (0..tensor.elem_count()).map(|i| ((i * 37 + seed) % 11) as f32 / 20.0 - 0.25).collect();
            *tensor = Tensor::from_vec(values, tensor.shape(), &Device::Cpu).expect("computed");
        }
        (lora, adapter)
    });
    let make = |weights: &Weights, adapter: Option<(Lora, Weights)>| {
        engine((architecture.clone(), weights.clone()), adapter, DType::F64)
    };
    let mut original = make(&weights, adapter.clone());
    learn(&mut original, &batch, 0, 0);
    let gradients = original.gradients().expect("computed");
    let step = 1.0 / 1024.0;
    for (name, gradient) in &gradients {
        let gradient = flat(gradient);
        let steepest =
            (0..gradient.len()).max_by(|a, b| gradient[*a].abs().total_cmp(&gradient[*b].abs())).expect("computed");
        for at in [steepest, gradient.len() / 2] {
            let loss = |by: f64| {
                let (mut weights, mut adapter) = (weights.clone(), adapter.clone());
                match &mut adapter {
                    Some((_, adapter)) if adapter.contains_key(name) => *adapter = moved(adapter, name, at, by),
                    _ => weights = moved(&weights, name, at, by),
                }
                make(&weights, adapter).losses(&batch).expect("computed").0.nats
            };
            // The five-point stencil: its error falls with the fourth power of the step.
            let slope = (8.0 * (loss(step) - loss(-step)) - (loss(2.0 * step) - loss(-2.0 * step))) / (12.0 * step);
            let scale = gradient[steepest].abs();
            assert!((slope - gradient[at]).abs() < 2e-5 * scale, "{name}[{at}]: {slope} {}", gradient[at]);
        }
    }
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    check_slopes(None);
}

#[test]
fn gradients_of_adapters_and_of_what_is_trained_beside_them_are_slopes_too() {
    let modules = ["embed_tokens", "lm_head"].map(str::to_owned).into();
    let targets = ["q_proj", "v_proj", "down_proj", "gate_proj"].map(str::to_owned).into();
    check_slopes(Some(Lora {
        rank: 2,
        alpha: 3.0,
        dropout: 0.0,
        targets,
        modules_to_save: modules,
        rank_stabilized: true,
    }));
}

#[test]
fn packed_texts_do_not_see_each_other() {
    let texts: Vec<Vec<u32>> =
        tokens(&record()["tokens"]).iter().zip([19, 11, 5]).map(|(text, length)| text[..length].to_vec()).collect();
    let (mut alone, mut together) =
        (engine(model("model"), None, DType::F32), engine(model("model"), None, DType::F32));
    let row = packed(&texts, 35);
    assert_eq!(row.rows.len(), 1);
    // Text by text and token by token.
    let by_token = together.losses(&row).unwrap().1.remove(0);
    let (mut sum, mut num_tokens) = (0.0, 0);
    for text in &texts {
        let text = rows(std::slice::from_ref(text));
        let expected: Vec<f64> = alone.losses(&text).unwrap().1[0].iter().map(|nats| f64::from(*nats)).collect();
        let at = row.rows[0].tokens.windows(expected.len()).position(|tokens| tokens == text.rows[0].tokens).unwrap();
        let ours: Vec<f64> = by_token[at..at + expected.len()].iter().map(|nats| f64::from(*nats)).collect();
        assert!(error(&ours, &expected) < 1e-5, "the text at {at}: {ours:?} {expected:?}");
        num_tokens += expected.len();
        sum += learn(&mut alone, &text, 0, 0).nats;
    }
    assert_eq!(num_tokens, 35);
    let loss = learn(&mut together, &row, 0, 0);
    assert!((loss.nats / sum - 1.0).abs() < 1e-6);
    let (alone, together) = (alone.gradients().unwrap(), together.gradients().unwrap());
    for (name, gradient) in &alone {
        assert!(error(&flat(&together[name]), &flat(gradient)) < 1e-5, "{name}");
    }
}

#[test]
fn one_part_of_four_rows_is_four_parts_of_one() {
    let texts = tokens(&serde_json::json!(
        record()["batches"].as_array().unwrap()[..2]
            .iter()
            .flat_map(|batch| batch.as_array().unwrap())
            .take(4)
            .collect::<Vec<_>>()
    ));
    let (mut whole, mut parts) = (engine(model("model"), None, DType::F32), engine(model("model"), None, DType::F32));
    let batch = rows(&texts);
    let step = Optimizer::default().step(0, 10);
    let loss = learn(&mut whole, &batch, 0, 0);
    let mut nats = 0.0;
    for (number, part) in (0..).zip(batch.share(0, 1, 1)) {
        nats += learn(&mut parts, &part, 0, number).nats;
    }
    assert!((nats / loss.nats - 1.0).abs() < 1e-6);
    let summed = parts.gradients().unwrap();
    for (name, gradient) in whole.gradients().unwrap() {
        let error = error(&flat(&summed[&name]), &flat(&gradient));
        assert!(error < 1e-5, "{name}: {error}");
    }
    let one = whole.update(loss.num_targets, &step, &mut Single).unwrap().gradient_norm;
    let four = parts.update(loss.num_targets, &step, &mut Single).unwrap().gradient_norm;
    assert!((one / four - 1.0).abs() < 1e-5);
}

#[test]
fn dropout_is_the_same_for_the_same_step_and_part_and_none_in_measurements() {
    let lora = Lora { dropout: 0.5, ..Lora::default() };
    let (architecture, weights) = model("model");
    let mut adapter = lora.fresh(&architecture, 1).unwrap();
    for tensor in adapter.values_mut() {
        *tensor = (tensor.ones_like().unwrap() * 0.05).unwrap();
    }
    let mut engine = engine((architecture, weights), Some((lora, adapter)), DType::F32);
    let batch = rows(&tokens(&record()["tokens"]));
    let mut loss = |step, part| learn(&mut engine, &batch, step, part).nats;
    assert_eq!(loss(1, 0), loss(1, 0));
    assert_ne!(loss(1, 0), loss(1, 1));
    assert_ne!(loss(1, 0), loss(2, 0));
    assert_eq!(engine.losses(&batch).unwrap(), engine.losses(&batch).unwrap());
}

#[test]
fn a_gradient_that_is_no_number_changes_nothing() {
    let (architecture, mut weights) = model("model");
    let broken = Tensor::full(f32::INFINITY, 24, &Device::Cpu).unwrap();
    weights.insert("model.layers.0.input_layernorm.weight".into(), broken);
    let mut engine = engine((architecture, weights), None, DType::F32);
    let batch = rows(&tokens(&record()["tokens"]));
    let before = engine.save(&mut Single).unwrap();
    learn(&mut engine, &batch, 0, 0);
    let updated = engine.update(54, &Optimizer::default().step(0, 10), &mut Single).unwrap();
    assert!(!updated.is_finite && !updated.gradient_norm.is_finite());
    let after = engine.save(&mut Single).unwrap();
    let same = |a: &Saved, b: &Saved| {
        a.trained.iter().all(|(name, tensor)| {
            flat(tensor).iter().zip(flat(&b.trained[name])).all(|(a, b)| a.to_bits() == b.to_bits())
        })
    };
    assert!(same(&before, &after));
}

#[test]
fn what_was_saved_goes_on_to_the_bit() {
    let texts = tokens(&record()["tokens"]);
    let step = |engine: &mut dyn Engine, number: u64| {
        let loss = learn(engine, &rows(&texts), number, 0);
        engine.update(loss.num_targets, &Optimizer::default().step(number, 10), &mut Single).unwrap();
        loss.nats.to_bits()
    };
    let mut first = engine(model("model"), None, DType::F32);
    step(&mut first, 0);
    step(&mut first, 1);
    let mut second = engine(model("model"), None, DType::F32);
    second.restore(&first.save(&mut Single).unwrap()).unwrap();
    for number in 2..5 {
        assert_eq!(step(&mut first, number), step(&mut second, number));
    }
    let mut other = Saved::default();
    other.trained.insert("x".into(), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap());
    assert!(second.restore(&other).unwrap_err().to_string().contains("is missing or has another shape"));
}

#[test]
fn a_token_outside_the_embedding_is_an_error() {
    let mut engine = engine(model("model"), None, DType::F32);
    let error = engine.losses(&rows(&[vec![1, 2, 101]])).unwrap_err().to_string();
    assert!(error.contains("token 101 has no row"), "{error}");
}

#[test]
fn a_published_model_says_what_it_should() {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo");
    let folder = std::path::Path::new(&package).join("../../shared/data/checkpoints/stories260k");
    let Ok(golden) = fs_err::read(folder.join("golden.json")) else {
        eprintln!("SKIPPED: {} is not here", folder.display());
        return;
    };
    let golden: serde_json::Value = serde_json::from_slice(&golden).unwrap();
    let mut engine = engine(weights::read_folder(&folder).unwrap(), None, DType::F32);
    let prompt: Vec<u32> = serde_json::from_value(golden["prompt_ids"].clone()).unwrap();
    let (loss, by_token) = engine.losses(&rows(std::slice::from_ref(&prompt))).unwrap();
    assert!((loss.mean() - golden["mean_nll"].as_f64().unwrap()).abs() < 1e-4, "{}", loss.mean());
    let expected = support::numbers(&golden["per_token_nll"]);
    let ours: Vec<f64> = by_token[0][..expected.len()].iter().map(|nats| f64::from(*nats)).collect();
    assert!(ours.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{ours:?}");
    let mut greedy = prompt;
    let expected: Vec<u32> = serde_json::from_value(golden["greedy_ids_200"].clone()).unwrap();
    while greedy.len() < expected.len() {
        let logits = engine.logits(&greedy).unwrap().i(greedy.len() - 1).unwrap();
        greedy.push(logits.argmax(0).unwrap().to_scalar::<u32>().unwrap());
    }
    assert_eq!(greedy, expected);
}

#[test]
fn an_empty_share_adds_nothing() {
    let shares = Batch::default().share(1, 2, 4);
    assert!(shares.is_empty());
}
