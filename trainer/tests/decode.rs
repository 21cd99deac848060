//! Attention over keys and values that are kept: it is that over whole texts.
#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{Device, Tensor};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use support::{flat, half, index, single};
use trainer::ops::{
    Machine, Options,
    attention::{self, Heads, Mixed, Texts},
    cross_entropy,
    decode::{self, Cache, Places},
    likeliest::likeliest,
    memory::{Layout, Matrix},
    rope::{Angles, Turn, rope},
};

fn fill(on: &mut Machine, matrix: Matrix, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let values: Vec<f32> = (0..matrix.len()).map(|_| random.random_range(-2.0..2.0)).collect();
    on.write(matrix, &Tensor::new(values, &Device::Cpu).unwrap()).unwrap();
}

/// Numbers that no caller is to read.
fn poison(on: &mut Machine, matrix: Matrix) {
    on.write(matrix, &Tensor::new(vec![f32::NAN; matrix.len()], &Device::Cpu).unwrap()).unwrap();
}

#[test]
fn kept_keys_and_values_give_what_whole_texts_give() {
    let heads = Heads { queries: 6, values: 2, size: 4 };
    let (lengths, slots, capacity) = ([5, 1, 9], [3, 0, 1], 12);
    let tokens: usize = lengths.iter().sum();
    let mut layout = Layout::default();
    let (whole, parts) = (half(&mut layout, tokens, heads.columns()), half(&mut layout, tokens, heads.columns()));
    let width = heads.queries * heads.size;
    let (expected, found) = (half(&mut layout, tokens, width), half(&mut layout, tokens, width));
    let lse = single(&mut layout, tokens, heads.queries);
    let mut kept = || half(&mut layout, 4 * heads.values * capacity, heads.size);
    let cache = Cache { keys: kept(), values: kept(), capacity };
    let angles = Angles { cosines: single(&mut layout, capacity, 2), sines: single(&mut layout, capacity, 2) };
    let [starts, places_slots, positions] = [0; 3].map(|_| index(&mut layout, tokens));
    let scratch = single(&mut layout, 1, decode::scratch_len(heads, capacity));
    let options = Options { deterministic: false, cudnn: false };
    let mut on = Machine::new(&Device::Cpu, &layout, tokens, &options).unwrap();
    fill(&mut on, whole, 1);
    let qkv = on.read(whole).unwrap();
    on.write(parts, &qkv).unwrap();
    fill(&mut on, angles.cosines, 2);
    fill(&mut on, angles.sines, 3);
    for matrix in [cache.keys, cache.values, found] {
        poison(&mut on, matrix);
    }
    let text_of: Vec<(usize, usize)> =
        (0..3).flat_map(|text| (0..lengths[text]).map(move |position| (text, position))).collect();
    for (matrix, of) in [
        (starts, &(|token, (_, position)| token - position) as &dyn Fn(usize, (usize, usize)) -> usize),
        (places_slots, &|_, (text, _)| slots[text]),
        (positions, &|_, (_, position)| position),
    ] {
        let values: Vec<i32> = (0..tokens).map(|token| of(token, text_of[token]) as i32).collect();
        on.send(matrix, &values).unwrap();
    }

    let turned = whole.columns(0, (heads.queries + heads.values) * heads.size);
    rope(&mut on, turned, positions, angles, Turn::Forward).unwrap();
    // What only cuDNN reads is left out.
    let texts = Texts { starts, ends: starts, lengths: starts, offsets: [starts; 3], longest: 9 };
    attention::forward(&mut on, whole, heads, &texts, Mixed { out: expected, lse }).unwrap();

    // Two tokens at a time, wherever texts end.
    for from in (0..tokens).step_by(2) {
        let count = 2.min(tokens - from);
        let places = Places { slots: places_slots.columns(from, count), positions: positions.columns(from, count) };
        let (qkv, out) = (parts.rows(from, count), found.rows(from, count));
        decode::put(&mut on, qkv, heads, places, angles, &cache).unwrap();
        decode::attend(&mut on, qkv, heads, places, &cache, capacity, scratch, out).unwrap();
    }
    let [expected, found] = [expected, found].map(|matrix| flat(&on.read(matrix).unwrap()));
    let error = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(error < 1e-6, "{error}");
}

#[test]
fn the_likeliest_is_the_first_of_the_greatest_and_losses_are_those_of_softmax() {
    let mut layout = Layout::default();
    let wide = single(&mut layout, 2, 8);
    let (out, targets, losses) = (index(&mut layout, 2), index(&mut layout, 2), single(&mut layout, 1, 2));
    let options = Options { deterministic: false, cudnn: false };
    let mut on = Machine::new(&Device::Cpu, &layout, 2, &options).unwrap();
    // What is beside the ids is greater, and no token.
    let numbers = [1.0f32, 3.0, 2.0, 3.0, -1.0, 9.0, 9.0, 9.0, -5.0, -7.0, -4.0, -4.5, -9.0, 9.0, 9.0, 9.0];
    on.write(wide, &Tensor::new(&numbers, &Device::Cpu).unwrap()).unwrap();
    on.send(targets, &[4, 2]).unwrap();
    let logits = wide.columns(0, 5);
    likeliest(&mut on, logits, out).unwrap();
    assert_eq!(on.read_indices(out).unwrap(), [1, 2]);
    on.write(
        wide.columns(0, 5),
        &Tensor::new(&[[f32::NAN; 5], [f32::NAN, 2.0, 1.0, 2.0, f32::NAN]], &Device::Cpu).unwrap(),
    )
    .unwrap();
    likeliest(&mut on, logits, out).unwrap();
    assert_eq!(on.read_indices(out).unwrap(), [-1, 1], "what is no number is never the likeliest");
    on.write(wide, &Tensor::new(&numbers, &Device::Cpu).unwrap()).unwrap();
    cross_entropy::losses(&mut on, logits, targets, losses).unwrap();
    let found = flat(&on.read(losses).unwrap());
    for (row, (found, target)) in numbers.chunks(8).zip(found.iter().zip([4, 2])) {
        let sum: f64 = row[..5].iter().map(|x| f64::from(*x).exp()).sum();
        assert!((found - (sum.ln() - f64::from(row[target]))).abs() < 1e-6);
    }
}
