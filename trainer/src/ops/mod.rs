//! The operations of a LLaMA in training, forward and backward: each as a kernel for a GPU, and as plain code for a
//! CPU that the kernel is held against.
//!
//! An operation takes matrices by their place in a [`Machine`]'s memory. On a GPU it is only asked for: nothing waits
//! for it until a result is read.

/// Decoupled weight decay, the norm of the gradients, and what is done about both.
pub mod adamw;
/// Every token looks at those before it in its text.
pub mod attention;
#[cfg(feature = "cuda")]
mod card;
/// Logits → losses and their gradients.
pub mod cross_entropy;
#[cfg(feature = "cuda")]
mod cudnn;
/// A token looks at those before it whose keys and values are kept.
pub mod decode;
/// What adapters leave out.
pub mod dropout;
/// Tokens → rows.
pub mod embedding;
mod host;
/// The likeliest token.
pub mod likeliest;
/// Matrix products.
pub mod matmul;
/// Matrices, and the memory that they lie in.
pub mod memory;
/// Numbers that follow from a place alone.
mod noise;
/// The indices of a batch.
pub mod pieces;
/// Root-mean-square norm.
pub mod rms_norm;
/// Rotary position embedding.
pub mod rope;
/// The gated activation.
pub mod swiglu;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
#[cfg(feature = "cuda")]
use memory::Kind;
use memory::{Layout, Matrix};

use crate::{Error, Result};

/// What a device's time goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Products of large matrices.
    Products,
    /// Products with an adapter's narrow matrices.
    Adapters,
    /// Attention.
    Attention,
    /// Norms, rotation, activation, embedding, dropout.
    Elementwise,
    /// Losses from logits.
    Loss,
    /// Gradient norm and update.
    Optimizer,
}

/// How a machine computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The same bits every time, at some cost.
    pub deterministic: bool,
    /// Use cuDNN's attention where there is cuDNN.
    pub cudnn: bool,
}

/// A device with the memory of one engine.
pub enum Machine {
    /// A CPU.
    Host(host::Host),
    /// A GPU.
    #[cfg(feature = "cuda")]
    Card(Box<card::Card>),
}

impl Machine {
    /// A machine on `device` with the memory of `layout`, all zero, for batches of at most `batch_len` indices.
    ///
    /// # Errors
    /// A GPU with too little memory, or one that the kernels are not built for.
    pub fn new(device: &Device, layout: &Layout, batch_len: usize, options: &Options) -> Result<Self> {
        let _only_cards_need_them = (batch_len, options);
        match device {
            #[cfg(feature = "cuda")]
            Device::Cuda(device) => Ok(Self::Card(Box::new(card::Card::new(device, layout, 4 * batch_len, options)?))),
            Device::Cpu => Ok(Self::Host(host::Host::new(layout))),
            _ => Err(Error::invalid("device", "the fused engine runs on NVIDIA GPUs and on CPUs")),
        }
    }

    /// Write a tensor to a matrix of as many numbers.
    ///
    /// # Errors
    /// A device that fails.
    pub fn write(&mut self, matrix: Matrix, tensor: &Tensor) -> Result<()> {
        let flat = tensor.flatten_all()?.to_device(&Device::Cpu)?;
        if flat.elem_count() != matrix.len() {
            let what = format!("{} numbers for a matrix of {}", flat.elem_count(), matrix.len());
            return Err(Error::invalid("tensor", what));
        }
        match self {
            Self::Host(host) => host.write(matrix, &flat.to_dtype(DType::F32)?.to_vec1::<f32>()?),
            #[cfg(feature = "cuda")]
            Self::Card(card) if matrix.kind == Kind::Half => {
                with_numbers::<half::bf16>(&flat.to_dtype(DType::BF16)?, |values| {
                    card.upload(matrix, bytes_of(values))
                })?;
            }
            #[cfg(feature = "cuda")]
            Self::Card(card) => {
                with_numbers::<f32>(&flat.to_dtype(DType::F32)?, |values| card.upload(matrix, bytes_of(values)))?;
            }
        }
        Ok(())
    }

    /// A matrix as a tensor on the CPU: (rows, columns), f32. Waits for the device.
    ///
    /// # Errors
    /// A device that fails.
    pub fn read(&self, matrix: Matrix) -> Result<Tensor> {
        let values = match self {
            Self::Host(host) => host.read(matrix),
            #[cfg(feature = "cuda")]
            Self::Card(card) if matrix.kind == Kind::Half => {
                let mut values = vec![half::bf16::ZERO; matrix.len()];
                card.download(matrix, bytes_of_mut(&mut values))?;
                values.into_iter().map(half::bf16::to_f32).collect()
            }
            #[cfg(feature = "cuda")]
            Self::Card(card) => {
                let mut values = vec![0.0; matrix.len()];
                card.download(matrix, bytes_of_mut(&mut values))?;
                values
            }
        };
        Ok(Tensor::from_vec(values, (matrix.rows, matrix.columns), &Device::Cpu)?)
    }

    /// The numbers of a matrix of indices. Waits for the device.
    ///
    /// # Errors
    /// A device that fails.
    pub fn read_indices(&self, matrix: Matrix) -> Result<Vec<i32>> {
        match self {
            Self::Host(host) => Ok(host.read_indices(matrix)),
            #[cfg(feature = "cuda")]
            Self::Card(card) => {
                let mut values = vec![0; matrix.len()];
                card.download(matrix, bytes_of_mut(&mut values))?;
                Ok(values)
            }
        }
    }

    /// Send the indices of a batch to `matrix`, while the device still works on what was asked before.
    ///
    /// # Errors
    /// A device that fails.
    pub fn send(&mut self, matrix: Matrix, values: &[i32]) -> Result<()> {
        match self {
            Self::Host(host) => host.write_indices(matrix, values),
            #[cfg(feature = "cuda")]
            Self::Card(card) => card.send(matrix, values)?,
        }
        Ok(())
    }

    /// Say that all that needs the indices that were sent last was asked for.
    ///
    /// # Errors
    /// A device that fails.
    pub fn release(&mut self) -> Result<()> {
        match self {
            Self::Host(_) => Ok(()),
            #[cfg(feature = "cuda")]
            Self::Card(card) => card.release(),
        }
    }

    /// Set all numbers of a matrix without gaps to 0.
    ///
    /// # Errors
    /// A device that fails.
    pub fn zero(&mut self, matrix: Matrix) -> Result<()> {
        assert!(matrix.rows == 1 || matrix.pitch == matrix.columns, "rows without gaps");
        match self {
            Self::Host(host) => host.write(matrix, &vec![0.0; matrix.len()]),
            #[cfg(feature = "cuda")]
            Self::Card(card) => card.zero(matrix)?,
        }
        Ok(())
    }

    /// The stream that a GPU computes on.
    #[cfg(feature = "nccl")]
    pub(crate) fn stream(&self) -> Option<cudarc::driver::sys::CUstream> {
        match self {
            Self::Host(_) => None,
            Self::Card(card) => Some(card.stream),
        }
    }

    /// Where a matrix begins in a GPU's memory.
    #[cfg(feature = "nccl")]
    pub(crate) fn address(&self, matrix: Matrix) -> u64 {
        match self {
            Self::Host(_) => 0,
            Self::Card(card) => card.pointer(matrix),
        }
    }

    /// What computes attention.
    pub fn attention(&self) -> String {
        match self {
            Self::Host(_) => "the CPU".into(),
            #[cfg(feature = "cuda")]
            Self::Card(card) => card.attention.name(),
        }
    }

    /// Wait for all that was asked of the device.
    ///
    /// # Errors
    /// A device that fails.
    pub fn wait(&self) -> Result<()> {
        match self {
            Self::Host(_) => Ok(()),
            #[cfg(feature = "cuda")]
            Self::Card(card) => card.wait(),
        }
    }

    /// Choose the fastest way for each matrix product that comes until [`Machine::end_rehearsal`]. It is tried out on
    /// the product's own matrices, whose numbers are worth nothing afterwards.
    pub fn begin_rehearsal(&mut self) {
        match self {
            Self::Host(_) => {}
            #[cfg(feature = "cuda")]
            Self::Card(card) => card.products.is_rehearsal = true,
        }
    }

    /// See [`Machine::begin_rehearsal`].
    pub fn end_rehearsal(&mut self) {
        match self {
            Self::Host(_) => {}
            #[cfg(feature = "cuda")]
            Self::Card(card) => card.products.is_rehearsal = false,
        }
    }

    /// Do `work`, and say how many milliseconds the device spent on each part of it; nothing on a CPU.
    ///
    /// # Errors
    /// What `work` says, or a device that fails.
    pub fn start_clock(&mut self) {
        match self {
            Self::Host(_) => {}
            #[cfg(feature = "cuda")]
            Self::Card(card) => card.start_clock(),
        }
    }

    /// Milliseconds by part since [`Machine::start_clock`]; nothing on a CPU.
    ///
    /// # Errors
    /// A device that fails.
    pub fn stop_clock(&mut self) -> Result<BTreeMap<Part, f64>> {
        match self {
            Self::Host(_) => Ok(BTreeMap::new()),
            #[cfg(feature = "cuda")]
            Self::Card(card) => card.stop_clock(),
        }
    }
}

/// Do something with the numbers of a flat tensor on the CPU, where they lie: a model's are many to copy.
#[cfg(feature = "cuda")]
fn with_numbers<T: candle_core::WithDType>(flat: &Tensor, then: impl FnOnce(&[T]) -> Result<()>) -> Result<()> {
    let (storage, layout) = flat.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (candle_core::Storage::Cpu(numbers), Some((from, to))) => then(&numbers.as_slice::<T>()?[from..to]),
        _ => then(&flat.to_vec1::<T>()?),
    }
}

#[cfg(feature = "cuda")]
#[allow(unsafe_code)]
fn bytes_of<T: Copy>(values: &[T]) -> &[u8] {
    // Plain numbers without padding: every byte is initialised.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

#[cfg(feature = "cuda")]
#[allow(unsafe_code)]
fn bytes_of_mut<T: Copy>(values: &mut [T]) -> &mut [u8] {
    // Plain numbers, of which all bytes are valid.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}
