//! A snapshot and a question in, a report out.
//!
//! The rules judge the whole snapshot; here their drafts are cut to the question, drafts of the
//! same identity become one finding, and everything is put in order.
//!
//! Invariant: a task that a rule has taken is in no later finding, also when the draft it is in
//! was cut away.

use std::collections::BTreeMap;

use gleak_snapshot::{MisuseFact, PairWitness, RegionId, Snapshot, TaskId, TaskState, WaiterKind};

use crate::crash;
use crate::facts::{self, Holders};
use crate::group::groups;
use crate::held;
use crate::ignored::{Event, Ignored};
use crate::index::{Index, is_host, wait_of};
use crate::lock_order::{Circle, Step};
use crate::rule::{Case, Draft, RULES, RuleInfo, is_charged};
use crate::{
    Certainty, Finding, FindingKey, Group, Link, Question, Report, Rule, Scope, Totals, chain, key,
    lock_order, misuse, panics,
};

/// Judges a snapshot.
#[must_use]
pub fn analyze(snapshot: &Snapshot, question: &Question) -> Report {
    let index = Index::new(snapshot);
    let case = Case::new(&index, question);
    let mut selection = Selection::new(&case, question);
    let mut taken = vec![false; index.tasks.len()];
    let mut stuck = vec![false; index.tasks.len()];
    let mut findings = Vec::new();
    for info in RULES {
        let mut piles = Piles::default();
        for draft in info.find(&case, &taken) {
            for task in draft_tasks(&draft) {
                taken[task] = true;
            }
            piles.add(&case, info.rule, selection.cut(&case, info.certainty, draft));
        }
        for pile in piles.piles.values() {
            if info.certainty == Certainty::Certain {
                for &task in pile.members.iter().chain(&pile.dependents) {
                    stuck[task] = true;
                }
            }
            findings.push(pile.finding(&case, info, &piles.keys));
        }
        findings.extend(panics::findings(&case, info, &piles.panics));
        findings.extend(misuse::findings(&case, info, &piles.misuses));
        findings.extend(lock_order::findings(&case, info, &piles.circles));
    }
    crate::finding::sort(&mut findings);
    let shown: Vec<usize> = (0..index.tasks.len())
        .filter(|&number| selection.wanted[number] && !is_host(index.tasks[number]))
        .collect();
    Report {
        program: snapshot.header.program.clone(),
        pid: snapshot.header.pid,
        asleep: case.asleep.clone(),
        findings,
        held: held::of(&index, &selection.wanted),
        groups: shown_groups(&case, &shown),
        totals: totals(&index, &stuck),
        completeness: snapshot.completeness,
        exceptions: selection.ignores.account(),
        asides: crash::aside(&index).into_iter().collect(),
    }
}

/// Threads of our own making are named by a task; one that nobody spawned here is only shown while it
/// waits.
fn shown_groups(case: &Case<'_>, shown: &[usize]) -> Vec<Group> {
    let worth = |&&number: &&usize| {
        let task = case.index.tasks[number];
        task.is_spawned() || wait_of(task).is_some()
    };
    groups(case.index, &case.shapes, &shown.iter().filter(worth).copied().collect::<Vec<_>>())
}

/// What the question asks for.
struct Selection<'a> {
    snapshot: &'a Snapshot,
    scope: &'a Scope,
    /// By task: in scope and not ignored.
    wanted: Vec<bool>,
    ignored: Vec<bool>,
    /// As [`Selection::wanted`], by panic.
    wanted_panics: Vec<bool>,
    ignores: Ignored<'a>,
}

impl<'a> Selection<'a> {
    fn new(case: &Case<'a>, question: &'a Question) -> Self {
        let (index, scope) = (case.index, &question.scope);
        let mut ignores = Ignored::new(index, &question.ignore);
        let (mut wanted, mut ignored) = (Vec::new(), Vec::new());
        for (number, task) in index.tasks.iter().enumerate() {
            let in_scope = case.in_scope(number);
            let is_ignored = ignores.task(task, in_scope && !is_host(task));
            ignored.push(is_ignored);
            wanted.push(in_scope && !is_ignored);
        }
        let panics = index.snapshot.panics.iter().map(|panic| {
            let in_scope = has_in_scope(scope, panic.task, panic.region);
            let is_ignored = ignores.panic(panic, in_scope);
            in_scope && !is_ignored
        });
        let wanted_panics = panics.collect();
        Selection { snapshot: index.snapshot, scope, wanted, ignored, wanted_panics, ignores }
    }

    /// What of a draft was asked for, if anything. Where being alive is the matter, somebody must be among
    /// it of whom an end is expected.
    fn cut(&mut self, case: &Case<'_>, certainty: Certainty, draft: Draft) -> Option<Draft> {
        match draft {
            Draft::Together { members, circle, mut dependents } => {
                let counts = |task: usize| {
                    certainty != Certainty::Weak || is_charged(case.index.tasks[task])
                };
                let wanted = |&task: &usize| self.wanted[task] && counts(task);
                if !members.iter().any(wanted) && !dependents.iter().any(wanted) {
                    return None;
                }
                dependents.retain(|&task| !self.ignored[task]);
                Some(Draft::Together { members, circle, dependents })
            }
            Draft::Each(mut tasks) => {
                tasks.retain(|&task| self.wanted[task]);
                Some(Draft::Each(tasks))
            }
            Draft::Panics(mut numbers) => {
                numbers.retain(|&number| self.wanted_panics[number]);
                Some(Draft::Panics(numbers))
            }
            Draft::Misuses(mut numbers) => {
                numbers.retain(|&number| {
                    let MisuseFact { task, name, region, spawn, .. } =
                        &self.snapshot.misuses[number];
                    let (task, name, spawn) = (*task, name.as_deref(), *spawn);
                    self.wants_event(*region, &Event { task, name, spawn, stack: None })
                });
                Some(Draft::Misuses(numbers))
            }
            Draft::Orders(mut circles) => {
                circles.retain(|circle| self.wants_circle(circle));
                Some(Draft::Orders(circles))
            }
        }
    }

    /// All are looked at, so that each ignore counts what it took.
    fn wants_circle(&mut self, circle: &Circle) -> bool {
        circle.iter().filter(|&&step| self.wants_witness(step)).count() > 0
    }

    fn wants_witness(&mut self, step: Step) -> bool {
        let PairWitness { task, name, region, spawn, stack, .. } =
            &self.snapshot.lock_order[step.pair].witnesses[step.witness];
        let (name, stack) = (name.as_deref(), *stack);
        self.wants_event(*region, &Event { task: *task, name, spawn: *spawn, stack })
    }

    /// Whether what this task has done, which may have ended, is asked for.
    fn wants_event(&mut self, region: Option<RegionId>, event: &Event<'_>) -> bool {
        let in_scope = has_in_scope(self.scope, event.task, region);
        let is_ignored = self.ignores.event(event, in_scope);
        in_scope && !is_ignored
    }
}

/// Whether what is told of this task, which may have ended, is asked for.
fn has_in_scope(scope: &Scope, task: TaskId, of: Option<RegionId>) -> bool {
    match scope {
        Scope::Process => true,
        Scope::Region(region) => of == Some(*region),
        Scope::Uncharged => of.is_none(),
        // The set cannot tell of who has ended whether it began before or after.
        Scope::NewSince(known) => task > known.last().copied().unwrap_or(TaskId(0)),
    }
}

fn draft_tasks(draft: &Draft) -> Vec<usize> {
    match draft {
        Draft::Together { members, dependents, .. } => {
            members.iter().chain(dependents).copied().collect()
        }
        Draft::Each(tasks) => tasks.clone(),
        Draft::Panics(_) | Draft::Misuses(_) | Draft::Orders(_) => Vec::new(),
    }
}

/// Drafts of one rule, piled up by identity.
#[derive(Default)]
struct Piles {
    /// By shape: the number of its key, once that was needed.
    of_shapes: Vec<Option<usize>>,
    numbers: BTreeMap<FindingKey, usize>,
    keys: Vec<FindingKey>,
    piles: BTreeMap<Vec<usize>, Pile>,
    panics: Vec<usize>,
    misuses: Vec<usize>,
    circles: Vec<Circle>,
}

#[derive(Default)]
struct Pile {
    keys: Vec<usize>,
    members: Vec<usize>,
    dependents: Vec<usize>,
    /// Of the first draft.
    circle: Vec<usize>,
}

impl Piles {
    fn add(&mut self, case: &Case<'_>, rule: Rule, draft: Option<Draft>) {
        match draft {
            None => {}
            Some(Draft::Panics(numbers)) => self.panics.extend(numbers),
            Some(Draft::Misuses(numbers)) => self.misuses.extend(numbers),
            Some(Draft::Orders(circles)) => self.circles.extend(circles),
            Some(Draft::Each(tasks)) => {
                let mut by_key: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
                for task in tasks {
                    by_key.entry(self.key(case, rule, task)).or_default().push(task);
                }
                for (key, tasks) in by_key {
                    self.pile(vec![key]).members.extend(tasks);
                }
            }
            Some(Draft::Together { members, circle, dependents }) => {
                let mut keys: Vec<usize> =
                    members.iter().map(|&task| self.key(case, rule, task)).collect();
                keys.sort_unstable();
                let pile = self.pile(keys);
                if pile.members.is_empty() {
                    pile.circle = circle;
                }
                pile.members.extend(members);
                pile.dependents.extend(dependents);
            }
        }
    }

    fn pile(&mut self, keys: Vec<usize>) -> &mut Pile {
        let fresh = || Pile { keys: keys.clone(), ..Pile::default() };
        self.piles.entry(keys.clone()).or_insert_with(fresh)
    }

    /// The number of a task's key; text is made once a shape.
    fn key(&mut self, case: &Case<'_>, rule: Rule, task: usize) -> usize {
        self.of_shapes.resize(case.shapes.len(), None);
        let shape = case.shapes.number(task);
        if let Some(number) = self.of_shapes[shape] {
            return number;
        }
        let key = case.shapes.get(shape).key(case.index, rule);
        let fresh = self.keys.len();
        let number = *self.numbers.entry(key.clone()).or_insert(fresh);
        if number == fresh {
            self.keys.push(key);
        }
        self.of_shapes[shape] = Some(number);
        number
    }
}

impl Pile {
    fn finding(&self, case: &Case<'_>, info: &RuleInfo, keys: &[FindingKey]) -> Finding {
        let index = case.index;
        let mut own: Vec<&FindingKey> = self.keys.iter().map(|&key| &keys[key]).collect();
        own.sort();
        let mut members = self.members.clone();
        members.sort_unstable();
        let mut dependents = self.dependents.clone();
        dependents.sort_unstable();
        let chain = self.chain(case, info.rule, &members, &dependents);
        let holders = if self.circle.is_empty() { Holders::Told } else { Holders::InTheCircle };
        let all = members.iter().chain(&dependents);
        let mut facts = info.facts(case, &members);
        facts.extend(facts::of(index, &members, holders));
        let regions = all.filter_map(|&task| index.tasks[task].region);
        if info.rule == Rule::Spinner {
            facts.extend(members.iter().filter_map(|&task| held::told(index, task)));
        }
        Finding {
            fingerprint: key::fingerprint(&own),
            key: own[0].clone(),
            certainty: info.certainty,
            because: info.because(case, &members),
            groups: groups(index, &case.shapes, &members),
            chain,
            dependents: groups(index, &case.shapes, &dependents),
            regions: region_names(index, regions),
            facts,
        }
    }

    fn chain(&self, case: &Case<'_>, rule: Rule, members: &[usize], behind: &[usize]) -> Vec<Link> {
        // Behind more of them it is told the same way.
        const LOOKED_AT: usize = 16;
        if !self.circle.is_empty() {
            return chain::around(case.index, &self.circle);
        }
        let from = |&task: &usize| chain::from(case.index, &case.graph, task);
        // What is held by a member that waits for something else is told by who wants it.
        if rule == Rule::HeldOverBlock {
            return behind.first().map_or(Vec::new(), from);
        }
        let own = members.first().map_or(Vec::new(), from);
        if !own.is_empty() {
            return own;
        }
        // Who waits for an end names whose; who waits for a lock does not.
        let told = |chain: &Vec<Link>| chain.first().is_some_and(|link| link.taken_at.is_some());
        behind.iter().take(LOOKED_AT).map(from).find(told).unwrap_or_default()
    }
}

/// Names of regions, sorted, each once.
pub(crate) fn region_names(
    index: &Index<'_>,
    regions: impl Iterator<Item = gleak_snapshot::RegionId>,
) -> Vec<String> {
    let ids: std::collections::BTreeSet<_> = regions.collect();
    let names: std::collections::BTreeSet<_> =
        ids.into_iter().map(|id| index.region_name(id)).collect();
    names.into_iter().collect()
}

fn totals(index: &Index<'_>, stuck: &[bool]) -> Totals {
    let mut totals = Totals::default();
    for (task, &stuck) in index.tasks.iter().zip(stuck) {
        if task.kind == WaiterKind::Thread {
            let waits = wait_of(task).is_some() && !is_host(task);
            totals.threads += u64::from(waits || task.is_spawned());
            continue;
        }
        totals.tasks += 1;
        totals.stuck += u64::from(stuck);
        let class = match &task.state {
            TaskState::Fresh => &mut totals.fresh,
            TaskState::Runnable | TaskState::Running | TaskState::Moving => &mut totals.active,
            TaskState::Waiting(wait) if wait.until_ns.is_some() => &mut totals.timed,
            TaskState::Waiting(_) => &mut totals.waiting,
        };
        *class += 1;
    }
    totals
}
