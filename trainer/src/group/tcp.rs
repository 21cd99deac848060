//! Ranks over TCP.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use candle_core::{DType, Tensor};

use super::{Group, Place};
use crate::{Error, Result};

/// Ranks that meet at rank 0 over TCP: for CPUs and tests. Rank 0 adds up in the order of the ranks, so that the
/// sums are the same bits everywhere and every time.
pub(super) struct Tcp {
    place: Place,
    /// Of rank 0: the others in order. Of another: rank 0.
    peers: Vec<TcpStream>,
}

/// How long ranks wait for each other at the start, and for an answer.
const PATIENCE: Duration = Duration::from_secs(600);

impl Tcp {
    /// Meet the other ranks.
    ///
    /// # Errors
    /// Ranks that do not come in time.
    pub(super) fn join(place: Place) -> Result<Self> {
        let address = (place.master.0.as_str(), place.master.1);
        let peers = if place.rank == 0 {
            let listener = TcpListener::bind(address)?;
            let mut peers: Vec<Option<TcpStream>> = (1..place.world).map(|_| None).collect();
            while peers.iter().any(Option::is_none) {
                let (mut peer, _) = listener.accept()?;
                peer.set_read_timeout(Some(PATIENCE))?;
                let mut rank = [0; 8];
                peer.read_exact(&mut rank)?;
                let slot = (u64::from_le_bytes(rank) as usize).checked_sub(1).and_then(|at| peers.get_mut(at));
                *slot.ok_or_else(|| Error::invalid("RANK", "a process with a rank outside WORLD_SIZE came"))? =
                    Some(peer);
            }
            peers.into_iter().flatten().collect()
        } else {
            let start = Instant::now();
            let mut peer = loop {
                match TcpStream::connect(address) {
                    Ok(peer) => break peer,
                    Err(error) if start.elapsed() > PATIENCE => return Err(error.into()),
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
            };
            peer.set_read_timeout(Some(PATIENCE))?;
            peer.write_all(&(place.rank as u64).to_le_bytes())?;
            vec![peer]
        };
        peers.iter().try_for_each(|peer| peer.set_nodelay(true))?;
        Ok(Self { place, peers })
    }
}

#[cfg(feature = "nccl")]
impl Tcp {
    /// Give what rank 0 has to all.
    pub(super) fn broadcast(&mut self, bytes: &mut [u8]) -> Result<()> {
        if self.place.rank == 0 {
            return Ok(self.peers.iter_mut().try_for_each(|peer| peer.write_all(bytes))?);
        }
        Ok(self.peers.iter_mut().try_for_each(|peer| peer.read_exact(bytes))?)
    }
}

impl Group for Tcp {
    fn rank(&self) -> usize {
        self.place.rank
    }

    fn world(&self) -> usize {
        self.place.world
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
        let number = |bytes: &[u8]| bytes.try_into().map_or(f32::NAN, f32::from_le_bytes);
        if self.place.rank == 0 {
            for peer in &mut self.peers {
                peer.read_exact(&mut bytes)?;
                values.iter_mut().zip(bytes.chunks_exact(4)).for_each(|(sum, bytes)| *sum += number(bytes));
            }
            write(&values, &mut bytes);
            self.peers.iter_mut().try_for_each(|peer| peer.write_all(&bytes))?;
        } else {
            write(&values, &mut bytes);
            let [peer] = &mut self.peers[..] else { return Ok(tensor.clone()) };
            peer.write_all(&bytes)?;
            peer.read_exact(&mut bytes)?;
            values.iter_mut().zip(bytes.chunks_exact(4)).for_each(|(value, bytes)| *value = number(bytes));
        }
        Ok(Tensor::from_vec(values, tensor.shape(), tensor.device())?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn ranks_get_the_same_sums() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let run = move |rank: usize| {
            let place =
                Place { rank, world: 3, local_rank: rank, master: ("127.0.0.1".into(), port), is_launched: true };
            let mut group = Tcp::join(place).unwrap();
            let values = Tensor::new(&[[rank as f32, 0.1], [1.0, -1e-7 * rank as f32]], &Device::Cpu).unwrap();
            group.sum(&values).unwrap().to_vec2::<f32>().unwrap()
        };
        let ranks: Vec<_> = (0..3).map(|rank| std::thread::spawn(move || run(rank))).collect();
        let sums: Vec<_> = ranks.into_iter().map(|rank| rank.join().unwrap()).collect();
        assert_eq!(sums[0][0][0], 3.0);
        assert!(sums.iter().all(|sum| sum == &sums[0]));
    }
}
