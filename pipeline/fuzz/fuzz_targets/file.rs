//! Any bytes as a file of every kind: decoded, recognised, unpacked, split into records.
#![no_main]

use corpus_format::legal::Kind;
use libfuzzer_sys::fuzz_target;
use pipeline::{
    config::Limits,
    outcome::{Reason, Rejection},
    sources::{self, files::RawFile},
};

fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("fuzz-{}", std::process::id()));
    if std::fs::write(&path, bytes).is_err() {
        return;
    }
    let state = Err(Rejection::new(Reason::Empty, ""));
    let file = RawFile { path, name: "file".to_owned(), bytes: bytes.len() as u64, state };
    for kind in [Kind::Statute, Kind::Judgment, Kind::Instruction] {
        sources::read_file(&file, None, kind, None, &Limits::default(), &mut |_| {});
    }
});
