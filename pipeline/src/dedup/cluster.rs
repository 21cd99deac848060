//! Defines disjoint clusters of rows (union-find; the smallest row is a cluster's root).

/// Clusters over rows `0..n`; four bytes a row.
#[derive(Debug, Clone)]
pub struct Clusters {
    parent: Vec<u32>,
}

impl Clusters {
    /// Every row alone.
    pub fn new(rows: u32) -> Self {
        Self { parent: (0..rows).collect() }
    }

    /// The first row of the cluster of `row`.
    pub fn root(&mut self, mut row: u32) -> u32 {
        while self.parent[row as usize] != row {
            let up = self.parent[self.parent[row as usize] as usize];
            self.parent[row as usize] = up;
            row = up;
        }
        row
    }

    /// Make the clusters of `a` and `b` one.
    pub fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b) as usize] = a.min(b);
    }

    /// The clusters of two rows or more, each ascending, in the order of their first rows.
    pub fn groups(&mut self) -> Vec<Vec<u32>> {
        let rows = u32::try_from(self.parent.len()).unwrap_or(u32::MAX);
        let mut members: Vec<(u32, u32)> = Vec::new();
        for row in 0..rows {
            let root = self.root(row);
            if root != row {
                members.push((root, row));
            }
        }
        members.sort_unstable();
        members
            .chunk_by(|a, b| a.0 == b.0)
            .map(|chunk| std::iter::once(chunk[0].0).chain(chunk.iter().map(|(_, row)| *row)).collect())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_are_transitive_and_the_first_row_is_the_root() {
        let mut clusters = Clusters::new(8);
        for (a, b) in [(7, 3), (3, 5), (1, 2), (2, 1)] {
            clusters.join(a, b);
        }
        assert_eq!(clusters.groups(), [vec![1, 2], vec![3, 5, 7]]);
        assert_eq!(clusters.root(7), 3);
        assert_eq!(clusters.root(0), 0);
    }
}
