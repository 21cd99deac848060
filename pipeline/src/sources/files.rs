//! Defines the files of a source: which they are, their hashes, and where large ones may be cut.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use corpus_format::{
    Manifest,
    legal::Kind,
    manifest::{self, Files, Licence, PersonalData},
};
use globset::{Glob, GlobSet, GlobSetBuilder};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::{
    config::SourceConfig,
    error::{Error, Result},
    outcome::{Reason, Rejection},
};

/// A source with the folder its files lie in.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its manifest; made up for a folder without one.
    pub manifest: Manifest,
    /// The folder, or the one file, of raw documents.
    pub root: PathBuf,
}

/// A raw file, hashed.
#[derive(Debug, Clone)]
pub struct RawFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Path below the source's folder, `/` between its parts.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Lower-case hex SHA-256, and where lines begin at about every unit; or why it is not read.
    pub state: std::result::Result<Hashed, Rejection>,
}

/// What one pass over a file's bytes tells.
#[derive(Debug, Clone)]
pub struct Hashed {
    /// Lower-case hex SHA-256.
    pub sha256: String,
    /// Parts of a large file of JSON lines; empty where it is read in one go.
    pub parts: Vec<Part>,
}

/// A part of a file that begins and ends with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// First byte.
    pub start: u64,
    /// Byte after the last.
    pub end: u64,
    /// Number of its first line, from 1.
    pub first_line: u32,
}

impl Source {
    /// Resolve a configured source: read its manifest, or make one up for a bare folder.
    ///
    /// # Errors
    /// A manifest that cannot be read or is not valid; a path that does not exist; a benchmark.
    pub fn resolve(config: &SourceConfig) -> Result<Self> {
        let source = match &config.manifest {
            Some(path) => {
                let manifest = Manifest::read(path)?;
                let default = path.parent().unwrap_or(Path::new("")).join(&manifest.files.path);
                Self { root: config.path.clone().unwrap_or(default), manifest }
            }
            None => Self::without_manifest(
                config.kind.unwrap_or(Kind::Statute),
                config.path.as_deref().unwrap_or(Path::new(".")),
            ),
        };
        if source.manifest.kind == Kind::Benchmark {
            let what =
                format!("source `{}` is a benchmark; benchmarks are never part of a corpus", source.manifest.name);
            return Err(Error::Invalid { path: source.root, what });
        }
        if !source.root.exists() {
            let what = format!(
                "the files of source `{}` are not here; obtain them ({}) or state their `path` in the configuration",
                source.manifest.name,
                source.manifest.obtain.trim()
            );
            return Err(Error::Invalid { path: source.root, what });
        }
        Ok(source)
    }

    fn without_manifest(kind: Kind, root: &Path) -> Self {
        let stem = root.file_stem().unwrap_or_default().to_string_lossy();
        let mut name: String =
            stem.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        name = name.trim_matches('-').to_owned();
        if name.is_empty() {
            name = kind.as_str().to_owned();
        }
        let manifest = Manifest {
            name,
            title: format!("{kind} documents in a folder"),
            kind,
            form: None,
            origin: "local files".into(),
            revision: None,
            licence: Licence { name: "none stated".into(), redistributable: false, note: "local files".into() },
            personal_data: PersonalData::Present,
            obtain: "local files".into(),
            retrieved: None,
            files: Files {
                path: root.to_owned(),
                include: Vec::new(),
                exclude: Vec::new(),
                checksums: None,
                size: None,
            },
        };
        Self { manifest, root: root.to_owned() }
    }

    /// List and hash the files, sorted by name.
    ///
    /// # Errors
    /// A folder that cannot be listed, an invalid glob, an unreadable checksum file. A file that
    /// cannot be read, or differs from its checksum, is in the list with its reason.
    pub fn files(&self, unit_bytes: u64) -> Result<Vec<RawFile>> {
        let spec = &self.manifest.files;
        let include = self.globs(&spec.include)?;
        let exclude = self.globs(&spec.exclude)?;
        let sums = match &spec.checksums {
            Some(file) => manifest::read_checksums(&self.root.join(file))?,
            None => BTreeMap::new(),
        };
        let mut found = Vec::new();
        let mut unreadable = Vec::new();
        for entry in walkdir::WalkDir::new(&self.root).follow_links(true).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                // A dangling link, a folder without permission: named, and the rest goes on.
                Err(e) => {
                    let path = e.path().unwrap_or(&self.root).to_owned();
                    let reason = e.io_error().map_or("a link that leads back to itself".to_owned(), reason_of);
                    let state = Err(Rejection::new(Reason::Unreadable, reason));
                    unreadable.push(RawFile { name: self.name_of(&path), path, bytes: 0, state });
                    continue;
                }
            };
            if entry.file_type().is_dir() {
                continue;
            }
            let name = self.name_of(entry.path());
            let is_sums = spec.checksums.as_deref() == Some(Path::new(&name));
            if is_sums || (!spec.include.is_empty() && !include.is_match(&name)) || exclude.is_match(&name) {
                continue;
            }
            found.push((entry.into_path(), name));
        }
        found.sort_by(|a, b| a.1.cmp(&b.1));
        for missing in sums.keys().filter(|name| found.binary_search_by(|f| f.1.cmp(name)).is_err()) {
            let listed = spec.include.is_empty() || include.is_match(missing);
            if listed && !exclude.is_match(missing) {
                let what = format!("{missing} is listed in the checksums and is not here");
                return Err(Error::Invalid { path: self.root.clone(), what });
            }
        }
        let mut files: Vec<RawFile> = found
            .into_par_iter()
            .map(|(path, name)| {
                let expected = sums.get(&name);
                let (bytes, state) = match hash(&path, unit_bytes) {
                    Ok((bytes, hashed)) => (bytes, check(hashed, expected, !sums.is_empty())),
                    Err(e) => (0, Err(Rejection::new(Reason::Unreadable, reason_of(&e)))),
                };
                RawFile { path, name, bytes, state }
            })
            .collect();
        files.append(&mut unreadable);
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    fn name_of(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        let below = if below.as_os_str().is_empty() { Path::new(path.file_name().unwrap_or_default()) } else { below };
        below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
    }

    fn globs(&self, patterns: &[String]) -> Result<GlobSet> {
        let invalid = |e: globset::Error| Error::Invalid { path: self.root.clone(), what: e.to_string() };
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            set.add(Glob::new(pattern).map_err(invalid)?);
        }
        set.build().map_err(invalid)
    }
}

fn check(hashed: Hashed, expected: Option<&String>, listed: bool) -> std::result::Result<Hashed, Rejection> {
    match expected {
        Some(sum) if *sum != hashed.sha256 => {
            let detail = format!("SHA-256 is {}, the manifest's checksums say {sum}", hashed.sha256);
            Err(Rejection::new(Reason::ChecksumMismatch, detail))
        }
        None if listed => Err(Rejection::new(Reason::ChecksumMismatch, "not in the manifest's checksums")),
        _ => Ok(hashed),
    }
}

/// The kind of an I/O error without the path, which differs between machines.
fn reason_of(e: &std::io::Error) -> String {
    e.kind().to_string()
}

/// Hash a file; where it is JSON lines and larger than a unit, say where it may be cut.
fn hash(path: &Path, unit_bytes: u64) -> std::io::Result<(u64, Hashed)> {
    let mut file = fs_err::File::open(path)?;
    let size = file.metadata()?.len();
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; usize::try_from(size.clamp(1, 1 << 18)).unwrap_or(1 << 18)];
    let mut parts = Vec::new();
    let mut current = Part { start: 0, end: 0, first_line: 1 };
    let (mut offset, mut line, mut cut) = (0_u64, 1_u32, false);
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        let chunk = &buffer[..n];
        hasher.update(chunk);
        if offset == 0 {
            cut = size > 2 * unit_bytes && is_json_lines(chunk);
        }
        if cut {
            for at in memchr::memchr_iter(b'\n', chunk) {
                line += 1;
                let end = offset + at as u64 + 1;
                if end - current.start >= unit_bytes {
                    parts.push(Part { end, ..current });
                    current = Part { start: end, end, first_line: line };
                }
            }
        }
        offset += n as u64;
    }
    if cut && current.start < offset {
        parts.push(Part { end: offset, ..current });
    }
    let sha256 = corpus_format::reader::hex(&hasher.finalize());
    Ok((offset, Hashed { sha256, parts }))
}

fn is_json_lines(head: &[u8]) -> bool {
    let first = head.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii();
    first.len() < head.len() && first.starts_with(b"{") && first.ends_with(b"}")
}
