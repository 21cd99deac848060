//! Defines the records and the rejects that the answers give, a JSON object a line.

use std::path::Path;

use serde_json::{Value, json};

use super::{answer, config::GenerateConfig, laws::Laws, ledger::Entry, verify::Verifier};
use crate::{error::Result, output};

/// Write `records.jsonl` and `rejects.jsonl` of all answers; how many of each.
///
/// # Errors
/// A file cannot be written.
pub fn write(dir: &Path, entries: &[Entry], laws: &Laws, config: &GenerateConfig) -> Result<(usize, usize)> {
    let mut verifier = Verifier::new(laws, &config.answers);
    let (mut records, mut rejects) = (Vec::new(), Vec::new());
    for entry in entries {
        let pairs = match answer::pairs(&entry.reply.content) {
            Ok(pairs) => pairs,
            Err(reason) => {
                let cut = if entry.reply.finish_reason == "length" { ", cut off at max_tokens" } else { "" };
                rejects.push(json!({
                    "key": entry.key, "reason": format!("{reason}{cut}"), "content": entry.reply.content,
                }));
                continue;
            }
        };
        for (number, pair) in (1..).zip(pairs) {
            let Some(pair) = pair else {
                rejects.push(json!({"key": entry.key, "pair": number, "reason": "no question with an answer"}));
                continue;
            };
            match verifier.verify(&pair, &entry.articles) {
                Ok(article) => records.push(record(entry, number, &pair, article)),
                Err(reason) => rejects.push(json!({
                    "key": entry.key, "pair": number, "reason": reason,
                    "question": pair.question, "answer": pair.answer,
                })),
            }
        }
    }
    let lines = |values: &[Value]| values.iter().map(|value| format!("{value}\n")).collect::<String>();
    output::write_atomically(&dir.join("records.jsonl"), lines(&records).as_bytes())?;
    output::write_atomically(&dir.join("rejects.jsonl"), lines(&rejects).as_bytes())?;
    Ok((records.len(), rejects.len()))
}

/// A record as `pipeline build` reads it, with all that it rests on; neither host nor time.
fn record(entry: &Entry, number: u32, pair: &answer::Pair, article: &str) -> Value {
    json!({
        "id": format!("{}-{number}", entry.key),
        "instruction": pair.question,
        "input": "",
        "output": pair.answer,
        "provenance": {
            "article": article,
            "articles": entry.articles,
            "corpus": entry.corpus,
            "model": entry.model,
            "prompt_version": entry.prompt_version,
            "system": entry.system,
            "user": entry.user,
            "seed": entry.seed,
            "temperature": entry.temperature,
            "max_tokens": entry.max_tokens,
            "response": entry.reply.response,
        },
    })
}
