//! Write the shards: place every row, sort within bounds, write parquet, seal with the index.

/// What statutes do to one another.
pub mod acts;
/// The dataset card beside the shards.
pub mod card;
/// Which version of which law a citation means, and whether it has the article.
pub mod laws;
/// Which row goes into which file, and where in it.
pub mod place;
/// A finished build put in the place of the last one.
pub mod seal;
/// Rows of all units brought into the order of their shards.
pub mod sort;
/// The five tables out of the units' rows and the verdicts.
pub mod tables;
/// From when until when the versions of a law are in force.
pub mod validity;
/// One parquet file.
pub mod write;
