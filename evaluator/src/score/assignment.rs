//! Defines the best way to pair two lists: the assignment problem.
//!
//! Kuhn, "The Hungarian method for the assignment problem", 1955, with potentials and shortest paths.

/// The greatest sum of gains when every row is paired with at most one column and every column with one row.
/// gains: (rows, columns), none below 0.
pub(super) fn most(gains: &[Vec<f64>]) -> f64 {
    let num_columns = gains.first().map_or(0, Vec::len);
    // Columns of no gain let every row find one.
    let width = num_columns.max(gains.len());
    let cost = |row: usize, column: usize| gains[row].get(column).map_or(0.0, |gain| -gain);
    let mut search =
        Search { of_rows: vec![0.0; gains.len()], of_columns: vec![0.0; width], row_of: vec![None; width] };
    for row in 0..gains.len() {
        search.place(row, &cost);
    }
    search.row_of.iter().enumerate().filter_map(|(column, row)| row.map(|row| -cost(row, column))).sum()
}

/// Potentials of rows and columns, and the row that each column has.
struct Search {
    of_rows: Vec<f64>,
    of_columns: Vec<f64>,
    row_of: Vec<Option<usize>>,
}

impl Search {
    /// Give `row` a column: along the cheapest path of rows that move on to another one.
    fn place(&mut self, row: usize, cost: &impl Fn(usize, usize) -> f64) {
        let width = self.row_of.len();
        let (mut distance, mut before) = (vec![f64::INFINITY; width], vec![None; width]);
        let (mut visited, mut order) = (vec![false; width], Vec::new());
        let (mut at_row, mut at_column, mut reached) = (row, None, 0.0);
        loop {
            for column in (0..width).filter(|column| !visited[*column]) {
                let through = reached + cost(at_row, column) - self.of_rows[at_row] - self.of_columns[column];
                if through < distance[column] {
                    (distance[column], before[column]) = (through, at_column);
                }
            }
            let unvisited = (0..width).filter(|column| !visited[*column]);
            let Some(next) = unvisited.min_by(|a, b| distance[*a].total_cmp(&distance[*b])) else { return };
            (reached, at_column) = (distance[next], Some(next));
            visited[next] = true;
            order.push(next);
            match self.row_of[next] {
                Some(row) => at_row = row,
                None => break,
            }
        }
        self.of_rows[row] += reached;
        for &column in &order {
            if let Some(row) = self.row_of[column] {
                self.of_rows[row] += reached - distance[column];
            }
            self.of_columns[column] -= reached - distance[column];
        }
        while let Some(column) = at_column {
            at_column = before[column];
            self.row_of[column] = at_column.map_or(Some(row), |earlier| self.row_of[earlier]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::most;
    use crate::score::random;

    /// Every way, one after the other.
    fn by_trying(gains: &[Vec<f64>], used: &mut Vec<usize>) -> f64 {
        let Some((first, rest)) = gains.split_first() else { return 0.0 };
        let mut best = by_trying(rest, used);
        for (column, gain) in first.iter().enumerate() {
            if !used.contains(&column) {
                used.push(column);
                best = best.max(gain + by_trying(rest, used));
                used.pop();
            }
        }
        best
    }

    #[test]
    fn no_other_way_gains_more() {
        let mut next = random();
        for _ in 0..400 {
            let (rows, columns) = (next(5) + 1, next(6));
            let gains: Vec<Vec<f64>> =
                (0..rows).map(|_| (0..columns).map(|_| next(5) as f64 / 4.0).collect()).collect();
            let (found, best) = (most(&gains), by_trying(&gains, &mut Vec::new()));
            assert!((found - best).abs() < 1e-12, "{gains:?}: {found} {best}");
        }
        assert_eq!(most(&[]), 0.0);
    }
}
