//! Read metadata out of text: dates, case numbers, courts, issuing bodies.

/// Amounts of money and terms.
pub mod amount;
/// The case of a court document.
pub mod case;
/// Dates in Arabic and Chinese numerals.
pub mod date;
/// The days in the lines before a statute's body.
pub mod history;
/// Issuing bodies of statutes.
pub mod issuer;
/// Case numbers (案号) and the numbers of statutes (文号).
pub mod number;
/// What a statute does to others: repeal and amendment.
pub mod repeal;
/// The type, issuing body and dates of a statute.
pub mod statute;
