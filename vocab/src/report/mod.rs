//! Renders the report page of a training run.

use minijinja::{Environment, context};

use crate::{Config, Result, run::Trained};

/// The page: one file, nothing fetched.
///
/// # Errors
/// A template that does not fit the figures: a defect.
pub fn page(config: &Config, trained: &Trained) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("page.html", include_str!("page.html"))?;
    let kinds: Vec<_> = trained
        .audit
        .kinds
        .iter()
        .filter(|kind| kind.num_chars > 0)
        .map(|kind| {
            context! {
                name => kind.kind,
                num_chars => kind.num_chars,
                base_tokens => kind.base_tokens,
                tokens => kind.tokens,
                chars_per_token => format!("{:.3}", kind.chars_per_token()),
                per_thousand => format!("{:.0}", kind.tokens_per_1000_chars()),
                change => format!("{:+.1} %", kind.change_percent()),
                width => 100.0 * kind.tokens as f64 / kind.base_tokens.max(1) as f64,
            }
        })
        .collect();
    let rendered = environment.get_template("page.html")?.render(context! { config, trained, kinds })?;
    Ok(rendered)
}
