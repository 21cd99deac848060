//! A GPU as an engine's machine: one arena, a stream to compute on, another to copy on, and the kernels.
#![allow(unsafe_code)]

use std::{
    collections::{BTreeMap, HashMap},
    ffi::{CString, c_void},
    ptr::{null, null_mut},
};

use candle_core::{
    CudaDevice,
    cuda_backend::cudarc::driver::{
        result::{self, event, stream},
        sys::{self, CUdeviceptr, CUevent, CUfunction, CUmodule, CUstream},
    },
};

use super::{
    Options, Part,
    attention::Backend,
    matmul::Products,
    memory::{Kind, Layout, Matrix},
};
use crate::{Error, Result};

/// The kernels, built for the cards of [`CAPABILITIES`]; a file of the same name in the folder that the variable
/// [`OVERRIDE`] names takes a kernel's place, so that one can be tried without building the program.
const IMAGES: [(&str, &[u8]); 10] = [
    ("adamw", include_bytes!(concat!(env!("OUT_DIR"), "/adamw.fatbin"))),
    ("attention", include_bytes!(concat!(env!("OUT_DIR"), "/attention.fatbin"))),
    ("cross_entropy", include_bytes!(concat!(env!("OUT_DIR"), "/cross_entropy.fatbin"))),
    ("decode", include_bytes!(concat!(env!("OUT_DIR"), "/decode.fatbin"))),
    ("dropout", include_bytes!(concat!(env!("OUT_DIR"), "/dropout.fatbin"))),
    ("embedding", include_bytes!(concat!(env!("OUT_DIR"), "/embedding.fatbin"))),
    ("likeliest", include_bytes!(concat!(env!("OUT_DIR"), "/likeliest.fatbin"))),
    ("rms_norm", include_bytes!(concat!(env!("OUT_DIR"), "/rms_norm.fatbin"))),
    ("rope", include_bytes!(concat!(env!("OUT_DIR"), "/rope.fatbin"))),
    ("swiglu", include_bytes!(concat!(env!("OUT_DIR"), "/swiglu.fatbin"))),
];
const OVERRIDE: &str = "TRAINER_KERNELS";
/// Compute capabilities that the kernels are built for, by their major number.
const CAPABILITIES: [i32; 2] = [8, 9];
/// Shared memory that a block gets without asking.
const PLAIN_SHARED_BYTES: u32 = 48 * 1024;
/// Copies of a batch to the card that may be under way or in use.
const COPIES: usize = 2;

/// See the module.
pub struct Card {
    /// Keeps the context that all of this belongs to.
    _device: CudaDevice,
    pub(super) stream: CUstream,
    arena: CUdeviceptr,
    offsets: Vec<usize>,
    modules: BTreeMap<&'static str, CUmodule>,
    functions: HashMap<&'static str, CUfunction>,
    pub(super) products: Products,
    pub(super) attention: Backend,
    /// Multiprocessors.
    pub(super) num_sm: usize,
    clock: Option<Vec<(Part, CUevent, CUevent)>>,
    copies: Copies,
}

/// Two pieces of pinned memory, so that one batch is copied while the device works on the last.
struct Copies {
    stream: CUstream,
    staging: [*mut c_void; COPIES],
    bytes: usize,
    /// By piece: the copy is done; what was copied is no longer in use.
    done: [CUevent; COPIES],
    free: [CUevent; COPIES],
    next: usize,
}

impl Card {
    pub(super) fn new(device: &CudaDevice, layout: &Layout, copy_bytes: usize, options: &Options) -> Result<Self> {
        let context = device.cuda_stream().context().clone();
        context.bind_to_thread()?;
        let (major, minor) = context.compute_capability()?;
        if !CAPABILITIES.contains(&major) {
            let what = format!(
                "the kernels are built for sm_80 and sm_90, and this card is sm_{major}{minor}; engine.kind = \
                 \"reference\" trains on it"
            );
            return Err(Error::invalid("engine", what));
        }
        let stream = device.cuda_stream().cu_stream();
        let (offsets, bytes) = layout.offsets();
        let (free, _) = result::mem_get_info()?;
        if bytes > free {
            let gib = |bytes: usize| bytes as f64 / (1u64 << 30) as f64;
            let what = format!("the engine needs {:.1} GiB and {:.1} GiB are free", gib(bytes), gib(free));
            return Err(Error::invalid("the GPU's memory", what));
        }
        let arena = unsafe { result::malloc_sync(bytes.max(1))? };
        unsafe { result::memset_d8_sync(arena, 0, bytes)? };
        let mut modules = BTreeMap::new();
        for (name, image) in IMAGES {
            modules.insert(name, load(name, image)?);
        }
        let num_sm = context.attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as usize;
        Ok(Self {
            stream,
            arena,
            offsets,
            modules,
            functions: HashMap::new(),
            products: Products::new(options.deterministic)?,
            attention: Backend::new(context.ordinal(), options),
            num_sm,
            clock: None,
            copies: Copies::new(copy_bytes)?,
            _device: device.clone(),
        })
    }

    /// Where a matrix begins.
    pub(super) fn pointer(&self, matrix: Matrix) -> CUdeviceptr {
        self.arena + (self.offsets[matrix.slot] + matrix.offset * matrix.kind.bytes()) as u64
    }

    /// Run a kernel.
    pub(super) fn launch(
        &mut self,
        part: Part,
        kernel: &Kernel,
        grid: (usize, usize),
        arguments: Arguments,
    ) -> Result<()> {
        if grid.0 == 0 || grid.1 == 0 {
            return Ok(());
        }
        let function = self.function(kernel)?;
        let Arguments(words) = arguments;
        let mut pointers: Vec<*mut c_void> =
            words.iter().map(|word| std::ptr::from_ref(word).cast_mut().cast()).collect();
        let (grid, block) = ((grid.0 as u32, grid.1 as u32, 1), (kernel.threads, 1, 1));
        self.timed(part, |card| {
            unsafe {
                result::launch_kernel(function, grid, block, kernel.shared_bytes, card.stream, &mut pointers)?;
            }
            Ok(())
        })
    }

    fn function(&mut self, kernel: &Kernel) -> Result<CUfunction> {
        if let Some(function) = self.functions.get(kernel.name) {
            return Ok(*function);
        }
        let name = CString::new(kernel.name).expect("no zero byte");
        let function = unsafe { result::module::get_function(self.modules[kernel.file], name) }
            .map_err(|e| Error::invalid(kernel.name, format!("no such kernel: {e}")))?;
        if kernel.shared_bytes > PLAIN_SHARED_BYTES {
            let attribute = sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            unsafe { result::function::set_function_attribute(function, attribute, kernel.shared_bytes as i32)? };
        }
        self.functions.insert(kernel.name, function);
        Ok(function)
    }

    /// Do `work`, and note how long the device takes for it where the clock runs.
    pub(super) fn timed<T>(&mut self, part: Part, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.clock.is_none() {
            return work(self);
        }
        let start = self.event()?;
        let done = work(self)?;
        let end = self.event()?;
        self.clock.iter_mut().for_each(|clock| clock.push((part, start, end)));
        Ok(done)
    }

    fn event(&self) -> Result<CUevent> {
        let event = event::create(sys::CUevent_flags::CU_EVENT_DEFAULT)?;
        unsafe { event::record(event, self.stream)? };
        Ok(event)
    }

    /// Start the clock.
    pub(super) fn start_clock(&mut self) {
        self.clock = Some(Vec::new());
    }

    /// Stop the clock: milliseconds by part.
    pub(super) fn stop_clock(&mut self) -> Result<BTreeMap<Part, f64>> {
        self.wait()?;
        let mut times = BTreeMap::new();
        for (part, start, end) in self.clock.take().unwrap_or_default() {
            unsafe {
                *times.entry(part).or_default() += f64::from(event::elapsed(start, end)?);
                event::destroy(start)?;
                event::destroy(end)?;
            }
        }
        Ok(times)
    }

    /// Wait for all that was asked of the device.
    pub(super) fn wait(&self) -> Result<()> {
        unsafe { stream::synchronize(self.stream)? };
        Ok(())
    }

    pub(super) fn zero(&mut self, matrix: Matrix) -> Result<()> {
        let bytes = matrix.len() * matrix.kind.bytes();
        if bytes == 0 {
            return Ok(());
        }
        unsafe { result::memset_d8_async(self.pointer(matrix), 0, bytes, self.stream)? };
        Ok(())
    }

    /// Copy numbers to the card, and wait.
    pub(super) fn upload(&mut self, matrix: Matrix, bytes: &[u8]) -> Result<()> {
        self.copy(matrix, bytes.len(), Direction::Up(bytes.as_ptr()))
    }

    /// Copy numbers from the card, and wait.
    pub(super) fn download(&self, matrix: Matrix, bytes: &mut [u8]) -> Result<()> {
        self.copy(matrix, bytes.len(), Direction::Down(bytes.as_mut_ptr()))
    }

    fn copy(&self, matrix: Matrix, num_bytes: usize, direction: Direction) -> Result<()> {
        use sys::CUmemorytype::{CU_MEMORYTYPE_DEVICE, CU_MEMORYTYPE_HOST};
        assert_eq!(num_bytes, matrix.len() * matrix.kind.bytes());
        if num_bytes == 0 {
            return Ok(());
        }
        let width = matrix.columns * matrix.kind.bytes();
        let (device, pitch) = (self.pointer(matrix), matrix.pitch * matrix.kind.bytes());
        let (source, target) = match direction {
            Direction::Up(from) => {
                ((CU_MEMORYTYPE_HOST, from, 0, width), (CU_MEMORYTYPE_DEVICE, null_mut(), device, pitch))
            }
            Direction::Down(to) => ((CU_MEMORYTYPE_DEVICE, null(), device, pitch), (CU_MEMORYTYPE_HOST, to, 0, width)),
        };
        let copy = sys::CUDA_MEMCPY2D {
            srcXInBytes: 0,
            srcY: 0,
            srcMemoryType: source.0,
            srcHost: source.1.cast(),
            srcDevice: source.2,
            srcArray: null_mut(),
            srcPitch: source.3,
            dstXInBytes: 0,
            dstY: 0,
            dstMemoryType: target.0,
            dstHost: target.1.cast(),
            dstDevice: target.2,
            dstArray: null_mut(),
            dstPitch: target.3,
            WidthInBytes: width,
            Height: matrix.rows,
        };
        unsafe { sys::cuMemcpy2DAsync_v2(&copy, self.stream).result()? };
        self.wait()
    }

    /// Copy a batch to the card beside what it computes; what is asked of it afterwards waits for the copy.
    ///
    /// `matrix` is one of two that are used in turn, each until [`Card::release`].
    pub(super) fn send(&mut self, matrix: Matrix, values: &[i32]) -> Result<()> {
        assert_eq!((matrix.kind, matrix.len()), (Kind::Index, values.len()));
        let copies = &self.copies;
        let piece = copies.next;
        assert!(values.len() * 4 <= copies.bytes, "a batch larger than planned");
        unsafe {
            event::synchronize(copies.done[piece])?;
            std::ptr::copy_nonoverlapping(values.as_ptr().cast(), copies.staging[piece].cast::<u8>(), values.len() * 4);
            let wait = sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
            stream::wait_event(copies.stream, copies.free[piece], wait)?;
            let staged = std::slice::from_raw_parts(copies.staging[piece].cast::<i32>(), values.len());
            result::memcpy_htod_async(self.pointer(matrix), staged, copies.stream)?;
            event::record(copies.done[piece], copies.stream)?;
            stream::wait_event(self.stream, copies.done[piece], wait)?;
        }
        Ok(())
    }

    /// The batch that was sent last is no longer needed once the device has come this far.
    pub(super) fn release(&mut self) -> Result<()> {
        unsafe { event::record(self.copies.free[self.copies.next], self.stream)? };
        self.copies.next = (self.copies.next + 1) % COPIES;
        Ok(())
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        // What fails here fails because the device is gone, and its memory with it.
        unsafe {
            let _gone = stream::synchronize(self.stream);
            let _gone = result::free_sync(self.arena);
            let _gone = stream::synchronize(self.copies.stream);
            for piece in 0..COPIES {
                let _gone = result::free_host(self.copies.staging[piece]);
            }
            for module in self.modules.values() {
                let _gone = result::module::unload(*module);
            }
        }
    }
}

impl Copies {
    fn new(bytes: usize) -> Result<Self> {
        let event = || event::create(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING);
        let staging = || unsafe { result::malloc_host(bytes.max(1), 0) };
        Ok(Self {
            stream: stream::create(stream::StreamKind::NonBlocking)?,
            staging: [staging()?, staging()?],
            bytes,
            done: [event()?, event()?],
            free: [event()?, event()?],
            next: 0,
        })
    }
}

fn load(name: &'static str, image: &'static [u8]) -> Result<CUmodule> {
    let replaced = match std::env::var_os(OVERRIDE) {
        Some(folder) => {
            let path = std::path::Path::new(&folder).join(format!("{name}.fatbin"));
            if path.exists() { Some(fs_err::read(path)?) } else { None }
        }
        None => None,
    };
    let image = replaced.as_deref().unwrap_or(image);
    unsafe { result::module::load_data(image.as_ptr().cast()) }
        .map_err(|e| Error::invalid(format!("kernels of {name}"), e.to_string()))
}

/// Where numbers are copied from or to on the host.
#[derive(Clone, Copy)]
enum Direction {
    Up(*const u8),
    Down(*mut u8),
}

/// A kernel and how it is launched.
pub(super) struct Kernel {
    /// Its file, without `.cu`.
    pub file: &'static str,
    /// Its name in the file.
    pub name: &'static str,
    /// Threads of a block.
    pub threads: u32,
    /// Dynamic shared memory of a block.
    pub shared_bytes: u32,
}

/// A kernel's arguments: each in a word, of which a kernel reads the low bytes.
#[derive(Default)]
pub(super) struct Arguments(Vec<u64>);

impl Arguments {
    pub(super) fn pointer(mut self, pointer: CUdeviceptr) -> Self {
        self.0.push(pointer);
        self
    }

    pub(super) fn int(mut self, value: usize) -> Self {
        self.0.push(u64::from(u32::try_from(value).expect("an argument below 2^31")));
        self
    }

    pub(super) fn long(mut self, value: u64) -> Self {
        self.0.push(value);
        self
    }

    pub(super) fn float(mut self, value: f64) -> Self {
        self.0.push(u64::from((value as f32).to_bits()));
        self
    }
}
