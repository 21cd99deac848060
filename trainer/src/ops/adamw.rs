//! AdamW (Loshchilov and Hutter, 2019) over everything that is trained, in one piece; and the norm of its gradients, which
//! decides on the device what the update does: clipped, or left out where it is no number.

use super::{Machine, memory::Matrix, noise::noise};
#[cfg(feature = "cuda")]
use super::{
    Part,
    card::{Arguments, Kernel},
    memory::Kind,
};
use crate::{Result, optimizer::Step};

/// Blocks that add up squares, a double each.
pub const NUM_PARTIALS: usize = 1024;
/// Numbers of a [`State`] in memory.
pub const STATE_LEN: usize = 4;

/// What is trained, by its parts: each (1, count).
#[derive(Debug, Clone, Copy)]
pub struct Trained {
    /// The summed gradients.
    pub gradient: Matrix,
    /// What is computed with.
    pub value: Matrix,
    /// The same in f32; absent where `value` is all there is, rounded by chance.
    pub master: Option<Matrix>,
    /// The first moments.
    pub first: Matrix,
    /// The second moments.
    pub second: Matrix,
}

/// What was decided about an update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// The norm of the mean gradient.
    pub norm: f64,
    /// Whether it is a number.
    pub is_finite: bool,
}

/// Put the sum of the squares of `gradients` into `state`.
///
/// gradients: (1, any) each, partial: (1, 2 · NUM_PARTIALS) singles, overwritten, state: (1, STATE_LEN) singles.
///
/// # Errors
/// A device that fails.
pub fn squares(on: &mut Machine, gradients: &[Matrix], partial: Matrix, state: Matrix) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let square = |g: f32| f64::from(g) * f64::from(g);
            let sum: f64 = gradients.iter().flat_map(|gradient| host.read(*gradient)).map(square).sum();
            host.write(squares_of(state), &[sum as f32]);
            let _only_cards_need_it = partial;
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            card.zero(partial)?;
            for gradient in gradients {
                let arguments = Arguments::default()
                    .pointer(card.pointer(*gradient))
                    .pointer(card.pointer(partial))
                    .long(gradient.columns as u64);
                let name = if gradient.kind == Kind::Half { "adamw_squares_half" } else { "adamw_squares_single" };
                card.launch(Part::Optimizer, &kernel(name), (NUM_PARTIALS, 1), arguments)?;
            }
            let arguments = Arguments::default()
                .pointer(card.pointer(partial))
                .int(NUM_PARTIALS)
                .pointer(card.pointer(squares_of(state)));
            card.launch(Part::Optimizer, &Kernel { threads: 1, ..kernel("adamw_total") }, (1, 1), arguments)
        }
    }
}

/// Where a state holds the sum of squares: (1, 1)
pub fn squares_of(state: Matrix) -> Matrix {
    state.columns(3, 1)
}

/// Decide about an update from the sum of the squares of the gradients, which are those of `num_targets` targets.
///
/// # Errors
/// A device that fails.
pub fn decide(on: &mut Machine, state: Matrix, num_targets: u64, clip_norm: f64) -> Result<()> {
    let mean = 1.0 / num_targets.max(1) as f64;
    match on {
        Machine::Host(host) => {
            let norm = f64::from(host.read(squares_of(state))[0]).sqrt() * mean;
            let clip = if clip_norm > 0.0 { (clip_norm / (norm + 1e-6)).min(1.0) } else { 1.0 };
            let is_finite = f32::from(u8::from(norm.is_finite()));
            host.write(state.columns(0, 3), &[norm as f32, (mean * clip) as f32, is_finite]);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default().pointer(card.pointer(state)).float(mean).float(clip_norm);
            card.launch(Part::Optimizer, &Kernel { threads: 1, ..kernel("adamw_decide") }, (1, 1), arguments)
        }
    }
}

/// What was decided. Waits for the device.
///
/// # Errors
/// A device that fails.
pub fn decided(on: &Machine, state: Matrix) -> Result<State> {
    let numbers = on.read(state)?.flatten_all()?.to_vec1::<f32>()?;
    Ok(State { norm: f64::from(numbers[0]), is_finite: numbers[2] != 0.0 })
}

/// Update `trained` as `state` has decided. How numbers without a master are rounded follows from `seed` and from their
/// places, of which `first_place` is the first, a multiple of 8.
///
/// # Errors
/// A device that fails.
pub fn update(
    on: &mut Machine,
    trained: Trained,
    state: Matrix,
    step: &Step,
    has_decay: bool,
    (seed, first_place): (u64, usize),
) -> Result<()> {
    let number = (step.number + 1) as f64;
    let size = step.learning_rate / (1.0 - step.beta1.powf(number));
    let rise = 1.0 / (1.0 - step.beta2.powf(number)).sqrt();
    let keep = 1.0 - if has_decay { step.learning_rate * step.weight_decay } else { 0.0 };
    match on {
        Machine::Host(host) => {
            let decided = host.read(state);
            if decided[2] == 0.0 {
                return Ok(());
            }
            let gradients = host.read(trained.gradient);
            let (mut first, mut second) = (host.read(trained.first), host.read(trained.second));
            let mut values = host.read(trained.master.unwrap_or(trained.value));
            let (beta1, beta2) = (step.beta1 as f32, step.beta2 as f32);
            for (((gradient, p), m), v) in gradients.iter().zip(&mut values).zip(&mut first).zip(&mut second) {
                let g = gradient * decided[1];
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                *p = *p * keep as f32 - size as f32 * *m / (v.sqrt() * rise as f32 + step.epsilon as f32);
            }
            if trained.master.is_none() {
                let mut chance = 0;
                for at in 0..values.len() {
                    if at % 8 == 0 {
                        chance = noise(seed, (first_place + at) as u64 / 8);
                    }
                    values[at] = round_by_chance(values[at], chance >> 48);
                    first[at] = round_by_chance(first[at], chance >> 32);
                    second[at] = round_by_chance(second[at], chance >> 16);
                    // Knuth's MMIX.
                    chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                }
            }
            host.write(trained.first, &first);
            host.write(trained.second, &second);
            host.write(trained.value, &values);
            trained.master.into_iter().for_each(|master| host.write(master, &values));
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let mut arguments = Arguments::default().pointer(card.pointer(trained.gradient));
            if let Some(master) = trained.master {
                arguments = arguments.pointer(card.pointer(master));
            }
            for matrix in [trained.first, trained.second, trained.value] {
                arguments = arguments.pointer(card.pointer(matrix));
            }
            arguments = arguments.long(trained.value.columns as u64).pointer(card.pointer(state));
            for number in [size, step.beta1, step.beta2, rise, step.epsilon, keep] {
                arguments = arguments.float(number);
            }
            let kernel = match trained.master {
                Some(_) => kernel("adamw_single"),
                None => {
                    arguments = arguments.long(seed).long(first_place as u64 / 8);
                    kernel("adamw_half")
                }
            };
            let blocks = trained.value.columns.div_ceil(8 * 256).min(card.num_sm * 8);
            card.launch(Part::Optimizer, &kernel, (blocks, 1), arguments)
        }
    }
}

/// To one of the two nearest numbers of bf16, so that the mean is the number; also where a number is f32, as on a CPU.
fn round_by_chance(value: f32, chance: u64) -> f32 {
    let chance = (chance & 0xffff) as u32;
    if value.is_finite() { f32::from_bits((value.to_bits() + chance) & 0xffff_0000) } else { value }
}

/// Copy an adapter's `b`: (rows, rank), singles, to `to`: (rows, rank) in rows of any pitch, halves, scaled.
///
/// # Errors
/// A device that fails.
pub fn place(on: &mut Machine, b: Matrix, to: Matrix, scale: f64) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let scaled: Vec<f32> = host.read(b).into_iter().map(|b| b * scale as f32).collect();
            host.write(to, &scaled);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default()
                .pointer(card.pointer(b))
                .pointer(card.pointer(to))
                .int(to.rows)
                .int(to.columns)
                .int(to.pitch)
                .float(scale);
            card.launch(Part::Optimizer, &kernel("adamw_place"), (to.len().div_ceil(256), 1), arguments)
        }
    }
}

#[cfg(feature = "cuda")]
fn kernel(name: &'static str) -> Kernel {
    Kernel { file: "adamw", name, threads: 256, shared_bytes: 0 }
}
