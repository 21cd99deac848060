//! Says what a run needs before it starts: parameters, memory and time.

use serde::Serialize;

use crate::{
    Config,
    config::Dtype,
    engine::{self, fused},
    model::{Architecture, EMBEDDING, lora::Lora},
};

/// What a model costs.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    /// Numbers in all tensors, adapters included.
    pub num_parameters: usize,
    /// Those that are trained.
    pub num_trained: usize,
    /// Floating-point operations of matrix products that a token needs, forward and backward; products for gradients
    /// of frozen weights are not needed.
    pub flops_per_token: f64,
    /// Memory by what it is for, in bytes; the last row is all of it.
    pub memory: Vec<(&'static str, usize)>,
    /// Blocks that are computed again to save memory; none where the engine does not choose.
    pub num_recomputed: Option<usize>,
    /// Tokens of a step.
    pub tokens_per_step: usize,
}

/// bf16 multiplications a second that cards do at best, dense (NVIDIA's data sheets).
const PEAKS: [(&str, f64); 4] = [("H100", 989e12), ("H200", 989e12), ("A100", 312e12), ("B200", 2250e12)];

impl Cost {
    /// The cost of `architecture` under `config`, for a rank of a world (`place`).
    pub fn of(architecture: &Architecture, lora: Option<&Lora>, place: (usize, usize), config: &Config) -> Self {
        let size = |shape: &[usize]| shape.iter().product::<usize>();
        let all: Vec<(String, Vec<usize>)> = architecture.tensors();
        let adapters = lora.map(|lora| lora.tensors(architecture)).unwrap_or_default();
        let is_trained = |name: &str| lora.is_none() || adapters.iter().any(|(adapter, _)| adapter == name);
        let extra: usize =
            adapters.iter().filter(|(name, _)| name.contains(".lora_")).map(|(_, shape)| size(shape)).sum();
        let trained: usize =
            all.iter().filter(|(name, _)| is_trained(name)).map(|(_, shape)| size(shape)).sum::<usize>() + extra;
        let total: usize = all.iter().map(|(_, shape)| size(shape)).sum::<usize>() + extra;

        // A product costs 2 forward, 2 for its input's gradient, 2 for its weight's; looking up a row costs nothing.
        let mut flops = 6.0 * extra as f64;
        for (name, shape) in all.iter().filter(|(_, shape)| shape.len() == 2) {
            let is_looked_up = name == EMBEDDING && !architecture.tie_word_embeddings;
            if !is_looked_up {
                flops += size(shape) as f64 * if is_trained(name) { 6.0 } else { 4.0 };
            }
        }
        let (heads, layers) =
            (architecture.num_attention_heads * architecture.head_size(), architecture.num_hidden_layers);
        // Scores and mixtures over half a row: forward 2 products, backward twice as much.
        flops += 6.0 * (heads * layers * config.data.seq_len) as f64;

        let fused = engine::is_fused(config, architecture)
            .then(|| fused::memory_table(architecture, lora, place, config).ok())
            .flatten();
        let (memory, num_recomputed) = match fused {
            Some((memory, num_recomputed)) => (memory, Some(num_recomputed)),
            None => (reference_memory(architecture, config, total - trained, trained), None),
        };
        Self {
            num_parameters: total,
            num_trained: trained,
            flops_per_token: flops,
            memory,
            num_recomputed,
            tokens_per_step: config.train.rows * config.data.seq_len,
        }
    }

    /// Tokens a second as a share of what the card could do at best; none where the card is not known.
    pub fn peak_share(&self, tokens_per_s: f64) -> Option<f64> {
        let peak = card().and_then(|card| PEAKS.iter().find(|(name, _)| card.contains(name)).map(|(_, peak)| *peak))?;
        Some(tokens_per_s * self.flops_per_token / peak)
    }

    /// The plan as a table.
    pub fn table(&self, num_steps: Option<u64>) -> String {
        let mut rows = vec![
            ("parameters", format!("{:.2} M", self.num_parameters as f64 / 1e6)),
            ("trained", format!("{:.2} M", self.num_trained as f64 / 1e6)),
        ];
        rows.extend(self.memory.iter().map(|(name, bytes)| (*name, format!("{:.2} GB", *bytes as f64 / 1e9))));
        rows.extend(self.num_recomputed.map(|number| ("blocks computed again", number.to_string())));
        rows.push(("tokens a step", self.tokens_per_step.to_string()));
        rows.push(("multiplications a token", format!("{:.3} GFLOP", self.flops_per_token / 1e9)));
        if let Some(steps) = num_steps {
            let flops = steps as f64 * self.tokens_per_step as f64 * self.flops_per_token;
            rows.push(("steps", steps.to_string()));
            rows.push(("the whole run", format!("{:.3} PFLOP", flops / 1e15)));
            let hours = flops / (0.4 * PEAKS[0].1) / 3600.0;
            rows.push(("at 40 % of an H100", format!("{hours:.2} h")));
        }
        rows.iter().map(|(name, value)| format!("{name:<46}{value:>16}\n")).collect()
    }
}

/// What the reference engine takes, about: the states between blocks, and one block or the logits in progress.
fn reference_memory(
    architecture: &Architecture,
    config: &Config,
    num_frozen: usize,
    num_trained: usize,
) -> Vec<(&'static str, usize)> {
    let bytes = match config.train.dtype {
        Dtype::F32 => 4,
        Dtype::Bf16 => 2,
    };
    let (heads, layers) = (architecture.num_attention_heads * architecture.head_size(), architecture.num_hidden_layers);
    let tokens = config.train.part_rows * config.data.seq_len;
    let block = architecture.hidden_size * 12 + heads * 6 + architecture.intermediate_size * 5;
    let scores = config.train.part_rows * architecture.num_attention_heads * config.data.seq_len.pow(2) * 5;
    let logits = tokens.min(1024) * architecture.vocab_size * 5;
    let activations =
        (layers + 1) * tokens * architecture.hidden_size * bytes + 4 * (tokens * block + scores).max(logits);
    let (frozen, trained) = (num_frozen * bytes, num_trained * (bytes + 16));
    vec![
        ("frozen weights", frozen),
        ("trained weights, masters, moments, gradients", trained),
        ("activations of a part, about", activations),
        ("memory, about", frozen + trained + activations),
    ]
}

/// The name of the first GPU.
fn card() -> Option<&'static str> {
    static CARD: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let ask = || {
        if !cfg!(feature = "cuda") {
            return None;
        }
        let output = std::process::Command::new("nvidia-smi")
            .args(["--query-gpu=name", "--format=csv,noheader"])
            .output()
            .ok()?;
        String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
    };
    CARD.get_or_init(ask).as_deref()
}
