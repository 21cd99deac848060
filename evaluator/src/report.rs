//! Writes rows of scores: a JSON line each, or a table.

use std::fmt::Write as _;

use crate::run::Row;

/// A JSON line for each row.
pub fn json_lines(rows: &[Row]) -> String {
    // Text, numbers and nothing: all of it has a JSON form.
    rows.iter().map(|row| serde_json::to_string(row).unwrap_or_default() + "\n").collect()
}

/// A table: a line for each row, and the mean of each model over the tasks that are scored.
pub fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.model.chars().count()).max().unwrap_or(0).max("model".len());
    let mut text = format!(
        "{:<width$}  {:<4}  {:<13}  {:>7}  {:>10}  {:>5}\n",
        "model", "task", "metric", "score", "abstention", "items"
    );
    for of_model in rows.chunk_by(|a, b| a.model == b.model) {
        for row in of_model {
            let (score, abstention) = (percent(row.score), percent(row.abstention));
            let _ = writeln!(
                text,
                "{:<width$}  {:<4}  {:<13}  {score:>7}  {abstention:>10}  {:>5}",
                row.model, row.task, row.metric, row.items
            );
        }
        let scores: Vec<f64> = of_model.iter().filter_map(|row| row.score).collect();
        if let Some(row) = of_model.first().filter(|_| !scores.is_empty()) {
            let mean = percent(Some(scores.iter().sum::<f64>() / scores.len() as f64));
            let _ = writeln!(text, "{:<width$}  mean  of {:<2} tasks    {mean:>7}", row.model, scores.len());
        }
    }
    text
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.2}", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(task: &'static str, score: Option<f64>) -> Row {
        Row { model: "m".into(), task, metric: "accuracy", score, abstention: score.map(|_| 0.0), items: 500 }
    }

    #[test]
    fn rows_are_json_lines_with_scores_in_full() {
        assert_eq!(
            json_lines(&[row("1-2", Some(1.0 / 3.0)), row("2-1", None)]),
            "{\"model\":\"m\",\"task\":\"1-2\",\"metric\":\"accuracy\",\"score\":0.3333333333333333,\"abstention\":0.0,\"items\":500}\n\
             {\"model\":\"m\",\"task\":\"2-1\",\"metric\":\"accuracy\",\"score\":null,\"abstention\":null,\"items\":500}\n"
        );
    }

    #[test]
    fn the_table_ends_in_a_mean_over_what_is_scored() {
        let text = table(&[row("1-2", Some(0.5)), row("2-1", None), row("3-6", Some(1.0))]);
        assert_eq!(
            text,
            "model  task  metric           score  abstention  items\n\
             m      1-2   accuracy         50.00        0.00    500\n\
             m      2-1   accuracy             -           -    500\n\
             m      3-6   accuracy        100.00        0.00    500\n\
             m      mean  of 2  tasks      75.00\n"
        );
    }
}
