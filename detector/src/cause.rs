//! Why stuck tasks are stuck: root causes, and who waits behind each.
//!
//! Among the stuck, a set in which everybody waits for the others and nobody for a stranger is a
//! root cause (a strongly connected component without a way out); all others wait behind one.
//!
//! Invariants:
//! 1. Everything is iterative and linear: graphs come from users.
//! 2. Each stuck task is a member or a dependent of exactly one cause.

use std::collections::VecDeque;

use crate::liveness::WaitGraph;

/// A root cause among stuck tasks.
#[derive(Debug)]
pub(crate) struct Cause {
    /// The tasks of the cause, ascending.
    pub(crate) members: Vec<usize>,
    /// A shortest circle through the first member, in order; empty when it waits for nobody.
    pub(crate) circle: Vec<usize>,
    /// Tasks behind it and behind no earlier one, ascending.
    pub(crate) dependents: Vec<usize>,
}

/// The causes among the nodes that are `stuck`, by first member.
pub(crate) fn causes(graph: &WaitGraph, stuck: &[bool]) -> Vec<Cause> {
    let component = components(graph, stuck);
    let mut members: Vec<Vec<usize>> = Vec::new();
    let mut open: Vec<bool> = Vec::new();
    for node in 0..stuck.len() {
        let Some(own) = component[node] else { continue };
        if members.len() <= own {
            members.resize(own + 1, Vec::new());
            open.resize(own + 1, false);
        }
        if node < graph.tasks {
            members[own].push(node);
        }
        let leaves = |&other: &usize| stuck[other] && component[other] != Some(own);
        open[own] |= graph.enablers[node].iter().any(leaves);
    }
    let mut causes: Vec<Cause> = members
        .into_iter()
        .zip(open)
        .filter(|(members, open)| !open && !members.is_empty())
        .map(|(members, _)| Cause {
            circle: circle(graph, &component, members[0]),
            members,
            dependents: Vec::new(),
        })
        .collect();
    causes.sort_by_key(|cause| cause.members[0]);
    add_dependents(graph, stuck, &mut causes);
    causes
}

/// Tarjan's algorithm on an explicit stack: the number of each stuck node's component.
fn components(graph: &WaitGraph, stuck: &[bool]) -> Vec<Option<usize>> {
    let nodes = stuck.len();
    let mut component: Vec<Option<usize>> = vec![None; nodes];
    // 0 is "not seen yet".
    let mut seen_at = vec![0_usize; nodes];
    let mut low = vec![0_usize; nodes];
    let mut clock = 0;
    let mut found = 0;
    let mut path = Vec::new();
    let mut calls: Vec<(usize, usize)> = Vec::new();
    for root in (0..nodes).filter(|&node| stuck[node]) {
        if seen_at[root] != 0 {
            continue;
        }
        calls.push((root, 0));
        while let Some((node, edge)) = calls.pop() {
            if edge == 0 {
                clock += 1;
                (seen_at[node], low[node]) = (clock, clock);
                path.push(node);
            }
            if let Some(&next) = graph.enablers[node].get(edge) {
                calls.push((node, edge + 1));
                if stuck[next] && seen_at[next] == 0 {
                    calls.push((next, 0));
                } else if stuck[next] && component[next].is_none() {
                    low[node] = low[node].min(seen_at[next]);
                }
                continue;
            }
            if low[node] == seen_at[node] {
                while let Some(member) = path.pop() {
                    component[member] = Some(found);
                    if member == node {
                        break;
                    }
                }
                found += 1;
            }
            if let Some(&(caller, _)) = calls.last() {
                low[caller] = low[caller].min(low[node]);
            }
        }
    }
    component
}

/// A shortest way from `start` back to itself inside its component; tasks only.
fn circle(graph: &WaitGraph, component: &[Option<usize>], start: usize) -> Vec<usize> {
    let mut from = std::collections::BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &next in &graph.enablers[node] {
            if component[next] != component[start] {
                continue;
            }
            if next == start {
                let mut way = vec![node];
                while way[way.len() - 1] != start {
                    way.push(from[&way[way.len() - 1]]);
                }
                way.reverse();
                way.retain(|&node| node < graph.tasks);
                return way;
            }
            if let std::collections::btree_map::Entry::Vacant(entry) = from.entry(next) {
                entry.insert(node);
                queue.push_back(next);
            }
        }
    }
    Vec::new()
}

/// Walks back from the causes in their order; who is met first by one is its dependent.
fn add_dependents(graph: &WaitGraph, stuck: &[bool], causes: &mut [Cause]) {
    let mut waiters = vec![Vec::new(); stuck.len()];
    for node in (0..stuck.len()).filter(|&node| stuck[node]) {
        for &enabler in &graph.enablers[node] {
            waiters[enabler].push(node);
        }
    }
    let mut taken = vec![false; stuck.len()];
    for cause in causes.iter() {
        for &member in &cause.members {
            taken[member] = true;
        }
    }
    for cause in causes.iter_mut() {
        let mut queue = cause.members.clone();
        while let Some(node) = queue.pop() {
            for &waiter in &waiters[node] {
                if !taken[waiter] {
                    taken[waiter] = true;
                    queue.push(waiter);
                    if waiter < graph.tasks {
                        cause.dependents.push(waiter);
                    }
                }
            }
        }
        cause.dependents.sort_unstable();
    }
}
