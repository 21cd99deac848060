//! Writes TensorBoard's event files: records of protobuf messages, each with checksums.

use std::{io::Write, path::Path, time::SystemTime};

use prost::Message;

use crate::Result;

/// `tensorflow.Event`, as far as scalars need it.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    simple_value: f32,
}

/// An event file of a run.
pub(super) struct Events(fs_err::File);

impl Events {
    /// A new file; TensorBoard reads all of a folder. Its name holds the step from which it goes on.
    pub(super) fn open(run: &Path, step: u64) -> Result<Self> {
        let folder = run.join("tensorboard");
        fs_err::create_dir_all(&folder)?;
        let file = fs_err::File::create(folder.join(format!("events.out.tfevents.{step:010}.lawlm")))?;
        let mut events = Self(file);
        events.record(&Event { wall_time: now(), file_version: Some("brain.Event:2".into()), ..Event::default() })?;
        Ok(events)
    }

    pub(super) fn write(&mut self, step: u64, values: &[(&str, f64)]) -> Result<()> {
        let value = |(tag, value): &(&str, f64)| Value { tag: (*tag).to_owned(), simple_value: *value as f32 };
        let summary = Some(Summary { value: values.iter().map(value).collect() });
        self.record(&Event { wall_time: now(), step: step as i64, summary, ..Event::default() })
    }

    /// Length, its checksum, the message, its checksum (TFRecord).
    fn record(&mut self, event: &Event) -> Result<()> {
        let data = event.encode_to_vec();
        let length = (data.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked(&length).to_le_bytes());
        record.extend_from_slice(&data);
        record.extend(masked(&data).to_le_bytes());
        Ok(self.0.write_all(&record)?)
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// TFRecord's checksum: CRC-32C, rotated and shifted, so that checksums of checksums do not vanish.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32C bit by bit, from its polynomial.
    fn crc(bytes: &[u8]) -> u32 {
        let bit = |crc: u32, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
    }

    #[test]
    fn records_are_read_back_and_their_checksums_hold() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = Events::open(folder.path(), 7).unwrap();
        events.write(8, &[("train/loss", 2.5), ("validation/loss", f64::NAN)]).unwrap();
        let bytes = fs_err::read(folder.path().join("tensorboard/events.out.tfevents.0000000007.lawlm")).unwrap();
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        // The mask of TFRecord, undone.
        let unmasked = |bytes: &[u8]| number(bytes).wrapping_sub(0xa282_ead8).rotate_left(15);
        let (mut rest, mut read) = (&bytes[..], Vec::new());
        while let Some((length, more)) = rest.split_first_chunk::<8>() {
            assert_eq!(unmasked(&more[..4]), crc(length));
            let (data, more) = more[4..].split_at(u64::from_le_bytes(*length) as usize);
            assert_eq!(unmasked(&more[..4]), crc(data));
            read.push(Event::decode(data).unwrap());
            rest = &more[4..];
        }
        assert!(rest.is_empty());
        assert_eq!(crc(b"123456789"), 0xe306_9283, "the check value of CRC-32C");
        let [version, step] = &read[..] else { panic!("{} records", read.len()) };
        assert_eq!(version.file_version.as_deref(), Some("brain.Event:2"));
        let values = &step.summary.as_ref().unwrap().value;
        assert_eq!((step.step, values[0].tag.as_str(), values[0].simple_value), (8, "train/loss", 2.5));
        assert!(values[1].simple_value.is_nan() && step.wall_time > 1.7e9);
    }
}
