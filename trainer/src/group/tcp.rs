//! Ranks over TCP.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use candle_core::{DType, Tensor};
use socket2::{SockRef, TcpKeepalive};

use super::{Group, Place};
use crate::{Error, Result};

/// Ranks that meet at rank 0 over TCP: for CPUs and tests. Rank 0 adds up in the order of the ranks, so that the
/// sums are the same bits everywhere and every time.
pub(super) struct Tcp {
    place: Place,
    /// Of rank 0: the others in order. Of another: rank 0.
    peers: Vec<TcpStream>,
}

/// How long ranks wait for each other at the start.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long a process that came may take to say who it is.
const GREETING: Duration = Duration::from_secs(10);

/// A machine that says nothing for some two minutes is gone. A rank may be silent for longer: it may write a checkpoint.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15)).with_retries(4);

/// Between two looks for others.
const PAUSE: Duration = Duration::from_millis(20);

impl Tcp {
    /// Meet the other ranks.
    ///
    /// # Errors
    /// Ranks that do not come in time.
    pub(super) fn join(place: Place) -> Result<Self> {
        Self::join_within(place, PATIENCE)
    }

    fn join_within(place: Place, patience: Duration) -> Result<Self> {
        let peers = match place.rank {
            _ if place.world == 1 => Vec::new(),
            0 => receive(&place, patience)?,
            _ => vec![call(&place, patience)?],
        };
        for peer in &peers {
            peer.set_read_timeout(None)?;
            peer.set_nodelay(true)?;
            SockRef::from(peer).set_tcp_keepalive(&KEEPALIVE)?;
        }
        Ok(Self { place, peers })
    }
}

fn at(place: &Place) -> String {
    format!("{}:{}", place.master.0, place.master.1)
}

/// The other ranks, in order.
fn receive(place: &Place, patience: Duration) -> Result<Vec<TcpStream>> {
    let failed =
        |what: &str, error: std::io::Error| Error::invalid(at(place), format!("rank 0 cannot {what}: {error}"));
    let listener = TcpListener::bind((place.master.0.as_str(), place.master.1)).map_err(|e| failed("listen", e))?;
    listener.set_nonblocking(true).map_err(|e| failed("listen", e))?;
    let start = Instant::now();
    let mut peers: Vec<Option<TcpStream>> = (1..place.world).map(|_| None).collect();
    while peers.iter().any(Option::is_none) {
        let peer = match listener.accept() {
            Ok((peer, _)) => peer,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(failed("listen", error)),
            Err(_) if start.elapsed() > patience => {
                let absent: Vec<String> =
                    (1..).zip(&peers).filter(|(_, peer)| peer.is_none()).map(|(rank, _)| rank.to_string()).collect();
                let what = format!("rank 0 waited {} s; of {} ranks", patience.as_secs(), place.world);
                return Err(Error::invalid(at(place), format!("{what}, these did not come: {}", absent.join(", "))));
            }
            Err(_) => {
                std::thread::sleep(PAUSE);
                continue;
            }
        };
        // Whoever says nothing is no rank of ours.
        let Some(rank) = greeting(&peer) else { continue };
        let slot = usize::try_from(rank).ok().and_then(|rank| peers.get_mut(rank.checked_sub(1)?));
        let slot = slot.ok_or_else(|| {
            Error::invalid(at(place), format!("a process with rank {rank} came; the world is {}", place.world))
        })?;
        if slot.replace(peer).is_some() {
            return Err(Error::invalid(at(place), format!("two processes with rank {rank} came")));
        }
    }
    Ok(peers.into_iter().flatten().collect())
}

fn greeting(mut peer: &TcpStream) -> Option<u64> {
    let mut rank = [0; 8];
    peer.set_nonblocking(false).and_then(|()| peer.set_read_timeout(Some(GREETING))).ok()?;
    peer.read_exact(&mut rank).ok()?;
    Some(u64::from_le_bytes(rank))
}

/// Rank 0.
fn call(place: &Place, patience: Duration) -> Result<TcpStream> {
    let start = Instant::now();
    loop {
        let called = TcpStream::connect((place.master.0.as_str(), place.master.1))
            .and_then(|mut peer| peer.write_all(&(place.rank as u64).to_le_bytes()).map(|()| peer));
        match called {
            Ok(peer) => return Ok(peer),
            Err(error) if start.elapsed() > patience => {
                let what = format!("rank {} found no rank 0 there in {} s", place.rank, patience.as_secs());
                return Err(Error::invalid(at(place), format!("{what}: {error}")));
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// The error of a rank whose peer `number` does not answer.
fn gone(place: &Place, number: usize, error: &std::io::Error) -> Error {
    let other = if place.rank == 0 { number + 1 } else { 0 };
    Error::invalid(at(place), format!("rank {}: rank {other} is gone: {error}", place.rank))
}

#[cfg(feature = "nccl")]
impl Tcp {
    /// End this process with an error as soon as a rank ends that said no good-bye.
    pub(super) fn watch(&self) -> Result<()> {
        for (number, peer) in self.peers.iter().enumerate() {
            let (peer, place) = (peer.try_clone()?, self.place.clone());
            std::thread::Builder::new().name("watch".into()).spawn(move || {
                let error = loop {
                    match peer.peek(&mut [0]) {
                        Ok(0) => break std::io::Error::from(ErrorKind::ConnectionReset),
                        // Something for the run itself to read, or the good-bye, which stays there.
                        Ok(_) => std::thread::sleep(PAUSE),
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) => break error,
                    }
                };
                eprintln!("error: {}; --resume goes on from the last checkpoint", gone(&place, number, &error));
                // Nothing is cleaned up: the device may wait for the rank that is gone.
                signal_hook::low_level::exit(1);
            })?;
        }
        Ok(())
    }

    /// Give what rank 0 has to all.
    pub(super) fn broadcast(&mut self, bytes: &mut [u8]) -> Result<()> {
        for (number, peer) in self.peers.iter_mut().enumerate() {
            let done = if self.place.rank == 0 { peer.write_all(bytes) } else { peer.read_exact(bytes) };
            done.map_err(|e| gone(&self.place, number, &e))?;
        }
        Ok(())
    }
}

impl Group for Tcp {
    fn rank(&self) -> usize {
        self.place.rank
    }

    fn world(&self) -> usize {
        self.place.world
    }

    fn leave(&mut self) {
        for peer in &mut self.peers {
            let _gone = peer.write_all(b"!");
        }
    }

    fn sum(&mut self, tensor: &Tensor) -> Result<Tensor> {
        let mut values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let mut bytes = vec![0; 4 * values.len()];
        let write = |values: &[f32], bytes: &mut [u8]| {
            bytes
                .chunks_exact_mut(4)
                .zip(values)
                .for_each(|(bytes, value)| bytes.copy_from_slice(&value.to_le_bytes()));
        };
        let number_of = |bytes: &[u8]| bytes.try_into().map_or(f32::NAN, f32::from_le_bytes);
        if self.place.rank == 0 {
            for (number, peer) in self.peers.iter_mut().enumerate() {
                peer.read_exact(&mut bytes).map_err(|e| gone(&self.place, number, &e))?;
                values.iter_mut().zip(bytes.chunks_exact(4)).for_each(|(sum, bytes)| *sum += number_of(bytes));
            }
            write(&values, &mut bytes);
            for (number, peer) in self.peers.iter_mut().enumerate() {
                peer.write_all(&bytes).map_err(|e| gone(&self.place, number, &e))?;
            }
        } else {
            write(&values, &mut bytes);
            let [peer] = &mut self.peers[..] else { return Ok(tensor.clone()) };
            peer.write_all(&bytes).and_then(|()| peer.read_exact(&mut bytes)).map_err(|e| gone(&self.place, 0, &e))?;
            values.iter_mut().zip(bytes.chunks_exact(4)).for_each(|(value, bytes)| *value = number_of(bytes));
        }
        Ok(Tensor::from_vec(values, tensor.shape(), tensor.device())?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    fn place(rank: usize, world: usize, port: u16) -> Place {
        Place { rank, world, local_rank: rank, master: ("127.0.0.1".into(), port), is_launched: true }
    }

    #[test]
    fn ranks_get_the_same_sums() {
        let port = free_port();
        let run = move |rank: usize| {
            let mut group = Tcp::join(place(rank, 3, port)).unwrap();
            let values = Tensor::new(&[[rank as f32, 0.1], [1.0, -1e-7 * rank as f32]], &Device::Cpu).unwrap();
            group.sum(&values).unwrap().to_vec2::<f32>().unwrap()
        };
        let ranks: Vec<_> = (0..3).map(|rank| std::thread::spawn(move || run(rank))).collect();
        let sums: Vec<_> = ranks.into_iter().map(|rank| rank.join().unwrap()).collect();
        assert_eq!(sums[0][0][0], 3.0);
        assert!(sums.iter().all(|sum| sum == &sums[0]));
    }

    #[test]
    fn ranks_that_do_not_come_or_go_are_named() {
        let patience = Duration::from_millis(300);
        let port = free_port();
        let refusal = |rank, world| Tcp::join_within(place(rank, world, port), patience).err().unwrap().to_string();
        // One that connects and says nothing is nobody.
        let stranger = std::thread::spawn(move || {
            let start = Instant::now();
            while start.elapsed() < patience {
                let _nobody = TcpStream::connect(("127.0.0.1", port)).map(drop);
                std::thread::sleep(PAUSE);
            }
        });
        let second = std::thread::spawn(move || Tcp::join_within(place(2, 4, port), 3 * patience).map(drop));
        let error = refusal(0, 4);
        assert!(error.contains(&format!("127.0.0.1:{port}")) && error.ends_with("these did not come: 1, 3"), "{error}");
        stranger.join().unwrap();
        second.join().unwrap().unwrap();
        assert!(refusal(1, 4).contains("rank 1 found no rank 0 there"));

        // A world of one needs no port, taken or not.
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert!(Tcp::join(place(0, 1, port)).is_ok());
        assert!(refusal(0, 2).contains("rank 0 cannot listen"));
        drop(listener);

        let port = free_port();
        let other = std::thread::spawn(move || Tcp::join(place(1, 2, port)).map(drop));
        let mut first = Tcp::join(place(0, 2, port)).unwrap();
        other.join().unwrap().unwrap();
        let error = first.sum(&Tensor::new(&[1.0f32], &Device::Cpu).unwrap()).unwrap_err().to_string();
        assert!(error.contains("rank 0: rank 1 is gone"), "{error}");
    }
}
