//! Defines the cache: keys and values of the tokens that were computed, in memory that is taken once.

use trainer::model::Architecture;

/// Keys and values of some texts, each in a slot.
pub struct Cache {
    num_slots: usize,
    capacity: usize,
    num_heads: usize,
    head_size: usize,
    /// (layers, slots, heads, positions, head)
    keys: Vec<f32>,
    values: Vec<f32>,
    /// (positions, head / 2)
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Cache {
    /// A cache for `num_slots` texts of up to `capacity` tokens.
    pub fn new(architecture: &Architecture, num_slots: usize, capacity: usize) -> Self {
        let (num_heads, head_size) = (architecture.num_kv_heads(), architecture.head_size());
        let len = architecture.num_hidden_layers * num_slots * num_heads * capacity * head_size;
        let frequencies = architecture.rotary_frequencies();
        let turned = |turn: fn(f64) -> f64| -> Vec<f32> {
            let angles = (0..capacity).flat_map(|at| frequencies.iter().map(move |by| at as f64 * by));
            angles.map(|angle| turn(angle) as f32).collect()
        };
        let (cosines, sines) = (turned(f64::cos), turned(f64::sin));
        Self { num_slots, capacity, num_heads, head_size, keys: vec![0.0; len], values: vec![0.0; len], cosines, sines }
    }

    /// Bytes that a token takes in a slot.
    fn bytes_of_token(architecture: &Architecture) -> usize {
        2 * size_of::<f32>() * architecture.num_hidden_layers * architecture.num_kv_heads() * architecture.head_size()
    }

    /// Texts of up to `capacity` tokens that memory has room for beside what else is in use, one at least; no bound where
    /// the system does not say.
    pub fn slots_that_fit(architecture: &Architecture, capacity: usize) -> usize {
        let bytes = Self::bytes_of_token(architecture) * capacity.max(1);
        available_bytes().map_or(usize::MAX, |available| (available / bytes).max(1))
    }

    /// Texts that it holds.
    pub fn num_slots(&self) -> usize {
        self.num_slots
    }

    /// Tokens that a text may have.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Keys and values of a head of a text, up to a position. Each: (positions, head).
    pub(super) fn head(&self, layer: usize, slot: usize, head: usize, position: usize) -> (&[f32], &[f32]) {
        let from = ((layer * self.num_slots + slot) * self.num_heads + head) * self.capacity * self.head_size;
        let range = from..from + (position + 1) * self.head_size;
        (&self.keys[range.clone()], &self.values[range])
    }

    /// Keep a token's keys and values. Each: (heads, head).
    pub(super) fn put(&mut self, layer: usize, slot: usize, position: usize, keys: &[f32], values: &[f32]) {
        for head in 0..self.num_heads {
            let from = ((layer * self.num_slots + slot) * self.num_heads + head) * self.capacity + position;
            let to = from * self.head_size..(from + 1) * self.head_size;
            let of = head * self.head_size..(head + 1) * self.head_size;
            self.keys[to.clone()].copy_from_slice(&keys[of.clone()]);
            self.values[to].copy_from_slice(&values[of]);
        }
    }

    /// Turn a head by its position: each half against the other.
    pub(super) fn rotate(&self, head: &mut [f32], position: usize) {
        let half = head.len() / 2;
        let (first, second) = head.split_at_mut(half);
        let (cosines, sines) = (&self.cosines[position * half..][..half], &self.sines[position * half..][..half]);
        for (((a, b), cosine), sine) in first.iter_mut().zip(second).zip(cosines).zip(sines) {
            (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
        }
    }
}

/// Memory that is there for the asking, where the system says so.
fn available_bytes() -> Option<usize> {
    let text = fs_err::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_as_many_as_memory_holds() {
        let mut architecture: Architecture = serde_json::from_value(serde_json::json!({
            "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
            "num_attention_heads": 32,
        }))
        .unwrap();
        assert_eq!(Cache::bytes_of_token(&architecture), 1 << 20, "twice the 512 KiB of halves");
        assert_eq!(Cache::slots_that_fit(&architecture, 1 << 40), 1);
        architecture.num_hidden_layers = 1;
        assert!(Cache::slots_that_fit(&architecture, 1) > 100);
    }
}
