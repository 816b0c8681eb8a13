//! Why stuck tasks are stuck: root causes, and who waits behind each.
//!
//! Among the stuck, a set in which everybody waits for the others and nobody for a stranger is a
//! root cause (a strongly connected component without a way out); all others wait behind one.
//!
//! Invariants:
//! 1. Everything is iterative and linear: graphs come from users.
//! 2. Each stuck task is a member or a dependent of exactly one cause.

use std::collections::VecDeque;

use crate::standstill::Standstill;

/// A root cause among stuck tasks.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    /// The tasks of the cause, ascending.
    pub(crate) members: Vec<usize>,
    /// A shortest circle through the first member, in order; empty when it waits for nobody.
    pub(crate) circle: Vec<usize>,
    /// Tasks behind it and behind no earlier one, ascending.
    pub(crate) dependents: Vec<usize>,
}

/// The causes of a standstill, by first member.
pub(crate) fn causes(still: &Standstill<'_>) -> Vec<Cause> {
    let (graph, stuck) = (still.graph, &still.stuck);
    let component = components(still);
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
        let leaves = |other: usize| stuck[other] && component[other] != Some(own);
        open[own] |= still.keepers(node).any(leaves);
    }
    let mut causes: Vec<Cause> = members
        .into_iter()
        .zip(open)
        .filter(|(members, open)| !open && !members.is_empty())
        .map(|(members, _)| Cause {
            circle: circle(still, &component, members[0]),
            members,
            dependents: Vec::new(),
        })
        .collect();
    causes.sort_by_key(|cause| cause.members[0]);
    add_dependents(still, &mut causes);
    causes
}

/// Tarjan's algorithm on an explicit stack: the number of each stuck node's component.
fn components(still: &Standstill<'_>) -> Vec<Option<usize>> {
    let stuck = &still.stuck;
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
            if let Some(next) = still.kept_by(node, edge) {
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

/// A shortest way from `start` back to itself inside its component; tasks only. None for most: those
/// that nobody keeps.
fn circle(still: &Standstill<'_>, component: &[Option<usize>], start: usize) -> Vec<usize> {
    if still.kept_by(start, 0).is_none() {
        return Vec::new();
    }
    let mut from = std::collections::BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for next in still.keepers(node) {
            if component[next] != component[start] {
                continue;
            }
            if next == start {
                let mut way = vec![node];
                while way[way.len() - 1] != start {
                    way.push(from[&way[way.len() - 1]]);
                }
                way.reverse();
                way.retain(|&node| node < still.graph.tasks);
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
fn add_dependents(still: &Standstill<'_>, causes: &mut [Cause]) {
    let mut taken: Vec<bool> = still.stuck.iter().map(|stuck| !stuck).collect();
    for cause in causes.iter() {
        for &member in &cause.members {
            taken[member] = true;
        }
    }
    for cause in causes.iter_mut() {
        let mut queue = cause.members.clone();
        while let Some(node) = queue.pop() {
            for waiter in still.graph.enables.of(node) {
                if !taken[waiter] {
                    taken[waiter] = true;
                    queue.push(waiter);
                    if waiter < still.graph.tasks {
                        cause.dependents.push(waiter);
                    }
                }
            }
        }
        cause.dependents.sort_unstable();
    }
}
