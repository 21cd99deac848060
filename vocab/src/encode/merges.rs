//! Defines which merges a vocabulary allows, how each piece comes about, and whether two pieces can stand side
//! by side.

use rustc_hash::FxHashMap;

use super::trie::NONE;

/// A symbol: a piece's id, or, from the number of pieces on, a character that is no piece by itself.
pub(super) type Symbol = u32;

/// How one symbol comes about.
///
/// A rank is the place of a score, best first, from 1; pieces of the same score share a rank.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// The two symbols merged last; `NONE` for a character.
    pub(super) left: Symbol,
    pub(super) right: Symbol,
    /// Rank of the merge that makes this symbol; 0 for a character.
    pub(super) rank: u32,
    /// The worst rank among this merge and all before it; 0 for a character.
    bottleneck: u32,
}

/// A character: nothing is merged to make it.
pub(super) const LEAF: Node = Node { left: NONE, right: NONE, rank: 0, bottleneck: 0 };

/// All merges: two symbols → the piece they make.
pub(super) struct Merges {
    made: FxHashMap<(Symbol, Symbol), Symbol>,
    /// By piece.
    ranks: Vec<u32>,
}

impl Merges {
    pub(super) fn new(ranks: Vec<u32>) -> Self {
        Self { made: FxHashMap::default(), ranks }
    }

    pub(super) fn insert(&mut self, left: Symbol, right: Symbol, made: Symbol) {
        self.made.insert((left, right), made);
    }

    /// What two neighbours make, and its rank.
    pub(super) fn made(&self, left: Symbol, right: Symbol) -> Option<(Symbol, u32)> {
        self.made.get(&(left, right)).map(|&made| (made, self.ranks[made as usize]))
    }

    pub(super) fn rank_of(&self, symbol: Symbol) -> u32 {
        self.ranks.get(symbol as usize).copied().unwrap_or(0)
    }

    /// SentencePiece's algorithm as it is defined: while any two neighbours can merge, merge the pair of the
    /// best score, the leftmost of several. `nodes` learns how the symbols came about.
    pub(super) fn apply(&self, symbols: &mut Vec<Symbol>, nodes: &mut [Node]) {
        loop {
            let best = symbols
                .windows(2)
                .enumerate()
                .filter_map(|(at, pair)| self.made(pair[0], pair[1]).map(|(made, rank)| (rank, at, made)))
                .min();
            let Some((rank, at, made)) = best else { return };
            let (left, right) = (symbols[at], symbols[at + 1]);
            let below = nodes[left as usize].bottleneck.max(nodes[right as usize].bottleneck);
            nodes[made as usize] = Node { left, right, rank, bottleneck: rank.max(below) };
            symbols[at] = made;
            symbols.remove(at + 1);
        }
    }

    /// The merges between symbols for which `possible` holds, for fast lookup.
    pub(super) fn table(&self, possible: impl Fn(Symbol) -> bool) -> RankTable {
        let wanted = |(&(left, right), &made): (&(Symbol, Symbol), &Symbol)| {
            (possible(left) && possible(right)).then(|| (left, right, self.ranks[made as usize]))
        };
        RankTable::new(&self.made.iter().filter_map(wanted).collect::<Vec<_>>())
    }
}

/// Two symbols → the rank of their merge: open addressing, one word a slot.
pub(super) struct RankTable {
    /// Symbols in 20 bits each, the rank in 24; 0 is an empty slot.
    slots: Vec<u64>,
    shift: u32,
}

/// The most symbols that [`RankTable`] can tell apart.
pub(super) const MAX_SYMBOLS: usize = 1 << 20;

impl RankTable {
    fn new(merges: &[(Symbol, Symbol, u32)]) -> Self {
        let bits = (merges.len() * 2).next_power_of_two().trailing_zeros().max(4);
        let mut table = Self { slots: vec![0; 1 << bits], shift: 64 - bits };
        for &(left, right, rank) in merges {
            let mut slot = table.first_slot(left, right);
            while table.slots[slot] != 0 {
                slot = (slot + 1) & (table.slots.len() - 1);
            }
            table.slots[slot] = key(left, right) << 24 | u64::from(rank);
        }
        table
    }

    fn first_slot(&self, left: Symbol, right: Symbol) -> usize {
        (key(left, right).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    /// The rank of the merge of two neighbours.
    #[inline]
    pub(super) fn rank(&self, left: Symbol, right: Symbol) -> Option<u32> {
        let key = key(left, right);
        let mut slot = self.first_slot(left, right);
        loop {
            let found = self.slots[slot];
            if found == 0 {
                return None;
            }
            if found >> 24 == key {
                return Some((found & 0xff_ffff) as u32);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}

fn key(left: Symbol, right: Symbol) -> u64 {
    u64::from(left) << 20 | u64::from(right)
}

/// Whether `first` and `second` stay two symbols when the text of both is encoded together.
///
/// Merging goes on inside both at once, best rank first and, at the same rank, left before right; a merge
/// across the border happens if it is the best on offer while both its halves are there. Only the halves
/// along the border count: the right spine of `first`, the left spine of `second`. This walks up both spines
/// in the order of time. Inside one symbol the rank of the running worst merge (the bottleneck) is the time
/// at which a part is complete, since a merge waits for one of a worse rank only if it needs its result.
pub(super) fn stay_apart(
    nodes: &[Node],
    table: &RankTable,
    spines: &mut Spines,
    first: Symbol,
    second: Symbol,
) -> bool {
    let Spines { of_first, of_second } = spines;
    let mut down = of_first.climb_from(first, |symbol| nodes[symbol as usize].right);
    let mut across = of_second.climb_from(second, |symbol| nodes[symbol as usize].left);
    loop {
        let (left, right) = (of_first.0[down], of_second.0[across]);
        let now = nodes[left as usize].bottleneck.max(nodes[right as usize].bottleneck);
        // The worst rank that has to pass before `left`, and before `right`, is merged into what surrounds it.
        let left_gone = down.checked_sub(1).map_or(u32::MAX, |above| {
            let parent = nodes[of_first.0[above] as usize];
            let waits_for = nodes[parent.left as usize].bottleneck;
            if waits_for > now { parent.rank.max(waits_for) } else { parent.rank }
        });
        let right_gone = across.checked_sub(1).map_or(u32::MAX, |above| {
            let parent = nodes[of_second.0[above] as usize];
            let waits_for = nodes[parent.right as usize].bottleneck;
            if waits_for >= now { parent.rank.max(waits_for) } else { parent.rank }
        });
        if let Some(rank) = table.rank(left, right)
            && rank < left_gone
            && rank <= right_gone
        {
            return false;
        }
        if left_gone == u32::MAX && right_gone == u32::MAX {
            return true;
        }
        if left_gone <= right_gone {
            down -= 1;
        } else {
            across -= 1;
        }
    }
}

/// Room for the symbols along the border of two pieces.
#[derive(Default)]
pub(super) struct Spines {
    of_first: Spine,
    of_second: Spine,
}

/// The symbols along one edge of a piece, the whole piece first.
struct Spine([Symbol; MAX_DEPTH + 1]);

impl Default for Spine {
    fn default() -> Self {
        Self([NONE; MAX_DEPTH + 1])
    }
}

impl Spine {
    /// Write the spine down to its character; the index of that character.
    fn climb_from(&mut self, top: Symbol, next: impl Fn(Symbol) -> Symbol) -> usize {
        let mut depth = 0;
        let mut symbol = top;
        loop {
            self.0[depth] = symbol;
            symbol = next(symbol);
            if symbol == NONE {
                return depth;
            }
            depth += 1;
        }
    }
}

/// The most merges on top of each other along one edge of a piece.
pub(super) const MAX_DEPTH: usize = 63;
