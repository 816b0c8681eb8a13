//! The rules: each a value that says what it is and finds its tasks, one a file.
//!
//! Invariants:
//! 1. The slice is in the order of [`Rule`]; an earlier rule takes its tasks from the later ones.
//! 2. A rule looks at the whole snapshot. What is asked for is cut out afterwards, so that the
//!    same task is judged alike in every scope.

mod abandoned_lock;
mod asleep;
mod asleep_in_region;
mod cancel_ignored;
mod cycle;
mod growing;
mod held_over_block;
mod lock_order;
mod lost_wake_up;
mod misuse;
mod outlived;
mod panicked;
mod silent_peer;
mod spinner;
mod structural;
mod unseen_error;
mod waiting_long;

use std::collections::{BTreeMap, BTreeSet};

use gleak_snapshot::{Misuse, Task};

use crate::cause::{self, Cause};
use crate::group::Shapes;
use crate::index::Index;
use crate::lock_order::Circle;
use crate::standstill::{Abandoned, Standstill};
use crate::wait_graph::WaitGraph;
use crate::{Asleep, Certainty, Question, Rule, Scope};

/// What a rule says besides, of these tasks.
type Facts = fn(&Case<'_>, &[usize]) -> Vec<String>;

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
    facts: Option<Facts>,
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

    /// What else its finding is to say, besides of what the tasks wait for.
    pub(crate) fn facts(&self, case: &Case<'_>, tasks: &[usize]) -> Vec<String> {
        match self.facts {
            Some(facts) => facts(case, tasks),
            None => Vec::new(),
        }
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
    cancel_ignored::INFO,
    silent_peer::INFO,
    lost_wake_up::INFO,
    held_over_block::INFO,
    outlived::INFO,
    waiting_long::INFO,
    growing::INFO,
    lock_order::INFO,
];

/// What the rules look at.
pub(crate) struct Case<'a> {
    pub(crate) index: &'a Index<'a>,
    pub(crate) scope: &'a Scope,
    pub(crate) question: &'a Question,
    pub(crate) shapes: Shapes,
    pub(crate) graph: WaitGraph,
    /// Causes of what is stuck for certain.
    pub(crate) certain: Vec<Cause>,
    /// Causes of what is stuck besides, if no abandoned lock comes back.
    pub(crate) abandoned: Vec<Cause>,
    pub(crate) asleep: Asleep,
}

impl<'a> Case<'a> {
    pub(crate) fn new(index: &'a Index<'a>, question: &'a Question) -> Self {
        let graph = WaitGraph::new(index);
        let still = Standstill::of(&graph, Abandoned::MayComeBack);
        let certain = cause::causes(&still);
        let abandoned = if graph.abandoned.contains(&true) {
            cause::causes(&Standstill::of(&graph, Abandoned::Lost).besides(&still))
        } else {
            Vec::new()
        };
        let asleep = asleep::judge(index);
        let scope = &question.scope;
        let shapes = Shapes::new(index);
        Case { index, scope, question, shapes, graph, certain, abandoned, asleep }
    }

    /// Whether a task is asked for, ignored or not.
    pub(crate) fn in_scope(&self, number: usize) -> bool {
        let task = self.index.tasks[number];
        match self.scope {
            Scope::Process => true,
            Scope::Region(region) => task.region == Some(*region),
            Scope::Uncharged => task.region.is_none(),
            Scope::NewSince(known) => !known.contains(&task.id),
        }
    }

    /// Who would be stuck if none of these tasks went on.
    pub(crate) fn supposing(&self, tasks: &[usize]) -> Standstill<'_> {
        let given = tasks.iter().copied().filter(|&task| self.graph.free(task));
        Standstill::supposing(&self.graph, given)
    }

    /// Who may be held to account for being alive at an end, and is in no earlier finding.
    fn left_over(&self, taken: &[bool]) -> Vec<usize> {
        let tasks = &self.index.tasks;
        let left =
            |&number: &usize| !taken[number] && is_charged(tasks[number]) && self.in_scope(number);
        (0..tasks.len()).filter(left).collect()
    }

    /// These tasks, each with who would only wait behind it among those left over, and with who is said
    /// to be `behind` it in another way.
    fn with_dependents(&self, taken: &[bool], roots: BTreeMap<usize, Vec<usize>>) -> Vec<Draft> {
        if roots.is_empty() {
            return Vec::new();
        }
        let mut drafts = Vec::new();
        let mut seen = BTreeSet::new();
        for draft in self.by_cause(&self.left_over(taken)) {
            let Draft::Together { members, circle, mut dependents } = draft else { continue };
            let own: Vec<usize> =
                members.iter().copied().filter(|member| roots.contains_key(member)).collect();
            if own.is_empty() {
                continue;
            }
            let besides = own.iter().flat_map(|root| &roots[root]);
            dependents.extend(besides.filter(|task| !members.contains(task)));
            dependents.sort_unstable();
            dependents.dedup();
            seen.extend(members.iter().chain(&dependents).copied());
            drafts.push(Draft::Together { members, circle, dependents });
        }
        for (root, behind) in roots {
            if !seen.contains(&root) {
                let dependents = behind.into_iter().filter(|task| seen.insert(*task)).collect();
                drafts.push(Draft::Together {
                    members: vec![root],
                    circle: Vec::new(),
                    dependents,
                });
            }
        }
        drafts
    }

    /// These tasks by their causes: if none of them went on, who of them would only wait behind
    /// another one.
    pub(crate) fn by_cause(&self, tasks: &[usize]) -> Vec<Draft> {
        let mut asked = vec![false; self.index.tasks.len()];
        for &task in tasks {
            asked[task] = true;
        }
        let still = self.supposing(tasks);
        let mut drafts = Vec::new();
        let mut alone = Vec::new();
        for mut cause in cause::causes(&still) {
            if !cause.members.iter().any(|&member| asked[member]) {
                continue;
            }
            cause.dependents.retain(|&task| asked[task]);
            for &task in cause.members.iter().chain(&cause.dependents) {
                asked[task] = false;
            }
            if let ([only], []) = (&cause.members[..], &cause.dependents[..]) {
                alone.push(*only);
            } else {
                drafts.push(Draft::of(cause));
            }
        }
        // Behind a cause that was not asked for.
        alone.extend(tasks.iter().filter(|&&task| asked[task]));
        drafts.push(Draft::Each(alone));
        drafts
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
    /// Circles of locks that nobody was stuck in.
    Orders(Vec<Circle>),
}

/// Long enough for a word of its own, in what is left over at an end.
const LONG_NS: u64 = 1_000_000_000;

/// Whether being alive is a finding by itself, so that a rule on the living only says more of it.
fn has_ended(scope: &Scope) -> bool {
    match scope {
        Scope::Process => false,
        Scope::Region(_) | Scope::Uncharged | Scope::NewSince(_) => true,
    }
}

/// A task or thread whose end somebody may expect.
pub(crate) fn is_charged(task: &Task) -> bool {
    task.is_spawned() && task.tenure.is_ordinary()
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

    fn of(cause: Cause) -> Self {
        let Cause { members, circle, dependents } = cause;
        Draft::Together { members, circle, dependents }
    }
}
