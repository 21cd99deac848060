//! Plans the memory of a run before its first step: what each block leaves for the backward pass, or which blocks leave
//! nothing and are computed again.

use super::{input, model::Model};
use crate::{
    Error, Result,
    config::{Config, States},
    model::{Architecture, lora::Lora},
    ops::{
        adamw,
        attention::{self, Heads, Mixed},
        memory::{Class, Kind, Layout, Matrix},
        rms_norm,
    },
};

/// Rows of logits are computed in multiples of this, so that few shapes of products occur.
const LOGIT_ROWS_MULTIPLE: usize = 256;
/// Memory of a card that the driver, the kernels and the libraries take, about.
pub const OVERHEAD_BYTES: usize = 700 << 20;

/// What a block leaves for the backward pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saved {
    /// Queries and keys turned, and values: (tokens, columns)
    pub qkv: Matrix,
    /// What attention mixed, with room for an adapter: (tokens, heads · size + tail)
    pub attended: Matrix,
    pub lse: Matrix,
    /// The state between attention and MLP: (tokens, hidden)
    pub middle: Matrix,
    /// (tokens, 2 · intermediate)
    pub gate_up: Matrix,
    pub input_rstd: Matrix,
    pub post_rstd: Matrix,
}

impl Saved {
    pub fn mixed(&self, heads: Heads) -> Mixed {
        Mixed { out: self.attended.columns(0, heads.queries * heads.size), lse: self.lse }
    }
}

/// What is computed with beside the model; (tokens, …) each unless said otherwise, for the largest batch.
#[derive(Debug)]
pub(super) struct Buffers {
    /// The states between blocks: (tokens, hidden)
    pub states: Vec<Matrix>,
    pub saved: Vec<Saved>,
    /// The first blocks, which leave nothing.
    pub num_recomputed: usize,
    pub attention_input: Matrix,
    pub mlp_input: Matrix,
    pub activated: Matrix,
    pub dstate: Matrix,
    pub dqkv: Matrix,
    pub delta: Matrix,
    /// The other gradients of a block, one at a time: (1, any)
    gradients: Matrix,
    /// What dropout leaves: (1, any)
    dropped: Matrix,
    pub head_input: Matrix,
    pub last_rstd: Matrix,
    /// (rows at a time, ids)
    pub logits: Matrix,
    pub losses: Matrix,
    /// Two numbers that hold one of double precision.
    pub total: Matrix,
    pub partial: Matrix,
    pub state: Matrix,
    pub squares: Matrix,
    pub cosines: Matrix,
    pub sines: Matrix,
    /// Used in turn, so that one batch is copied while another is computed with: (1, indices) each
    pub indices: [Matrix; 2],
}

impl Buffers {
    pub fn is_recomputed(&self, layer: usize) -> bool {
        layer < self.num_recomputed
    }

    pub fn gradient(&self, rows: usize, columns: usize) -> Matrix {
        self.gradients.reshaped(0, rows, columns)
    }

    pub fn dropped(&self, rows: usize, columns: usize) -> Matrix {
        self.dropped.reshaped(0, rows, columns)
    }

    /// The rows that logits of `learned` tokens are computed in.
    pub fn padded_rows(&self, learned: usize) -> usize {
        learned.next_multiple_of(LOGIT_ROWS_MULTIPLE).min(self.head_input.rows)
    }
}

/// A model and its memory, before anything is taken.
pub(super) struct Plan {
    pub layout: Layout,
    pub model: Model,
    pub buffers: Buffers,
    pub heads: Heads,
    /// Tokens of the largest batch.
    pub num_tokens: usize,
    /// The bytes of attention's own workspace, about.
    pub attention_bytes: usize,
}

impl Plan {
    /// A plan for a rank of a world (`place`) that fits into `bytes`, with as few blocks computed again as can be.
    ///
    /// # Errors
    /// Nothing fits; it says what would help.
    pub fn fitting(
        architecture: &Architecture,
        lora: Option<&Lora>,
        config: &Config,
        place: (usize, usize),
        bytes: usize,
    ) -> Result<Self> {
        let with = |num_recomputed| Self::new(architecture, lora, config, place, num_recomputed);
        if let Some(num_recomputed) = config.engine.recompute {
            return Ok(with(num_recomputed));
        }
        let layers = architecture.num_hidden_layers;
        let fits = |num_recomputed: &usize| with(*num_recomputed).num_bytes() <= bytes;
        // One block always has its own place; then each that is computed again saves one.
        if let Some(num_recomputed) = (0..=layers).filter(|number| *number != 1).find(fits) {
            return Ok(with(num_recomputed));
        }
        let gib = |bytes: usize| bytes as f64 / (1u64 << 30) as f64;
        let mut what = format!(
            "it needs {:.1} GiB even if every block is computed again, and {:.1} GiB are there; ",
            gib(with(layers).num_bytes()),
            gib(bytes)
        );
        what += match (config.train.part_rows, lora, config.engine.states) {
            (2.., _, _) => "a smaller train.part_rows helps",
            (_, None, States::F32) => {
                "engine.states = \"bf16\" takes 8 bytes a parameter in place of 18, [lora] far less"
            }
            (_, None, States::Bf16) => "[lora] needs far less, and a smaller data.seq_len helps",
            (_, Some(_), _) => "fewer lora.modules_to_save or a smaller data.seq_len help",
        };
        Err(Error::invalid("the model's memory", what))
    }

    /// The plan in which the first `num_recomputed` blocks are computed again.
    pub fn new(
        architecture: &Architecture,
        lora: Option<&Lora>,
        config: &Config,
        place: (usize, usize),
        num_recomputed: usize,
    ) -> Self {
        let mut layout = Layout::default();
        let model = Model::plan(&mut layout, architecture, lora, config.engine.states == States::F32, place);
        let heads = Heads {
            queries: architecture.num_attention_heads,
            values: architecture.num_kv_heads(),
            size: architecture.head_size(),
        };
        let num_tokens = config.train.part_rows * config.data.seq_len;
        let has_dropout = lora.is_some_and(|lora| lora.dropout > 0.0);
        let sizes =
            Sizes { architecture, heads, num_tokens, num_recomputed, loss_rows: config.engine.loss_rows, has_dropout };
        let buffers = sizes.buffers(&mut layout, &model);
        let attention_bytes =
            attention::workspace_bytes(heads, num_tokens, config.data.seq_len, config.engine.deterministic);
        Self { layout, model, buffers, heads, num_tokens, attention_bytes }
    }

    /// Everything that the card will show, about.
    pub fn num_bytes(&self) -> usize {
        self.layout.bytes().values().sum::<usize>() + self.attention_bytes + OVERHEAD_BYTES
    }

    /// Memory by what it is for, in bytes.
    pub fn table(&self) -> Vec<(&'static str, usize)> {
        let bytes = self.layout.bytes();
        let of = |class| bytes.get(&class).copied().unwrap_or(0);
        vec![
            ("weights", of(Class::Weights)),
            ("gradients", of(Class::Gradients)),
            ("optimizer", of(Class::Optimizer)),
            ("activations", of(Class::Activations)),
            ("workspace", of(Class::Workspace) + self.attention_bytes),
            ("driver and libraries, about", OVERHEAD_BYTES),
            ("all", self.num_bytes()),
        ]
    }
}

/// The sizes that decide what buffers there are.
struct Sizes<'a> {
    architecture: &'a Architecture,
    heads: Heads,
    num_tokens: usize,
    num_recomputed: usize,
    loss_rows: usize,
    has_dropout: bool,
}

impl Sizes<'_> {
    fn buffers(&self, layout: &mut Layout, model: &Model) -> Buffers {
        let (hidden, layers) = (self.architecture.hidden_size, self.architecture.num_hidden_layers);
        let (tokens, first) = (self.num_tokens, &model.layers[0]);
        let states = (0..=layers).map(|_| layout.matrix(Class::Activations, Kind::Half, tokens, hidden)).collect();
        let saved = self.saved(layout, first.output.width());
        let widths = [&first.output, &first.gate_up, &first.down, &first.qkv].map(|linear| linear.width());
        let widest = widths.into_iter().max().unwrap_or(hidden);
        let mut half = |rows, columns| layout.matrix(Class::Workspace, Kind::Half, rows, columns);
        let attention_input = half(tokens, first.qkv.width());
        let mlp_input = half(tokens, first.gate_up.width());
        let activated = half(tokens, first.down.width());
        let dstate = half(tokens, hidden);
        let dqkv = half(tokens, self.heads.columns());
        let gradients = half(1, tokens * widest);
        let dropped = half(1, if self.has_dropout { tokens * widest } else { 0 });
        let head_input = half(tokens.next_multiple_of(LOGIT_ROWS_MULTIPLE), hidden);
        let logit_rows = self.loss_rows.next_multiple_of(LOGIT_ROWS_MULTIPLE).min(head_input.rows);
        let logits = half(logit_rows, self.architecture.vocab_size);
        let mut single = |rows, columns| layout.matrix(Class::Workspace, Kind::Single, rows, columns);
        let half_head = self.heads.size / 2;
        Buffers {
            delta: single(tokens, self.heads.queries),
            last_rstd: single(1, tokens),
            losses: single(1, tokens),
            total: single(1, 2),
            partial: single(rms_norm::NUM_PARTIALS, hidden),
            state: single(1, adamw::STATE_LEN),
            squares: single(1, 2 * adamw::NUM_PARTIALS),
            cosines: single(tokens, half_head),
            sines: single(tokens, half_head),
            indices: [0, 1].map(|_| layout.matrix(Class::Workspace, Kind::Index, 1, input::max_len(tokens))),
            num_recomputed: self.num_recomputed,
            states,
            saved,
            attention_input,
            mlp_input,
            activated,
            dstate,
            dqkv,
            gradients,
            dropped,
            head_input,
            logits,
        }
    }

    /// What blocks leave: one place for all that are computed again, one for each other.
    fn saved(&self, layout: &mut Layout, attended: usize) -> Vec<Saved> {
        let (tokens, heads) = (self.num_tokens, self.heads);
        let mut place = || {
            let mut of = |kind, rows, columns| layout.matrix(Class::Activations, kind, rows, columns);
            Saved {
                qkv: of(Kind::Half, tokens, heads.columns()),
                attended: of(Kind::Half, tokens, attended),
                lse: of(Kind::Single, tokens, heads.queries),
                middle: of(Kind::Half, tokens, self.architecture.hidden_size),
                gate_up: of(Kind::Half, tokens, 2 * self.architecture.intermediate_size),
                input_rstd: of(Kind::Single, 1, tokens),
                post_rstd: of(Kind::Single, 1, tokens),
            }
        };
        let num_recomputed = self.num_recomputed.min(self.architecture.num_hidden_layers);
        let shared = (num_recomputed > 0).then(&mut place);
        let again = shared.into_iter().flat_map(|shared| std::iter::repeat_n(shared, num_recomputed));
        let own: Vec<Saved> = (num_recomputed..self.architecture.num_hidden_layers).map(|_| place()).collect();
        again.chain(own).collect()
    }
}
