//! How ranks share what is trained: gradients are summed bucket by bucket while the backward pass goes on, and each rank
//! keeps masters and moments of its share only, updates it, and gives it to the others (Rajbhandari et al., "ZeRO", 2020,
//! stage 1). Adapters are small: every rank keeps all of them.

use super::model::{Model, Spot};
use crate::{
    Result,
    group::Group,
    model::{EMBEDDING, HEAD},
    ops::Machine,
};

/// Numbers of a share are a multiple of this.
const SHARE_MULTIPLE: usize = 8;

/// When the gradients of a bucket are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// After the loss.
    Head,
    /// After the backward pass of a block.
    Layer(usize),
    /// At the end.
    Last,
}

/// Tensors that lie beside each other and whose gradients are summed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bucket {
    pub when: When,
    pub from: usize,
    pub len: usize,
    /// Whether each rank keeps masters and moments of its share only.
    pub is_shared: bool,
}

/// Numbers whose masters and moments this rank keeps, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owned {
    /// Among all that is trained.
    pub from: usize,
    pub len: usize,
    /// Among the states that this rank keeps.
    pub at: usize,
    /// Whether others keep them too.
    pub is_everywhere: bool,
    pub has_decay: bool,
}

/// The buckets of what is trained, in their order.
pub(super) fn buckets(spots: &[Spot], world: usize, is_tied: bool) -> Vec<Bucket> {
    let kind = |spot: &Spot| {
        let when = match spot.name.split('.').nth(2).and_then(|layer| layer.parse().ok()) {
            _ if spot.shape.len() < 2 || spot.name == EMBEDDING => When::Last,
            _ if spot.name == HEAD && !is_tied => When::Head,
            Some(layer) => When::Layer(layer),
            None => When::Last,
        };
        // The embedding and the vectors are both last, and do not lie beside each other's kind.
        (when, spot.name.contains(".lora_"), spot.shape.len() < 2)
    };
    spots
        .chunk_by(|a, b| kind(a) == kind(b))
        .map(|spots| {
            let len = spots.iter().map(Spot::len).sum::<usize>();
            let is_adapter = spots[0].name.contains(".lora_");
            let is_shared = world > 1 && !is_adapter && len.is_multiple_of(world * SHARE_MULTIPLE);
            Bucket { when: kind(&spots[0]).0, from: spots[0].from, len, is_shared }
        })
        .collect()
}

/// What a rank keeps of `buckets`, of which the first `num_decayed` numbers decay.
pub(super) fn owned(buckets: &[Bucket], (rank, world): (usize, usize), num_decayed: usize) -> Vec<Owned> {
    let mut at = 0;
    let mut owned: Vec<Owned> = Vec::new();
    for bucket in buckets {
        let len = if bucket.is_shared { bucket.len / world } else { bucket.len };
        let from = bucket.from + if bucket.is_shared { rank * len } else { 0 };
        let (is_everywhere, has_decay) = (!bucket.is_shared, bucket.from < num_decayed);
        match owned.last_mut().filter(|last| {
            last.from + last.len == from && last.is_everywhere == is_everywhere && last.has_decay == has_decay
        }) {
            Some(last) => last.len += len,
            None => owned.push(Owned { from, len, at, is_everywhere, has_decay }),
        }
        at += len;
    }
    owned
}

/// Sum the gradients of a bucket over all ranks, as far as this one needs them.
fn sum(on: &mut Machine, model: &Model, bucket: &Bucket, group: &mut dyn Group) -> Result<()> {
    let gradient = model.trained.gradient.columns(bucket.from, bucket.len);
    if bucket.is_shared { group.scatter_sum(on, gradient) } else { group.sum_at(on, gradient) }
}

/// Sums buckets as they become whole, in the last part of a step.
pub(super) struct Sums<'a> {
    pub group: Option<&'a mut dyn Group>,
}

impl Sums<'_> {
    /// Sum the buckets that are whole now.
    pub fn sum(&mut self, on: &mut Machine, model: &Model, now: When) -> Result<()> {
        let Some(group) = self.group.as_deref_mut().filter(|group| group.world() > 1) else { return Ok(()) };
        model.buckets.iter().filter(|bucket| bucket.when == now).try_for_each(|bucket| sum(on, model, bucket, group))
    }

    /// Sum all buckets as a backward pass would, one after another: other ranks may be in the middle of theirs.
    pub fn sum_all(&mut self, on: &mut Machine, model: &Model) -> Result<()> {
        let layers = (0..model.layers.len()).rev().map(When::Layer);
        [When::Head].into_iter().chain(layers).chain([When::Last]).try_for_each(|now| self.sum(on, model, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_kept_by_one_rank_or_by_all() {
        let spot = |name: &str, from, shape: &[usize]| Spot { name: name.into(), from, shape: shape.to_vec() };
        let spots = [
            spot(EMBEDDING, 0, &[6, 8]),
            spot("model.layers.0.self_attn.q_proj.weight", 48, &[8, 8]),
            spot("model.layers.0.mlp.up_proj.weight", 112, &[8, 8]),
            spot("model.layers.1.self_attn.q_proj.weight", 176, &[5, 8]),
            spot(HEAD, 216, &[6, 8]),
            spot("model.norm.weight", 264, &[8]),
        ];
        for world in 1..5 {
            let buckets = buckets(&spots, world, false);
            assert_eq!(buckets.len(), 5);
            assert_eq!(
                buckets[1],
                Bucket { when: When::Layer(0), from: 48, len: 128, is_shared: world == 2 || world == 4 }
            );
            assert_eq!((buckets[0].when, buckets[3].when, buckets[4].when), (When::Last, When::Head, When::Last));
            let mut times = [0; 272];
            for rank in 0..world {
                let owned = owned(&buckets, (rank, world), 264);
                for (owned, next) in owned.iter().zip(owned.iter().skip(1)) {
                    assert_eq!(owned.at + owned.len, next.at);
                }
                for owned in &owned {
                    let counts = if owned.is_everywhere { usize::from(rank == 0) } else { 1 };
                    times[owned.from..owned.from + owned.len].iter_mut().for_each(|times| *times += counts);
                    assert_eq!(owned.has_decay, owned.from < 264);
                }
            }
            assert!(times.iter().all(|times| *times == 1), "{world}");
        }
        assert_eq!(owned(&buckets(&spots, 1, false), (0, 1), 264).len(), 2, "alone, there are two pieces");
    }
}
