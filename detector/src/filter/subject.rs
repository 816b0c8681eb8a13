//! A filter and one task: whether they fit.
//!
//! Invariant: text is compared with what reports show, so that people can copy it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gleak_snapshot::{RegionId, Snapshot};

use super::field::{FRESH, RUNNING, WAITING};
use super::{Filter, NumberField, Test, TextField, TextOp};
use crate::ignore::glob;
use crate::{Certainty, Finding, Group, Member, key, words};

/// Names of regions by their ids.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RegionNames(BTreeMap<RegionId, String>);

impl RegionNames {
    /// Those that a snapshot knows.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> RegionNames {
        RegionNames(snapshot.regions.iter().map(|it| (it.id, it.name.clone())).collect())
    }
}

/// What a filter looks at: a task of a group, with the findings on it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What it shares with others.
    pub group: &'a Group,
    /// Who it is.
    pub member: &'a Member,
    /// Findings that it is in, or behind.
    pub findings: &'a [&'a Finding],
    /// Names of regions.
    pub regions: &'a RegionNames,
}

impl Filter {
    /// Whether the task is to be shown.
    #[must_use]
    pub fn fits(&self, subject: &Subject<'_>) -> bool {
        match self {
            Filter::Is(test) => test.holds(subject),
            Filter::Not(inner) => !inner.fits(subject),
            Filter::And(parts) => parts.iter().all(|part| part.fits(subject)),
            Filter::Or(parts) => parts.iter().any(|part| part.fits(subject)),
        }
    }

    /// Whether one of the tasks that a finding is about, or that wait behind it, is to be shown.
    #[must_use]
    pub fn fits_one_of(&self, finding: &Finding, regions: &RegionNames) -> bool {
        let findings = &[finding];
        finding.groups.iter().chain(&finding.dependents).any(|group| {
            let mut members = group.members.iter();
            members.any(|member| self.fits(&Subject { group, member, findings, regions }))
        })
    }
}

impl Test {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Test::Text(field, op, asked) => {
                let asked = match field {
                    TextField::Spawn | TextField::Blocked => Cow::Owned(key::file(asked)),
                    TextField::Task
                    | TextField::State
                    | TextField::Wait
                    | TextField::Name
                    | TextField::Label(_)
                    | TextField::Entry
                    | TextField::Region
                    | TextField::Rule
                    | TextField::Fingerprint => Cow::Borrowed(asked.as_str()),
                };
                let values = subject.values(field);
                let mut same = values.iter().map(|own| *own == asked);
                match op {
                    TextOp::Same => same.any(|same| same),
                    TextOp::Other => !same.any(|same| same),
                    TextOp::Like => values.iter().any(|own| glob(&asked, own)),
                }
            }
            Test::Number(NumberField::Age, order, ms) => {
                order.holds(subject.member.waited_ns.map(|ns| ns / 1_000_000).as_ref(), ms)
            }
            Test::Number(NumberField::Tasks, order, number) => {
                order.holds(Some(&(subject.group.members.len() as u64)), number)
            }
            Test::Certainty(order, certainty) => {
                let best = subject.findings.iter().map(|finding| weight(finding.certainty)).max();
                order.holds(best.as_ref(), &weight(*certainty))
            }
        }
    }
}

/// More certain is more.
fn weight(certainty: Certainty) -> u8 {
    match certainty {
        Certainty::Potential => 0,
        Certainty::Weak => 1,
        Certainty::Strong => 2,
        Certainty::Certain => 3,
    }
}

impl<'a> Subject<'a> {
    /// What it has in a field; the one that stands for it in a table comes last.
    pub(crate) fn values(&self, field: &TextField) -> Vec<Cow<'a, str>> {
        let Subject { group, member, findings, regions } = *self;
        let site = |site: &gleak_snapshot::Site| {
            let file = key::file(&site.file);
            let place = format!("{file}:{}", site.line);
            vec![Cow::Owned(file), Cow::Owned(place)]
        };
        match field {
            TextField::Task => vec![Cow::Owned(member.task.to_string())],
            TextField::State => state(group).map(Cow::Borrowed).into_iter().collect(),
            TextField::Wait => {
                let Some(reason) = group.reason else { return Vec::new() };
                vec![Cow::Borrowed(key::class(reason)), Cow::Borrowed(&*group.wait_class)]
            }
            TextField::Name => member.name.as_deref().map(Cow::Borrowed).into_iter().collect(),
            TextField::Label(key) => {
                let own = member.labels.iter().filter(|(own, _)| own == key);
                own.map(|(_, value)| Cow::Borrowed(&**value)).collect()
            }
            TextField::Entry => vec![Cow::Borrowed(&*group.entry)],
            TextField::Spawn => group.spawn.as_ref().map(site).unwrap_or_default(),
            TextField::Blocked => group.block.as_ref().map(site).unwrap_or_default(),
            TextField::Region => {
                let Some(region) = member.region else { return Vec::new() };
                match regions.0.get(&region) {
                    Some(name) => vec![Cow::Borrowed(&**name)],
                    // A findings file has names by finding only.
                    None => {
                        let names = findings.iter().flat_map(|finding| &finding.regions);
                        names.map(|name| Cow::Borrowed(&**name)).collect()
                    }
                }
            }
            // The gravest comes first in a report.
            TextField::Rule => {
                let rules = findings.iter().rev().map(|finding| finding.key.rule.id());
                rules.map(Cow::Borrowed).collect()
            }
            TextField::Fingerprint => {
                let prints = findings.iter().rev().map(|finding| &*finding.fingerprint.0);
                prints.map(Cow::Borrowed).collect()
            }
        }
    }
}

/// None for those of which only something that they have done is told.
fn state(group: &Group) -> Option<&'static str> {
    match (group.reason, &*group.wait_class) {
        (Some(_), _) => Some(WAITING),
        (None, words::RUNNING) => Some(RUNNING),
        (None, words::NEVER_STARTED) => Some(FRESH),
        (None, _) => None,
    }
}
