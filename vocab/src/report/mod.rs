//! Renders the report page of a training run.

use minijinja::{Environment, Value, context};

use crate::{Config, Result, run::Trained};

/// The mined terms that the page shows; report.json has all.
const SHOWN_TERMS: usize = 60;

/// The page: one file, nothing fetched.
///
/// # Errors
/// A template that does not fit the figures: a defect.
pub fn page(config: &Config, trained: &Trained) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("page.html", include_str!("page.html"))?;
    let page = environment.get_template("page.html")?.render(context! {
        config,
        trained,
        kinds => kinds(trained),
        tokenizers => tokenizers(trained),
        roles => roles(trained),
        terms => &trained.terms[..trained.terms.len().min(SHOWN_TERMS)],
        used => format!("{:.1} %", 100.0 * trained.num_used as f64 / trained.audit.num_new.max(1) as f64),
        drift => format!("{:.2} %", trained.drift.percent()),
        error => format!("{:.1} %", 100.0 * trained.standard_error),
    })?;
    Ok(page)
}

/// Held-out text, a row a kind.
fn kinds(trained: &Trained) -> Vec<Value> {
    let kinds = trained.audit.kinds.iter().filter(|kind| kind.num_chars > 0);
    kinds
        .map(|kind| {
            let (before, after) = kind.fertility();
            context! {
                name => kind.kind,
                num_chars => kind.num_chars,
                base_tokens => kind.base_tokens,
                tokens => kind.tokens,
                chars_per_token => format!("{:.3}", kind.chars_per_token()),
                change => format!("{:+.1} %", kind.change_percent()),
                fertility => format!("{before:.3} → {after:.3}"),
            }
        })
        .collect()
}

/// The base, the result and the others, a row each, with a cell a kind and a bar for all text.
fn tokenizers(trained: &Trained) -> Vec<Value> {
    let kinds = &trained.audit.kinds;
    let ours = |name: &str, num_pieces: usize, tokens: Vec<usize>| (name.to_owned(), num_pieces, tokens);
    let mut rows = vec![
        ours("base", trained.audit.num_base_pieces, kinds.iter().map(|kind| kind.base_tokens).collect()),
        ours("this tokenizer", trained.audit.num_pieces, kinds.iter().map(|kind| kind.tokens).collect()),
    ];
    rows.extend(trained.others.iter().map(|other| (other.path.clone(), other.num_pieces, other.tokens.to_vec())));
    let longest = rows.iter().map(|(_, _, tokens)| tokens.iter().sum::<usize>()).max().unwrap_or(0).max(1);
    let num_chars: usize = kinds.iter().map(|kind| kind.num_chars).sum();
    rows.into_iter()
        .map(|(name, num_pieces, tokens)| {
            let all: usize = tokens.iter().sum();
            let per_thousand: Vec<String> = tokens
                .iter()
                .zip(kinds)
                .filter(|(_, kind)| kind.num_chars > 0)
                .map(|(tokens, kind)| format!("{:.0}", 1000.0 * *tokens as f64 / kind.num_chars as f64))
                .collect();
            context! {
                name,
                num_pieces,
                per_thousand,
                chars_per_token => format!("{:.3}", num_chars as f64 / all.max(1) as f64),
                width => 100.0 * all as f64 / longest as f64,
            }
        })
        .collect()
}

/// What the new pieces are, a row a role.
fn roles(trained: &Trained) -> Vec<Value> {
    let all: usize = trained.roles.iter().map(|role| role.num_uses).sum();
    let all_tokens: usize = trained.audit.kinds.iter().map(|kind| kind.tokens).sum();
    let roles = trained.roles.iter();
    roles
        .map(|role| {
            context! {
                role => role.role,
                num_pieces => role.num_pieces,
                width => 100.0 * role.num_uses as f64 / all.max(1) as f64,
                share => format!("{:.1} %", 100.0 * role.num_uses as f64 / all_tokens.max(1) as f64),
                examples => role.examples.join(" · "),
            }
        })
        .collect()
}
