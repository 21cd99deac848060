//! Finds what a model is computed on.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a model is computed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// A CPU, in f32: the same bits whatever is computed beside, on CPUs with vectors of one width.
    Cpu,
    /// An NVIDIA GPU, in bf16.
    Cuda,
}

impl Device {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// The GPU that is asked for, or that is there and can run the model where nothing is asked for; none for a CPU. `refusal`
/// says why a GPU cannot run it.
///
/// # Errors
/// A GPU that is asked for, and is not there or cannot run the model.
pub(super) fn find(asked: Option<Device>, refusal: Option<String>) -> Result<Option<candle_core::Device>> {
    if asked == Some(Device::Cpu) {
        return Ok(None);
    }
    let found = match refusal {
        Some(what) => Err(what),
        None => gpu(),
    };
    match (found, asked) {
        (Ok(device), _) => Ok(Some(device)),
        (Err(what), Some(_)) => Err(Error::Invalid { at: "device cuda".into(), what }),
        (Err(what), None) => {
            // A program that was not built for GPUs is not looking for one.
            if cfg!(feature = "cuda") {
                eprintln!("on the CPU: {what}");
            }
            Ok(None)
        }
    }
}

fn gpu() -> Result<candle_core::Device, String> {
    if cfg!(feature = "cuda") {
        candle_core::Device::new_cuda(0).map_err(|e| format!("no GPU that can be used: {e}"))
    } else {
        Err("this program was not built for GPUs; `cargo build --release --features cuda` builds one that is".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_said_where_it_is_asked_for() {
        assert!(find(Some(Device::Cpu), None).unwrap().is_none());
        assert!(find(None, Some("no".into())).unwrap().is_none());
        let error = find(Some(Device::Cuda), Some("its heads are odd".into())).unwrap_err().to_string();
        assert_eq!(error, "device cuda: its heads are odd");
        if !cfg!(feature = "cuda") {
            assert!(find(Some(Device::Cuda), None).unwrap_err().to_string().contains("--features cuda"));
        }
    }
}
