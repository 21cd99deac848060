//! Defines what a file holds: itself, one compressed stream, or the members of an archive.

use std::{
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use super::{files::Part, word};
use crate::{
    config::Limits,
    outcome::{Reason, Rejection},
};

/// One readable thing inside a file.
pub struct Member {
    /// Its path in the archive; `None` where the file is the thing.
    pub name: Option<String>,
    fault: Fault,
}

/// What an I/O error while reading means.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The file cannot be read.
    Plain,
    /// The packed bytes are damaged.
    Packed,
}

impl Member {
    /// The rejection that an I/O error while reading this member stands for.
    pub fn fault(&self, error: &io::Error) -> Rejection {
        if error.get_ref().is_some_and(|e| e.is::<OverLimit>()) {
            return Rejection::new(Reason::ArchiveBomb, error.to_string());
        }
        match self.fault {
            Fault::Plain => Rejection::new(Reason::Unreadable, error.kind().to_string()),
            Fault::Packed => Rejection::new(Reason::DamagedArchive, format!("cannot be unpacked: {error}")),
        }
    }
}

/// Receives each member with its bytes, or with why there are none.
type Each<'a> = &'a mut dyn FnMut(Member, Result<&mut dyn BufRead, Rejection>);

/// Call `each` for every member of the file; a file that is no archive is its own only member.
///
/// # Errors
/// A file that cannot be opened, or an archive whose directory is damaged or over the limit.
pub fn for_each_member(path: &Path, part: Option<Part>, limits: &Limits, each: Each<'_>) -> Result<(), Rejection> {
    let whole_file = |e: io::Error| Rejection::new(Reason::Unreadable, e.kind().to_string());
    let mut file = fs_err::File::open(path).map_err(whole_file)?;
    if let Some(part) = part {
        file.seek(SeekFrom::Start(part.start)).map_err(whole_file)?;
        each(Member { name: None, fault: Fault::Plain }, Ok(&mut BufReader::new(file.take(part.end - part.start))));
        return Ok(());
    }
    let mut magic = [0; 4];
    let mut n = 0;
    while n < 4 {
        match file.read(&mut magic[n..]).map_err(whole_file)? {
            0 => break,
            read => n += read,
        }
    }
    file.rewind().map_err(whole_file)?;
    let max = limits.max_archive_bytes;
    match &magic[..n] {
        [0x1f, 0x8b, ..] => {
            let unpacked = Capped { inner: flate2::read::MultiGzDecoder::new(BufReader::new(file)), left: max, max };
            each(Member { name: None, fault: Fault::Packed }, Ok(&mut BufReader::new(unpacked)));
        }
        [0x28, 0xb5, 0x2f, 0xfd] => {
            let decoder = zstd::Decoder::new(file).map_err(whole_file)?;
            let unpacked = Capped { inner: decoder, left: max, max };
            each(Member { name: None, fault: Fault::Packed }, Ok(&mut BufReader::new(unpacked)));
        }
        [b'P', b'K', 3 | 5, 4 | 6] => return zip_members(file, max, each),
        _ => each(Member { name: None, fault: Fault::Plain }, Ok(&mut BufReader::new(file))),
    }
    Ok(())
}

fn zip_members(file: fs_err::File, max: u64, each: Each<'_>) -> Result<(), Rejection> {
    let damaged = |e: zip::result::ZipError| Rejection::new(Reason::DamagedArchive, format!("cannot be unpacked: {e}"));
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    if let Ok(entry) = archive.by_name(word::TEXT_MEMBER) {
        let mut xml = Vec::new();
        let document = Member { name: None, fault: Fault::Packed };
        let read = Capped { inner: entry, left: max, max }.read_to_end(&mut xml).map_err(|e| document.fault(&e));
        match read.and_then(|_| word::text(&xml)) {
            Ok(text) => each(document, Ok(&mut text.as_bytes())),
            Err(rejection) => each(document, Err(rejection)),
        }
        return Ok(());
    }
    let mut left = max;
    for i in 0..archive.len() {
        let listed = archive.name_for_index(i).map(|name| name.replace('\\', "/"));
        let member = Member { name: listed, fault: Fault::Packed };
        match archive.by_index(i) {
            Ok(entry) if entry.is_dir() => {}
            Ok(entry) if entry.enclosed_name().is_none() => {
                let detail = "the member's path leads out of the archive";
                each(member, Err(Rejection::new(Reason::UnsafePath, detail)));
            }
            Ok(entry) => {
                let mut capped = Capped { inner: entry, left, max };
                each(member, Ok(&mut BufReader::new(&mut capped)));
                left = capped.left;
            }
            Err(e) => each(member, Err(damaged(e))),
        }
    }
    Ok(())
}

/// A reader that stops with an error where the limit of an archive is passed.
struct Capped<R> {
    inner: R,
    left: u64,
    max: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("unpacks to over {0} bytes (limits.max_archive_bytes)")]
struct OverLimit(u64);

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(OverLimit(self.max))),
        }
        Ok(n)
    }
}
