//! What runs on GPUs, on a CPU: it is what the CPU computes, whatever goes through the model together.

#![allow(clippy::unwrap_used)]

mod support;

use std::{cell::RefCell, path::Path};

use evaluator::{
    generate::{Options, Sampling},
    model::{Cache, Engine, Fused, Model, Place},
    perplexity::{Windows, measure_all},
};
use support::{LAW, answers, llama, open, stories, write_model};
use trainer::model::{Architecture, weights};

/// A random model whose sizes have to be filled up: heads of 8, 52 inside, 1501 ids.
fn write_uneven(folder: &Path, seed: u64) -> Architecture {
    let mut architecture = write_model(folder, seed);
    (architecture.hidden_size, architecture.vocab_size, architecture.initializer_range) = (48, 1501, 0.13);
    weights::write_folder(folder, &architecture, &weights::random(&architecture, seed).unwrap()).unwrap();
    architecture
}

/// The model of a folder as it runs on a GPU, with passes of so many tokens.
fn fused(folder: &Path, num_tokens: usize, num_kept: usize) -> Model {
    let (architecture, weights) = weights::read_folder(folder).unwrap();
    let fused = Fused::on_host(&architecture, weights, num_tokens, num_kept).unwrap();
    Model { engine: Engine::Card(Box::new(RefCell::new(fused))), ..open(folder) }
}

fn check(ours: &[f32], theirs: &[f32]) {
    let scale = theirs.iter().fold(0.0f32, |scale, value| scale.max(value.abs()));
    let error = ours.iter().zip(theirs).fold(0.0f32, |error, (a, b)| error.max((a - b).abs())) / scale;
    assert!(ours.len() == theirs.len() && scale > 1.0 && error < 1e-5, "{error} of {scale}");
}

#[test]
fn texts_pieces_and_single_tokens_side_by_side_are_what_a_cpu_computes() {
    let folder = tempfile::tempdir().unwrap();
    let architecture = write_uneven(folder.path(), 1);
    let (plain, model) = (open(folder.path()), fused(folder.path(), 64, 5 * 100));
    let tokens = plain.tokenizer.ids(LAW);
    let place =
        |slot: usize, position: usize| Place { token: tokens[(slot * 50 + position * 7) % 900], slot, position };
    // By pass: slot, and from which token to which.
    let passes = [
        vec![(2, 0, 30), (0, 0, 1), (4, 0, 20)],
        vec![(2, 30, 31), (0, 1, 2), (3, 0, 33), (4, 20, 25)],
        vec![(0, 2, 3), (1, 0, 2), (2, 31, 32), (3, 33, 34), (4, 25, 26)],
        // Another text in a slot that was used.
        vec![(2, 0, 9), (0, 3, 4)],
    ];
    let mut texts = model.engine.texts(5, 100).unwrap();
    let mut cache = Cache::new(&architecture, 5, 100);
    for runs in passes {
        let places: Vec<Place> =
            runs.iter().flat_map(|(slot, from, to)| (*from..*to).map(move |at| place(*slot, at))).collect();
        let wanted: Vec<usize> = (0..places.len()).rev().step_by(2).collect();
        let theirs = llama(&plain).forward(&mut cache, &places, &wanted);
        check(&texts.logits(&places, &wanted).unwrap(), &theirs);
        let likeliest = texts.likeliest(&places, &wanted, 1500).unwrap();
        let best = |row: &[f32]| (0..1500).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap() as u32;
        assert_eq!(likeliest, theirs.chunks(1501).map(best).collect::<Vec<_>>());
    }
    // One set of texts at a time has the memory, and no more of it than there is.
    assert!(model.engine.texts(1, 1).is_err());
    drop(texts);
    assert_eq!(model.engine.slots_that_fit(&architecture, 100).unwrap(), 5);
    let error = model.engine.texts(6, 100).err().unwrap().to_string();
    assert!(error.contains("holds 5"), "{error}");
}

#[test]
fn answers_are_those_of_a_cpu() {
    let folder = tempfile::tempdir().unwrap();
    write_uneven(folder.path(), 2);
    // A prompt of up to 119 tokens goes through passes of 96 in pieces.
    let (plain, model) = (open(folder.path()), fused(folder.path(), 96, 8 * 160));
    let tokens = plain.tokenizer.ids(LAW);
    let prompts: Vec<Vec<u32>> = (0..12).map(|at| tokens[at * 31..][..1 + (at * 17) % 120].to_vec()).collect();
    // Nothing that depends on which of two is likelier by a bit.
    let drawn = Sampling { temperature: 0.8, repetition_penalty: 1.1, ..Sampling::default() };
    for sampling in [Sampling::default(), drawn] {
        let options = Options { max_new_tokens: 40, sampling, seed: 3, ..Options::default() };
        let theirs = answers(&plain, &options, 4, &prompts);
        for num_slots in [1, 3, 8] {
            assert_eq!(answers(&model, &options, num_slots, &prompts), theirs, "{num_slots} at a time");
        }
    }
}

#[test]
fn texts_are_as_likely_as_on_a_cpu() {
    let folder = tempfile::tempdir().unwrap();
    write_uneven(folder.path(), 3);
    let (plain, model) = (open(folder.path()), fused(folder.path(), 200, 0));
    let texts: Vec<&str> = LAW.lines().filter(|line| line.chars().count() > 30).take(9).collect();
    let windows = Windows::of(&plain, Some(60), Some(25)).unwrap();
    let theirs = measure_all(&plain, &texts, windows, |_| ()).unwrap();
    let ours = measure_all(&model, &texts, windows, |_| ()).unwrap();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.tokens, theirs.tokens);
        assert!((ours.nats / theirs.nats - 1.0).abs() < 1e-6, "{ours:?} {theirs:?}");
    }
    let wide = Windows::of(&plain, Some(160), None).unwrap();
    let narrow = fused(folder.path(), 60, 0);
    let long = [LAW];
    let error = measure_all(&narrow, &long, wide, |_| ()).unwrap_err().to_string();
    assert!(error.contains("there is memory for 60"), "{error}");
}

#[test]
fn a_small_model_with_narrow_heads_tells_the_story_that_is_known() {
    let Some((folder, golden)) = stories() else { return };
    let prompt: Vec<u32> = serde_json::from_value(golden["prompt_ids"].clone()).unwrap();
    let story: Vec<u32> = serde_json::from_value(golden["greedy_ids_200"].clone()).unwrap();
    let model = fused(folder.path(), 128, 512);
    let options = Options { max_new_tokens: story.len() - prompt.len(), ..Options::default() };
    let (answer, _) = answers(&model, &options, 1, std::slice::from_ref(&prompt)).remove(0);
    assert_eq!([prompt, answer.tokens].concat(), story);
}
