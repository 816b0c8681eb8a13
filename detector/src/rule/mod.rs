//! The rules: each a value that says what it is and finds its tasks, one a file.
//!
//! Invariants:
//! 1. The slice is in the order of [`Rule`]; an earlier rule takes its tasks from the later ones.
//! 2. A rule looks at the whole snapshot. What is asked for is cut out afterwards, so that the
//!    same task is judged alike in every scope.

mod abandoned_lock;
mod asleep;
mod asleep_in_region;
mod cycle;
mod held_over_block;
mod lost_wake_up;
mod misuse;
mod outlived;
mod panicked;
mod spinner;
mod structural;
mod unseen_error;

use gleak_snapshot::{Misuse, Task, WaiterKind};

use crate::cause::{self, Cause};
use crate::index::Index;
use crate::liveness::{Abandoned, WaitGraph};
use crate::{Asleep, Certainty, Rule, Scope};

/// A rule, for people and for the judgement.
#[derive(Clone, Copy, Debug)]
pub struct RuleInfo {
    /// Which one.
    pub rule: Rule,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// How much its findings are worth.
    pub certainty: Certainty,
    /// What a snapshot must hold for it.
    pub needs: &'static str,
    /// When it says nothing although one might expect it to.
    pub silent: &'static str,
    find: fn(&Case<'_>, &[bool]) -> Vec<Draft>,
    because: fn(&Case<'_>, &[usize]) -> String,
}

impl RuleInfo {
    /// What it finds among the tasks that no earlier rule has `taken`.
    pub(crate) fn find(&self, case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
        (self.find)(case, taken)
    }

    /// Why it found these tasks: free of names and counts, so that it holds for all of them.
    pub(crate) fn because(&self, case: &Case<'_>, tasks: &[usize]) -> String {
        (self.because)(case, tasks)
    }
}

/// All rules, gravest first.
pub const RULES: &[RuleInfo] = &[
    cycle::INFO,
    structural::INFO,
    asleep::INFO,
    panicked::INFO,
    misuse::INFO,
    unseen_error::INFO,
    abandoned_lock::INFO,
    asleep_in_region::INFO,
    spinner::INFO,
    lost_wake_up::INFO,
    held_over_block::INFO,
    outlived::INFO,
];

/// What the rules look at.
pub(crate) struct Case<'a> {
    pub(crate) index: &'a Index<'a>,
    pub(crate) scope: &'a Scope,
    pub(crate) graph: WaitGraph,
    /// Causes of what is stuck for certain.
    pub(crate) certain: Vec<Cause>,
    /// Causes of what is stuck besides, if no abandoned lock comes back.
    pub(crate) abandoned: Vec<Cause>,
    pub(crate) asleep: Asleep,
}

impl<'a> Case<'a> {
    pub(crate) fn new(index: &'a Index<'a>, scope: &'a Scope) -> Self {
        let graph = WaitGraph::new(index);
        let stuck: Vec<bool> =
            graph.live(Abandoned::MayComeBack).into_iter().map(|live| !live).collect();
        let certain = cause::causes(&graph, &stuck);
        let abandoned = if graph.abandoned.contains(&true) {
            let lost = graph.live(Abandoned::Lost);
            let besides: Vec<bool> =
                lost.iter().zip(&stuck).map(|(live, stuck)| !live && !stuck).collect();
            cause::causes(&graph, &besides)
        } else {
            Vec::new()
        };
        let asleep = asleep::judge(index);
        Case { index, scope, graph, certain, abandoned, asleep }
    }
}

/// What a rule has found, before it is cut to the question and put into words.
#[derive(Debug)]
pub(crate) enum Draft {
    /// Tasks that are the matter together, and who waits behind them.
    Together { members: Vec<usize>, circle: Vec<usize>, dependents: Vec<usize> },
    /// Tasks that are the matter each for itself.
    Each(Vec<usize>),
    /// Panics, by their number in the snapshot.
    Panics(Vec<usize>),
    /// Misuses, by their number in the snapshot.
    Misuses(Vec<usize>),
}

/// Long enough for a word of its own, in what is left over at an end.
const LONG_NS: u64 = 1_000_000_000;

/// Whether being alive is a finding by itself, so that a rule on the living only says more of it.
fn has_ended(scope: &Scope) -> bool {
    match scope {
        Scope::Process => false,
        Scope::Region(_) | Scope::NewSince(_) => true,
    }
}

/// A task whose end somebody may expect.
fn is_charged(task: &Task) -> bool {
    task.kind == WaiterKind::Task && task.tenure.is_ordinary()
}

impl Draft {
    /// The misuses of these kinds, in the order of their tasks.
    fn misuses(case: &Case<'_>, is_meant: impl Fn(Misuse) -> bool) -> Draft {
        let misuses = &case.index.snapshot.misuses;
        let mut numbers: Vec<usize> =
            (0..misuses.len()).filter(|&number| is_meant(misuses[number].kind)).collect();
        numbers.sort_by_key(|&number| misuses[number].task);
        Draft::Misuses(numbers)
    }

    fn of(cause: &Cause) -> Self {
        Draft::Together {
            members: cause.members.clone(),
            circle: cause.circle.clone(),
            dependents: cause.dependents.clone(),
        }
    }
}
