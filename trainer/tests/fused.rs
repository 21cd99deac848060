//! The fused engine on a CPU, in f32: what it computes is what the reference computes.

mod support;

use candle_core::{DType, Device, Tensor};
use support::{error, flat, learn, model, packed, record, rows, tokens};
use trainer::{
    Config,
    config::States,
    data::batch::Batch,
    engine::{Engine, Saved, fused::Fused, reference::Reference},
    group::Single,
    model::{
        Architecture,
        lora::Lora,
        weights::{self, Weights},
    },
    optimizer::Optimizer,
};

/// A configuration for batches of up to `part_rows` rows of `seq_len` tokens.
fn config(changes: &str) -> Config {
    let text = format!(
        "task = \"pretrain\"\noutput = \"run\"\nseed = 7\nmodel.base = \"base\"\n\
         data.seq_len = 48\ntrain.part_rows = 4\n{changes}"
    );
    toml::from_str(&text).expect("a configuration")
}

/// A model with odd sizes and shared heads, in random numbers, with or without a tied head.
fn odd_model(is_tied: bool) -> (Architecture, Weights) {
    let (architecture, _) = model("model");
    let architecture = Architecture {
        vocab_size: 107,
        hidden_size: 30,
        intermediate_size: 43,
        num_hidden_layers: 3,
        num_attention_heads: 6,
        num_key_value_heads: Some(3),
        head_dim: Some(10),
        tie_word_embeddings: is_tied,
        initializer_range: 0.2,
        ..architecture
    };
    let weights = weights::random(&architecture, 5).expect("weights");
    (architecture, weights)
}

/// An adapter whose second halves are not 0.
fn adapter(lora: &Lora, architecture: &Architecture) -> Weights {
    let mut adapter = lora.fresh(architecture, 3).expect("an adapter");
    for (seed, tensor) in (0..).zip(adapter.values_mut()) {
        let values = (0..tensor.elem_count()).map(|i| ((i * 37 + seed) % 11) as f32 / 20.0 - 0.25);
        *tensor = Tensor::from_iter(values, &Device::Cpu).and_then(|t| t.reshape(tensor.shape())).expect("shaped");
    }
    adapter
}

fn lora(rank: usize, targets: &[&str], modules: &[&str]) -> Lora {
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Lora {
        rank,
        alpha: 3.0 * rank as f64,
        dropout: 0.0,
        targets: named(targets),
        rank_stabilized: false,
        modules_to_save: named(modules),
    }
}

/// Both engines on one model.
fn both(model: (Architecture, Weights), lora: Option<Lora>, config: &Config) -> (Fused, Reference) {
    let (architecture, weights) = model;
    let adapter = lora.map(|lora| (lora.clone(), adapter(&lora, &architecture)));
    let fused = Fused::new(architecture.clone(), weights.clone(), adapter.clone(), &Device::Cpu, (0, 1), config);
    let reference = Reference::new(architecture, weights, adapter, Device::Cpu, DType::F32, config.seed);
    (fused.expect("an engine"), reference.expect("an engine"))
}

/// Texts that share rows, and one row that only some tokens of learn.
fn batch() -> Batch {
    let texts: Vec<Vec<u32>> =
        tokens(&record()["tokens"]).iter().zip([19, 11, 5]).map(|(text, length)| text[..length].to_vec()).collect();
    let mut batch = packed(&texts, 24);
    for target in batch.rows[0].targets.iter_mut().step_by(3) {
        *target = trainer::data::batch::NO_TARGET;
    }
    batch
}

fn assert_same_gradients(fused: &Fused, reference: &Reference, within: f64) {
    let (ours, theirs) = (fused.gradients().expect("computed"), reference.gradients().expect("computed"));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (name, gradient) in &theirs {
        let error = error(&flat(&ours[name]), &flat(gradient));
        assert!(error < within, "{name}: {error}");
    }
}

#[test]
fn loss_and_every_gradient_are_the_reference_engines() {
    for (model, changes) in [
        (model("model"), ""),
        (odd_model(false), "engine.loss_rows = 7"),
        (odd_model(true), "engine.recompute = 2"),
        (model("llama3"), "engine.recompute = 3"),
    ] {
        let (mut fused, mut reference) = both(model, None, &config(changes));
        for part in 0..2 {
            let (ours, theirs) = (learn(&mut fused, &batch(), 0, part), learn(&mut reference, &batch(), 0, part));
            assert_eq!(ours.num_targets, theirs.num_targets);
            assert!((ours.nats / theirs.nats - 1.0).abs() < 1e-6, "{ours:?} {theirs:?}");
        }
        assert_same_gradients(&fused, &reference, 1e-5);
        let (ours, theirs) = (fused.losses(&batch()).unwrap(), reference.losses(&batch()).unwrap());
        assert!((ours.0.nats / theirs.0.nats - 1.0).abs() < 1e-6);
        for (ours, theirs) in ours.1.iter().flatten().zip(theirs.1.iter().flatten()) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
    }
}

#[test]
fn adapters_and_what_is_trained_beside_them_have_the_reference_engines_gradients() {
    for (lora, changes) in [
        (lora(2, &["q_proj", "k_proj", "v_proj", "o_proj"], &[]), ""),
        (lora(3, &["q_proj", "v_proj"], &["lm_head"]), "engine.recompute = 2"),
        (
            lora(
                5,
                &["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
                &["embed_tokens", "lm_head"],
            ),
            "",
        ),
        (lora(1, &["up_proj"], &["embed_tokens"]), "engine.recompute = 3"),
    ] {
        let (mut fused, mut reference) = both(odd_model(false), Some(lora), &config(changes));
        for part in 0..2 {
            let (ours, theirs) = (learn(&mut fused, &batch(), 0, part), learn(&mut reference, &batch(), 0, part));
            assert!((ours.nats / theirs.nats - 1.0).abs() < 1e-6, "{ours:?} {theirs:?}");
        }
        assert_same_gradients(&fused, &reference, 1e-5);
    }
}

#[test]
fn twenty_steps_follow_the_reference_engine() {
    let record = record();
    for lora in [None, Some(lora(4, &["q_proj", "o_proj", "down_proj"], &["lm_head"]))] {
        let (mut fused, mut reference) = both(model("model"), lora, &config(""));
        let optimizer = Optimizer { learning_rate: 5e-3, ..Optimizer::default() };
        for (number, texts) in (0..).zip(record["batches"].as_array().unwrap()) {
            let batch = rows(&tokens(texts));
            let (ours, theirs) = (learn(&mut fused, &batch, number, 0), learn(&mut reference, &batch, number, 0));
            assert!((ours.nats / theirs.nats - 1.0).abs() < 1e-4, "step {number}: {ours:?} {theirs:?}");
            let step = optimizer.step(number, 20);
            let ours = fused.update(ours.num_targets, &step, &mut Single).unwrap();
            let theirs = reference.update(theirs.num_targets, &step, &mut Single).unwrap();
            assert!((ours.gradient_norm / theirs.gradient_norm - 1.0).abs() < 1e-3, "step {number}");
        }
        let (ours, theirs) = (fused.save(&mut Single).unwrap(), reference.save(&mut Single).unwrap());
        for (name, theirs) in &theirs.trained {
            let error = error(&flat(&ours.trained[name]), &flat(theirs));
            assert!(error < 1e-4, "{name}: {error}");
        }
    }
}

#[test]
fn blocks_computed_again_give_the_same_bits() {
    let gradients = |changes: &str| {
        let (mut fused, _) = both(odd_model(false), None, &config(changes));
        let loss = learn(&mut fused, &batch(), 0, 0).nats.to_bits();
        let gradients = fused.gradients().unwrap();
        (loss, gradients.values().flat_map(flat).map(f64::to_bits).collect::<Vec<_>>())
    };
    let expected = gradients("engine.recompute = 0");
    for again in ["engine.recompute = 1", "engine.recompute = 2", "engine.recompute = 3"] {
        assert_eq!(gradients(again), expected, "{again}");
    }
}

#[test]
fn logits_are_the_reference_engines() {
    let (mut fused, mut reference) = both(odd_model(false), Some(lora(2, &["q_proj"], &[])), &config(""));
    let text = &tokens(&record()["tokens"])[0];
    let (ours, theirs) = (fused.logits(text).unwrap(), reference.logits(text).unwrap());
    assert_eq!(ours.dims(), theirs.dims());
    assert!(error(&flat(&ours), &flat(&theirs)) < 1e-5);
    let error = fused.logits(&[1; 193]).unwrap_err().to_string();
    assert!(error.contains("193 tokens at a time, and memory for 192"), "{error}");
}

#[test]
fn dropout_leaves_out_its_share_the_same_for_the_same_part() {
    let lora = Lora { dropout: 0.5, ..lora(2, &["q_proj", "v_proj", "up_proj"], &[]) };
    let (mut fused, _) = both(odd_model(false), Some(lora), &config(""));
    let mut loss = |step, part| learn(&mut fused, &batch(), step, part).nats;
    assert_eq!(loss(1, 0), loss(1, 0));
    assert_ne!(loss(1, 0), loss(1, 1));
    assert_ne!(loss(1, 0), loss(2, 0));
    assert_eq!(fused.losses(&batch()).unwrap(), fused.losses(&batch()).unwrap());
}

#[test]
fn gradients_with_dropout_are_slopes() {
    let lora = Lora { dropout: 0.3, ..lora(2, &["q_proj", "down_proj"], &[]) };
    let (architecture, weights) = odd_model(false);
    let start = adapter(&lora, &architecture);
    let with = |adapter: Weights| {
        let adapter = Some((lora.clone(), adapter));
        Fused::new(architecture.clone(), weights.clone(), adapter, &Device::Cpu, (0, 1), &config("")).unwrap()
    };
    let mut fused = with(start.clone());
    learn(&mut fused, &batch(), 4, 2);
    let gradients = fused.gradients().unwrap();
    for (name, gradient) in &gradients {
        let gradient = flat(gradient);
        let steepest = (0..gradient.len()).max_by(|a, b| gradient[*a].abs().total_cmp(&gradient[*b].abs())).unwrap();
        let loss = |by: f32| {
            let mut moved = start.clone();
            let mut values = flat(&moved[name]).into_iter().map(|x| x as f32).collect::<Vec<_>>();
            values[steepest] += by;
            moved.insert(name.clone(), Tensor::from_vec(values, moved[name].shape(), &Device::Cpu).unwrap());
            learn(&mut with(moved), &batch(), 4, 2).nats
        };
        let slope = (loss(0.02) - loss(-0.02)) / 0.04;
        assert!((slope / gradient[steepest] - 1.0).abs() < 0.02, "{name}: {slope} {}", gradient[steepest]);
    }
}

#[test]
fn what_was_saved_goes_on_to_the_bit() {
    for (lora, changes) in [
        (None, ""),
        (None, "engine.states = \"bf16\""),
        (Some(lora(2, &["k_proj", "gate_proj"], &["embed_tokens"])), ""),
    ] {
        let step = |engine: &mut Fused, number: u64| {
            let loss = learn(engine, &batch(), number, 0);
            engine.update(loss.num_targets, &Optimizer::default().step(number, 10), &mut Single).unwrap();
            loss.nats.to_bits()
        };
        let (mut first, _) = both(odd_model(false), lora.clone(), &config(changes));
        step(&mut first, 0);
        step(&mut first, 1);
        let (mut second, _) = both(odd_model(false), lora, &config(changes));
        second.restore(&first.save(&mut Single).unwrap()).unwrap();
        for number in 2..5 {
            assert_eq!(step(&mut first, number), step(&mut second, number));
        }
        let mut other = Saved::default();
        other.trained.insert("x".into(), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap());
        assert!(second.restore(&other).unwrap_err().to_string().contains("is missing or has another shape"));
    }
}

#[test]
fn numbers_rounded_by_chance_learn_what_a_bf16_step_would_lose() {
    // Steps of a thousandth of a weight are below bf16's resolution; their sum is not.
    let mut losses = Vec::new();
    for states in [States::F32, States::Bf16] {
        let mut config = config("");
        config.engine.states = states;
        let (mut fused, _) = both(model("model"), None, &config);
        let optimizer = Optimizer { learning_rate: 2e-4, weight_decay: 0.0, ..Optimizer::default() };
        let batch = rows(&tokens(&record()["tokens"]));
        let first = learn(&mut fused, &batch, 0, 0).mean();
        for number in 0..60 {
            fused.update(54, &optimizer.step(number, 1000), &mut Single).unwrap();
            losses.push(learn(&mut fused, &batch, number, 0).mean());
        }
        let last = *losses.last().unwrap();
        assert!(last < first - 0.5, "{states:?}: {first} → {last}");
    }
    let (exact, rounded) = (losses[59], losses[119]);
    assert!((exact / rounded - 1.0).abs() < 0.02, "{exact} {rounded}");
}

#[test]
fn a_gradient_that_is_no_number_changes_nothing() {
    let (architecture, mut weights) = model("model");
    let broken = Tensor::full(f32::INFINITY, 24, &Device::Cpu).unwrap();
    weights.insert("model.layers.0.input_layernorm.weight".into(), broken);
    let mut fused = Fused::new(architecture, weights, None, &Device::Cpu, (0, 1), &config("")).unwrap();
    let bits = |saved: Saved| {
        [saved.trained, saved.first, saved.second]
            .iter()
            .flat_map(|all| all.values().flat_map(flat).map(f64::to_bits).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let before = bits(fused.save(&mut Single).unwrap());
    learn(&mut fused, &batch(), 0, 0);
    let updated = fused.update(27, &Optimizer::default().step(0, 10), &mut Single).unwrap();
    assert!(!updated.is_finite && !updated.gradient_norm.is_finite());
    assert_eq!(bits(fused.save(&mut Single).unwrap()), before);
}

#[test]
fn what_does_not_fit_is_refused_with_advice() {
    let (architecture, weights) = model("model");
    let huge = Architecture { hidden_size: 16_384, intermediate_size: 65_536, ..architecture };
    let error =
        Fused::new(huge, weights, None, &Device::Cpu, (0, 1), &config("")).err().expect("too large").to_string();
    assert!(error.contains("even if every block is computed again") && error.contains("part_rows"), "{error}");
}
