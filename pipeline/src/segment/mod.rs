//! Cut statutes and judgments into named parts.

/// Headings of a statute: 编, 分编, 章, 节, 条.
pub mod heading;
/// A court document's sections.
pub mod judgment;
/// Gaps and repeats in the numbers of a statute's articles.
pub mod sequence;
/// A statute's title, history, tree and articles.
pub mod statute;
