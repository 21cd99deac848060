//! Ranks over NCCL.

use candle_core::{CudaDevice, CudaStorage, DType, Storage, Tensor, cuda_backend::WrapErr, op::BackpropOp};
use cudarc::nccl::{Comm, Id, ReduceOp};

use super::{Group, tcp::Tcp};
use crate::{Error, Result};

/// GPUs that add up through NCCL, on the stream that candle computes on.
pub(super) struct Nccl {
    comm: Comm,
    device: CudaDevice,
}

impl Nccl {
    /// Meet the ranks of `tcp`, which carries NCCL's id from rank 0 to the others.
    pub(super) fn join(mut tcp: Tcp, device: &CudaDevice) -> Result<Self> {
        let failed = |e: cudarc::nccl::result::NcclError| Error::invalid("NCCL", format!("{e:?}"));
        let mut bytes = match tcp.rank() {
            0 => Id::new().map_err(failed)?.internal().map(|byte| byte as u8),
            _ => [0; 128],
        };
        tcp.broadcast(&mut bytes)?;
        let id = Id::uninit(bytes.map(|byte| byte as std::ffi::c_char));
        let comm = Comm::from_rank(device.cuda_stream(), tcp.rank(), tcp.world(), id).map_err(failed)?;
        Ok(Self { comm, device: device.clone() })
    }
}

impl Group for Nccl {
    fn rank(&self) -> usize {
        self.comm.rank()
    }

    fn world(&self) -> usize {
        self.comm.world_size()
    }

    fn sum(&mut self, tensor: &Tensor) -> Result<Tensor> {
        let device = candle_core::Device::Cuda(self.device.clone());
        let tensor = tensor.to_device(&device)?.to_dtype(DType::F32)?.contiguous()?;
        let mut sum = self.device.alloc_zeros::<f32>(tensor.elem_count())?;
        {
            let (storage, layout) = tensor.storage_and_layout();
            let Storage::Cuda(storage) = &*storage else {
                return Err(Error::invalid("NCCL", "a tensor that is not on the GPU"));
            };
            let slice = storage.as_cuda_slice::<f32>()?;
            let view = slice.slice(layout.start_offset()..layout.start_offset() + tensor.elem_count());
            let added = self.comm.all_reduce(&view, &mut sum, &ReduceOp::Sum);
            added.map_err(|e| Error::invalid("NCCL", format!("{e:?}")))?;
        }
        self.device.cuda_stream().synchronize().w()?;
        let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(sum, self.device.clone()));
        Ok(Tensor::from_storage(storage, tensor.shape(), BackpropOp::none(), false))
    }
}
