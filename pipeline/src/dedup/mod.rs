//! Find documents that are one: by id, by content, by nearly the same content; and what belongs
//! together when the corpus is split.
//!
//! A near-copy is dropped only where it is the same instrument: the same law in the same version, the
//! same case number. Other versions, and other cities' rules in the same words, are kept and marked.

/// Clusters of rows.
pub mod cluster;
/// Rows that share a key, by polars in as many passes as memory asks for.
pub mod groups;
/// True similarity of candidate pairs.
pub mod verify;
