//! Defines AdamW and the schedule of its learning rate.

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::Result;

/// Decoupled weight decay with Adam's moments (Loshchilov and Hutter, 2019), as torch computes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Optimizer {
    /// The highest learning rate.
    pub learning_rate: f64,
    /// How it changes.
    pub schedule: Schedule,
    /// Steps in which it rises from 0.
    pub warmup_steps: u64,
    /// Where it ends, as a share of the highest.
    pub final_share: f64,
    /// With `wsd`: the share of all steps in which it falls at the end.
    pub decay_share: f64,
    /// Of the first moment.
    pub beta1: f64,
    /// Of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Shrinks matrices by so much of the learning rate a step; norms are left alone.
    pub weight_decay: f64,
    /// The gradient's norm is cut to this; 0 leaves it.
    pub clip_norm: f64,
}

/// How the learning rate changes after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Half a cosine down to the end.
    Cosine,
    /// A straight line down to the end.
    Linear,
    /// It stays.
    Constant,
    /// It stays, then falls in a straight line: warm-up, stable, decay (Hu et al., "MiniCPM", 2024).
    Wsd,
}

impl Default for Optimizer {
    fn default() -> Self {
        Self {
            learning_rate: 3e-4,
            schedule: Schedule::Cosine,
            warmup_steps: 0,
            final_share: 0.1,
            decay_share: 0.1,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            weight_decay: 0.1,
            clip_norm: 1.0,
        }
    }
}

/// The numbers of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The number of updates made before.
    pub number: u64,
    /// The learning rate.
    pub learning_rate: f64,
    /// See [`Optimizer`].
    pub beta1: f64,
    /// See [`Optimizer`].
    pub beta2: f64,
    /// See [`Optimizer`].
    pub epsilon: f64,
    /// See [`Optimizer`].
    pub weight_decay: f64,
    /// See [`Optimizer`].
    pub clip_norm: f64,
}

impl Optimizer {
    /// Check the settings.
    ///
    /// # Errors
    /// What does not make sense.
    pub fn check(&self) -> Result<(), String> {
        let betas = [("beta1", self.beta1), ("beta2", self.beta2)];
        if let Some((name, value)) = betas.iter().find(|(_, value)| !(0.0..1.0).contains(value)) {
            return Err(format!("optimizer.{name} is {value}; it is from 0 to below 1"));
        }
        let shares = [("decay_share", self.decay_share), ("final_share", self.final_share)];
        if let Some((name, value)) = shares.iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return Err(format!("optimizer.{name} is {value}; it is from 0 to 1"));
        }
        let positive = [("learning_rate", self.learning_rate), ("epsilon", self.epsilon)];
        if let Some((name, value)) = positive.iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            return Err(format!("optimizer.{name} is {value}; it has to be above 0"));
        }
        if !(self.weight_decay >= 0.0 && self.clip_norm >= 0.0) {
            return Err("optimizer.weight_decay or optimizer.clip_norm is below 0".into());
        }
        Ok(())
    }

    /// The numbers of step `number` (from 0) of `num_steps`.
    pub fn step(&self, number: u64, num_steps: u64) -> Step {
        let (beta1, beta2, epsilon) = (self.beta1, self.beta2, self.epsilon);
        let (weight_decay, clip_norm) = (self.weight_decay, self.clip_norm);
        let learning_rate = self.learning_rate * self.share(number, num_steps);
        Step { number, learning_rate, beta1, beta2, epsilon, weight_decay, clip_norm }
    }

    /// The learning rate of a step as a share of the highest.
    fn share(&self, number: u64, num_steps: u64) -> f64 {
        if number < self.warmup_steps {
            return (number + 1) as f64 / self.warmup_steps as f64;
        }
        let after = (num_steps.saturating_sub(self.warmup_steps + 1)).max(1) as f64;
        let done = ((number - self.warmup_steps) as f64 / after).min(1.0);
        let fall = |done: f64| 1.0 - (1.0 - self.final_share) * done;
        match self.schedule {
            Schedule::Cosine => fall((1.0 - (std::f64::consts::PI * done).cos()) / 2.0),
            Schedule::Linear => fall(done),
            Schedule::Constant => 1.0,
            Schedule::Wsd if self.decay_share > 0.0 => fall(((done - 1.0) / self.decay_share + 1.0).max(0.0)),
            Schedule::Wsd => 1.0,
        }
    }
}

/// A tensor in training: its value in f32 and its two moments.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The value.
    pub master: Tensor,
    /// The first moment.
    pub first: Tensor,
    /// The second moment.
    pub second: Tensor,
}

impl Trained {
    /// A tensor that was not updated yet.
    ///
    /// # Errors
    /// A computation that fails.
    pub fn new(value: &Tensor) -> Result<Self> {
        let master = value.to_dtype(DType::F32)?;
        Ok(Self { first: master.zeros_like()?, second: master.zeros_like()?, master })
    }

    /// Update by a gradient in f32.
    ///
    /// # Errors
    /// A computation that fails.
    pub fn update(&mut self, gradient: &Tensor, step: &Step) -> Result<()> {
        let number = (step.number + 1) as f64;
        self.first = ((&self.first * step.beta1)? + (gradient * (1.0 - step.beta1))?)?;
        self.second = ((&self.second * step.beta2)? + (gradient.sqr()? * (1.0 - step.beta2))?)?;
        let root = (1.0 - step.beta2.powf(number)).sqrt();
        let denominator = ((self.second.sqrt()? / root)? + step.epsilon)?;
        let size = step.learning_rate / (1.0 - step.beta1.powf(number));
        // Norms are vectors, and have no decay.
        let decay = if self.master.rank() > 1 { step.learning_rate * step.weight_decay } else { 0.0 };
        self.master = ((&self.master * (1.0 - decay))? - ((&self.first / denominator)? * size)?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn moments_that_never_forget_are_refused() {
        let check = |change: fn(&mut Optimizer)| {
            let mut optimizer = Optimizer::default();
            change(&mut optimizer);
            optimizer.check()
        };
        assert!(check(|o| o.beta1 = 1.0).unwrap_err().contains("optimizer.beta1 is 1; it is from 0 to below 1"));
        assert!(check(|o| o.beta2 = 1.0).is_err() && check(|o| o.beta2 = f64::NAN).is_err());
        assert!(check(|o| o.learning_rate = f64::INFINITY).is_err());
        assert!(check(|o| (o.beta1, o.final_share) = (0.0, 1.0)).is_ok());
    }

    #[test]
    fn schedules_rise_stay_and_fall_where_they_should() {
        let share = |schedule, number| {
            let optimizer = Optimizer { learning_rate: 1.0, schedule, warmup_steps: 10, ..Optimizer::default() };
            optimizer.step(number, 111).learning_rate
        };
        for schedule in [Schedule::Cosine, Schedule::Linear, Schedule::Constant, Schedule::Wsd] {
            assert!((share(schedule, 0) - 0.1).abs() < 1e-12);
            assert!((share(schedule, 9) - 1.0).abs() < 1e-12);
            assert!((share(schedule, 10) - 1.0).abs() < 1e-12);
            let end = if schedule == Schedule::Constant { 1.0 } else { 0.1 };
            assert!((share(schedule, 110) - end).abs() < 1e-12, "{schedule:?}");
        }
        assert!((share(Schedule::Cosine, 60) - 0.55).abs() < 1e-12);
        assert!((share(Schedule::Linear, 60) - 0.55).abs() < 1e-12);
        assert!((share(Schedule::Wsd, 99) - 1.0).abs() < 1e-12);
        assert!((share(Schedule::Wsd, 105) - 0.55).abs() < 1e-12);
    }

    /// The formulas of torch.optim.AdamW's documentation, computed in f64: lr 0.1, betas (0.9, 0.95), eps 1e-8, weight
    /// decay 0.1. What torch itself made of gradients is held in tests/parity.rs.
    #[test]
    fn updates_follow_the_formulas() {
        let gradients = [[0.5, -1.0], [0.25, 0.125], [-2.0, 3.0]];
        let (mut p, mut m, mut v) = ([1.0f64, -2.0], [0.0f64; 2], [0.0f64; 2]);
        let value = Tensor::new(&[[1.0f32, -2.0]], &Device::Cpu).unwrap();
        let mut trained = Trained::new(&value).unwrap();
        let optimizer = Optimizer { learning_rate: 0.1, schedule: Schedule::Constant, ..Optimizer::default() };
        for (number, gradient) in (0..).zip(gradients) {
            let tensor = Tensor::new(&[[gradient[0] as f32, gradient[1] as f32]], &Device::Cpu).unwrap();
            trained.update(&tensor, &optimizer.step(number, 3)).unwrap();
            let t = number as i32 + 1;
            for i in 0..2 {
                m[i] = 0.9 * m[i] + 0.1 * gradient[i];
                v[i] = 0.95 * v[i] + 0.05 * gradient[i] * gradient[i];
                p[i] *= 1.0 - 0.1 * 0.1;
                p[i] -= 0.1 * (m[i] / (1.0 - 0.9f64.powi(t))) / ((v[i] / (1.0 - 0.95f64.powi(t))).sqrt() + 1e-8);
            }
        }
        let ours = trained.master.to_vec2::<f32>().unwrap();
        for i in 0..2 {
            assert!((f64::from(ours[0][i]) / p[i] - 1.0).abs() < 1e-6, "{} {}", ours[0][i], p[i]);
        }
    }
}
