//! Who can still go on: the least fixpoint over the wait-for graph, and what it leaves.
//!
//! Invariant: nothing is read twice but the edges of a node when it turns live, so that the whole
//! is linear in the graph.

use crate::wait_graph::{Gate, WaitGraph};

/// What a lock counts for whose owner has finished without giving it back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Abandoned {
    /// It may be given back in a way that no record shows.
    MayComeBack,
    /// It will not.
    Lost,
}

/// The nodes that never go on, under an assumption.
pub(crate) struct Standstill<'g> {
    pub(crate) graph: &'g WaitGraph,
    pub(crate) stuck: Vec<bool>,
    /// Those of which just this is assumed, whatever they wait for.
    given: Vec<bool>,
}

impl<'g> Standstill<'g> {
    /// Who is stuck for certain, or if no abandoned lock comes back.
    pub(crate) fn of(graph: &'g WaitGraph, abandoned: Abandoned) -> Self {
        Standstill::fixpoint(graph, abandoned, vec![false; graph.gates.len()])
    }

    /// Who would be stuck if none of the `given` nodes ever went on.
    pub(crate) fn supposing(graph: &'g WaitGraph, given: impl Iterator<Item = usize>) -> Self {
        let mut assumed = vec![false; graph.gates.len()];
        for node in given {
            assumed[node] = true;
        }
        Standstill::fixpoint(graph, Abandoned::MayComeBack, assumed)
    }

    fn fixpoint(graph: &'g WaitGraph, abandoned: Abandoned, given: Vec<bool>) -> Self {
        let nodes = graph.gates.len();
        let mut missing: Vec<u32> = (0..nodes)
            .map(|node| match graph.gates[node] {
                Gate::Any => 1,
                Gate::All => graph.enablers.length(node),
            })
            .collect();
        let free = |&node: &usize| {
            let may_come_back = abandoned == Abandoned::MayComeBack && graph.abandoned[node];
            !given[node] && (graph.live[node] || may_come_back || missing[node] == 0)
        };
        let mut fresh: Vec<usize> = (0..nodes).filter(free).collect();
        let mut stuck = vec![true; nodes];
        for &node in &fresh {
            stuck[node] = false;
        }
        while let Some(node) = fresh.pop() {
            for waiting in graph.enables.of(node) {
                missing[waiting] = missing[waiting].saturating_sub(1);
                if missing[waiting] == 0 && stuck[waiting] && !given[waiting] {
                    stuck[waiting] = false;
                    fresh.push(waiting);
                }
            }
        }
        Standstill { graph, stuck, given }
    }

    /// The same without those that are stuck in another one as well.
    pub(crate) fn besides(mut self, other: &Standstill<'_>) -> Self {
        for (stuck, known) in self.stuck.iter_mut().zip(&other.stuck) {
            *stuck &= !known;
        }
        self
    }

    /// The stuck node that keeps this one from going on, by place among all that do; none beyond
    /// the last, and none for a given node.
    pub(crate) fn kept_by(&self, node: usize, place: usize) -> Option<usize> {
        if self.given[node] { None } else { self.graph.enablers.get(node, place) }
    }

    /// All that keep a node from going on.
    pub(crate) fn keepers(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let given = self.given[node];
        self.graph.enablers.of(node).filter(move |_| !given)
    }
}
