//! Two reports: what is new, grown, shrunk or gone.
//!
//! Findings are matched by fingerprint. Groups of tasks are matched by what a fingerprint is made of,
//! so that two builds and two runs can be compared: never by line, id or address.
//!
//! Invariants:
//! 1. Each side of each key is counted once, and what did not change is counted too.
//! 2. A filter shows a change whole or not at all: if a task of it fits on either side. What it leaves
//!    out is counted, and decides nothing else.

use std::collections::{BTreeMap, BTreeSet};

use gleak_snapshot::Site;
use serde::Serialize;

use crate::view::View;
use crate::{Certainty, Rule, key};

/// What differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Diff {
    /// How many findings differ, shown or not.
    pub totals: Totals,
    /// Findings, worst changes first.
    pub findings: Vec<Change<FindingShape>>,
    /// Groups of tasks, worst changes first.
    pub groups: Vec<Change<GroupShape>>,
    /// Findings that are as they were.
    pub same_findings: usize,
    /// Groups that are as they were.
    pub same_groups: usize,
    /// Live tasks, then and now.
    pub tasks: (u64, u64),
    /// Whether a finding is new or has grown: what did not happen, and could, does not count.
    pub worse: bool,
    /// What a filter left out of the changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// Findings that differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Totals {
    /// Those that were not there.
    pub new: usize,
    /// Those with more tasks.
    pub grown: usize,
    /// Those with fewer.
    pub shrunk: usize,
    /// Those that are not there any more.
    pub gone: usize,
}

/// What a filter left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LeftOut {
    /// The filter.
    #[serde(rename = "where")]
    pub filter: String,
    /// Findings that differ and are not shown.
    pub findings: usize,
    /// Groups that differ and are not shown.
    pub groups: usize,
}

/// In which way something differs. The worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It was not there.
    New,
    /// There are more tasks in it.
    Grown,
    /// There are fewer.
    Shrunk,
    /// It is not there any more.
    Gone,
}

impl Kind {
    /// Its word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::New => "new",
            Kind::Grown => "grown",
            Kind::Shrunk => "shrunk",
            Kind::Gone => "gone",
        }
    }

    fn of(before: u64, after: u64) -> Option<Kind> {
        match (before, after) {
            (0, 0) => None,
            (0, _) => Some(Kind::New),
            (_, 0) => Some(Kind::Gone),
            _ if after > before => Some(Kind::Grown),
            _ if after < before => Some(Kind::Shrunk),
            _ => None,
        }
    }
}

/// Something that differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Change<T> {
    /// How.
    pub kind: Kind,
    /// Tasks in it then.
    pub before: u64,
    /// Tasks in it now.
    pub after: u64,
    /// What it is: as it is now, or as it was last.
    #[serde(flatten)]
    pub what: T,
}

/// What is shown of a finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FindingShape {
    /// Its identity.
    pub fingerprint: String,
    /// Its rule.
    pub rule: Rule,
    /// What it is worth.
    pub certainty: Certainty,
    /// Its first group.
    #[serde(flatten)]
    pub group: GroupShape,
}

/// What is shown of a group.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct GroupShape {
    /// What its tasks run.
    pub entry: String,
    /// Where they were spawned.
    pub spawn: Option<Site>,
    /// The class of their wait.
    pub wait_class: String,
    /// Where they wait.
    pub block: Option<Site>,
}

/// Compares two reports. The views say what is shown.
#[must_use]
pub fn diff(before: &View<'_>, after: &View<'_>) -> Diff {
    let whole = [before, after].map(|view| View::whole(view.report));
    let (mut found, same_findings) = changes(findings(&whole[0]), findings(&whole[1]));
    let (mut grouped, same_groups) = changes(groups(&whole[0]), groups(&whole[1]));
    let mut totals = Totals::default();
    for (_, change) in &found {
        *match change.kind {
            Kind::New => &mut totals.new,
            Kind::Grown => &mut totals.grown,
            Kind::Shrunk => &mut totals.shrunk,
            Kind::Gone => &mut totals.gone,
        } += 1;
    }
    let is_worse = |change: &Change<FindingShape>| {
        change.kind <= Kind::Grown && change.what.certainty != Certainty::Potential
    };
    let worse = found.iter().any(|(_, change)| is_worse(change));
    let left_out = after.left_out.as_ref().map(|left| LeftOut {
        filter: left.filter.clone(),
        findings: keep(&mut found, [findings(before), findings(after)]),
        groups: keep(&mut grouped, [groups(before), groups(after)]),
    });
    Diff {
        totals,
        findings: found.into_iter().map(|(_, change)| change).collect(),
        groups: grouped.into_iter().map(|(_, change)| change).collect(),
        same_findings,
        same_groups,
        tasks: (before.report.totals.tasks, after.report.totals.tasks),
        worse,
        left_out,
    }
}

type Piles<K, T> = BTreeMap<K, (u64, T)>;

/// Keeps what one of both shows; how many others there were comes back.
fn keep<K: Ord, T>(changes: &mut Vec<(K, Change<T>)>, shown: [Piles<K, T>; 2]) -> usize {
    let all = changes.len();
    let shown: BTreeSet<K> = shown.into_iter().flat_map(BTreeMap::into_keys).collect();
    changes.retain(|(key, _)| shown.contains(key));
    all - changes.len()
}

/// What differs, the worst first, and how much does not.
fn changes<K: Ord, T>(mut before: Piles<K, T>, after: Piles<K, T>) -> (Vec<(K, Change<T>)>, usize) {
    let mut all = Vec::new();
    let mut same = 0;
    let mut put = |key: K, before: u64, after: u64, what| match Kind::of(before, after) {
        Some(kind) => all.push((key, Change { kind, before, after, what })),
        None => same += 1,
    };
    for (key, (tasks, what)) in after {
        let was = before.remove(&key).map_or(0, |(tasks, _)| tasks);
        put(key, was, tasks, what);
    }
    for (key, (tasks, what)) in before {
        put(key, tasks, 0, what);
    }
    all.sort_by(|(a_key, a), (b_key, b)| {
        let by = |it: &Change<T>| it.after.abs_diff(it.before);
        a.kind.cmp(&b.kind).then_with(|| by(b).cmp(&by(a))).then_with(|| a_key.cmp(b_key))
    });
    (all, same)
}

fn findings(view: &View<'_>) -> Piles<String, FindingShape> {
    let shown = view.findings.iter().map(|&at| &view.report.findings[at]);
    let piles = shown.map(|finding| {
        let shape = FindingShape {
            fingerprint: finding.fingerprint.0.clone(),
            rule: finding.key.rule,
            certainty: finding.certainty,
            group: finding.groups.first().map(shape).unwrap_or_default(),
        };
        // One that names no task is there all the same.
        (finding.fingerprint.0.clone(), (finding.tasks().max(1) as u64, shape))
    });
    piles.collect()
}

/// By function, files and class of the wait.
type GroupKey = (String, String, String, String);

fn groups(view: &View<'_>) -> Piles<GroupKey, GroupShape> {
    let mut piles: Piles<GroupKey, GroupShape> = BTreeMap::new();
    for group in view.groups.iter() {
        let file =
            |site: &Option<Site>| site.as_ref().map_or(String::new(), |site| key::file(&site.file));
        let (entry, class) = (group.entry.clone(), group.wait_class.clone());
        let own = (entry, file(&group.spawn), class, file(&group.block));
        let pile = piles.entry(own).or_insert_with(|| (0, shape(group)));
        pile.0 += group.members.len() as u64;
    }
    piles
}

fn shape(group: &crate::Group) -> GroupShape {
    GroupShape {
        entry: group.entry.clone(),
        spawn: group.spawn.clone(),
        wait_class: group.wait_class.clone(),
        block: group.block.clone(),
    }
}
