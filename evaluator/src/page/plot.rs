//! Defines where marks of a plot stand: in per cent of its width.

use serde::Serialize;

use crate::compare::Difference;

/// A line from low to high with a mark on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Plot {
    left: f64,
    right: f64,
    at: f64,
    /// Whether the line leaves nought out.
    is_certain: bool,
}

/// A score between 0 and 1; none where there is none. A score below nought stands at nought.
pub(super) fn score(score: Option<f64>, low: Option<f64>, high: Option<f64>) -> Option<Plot> {
    let score = score?;
    let (left, right) = (place(low.unwrap_or(score)), place(high.unwrap_or(score)));
    Some(Plot { left, right, at: place(score), is_certain: true })
}

/// Where a share stands.
pub(super) fn place(share: f64) -> f64 {
    (share.clamp(0.0, 1.0) * 1000.0).round() / 10.0
}

/// Differences around nought in the middle, all of one scale, which is given beside them.
pub(super) fn differences(differences: &[&Difference]) -> (f64, Vec<Plot>) {
    let ends = differences.iter().flat_map(|d| [Some(d.difference), d.low, d.high].into_iter().flatten());
    let widest = ends.fold(0.0_f64, |widest, end| widest.max(end.abs()));
    // The next tenth, so that ends can be read.
    let scale = (widest * 10.0).ceil().max(1.0) / 10.0;
    let plot = |difference: &&Difference| {
        let at = |end: f64| place((end / scale + 1.0) / 2.0);
        let Difference { difference, low, high, .. } = **difference;
        let (low, high) = (low.unwrap_or(difference), high.unwrap_or(difference));
        Plot { left: at(low), right: at(high), at: at(difference), is_certain: low > 0.0 || high < 0.0 }
    };
    (scale, differences.iter().map(plot).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_stand_between_the_edges() {
        let plot = score(Some(0.5), Some(0.25), Some(1.2)).unwrap();
        assert_eq!((plot.left, plot.at, plot.right), (25.0, 50.0, 100.0));
        let plot = score(Some(-0.1), None, None).unwrap();
        assert_eq!((plot.left, plot.at, plot.right), (0.0, 0.0, 0.0));
        assert_eq!(score(None, Some(0.1), Some(0.2)), None);
    }
}
