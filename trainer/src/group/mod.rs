//! Defines the ranks that train one model together, each on its share of every batch.

#[cfg(feature = "nccl")]
mod nccl;
/// Over TCP.
mod tcp;

use candle_core::{Device, Tensor};

use crate::{
    Error, Result,
    ops::{Machine, memory::Matrix},
};

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

    /// The part of a row in a machine's memory that is this rank's, where all ranks share it evenly.
    fn share(&self, matrix: Matrix) -> Matrix {
        let count = matrix.columns / self.world();
        matrix.columns(self.rank() * count, count)
    }

    /// Put the sum over all ranks in a matrix's place. On GPUs this goes on beside what is computed, until
    /// [`Group::wait`].
    ///
    /// # Errors
    /// A rank that is gone.
    fn sum_at(&mut self, on: &mut Machine, matrix: Matrix) -> Result<()> {
        if self.world() == 1 {
            return Ok(());
        }
        let sum = self.sum(&on.read(matrix)?)?;
        on.write(matrix, &sum)
    }

    /// As [`Group::sum_at`] of a row, of which each rank gets at least its [`Group::share`].
    ///
    /// # Errors
    /// A rank that is gone.
    fn scatter_sum(&mut self, on: &mut Machine, matrix: Matrix) -> Result<()> {
        self.sum_at(on, matrix)
    }

    /// Give all ranks the shares of all.
    ///
    /// # Errors
    /// A rank that is gone.
    fn gather(&mut self, on: &mut Machine, matrix: Matrix) -> Result<()> {
        let count = matrix.columns / self.world();
        for other in (0..self.world()).filter(|rank| *rank != self.rank()) {
            on.zero(matrix.columns(other * count, count))?;
        }
        self.sum_at(on, matrix)
    }

    /// Say good-bye: this rank has done all that it was to do. The others take one that ends without it for lost.
    fn leave(&mut self) {}

    /// Let what the machine is asked for from now on wait for the sums so far.
    ///
    /// # Errors
    /// A device that fails.
    fn wait(&mut self, _on: &mut Machine) -> Result<()> {
        Ok(())
    }
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

/// Rank and world as torchrun, Open MPI, MPICH and Slurm say them.
const LAUNCHERS: [(&str, &str); 4] = [
    ("RANK", "WORLD_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
];

/// The rank on a machine, as they say it; what Slurm starts as MPICH would is numbered by Slurm.
const LOCAL_RANKS: [&str; 4] = ["LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"];

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
        if variable("RANK").is_some() != variable("WORLD_SIZE").is_some() {
            return Err(Error::invalid("RANK", "RANK and WORLD_SIZE go together; one of them is not set"));
        }
        // The shell of an allocation has SLURM_NTASKS without SLURM_PROCID: nobody else was started there.
        let is_set = |(rank, world): &&(&str, &str)| variable(rank).is_some() && variable(world).is_some();
        let launcher = LAUNCHERS.iter().find(is_set);
        let (rank, world, local_rank) = match launcher {
            None => (0, 1, 0),
            Some((rank, world)) => {
                (number(&[rank])?.unwrap_or(0), number(&[world])?.unwrap_or(1), number(&LOCAL_RANKS)?.unwrap_or(0))
            }
        };
        if let Some((rank_name, world_name)) = launcher.filter(|_| rank >= world) {
            return Err(Error::invalid(rank_name, format!("it is {rank}, and {world_name} is {world}")));
        }
        let address = variable("MASTER_ADDR").or_else(|| variable("SLURM_LAUNCH_NODE_IPADDR"));
        let port = number(&["MASTER_PORT"])?.unwrap_or(29_500);
        // torchrun's agent itself listens on MASTER_PORT then.
        let port = port + usize::from(variable("TORCHELASTIC_USE_AGENT_STORE").as_deref() == Some("True"));
        let port = u16::try_from(port).map_err(|_| Error::invalid("MASTER_PORT", format!("{port} is no port")))?;
        let master = (address.unwrap_or_else(|| "127.0.0.1".into()), port);
        Ok(Self { rank, world, local_rank, master, is_launched: launcher.is_some() })
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
        let agent = [&torchrun[..], &[("TORCHELASTIC_USE_AGENT_STORE", "True")]].concat();
        assert_eq!(place(&agent).unwrap().master.1, 1235, "the agent listens on MASTER_PORT");
        let ranks = |pairs: &[(&str, &str)]| {
            let place = place(pairs).unwrap();
            (place.rank, place.world, place.local_rank, place.is_launched)
        };
        let slurm = [("SLURM_PROCID", "1"), ("SLURM_NTASKS", "2"), ("SLURM_LOCALID", "1")];
        assert_eq!(ranks(&slurm), (1, 2, 1, true));
        let mpich = [("PMI_RANK", "3"), ("PMI_SIZE", "4"), ("MPI_LOCALRANKID", "1"), ("SLURM_NTASKS", "9")];
        assert_eq!(ranks(&mpich), (3, 4, 1, true));
        assert_eq!(ranks(&[]), (0, 1, 0, false));
        assert_eq!(ranks(&[("SLURM_NTASKS", "8"), ("SLURM_LOCALID", "0")]), (0, 1, 0, false), "an allocation's shell");
        // A process that a launcher in an allocation started is not numbered by two of them.
        assert_eq!(ranks(&[&torchrun[..], &[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "1")]].concat()), (3, 8, 1, true));
        let refused = |pairs: &[(&str, &str)]| place(pairs).unwrap_err().to_string();
        assert!(refused(&[("RANK", "2"), ("WORLD_SIZE", "2")]).contains("RANK: it is 2, and WORLD_SIZE is 2"));
        assert!(refused(&[("RANK", "two"), ("WORLD_SIZE", "2")]).contains("not a number"));
        assert!(refused(&[("WORLD_SIZE", "2")]).contains("go together"));
        assert!(refused(&[("MASTER_PORT", "65536")]).contains("65536 is no port"));
    }
}
