//! Causal attention among the tokens of a text, of several texts that follow one another; queries' heads may share the
//! heads of keys and values (Ainslie et al., "GQA", 2023). On a GPU through cuDNN, or through kernels of our own
//! (Dao, "FlashAttention-2", 2023) where there is no cuDNN.

use super::{Machine, memory::Matrix};
use crate::Result;

/// The heads of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Heads {
    /// Of the queries.
    pub queries: usize,
    /// Of keys and values.
    pub values: usize,
    /// Numbers of each.
    pub size: usize,
}

impl Heads {
    /// Columns of queries, keys and values together.
    pub fn columns(self) -> usize {
        (self.queries + 2 * self.values) * self.size
    }

    pub(super) fn scale(self) -> f64 {
        1.0 / (self.size as f64).sqrt()
    }
}

/// Head sizes that the kernels know.
pub const HEAD_SIZES: [usize; 2] = [64, 128];

/// Where texts begin and end.
#[derive(Debug, Clone, Copy)]
pub struct Texts {
    /// By token: the first token of its text. (1, tokens)
    pub starts: Matrix,
    /// By token: the token after its text. (1, tokens)
    pub ends: Matrix,
    /// By text: its tokens; 0 in places that are left over. (1, texts)
    pub lengths: Matrix,
    /// By text and at the end: its first number in queries, keys and values, in the output, and in the statistics.
    /// (1, texts + 1) each
    pub offsets: [Matrix; 3],
    /// At least the tokens of the longest text.
    pub longest: usize,
}

/// What a forward pass leaves.
#[derive(Debug, Clone, Copy)]
pub struct Mixed {
    /// (tokens, heads · size)
    pub out: Matrix,
    /// The logarithms of the sums of exponentials, in nats: (tokens, heads), singles.
    pub lse: Matrix,
}

/// qkv: (tokens, [`Heads::columns`]): the heads of queries, then those of keys, then those of values.
///
/// # Errors
/// A device that fails.
pub fn forward(on: &mut Machine, qkv: Matrix, heads: Heads, texts: &Texts, mixed: Mixed) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let (values, starts) = (host.read(qkv), host.read_indices(texts.starts));
            let mut out = vec![0.0; mixed.out.len()];
            let mut lse = vec![0.0; mixed.lse.len()];
            for (token, start) in starts.iter().enumerate() {
                for head in 0..heads.queries {
                    let (shares, sum) = shares(&values, heads, *start as usize, token, head);
                    lse[token * heads.queries + head] = sum;
                    let to = &mut out[token * mixed.out.columns + head * heads.size..][..heads.size];
                    for (share, other) in shares.iter().zip(*start as usize..) {
                        let value = vector(&values, heads, other, value_head(heads, head));
                        to.iter_mut().zip(value).for_each(|(sum, value)| *sum += share * value);
                    }
                }
            }
            host.write(mixed.out, &out);
            host.write(mixed.lse, &lse);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => card::forward(card, qkv, heads, texts, mixed),
    }
}

/// The gradient of `qkv` from that of the output; `delta`: (tokens, heads), singles, is overwritten.
///
/// `dout` lies as the output does and `dqkv` as `qkv` does, with their pitches.
///
/// # Errors
/// A device that fails.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    on: &mut Machine,
    dout: Matrix,
    qkv: Matrix,
    heads: Heads,
    texts: &Texts,
    mixed: Mixed,
    delta: Matrix,
    dqkv: Matrix,
) -> Result<()> {
    assert_eq!((dout.pitch, dqkv.pitch), (mixed.out.pitch, qkv.pitch), "gradients lie as what they are gradients of");
    match on {
        Machine::Host(host) => {
            let (values, starts) = (host.read(qkv), host.read_indices(texts.starts));
            let (gradients, out) = (host.read(dout), host.read(mixed.out));
            let (columns, size, scale) = (heads.columns(), heads.size, heads.scale() as f32);
            let mut sums = vec![0.0; dqkv.len()];
            let mut add = |token: usize, head: usize, by: &[f32], factor: f32| {
                let to = &mut sums[token * columns + head * size..][..size];
                to.iter_mut().zip(by).for_each(|(sum, by)| *sum += by * factor);
            };
            for (token, start) in starts.iter().enumerate() {
                for head in 0..heads.queries {
                    let (key_head, value_head) = (key_head(heads, head), value_head(heads, head));
                    let place = token * dout.columns + head * size;
                    let gradient = &gradients[place..][..size];
                    let delta = dot(gradient, &out[place..][..size]);
                    let (shares, _) = shares(&values, heads, *start as usize, token, head);
                    for (share, other) in shares.into_iter().zip(*start as usize..) {
                        let of_share = dot(gradient, vector(&values, heads, other, value_head));
                        let of_score = share * (of_share - delta) * scale;
                        add(other, value_head, gradient, share);
                        add(token, head, vector(&values, heads, other, key_head), of_score);
                        add(other, key_head, vector(&values, heads, token, head), of_score);
                    }
                }
            }
            host.write(dqkv, &sums);
            let _only_cards_need_it = delta;
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => card::backward(card, dout, qkv, heads, texts, mixed, delta, dqkv),
    }
}

fn key_head(heads: Heads, query: usize) -> usize {
    heads.queries + query / (heads.queries / heads.values)
}

fn value_head(heads: Heads, query: usize) -> usize {
    key_head(heads, query) + heads.values
}

fn vector(values: &[f32], heads: Heads, token: usize, head: usize) -> &[f32] {
    &values[token * heads.columns() + head * heads.size..][..heads.size]
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// How much a token takes of each from `start` to itself, and the logarithm of the sum of exponentials.
fn shares(values: &[f32], heads: Heads, start: usize, token: usize, head: usize) -> (Vec<f32>, f32) {
    let query = vector(values, heads, token, head);
    let score = |other| dot(query, vector(values, heads, other, key_head(heads, head))) * heads.scale() as f32;
    let scores: Vec<f32> = (start..=token).map(score).collect();
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let lse = scores.iter().map(|score| (score - greatest).exp()).sum::<f32>().ln() + greatest;
    (scores.into_iter().map(|score| (score - lse).exp()).collect(), lse)
}

/// The bytes that attention needs beside its matrices, about: what cuDNN was seen to ask for.
pub fn workspace_bytes(heads: Heads, num_tokens: usize, longest: usize, is_deterministic: bool) -> usize {
    // Sums of the queries' gradients in f32, in the pitch of all heads, for up to twice the tokens; shared heads are
    // kept apart first.
    let plain = 2 * num_tokens * heads.columns() * size_of::<f32>();
    let shared = if heads.values < heads.queries { 9 * plain } else { plain };
    if is_deterministic {
        shared.max(deterministic_bytes(heads, num_tokens.div_ceil(longest.max(1)), longest))
    } else {
        shared
    }
}

/// Without sums in any order cuDNN keeps the scores' gradients: texts · heads · longest².
fn deterministic_bytes(heads: Heads, num_texts: usize, longest: usize) -> usize {
    num_texts * heads.queries * longest * longest * 2
}

#[cfg(feature = "cuda")]
pub(super) use card::Backend;

#[cfg(feature = "cuda")]
mod card {
    use super::{
        super::{
            Options, Part,
            card::{Arguments, Card, Kernel},
            cudnn::{Cudnn, Shape},
            memory::Matrix,
        },
        Heads, Mixed, Texts, deterministic_bytes,
    };
    use crate::Result;

    /// Memory that cuDNN may take to add up in one order; where it would need more, our own kernels do it.
    const MAX_DETERMINISTIC_BYTES: usize = 4 << 30;
    /// Queries, or keys, of a block of our kernels.
    const TILE: usize = 64;

    /// What computes attention.
    pub struct Backend {
        cudnn: Option<Cudnn>,
        is_deterministic: bool,
    }

    impl Backend {
        /// cuDNN, where `options` want it and it is there.
        pub fn new(device: usize, options: &Options) -> Self {
            let open = || Cudnn::open(device).inspect_err(|why| eprintln!("attention by our own kernels: {why}")).ok();
            Self { cudnn: options.cudnn.then(open).flatten(), is_deterministic: options.deterministic }
        }

        /// Its name.
        pub fn name(&self) -> String {
            let version = |cudnn: &Cudnn| format!("cuDNN {}.{}", cudnn.version() / 10_000, cudnn.version() / 100 % 100);
            self.cudnn.as_ref().map_or("own kernels".into(), version)
        }

        fn cudnn(&mut self, heads: Heads, texts: &Texts, backward: bool) -> Option<&mut Cudnn> {
            let bytes = deterministic_bytes(heads, texts.lengths.columns, texts.longest);
            let is_too_large = self.is_deterministic && backward && bytes > MAX_DETERMINISTIC_BYTES;
            self.cudnn.as_mut().filter(|_| !is_too_large)
        }
    }

    fn shape(qkv: Matrix, heads: Heads, texts: &Texts, out: Matrix, is_deterministic: bool) -> Shape {
        Shape {
            heads: heads.queries as i64,
            kv_heads: heads.values as i64,
            head_size: heads.size as i64,
            tokens: qkv.rows as i64,
            slots: texts.lengths.columns as i64,
            longest: texts.longest as i64,
            qkv_pitch: qkv.pitch as i64,
            out_pitch: out.pitch as i64,
            scale: heads.scale() as f32,
            deterministic: i32::from(is_deterministic),
        }
    }

    fn places(card: &Card, texts: &Texts) -> [u64; 4] {
        let [qkv, out, lse] = texts.offsets;
        [texts.lengths, qkv, out, lse].map(|matrix| card.pointer(matrix))
    }

    pub fn forward(card: &mut Card, qkv: Matrix, heads: Heads, texts: &Texts, mixed: Mixed) -> Result<()> {
        let pointers = [qkv, mixed.out, mixed.lse].map(|matrix| card.pointer(matrix));
        let (places, stream) = (places(card, texts), card.stream);
        let shape = shape(qkv, heads, texts, mixed.out, card.attention.is_deterministic);
        if card.attention.cudnn(heads, texts, false).is_some() {
            return card.timed(Part::Attention, |card| match card.attention.cudnn(heads, texts, false) {
                Some(cudnn) => cudnn.forward(&shape, stream, pointers, places),
                None => Ok(()),
            });
        }
        let [qkv_at, out_at, lse_at] = pointers;
        let starts = card.pointer(texts.starts);
        let arguments = Arguments::default().pointer(qkv_at).pointer(starts).pointer(out_at).pointer(lse_at);
        let kernel = own(heads, "attention_forward_64", "attention_forward_128", 40_960, 81_920);
        launch(card, &kernel, (heads.queries, qkv.rows.div_ceil(TILE)), arguments, &shape)
    }

    #[allow(clippy::too_many_arguments)]
    pub fn backward(
        card: &mut Card,
        dout: Matrix,
        qkv: Matrix,
        heads: Heads,
        texts: &Texts,
        mixed: Mixed,
        delta: Matrix,
        dqkv: Matrix,
    ) -> Result<()> {
        let pointers = [qkv, mixed.out, mixed.lse, dout, dqkv].map(|matrix| card.pointer(matrix));
        let (places, stream) = (places(card, texts), card.stream);
        let shape = shape(qkv, heads, texts, mixed.out, card.attention.is_deterministic);
        if card.attention.cudnn(heads, texts, true).is_some() {
            return card.timed(Part::Attention, |card| match card.attention.cudnn(heads, texts, true) {
                Some(cudnn) => cudnn.backward(&shape, stream, pointers, places),
                None => Ok(()),
            });
        }
        let [qkv_at, out_at, lse_at, dout_at, dqkv_at] = pointers;
        let (starts, ends, delta) = (card.pointer(texts.starts), card.pointer(texts.ends), card.pointer(delta));
        let arguments = Arguments::default().pointer(out_at).pointer(dout_at).pointer(delta);
        let kernel = Kernel { threads: 256, ..own(heads, "attention_delta_64", "attention_delta_128", 0, 0) };
        let blocks = (qkv.rows * heads.queries * heads.size).div_ceil(8 * 256);
        launch(card, &kernel, (blocks, 1), arguments, &shape)?;
        let tiles = qkv.rows.div_ceil(TILE);
        for (kernel, ends_or_starts, heads) in [
            (
                own(heads, "attention_backward_queries_64", "attention_backward_queries_128", 49_152, 65_536),
                starts,
                heads.queries,
            ),
            (
                own(heads, "attention_backward_keys_64", "attention_backward_keys_128", 50_176, 66_048),
                ends,
                heads.values,
            ),
        ] {
            let arguments = [qkv_at, dout_at, lse_at, delta, ends_or_starts, dqkv_at]
                .into_iter()
                .fold(Arguments::default(), Arguments::pointer);
            launch(card, &kernel, (heads, tiles), arguments, &shape)?;
        }
        Ok(())
    }

    fn own(heads: Heads, of_64: &'static str, of_128: &'static str, bytes_64: u32, bytes_128: u32) -> Kernel {
        let (name, shared_bytes) = if heads.size == 64 { (of_64, bytes_64) } else { (of_128, bytes_128) };
        Kernel { file: "attention", name, threads: 128, shared_bytes }
    }

    fn launch(
        card: &mut Card,
        kernel: &Kernel,
        grid: (usize, usize),
        arguments: Arguments,
        shape: &Shape,
    ) -> Result<()> {
        let sizes = [shape.tokens, shape.heads, shape.kv_heads, shape.qkv_pitch, shape.out_pitch];
        let arguments = sizes.into_iter().fold(arguments, |arguments, size| arguments.int(size as usize));
        card.launch(Part::Attention, kernel, grid, arguments.float(f64::from(shape.scale)))
    }
}
