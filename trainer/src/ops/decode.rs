//! Attention of single tokens to all before them in their texts, whose keys and values are kept; on a GPU split over the
//! texts' lengths (Dao et al., "Flash-Decoding for long-context inference", 2023).

use super::{
    Machine,
    attention::Heads,
    host::Host,
    memory::Matrix,
    rope::{Angles, turn_heads},
};
use crate::Result;

/// Positions of a text that are mixed apart before they are joined.
const CHUNK: usize = 256;

/// Keys, after rotation, and values of the tokens of texts, each text in a slot.
#[derive(Debug, Clone, Copy)]
pub struct Cache {
    /// (slots · heads · capacity, head)
    pub keys: Matrix,
    /// As the keys.
    pub values: Matrix,
    /// Tokens that a text may have.
    pub capacity: usize,
}

/// Where tokens stand.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// The slots of their texts: (1, tokens).
    pub slots: Matrix,
    /// Tokens before them in their texts: (1, tokens).
    pub positions: Matrix,
}

/// Turn queries and keys by their positions, in place, and keep keys and values. qkv: (tokens, [`Heads::columns`]).
///
/// # Errors
/// A device that fails.
pub fn put(on: &mut Machine, qkv: Matrix, heads: Heads, places: Places, angles: Angles, cache: &Cache) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let turned = qkv.columns(0, (heads.queries + heads.values) * heads.size);
            turn_heads(host, turned, places.positions, angles, 1.0);
            let (values, rows) = (host.read(qkv), rows_of(host, places));
            let (width, size) = (heads.values * heads.size, heads.size);
            for (token, (slot, position)) in values.chunks(qkv.columns).zip(rows) {
                for (to, from) in [(cache.keys, heads.queries * size), (cache.values, heads.queries * size + width)] {
                    for (head, numbers) in token[from..from + width].chunks(size).enumerate() {
                        host.write(to.rows((slot * heads.values + head) * cache.capacity + position, 1), numbers);
                    }
                }
            }
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => card::put(card, qkv, heads, places, angles, cache),
    }
}

/// The numbers of scratch memory that a token of a text of at most `longest` tokens needs in [`attend`].
pub fn scratch_len(heads: Heads, longest: usize) -> usize {
    longest.div_ceil(CHUNK).max(1) * heads.queries * (heads.size + 1)
}

/// What each token takes from all up to itself in its slot, its own keys and values included, which are there by now.
///
/// qkv: (tokens, [`Heads::columns`]), of which the queries are read; out: (tokens, heads · size). No text has more than
/// `longest` tokens. scratch: (1, at least [`scratch_len`]), singles, overwritten: tokens go through it some at a time.
///
/// # Errors
/// A device that fails.
#[allow(clippy::too_many_arguments)]
pub fn attend(
    on: &mut Machine,
    qkv: Matrix,
    heads: Heads,
    places: Places,
    cache: &Cache,
    longest: usize,
    scratch: Matrix,
    out: Matrix,
) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let (queries, rows) = (host.read(qkv), rows_of(host, places));
            let group = heads.queries / heads.values;
            let mut mixed = vec![0.0; out.len()];
            for ((token, (slot, position)), out) in
                queries.chunks(qkv.columns).zip(rows).zip(mixed.chunks_mut(out.columns))
            {
                for (head, (query, out)) in token.chunks(heads.size).zip(out.chunks_mut(heads.size)).enumerate() {
                    let from = (slot * heads.values + head / group) * cache.capacity;
                    let [keys, values] = [cache.keys, cache.values].map(|all| host.read(all.rows(from, position + 1)));
                    mix(query, &keys, &values, heads.scale() as f32, out);
                }
            }
            host.write(out, &mixed);
            let _only_cards_need_them = (longest, scratch);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => card::attend(card, qkv, heads, places, cache, longest, scratch, out),
    }
}

/// The slot and the position of each token.
fn rows_of(host: &Host, places: Places) -> Vec<(usize, usize)> {
    let [slots, positions] = [places.slots, places.positions].map(|matrix| host.read_indices(matrix));
    slots.into_iter().zip(positions).map(|(slot, position)| (slot as usize, position as usize)).collect()
}

/// The values in the shares that their keys have in a query.
fn mix(query: &[f32], keys: &[f32], values: &[f32], scale: f32, out: &mut [f32]) {
    let score = |key: &[f32]| key.iter().zip(query).map(|(key, query)| key * query).sum::<f32>() * scale;
    let scores: Vec<f32> = keys.chunks(query.len()).map(score).collect();
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = scores.iter().map(|score| (score - greatest).exp()).sum();
    for (score, value) in scores.into_iter().zip(values.chunks(query.len())) {
        let share = (score - greatest).exp() / sum;
        out.iter_mut().zip(value).for_each(|(out, value)| *out += share * value);
    }
}

#[cfg(feature = "cuda")]
mod card {
    use super::{
        super::{
            Part,
            card::{Arguments, Card, Kernel},
        },
        Angles, CHUNK, Cache, Heads, Matrix, Places, scratch_len,
    };
    use crate::Result;

    /// Heads of queries that a block computes, of those that share keys; by their number and the size of a head.
    const ATTEND: [(usize, usize, &str); 8] = [
        (8, 64, "decode_attend_64_8"),
        (4, 64, "decode_attend_64_4"),
        (2, 64, "decode_attend_64_2"),
        (1, 64, "decode_attend_64_1"),
        (8, 128, "decode_attend_128_8"),
        (4, 128, "decode_attend_128_4"),
        (2, 128, "decode_attend_128_2"),
        (1, 128, "decode_attend_128_1"),
    ];

    fn kernel(name: &'static str, threads: usize) -> Kernel {
        Kernel { file: "decode", name, threads: threads as u32, shared_bytes: 0 }
    }

    pub fn put(
        card: &mut Card,
        qkv: Matrix,
        heads: Heads,
        places: Places,
        angles: Angles,
        cache: &Cache,
    ) -> Result<()> {
        let matrices = [qkv, places.slots, places.positions, angles.cosines, angles.sines, cache.keys, cache.values];
        let arguments = matrices.iter().fold(Arguments::default(), |to, matrix| to.pointer(card.pointer(*matrix)));
        let sizes = [qkv.rows, heads.queries, heads.values, heads.size / 2, qkv.pitch, cache.capacity];
        let arguments = sizes.into_iter().fold(arguments, Arguments::int);
        let num_threads = qkv.rows * heads.columns() / 16;
        card.launch(Part::Elementwise, &kernel("decode_put", 256), (num_threads.div_ceil(256), 1), arguments)
    }

    #[allow(clippy::too_many_arguments)]
    pub fn attend(
        card: &mut Card,
        qkv: Matrix,
        heads: Heads,
        places: Places,
        cache: &Cache,
        longest: usize,
        scratch: Matrix,
        out: Matrix,
    ) -> Result<()> {
        let (splits, group) = (longest.div_ceil(CHUNK), heads.queries / heads.values);
        let fits = |(count, size, _): &&(usize, usize, &str)| group.is_multiple_of(*count) && *size == heads.size;
        let (count, _, name) = ATTEND.iter().find(fits).expect("a head size that the kernels know");
        let at_a_time = scratch.columns / scratch_len(heads, longest);
        assert!(at_a_time > 0, "scratch memory for a token");
        for from in (0..qkv.rows).step_by(at_a_time) {
            let num_tokens = at_a_time.min(qkv.rows - from);
            let (qkv, out) = (qkv.rows(from, num_tokens), out.rows(from, num_tokens));
            let [slots, positions] =
                [places.slots, places.positions].map(|all| card.pointer(all.columns(from, num_tokens)));
            let num_parts = num_tokens * heads.queries * splits;
            let partial = card.pointer(scratch);
            let lse = card.pointer(scratch.columns(num_parts * heads.size, num_parts));
            let arguments = [card.pointer(qkv), card.pointer(cache.keys), card.pointer(cache.values)];
            let arguments = arguments.into_iter().chain([slots, positions, partial, lse]);
            let arguments = arguments.fold(Arguments::default(), Arguments::pointer);
            let sizes = [heads.queries, heads.values, qkv.pitch, cache.capacity, splits];
            let scale = heads.scale() * std::f64::consts::LOG2_E;
            let arguments = sizes.into_iter().fold(arguments, Arguments::int).float(scale);
            let grid = (num_tokens * splits, heads.queries / count);
            card.launch(Part::Attention, &kernel(name, 128), grid, arguments)?;
            let arguments = [partial, lse, positions, card.pointer(out)];
            let arguments = arguments.into_iter().fold(Arguments::default(), Arguments::pointer);
            let arguments = arguments.int(splits).int(out.pitch);
            card.launch(Part::Attention, &kernel("decode_join", heads.size), (num_tokens, heads.queries), arguments)?;
        }
        Ok(())
    }
}
