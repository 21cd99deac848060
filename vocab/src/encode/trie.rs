//! Defines the double-array trie that finds the longest piece at a position.

/// No piece, or no node.
pub(super) const NONE: u32 = u32::MAX;

const FREE: u32 = u32::MAX;
const ROOT: u32 = u32::MAX - 1;

/// A trie over character codes: the child of node `n` by code `c` lies at `nodes[n.base + c]`, if that
/// slot names `n` as its parent. (Aoe, "An efficient digital search algorithm by using a double-array
/// structure", 1989.) The first level lies at the codes themselves, so a walk starts without a search.
pub(super) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Node {
    parent: u32,
    base: u32,
    /// What ends at this node.
    value: u32,
}

const EMPTY: Node = Node { parent: FREE, base: 0, value: NONE };

impl Trie {
    /// A trie of `entries`: code sequences, each with its value. Codes are below `num_codes`, and every code
    /// is an entry itself.
    pub(super) fn new(mut entries: Vec<(Vec<u32>, u32)>, num_codes: u32) -> Self {
        entries.sort_unstable();
        let mut trie = Self { nodes: vec![EMPTY; 2 * num_codes as usize + 2] };
        for node in &mut trie.nodes[..num_codes as usize] {
            node.parent = ROOT;
        }
        // The nodes that still need room for their children: slot, depth, entries below.
        let mut open = Vec::new();
        for group in entries.chunk_by(|a, b| a.0[0] == b.0[0]) {
            let code = group[0].0[0];
            open.push((code, 1usize, group));
        }
        let mut free = FreeSlots { from: num_codes as usize };
        while !open.is_empty() {
            let mut families: Vec<Family<'_>> =
                open.drain(..).map(|(slot, depth, below)| Family::new(slot, depth, below)).collect();
            // Large families first: they need room that small ones would splinter.
            families.sort_by_key(|f| std::cmp::Reverse(f.children.len()));
            for family in families {
                if let Some(value) = family.value {
                    trie.nodes[family.slot as usize].value = value;
                }
                if family.children.is_empty() {
                    continue;
                }
                let base = free.base_for(&mut trie.nodes, &family.children, num_codes);
                trie.nodes[family.slot as usize].base = base;
                for (code, below) in family.children {
                    let slot = base + code;
                    trie.nodes[slot as usize].parent = family.slot;
                    open.push((slot, family.depth + 1, below));
                }
            }
        }
        trie
    }

    /// The value of the longest entry at the start of `codes`, which is not empty.
    #[inline]
    pub(super) fn longest(&self, codes: &[u32]) -> u32 {
        let mut at = codes[0];
        let mut node = self.nodes[at as usize];
        let mut best = node.value;
        for code in &codes[1..] {
            let next = node.base + code;
            let child = self.nodes[next as usize];
            if child.parent != at {
                break;
            }
            at = next;
            node = child;
            if node.value != NONE {
                best = node.value;
            }
        }
        best
    }
}

type Entry = (Vec<u32>, u32);

struct Family<'a> {
    slot: u32,
    depth: usize,
    value: Option<u32>,
    children: Vec<(u32, &'a [Entry])>,
}

impl<'a> Family<'a> {
    fn new(slot: u32, depth: usize, below: &'a [Entry]) -> Self {
        let (value, rest) = match below {
            [(codes, value), rest @ ..] if codes.len() == depth => (Some(*value), rest),
            _ => (None, below),
        };
        let children = rest.chunk_by(|a, b| a.0[depth] == b.0[depth]).map(|group| (group[0].0[depth], group)).collect();
        Self { slot, depth, value, children }
    }
}

/// Finds room for families of children, first fit.
struct FreeSlots {
    /// Every slot before this one is taken.
    from: usize,
}

impl FreeSlots {
    fn base_for(&mut self, nodes: &mut Vec<Node>, children: &[(u32, &[Entry])], num_codes: u32) -> u32 {
        while nodes.get(self.from).is_some_and(|n| n.parent != FREE) {
            self.from += 1;
        }
        let first = children[0].0;
        let mut slot = self.from.max(first as usize);
        loop {
            let base = slot as u32 - first;
            // Any code may be looked up below any base.
            if nodes.len() < (base + num_codes) as usize {
                nodes.resize((base + num_codes) as usize + 1024, EMPTY);
            }
            if children.iter().all(|(code, _)| nodes[(base + code) as usize].parent == FREE) {
                return base;
            }
            slot += 1;
        }
    }
}
