//! Writes rows of scores: a JSON line each, or a table.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    bounds::Bounds,
    run::{Mean, Row},
};

/// A JSON line for each row.
pub fn json_lines(rows: &[impl Serialize]) -> String {
    // Text, numbers and nothing: all of it has a JSON form.
    rows.iter().map(|row| serde_json::to_string(row).unwrap_or_default() + "\n").collect()
}

/// A table: a line for each row, and the means of each model over the tasks that are scored.
pub fn table(rows: &[Row], means: &[Mean]) -> String {
    let width = rows.iter().map(|row| row.model.chars().count()).max().unwrap_or(0).max("model".len());
    let mut text = format!(
        "{:<width$}  {:<4}  {:<13}  {:>7}  {:>15}  {:>10}  {:>5}\n",
        "model", "task", "metric", "score", "95 % interval", "abstention", "items"
    );
    for of_model in rows.chunk_by(|a, b| a.model == b.model) {
        for row in of_model {
            let (score, abstention) = (percent(row.score), percent(row.abstention));
            let interval = interval(row.low, row.high);
            let _ = writeln!(
                text,
                "{:<width$}  {:<4}  {:<13}  {score:>7}  {interval:>15}  {abstention:>10}  {:>5}",
                row.model, row.task, row.metric, row.items
            );
        }
        for mean in means.iter().filter(|mean| mean.model == of_model[0].model) {
            let interval = interval(mean.interval.map(|i| i.low), mean.interval.map(|i| i.high));
            let tasks = match mean.with_proofreading {
                true => format!("{} with 2-1", mean.tasks),
                false => format!("of {:<2} tasks", mean.tasks),
            };
            let line = format!("{:<width$}  mean  {tasks:<13}", mean.model);
            let _ = writeln!(text, "{line}  {:>7}  {interval:>15}", percent(Some(mean.score)));
        }
    }
    text
}

/// A table of floors and ceilings: a line for each task.
pub fn bounds_table(bounds: &[Bounds]) -> String {
    let head = ["mode", "task", "empty", "majority", "gold"];
    let mut text = format!(
        "{:<8}  {:<4}  {:>7}  {:>8}  {:>7}  commonest reference\n",
        head[0], head[1], head[2], head[3], head[4]
    );
    for Bounds { task, mode, empty, majority, gold, commonest, commonest_items } in bounds {
        let (empty, majority, gold) = (percent(*empty), percent(*majority), percent(*gold));
        // A reference may be a whole article.
        let short: String = commonest.chars().take(20).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mode = mode.as_str();
        let _ = writeln!(
            text,
            "{mode:<8}  {task:<4}  {empty:>7}  {majority:>8}  {gold:>7}  {commonest_items:>3} times {short}"
        );
    }
    text
}

/// A share times 100, with two decimals.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.2}", 100.0 * share))
}

/// Both ends of an interval times 100.
pub fn interval(low: Option<f64>, high: Option<f64>) -> String {
    if low.is_none() && high.is_none() { "-".to_owned() } else { format!("{} {}", percent(low), percent(high)) }
}

/// Characters that are shown of an example's text.
const SHOWN: usize = 400;

/// The first characters of a text; an ellipsis says that there are more.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Interval;

    fn row(task: &'static str, score: Option<f64>) -> Row {
        let low = score.map(|score| score - 0.025);
        let (high, abstention) = (score.map(|score| score + 0.025), score.map(|_| 0.0));
        Row { model: "m".into(), task, metric: "accuracy", score, low, high, abstention, items: 500, unflagged: None }
    }

    #[test]
    fn rows_are_json_lines_with_scores_in_full() {
        assert_eq!(
            json_lines(&[row("1-2", Some(1.0 / 3.0)), row("2-1", None)]),
            "{\"model\":\"m\",\"task\":\"1-2\",\"metric\":\"accuracy\",\"score\":0.3333333333333333,\"low\":0.3083333333333333,\"high\":0.35833333333333334,\"abstention\":0.0,\"items\":500}\n\
             {\"model\":\"m\",\"task\":\"2-1\",\"metric\":\"accuracy\",\"score\":null,\"low\":null,\"high\":null,\"abstention\":null,\"items\":500}\n"
        );
    }

    #[test]
    fn the_table_ends_in_a_mean_over_what_is_scored() {
        let rows = [row("1-2", Some(0.5)), row("2-1", None), row("3-6", Some(1.0))];
        let interval = Some(Interval { low: 0.7, high: 0.8 });
        let text =
            table(&rows, &[Mean { model: "m".into(), tasks: 2, with_proofreading: false, score: 0.75, interval }]);
        assert_eq!(
            text,
            "model  task  metric           score    95 % interval  abstention  items\n\
             m      1-2   accuracy         50.00      47.50 52.50        0.00    500\n\
             m      2-1   accuracy             -                -           -    500\n\
             m      3-6   accuracy        100.00     97.50 102.50        0.00    500\n\
             m      mean  of 2  tasks      75.00      70.00 80.00\n"
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = "法".repeat(SHOWN);
        assert_eq!(shortened(&text), text);
        assert_eq!(shortened(&format!("{text}条")), format!("{text}…"));
    }
}
