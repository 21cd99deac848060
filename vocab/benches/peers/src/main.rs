//! Times the encoder beside other libraries that read the same tokenizer, and the trainer alone.
//!
//! `vocab-peers encode TOKENIZER_DIR TEXT [ROUNDS]` encodes a text line by line with each library in turn, on one
//! thread, from cold; `vocab-peers train MODEL TEXT PIECES [MEGABYTES]` lifts a text and learns pieces within so much memory.

use std::{
    io::{BufRead, BufReader},
    time::Instant,
};

use vocab::{
    Encoder, bpe,
    encode::Scratch,
    lift::{self, Lifter},
    spm::Model,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["encode", tokenizer, text] => encode(tokenizer, text, 3),
        ["encode", tokenizer, text, rounds] => encode(tokenizer, text, rounds.parse()?),
        ["train", model, text, pieces] => train(model, text, pieces.parse()?, 3_000),
        ["train", model, text, pieces, megabytes] => train(model, text, pieces.parse()?, megabytes.parse()?),
        _ => Err("usage: vocab-peers encode TOKENIZER_DIR TEXT [ROUNDS] | train MODEL TEXT PIECES [MEGABYTES]".into()),
    }
}

fn encode(tokenizer: &str, text: &str, rounds: usize) -> Result<(), Failure> {
    let (model_path, json_path) = (format!("{tokenizer}/tokenizer.model"), format!("{tokenizer}/tokenizer.json"));
    let text = fs_err::read_to_string(text)?;
    let lines: Vec<&str> = text.lines().collect();
    let bytes: usize = lines.iter().map(|line| line.len()).sum();
    let encoder = Encoder::new(&Model::read(model_path.as_ref())?)?;
    let mut expected: Vec<Vec<u32>> = Vec::new();
    lines.iter().for_each(|line| expected.push(encoder.ids(line)));

    println!(
        "{} lines, {:.2} MB, {} tokens",
        lines.len(),
        bytes as f64 / 1e6,
        expected.iter().map(Vec::len).sum::<usize>()
    );
    println!("{:<24} {:>9} {:>9} {:>10}", "library", "cold MB/s", "best MB/s", "lines off");
    let report = |name: &str, encode_line: &mut dyn FnMut(&str, &mut Vec<u32>) -> Result<(), Failure>| {
        let mut ids = Vec::new();
        let mut speeds = Vec::new();
        for _ in 0..rounds {
            let started = Instant::now();
            for line in &lines {
                ids.clear();
                encode_line(line, &mut ids)?;
            }
            speeds.push(bytes as f64 / 1e6 / started.elapsed().as_secs_f64());
        }
        let mut off = 0;
        for (line, expected) in lines.iter().zip(&expected) {
            ids.clear();
            encode_line(line, &mut ids)?;
            off += usize::from(ids != *expected);
        }
        let best = speeds.iter().copied().fold(0.0, f64::max);
        println!("{name:<24} {:>9.1} {best:>9.1} {off:>10}", speeds[0]);
        Ok::<(), Failure>(())
    };

    let ours = Encoder::new(&Model::read(model_path.as_ref())?)?;
    let mut scratch = Scratch::default();
    report("vocab", &mut |line, ids| {
        ours.encode(line, &mut scratch, ids);
        Ok(())
    })?;
    let library = sentencepiece::SentencePieceProcessor::open(&model_path)?;
    report("sentencepiece 0.14", &mut |line, ids| {
        ids.extend(library.encode(line)?.iter().map(|piece| piece.id));
        Ok(())
    })?;
    let kitoken = kitoken::Kitoken::from_file(&model_path).map_err(|e| format!("{e:?}"))?;
    report("kitoken 0.11", &mut |line, ids| {
        ids.extend(kitoken.encode(line, false).map_err(|e| format!("{e:?}"))?);
        Ok(())
    })?;
    if let Ok(json) = fs_err::read_to_string(&json_path) {
        let stable = tokenizers::Tokenizer::from_file(&json_path)?;
        report("tokenizers 0.23", &mut |line, ids| {
            ids.extend(stable.encode_fast(line, false)?.get_ids());
            Ok(())
        })?;
        let next = tokenizers_next::from_json(&tokenizers_next::canonicalize_str(&json).map_err(|e| e.to_string())?)
            .map_err(|e| e.to_string())?;
        let options = tokenizers_next::pipeline::EncodeOptions::no_specials();
        let mut tokens = Vec::new();
        report("tokenizers 1.0.0-rc.3", &mut |line, ids| {
            tokens.clear();
            next.encode_into(line, &options, &mut tokens).map_err(|e| e.to_string())?;
            ids.extend(tokens.iter().map(|token| token.id()));
            Ok(())
        })?;
    }
    Ok(())
}

fn train(model: &str, text: &str, num_pieces: usize, megabytes: usize) -> Result<(), Failure> {
    let base = Model::read(model.as_ref())?;
    let encoder = Encoder::new(&base)?;
    let started = Instant::now();
    let mut runs = lift::runs_within(megabytes * 1_000_000);
    let mut lifter = Lifter::new(&base, &encoder);
    let (mut reader, mut line, mut num_bytes) = (BufReader::new(fs_err::File::open(text)?), String::new(), 0);
    while reader.read_line(&mut line)? > 0 {
        num_bytes += line.len();
        lifter.lift(line.trim_end_matches('\n'), 1, &mut runs);
        line.clear();
    }
    let lifted = started.elapsed();
    let learned = bpe::train(runs.sorted(), num_pieces, 8);
    let last_count = learned.last().map_or(0, |piece| piece.count);
    println!(
        "{:.1} MB: {} runs lifted in {:.2} s, {} pieces learned in {:.2} s; the last stood {last_count} times, \
         standard error at most {:.2} %",
        num_bytes as f64 / 1e6,
        runs.len(),
        lifted.as_secs_f64(),
        learned.len(),
        (started.elapsed() - lifted).as_secs_f64(),
        100.0 * runs.standard_error(last_count),
    );
    Ok(())
}
