//! How well a model foresees text: as it is known, over the whole of a text, and fair between vocabularies.

mod support;

use evaluator::{
    generate::{Generator, Request},
    model::{Cache, Device, Files, Place},
    perplexity::{self, Options, Windows, measure},
};
use support::{LAW, llama, open, stories, write_model, write_model_of};
use trainer::model::weights;

fn options(model: &std::path::Path) -> Options {
    Options {
        files: Files { model: model.to_owned(), device: Some(Device::Cpu), ..Files::default() },
        corpus: "absent".into(),
        text: None,
        split: "validation".into(),
        max_documents: None,
        against: None,
        against_name: None,
        context: None,
        stride: None,
        resamples: 100,
        seed: 0,
    }
}

#[test]
fn a_small_model_foresees_its_story_as_is_known() {
    let Some((folder, golden)) = stories() else { return };
    let model = open(folder.path());
    let text = golden["prompt"].as_str().unwrap();
    let measured = measure(&model, text, Windows::of(&model, None, None).unwrap()).unwrap();
    let mean = measured.nats / measured.tokens as f64;
    let known = golden["mean_nll"].as_f64().unwrap();
    println!("{mean} nats a token, off by {:e}", (mean - known).abs());
    assert_eq!(measured.tokens, golden["per_token_nll"].as_array().unwrap().len() as u64);
    assert!((mean - known).abs() < 1e-6, "{mean} {known}");
    let path = folder.path().join("story.txt");
    fs_err::write(&path, text).unwrap();
    let report = perplexity::perplexity(&Options { text: Some(path), ..options(folder.path()) }).unwrap();
    let row = &report.rows[0];
    assert_eq!((row.kind.as_str(), row.documents, row.bytes, row.interval), ("text", 1, text.len() as u64, None));
    assert!((row.perplexity - known.exp()).abs() < 1e-6 && (row.nats_per_token - known).abs() < 1e-6);
    let bits = known * 12.0 / text.len() as f64 / std::f64::consts::LN_2;
    assert!((row.bits_per_byte - bits).abs() < 1e-6);
}

#[test]
fn windows_slide_over_all_of_a_long_text() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), 8);
    let model = open(folder.path());
    let text: String = LAW.chars().take(1500).collect();
    let count = model.tokenizer.ids(&text).len() as u64;
    assert!(count > 400, "more than the context: {count}");
    let nats = |context, stride| {
        let measured = measure(&model, &text, Windows::of(&model, Some(context), Some(stride)).unwrap()).unwrap();
        assert_eq!((measured.tokens, measured.unknown), (count, measured.unknown));
        measured.nats
    };
    // Windows that go on by their width are texts of their own, but for the mark before the first; the last reaches back.
    let tokens = [&[model.tokenizer.begin()], &model.tokenizer.ids(&text)[..]].concat();
    let (mut apart, ids) = (0.0, model.architecture.vocab_size);
    for counted in (0..count as usize).step_by(100) {
        let end = (counted + 100).min(count as usize);
        let from = end - 100;
        let mut cache = Cache::new(&model.architecture, 1, 100);
        let place = |at: usize| Place { token: tokens[at], slot: 0, position: at - from };
        let places: Vec<Place> = (from..end).map(place).collect();
        let wanted: Vec<usize> = (counted - from..100).collect();
        let logits = llama(&model).forward(&mut cache, &places, &wanted);
        for (logits, target) in logits.chunks(ids).zip(&tokens[counted + 1..]) {
            let sum: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
            apart += sum.ln() - f64::from(logits[*target as usize]);
        }
    }
    assert!((nats(100, 100) / apart - 1.0).abs() < 1e-9);
    assert!(nats(100, 50) != nats(100, 100) && nats(160, 80).is_finite());

    for (context, stride, expected) in
        [(161, 1, "made for 160"), (0, 1, "context"), (10, 0, "stride"), (10, 11, "stride")]
    {
        let error = Windows::of(&model, Some(context), Some(stride)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn models_are_compared_on_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let architecture = write_model(&one, 9);
    write_model(&other, 9);
    // The other's logits are all 0: every token costs ln 1536.
    let (_, mut weights) = weights::read_folder(&other).unwrap();
    let head = weights.get_mut("lm_head.weight").unwrap();
    *head = head.zeros_like().unwrap();
    weights::write_folder(&other, &architecture, &weights).unwrap();
    let path = folder.path().join("law.txt");
    fs_err::write(&path, LAW).unwrap();
    let options = Options { text: Some(path), against: Some(other), ..options(&one) };
    let report = perplexity::perplexity(&options).unwrap();
    let [first, second] = &report.rows[..] else { panic!("{report:?}") };
    assert!((second.nats_per_token - 1536f64.ln()).abs() < 1e-9, "{second:?}");
    assert_eq!((first.bytes, second.bytes), (LAW.len() as u64, LAW.len() as u64));
    let difference = &report.differences[0];
    assert!((difference.bits_per_byte - (first.bits_per_byte - second.bits_per_byte)).abs() < 1e-12);
}

#[test]
fn a_smaller_and_a_larger_vocabulary_are_compared_on_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (larger, smaller) = (folder.path().join("larger"), folder.path().join("smaller"));
    write_model(&larger, 9);
    write_model_of(&smaller, 9, 900);
    // Of both the logits are all 0: a token costs the logarithm of the rows, whatever it stands for.
    for model in [&larger, &smaller] {
        let (architecture, mut weights) = weights::read_folder(model).unwrap();
        let head = weights.get_mut("lm_head.weight").unwrap();
        *head = head.zeros_like().unwrap();
        weights::write_folder(model, &architecture, &weights).unwrap();
    }
    let path = folder.path().join("law.txt");
    fs_err::write(&path, LAW).unwrap();
    let options = Options { text: Some(path), against: Some(smaller), ..options(&larger) };
    let report = perplexity::perplexity(&options).unwrap();
    let [first, second] = &report.rows[..] else { panic!("{report:?}") };
    assert!(first.tokens < second.tokens && first.bytes == second.bytes, "{report:?}");
    for (row, rows) in [(first, 1536f64), (second, 960f64)] {
        let bits = row.tokens as f64 * rows.log2() / row.bytes as f64;
        assert!((row.bits_per_byte - bits).abs() < 1e-9, "{row:?}");
    }
    let same = Options { against: Some(folder.path().join("elsewhere/larger")), ..options };
    let error = perplexity::perplexity(&same).unwrap_err().to_string();
    assert_eq!(error, "larger: both models are called so; --name or --against-name tells them apart");
}

#[test]
fn a_model_that_computes_no_numbers_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("damaged");
    let architecture = write_model(&model, 9);
    let (_, mut weights) = weights::read_folder(&model).unwrap();
    let norm = weights.get_mut("model.norm.weight").unwrap();
    *norm = (norm.zeros_like().unwrap() / 0.0).unwrap();
    weights::write_folder(&model, &architecture, &weights).unwrap();
    let path = folder.path().join("law.txt");
    fs_err::write(&path, LAW).unwrap();
    let error = perplexity::perplexity(&Options { text: Some(path), ..options(&model) }).unwrap_err().to_string();
    assert!(error.contains("no numbers"), "{error}");
    let model = open(&model);
    for temperature in [0.0, 1.0] {
        let mut options = evaluator::generate::Options::default();
        options.sampling.temperature = temperature;
        let mut generator = Generator::new(&model, &options, 1, 100).unwrap();
        generator.push(Request { id: 0, tokens: vec![5, 6] }).unwrap();
        let error = generator.step().unwrap_err().to_string();
        assert!(error.contains("no numbers"), "{error}");
    }
}
