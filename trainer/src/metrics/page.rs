//! Renders the page with the curves of a run.

use minijinja::{Environment, context};

use super::StepMetrics;
use crate::{Config, Result, plan::Cost};

/// The page: one file, nothing fetched.
///
/// # Errors
/// A template that does not fit: a defect.
pub fn render(config: &Config, steps: &[StepMetrics], cost: &Cost) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("page.html", include_str!("page.html"))?;
    // Step 0 has a measurement and nothing else.
    let column = |value: fn(&StepMetrics) -> Option<f64>| -> Vec<(f64, f64)> {
        let point =
            |step: &StepMetrics| value(step).filter(|value| value.is_finite()).map(|value| (step.step as f64, value));
        steps.iter().filter_map(point).collect()
    };
    let curves = [
        ("training loss, nats a token", column(|step| Some(step.loss))),
        ("validation loss, nats a token", column(|step| step.validation.map(|v| v.nats_per_token))),
        ("validation, bits a byte", column(|step| step.validation.map(|v| v.bits_per_byte))),
        ("gradient norm", column(|step| step.gradient_norm)),
        ("learning rate", column(|step| (step.step > 0).then_some(step.learning_rate))),
        (RATE, column(|step| (step.step > 0).then_some(step.tokens_per_s))),
    ];
    let curves: Vec<_> =
        curves.iter().filter(|(_, points)| !points.is_empty()).map(|(name, points)| curve(name, points)).collect();
    let config_text = format!("{:#}", serde_json::json!(config));
    let trained = || steps.iter().filter(|step| step.step > 0);
    let num_skipped = trained().filter(|step| step.gradient_norm.is_none()).count();
    let page = environment.get_template("page.html")?;
    Ok(page.render(context! { config, config_text, curves, num_skipped, last => trained().next_back(), plan => cost.table(Some(trained().count() as u64)) })?)
}

/// The curve that starts at 0.
const RATE: &str = "tokens a second";

/// Width and height of a curve.
const SIZE: (f64, f64) = (640.0, 180.0);

fn curve(name: &str, points: &[(f64, f64)]) -> minijinja::Value {
    let range = |of: fn(&(f64, f64)) -> f64| {
        let values = points.iter().map(of);
        (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max))
    };
    let ((left, right), (low, high)) = (range(|p| p.0), range(|p| p.1));
    // A rate is read against nothing at all, a loss against where it was.
    let low = if name == RATE { 0.0 } else { low };
    let scale = |value: f64, from: f64, to: f64| if to > from { (value - from) / (to - from) } else { 0.5 };
    let point = |(x, y): &(f64, f64)| {
        format!("{:.1},{:.1}", SIZE.0 * scale(*x, left, right), SIZE.1 * (1.0 - scale(*y, low, high)))
    };
    let path: Vec<String> = points.iter().map(point).collect();
    let shown = |value: f64| match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size == 0.0 || size >= 0.01 => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    };
    let (first, last) = (points.first().map_or(0.0, |p| p.1), points.last().map_or(0.0, |p| p.1));
    context! { name, path => path.join(" "), low => shown(low), high => shown(high), left, right, first => shown(first), last => shown(last), dots => points.len() < 30, points => path }
}
