//! Binds `kernels/attention_cudnn.cpp`: attention by cuDNN, which is looked for when the program runs.
#![allow(unsafe_code)]

use std::{
    collections::HashMap,
    ffi::{CStr, CString, c_char, c_int, c_void},
};

use candle_core::cuda_backend::cudarc::driver::{
    result,
    sys::{CUdeviceptr, CUstream},
};

use crate::{Error, Result};

/// A variable that names a libcudnn.so.9 where the system's is not the one to take.
const LIBRARY: &str = "TRAINER_CUDNN";

/// What a plan is made for; as `AttentionShape` in C++.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub heads: i64,
    pub kv_heads: i64,
    pub head_size: i64,
    pub tokens: i64,
    /// Places for texts.
    pub slots: i64,
    pub longest: i64,
    pub qkv_pitch: i64,
    pub out_pitch: i64,
    pub scale: f32,
    pub deterministic: i32,
}

unsafe extern "C" {
    fn attention_cudnn_open(device: c_int, library: *const c_char, error: *mut c_char, len: usize) -> *mut c_void;
    fn attention_cudnn_prepare(
        this: *mut c_void,
        shape: *const Shape,
        backward: c_int,
        workspace_bytes: *mut i64,
        error: *mut c_char,
        len: usize,
    ) -> c_int;
    fn attention_cudnn_forward(
        this: *mut c_void,
        shape: *const Shape,
        stream: *mut c_void,
        qkv: CUdeviceptr,
        out: CUdeviceptr,
        lse: CUdeviceptr,
        lengths: CUdeviceptr,
        qkv_offsets: CUdeviceptr,
        out_offsets: CUdeviceptr,
        lse_offsets: CUdeviceptr,
        workspace: CUdeviceptr,
        error: *mut c_char,
        len: usize,
    ) -> c_int;
    fn attention_cudnn_backward(
        this: *mut c_void,
        shape: *const Shape,
        stream: *mut c_void,
        qkv: CUdeviceptr,
        out: CUdeviceptr,
        lse: CUdeviceptr,
        dout: CUdeviceptr,
        dqkv: CUdeviceptr,
        lengths: CUdeviceptr,
        qkv_offsets: CUdeviceptr,
        out_offsets: CUdeviceptr,
        lse_offsets: CUdeviceptr,
        workspace: CUdeviceptr,
        error: *mut c_char,
        len: usize,
    ) -> c_int;
    fn attention_cudnn_version(this: *mut c_void) -> i64;
    fn attention_cudnn_close(this: *mut c_void);
}

/// cuDNN's plans, and the memory that they work in.
pub struct Cudnn {
    this: *mut c_void,
    workspace: CUdeviceptr,
    workspace_bytes: i64,
    /// The bytes of each plan so far.
    plans: HashMap<(bool, [i64; 9]), i64>,
}

/// Where text of an error goes.
struct Message([c_char; 4096]);

impl Message {
    fn new() -> Self {
        Self([0; 4096])
    }

    fn text(&self) -> String {
        unsafe { CStr::from_ptr(self.0.as_ptr()) }.to_string_lossy().into_owned()
    }
}

/// The pointers of texts' places: lengths, and the offsets of queries, outputs and statistics.
pub(super) type Places = [CUdeviceptr; 4];

impl Cudnn {
    /// cuDNN on a device.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn open(device: usize) -> Result<Self, String> {
        let mut message = Message::new();
        let library = std::env::var(LIBRARY).ok().and_then(|path| CString::new(path).ok());
        let library = library.as_ref().map_or(std::ptr::null(), |path| path.as_ptr());
        let this = unsafe { attention_cudnn_open(device as c_int, library, message.0.as_mut_ptr(), message.0.len()) };
        if this.is_null() {
            return Err(message.text());
        }
        Ok(Self { this, workspace: 0, workspace_bytes: 0, plans: HashMap::new() })
    }

    /// Its version, as 91400 for 9.14.0.
    pub(super) fn version(&self) -> i64 {
        unsafe { attention_cudnn_version(self.this) }
    }

    fn prepare(&mut self, shape: &Shape, backward: bool) -> Result<()> {
        let Shape { heads, kv_heads, head_size, tokens, slots, longest, qkv_pitch, out_pitch, .. } = *shape;
        let deterministic = i64::from(shape.deterministic);
        let key = (backward, [heads, kv_heads, head_size, tokens, slots, longest, qkv_pitch, out_pitch, deterministic]);
        if let Some(bytes) = self.plans.get(&key) {
            return self.grow(*bytes);
        }
        let (mut bytes, mut message) = (0, Message::new());
        let status = unsafe {
            let backward = c_int::from(backward);
            attention_cudnn_prepare(self.this, shape, backward, &mut bytes, message.0.as_mut_ptr(), message.0.len())
        };
        check(status, &message)?;
        self.plans.insert(key, bytes);
        self.grow(bytes)
    }

    fn grow(&mut self, bytes: i64) -> Result<()> {
        if bytes > self.workspace_bytes {
            unsafe {
                // What is under way may still work in the old one.
                result::ctx::synchronize()?;
                if self.workspace != 0 {
                    result::free_sync(self.workspace)?;
                    self.workspace = 0;
                }
                self.workspace = result::malloc_sync(bytes as usize)?;
            }
            self.workspace_bytes = bytes;
        }
        Ok(())
    }

    pub(super) fn forward(
        &mut self,
        shape: &Shape,
        stream: CUstream,
        [qkv, out, lse]: [CUdeviceptr; 3],
        [lengths, qkv_offsets, out_offsets, lse_offsets]: Places,
    ) -> Result<()> {
        self.prepare(shape, false)?;
        let mut message = Message::new();
        let status = unsafe {
            attention_cudnn_forward(
                self.this,
                shape,
                stream.cast(),
                qkv,
                out,
                lse,
                lengths,
                qkv_offsets,
                out_offsets,
                lse_offsets,
                self.workspace,
                message.0.as_mut_ptr(),
                message.0.len(),
            )
        };
        check(status, &message)
    }

    pub(super) fn backward(
        &mut self,
        shape: &Shape,
        stream: CUstream,
        [qkv, out, lse, dout, dqkv]: [CUdeviceptr; 5],
        [lengths, qkv_offsets, out_offsets, lse_offsets]: Places,
    ) -> Result<()> {
        self.prepare(shape, true)?;
        let mut message = Message::new();
        let status = unsafe {
            attention_cudnn_backward(
                self.this,
                shape,
                stream.cast(),
                qkv,
                out,
                lse,
                dout,
                dqkv,
                lengths,
                qkv_offsets,
                out_offsets,
                lse_offsets,
                self.workspace,
                message.0.as_mut_ptr(),
                message.0.len(),
            )
        };
        check(status, &message)
    }
}

fn check(status: c_int, message: &Message) -> Result<()> {
    if status == 0 { Ok(()) } else { Err(Error::Gpu(format!("cuDNN: {}", message.text()))) }
}

impl Drop for Cudnn {
    fn drop(&mut self) {
        unsafe {
            if self.workspace != 0 {
                let _gone = result::free_sync(self.workspace);
            }
            attention_cudnn_close(self.this);
        }
    }
}
