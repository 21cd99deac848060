//! Where the tensors of a model lie: what is trained in one piece, so that one kernel updates it; what is frozen, each
//! with room for its adapters.

use super::share::{self, Bucket, Owned};
use crate::{
    model::{Architecture, EMBEDDING, HEAD, LAST_NORM, lora::Lora},
    ops::{
        adamw::Trained,
        memory::{Class, Kind, Layout, Matrix},
    },
};

/// Columns behind a base's are a multiple of this.
const TAIL_MULTIPLE: usize = 64;

/// A tensor and, where it is trained, its summed gradient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight {
    pub value: Matrix,
    pub gradient: Option<Matrix>,
}

/// Linear maps of one input, side by side. With adapters, `weight` is `[W | scale · B]`, and the input has behind its own
/// columns what `A` makes of them, so that one product computes both.
#[derive(Debug)]
pub(super) struct Linear {
    /// (rows of all maps, columns + tail)
    pub weight: Matrix,
    /// Columns of the maps.
    pub columns: usize,
    /// Of all maps: (rows, columns), where they are trained in full.
    pub gradient: Option<Matrix>,
    pub adapters: Option<Adapters>,
}

/// The adapters of the maps of a [`Linear`].
#[derive(Debug)]
pub(super) struct Adapters {
    /// Tells them from others, for dropout.
    pub number: usize,
    /// What the update is multiplied by.
    pub scale: f64,
    /// The first halves, one below the other: (ranks, columns)
    pub a: Weight,
    /// The second halves.
    pub b: Vec<SecondHalf>,
}

/// An adapter's second half.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecondHalf {
    /// (rows, rank), singles.
    pub master: Matrix,
    /// As `master`.
    pub gradient: Matrix,
    /// The first row of its map among those side by side.
    pub row: usize,
    /// The first of its ranks among those below each other.
    pub rank: usize,
}

/// A block.
#[derive(Debug)]
pub(super) struct Layer {
    pub input_norm: Weight,
    pub qkv: Linear,
    pub output: Linear,
    pub post_norm: Weight,
    pub gate_up: Linear,
    pub down: Linear,
}

/// A trained tensor: where it lies in what is trained.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub name: String,
    pub from: usize,
    pub shape: Vec<usize>,
}

impl Spot {
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Where everything of a model lies.
#[derive(Debug)]
pub(super) struct Model {
    pub embedding: Weight,
    pub layers: Vec<Layer>,
    pub last_norm: Weight,
    pub head: Weight,
    pub is_tied: bool,
    /// All that is trained, adapters first, vectors last; of masters and moments what this rank keeps.
    pub trained: Trained,
    pub spots: Vec<Spot>,
    pub buckets: Vec<Bucket>,
    /// What this rank keeps masters and moments of.
    pub owned: Vec<Owned>,
    /// Tensors that stay as they are.
    pub frozen: Vec<(String, Matrix)>,
}

/// The maps of a block that have one input.
const GROUPS: [&[&str]; 4] = [
    &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    &["self_attn.o_proj"],
    &["mlp.gate_proj", "mlp.up_proj"],
    &["mlp.down_proj"],
];

impl Model {
    /// Plan a model's tensors for a rank of a world. Without `has_masters` what is trained and its moments are halves.
    pub fn plan(
        layout: &mut Layout,
        architecture: &Architecture,
        lora: Option<&Lora>,
        has_masters: bool,
        place: (usize, usize),
    ) -> Self {
        let (spots, num_decayed) = spots(architecture, lora);
        let buckets = share::buckets(&spots, place.1, architecture.tie_word_embeddings);
        let owned = share::owned(&buckets, place, num_decayed);
        let count = spots.last().map_or(0, |spot| spot.from + spot.len());
        let kept = owned.last().map_or(0, |owned| owned.at + owned.len);
        let state = if has_masters { Kind::Single } else { Kind::Half };
        let mut flat = |class, kind, count| layout.matrix(class, kind, 1, count);
        let trained = Trained {
            value: flat(Class::Weights, Kind::Half, count),
            gradient: flat(Class::Gradients, state, count),
            master: has_masters.then(|| flat(Class::Optimizer, Kind::Single, kept)),
            first: flat(Class::Optimizer, state, kept),
            second: flat(Class::Optimizer, state, kept),
        };
        let mut planner = Planner { layout, architecture, lora, trained, spots: &spots, frozen: Vec::new() };
        let embedding = planner.weight(EMBEDDING, architecture.vocab_size, architecture.hidden_size);
        let layers = (0..architecture.num_hidden_layers).map(|layer| planner.layer(layer)).collect();
        let last_norm = planner.weight(LAST_NORM, 1, architecture.hidden_size);
        let head = match architecture.tie_word_embeddings {
            true => embedding,
            false => planner.weight(HEAD, architecture.vocab_size, architecture.hidden_size),
        };
        let frozen = planner.frozen;
        let is_tied = architecture.tie_word_embeddings;
        Self { embedding, layers, last_norm, head, is_tied, trained, spots, buckets, owned, frozen }
    }
}

/// The trained tensors, and how many numbers of them decay. Maps that share an input follow one another.
fn spots(architecture: &Architecture, lora: Option<&Lora>) -> (Vec<Spot>, usize) {
    let mut tensors = match lora {
        None => architecture.tensors(),
        Some(lora) => lora.tensors(architecture),
    };
    // First halves before second halves, group by group; the rest in the order of the computation, vectors last.
    let group = |name: &str| {
        let layer: usize = name.split('.').nth(2).and_then(|layer| layer.parse().ok()).unwrap_or(0);
        let group = GROUPS.iter().position(|maps| maps.iter().any(|map| name.contains(map))).unwrap_or(0);
        (layer, group, name.ends_with("lora_B.weight"))
    };
    let is_adapter = |name: &str| name.contains(".lora_");
    tensors.sort_by_key(|(name, shape)| (shape.len() < 2, !is_adapter(name), is_adapter(name).then(|| group(name))));
    let mut from = 0;
    let mut num_decayed = 0;
    let spot = |(name, shape): (String, Vec<usize>)| {
        let spot = Spot { name, from, shape };
        from += spot.len();
        if spot.shape.len() > 1 {
            num_decayed = from;
        }
        spot
    };
    let spots = tensors.into_iter().map(spot).collect();
    (spots, num_decayed)
}

struct Planner<'a> {
    layout: &'a mut Layout,
    architecture: &'a Architecture,
    lora: Option<&'a Lora>,
    trained: Trained,
    spots: &'a [Spot],
    frozen: Vec<(String, Matrix)>,
}

impl Planner<'_> {
    fn spot(&self, name: &str) -> Option<&Spot> {
        self.spots.iter().find(|spot| spot.name == name)
    }

    fn weight(&mut self, name: &str, rows: usize, columns: usize) -> Weight {
        match self.spot(name).map(|spot| spot.from) {
            Some(from) => Weight {
                value: self.trained.value.reshaped(from, rows, columns),
                gradient: Some(self.trained.gradient.reshaped(from, rows, columns)),
            },
            None => {
                let value = self.layout.matrix(Class::Weights, Kind::Half, rows, columns);
                self.frozen.push((name.to_owned(), value));
                Weight { value, gradient: None }
            }
        }
    }

    fn layer(&mut self, layer: usize) -> Layer {
        let mut norm =
            |name: &str| self.weight(&format!("model.layers.{layer}.{name}.weight"), 1, self.architecture.hidden_size);
        let (input_norm, post_norm) = (norm("input_layernorm"), norm("post_attention_layernorm"));
        let mut linear = |group: usize| self.linear(layer, group);
        let (qkv, output, gate_up, down) = (linear(0), linear(1), linear(2), linear(3));
        Layer { input_norm, qkv, output, post_norm, gate_up, down }
    }

    fn linear(&mut self, layer: usize, group: usize) -> Linear {
        let full = |map: &str| format!("model.layers.{layer}.{map}");
        let shapes: Vec<(&str, usize)> =
            GROUPS[group].iter().map(|map| (*map, self.architecture.linear_shape(map).0)).collect();
        let columns = self.architecture.linear_shape(GROUPS[group][0]).1;
        let rows = shapes.iter().map(|(_, rows)| rows).sum();
        let first = format!("{}.weight", full(GROUPS[group][0]));
        if let Some(from) = self.spot(&first).map(|spot| spot.from) {
            let weight = self.trained.value.reshaped(from, rows, columns);
            let gradient = Some(self.trained.gradient.reshaped(from, rows, columns));
            return Linear { weight, columns, gradient, adapters: None };
        }
        let adapters = self.adapters(layer, group, &shapes, columns);
        let ranks = adapters.as_ref().map_or(0, |adapters| adapters.a.value.rows);
        let tail = ranks.next_multiple_of(TAIL_MULTIPLE);
        let weight = self.layout.matrix(Class::Weights, Kind::Half, rows, columns + tail);
        let mut row = 0;
        for (map, rows) in shapes {
            self.frozen.push((format!("{}.weight", full(map)), weight.rows(row, rows).columns(0, columns)));
            row += rows;
        }
        Linear { weight, columns, gradient: None, adapters }
    }

    fn adapters(&self, layer: usize, group: usize, shapes: &[(&str, usize)], columns: usize) -> Option<Adapters> {
        let lora = self.lora?;
        let spot = |map: &str, half: &str| self.spot(&format!("model.layers.{layer}.{map}.lora_{half}.weight"));
        let master = self.trained.master.unwrap_or(self.trained.value);
        let (mut b, mut row) = (Vec::new(), 0);
        for (map, rows) in shapes {
            if let Some(spot) = spot(map, "B") {
                let place = |flat: Matrix| flat.reshaped(spot.from, *rows, lora.rank);
                let rank = b.len() * lora.rank;
                b.push(SecondHalf { master: place(master), gradient: place(self.trained.gradient), row, rank });
            }
            row += rows;
        }
        let first = shapes.iter().find_map(|(map, _)| spot(map, "A"))?;
        let stacked = |flat: Matrix| flat.reshaped(first.from, b.len() * lora.rank, columns);
        let a = Weight { value: stacked(self.trained.value), gradient: Some(stacked(self.trained.gradient)) };
        Some(Adapters { number: layer * GROUPS.len() + group, scale: lora.scale(), a, b })
    }
}

impl Model {
    /// What this rank keeps masters and moments of, a piece at a time.
    pub fn piece(&self, owned: &Owned) -> Trained {
        let Trained { gradient, value, master, first, second } = self.trained;
        let kept = |matrix: Matrix| matrix.columns(owned.at, owned.len);
        Trained {
            gradient: gradient.columns(owned.from, owned.len),
            value: value.columns(owned.from, owned.len),
            master: master.map(kept),
            first: kept(first),
            second: kept(second),
        }
    }

    /// Where this rank keeps states of a tensor: the numbers of the tensor, and those that are kept.
    pub fn kept(&self, spot: &Spot) -> Vec<(std::ops::Range<usize>, usize)> {
        let overlap = |owned: &Owned| {
            let from = owned.from.max(spot.from);
            let to = (owned.from + owned.len).min(spot.from + spot.len());
            (from < to).then(|| (from - spot.from..to - spot.from, owned.at + from - owned.from))
        };
        self.owned.iter().filter_map(overlap).collect()
    }

    /// The gradients that are always added to: all but those of products, which a first part overwrites.
    pub fn added(&self) -> Vec<Matrix> {
        let is_added = |spot: &&Spot| spot.shape.len() < 2 || spot.name.contains(".lora_") || spot.name == EMBEDDING;
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for spot in self.spots.iter().filter(is_added) {
            match ranges.last_mut().filter(|(from, len)| from + len == spot.from) {
                Some((_, len)) => *len += spot.len(),
                None => ranges.push((spot.from, spot.len())),
            }
        }
        ranges.into_iter().map(|(from, len)| self.trained.gradient.columns(from, len)).collect()
    }
}

impl Linear {
    /// Columns of the input with its tail.
    pub fn width(&self) -> usize {
        self.weight.columns
    }

    /// Whether the backward pass needs the input.
    pub fn needs_input(&self) -> bool {
        self.gradient.is_some() || self.adapters.is_some()
    }
}
