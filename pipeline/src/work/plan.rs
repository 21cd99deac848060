//! Defines units of work: some files of one source, or a part of one file, and the key that says
//! whether a finished unit is still current.

use sha2::{Digest, Sha256};

use crate::{
    config::Config,
    sources::files::{Part, RawFile, Source},
};

/// Bumped when the code of the stages up to measuring changes what it writes.
const STAGES_VERSION: u32 = 13;

/// Some files of one source, processed by one thread into one set of rows.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Index of the source.
    pub source: usize,
    /// Indices of the files in the source, with the part to read of each.
    pub files: Vec<(usize, Option<Part>)>,
    /// SHA-256 over everything the rows depend on.
    pub key: String,
    /// Raw bytes.
    pub bytes: u64,
}

/// Group the files of all sources into units of about `unit_bytes`, in order.
pub fn units(sources: &[(Source, Vec<RawFile>)], config: &Config) -> Vec<Unit> {
    let mut units = Vec::new();
    for (index, (source, files)) in sources.iter().enumerate() {
        let mut pending = Vec::new();
        let mut pending_bytes = 0;
        let mut close = |pending: &mut Vec<(usize, Option<Part>)>, bytes: &mut u64| {
            if !pending.is_empty() {
                let picked = std::mem::take(pending);
                let key = key(source, files, &picked, config);
                units.push(Unit { source: index, files: picked, key, bytes: std::mem::take(bytes) });
            }
        };
        for (i, file) in files.iter().enumerate() {
            let parts = file.state.as_ref().map(|hashed| hashed.parts.as_slice()).unwrap_or_default();
            if parts.is_empty() {
                if pending_bytes + file.bytes > config.limits.unit_bytes {
                    close(&mut pending, &mut pending_bytes);
                }
                pending.push((i, None));
                pending_bytes += file.bytes;
                continue;
            }
            close(&mut pending, &mut pending_bytes);
            for part in parts {
                let mut bytes = part.end - part.start;
                close(&mut vec![(i, Some(*part))], &mut bytes);
            }
        }
        close(&mut pending, &mut pending_bytes);
    }
    units
}

fn key(source: &Source, files: &[RawFile], picked: &[(usize, Option<Part>)], config: &Config) -> String {
    let manifest = &source.manifest;
    let mut hasher = Sha256::new();
    let mut field = |text: &str| {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    };
    field(&STAGES_VERSION.to_string());
    field(&corpus_format::SCHEMA_VERSION.to_string());
    field(&manifest.name);
    field(manifest.kind.as_str());
    field(manifest.form.map_or("", |form| form.as_str()));
    let limits = &config.limits;
    field(&format!("{:?}", config.privacy));
    field(&format!("{} {}", limits.max_document_bytes, limits.max_archive_bytes));
    for (i, part) in picked {
        let file = &files[*i];
        field(&file.name);
        match &file.state {
            Ok(hashed) => field(&hashed.sha256),
            Err(rejection) => field(&rejection.detail),
        }
        field(&part.map_or(String::new(), |p| format!("{}..{} line {}", p.start, p.end, p.first_line)));
    }
    corpus_format::reader::hex(&hasher.finalize())
}
