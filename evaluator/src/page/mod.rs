//! Draws an evaluation as one page that fetches nothing, and gives its figures as JSON.

mod evaluation;
mod examples;
mod plot;

pub use evaluation::{Answerer, Evaluation, Example, Extra, PredictionFile, Ran, Request, evaluate};

use std::collections::BTreeSet;

use minijinja::{Environment, Value, context};

use crate::{
    Mode, Result,
    answers::held_out,
    compare::p_value,
    lawbench::task,
    perplexity,
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
    environment.add_filter("fixed", |number: f64| format!("{number:.4}"));
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
    let (foreseen, held_out) = (foreseen(evaluation), held_out(evaluation));
    let title = title(evaluation);
    let page = environment.get_template("page.html")?;
    Ok(page.render(context! { evaluation, title, foreseen, held_out, tasks, means, comparisons })?)
}

/// What was evaluated, in a line.
fn title(evaluation: &Evaluation) -> String {
    let measured = evaluation.perplexity.iter().flat_map(|report| &report.rows).map(|row| row.model.as_str());
    let answered = evaluation.held_out.iter().map(|row| row.model.as_str());
    let scored = evaluation.rows.iter().map(|row| row.model.as_str());
    let models = measured.chain(answered).chain(scored).collect::<BTreeSet<&str>>().len();
    format!("Evaluation of {models} model{}", if models == 1 { "" } else { "s" })
}

/// Rows of any kind by what `name` says of them, in the order in which they first occur.
fn by_name<'a, T>(rows: impl Iterator<Item = &'a T>, name: impl Fn(&T) -> &str, row: impl Fn(&T) -> Value) -> Vec<Value>
where
    T: 'a,
{
    let mut all: Vec<(&str, Vec<Value>)> = Vec::new();
    for of in rows {
        match all.iter_mut().find(|(known, _)| *known == name(of)) {
            Some((_, rows)) => rows.push(row(of)),
            None => all.push((name(of), vec![row(of)])),
        }
    }
    all.into_iter().map(|(name, rows)| context! { name, rows }).collect()
}

/// Bits a byte by kind of documents, on a scale that the worst of them fills.
fn foreseen(evaluation: &Evaluation) -> Vec<Value> {
    let rows = || evaluation.perplexity.iter().flat_map(|report| &report.rows);
    let ends = rows().map(|row| row.interval.map_or(row.bits_per_byte, |interval| interval.high));
    let scale = ends.fold(0.0, f64::max);
    let place = |bits: f64| if scale > 0.0 { bits / scale } else { 0.0 };
    let row = |row: &perplexity::Row| {
        let (low, high) = (row.interval.map(|i| place(i.low)), row.interval.map(|i| place(i.high)));
        context! { row, plot => plot::score(Some(place(row.bits_per_byte)), low, high) }
    };
    by_name(rows(), |row| &row.kind, row)
}

/// ROUGE-L by kind of records.
fn held_out(evaluation: &Evaluation) -> Vec<Value> {
    let row = |row: &held_out::Row| {
        let (low, high) = (row.interval.map(|i| i.low), row.interval.map(|i| i.high));
        context! { row, plot => plot::score(row.rouge_l, low, high) }
    };
    by_name(evaluation.held_out.iter(), |row| row.kind, row)
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
            config: None,
            models: Vec::new(),
            predictions: Vec::new(),
        };
        Evaluation {
            ran,
            perplexity: None,
            held_out: Vec::new(),
            citations: Vec::new(),
            failures: Vec::new(),
            contamination: Vec::new(),
            rows: vec![row],
            means: Vec::new(),
            bounds: Vec::new(),
            comparisons: Vec::new(),
            examples: vec![example],
            warnings: vec!["a <warning>".into()],
            scores: Vec::new(),
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
