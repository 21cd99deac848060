//! Matrix products with f32 sums: `out = scale · a b (+ base)`. On a GPU through cuBLASLt, which also adds the base (a
//! residual, or the gradients so far) without another pass; of the ways that it proposes the fastest is taken, tried
//! out once a shape. Products take both factors as they lie, transposed or not.

use super::{Machine, memory::Matrix};
use crate::Result;

/// A factor of a product: as it lies, or transposed.
#[derive(Debug, Clone, Copy)]
pub enum Factor {
    /// As it lies.
    Plain(Matrix),
    /// Transposed.
    Transposed(Matrix),
}

use Factor::{Plain, Transposed};

impl Factor {
    fn matrix(self) -> Matrix {
        let (Plain(matrix) | Transposed(matrix)) = self;
        matrix
    }

    /// (rows, columns)
    fn dims(self) -> (usize, usize) {
        match self {
            Plain(matrix) => (matrix.rows, matrix.columns),
            Transposed(matrix) => (matrix.columns, matrix.rows),
        }
    }
}

/// What is added to a product.
#[derive(Debug, Clone, Copy)]
pub enum Base {
    /// Nothing.
    Nothing,
    /// What is in `out`.
    Out,
    /// Another matrix of `out`'s shape, pitch and type.
    Other(Matrix),
}

/// `out = scale · a b + base`. a: (m, k), b: (k, n), out: (m, n), in halves or singles; the factors are halves.
///
/// # Errors
/// A device that fails, or a shape that it has no way for.
pub fn product(on: &mut Machine, out: Matrix, a: Factor, b: Factor, scale: f64, base: Base) -> Result<()> {
    let ((m, k), (inner, n)) = (a.dims(), b.dims());
    assert_eq!((k, out.rows, out.columns), (inner, m, n), "a product's shapes");
    if m * n == 0 {
        return Ok(());
    }
    match on {
        Machine::Host(host) => {
            let (x, y) = (host.read(a.matrix()), host.read(b.matrix()));
            let old = match base {
                Base::Nothing => vec![0.0; m * n],
                Base::Out => host.read(out),
                Base::Other(base) => host.read(base),
            };
            let at = |factor: Factor, values: &[f32], row: usize, column: usize| match factor {
                Plain(_) => values[row * factor.dims().1 + column],
                Transposed(_) => values[column * factor.dims().0 + row],
            };
            // b by columns, so that the inner loop runs along memory.
            let by_column: Vec<f32> = (0..n)
                .flat_map(|column| (0..k).map(move |row| (row, column)))
                .map(|(row, column)| at(b, &y, row, column))
                .collect();
            let mut values = Vec::with_capacity(m * n);
            for row in 0..m {
                let line: Vec<f32> = (0..k).map(|column| at(a, &x, row, column)).collect();
                for column in by_column.chunks(k.max(1)) {
                    let sum: f32 = line.iter().zip(column).map(|(x, y)| x * y).sum();
                    values.push(sum * scale as f32 + old[values.len()]);
                }
            }
            host.write(out, &values);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => card::product(card, out, a, b, scale, base),
    }
}

#[cfg(feature = "cuda")]
pub(super) use card::Products;

#[cfg(feature = "cuda")]
mod card {
    #![allow(unsafe_code)]

    use std::{collections::HashMap, ffi::c_void, ptr::from_ref};

    use candle_core::cuda_backend::cudarc::{
        cublaslt::{result as lt, sys},
        driver::{
            result::{self, event},
            sys::{CUdeviceptr, CUevent_flags},
        },
    };

    use super::{
        super::{
            Part,
            card::Card,
            memory::{Kind, Matrix},
        },
        Base, Factor,
    };
    use crate::{Error, Result};

    /// Memory that a product may use beside its matrices.
    const WORKSPACE_BYTES: usize = 64 << 20;
    /// Ways that are asked for and tried.
    const NUM_WAYS: usize = 16;
    /// A product with a side below this belongs to an adapter.
    const NARROW: usize = 512;
    /// Runs of a way when it is tried.
    const NUM_TRIALS: usize = 5;

    /// What decides how a product is best computed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    struct Shape {
        dims: (usize, usize, usize),
        pitches: (usize, usize, usize),
        transposed: (bool, bool),
        /// Bytes that the addresses of a, b, base and out are multiples of.
        alignments: [u32; 4],
        out: Kind,
        is_added: bool,
    }

    /// The ways of the products so far.
    pub struct Products {
        handle: sys::cublasLtHandle_t,
        workspace: CUdeviceptr,
        ways: HashMap<Shape, Way>,
        /// Whether ways are tried out; the first that is proposed is taken otherwise.
        pub is_rehearsal: bool,
        is_deterministic: bool,
    }

    struct Way {
        description: sys::cublasLtMatmulDesc_t,
        /// Of b, a and out: row after row is column after column of the transposed.
        layouts: [sys::cublasLtMatrixLayout_t; 3],
        algorithm: sys::cublasLtMatmulAlgo_t,
    }

    impl Products {
        pub fn new(is_deterministic: bool) -> Result<Self> {
            let handle = lt::create_handle()?;
            let workspace = unsafe { result::malloc_sync(WORKSPACE_BYTES)? };
            Ok(Self { handle, workspace, ways: HashMap::new(), is_rehearsal: false, is_deterministic })
        }
    }

    pub fn product(card: &mut Card, out: Matrix, a: Factor, b: Factor, scale: f64, base: Base) -> Result<()> {
        let ((m, k), (_, n)) = (a.dims(), b.dims());
        let added = match base {
            Base::Other(base) => base,
            Base::Nothing | Base::Out => out,
        };
        assert_eq!((added.kind, added.pitch, added.rows), (out.kind, out.pitch, out.rows), "a product's base");
        let pointers = [a.matrix(), b.matrix(), added, out].map(|matrix| card.pointer(matrix));
        let shape = Shape {
            dims: (m, n, k),
            pitches: (a.matrix().pitch, b.matrix().pitch, out.pitch),
            transposed: (matches!(a, Factor::Transposed(_)), matches!(b, Factor::Transposed(_))),
            alignments: pointers.map(alignment),
            out: out.kind,
            is_added: !matches!(base, Base::Nothing),
        };
        if !card.products.ways.contains_key(&shape) {
            let way = find(card, &shape, pointers)?;
            card.products.ways.insert(shape, way);
        }
        let part = if m.min(n).min(k) < NARROW { Part::Adapters } else { Part::Products };
        card.timed(part, |card| {
            let way = &card.products.ways[&shape];
            run(card, way, &way.algorithm, pointers, scale, shape.is_added)
        })
    }

    fn run(
        card: &Card,
        way: &Way,
        algorithm: &sys::cublasLtMatmulAlgo_t,
        [a, b, base, out]: [CUdeviceptr; 4],
        scale: f64,
        is_added: bool,
    ) -> Result<()> {
        let (alpha, beta) = (scale as f32, if is_added { 1.0f32 } else { 0.0 });
        let at = |pointer: CUdeviceptr| pointer as *const c_void;
        let [first, second, result] = way.layouts;
        unsafe {
            lt::matmul(
                card.products.handle,
                way.description,
                from_ref(&alpha).cast(),
                from_ref(&beta).cast(),
                at(b),
                first,
                at(a),
                second,
                at(base),
                result,
                out as *mut c_void,
                result,
                algorithm,
                card.products.workspace as *mut c_void,
                WORKSPACE_BYTES,
                card.stream.cast(),
            )?;
        }
        Ok(())
    }

    fn find(card: &Card, shape: &Shape, pointers: [CUdeviceptr; 4]) -> Result<Way> {
        use sys::cublasLtMatmulDescAttributes_t::{CUBLASLT_MATMUL_DESC_TRANSA, CUBLASLT_MATMUL_DESC_TRANSB};
        let (m, n, k) = shape.dims;
        let half = sys::cudaDataType::CUDA_R_16BF;
        let out = if shape.out == Kind::Half { half } else { sys::cudaDataType::CUDA_R_32F };
        let description =
            lt::create_matmul_desc(sys::cublasComputeType_t::CUBLAS_COMPUTE_32F, sys::cudaDataType::CUDA_R_32F)?;
        let transpose = |yes: bool| i32::from(yes);
        for (attribute, yes) in
            [(CUBLASLT_MATMUL_DESC_TRANSA, shape.transposed.1), (CUBLASLT_MATMUL_DESC_TRANSB, shape.transposed.0)]
        {
            let value = transpose(yes);
            unsafe { lt::set_matmul_desc_attribute(description, attribute, from_ref(&value).cast(), 4)? };
        }
        let layout = |kind, rows: usize, columns: usize, pitch: usize, transposed: bool| {
            let (rows, columns) = if transposed { (columns, rows) } else { (rows, columns) };
            lt::create_matrix_layout(kind, columns as u64, rows as u64, pitch as i64)
        };
        let layouts = [
            layout(half, k, n, shape.pitches.1, shape.transposed.1)?,
            layout(half, m, k, shape.pitches.0, shape.transposed.0)?,
            layout(out, m, n, shape.pitches.2, false)?,
        ];
        let algorithms = propose(card, description, layouts, shape.alignments)
            .map_err(|e| Error::invalid("cuBLASLt", format!("no way to compute {shape:?}: {e}")))?;
        let mut way = Way { description, layouts, algorithm: algorithms[0] };
        if card.products.is_rehearsal && !card.products.is_deterministic {
            let mut best = f32::INFINITY;
            for algorithm in algorithms {
                let time = try_out(card, &way, &algorithm, pointers, shape.is_added);
                if let Some(time) = time.filter(|time| *time < best) {
                    best = time;
                    way.algorithm = algorithm;
                }
            }
        }
        Ok(way)
    }

    fn propose(
        card: &Card,
        description: sys::cublasLtMatmulDesc_t,
        [b, a, out]: [sys::cublasLtMatrixLayout_t; 3],
        alignments: [u32; 4],
    ) -> Result<Vec<sys::cublasLtMatmulAlgo_t>, lt::CublasError> {
        use sys::cublasLtMatmulPreferenceAttributes_t as Preference;
        // The library's first factor is our second.
        let aligned = [
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
        ];
        let workspace = Preference::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
        let mut found: [sys::cublasLtMatmulHeuristicResult_t; NUM_WAYS] = unsafe { std::mem::zeroed() };
        let mut count = 0;
        unsafe {
            let preference = lt::create_matmul_pref()?;
            lt::set_matmul_pref_attribute(preference, workspace, from_ref(&WORKSPACE_BYTES).cast(), 8)?;
            for (attribute, alignment) in aligned.into_iter().zip(&alignments) {
                lt::set_matmul_pref_attribute(preference, attribute, from_ref(alignment).cast(), 4)?;
            }
            let status = sys::cublasLtMatmulAlgoGetHeuristic(
                card.products.handle,
                description,
                b,
                a,
                out,
                out,
                preference,
                NUM_WAYS as i32,
                found.as_mut_ptr(),
                &mut count,
            );
            lt::destroy_matmul_pref(preference)?;
            status.result()?;
        }
        let is_usable = |way: &&sys::cublasLtMatmulHeuristicResult_t| way.state.result().is_ok();
        let algorithms: Vec<_> = found[..count as usize].iter().filter(is_usable).map(|way| way.algo).collect();
        if algorithms.is_empty() {
            return Err(lt::CublasError(sys::cublasStatus_t::CUBLAS_STATUS_NOT_SUPPORTED));
        }
        Ok(algorithms)
    }

    /// The power of two up to 256 that an address is a multiple of.
    fn alignment(pointer: CUdeviceptr) -> u32 {
        1 << pointer.trailing_zeros().min(8)
    }

    /// Milliseconds of a run; none where it fails.
    fn try_out(
        card: &Card,
        way: &Way,
        algorithm: &sys::cublasLtMatmulAlgo_t,
        pointers: [CUdeviceptr; 4],
        is_added: bool,
    ) -> Option<f32> {
        let event = || event::create(CUevent_flags::CU_EVENT_DEFAULT).ok();
        let (start, end) = (event()?, event()?);
        let time = (|| -> Result<f32> {
            run(card, way, algorithm, pointers, 1.0, is_added)?;
            unsafe { event::record(start, card.stream)? };
            for _ in 0..NUM_TRIALS {
                run(card, way, algorithm, pointers, 1.0, is_added)?;
            }
            unsafe {
                event::record(end, card.stream)?;
                event::synchronize(end)?;
                Ok(event::elapsed(start, end)?)
            }
        })();
        unsafe {
            event::destroy(start).ok()?;
            event::destroy(end).ok()?;
        }
        time.ok()
    }

    impl Drop for Products {
        fn drop(&mut self) {
            unsafe {
                let _gone = result::free_sync(self.workspace);
                let _gone = lt::destroy_handle(self.handle);
            }
        }
    }
}
