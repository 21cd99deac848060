//! Answers: the same alone and in company, with a cache and without, as the reference computes them.

mod support;

use evaluator::{
    generate::{Options, Sampling, Stop},
    model::{Cache, Model, Place},
};
use support::{LAW, answers, llama, open, stories, write_model};
use trainer::{
    engine::{Engine, reference::Reference},
    model::weights,
};

/// Prompts of many lengths.
fn prompts(model: &Model, count: usize) -> Vec<Vec<u32>> {
    let tokens = model.tokenizer.ids(LAW);
    (0..count).map(|at| [&[model.tokenizer.begin()], &tokens[at * 31..][..1 + (at * 17) % 120]].concat()).collect()
}

/// The logits after each token of a text.
fn logits(model: &Model, tokens: &[u32]) -> Vec<f32> {
    let mut cache = Cache::new(&model.architecture, 1, tokens.len());
    let places: Vec<Place> =
        tokens.iter().enumerate().map(|(position, token)| Place { token: *token, slot: 0, position }).collect();
    llama(model).forward(&mut cache, &places, &(0..tokens.len()).collect::<Vec<_>>())
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn logits_are_those_of_the_trainer_s_reference() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), 3);
    let model = open(folder.path());
    let tokens = &prompts(&model, 4)[3];
    let (architecture, weights) = weights::read_folder(folder.path()).unwrap();
    let (device, dtype) = (candle_core::Device::Cpu, candle_core::DType::F32);
    let mut reference = Reference::new(architecture, weights, None, device, dtype, 0).unwrap();
    let theirs: Vec<f32> = reference.logits(tokens).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    let ours = logits(&model, tokens);
    let scale = theirs.iter().fold(0.0f32, |scale, value| scale.max(value.abs()));
    let error = ours.iter().zip(&theirs).fold(0.0f32, |error, (a, b)| error.max((a - b).abs())) / scale;
    assert!(ours.len() == theirs.len() && scale > 1.0 && error < 1e-5, "{error} of {scale}");
}

#[test]
fn a_cache_company_and_pieces_change_no_bit_of_the_logits() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), 4);
    let model = open(folder.path());
    let texts = prompts(&model, 7);
    let whole: Vec<Vec<f32>> = texts.iter().map(|text| logits(&model, text)).collect();
    let ids = model.architecture.vocab_size;
    // A token of each text at a time, texts of different lengths side by side in changed slots.
    let mut cache = Cache::new(&model.architecture, 7, 130);
    let slot = |text: usize| (text * 3 + 2) % 7;
    for position in 0..texts.iter().map(Vec::len).max().unwrap() {
        let present: Vec<usize> = (0..7).filter(|text| position < texts[*text].len()).collect();
        let place = |text: &usize| Place { token: texts[*text][position], slot: slot(*text), position };
        let places: Vec<Place> = present.iter().map(place).collect();
        let all: Vec<usize> = (0..places.len()).collect();
        let logits = llama(&model).forward(&mut cache, &places, &all);
        for (text, logits) in present.iter().zip(logits.chunks(ids)) {
            assert_eq!(bits(logits), bits(&whole[*text][position * ids..][..ids]), "{text} {position}");
        }
    }
}

#[test]
fn answers_are_the_same_alone_in_company_and_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), 5);
    let model = open(folder.path());
    let prompts = prompts(&model, 23);
    let drawn = Sampling { temperature: 0.8, top_k: 50, top_p: 0.9, repetition_penalty: 1.1 };
    for sampling in [Sampling::default(), drawn] {
        let options = Options { max_new_tokens: 60, sampling, seed: 3, ..Options::default() };
        let alone = answers(&model, &options, 1, &prompts);
        for num_slots in [2, 5, 16, 32] {
            assert_eq!(answers(&model, &options, num_slots, &prompts), alone, "{num_slots} at a time");
        }
        // An answer's seed follows from its id, so that the first alone is the first of all.
        assert_eq!(answers(&model, &options, 1, &prompts[..1]), alone[..1]);
        for (answer, shown) in &alone {
            assert_eq!(&answer.text, shown, "what is shown on the way is the answer");
            assert_eq!(answer.text, model.tokenizer.decode_on(&answer.tokens));
        }
        let stops: Vec<Stop> = alone.iter().map(|(answer, _)| answer.stop).collect();
        assert!(stops.contains(&Stop::Length) && stops.contains(&Stop::Context), "{stops:?}");
    }
}

#[test]
fn an_answer_is_what_greedy_search_without_a_cache_finds() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), 6);
    let model = open(folder.path());
    let prompt = prompts(&model, 3).remove(2);
    let options = Options { max_new_tokens: 24, allow_loops: true, ..Options::default() };
    let (answer, _) = answers(&model, &options, 4, std::slice::from_ref(&prompt)).remove(0);
    let (mut tokens, ids) = (prompt, model.architecture.vocab_size);
    for token in &answer.tokens {
        let logits = logits(&model, &tokens);
        let last = &logits[(tokens.len() - 1) * ids..][..model.tokenizer.num_pieces()];
        let best = (0..last.len()).rev().max_by(|a, b| last[*a].total_cmp(&last[*b])).unwrap();
        assert_eq!(*token as usize, best);
        tokens.push(*token);
    }
    assert_eq!(answer.tokens.len(), 24);
}

#[test]
fn stops_end_answers_and_are_no_part_of_them() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), 7);
    let model = open(folder.path());
    let prompts = prompts(&model, 6);
    let plain = Options { max_new_tokens: 30, ..Options::default() };
    for (prompt, (before, _)) in prompts.iter().zip(answers(&model, &plain, 6, &prompts)) {
        // A part from the middle of the answer, across tokens.
        let characters: Vec<(usize, char)> = before.text.char_indices().collect();
        let stop: String = characters[8..11].iter().map(|(_, character)| *character).collect();
        let options = Options { stops: vec!["不会出现的话".into(), stop.clone()], ..plain.clone() };
        let (answer, shown) = answers(&model, &options, 1, std::slice::from_ref(prompt)).remove(0);
        let end = before.text.find(&stop).unwrap();
        assert_eq!((answer.text.as_str(), answer.stop), (&before.text[..end], Stop::Text));
        assert_eq!(shown, answer.text, "nothing of the stop was shown");
    }
}

#[test]
fn a_small_model_tells_the_story_that_is_known() {
    let Some((folder, golden)) = stories() else { return };
    let list = |name: &str| serde_json::from_value::<Vec<f64>>(golden[name].clone()).unwrap();
    let prompt: Vec<u32> = serde_json::from_value(golden["prompt_ids"].clone()).unwrap();
    let story: Vec<u32> = serde_json::from_value(golden["greedy_ids_200"].clone()).unwrap();
    let model = open(folder.path());
    let text = model.tokenizer.ids(golden["prompt"].as_str().unwrap());
    assert_eq!([&[model.tokenizer.begin()], &text[..]].concat(), prompt);

    let logits = logits(&model, &prompt);
    let ids = model.architecture.vocab_size;
    let last = &logits[(prompt.len() - 1) * ids..];
    let pairs = last.iter().zip(list("last_logits_first8"));
    let worst = pairs.map(|(ours, theirs)| (f64::from(*ours) - theirs).abs()).fold(0.0, f64::max);
    println!("logits are off by {worst:e}");
    assert!(worst < 2e-5);

    let options = Options { max_new_tokens: story.len() - prompt.len(), ..Options::default() };
    let (answer, _) = answers(&model, &options, 1, std::slice::from_ref(&prompt)).remove(0);
    assert_eq!([prompt, answer.tokens].concat(), story);
    let text = golden["prompt"].as_str().unwrap().to_owned() + &answer.text;
    assert_eq!(text, golden["greedy_text_200"].as_str().unwrap());
}

/// How fast the small model tells stories, and a random one of 110 million numbers in halves goes on with them.
#[test]
#[ignore = "a measurement"]
fn tokens_a_second() {
    let measure = |name: &str, model: &Model, prompt: &[u32], num_prompts: usize, max_new_tokens: usize| {
        let options = Options { max_new_tokens, allow_loops: true, ..Options::default() };
        for num_slots in [1, 16] {
            let start = std::time::Instant::now();
            let found = answers(model, &options, num_slots, &vec![prompt.to_vec(); num_prompts]);
            let count: usize = found.iter().map(|(answer, _)| answer.tokens.len()).sum();
            println!("{name}: {num_slots} at a time, {:.0} tokens/s", count as f64 / start.elapsed().as_secs_f64());
        }
    };
    if let Some((folder, _)) = stories() {
        let model = open(folder.path());
        measure("stories260k", &model, &[model.tokenizer.begin(), 403], 64, 250);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut architecture = write_model(folder.path(), 1);
    architecture.hidden_size = 768;
    architecture.intermediate_size = 2048;
    architecture.num_hidden_layers = 15;
    (architecture.num_attention_heads, architecture.num_key_value_heads) = (12, None);
    let halves = |tensor: &candle_core::Tensor| tensor.to_dtype(candle_core::DType::BF16).unwrap();
    let weights = weights::random(&architecture, 1).unwrap();
    let weights = weights.iter().map(|(name, tensor)| (name.clone(), halves(tensor))).collect();
    weights::write_folder(folder.path(), &architecture, &weights).unwrap();
    let model = open(folder.path());
    let prompt = &prompts(&model, 6)[5];
    measure(&format!("{} numbers", architecture.num_parameters()), &model, prompt, 16, 32);
}
