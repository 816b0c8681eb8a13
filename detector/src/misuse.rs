//! Findings on what was done that is never right. Who did it may have ended, and what it was done to may
//! have gone, so everything told is in the facts themselves.

use std::collections::{BTreeMap, BTreeSet};

use gleak_snapshot::{LastUse, Misuse, MisuseFact, MisusedObject, ObjectKind, Site, SiteId};

use crate::analyze::region_names;
use crate::index::Index;
use crate::rule::{Case, RuleInfo};
use crate::{Finding, FindingKey, Group, Member, group, key, words};

const TOLD: usize = 3;

/// One finding for each identity among these misuses.
pub(crate) fn findings(case: &Case<'_>, info: &RuleInfo, numbers: &[usize]) -> Vec<Finding> {
    let index = case.index;
    let mut piles: BTreeMap<FindingKey, Vec<&MisuseFact>> = BTreeMap::new();
    for &number in numbers {
        let misuse = &index.snapshot.misuses[number];
        piles.entry(key_of(index, info, misuse)).or_default().push(misuse);
    }
    piles.into_iter().map(|(key, misuses)| finding(case, info, key, &misuses)).collect()
}

fn key_of(index: &Index<'_>, info: &RuleInfo, misuse: &MisuseFact) -> FindingKey {
    let spawn = misuse.spawn.map(|spawn| key::file(&index.spawn_site(spawn).file));
    let block = place(misuse).map(|site| key::file(&index.site(site).file));
    FindingKey {
        rule: info.rule,
        entry: entry(index, misuse).to_owned(),
        spawn_file: spawn.unwrap_or_default(),
        wait_class: class(misuse.kind).to_owned(),
        object: misuse.object.as_ref().map(|object| object.kind),
        block_file: block.unwrap_or_default(),
    }
}

fn entry<'a>(index: &'a Index<'_>, misuse: &MisuseFact) -> &'a str {
    misuse.spawn.map_or("thread", |spawn| index.entry(spawn))
}

/// Where it was done, or, where that has no place of its own, where the other party was.
fn place(misuse: &MisuseFact) -> Option<SiteId> {
    misuse.site.or(misuse.other.map(|other| other.site))
}

/// What was done, in words that follow a noun and "that".
fn class(kind: Misuse) -> &'static str {
    match kind {
        Misuse::GroupReused => "used a wait group again too early",
        Misuse::StrangerUnlock => "gave back a lock of another task",
        Misuse::UnseenError => "failed unseen",
    }
}

fn because(case: &Case<'_>, info: &RuleInfo, kind: Misuse) -> String {
    let what = match kind {
        Misuse::GroupReused => {
            "the group was counted up from zero by hand before a wait for the last round had returned: \
             which round that wait is for is chance"
        }
        Misuse::StrangerUnlock => {
            "a guard was dropped by another task than the one that locked; from then on nobody can say \
             who owns that lock"
        }
        Misuse::UnseenError => return info.because(case, &[]),
    };
    what.to_owned()
}

fn finding(case: &Case<'_>, info: &RuleInfo, key: FindingKey, misuses: &[&MisuseFact]) -> Finding {
    let index = case.index;
    Finding {
        fingerprint: key::fingerprint(&[&key]),
        certainty: info.certainty,
        because: because(case, info, misuses[0].kind),
        groups: groups(index, misuses),
        chain: Vec::new(),
        dependents: Vec::new(),
        regions: region_names(index, misuses.iter().filter_map(|misuse| misuse.region)),
        facts: facts(index, misuses),
        key,
    }
}

fn groups(index: &Index<'_>, misuses: &[&MisuseFact]) -> Vec<Group> {
    let mut places: BTreeMap<(Option<Site>, Option<Site>), Vec<&MisuseFact>> = BTreeMap::new();
    for misuse in misuses {
        let spawn = misuse.spawn.map(|spawn| index.spawn_site(spawn).clone());
        // Where the group was made is not where its member was.
        let site = misuse.site.filter(|_| misuse.kind != Misuse::UnseenError);
        let site = site.map(|site| index.site(site).clone());
        places.entry((spawn, site)).or_default().push(misuse);
    }
    let mut groups: Vec<Group> = places
        .into_iter()
        .map(|((spawn, block), misuses)| {
            let origin =
                (index.kind(misuses[0].task, misuses[0].spawn), entry(index, misuses[0]), spawn);
            group::of_event(origin, class(misuses[0].kind), block, members(&misuses))
        })
        .collect();
    group::sort(&mut groups);
    groups
}

/// Each task once, however often it did so.
fn members(misuses: &[&MisuseFact]) -> Vec<Member> {
    let mut seen = BTreeSet::new();
    let first = misuses.iter().filter(|misuse| seen.insert(misuse.task));
    first.map(|it| group::member_of_event(it.task, it.name.as_deref(), it.region)).collect()
}

fn facts(index: &Index<'_>, misuses: &[&MisuseFact]) -> Vec<String> {
    let mut facts: Vec<String> =
        misuses.iter().take(TOLD).map(|misuse| fact(index, misuse)).collect();
    if misuses.len() > TOLD {
        facts.push(format!("and {}", words::count(misuses.len() - TOLD, "more place")));
    }
    facts
}

fn fact(index: &Index<'_>, misuse: &MisuseFact) -> String {
    let name = misuse.name.as_ref().map_or(String::new(), |name| format!(" \"{name}\""));
    let who = format!("{}{name}", misuse.task);
    let site = misuse.site.map_or(String::new(), |site| format!(" at {}", index.site(site)));
    let object = misuse.object.as_ref().map(|object| named(index, object));
    let by = |LastUse { task, site }| (index.who(task), index.site(site));
    let told = match misuse.kind {
        Misuse::GroupReused => {
            let object = object.unwrap_or_else(|| "the group".to_owned());
            let wait = misuse.other.map(by).map_or(String::new(), |(other, began)| {
                format!("; the last wait before began at {began} by {other}")
            });
            format!("{object} was counted up from zero{site} by {who}{wait}")
        }
        Misuse::StrangerUnlock => {
            let object = object.unwrap_or_else(|| "the lock".to_owned());
            let owner = misuse.other.map(by);
            let taken = owner.map_or_else(
                || "taken by a reader".to_owned(),
                |(owner, site)| format!("taken at {site} by {owner}"),
            );
            format!("{object}: {taken}, given back by {who}")
        }
        Misuse::UnseenError => format!("{who} failed first in the group made{site}"),
    };
    match misuse.times {
        0 | 1 => told,
        times => format!("{told}; {times} times at these places"),
    }
}

fn named(index: &Index<'_>, object: &MisusedObject) -> String {
    let noun = match object.kind {
        ObjectKind::WaitGroup => "wait group",
        ObjectKind::Mutex | ObjectKind::RwLock => "lock",
        ObjectKind::Channel
        | ObjectKind::Context
        | ObjectKind::Socket
        | ObjectKind::Cond
        | ObjectKind::Once
        | ObjectKind::Semaphore
        | ObjectKind::Barrier => "object",
    };
    let name = object.name.as_ref().map_or(String::new(), |name| format!(" \"{name}\""));
    format!("{noun} {}{name} (made at {})", object.id, index.site(object.site))
}
