//! Shows the rows of a stream: how full they are, where texts begin, and what is learned.

use std::fmt::Write;

use vocab::Tokenizer;

use super::{
    batch::{NO_TARGET, Row},
    stream::Stream,
};
use crate::Result;

/// Read a stream to its end: its counts, and its first rows decoded.
///
/// # Errors
/// What reading it says.
pub fn show(mut stream: Stream, tokenizer: &Tokenizer, num_shown: usize) -> Result<String> {
    let (mut rows, mut tokens, mut filling, mut learned, mut full) = (0u64, 0u64, 0u64, 0u64, 0u64);
    let mut shown = String::new();
    let start = std::time::Instant::now();
    while let Some(row) = stream.next_row()? {
        let empty = row.filling();
        rows += 1;
        full += u64::from(empty == 0);
        tokens += row.tokens.len() as u64;
        filling += empty as u64;
        learned += row.num_targets() as u64;
        if rows <= num_shown as u64 {
            let _always = writeln!(shown, "\nrow {rows}\n{}", decoded(&row, tokenizer));
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let counts = stream.state().counts;
    let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
    let lines = [
        ("texts", counts.texts.to_string()),
        ("tokens", counts.tokens.to_string()),
        ("bytes a token", format!("{:.3}", counts.bytes as f64 / counts.tokens.max(1) as f64)),
        ("rows", rows.to_string()),
        ("full rows", format!("{:.2} %", percent(full, rows))),
        ("tokens that are text", format!("{:.2} %", percent(tokens - filling, tokens))),
        ("tokens that are learned", format!("{:.2} %", percent(learned, tokens))),
        ("answers cut at the end of a row", counts.cut.to_string()),
        ("left out, the prompt fills a row", counts.too_long.to_string()),
        ("left out, nothing to learn", counts.nothing.to_string()),
        ("tokens a second", format!("{:.0}", tokens as f64 / seconds)),
    ];
    let table: String = lines.iter().map(|(name, value)| format!("{name:<36}{value:>14}\n")).collect();
    Ok(table + &shown)
}

/// A row as text: `⟦` where a text begins, `«…»` around what is learned, `…` for filling.
fn decoded(row: &Row, tokenizer: &Tokenizer) -> String {
    let mut text = String::new();
    let mut run: Vec<u32> = Vec::new();
    let end = row.tokens.len() - row.filling();
    let mut is_learned = false;
    for at in 0..end {
        let begins = at == 0 || row.texts[at] != row.texts[at - 1];
        // A token is learned where the one before it has it for a target.
        let now = !begins && row.targets[at - 1] != NO_TARGET;
        if begins || now != is_learned {
            flush(&mut text, &mut run, is_learned, tokenizer);
            if begins {
                text.push_str(if at == 0 { "⟦" } else { "\n⟦" });
            }
            is_learned = now;
        }
        run.push(row.tokens[at]);
    }
    flush(&mut text, &mut run, is_learned, tokenizer);
    if row.filling() > 0 {
        let _always = write!(text, "\n… {} tokens of filling", row.filling());
    }
    text
}

fn flush(text: &mut String, run: &mut Vec<u32>, is_learned: bool, tokenizer: &Tokenizer) {
    if !run.is_empty() {
        let at_start = run.first() == Some(&tokenizer.begin()) || text.ends_with('⟦');
        let decoded = if at_start { tokenizer.decode(run) } else { tokenizer.decode_on(run) };
        text.push_str(&if is_learned { format!("«{decoded}»") } else { decoded });
        run.clear();
    }
}
