//! Says where a run goes on: at its newest whole checkpoint, if that was made of the same things; else at the start.

use corpus_format::{Corpus, reader::hash_file};
use serde_json::Value;
use vocab::Tokenizer;

use crate::{
    Config, Error, Result,
    checkpoint::{self, Progress},
    engine::Saved,
    json,
    run::CONFIG,
    start,
};

/// Settings that decide what is learned and measured. What may change is how long a run is, how many rows go through
/// the model at a time, what computes, and when it measures and saves; corpus, tokenizer and base may lie elsewhere.
const FIXED: [&str; 9] = [
    "/task",
    "/seed",
    "/lora",
    "/data",
    "/train/rows",
    "/train/dtype",
    "/engine/states",
    "/optimizer",
    "/evaluate/bytes",
];

/// Settings that say how many steps a run has.
const LENGTH: [&str; 2] = ["/train/steps", "/train/epochs"];

/// Where a run goes on, and with which tensors. Its steps are 0 where they have to be counted.
///
/// # Errors
/// A run that is there and is not to be gone on with, or was begun with other settings, data or weights.
pub(crate) fn progress(
    config: &Config,
    resume: bool,
    corpus: &Corpus,
    tokenizer: &Tokenizer,
) -> Result<(Progress, Option<Saved>)> {
    let run = &config.output;
    let fresh = Progress {
        step: 0,
        num_steps: 0,
        num_tokens: 0,
        num_skipped: 0,
        best: None,
        corpus: hash_file(&corpus.dir().join("index.json"))?.1,
        tokenizer: start::hash_tokenizer(tokenizer),
        base: start::hash_base(config)?,
        data: None,
    };
    if checkpoint::steps(run)?.is_empty() {
        return Ok((fresh, None));
    }
    if !resume {
        return Err(Error::invalid(run.display(), "holds a run; --resume goes on with it, --fresh begins again"));
    }
    let newest = checkpoint::newest(run, |error| eprintln!("left aside: {error}"))?
        .ok_or_else(|| Error::invalid(run.display(), "none of its checkpoints is whole; --fresh begins again"))?;
    let (mut progress, saved) = checkpoint::read(&newest)?;
    let refused = |what: String| Error::invalid(run.display(), format!("{what}; going on would mix them"));
    if progress.corpus != fresh.corpus {
        return Err(refused("its checkpoint was made with another corpus".into()));
    }
    progress.check(&fresh.tokenizer, fresh.base.as_deref()).map_err(refused)?;
    let (before, now): (Value, Value) = (json::read(&run.join(CONFIG))?, serde_json::json!(config));
    // Where the base's files are known, it does not matter where they lie.
    let model = if progress.base.is_some() { "/model/new" } else { "/model" };
    let changed: Vec<String> = FIXED.iter().chain([&model]).flat_map(|name| changes(name, &before, &now)).collect();
    if !changed.is_empty() {
        return Err(refused(format!("it was begun with other settings: {}", changed.join(", "))));
    }
    if LENGTH.iter().any(|name| before.pointer(name) != now.pointer(name)) {
        progress.num_steps = 0;
    }
    progress.base = fresh.base;
    Ok((progress, Some(saved)))
}

/// What differs at and below a setting; nothing where the run knew no such setting.
fn changes(pointer: &str, before: &Value, now: &Value) -> Vec<String> {
    let name = pointer.trim_start_matches('/').replace('/', ".");
    let (Some(before), Some(now)) = (before.pointer(pointer), now.pointer(pointer)) else { return Vec::new() };
    let mut found = Vec::new();
    compare(&name, before, now, &mut found);
    found
}

fn compare(name: &str, before: &Value, now: &Value, found: &mut Vec<String>) {
    if let (Value::Object(old), Value::Object(new)) = (before, now) {
        let more = new.keys().filter(|key| !old.contains_key(*key));
        for key in old.keys().chain(more) {
            compare(&format!("{name}.{key}"), &before[key], &now[key], found);
        }
    } else if before != now {
        found.push(format!("{name} was {before} and is {now}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_named_by_its_setting() {
        let before = json!({"seed": 1, "data": {"seq_len": 48, "weights": {"a": 1.5}}, "lora": null});
        let now = json!({"seed": 1, "data": {"seq_len": 64, "weights": {"b": 2.0}}, "lora": {"rank": 2}, "new": 1});
        let all = ["/seed", "/data", "/lora", "/new"].iter().flat_map(|name| changes(name, &before, &now));
        let expected = [
            "data.seq_len was 48 and is 64",
            "data.weights.a was 1.5 and is null",
            "data.weights.b was null and is 2.0",
            "lora was null and is {\"rank\":2}",
        ];
        assert_eq!(all.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_fixed_setting_is_one() {
        let config: Config = toml::from_str("task = \"pretrain\"\noutput = \"run\"\nmodel.base = \"base\"").unwrap();
        let config = json!(config);
        assert!(FIXED.iter().chain(&LENGTH).all(|name| config.pointer(name).is_some()));
    }
}
