//! Ranks over NCCL.
#![allow(unsafe_code)]

use candle_core::{
    CudaDevice, CudaStorage, DType, Device, Storage, Tensor,
    cuda_backend::{
        WrapErr,
        cudarc::driver::{
            DevicePtr, DevicePtrMut,
            result::{event, stream},
            sys::{CUevent, CUevent_flags, CUevent_wait_flags, CUstream},
        },
    },
    op::BackpropOp,
};
use cudarc::nccl::{
    Id,
    result::{self, NcclError},
    sys::{ncclComm_t, ncclDataType_t, ncclRedOp_t, ncclUniqueId},
};

use super::{Group, tcp::Tcp};
use crate::{
    Error, Result,
    ops::{
        Machine,
        memory::{Kind, Matrix},
    },
};

/// NVLink multicast, which stays off unless it is asked for: a program that ends in the middle of it can put the GPUs of
/// a whole machine out of service.
const MULTICAST: &str = "NCCL_NVLS_ENABLE";

/// GPUs that add up through NCCL, on a stream beside the one that they compute on. What is small and lies on the host
/// goes over TCP, whose connections also tell whether a rank is gone: NCCL itself would wait for it for ever.
pub(super) struct Nccl {
    tcp: Tcp,
    comm: ncclComm_t,
    device: CudaDevice,
    /// The stream of collectives.
    stream: CUstream,
    /// What has to be computed before a collective, and what a collective has done.
    ready: CUevent,
    done: CUevent,
    /// Whether the others may end before this rank does.
    has_left: bool,
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn failed(error: NcclError) -> Error {
    Error::Gpu(format!("NCCL: {error:?}"))
}

impl Nccl {
    /// Meet the ranks of `tcp`, which carries NCCL's id from rank 0 to the others.
    pub(super) fn join(mut tcp: Tcp, device: &CudaDevice) -> Result<Self> {
        let mut bytes = match tcp.rank() {
            0 => Id::new().map_err(failed)?.internal().map(|byte| byte as u8),
            _ => [0; 128],
        };
        tcp.broadcast(&mut bytes)?;
        tcp.watch()?;
        device.cuda_stream().context().bind_to_thread()?;
        if std::env::var_os(MULTICAST).is_none() {
            // No other thread reads the environment yet.
            unsafe { std::env::set_var(MULTICAST, "0") };
        }
        let id = ncclUniqueId { internal: bytes.map(|byte| byte as std::ffi::c_char) };
        let mut comm = std::ptr::null_mut();
        unsafe { result::comm_init_rank(&mut comm, tcp.world() as i32, id, tcp.rank() as i32).map_err(failed)? };
        let event = || event::create(CUevent_flags::CU_EVENT_DISABLE_TIMING);
        Ok(Self {
            tcp,
            comm,
            device: device.clone(),
            stream: stream::create(stream::StreamKind::NonBlocking)?,
            ready: event()?,
            done: event()?,
            has_left: false,
        })
    }

    /// Do a collective once what was asked of the device before is done.
    fn collect(&mut self, on: &Machine, work: impl FnOnce(&Self) -> Result<(), NcclError>) -> Result<()> {
        let compute = on.stream().ok_or_else(|| Error::Gpu("NCCL: a machine without a GPU".into()))?;
        unsafe {
            event::record(self.ready, compute)?;
            stream::wait_event(self.stream, self.ready, CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT)?;
            work(self).map_err(failed)?;
            event::record(self.done, self.stream)?;
        }
        Ok(())
    }
}

fn data_type(matrix: Matrix) -> ncclDataType_t {
    match matrix.kind {
        Kind::Half => ncclDataType_t::ncclBfloat16,
        Kind::Single => ncclDataType_t::ncclFloat32,
        Kind::Index => ncclDataType_t::ncclInt32,
    }
}

impl Group for Nccl {
    fn rank(&self) -> usize {
        self.tcp.rank()
    }

    fn world(&self) -> usize {
        self.tcp.world()
    }

    fn sum(&mut self, tensor: &Tensor) -> Result<Tensor> {
        if matches!(tensor.device(), Device::Cpu) {
            return self.tcp.sum(tensor);
        }
        let tensor = tensor.to_dtype(DType::F32)?.contiguous()?;
        let mut sum = self.device.alloc_zeros::<f32>(tensor.elem_count())?;
        {
            let (storage, layout) = tensor.storage_and_layout();
            let Storage::Cuda(storage) = &*storage else {
                return Err(Error::invalid("NCCL", "a tensor that is not on the GPU"));
            };
            let slice = storage.as_cuda_slice::<f32>()?;
            let view = slice.slice(layout.start_offset()..layout.start_offset() + tensor.elem_count());
            let compute = self.device.cuda_stream();
            let (from, _read) = view.device_ptr(&compute);
            let (to, _written) = sum.device_ptr_mut(&compute);
            unsafe {
                let (from, to) = (from as *const _, to as *mut _);
                let (kind, add) = (ncclDataType_t::ncclFloat32, ncclRedOp_t::ncclSum);
                let stream = compute.cu_stream().cast();
                result::all_reduce(from, to, tensor.elem_count(), kind, add, self.comm, stream).map_err(failed)?;
            }
        }
        self.device.cuda_stream().synchronize().w()?;
        let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(sum, self.device.clone()));
        Ok(Tensor::from_storage(storage, tensor.shape(), BackpropOp::none(), false))
    }

    fn sum_at(&mut self, on: &mut Machine, matrix: Matrix) -> Result<()> {
        let at = on.address(matrix);
        self.collect(on, |nccl| unsafe {
            let (kind, add) = (data_type(matrix), ncclRedOp_t::ncclSum);
            result::all_reduce(at as *const _, at as *mut _, matrix.len(), kind, add, nccl.comm, nccl.stream.cast())
                .map(|_| ())
        })
    }

    fn scatter_sum(&mut self, on: &mut Machine, matrix: Matrix) -> Result<()> {
        let (at, own) = (on.address(matrix), on.address(self.share(matrix)));
        let count = matrix.len() / self.world();
        self.collect(on, |nccl| unsafe {
            let (kind, add) = (data_type(matrix), ncclRedOp_t::ncclSum);
            result::reduce_scatter(at as *const _, own as *mut _, count, kind, add, nccl.comm, nccl.stream.cast())
                .map(|_| ())
        })
    }

    fn gather(&mut self, on: &mut Machine, matrix: Matrix) -> Result<()> {
        let (at, own) = (on.address(matrix), on.address(self.share(matrix)));
        let count = matrix.len() / self.world();
        self.collect(on, |nccl| unsafe {
            let kind = data_type(matrix);
            result::all_gather(own as *const _, at as *mut _, count, kind, nccl.comm, nccl.stream.cast()).map(|_| ())
        })
    }

    fn leave(&mut self) {
        self.has_left = true;
        self.tcp.leave();
    }

    fn wait(&mut self, on: &mut Machine) -> Result<()> {
        match on.stream() {
            Some(compute) => unsafe {
                Ok(stream::wait_event(compute, self.done, CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT)?)
            },
            None => Ok(()),
        }
    }
}

impl Drop for Nccl {
    fn drop(&mut self) {
        // What fails here fails because the device is gone.
        unsafe {
            if !self.has_left {
                // What is under way may wait for ranks that never come.
                let _gone = result::comm_abort(self.comm);
                return;
            }
            let _gone = stream::synchronize(self.stream);
            let _gone = result::comm_destroy(self.comm);
            let _gone = stream::destroy(self.stream);
        }
    }
}
