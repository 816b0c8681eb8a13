//! Findings on circles of locks: their tasks may have ended, so that all there is to say is in the
//! pairs.

use std::collections::{BTreeMap, BTreeSet};

use gleak_snapshot::{HoldMode, LockPair, ObjectKind, PairWitness, PairedLock, Site, WaiterKind};

use super::{Circle, Step};
use crate::analyze::region_names;
use crate::index::Index;
use crate::rule::{Case, RuleInfo};
use crate::{Finding, FindingKey, Group, Link, Member, Rule, group, key, words};

/// Longer circles say no more.
const LOCKS: usize = 8;
const TOOK: &str = "that took a lock while holding another";

/// One finding for each identity among these circles.
pub(crate) fn findings(case: &Case<'_>, info: &RuleInfo, circles: &[Circle]) -> Vec<Finding> {
    let mut piles: BTreeMap<Vec<FindingKey>, Vec<&Circle>> = BTreeMap::new();
    for circle in circles {
        let keys: BTreeSet<FindingKey> =
            circle.iter().map(|step| key_of(case.index, info.rule, *step)).collect();
        piles.entry(keys.into_iter().collect()).or_default().push(circle);
    }
    piles.into_iter().map(|(keys, circles)| finding(case, info, &keys, &circles)).collect()
}

fn finding(case: &Case<'_>, info: &RuleInfo, keys: &[FindingKey], circles: &[&Circle]) -> Finding {
    let index = case.index;
    let circle = circles[0];
    let own: Vec<&FindingKey> = keys.iter().collect();
    let regions = circles.iter().flat_map(|it| it.iter());
    let regions = regions.filter_map(|step| look(index, *step).1.region);
    Finding {
        fingerprint: key::fingerprint(&own),
        key: own[0].clone(),
        certainty: info.certainty,
        because: info.because(case, &[]),
        groups: groups(index, circle),
        chain: chain(index, circle),
        dependents: Vec::new(),
        regions: region_names(index, regions),
        facts: facts(index, circle, circles.len() - 1),
    }
}

fn look<'a>(index: &Index<'a>, step: Step) -> (&'a LockPair, &'a PairWitness) {
    let pair = &index.snapshot.lock_order[step.pair];
    (pair, &pair.witnesses[step.witness])
}

fn key_of(index: &Index<'_>, rule: Rule, step: Step) -> FindingKey {
    let (pair, witness) = look(index, step);
    let spawn = witness.spawn.map(|spawn| key::file(&index.spawn_site(spawn).file));
    FindingKey {
        rule,
        entry: entry(index, witness).to_owned(),
        spawn_file: spawn.unwrap_or_default(),
        wait_class: noun(&pair.wanted).to_owned(),
        object: Some(pair.wanted.kind),
        block_file: key::file(&index.site(witness.wanted_at).file),
    }
}

fn entry<'i>(index: &'i Index<'_>, witness: &PairWitness) -> &'i str {
    witness.spawn.map_or("thread", |spawn| index.entry(spawn))
}

/// `lock`, `read lock`, `write lock`.
fn noun(lock: &PairedLock) -> &'static str {
    match (lock.kind, lock.mode) {
        (ObjectKind::RwLock, HoldMode::Shared) => "read lock",
        (ObjectKind::RwLock, HoldMode::Exclusive) => "write lock",
        _ => "lock",
    }
}

fn name(lock: &PairedLock) -> String {
    let name = lock.name.as_ref().map_or(String::new(), |name| format!(" \"{name}\""));
    format!("{} {}{name}", noun(lock), lock.object)
}

fn member(witness: &PairWitness) -> Member {
    group::member_of_event(witness.task, witness.name.as_deref(), witness.region)
}

fn chain(index: &Index<'_>, circle: &Circle) -> Vec<Link> {
    let next = circle.iter().cycle().skip(1);
    let link = |(step, next): (&Step, &Step)| {
        let ((pair, witness), (_, next)) = (look(index, *step), look(index, *next));
        Link {
            task: member(witness),
            spawn: witness.spawn.map(|spawn| index.spawn_site(spawn).clone()),
            wants: name(&pair.wanted),
            at: index.site(witness.wanted_at).clone(),
            held_by: next.task,
            taken_at: Some(index.site(next.held_at).clone()),
            held_ns: None,
        }
    };
    circle.iter().zip(next).map(link).collect()
}

/// Where somebody was spawned, what they run, and whether they are a thread.
type Origin<'e> = (Option<Site>, &'e str, WaiterKind);

/// One for each place where tasks were spawned and took the second lock.
fn groups(index: &Index<'_>, circle: &Circle) -> Vec<Group> {
    let mut places: BTreeMap<(Origin<'_>, Site), Vec<&PairWitness>> = BTreeMap::new();
    for step in circle {
        let (_, witness) = look(index, *step);
        let spawn = witness.spawn.map(|spawn| index.spawn_site(spawn).clone());
        let kind = index.kind(witness.task, witness.spawn);
        let place = ((spawn, entry(index, witness), kind), index.site(witness.wanted_at).clone());
        places.entry(place).or_default().push(witness);
    }
    let of_place = |((origin, block), mut witnesses): ((Origin<'_>, Site), Vec<&PairWitness>)| {
        let (spawn, entry, kind) = origin;
        witnesses.sort_by_key(|witness| witness.task);
        let backtrace = index.stacks.of_ids(witnesses.iter().filter_map(|it| it.stack));
        let members = witnesses.into_iter().map(member).collect();
        Group { backtrace, ..group::of_event((kind, entry, spawn), TOOK, Some(block), members) }
    };
    let mut groups: Vec<Group> = places.into_iter().map(of_place).collect();
    group::sort(&mut groups);
    groups
}

fn facts(index: &Index<'_>, circle: &Circle, more: usize) -> Vec<String> {
    let mut facts = Vec::new();
    for step in circle.iter().take(LOCKS) {
        let lock = &look(index, *step).0.wanted;
        facts.push(format!("{} was made at {}", name(lock), index.site(lock.site)));
    }
    if circle.len() > LOCKS {
        facts.push(format!("and {}", words::count(circle.len() - LOCKS, "more lock")));
    }
    if more > 0 {
        facts.push(format!("there are {} like this", words::count(more, "more circle")));
    }
    facts
}
