//! Defines the ranks that train one model together, each on its share of every batch.

#[cfg(feature = "nccl")]
mod nccl;
/// Over TCP.
mod tcp;

use candle_core::{Device, Tensor};

use crate::{Error, Result};

/// The ranks of a run.
pub trait Group {
    /// This process, from 0.
    fn rank(&self) -> usize;

    /// All processes.
    fn world(&self) -> usize;

    /// The sum of a tensor in f32 over all ranks, which call this in the same order.
    ///
    /// # Errors
    /// A rank that is gone.
    fn sum(&mut self, tensor: &Tensor) -> Result<Tensor>;
}

/// One process.
pub struct Single;

impl Group for Single {
    fn rank(&self) -> usize {
        0
    }

    fn world(&self) -> usize {
        1
    }

    fn sum(&mut self, tensor: &Tensor) -> Result<Tensor> {
        Ok(tensor.clone())
    }
}

/// The group that a process belongs to: itself alone, unless a launcher started it.
///
/// GPUs meet through NCCL where the program was built with it, everything else over TCP.
///
/// # Errors
/// Ranks that do not come in time.
pub fn join(place: Place, device: &Device) -> Result<Box<dyn Group>> {
    if !place.is_launched {
        return Ok(Box::new(Single));
    }
    let tcp = tcp::Tcp::join(place)?;
    #[cfg(feature = "nccl")]
    if let Device::Cuda(device) = device {
        return Ok(Box::new(nccl::Nccl::join(tcp, device)?));
    }
    let _only_nccl_needs_it = device;
    Ok(Box::new(tcp))
}

/// Where this process stands, as torchrun, Slurm and mpirun say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// This process, from 0.
    pub rank: usize,
    /// All processes.
    pub world: usize,
    /// This process among those of its machine: the number of its GPU.
    pub local_rank: usize,
    /// Where rank 0 listens.
    pub master: (String, u16),
    /// Whether a launcher said so; a process by itself is a world of one.
    pub is_launched: bool,
}

impl Place {
    /// Read a place from environment variables; a single process where there are none.
    ///
    /// # Errors
    /// A variable that is not a number, or a rank outside its world.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let number = |names: &[&str]| -> Result<Option<usize>> {
            let found = names.iter().find_map(|name| variable(name).map(|value| (*name, value)));
            found
                .map(|(name, value)| {
                    value.parse().map_err(|_| Error::invalid(name, format!("`{value}` is not a number")))
                })
                .transpose()
        };
        let rank = number(&["RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"])?.unwrap_or(0);
        let world = number(&["WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"])?;
        let (world, is_launched) = (world.unwrap_or(1), world.is_some());
        let local_rank = number(&["LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID"])?.unwrap_or(0);
        if rank >= world {
            return Err(Error::invalid("RANK", format!("it is {rank}, and WORLD_SIZE is {world}")));
        }
        let address = variable("MASTER_ADDR").or_else(|| variable("SLURM_LAUNCH_NODE_IPADDR"));
        let port = number(&["MASTER_PORT"])?.unwrap_or(29_500);
        let port = u16::try_from(port).map_err(|_| Error::invalid("MASTER_PORT", format!("{port} is no port")))?;
        let master = (address.unwrap_or_else(|| "127.0.0.1".into()), port);
        Ok(Self { rank, world, local_rank, master, is_launched })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_launchers_say_them() {
        let place = |pairs: &[(&str, &str)]| {
            Place::from_environment(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
        };
        let torchrun =
            [("RANK", "3"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1"), ("MASTER_ADDR", "node"), ("MASTER_PORT", "1234")];
        let expected = Place { rank: 3, world: 8, local_rank: 1, master: ("node".into(), 1234), is_launched: true };
        assert_eq!(place(&torchrun).unwrap(), expected);
        let slurm = [("SLURM_PROCID", "1"), ("SLURM_NTASKS", "2"), ("SLURM_LOCALID", "1")];
        assert_eq!(place(&slurm).unwrap().rank, 1);
        let alone = place(&[]).unwrap();
        assert_eq!((alone.world, alone.is_launched), (1, false));
        assert!(place(&[("RANK", "2"), ("WORLD_SIZE", "2")]).unwrap_err().to_string().contains("WORLD_SIZE is 2"));
        assert!(place(&[("RANK", "two")]).unwrap_err().to_string().contains("not a number"));
    }
}
