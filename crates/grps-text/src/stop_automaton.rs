//! An automaton of Aho and Corasick over the bytes of stop strings.
//!
//! The `aho-corasick` crate finds matches; here the length of what may become one is needed too,
//! at every byte.

use std::collections::VecDeque;

/// A node: the beginning of one or several patterns.
#[derive(Debug, Default)]
struct Node {
    /// Next bytes with their nodes, few as there are few patterns.
    next: Vec<(u8, u32)>,
    /// Node of the longest proper suffix that also begins a pattern.
    fallback: u32,
    /// Length in bytes.
    depth: u32,
    /// The longest pattern that ends here.
    matched: Option<Match>,
}

/// A pattern that ends at the byte that was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// Position among the patterns; the first of equal ones.
    pub(crate) pattern: usize,
    /// Length in bytes.
    pub(crate) bytes: usize,
}

/// Patterns to find. A state is a number; 0 is the first one.
#[derive(Debug)]
pub(crate) struct StopAutomaton {
    nodes: Vec<Node>,
    /// Bytes that begin a pattern.
    begins: [bool; 256],
}

impl StopAutomaton {
    /// Takes patterns that are not empty.
    pub(crate) fn new(patterns: &[impl AsRef<str>]) -> Self {
        let mut automaton = Self { nodes: vec![Node::default()], begins: [false; 256] };
        for (pattern, text) in patterns.iter().enumerate() {
            automaton.add(pattern, text.as_ref().as_bytes());
        }
        automaton.link();
        automaton
    }

    fn add(&mut self, pattern: usize, bytes: &[u8]) {
        let mut state = 0;
        for &byte in bytes {
            state = self.child(state, byte).unwrap_or_else(|| self.add_node(state, byte));
        }
        if let Some(&byte) = bytes.first() {
            self.begins[usize::from(byte)] = true;
        }
        let found = Match { pattern, bytes: bytes.len() };
        self.nodes[state as usize].matched.get_or_insert(found);
    }

    fn add_node(&mut self, parent: u32, byte: u8) -> u32 {
        let state = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let depth = self.depth(parent) + 1;
        self.nodes.push(Node { depth, ..Node::default() });
        self.nodes[parent as usize].next.push((byte, state));
        state
    }

    /// Sets the fallback of each node after those of shorter ones.
    fn link(&mut self) {
        let mut open = VecDeque::from([0]);
        while let Some(parent) = open.pop_front() {
            for (byte, state) in self.nodes[parent as usize].next.clone() {
                open.push_back(state);
                if parent == 0 {
                    continue;
                }
                let fallback = self.step(self.nodes[parent as usize].fallback, byte);
                let inherited = self.nodes[fallback as usize].matched;
                let node = &mut self.nodes[state as usize];
                node.fallback = fallback;
                node.matched = node.matched.or(inherited);
            }
        }
    }

    fn child(&self, state: u32, byte: u8) -> Option<u32> {
        let next = &self.nodes[state as usize].next;
        next.iter().find(|(other, _)| *other == byte).map(|(_, state)| *state)
    }

    /// The state after a byte.
    pub(crate) fn step(&self, mut state: u32, byte: u8) -> u32 {
        loop {
            match self.child(state, byte) {
                Some(next) => return next,
                None if state == 0 => return 0,
                None => state = self.nodes[state as usize].fallback,
            }
        }
    }

    /// The longest pattern that ends in a state.
    pub(crate) fn matched(&self, state: u32) -> Option<Match> {
        self.nodes[state as usize].matched
    }

    /// How many of the bytes read last may be the beginning of a pattern.
    pub(crate) fn depth(&self, state: u32) -> u32 {
        self.nodes[state as usize].depth
    }

    /// Whether no pattern begins in a text.
    pub(crate) fn is_absent(&self, text: &str) -> bool {
        !text.bytes().any(|byte| self.begins[usize::from(byte)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_and_match_follow_the_longest_suffix() {
        let automaton = StopAutomaton::new(&["abab", "bc", "bc", "c"]);
        let mut state = 0;
        let seen: Vec<_> = "ababc"
            .bytes()
            .map(|byte| {
                state = automaton.step(state, byte);
                let matched = automaton.matched(state).map(|found| (found.pattern, found.bytes));
                (automaton.depth(state), matched)
            })
            .collect();
        let expected = [(1, None), (2, None), (3, None), (4, Some((0, 4))), (2, Some((1, 2)))];
        assert_eq!(seen, expected, "the longest that ends there, the first of equal ones");
        assert!(automaton.is_absent("xyz") && !automaton.is_absent("xyc"));
    }
}
