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
mod outlived;
mod panicked;
mod silent_peer;
mod structural;
mod waiting_long;

pub(crate) use outlived::is_charged;

use crate::cause::{self, Cause};
use crate::index::Index;
use crate::liveness::{Abandoned, WaitGraph};
use crate::{Asleep, Certainty, Question, Rule, Scope};

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
    facts: Option<fn(&Case<'_>, &[usize]) -> Vec<String>>,
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
    abandoned_lock::INFO,
    asleep_in_region::INFO,
    cancel_ignored::INFO,
    silent_peer::INFO,
    outlived::INFO,
    waiting_long::INFO,
    growing::INFO,
];

/// What the rules look at.
pub(crate) struct Case<'a> {
    pub(crate) index: &'a Index<'a>,
    pub(crate) scope: &'a Scope,
    pub(crate) question: &'a Question,
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
        let scope = &question.scope;
        Case { index, scope, question, graph, certain, abandoned, asleep }
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
}

impl Draft {
    fn of(cause: &Cause) -> Self {
        Draft::Together {
            members: cause.members.clone(),
            circle: cause.circle.clone(),
            dependents: cause.dependents.clone(),
        }
    }
}
