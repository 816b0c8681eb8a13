//! Circles among pairs of locks, each step by another task.
//!
//! A circle is a deadlock that could be: task by task, each holds a lock and wants the next one's. It
//! counts only if all of them could stand there at once:
//!
//! - no two of them hold the same lock, unless both read it (a lock that one of them holds besides, and
//!   another too, is a gate: they pass it one by one);
//! - where one reads and the next one wants to read, nobody waits;
//! - the tasks are different, and none has done its part before another was spawned, or before one
//!   that has spawned or joined it began.
//!
//! Invariants:
//! 1. Suppressing errs on the side of silence; a pair that would only have been waited for up to some
//!    moment is no step.
//! 2. What lies on no circle is taken away first, which is linear: in a program without one there is
//!    nothing to search. The search itself ends after [`BUDGET`] steps, and is the same each time.
//! 3. Locks are told by their identity. Where they were made tells whether two circles are alike.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gleak_snapshot::{HoldMode, LockPair, ObjectId, PairWitness, RegionId, Site};

use crate::index::Index;

/// Edges looked at, in all.
const BUDGET: usize = 4_000_000;
/// How much longer than the shortest a circle may be, where that one cannot be.
const DETOUR: usize = 2;

/// One step of a circle: a pair, and who took it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Step {
    pub(crate) pair: usize,
    pub(crate) witness: usize,
}

/// The lock that a step wants is the one that the next step holds.
pub(crate) type Circle = Vec<Step>;

/// A lock, and how it is held.
type Node = (ObjectId, HoldMode);
/// Where the locks of a pair were made.
type Places<'a> = (&'a Site, &'a Site);

/// At least one circle of each kind, by number of the pair that it begins with. Tasks of different
/// regions never meet: each region is looked at for itself, with what belongs to none.
pub(crate) fn circles(index: &Index<'_>) -> Vec<Circle> {
    let pairs = &index.snapshot.lock_order;
    let witnesses = pairs.iter().flat_map(|pair| &pair.witnesses);
    let regions: BTreeSet<Option<RegionId>> = witnesses.map(|it| it.region).collect();
    let mut budget = BUDGET;
    let mut found = BTreeSet::new();
    for region in regions {
        found.extend(Search::new(index, region).run(&mut budget));
    }
    found.into_iter().collect()
}

/// A pair as an edge from what is held to what is wanted.
struct Edge<'a> {
    number: usize,
    pair: &'a LockPair,
    /// Numbers of those that count here.
    witnesses: Vec<usize>,
    from: usize,
    to: Vec<usize>,
}

impl Edge<'_> {
    fn holds(&self) -> impl Iterator<Item = Node> {
        let gates = self.pair.gates.iter().map(|gate| (*gate, HoldMode::Exclusive));
        std::iter::once((self.pair.held.object, self.pair.held.mode)).chain(gates)
    }

    /// Whether both can be held at once by different tasks.
    fn fits(&self, other: &Edge<'_>) -> bool {
        let both_read = |one, two| one == HoldMode::Shared && two == HoldMode::Shared;
        !self.holds().any(|(lock, mode)| {
            other.holds().any(|(theirs, how)| lock == theirs && !both_read(mode, how))
        })
    }
}

struct Search<'a> {
    region: Option<RegionId>,
    pairs: &'a [LockPair],
    places: Vec<Places<'a>>,
    edges: Vec<Edge<'a>>,
    /// By node: edges out of it and into it. What lies on no circle has neither.
    out: Vec<Vec<usize>>,
    into: Vec<Vec<usize>>,
}

impl<'a> Search<'a> {
    fn new(index: &'a Index<'_>, region: Option<RegionId>) -> Self {
        let pairs = &index.snapshot.lock_order;
        let counts = |it: &PairWitness| it.region.is_none() || it.region == region;
        let mut edges = Vec::new();
        for (number, pair) in pairs.iter().enumerate().filter(|(_, pair)| !pair.timed) {
            let all = pair.witnesses.iter().enumerate();
            let witnesses: Vec<usize> = all.filter(|(_, it)| counts(it)).map(|it| it.0).collect();
            if !witnesses.is_empty() {
                edges.push(Edge { number, pair, witnesses, from: 0, to: Vec::new() });
            }
        }
        // The freest first: of equally short circles those are the likeliest.
        edges.sort_by_key(|edge| edge.pair.gates.len());
        let place = |pair: &'a LockPair| (index.site(pair.held.site), index.site(pair.wanted.site));
        let places = pairs.iter().map(place).collect();
        let mut search = Search { region, pairs, places, edges, out: Vec::new(), into: Vec::new() };
        search.connect();
        search.trim();
        search
    }

    fn connect(&mut self) {
        let held = |edge: &Edge<'_>| (edge.pair.held.object, edge.pair.held.mode);
        let nodes: BTreeSet<Node> = self.edges.iter().map(held).collect();
        let numbers: BTreeMap<Node, usize> = nodes.into_iter().zip(0..).collect();
        self.out = vec![Vec::new(); numbers.len()];
        self.into = vec![Vec::new(); numbers.len()];
        for (at, edge) in self.edges.iter_mut().enumerate() {
            edge.from = numbers[&held(edge)];
            self.out[edge.from].push(at);
            let wanted = &edge.pair.wanted;
            // Who reads does not keep readers.
            let kept_by = match wanted.mode {
                HoldMode::Exclusive => &[HoldMode::Exclusive, HoldMode::Shared][..],
                HoldMode::Shared => &[HoldMode::Exclusive],
            };
            let nodes = kept_by.iter().filter_map(|mode| numbers.get(&(wanted.object, *mode)));
            edge.to = nodes.copied().collect();
            for &node in &edge.to {
                self.into[node].push(at);
            }
        }
    }

    /// Takes away what leads nowhere or comes from nowhere, again and again.
    fn trim(&mut self) {
        let mut outs: Vec<usize> = self.out.iter().map(Vec::len).collect();
        let mut ins: Vec<usize> = self.into.iter().map(Vec::len).collect();
        let mut gone = vec![false; outs.len()];
        let is_loose = |node: &usize| outs[*node] == 0 || ins[*node] == 0;
        let mut queue: Vec<usize> = (0..outs.len()).filter(is_loose).collect();
        while let Some(node) = queue.pop() {
            if std::mem::replace(&mut gone[node], true) {
                continue;
            }
            for &edge in &self.out[node] {
                for &to in self.edges[edge].to.iter().filter(|to| !gone[**to]) {
                    ins[to] -= 1;
                    if ins[to] == 0 {
                        queue.push(to);
                    }
                }
            }
            for &edge in &self.into[node] {
                let from = self.edges[edge].from;
                // It leads elsewhere as well while another of its ends is there.
                if !gone[from] && self.edges[edge].to.iter().all(|to| gone[*to]) {
                    outs[from] -= 1;
                    if outs[from] == 0 {
                        queue.push(from);
                    }
                }
            }
        }
        for node in (0..gone.len()).filter(|&node| gone[node]) {
            self.out[node].clear();
            self.into[node].clear();
        }
    }

    fn run(&self, budget: &mut usize) -> Vec<Circle> {
        let mut found = Vec::new();
        let mut told: BTreeSet<Places<'_>> = BTreeSet::new();
        for start in 0..self.edges.len() {
            let edge = &self.edges[start];
            if self.out[edge.from].is_empty() || told.contains(&self.places[edge.number]) {
                continue;
            }
            let Some(mut circle) = self.shortest(start, budget) else { continue };
            told.extend(circle.iter().map(|step| self.places[step.pair]));
            // The same one whichever step it was found by.
            let first = (0..circle.len()).min_by_key(|at| circle[*at]).unwrap_or(0);
            circle.rotate_left(first);
            found.push(circle);
        }
        found
    }

    /// A shortest circle through this edge that could be.
    fn shortest(&self, start: usize, budget: &mut usize) -> Option<Circle> {
        let left = self.distances(self.edges[start].from, budget);
        let least = self.edges[start].to.iter().filter_map(|&to| left[to]).min()? + 1;
        (least..=least + DETOUR).find_map(|length| {
            let mut way = Way { search: self, left: &left, steps: Vec::new(), edges: Vec::new() };
            way.go(start, length, budget).then_some(way.steps)
        })
    }

    /// How many edges there are at least from each node to this one.
    fn distances(&self, end: usize, budget: &mut usize) -> Vec<Option<usize>> {
        let mut left = vec![None; self.out.len()];
        left[end] = Some(0);
        let mut queue = VecDeque::from([(end, 0)]);
        while let Some((node, far)) = queue.pop_front() {
            for &edge in &self.into[node] {
                let from = self.edges[edge].from;
                *budget = budget.saturating_sub(1);
                if left[from].is_none() && !self.out[from].is_empty() {
                    left[from] = Some(far + 1);
                    queue.push_back((from, far + 1));
                }
            }
        }
        left
    }

    fn witness(&self, step: Step) -> &'a PairWitness {
        &self.pairs[step.pair].witnesses[step.witness]
    }
}

/// A circle under construction.
struct Way<'s, 'a> {
    search: &'s Search<'a>,
    /// Edges from each node to the start.
    left: &'s [Option<usize>],
    steps: Vec<Step>,
    edges: Vec<usize>,
}

impl Way<'_, '_> {
    /// Takes this edge and goes on until the circle is closed, by exactly so many edges.
    fn go(&mut self, edge: usize, length: usize, budget: &mut usize) -> bool {
        let taken = &self.search.edges[edge];
        if *budget == 0 || !self.edges.iter().all(|it| self.search.edges[*it].fits(taken)) {
            return false;
        }
        for &witness in &taken.witnesses {
            let step = Step { pair: taken.number, witness };
            *budget = budget.saturating_sub(1);
            if !self.steps.iter().all(|it| self.could_meet(*it, step)) {
                continue;
            }
            self.steps.push(step);
            self.edges.push(edge);
            if self.on_from(taken, length - 1, budget) {
                return true;
            }
            self.steps.pop();
            self.edges.pop();
        }
        false
    }

    fn on_from(&mut self, taken: &Edge<'_>, length: usize, budget: &mut usize) -> bool {
        let search = self.search;
        if length == 0 {
            let start = search.edges[self.edges[0]].from;
            return taken.to.contains(&start) && self.is_of_the_region();
        }
        for &node in &taken.to {
            if self.left[node].is_none_or(|left| left > length) {
                continue;
            }
            if search.out[node].iter().any(|&next| self.go(next, length, budget)) {
                return true;
            }
        }
        false
    }

    fn could_meet(&self, one: Step, other: Step) -> bool {
        let (one, other) = (self.search.witness(one), self.search.witness(other));
        one.task != other.task
            && one.last >= other.born
            && other.last >= one.born
            && !is_over_for(one, other)
            && !is_over_for(other, one)
    }

    /// What belongs to no region is looked at for itself.
    fn is_of_the_region(&self) -> bool {
        let region = self.search.region;
        self.steps.iter().any(|step| self.search.witness(*step).region == region)
    }
}

/// Whether all that `one` did so is over when `other` does it first, and `other` can know: it has
/// spawned `one`, or has joined it.
fn is_over_for(one: &PairWitness, other: &PairWitness) -> bool {
    let joined = one.joined.is_some_and(|it| it.by == other.task && it.at < other.first);
    joined || (one.parents.contains(&other.task) && one.last < other.first)
}
