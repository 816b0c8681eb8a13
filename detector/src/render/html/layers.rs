//! Where the boxes of a wait-for picture stand to each other: parts that hang together, and in each part
//! rows and columns. Numbers only; sizes come later.
//!
//! A circle goes down one column and up the next one, so that it is seen as one. What waits stands above
//! what it waits for, and so the root of all is at the bottom.
//!
//! Invariants:
//! 1. Every node is in one part, and no two nodes of a part stand at the same place.
//! 2. Each step places a node, so it ends whatever the arrows are.

use crate::render::picture::Frame;

/// Nodes that hang together.
pub(super) struct Part {
    /// Nodes, by their place in the frame.
    pub(super) nodes: Vec<Spot>,
    /// Whether it has a circle.
    pub(super) is_ring: bool,
}

impl Part {
    pub(super) fn rows(&self) -> usize {
        self.nodes.iter().map(|spot| spot.row + 1).max().unwrap_or(0)
    }

    /// Of its widest row.
    pub(super) fn columns(&self) -> usize {
        self.nodes.iter().map(|spot| spot.column + 1).max().unwrap_or(0)
    }
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spot {
    pub(super) node: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

/// Arrows between nodes of a frame, by their places in it, and what can be reached by them.
pub(super) struct Graph {
    pub(super) arrows: Vec<(usize, usize)>,
    reach: Vec<Vec<bool>>,
}

impl Graph {
    pub(super) fn of(frame: &Frame) -> Graph {
        let at = |id: usize| frame.nodes.iter().position(|node| node.id == id);
        let ends = |from, to| Some((at(from)?, at(to)?));
        let arrows: Vec<(usize, usize)> =
            frame.arrows.iter().filter_map(|arrow| ends(arrow.from, arrow.to)).collect();
        let count = frame.nodes.len();
        let mut reach = vec![vec![false; count]; count];
        for &(from, to) in &arrows {
            reach[from][to] = true;
        }
        for over in 0..count {
            let onward = reach[over].clone();
            for row in reach.iter_mut().filter(|row| row[over]) {
                row.iter_mut().zip(&onward).for_each(|(own, more)| *own |= more);
            }
        }
        Graph { arrows, reach }
    }

    /// Whether an arrow is part of a circle.
    pub(super) fn is_in_circle(&self, (from, to): (usize, usize)) -> bool {
        self.reach[to][from]
    }

    /// The parts, in the order of their first nodes.
    pub(super) fn parts(&self) -> Vec<Part> {
        let count = self.reach.len();
        let mut part_of: Vec<usize> = (0..count).collect();
        for &(from, to) in &self.arrows {
            let (kept, merged) = (part_of[from].min(part_of[to]), part_of[from].max(part_of[to]));
            part_of.iter_mut().filter(|it| **it == merged).for_each(|it| *it = kept);
        }
        let firsts = (0..count).filter(|&at| part_of[at] == at);
        let nodes_of = |first: usize| (0..count).filter(|&at| part_of[at] == first).collect();
        firsts.map(|first| self.part(nodes_of(first))).collect()
    }

    fn part(&self, nodes: Vec<usize>) -> Part {
        let ring = self.ring(&nodes);
        let mut rows: Vec<(usize, i32)> = Vec::new();
        let down = ring.len().div_ceil(2);
        let row = |step: usize| if step < down { step } else { ring.len() - 1 - step };
        rows.extend(ring.iter().enumerate().map(|(step, &node)| (node, signed(row(step)))));
        while let Some(next) = self.next(&nodes, &rows) {
            rows.push(next);
        }
        let top = rows.iter().map(|(_, row)| *row).min().unwrap_or(0);
        let mut spots: Vec<Spot> = Vec::new();
        for (node, row) in rows {
            let row = usize::try_from(row - top).unwrap_or(0);
            let column = spots.iter().filter(|spot| spot.row == row).count();
            spots.push(Spot { node, row, column });
        }
        Part { nodes: spots, is_ring: !ring.is_empty() }
    }

    /// The nodes of a circle in its order; empty when there is none.
    fn ring(&self, nodes: &[usize]) -> Vec<usize> {
        let Some(&first) = nodes.iter().find(|&&node| self.reach[node][node]) else {
            return Vec::new();
        };
        let mut ring = vec![first];
        let mut last = first;
        let onward = |from: usize, ring: &[usize]| {
            let own = self.arrows.iter().filter(|arrow| arrow.0 == from).map(|arrow| arrow.1);
            own.into_iter().find(|&to| self.reach[to][first] && !ring.contains(&to))
        };
        while let Some(next) = onward(last, &ring) {
            ring.push(next);
            last = next;
        }
        ring
    }

    /// A node that can be placed, and its row: above all that it points at, if these have places; else
    /// above some of it; else below what points at it; else anywhere.
    fn next(&self, nodes: &[usize], rows: &[(usize, i32)]) -> Option<(usize, i32)> {
        let row_of = |node: usize| rows.iter().find(|(it, _)| *it == node).map(|(_, row)| *row);
        let left: Vec<usize> = nodes.iter().copied().filter(|&it| row_of(it).is_none()).collect();
        let targets =
            |node: usize| self.arrows.iter().filter(move |it| it.0 == node && it.1 != node);
        let above = |node: usize| targets(node).filter_map(|it| row_of(it.1)).min();
        let is_ready = |node: usize| targets(node).all(|it| row_of(it.1).is_some());
        let ready = left.iter().find(|&&node| is_ready(node) && above(node).is_some());
        let some = || left.iter().find(|&&node| above(node).is_some());
        if let Some(&node) = ready {
            // One that others wait on too may stand higher than one step.
            return above(node).map(|row| (node, row - 1));
        }
        let sources = |node: usize| self.arrows.iter().filter(move |it| it.1 == node);
        let below = |node: usize| sources(node).filter_map(|it| row_of(it.0)).max();
        let is_sink = |node: usize| targets(node).next().is_none();
        let sink = left.iter().find(|&&node| is_sink(node));
        match (sink, some()) {
            (Some(&node), _) => Some((node, below(node).map_or(0, |row| row + 1))),
            (None, Some(&node)) => above(node).map(|row| (node, row - 1)),
            (None, None) => left.first().map(|&node| (node, below(node).map_or(0, |row| row + 1))),
        }
    }
}

fn signed(row: usize) -> i32 {
    i32::try_from(row).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Graph, Part};
    use crate::render::picture::{Arrow, Frame, Kind, Means, Node};

    fn parts(nodes: usize, arrows: &[(usize, usize)]) -> Vec<Part> {
        let node = |id| Node { id, kind: Kind::Task, lines: Vec::new() };
        let arrow = |&(from, to): &(usize, usize)| {
            // Ids count over the whole picture.
            Arrow { from: from + 7, to: to + 7, text: String::new(), means: Means::Wants }
        };
        let nodes = (7..nodes + 7).map(node).collect();
        let frame =
            Frame { title: String::new(), nodes, arrows: arrows.iter().map(arrow).collect() };
        let parts = Graph::of(&frame).parts();
        let mut all: Vec<usize> = parts.iter().flat_map(|it| &it.nodes).map(|it| it.node).collect();
        all.sort_unstable();
        assert_eq!(all, (0..frame.nodes.len()).collect::<Vec<_>>());
        for part in &parts {
            for (at, spot) in part.nodes.iter().enumerate() {
                let same = |it: &&super::Spot| (it.row, it.column) == (spot.row, spot.column);
                assert_eq!(part.nodes.iter().filter(same).count(), 1, "{at}");
            }
        }
        parts
    }

    fn places(part: &Part) -> Vec<(usize, usize, usize)> {
        let mut all: Vec<_> = part.nodes.iter().map(|it| (it.node, it.row, it.column)).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn a_circle_is_seen_as_one_and_what_waits_stands_above() {
        let ring = parts(5, &[(0, 1), (1, 2), (2, 3), (3, 0), (4, 0)]);
        assert_eq!(places(&ring[0]), [(0, 1, 0), (1, 2, 0), (2, 2, 1), (3, 1, 1), (4, 0, 0)]);
    }

    #[test]
    fn a_chain_ends_at_the_bottom_and_parts_are_apart() {
        let two = parts(5, &[(0, 1), (1, 2), (3, 4)]);
        assert_eq!(places(&two[0]), [(0, 0, 0), (1, 1, 0), (2, 2, 0)]);
        assert_eq!(places(&two[1]), [(3, 0, 0), (4, 1, 0)]);
    }

    #[test]
    fn all_arrows_between_four_nodes_have_a_picture() {
        let pairs: Vec<(usize, usize)> = (0..4).flat_map(|a| (0..4).map(move |b| (a, b))).collect();
        for set in 0_u32..1 << 16 {
            if set.count_ones() <= 5 {
                let chosen = pairs.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
                parts(4, &chosen.map(|(_, pair)| *pair).collect::<Vec<_>>());
            }
        }
    }
}
