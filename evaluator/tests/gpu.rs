//! Models on a GPU, in halves, against the same models on a CPU in f32.
//!
//! Built with the feature `cuda` only; needs a GPU: `cargo test --release --features cuda --test gpu -- --test-threads 1`.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use candle_core::{DType, Tensor};
use evaluator::{
    generate::Options,
    model::{Cache, Device, Files, Fused, Model, Place},
    perplexity::{Windows, measure_all},
};
use support::{LAW, answers, llama, open, stories, write_model};
use trainer::model::weights;

fn on_card(folder: &Path) -> Model {
    let files = Files { model: folder.to_owned(), device: Some(Device::Cuda), ..Files::default() };
    Model::open(&files).unwrap()
}

/// A random model whose weights bf16 can say, so that only what is computed differs.
fn write_halves(folder: &Path, hidden: usize, (heads, kv_heads, head): (usize, usize, usize), ids: usize) {
    let mut architecture = write_model(folder, 1);
    (architecture.hidden_size, architecture.intermediate_size, architecture.vocab_size) = (hidden, 2 * hidden + 4, ids);
    (architecture.num_attention_heads, architecture.num_key_value_heads) = (heads, Some(kv_heads));
    (architecture.head_dim, architecture.max_position_embeddings) = (Some(head), 1024);
    architecture.initializer_range = 0.9 / (hidden as f64).sqrt();
    let half = |tensor: &Tensor| tensor.to_dtype(DType::BF16).unwrap();
    let weights = weights::random(&architecture, 7).unwrap();
    let weights = weights.iter().map(|(name, tensor)| (name.clone(), half(tensor))).collect();
    weights::write_folder(folder, &architecture, &weights).unwrap();
}

/// ‖ours − theirs‖ / ‖theirs‖, and the largest difference.
fn distance(ours: &[f32], theirs: &[f32]) -> (f64, f64) {
    assert_eq!(ours.len(), theirs.len());
    let difference = |(a, b): (&f32, &f32)| f64::from(a - b);
    let squares: f64 = ours.iter().zip(theirs).map(difference).map(|x| x * x).sum();
    let scale: f64 = theirs.iter().map(|b| f64::from(*b).powi(2)).sum();
    let largest = ours.iter().zip(theirs).map(difference).fold(0.0f64, |most, x| most.max(x.abs()));
    (if squares.is_finite() { (squares / scale).sqrt() } else { f64::INFINITY }, largest)
}

/// By pass: slot, and from which token to which.
const PASSES: [&[(usize, usize, usize)]; 4] = [
    &[(2, 0, 300), (0, 0, 1), (4, 0, 20)],
    &[(2, 300, 301), (0, 1, 2), (3, 0, 700), (4, 20, 25)],
    &[(0, 2, 3), (1, 0, 2), (2, 301, 302), (3, 700, 701), (4, 25, 26)],
    &[(2, 0, 9), (0, 3, 4)],
];

fn places(tokens: &[u32], runs: &[(usize, usize, usize)]) -> Vec<Place> {
    let place =
        |slot: usize, position: usize| Place { token: tokens[(slot * 50 + position * 7) % 900], slot, position };
    runs.iter().flat_map(|(slot, from, to)| (*from..*to).map(move |at| place(*slot, at))).collect()
}

#[test]
fn logits_are_those_of_a_cpu() {
    for (hidden, heads, ids) in [(256, (4, 4, 64), 1501), (512, (4, 1, 128), 1536), (320, (4, 2, 80), 1500)] {
        let folder = tempfile::tempdir().unwrap();
        write_halves(folder.path(), hidden, heads, ids);
        let (plain, model) = (open(folder.path()), on_card(folder.path()));
        let tokens = plain.tokenizer.ids(LAW);
        let mut texts = model.engine.texts(5, 800).unwrap();
        let mut cache = Cache::new(&plain.architecture, 5, 800);
        for runs in PASSES {
            let places = places(&tokens, runs);
            let wanted: Vec<usize> = (0..places.len()).rev().step_by(2).collect();
            let theirs = llama(&plain).forward(&mut cache, &places, &wanted);
            let ours = texts.logits(&places, &wanted).unwrap();
            let (error, largest) = distance(&ours, &theirs);
            println!("{heads:?}: logits are off by {error:.2e}, at most {largest:.2e}");
            assert!(error < 1.5e-2, "{error}");
            let likeliest = texts.likeliest(&places, &wanted, 1500).unwrap();
            for (row, token) in ours.chunks(ids).zip(likeliest) {
                let best = row[..1500].iter().copied().fold(f32::NEG_INFINITY, f32::max);
                // The same pass again: the ways of its products are the same.
                assert_eq!(row[token as usize], best);
            }
        }
    }
}

#[test]
fn a_token_s_numbers_do_not_depend_on_its_slot() {
    let folder = tempfile::tempdir().unwrap();
    write_halves(folder.path(), 512, (8, 2, 64), 1504);
    let model = on_card(folder.path());
    let tokens = model.tokenizer.ids(LAW);
    let mut found: Vec<Vec<u32>> = Vec::new();
    // The first time finds the fastest ways of products.
    for change in [0, 0, 1, 2, 3, 4] {
        let mut texts = model.engine.texts(9, 900 - change).unwrap();
        let mut all = Vec::new();
        for runs in PASSES {
            let mut places = places(&tokens, runs);
            places.iter_mut().for_each(|place| place.slot = (place.slot * 2 + change) % 9);
            let wanted: Vec<usize> = (0..places.len()).collect();
            all.extend(texts.logits(&places, &wanted).unwrap().into_iter().map(f32::to_bits));
        }
        found.push(all);
    }
    assert!(found[2..].iter().all(|all| *all == found[1]));
}

#[test]
fn texts_are_as_likely_as_on_a_cpu() {
    let folder = tempfile::tempdir().unwrap();
    write_halves(folder.path(), 256, (4, 2, 64), 1501);
    let (plain, model) = (open(folder.path()), on_card(folder.path()));
    let texts: Vec<&str> = LAW.lines().filter(|line| line.chars().count() > 30).take(20).collect();
    let windows = Windows::of(&plain, Some(100), Some(50)).unwrap();
    let theirs = measure_all(&plain, &texts, windows, |_| ()).unwrap();
    let ours = measure_all(&model, &texts, windows, |_| ()).unwrap();
    let sum = |all: &[evaluator::perplexity::Measured]| all.iter().map(|measured| measured.nats).sum::<f64>();
    let error = (sum(&ours) / sum(&theirs) - 1.0).abs();
    println!("nats are off by {error:.2e}");
    assert!(error < 2e-3);
}

#[test]
fn a_small_model_goes_on_as_on_a_cpu_where_one_token_is_likelier_by_a_margin() {
    let Some((folder, golden)) = stories() else { return };
    let prompt: Vec<u32> = serde_json::from_value(golden["prompt_ids"].clone()).unwrap();
    let (plain, model) = (open(folder.path()), on_card(folder.path()));
    let options = Options { max_new_tokens: 180, allow_loops: true, ..Options::default() };
    let prompts: Vec<Vec<u32>> =
        (0..8u32).map(|at| if at == 0 { prompt.clone() } else { vec![1, 403, 3 + at * 31] }).collect();
    let (theirs, ours) = (answers(&plain, &options, 8, &prompts), answers(&model, &options, 8, &prompts));
    for ((prompt, (theirs, _)), (ours, _)) in prompts.iter().zip(theirs).zip(ours) {
        let same = theirs.tokens.iter().zip(&ours.tokens).take_while(|(a, b)| a == b).count();
        println!("{same} tokens of {} are the same", theirs.tokens.len());
        if same == theirs.tokens.len() {
            continue;
        }
        let text = [prompt, &theirs.tokens[..same]].concat();
        let places: Vec<Place> =
            text.iter().zip(0..).map(|(token, position)| Place { token: *token, slot: 0, position }).collect();
        let mut cache = Cache::new(&plain.architecture, 1, text.len());
        let logits = llama(&plain).forward(&mut cache, &places, &[text.len() - 1]);
        let mut sorted = logits.clone();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        let margin = sorted[0] - ours.tokens.get(same).map_or(sorted[1], |token| logits[*token as usize]);
        println!("then the margin is {margin}");
        assert!(margin < 0.15, "{margin}");
    }
}

/// See `fixture/small_llama.py`.
#[test]
fn transformers_computes_the_same() {
    let Some(folder) = std::env::var_os("TRANSFORMERS_MODEL").map(std::path::PathBuf::from) else { return };
    let text = fs_err::read_to_string(folder.join("transformers.json")).unwrap();
    let theirs: serde_json::Value = serde_json::from_str(&text).unwrap();
    let logits_of = |name: &str| serde_json::from_value::<Vec<Vec<f32>>>(theirs[name].clone()).unwrap();
    let tokens_of = |name: &str| serde_json::from_value::<Vec<Vec<u32>>>(theirs[name].clone()).unwrap();
    let prompts = tokens_of("prompts");
    let (architecture, weights) = weights::read_folder(&folder).unwrap();
    let device = candle_core::Device::new_cuda(0).unwrap();
    let mut model = Fused::on_card(&architecture, weights, &device).unwrap();
    model.begin(prompts.len(), 600).unwrap();
    let places = |range: fn(usize) -> std::ops::Range<usize>| -> (Vec<Place>, Vec<usize>) {
        let (mut places, mut last) = (Vec::new(), Vec::new());
        for (slot, prompt) in prompts.iter().enumerate() {
            let of = |position: usize| Place { token: prompt[position], slot, position };
            places.extend(range(prompt.len()).map(of));
            last.push(places.len() - 1);
        }
        (places, last)
    };
    let (all, last) = places(|count| 0..count);
    let whole = model.logits(&all, &last).unwrap();
    let (rest, each) = places(|count| count - 1..count);
    let single = model.logits(&rest, &each).unwrap();
    for (what, ours, exact, peer) in
        [("whole", &whole, "logits_f32", "logits_bf16"), ("cached", &single, "cached_f32", "cached_bf16")]
    {
        let (exact, peer) = (logits_of(exact).concat(), logits_of(peer).concat());
        let (error, largest) = distance(ours, &exact);
        let (peer_error, peer_largest) = distance(&peer, &exact);
        println!("{what}: ours off by {error:.2e}, at most {largest:.2e}; theirs {peer_error:.2e}, {peer_largest:.2e}");
        assert!(error < 1.5 * peer_error);
    }
    // Greedy answers, all prompts side by side.
    let mut next = model.likeliest(&all, &last, architecture.vocab_size).unwrap();
    let mut answers: Vec<Vec<u32>> = next.iter().map(|token| vec![*token]).collect();
    for step in 0..47 {
        let place = |(slot, token): (usize, &u32)| Place { token: *token, slot, position: prompts[slot].len() + step };
        let places: Vec<Place> = next.iter().enumerate().map(place).collect();
        next = model.likeliest(&places, &[0, 1, 2, 3], architecture.vocab_size).unwrap();
        answers.iter_mut().zip(&next).for_each(|(answer, token)| answer.push(*token));
    }
    let same = |a: &[u32], b: &[u32]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (exact, peer) = (tokens_of("greedy_f32"), tokens_of("greedy_bf16"));
    for ((ours, exact), peer) in answers.iter().zip(&exact).zip(&peer) {
        println!("of 48 tokens the same as in f32: ours {}, theirs {}", same(ours, exact), same(peer, exact));
    }
}
