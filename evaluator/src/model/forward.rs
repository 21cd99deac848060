//! Computes logits: tokens of any texts side by side, each at its place in its text.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    Llama,
    cache::Cache,
    curve::{softmax, swiglu},
    product::{Lines, tile},
};

/// Multiplications of attention below which threads cost more than they save.
const SHARED: usize = 1 << 16;

/// Keys that are compared with a query at a time.
const KEYS: usize = 4;

/// A token, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub token: u32,
    /// The slot of its text in the cache.
    pub slot: usize,
    /// Tokens before it in its text; all of them are in the cache, or come before it here.
    pub position: usize,
}

impl Llama {
    /// The logits after some of the tokens (`wanted`, by their index): (wanted, ids). All tokens go to the cache.
    ///
    /// What comes out for a token depends on the tokens of its own text alone, to the bit.
    ///
    /// # Panics
    /// A token that the model has no row for, or a place that the cache does not have.
    pub fn forward(&self, cache: &mut Cache, places: &[Place], wanted: &[usize]) -> Vec<f32> {
        let width = self.architecture.hidden_size;
        let mut x = vec![0.0; places.len() * width];
        for (place, row) in places.iter().zip(x.chunks_mut(width)) {
            row.copy_from_slice(&self.embedding.row(place.token as usize));
        }
        for number in 0..self.layers.len() {
            self.block(number, cache, places, &mut x);
        }
        let rows: Vec<f32> = wanted.iter().flat_map(|row| &x[row * width..(row + 1) * width]).copied().collect();
        let normed = self.norm(&rows, &self.last_norm);
        self.head.as_ref().unwrap_or(&self.embedding).product(&normed)
    }

    /// A block, added to `x`: (tokens, hidden).
    fn block(&self, number: usize, cache: &mut Cache, places: &[Place], x: &mut [f32]) {
        let layer = &self.layers[number];
        let mut qkv = layer.qkv.product(&self.norm(x, &layer.attention_norm));
        let size = self.architecture.head_size();
        let (queries, keys) = (self.architecture.num_attention_heads * size, self.architecture.num_kv_heads() * size);
        for (place, row) in places.iter().zip(qkv.chunks_mut(queries + 2 * keys)) {
            row[..queries + keys].chunks_mut(size).for_each(|head| cache.rotate(head, place.position));
            let (keys, values) = row[queries..].split_at(keys);
            cache.put(number, place.slot, place.position, keys, values);
        }
        let attended = self.attend(number, cache, places, &qkv);
        add(x, &layer.output.product(&attended));

        let both = layer.gate_up.product(&self.norm(x, &layer.feed_norm));
        let inner = self.architecture.intermediate_size;
        let mut gated = vec![0.0; places.len() * inner];
        for (both, gated) in both.chunks(2 * inner).zip(gated.chunks_mut(inner)) {
            swiglu(both, gated);
        }
        add(x, &layer.down.product(&gated));
    }

    /// Root-mean-square norm. x: (tokens, hidden).
    fn norm(&self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        let epsilon = self.architecture.rms_norm_eps as f32;
        Arch::new().dispatch(Norm { x, weight, epsilon, out: &mut out });
        out
    }

    /// What each token takes from those up to itself: (tokens, heads · head).
    fn attend(&self, layer: usize, cache: &Cache, places: &[Place], qkv: &[f32]) -> Vec<f32> {
        let (heads, kv_heads) = (self.architecture.num_attention_heads, self.architecture.num_kv_heads());
        let width = heads * self.architecture.head_size();
        let pitch = qkv.len() / places.len().max(1);
        let mut out = vec![0.0; places.len() * width];
        let token = |(out, (place, row)): (&mut [f32], (&Place, &[f32]))| {
            let (place, group) = (*place, heads / kv_heads);
            Arch::new().dispatch(Token { queries: &row[..width], cache, layer, place, heads, group, out });
        };
        let work = places.iter().map(|place| place.position + 1).sum::<usize>() * width;
        if work < SHARED {
            out.chunks_mut(width).zip(places.iter().zip(qkv.chunks(pitch))).for_each(token);
        } else {
            out.par_chunks_mut(width).zip(places.par_iter().zip(qkv.par_chunks(pitch))).for_each(token);
        }
        out
    }
}

/// A norm of rows.
struct Norm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl WithSimd for Norm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.weight.len();
        for (row, out) in self.x.chunks(width).zip(self.out.chunks_mut(width)) {
            let [[square]] = tile::<S, 1, 1>(simd, [row], [row]);
            let root = (square / width as f32 + self.epsilon).sqrt();
            for ((out, x), weight) in out.iter_mut().zip(row).zip(self.weight) {
                *out = x / root * weight;
            }
        }
    }
}

/// The attention of a token in a layer.
struct Token<'a> {
    queries: &'a [f32],
    cache: &'a Cache,
    layer: usize,
    place: Place,
    heads: usize,
    /// Heads of queries to a head of keys.
    group: usize,
    out: &'a mut [f32],
}

impl WithSimd for Token<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let size = self.queries.len() / self.heads;
        let scale = 1.0 / (size as f32).sqrt();
        let mut scores = vec![0.0f32; self.place.position + 1];
        for (head, (query, out)) in self.queries.chunks(size).zip(self.out.chunks_mut(size)).enumerate() {
            let Place { slot, position, .. } = self.place;
            let (keys, values) = self.cache.head(self.layer, slot, head / self.group, position);
            let keys = Lines { values: keys, width: size };
            let mut from = 0;
            while from + KEYS <= scores.len() {
                let products = tile::<S, 1, KEYS>(simd, [query], keys.lines(from));
                scores[from..from + KEYS].iter_mut().zip(products).for_each(|(score, [sum])| *score = sum * scale);
                from += KEYS;
            }
            for (at, score) in scores.iter_mut().enumerate().skip(from) {
                *score = tile::<S, 1, 1>(simd, [query], keys.lines(at))[0][0] * scale;
            }
            softmax(&mut scores);
            mix(simd, &scores, values, out);
        }
    }
}

/// The values in their shares, summed in the order of the positions. values: (positions, head).
#[inline(always)]
fn mix<S: Simd>(simd: S, shares: &[f32], values: &[f32], out: &mut [f32]) {
    let size = out.len();
    if !size.is_multiple_of(S::F32_LANES) {
        for (share, value) in shares.iter().zip(values.chunks_exact(size)) {
            out.iter_mut().zip(value).for_each(|(out, value)| *out = share.mul_add(*value, *out));
        }
        return;
    }
    let (out, values) = (S::as_mut_simd_f32s(out).0, S::as_simd_f32s(values).0);
    let pitch = out.len();
    let mut from = 0;
    while from + 4 <= pitch {
        mix_some::<S, 4>(simd, shares, &values[from..], pitch, &mut out[from..]);
        from += 4;
    }
    while from < pitch {
        mix_some::<S, 1>(simd, shares, &values[from..], pitch, &mut out[from..]);
        from += 1;
    }
}

#[inline(always)]
fn mix_some<S: Simd, const N: usize>(simd: S, shares: &[f32], values: &[S::f32s], pitch: usize, out: &mut [S::f32s]) {
    let mut sums = [simd.splat_f32s(0.0); N];
    for (share, value) in shares.iter().zip(values.chunks(pitch)) {
        let share = simd.splat_f32s(*share);
        for (sum, value) in sums.iter_mut().zip(value) {
            *sum = simd.mul_add_f32s(share, *value, *sum);
        }
    }
    out[..N].copy_from_slice(&sums);
}

fn add(x: &mut [f32], more: &[f32]) {
    x.iter_mut().zip(more).for_each(|(x, more)| *x += more);
}
