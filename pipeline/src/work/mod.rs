//! Turn raw files into cleaned rows on disk, a unit at a time, and never the same unit twice.

/// What only one kind of document has, as a column.
pub mod metadata;
/// The units of work and what identifies each.
pub mod plan;
/// One unit: read, clean, segment, enrich, measure.
pub mod process;
/// The cleaned rows, as columns.
pub mod rows;
/// The folder of finished units.
pub mod store;
