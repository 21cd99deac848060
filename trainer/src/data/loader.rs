//! Reads, tokenises and packs on a thread of its own, ahead of the device.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

use super::{
    batch::Batch,
    stream::{State, Stream},
};
use crate::{Error, Result};

/// Batches that wait for the device.
const AHEAD: usize = 4;

/// The batches of all ranks for each step, with the state of the stream after each.
pub struct Loader {
    batches: Option<Receiver<Result<(Batch, State)>>>,
    thread: Option<JoinHandle<()>>,
}

impl Loader {
    /// Start reading batches of `rows` rows from `stream`.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(stream: Stream, rows: usize) -> Result<Self> {
        let (send, batches) = sync_channel(AHEAD);
        let thread = std::thread::Builder::new().name("data".into()).spawn(move || read(stream, rows, &send))?;
        Ok(Self { batches: Some(batches), thread: Some(thread) })
    }

    /// The next batch, and the state to go on from after it; none after the last. The last may have fewer rows.
    ///
    /// # Errors
    /// What went wrong while reading.
    pub fn next_batch(&mut self) -> Result<Option<(Batch, State)>> {
        let Some(batches) = &self.batches else { return Ok(None) };
        match batches.recv() {
            Ok(batch) => batch.map(Some),
            Err(_) => match self.thread.take().map(JoinHandle::join) {
                Some(Err(_)) => Err(Error::invalid("data", "the thread that reads it panicked")),
                _ => Ok(None),
            },
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Without a receiver the thread ends at its next batch.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn read(mut stream: Stream, rows: usize, send: &SyncSender<Result<(Batch, State)>>) {
    loop {
        let mut batch = Batch::default();
        while batch.rows.len() < rows {
            match stream.next_row() {
                Ok(Some(row)) => batch.rows.push(row),
                Ok(None) => break,
                Err(error) => {
                    let _nobody_listens = send.send(Err(error));
                    return;
                }
            }
        }
        if batch.rows.is_empty() || send.send(Ok((batch, stream.state().clone()))).is_err() {
            return;
        }
    }
}
