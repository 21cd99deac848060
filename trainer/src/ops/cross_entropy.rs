//! The loss of rows of logits and, in their place, the gradient of its sum: softmax minus one at the target.

use super::{Machine, memory::Matrix};
#[cfg(feature = "cuda")]
use super::{
    Part,
    card::{Arguments, Kernel},
};
use crate::Result;

/// logits: (rows, ids) without gaps, targets: (1, at most rows), losses: (1, as many), in nats.
///
/// Rows without a target get a gradient of 0. Without `has_gradient` the logits stay as they are.
///
/// # Errors
/// A device that fails.
pub fn cross_entropy(
    on: &mut Machine,
    logits: Matrix,
    targets: Matrix,
    losses: Matrix,
    has_gradient: bool,
) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let mut values = host.read(logits);
            let targets = host.read_indices(targets);
            let mut nats = Vec::with_capacity(targets.len());
            for (row, line) in values.chunks_mut(logits.columns).enumerate() {
                let Some(target) = targets.get(row).map(|target| *target as usize) else {
                    line.fill(0.0);
                    continue;
                };
                let greatest = line.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = line.iter().map(|x| (x - greatest).exp()).sum();
                nats.push(sum.ln() + greatest - line[target]);
                line.iter_mut().for_each(|x| *x = (*x - greatest).exp() / sum);
                line[target] -= 1.0;
            }
            host.write(losses, &nats);
            if has_gradient {
                host.write(logits, &values);
            }
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default()
                .pointer(card.pointer(logits))
                .pointer(card.pointer(targets))
                .pointer(card.pointer(losses))
                .int(targets.columns)
                .int(logits.columns)
                .int(usize::from(has_gradient));
            let kernel = Kernel { file: "cross_entropy", name: "cross_entropy", threads: 512, shared_bytes: 0 };
            card.launch(Part::Loss, &kernel, (logits.rows, 1), arguments)
        }
    }
}

/// Losses alone. logits: (rows, ids), singles, which stay; targets, losses: (1, rows), in nats.
///
/// # Errors
/// A device that fails.
pub fn losses(on: &mut Machine, logits: Matrix, targets: Matrix, losses: Matrix) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let (values, targets) = (host.read(logits), host.read_indices(targets));
            let loss = |(line, target): (&[f32], i32)| {
                let greatest = line.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                line.iter().map(|x| (x - greatest).exp()).sum::<f32>().ln() + greatest - line[target as usize]
            };
            let nats: Vec<f32> = values.chunks(logits.columns).zip(targets).map(loss).collect();
            host.write(losses, &nats);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments = Arguments::default()
                .pointer(card.pointer(logits))
                .pointer(card.pointer(targets))
                .pointer(card.pointer(losses))
                .int(logits.columns)
                .int(logits.pitch);
            let kernel = Kernel { file: "cross_entropy", name: "cross_entropy_losses", threads: 512, shared_bytes: 0 };
            card.launch(Part::Loss, &kernel, (logits.rows, 1), arguments)
        }
    }
}

/// Add the sum of `losses` to `total`: two numbers that hold one of double precision.
///
/// # Errors
/// A device that fails.
pub fn add_up(on: &mut Machine, losses: Matrix, total: Matrix) -> Result<()> {
    match on {
        Machine::Host(host) => {
            let sum: f64 = host.read(losses).into_iter().chain(host.read(total)).map(f64::from).sum();
            let high = sum as f32;
            host.write(total, &[high, (sum - f64::from(high)) as f32]);
            Ok(())
        }
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let arguments =
                Arguments::default().pointer(card.pointer(losses)).pointer(card.pointer(total)).int(losses.columns);
            let kernel = Kernel { file: "cross_entropy", name: "cross_entropy_total", threads: 256, shared_bytes: 0 };
            card.launch(Part::Loss, &kernel, (1, 1), arguments)
        }
    }
}

/// The number that `total` holds. Waits for the device.
///
/// # Errors
/// A device that fails.
pub fn total(on: &Machine, total: Matrix) -> Result<f64> {
    match on {
        Machine::Host(host) => Ok(host.read(total).into_iter().map(f64::from).sum()),
        #[cfg(feature = "cuda")]
        Machine::Card(card) => {
            let mut bytes = [0; 8];
            card.download(total, &mut bytes)?;
            Ok(f64::from_le_bytes(bytes))
        }
    }
}
