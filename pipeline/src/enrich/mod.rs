//! Read metadata out of text: dates, case numbers, courts, issuing bodies.

/// Courts, their level, the instance, and the type of a court document.
pub mod court;
/// Dates in Arabic and Chinese numerals.
pub mod date;
/// Case numbers (案号) and the numbers of statutes (文号).
pub mod number;
/// The type, issuing body and dates of a statute.
pub mod statute;
