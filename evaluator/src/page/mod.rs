//! Draws an evaluation as one page that fetches nothing, and gives its figures as JSON.

mod evaluation;
mod examples;
mod plot;

pub use evaluation::{Evaluation, Example, PredictionFile, Ran, Request, evaluate};

use minijinja::{Environment, Value, context};

use crate::{
    Mode, Result,
    compare::p_value,
    lawbench::task,
    report::percent,
    run::{Mean, Row},
};

/// The page: one file, nothing fetched.
///
/// # Errors
/// A template that does not fit the figures: a defect.
pub fn render(evaluation: &Evaluation) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_filter("percent", |share: Option<f64>| percent(share));
    environment
        .add_filter("signed", |share: Option<f64>| share.map_or("-".to_owned(), |s| format!("{:+.2}", 100.0 * s)));
    environment.add_filter("p", |p: Option<f64>| p_value(p));
    environment.add_template("page.html", include_str!("page.html"))?;
    let tasks: Vec<Value> = evaluation.tasks().into_iter().map(|id| task_of(evaluation, id)).collect();
    let means: Vec<Value> = evaluation.means.iter().map(mean_of).collect();
    let comparisons: Vec<Value> = evaluation
        .comparisons
        .iter()
        .map(|comparison| {
            let differences: Vec<_> = comparison.tasks.iter().chain(&comparison.mean).collect();
            let plots = plot::differences(&differences);
            context! { comparison, plots }
        })
        .collect();
    let page = environment.get_template("page.html")?;
    Ok(page.render(context! { evaluation, tasks, means, comparisons })?)
}

/// A task with the row of each model, and what they are read against.
fn task_of(evaluation: &Evaluation, id: &str) -> Value {
    let bounds = |mode: Mode| evaluation.bounds.iter().find(|bounds| bounds.task == id && bounds.mode == mode);
    let of_mode = bounds(evaluation.ran.mode);
    let (floor, ceiling) = (of_mode.and_then(|bounds| bounds.majority), of_mode.and_then(|bounds| bounds.gold));
    let rows = evaluation.rows.iter().filter(|row| row.task == id);
    let rows: Vec<Value> =
        rows.map(|row: &Row| context! { row, plot => plot::score(row.score, row.low, row.high) }).collect();
    let known = task(id).map(|(_, task)| task);
    context! {
        id,
        name => known.map(|task| task.name.replace('_', " ")),
        metric => known.map(|task| task.metric),
        rows,
        floor => floor.map(plot::place),
        ceiling => ceiling.map(plot::place),
        of_mode,
        official => bounds(Mode::Official),
        strict => bounds(Mode::Strict),
    }
}

fn mean_of(mean: &Mean) -> Value {
    let (low, high) = (mean.interval.map(|i| i.low), mean.interval.map(|i| i.high));
    context! { mean, low, high, plot => plot::score(Some(mean.score), low, high) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{run::Unflagged, stats::Bootstrap};

    fn evaluation() -> Evaluation {
        let row = Row {
            model: "<i>模型</i>".into(),
            task: "1-2",
            metric: "accuracy",
            score: Some(0.5),
            low: Some(0.4),
            high: Some(0.6),
            abstention: Some(0.0),
            items: 2,
            unflagged: Some(Unflagged { score: Some(0.45), low: None, high: None, items: 1 }),
        };
        let example = Example {
            model: "<i>模型</i>".into(),
            task: "1-2",
            item: 1,
            score: 0.0,
            question: Some("<script>alert(1)</script>".into()),
            reference: "正确答案：B。".into(),
            prediction: "A & \"C\"".into(),
        };
        let ran = Ran {
            command: "evaluator report answers".into(),
            split: "zero_shot".into(),
            mode: Mode::Official,
            bootstrap: Bootstrap::default(),
            corpus: Some("0123456789abcdef".into()),
            flagged: Some("fedcba".into()),
            predictions: Vec::new(),
        };
        Evaluation {
            ran,
            rows: vec![row],
            means: Vec::new(),
            bounds: Vec::new(),
            comparisons: Vec::new(),
            examples: vec![example],
            warnings: vec!["a <warning>".into()],
        }
    }

    #[test]
    fn the_page_escapes_what_others_wrote_and_fetches_nothing() {
        let page = render(&evaluation()).unwrap();
        assert!(page.contains("&lt;i&gt;模型&lt;&#x2f;i&gt;"), "{page}");
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script") && !page.contains("<i>"));
        assert!(page.contains("A &amp; &quot;C&quot;") && page.contains("a &lt;warning&gt;"));
        for fetched in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(fetched), "{fetched}");
        }
        assert!(page.contains("40.00 to 60.00") && page.contains("45.00") && page.contains("0123456789ab"));
    }
}
