//! Plans the memory of a model that is only run: its weights, what a pass is computed in, and the rest for keys and values.

use trainer::{
    model::Architecture,
    ops::{
        attention::{HEAD_SIZES, Heads},
        decode,
        memory::{Class, Kind, Layout, Matrix},
        rms_norm,
    },
};

/// Kernels read so many numbers at a time: sizes are filled up to a multiple.
const SIZE_MULTIPLE: usize = 8;
/// Rows of logits that are computed at a time.
pub const LOGIT_ROWS: usize = 1024;
/// Numbers of scratch memory in which single tokens' attention is put together.
const SCRATCH_LEN: usize = 16 << 20;
/// Memory of a card that the driver, the kernels and the libraries take, about.
const OVERHEAD_BYTES: usize = 1536 << 20;

/// A block. Rows and columns are filled up with zeros: heads to a width that the kernels know, others to a multiple of 8.
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    pub attention_norm: Matrix,
    /// Queries, keys, values: (heads' columns, hidden)
    pub qkv: Matrix,
    /// (hidden, heads · size)
    pub output: Matrix,
    pub feed_norm: Matrix,
    /// Gates, ups: (2 · inner, hidden)
    pub gate_up: Matrix,
    /// (hidden, inner)
    pub down: Matrix,
}

/// What a pass is computed in, for as many tokens as go through the model at a time.
#[derive(Debug, Clone, Copy)]
pub struct Buffers {
    /// The residual stream: (tokens, hidden)
    pub state: Matrix,
    /// (tokens, hidden)
    pub normed: Matrix,
    pub qkv: Matrix,
    /// (tokens, heads · size)
    pub attended: Matrix,
    /// (tokens, heads), singles
    pub lse: Matrix,
    pub gate_up: Matrix,
    pub gated: Matrix,
    /// (1, tokens), singles
    pub rstd: Matrix,
    pub losses: Matrix,
    /// (some rows, ids filled up), singles
    pub logits: Matrix,
    /// (1, some rows), indices
    pub chosen: Matrix,
    pub scratch: Matrix,
    /// (positions, head / 2), singles
    pub cosines: Matrix,
    pub sines: Matrix,
    /// The indices of a pass and of the one before it.
    pub indices: [Matrix; 2],
}

/// The memory of a model.
#[derive(Debug)]
pub struct Plan {
    pub layout: Layout,
    pub heads: Heads,
    /// Width inside the feed-forward network, filled up.
    pub inner: usize,
    /// (ids filled up, hidden)
    pub embedding: Matrix,
    pub layers: Vec<Layer>,
    pub last_norm: Matrix,
    pub head: Matrix,
    pub buffers: Buffers,
    /// Keys and values: (1, any)
    pub kept: Matrix,
    /// Tokens that go through the model at a time.
    pub num_tokens: usize,
}

/// Why the kernels cannot run a model, where they cannot.
pub fn refuses(architecture: &Architecture) -> Option<String> {
    let (hidden, size) = (architecture.hidden_size, architecture.head_size());
    if !hidden.is_multiple_of(SIZE_MULTIPLE) || hidden > rms_norm::MAX_COLUMNS {
        let most = rms_norm::MAX_COLUMNS;
        return Some(format!(
            "its hidden_size is {hidden}; the kernels take multiples of {SIZE_MULTIPLE} up to {most}"
        ));
    }
    (head_size(size).is_none()).then(|| format!("its heads are {size} wide; the kernels take up to 128"))
}

/// The width that heads are filled up to.
fn head_size(size: usize) -> Option<usize> {
    HEAD_SIZES.into_iter().find(|known| *known >= size)
}

/// Tokens whose keys and values memory holds.
#[derive(Debug, Clone, Copy)]
pub enum Keep {
    /// So many.
    Tokens(usize),
    /// As many as the rest of so many bytes holds.
    Rest(usize),
}

impl Plan {
    /// The memory of a model for passes of up to `num_tokens` tokens, or what is missing.
    pub fn new(architecture: &Architecture, num_tokens: usize, keep: Keep) -> Result<Self, String> {
        let mut layout = Layout::default();
        let size = head_size(architecture.head_size()).unwrap_or(architecture.head_size());
        let heads = Heads { queries: architecture.num_attention_heads, values: architecture.num_kv_heads(), size };
        let inner = architecture.intermediate_size.next_multiple_of(SIZE_MULTIPLE);
        let (hidden, ids) = (architecture.hidden_size, architecture.vocab_size.next_multiple_of(SIZE_MULTIPLE));
        let mut weight = |rows, columns| layout.matrix(Class::Weights, Kind::Half, rows, columns);
        let embedding = weight(ids, hidden);
        let mut layer = || Layer {
            attention_norm: weight(1, hidden),
            qkv: weight(heads.columns(), hidden),
            output: weight(hidden, heads.queries * size),
            feed_norm: weight(1, hidden),
            gate_up: weight(2 * inner, hidden),
            down: weight(hidden, inner),
        };
        let layers = (0..architecture.num_hidden_layers).map(|_| layer()).collect();
        let last_norm = weight(1, hidden);
        let head = if architecture.tie_word_embeddings { embedding } else { weight(ids, hidden) };
        let buffers = buffers(&mut layout, architecture, heads, (inner, ids), num_tokens);
        let of_token = 2 * architecture.num_hidden_layers * heads.values * size;
        let len = match keep {
            Keep::Tokens(count) => count * of_token,
            Keep::Rest(bytes) => {
                let taken = layout.bytes().values().sum::<usize>() + OVERHEAD_BYTES;
                let gib = |bytes: usize| bytes as f64 / (1u64 << 30) as f64;
                let missing = format!("the model takes {:.1} GiB and {:.1} GiB are free", gib(taken), gib(bytes));
                bytes.checked_sub(taken).ok_or(missing)? / Kind::Half.bytes()
            }
        };
        let kept = layout.matrix(Class::Activations, Kind::Half, 1, len);
        Ok(Self { layout, heads, inner, embedding, layers, last_norm, head, buffers, kept, num_tokens })
    }

    /// Numbers of keys and values that a token has.
    pub fn kept_of_token(&self) -> usize {
        2 * self.layers.len() * self.heads.values * self.heads.size
    }

    /// The keys and values of a layer in `num_slots` slots.
    pub fn cache(&self, layer: usize, (num_slots, capacity): (usize, usize)) -> decode::Cache {
        let rows = num_slots * self.heads.values * capacity;
        let part = |number: usize| self.kept.reshaped(number * rows * self.heads.size, rows, self.heads.size);
        decode::Cache { keys: part(2 * layer), values: part(2 * layer + 1), capacity }
    }
}

fn buffers(
    layout: &mut Layout,
    architecture: &Architecture,
    heads: Heads,
    (inner, ids): (usize, usize),
    tokens: usize,
) -> Buffers {
    let mut matrix = |kind, rows, columns| layout.matrix(Class::Workspace, kind, rows, columns);
    let (positions, logit_rows) = (architecture.max_position_embeddings, LOGIT_ROWS.min(tokens));
    let scratch = SCRATCH_LEN.max(decode::scratch_len(heads, positions));
    Buffers {
        state: matrix(Kind::Half, tokens, architecture.hidden_size),
        normed: matrix(Kind::Half, tokens, architecture.hidden_size),
        qkv: matrix(Kind::Half, tokens, heads.columns()),
        attended: matrix(Kind::Half, tokens, heads.queries * heads.size),
        lse: matrix(Kind::Single, tokens, heads.queries),
        gate_up: matrix(Kind::Half, tokens, 2 * inner),
        gated: matrix(Kind::Half, tokens, inner),
        rstd: matrix(Kind::Single, 1, tokens),
        losses: matrix(Kind::Single, 1, tokens),
        logits: matrix(Kind::Single, logit_rows, ids),
        chosen: matrix(Kind::Index, 1, logit_rows),
        scratch: matrix(Kind::Single, 1, scratch),
        cosines: matrix(Kind::Single, positions, heads.size / 2),
        sines: matrix(Kind::Single, positions, heads.size / 2),
        indices: [0, 1].map(|_| matrix(Kind::Index, 1, super::batch::max_len(tokens))),
    }
}
