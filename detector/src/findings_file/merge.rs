//! Findings of many processes as those of one.
//!
//! Ids of tasks and objects mean nothing outside of their process. So members are counted, never
//! matched, and words that name objects are replaced where two processes differ.

use std::collections::BTreeMap;

use gleak_snapshot::{Site, WaitReason};

use super::FindingsFile;
use crate::{Finding, Fingerprint, Group, words};

/// What makes groups of different processes the same.
type Place = (String, Option<Site>, Option<WaitReason>, String, Option<Site>);

/// Findings of many processes as those of one, in the order of a report: those of one
/// fingerprint become one, with all their members and regions. The chain, the facts and the stacks
/// are those of the first that has them.
#[must_use]
pub fn merge(files: impl IntoIterator<Item = FindingsFile>) -> Vec<Finding> {
    let mut piles: BTreeMap<Fingerprint, Vec<Finding>> = BTreeMap::new();
    for finding in files.into_iter().flat_map(|file| file.findings) {
        piles.entry(finding.fingerprint.clone()).or_default().push(finding);
    }
    let mut merged: Vec<Finding> = piles.into_values().filter_map(united).collect();
    crate::finding::sort(&mut merged);
    merged
}

fn united(findings: Vec<Finding>) -> Option<Finding> {
    let mut rest = findings.into_iter();
    let mut first = rest.next()?;
    for other in rest {
        first.certainty = first.certainty.min(other.certainty);
        first.groups.extend(other.groups);
        first.dependents.extend(other.dependents);
        first.regions.extend(other.regions);
    }
    first.groups = one_a_place(first.groups);
    first.dependents = one_a_place(first.dependents);
    first.regions.sort();
    first.regions.dedup();
    Some(first)
}

fn one_a_place(groups: Vec<Group>) -> Vec<Group> {
    let mut places: BTreeMap<Place, Group> = BTreeMap::new();
    for group in groups {
        match places.get_mut(&place(&group)) {
            None => {
                places.insert(place(&group), group);
            }
            Some(known) => {
                if known.waits_for != group.waits_for {
                    known.waits_for = known.reason.map_or(String::new(), general);
                }
                known.creators.retain(|creator| group.creators.contains(creator));
                known.backtrace = known.backtrace.take().or(group.backtrace);
                known.spawn_backtrace = known.spawn_backtrace.take().or(group.spawn_backtrace);
                known.members.extend(group.members);
            }
        }
    }
    let mut groups: Vec<Group> = places.into_values().collect();
    crate::group::sort(&mut groups);
    groups
}

fn general(reason: WaitReason) -> String {
    match reason {
        WaitReason::Select => "in a select".to_owned(),
        WaitReason::Send
        | WaitReason::Receive
        | WaitReason::Lock
        | WaitReason::ReadLock
        | WaitReason::WriteLock
        | WaitReason::WaitGroup
        | WaitReason::Cancel
        | WaitReason::Join
        | WaitReason::Read
        | WaitReason::Write
        | WaitReason::Cond
        | WaitReason::Once
        | WaitReason::Semaphore
        | WaitReason::Barrier
        | WaitReason::Blocking
        | WaitReason::Future
        | WaitReason::Sleep
        | WaitReason::Host => words::without_arms(reason).to_owned(),
    }
}

fn place(group: &Group) -> Place {
    (
        group.entry.clone(),
        group.spawn.clone(),
        group.reason,
        group.wait_class.clone(),
        group.block.clone(),
    )
}
