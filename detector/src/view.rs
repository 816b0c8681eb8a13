//! What of a report is shown: picked by a filter, put in another order, counted by a field.
//!
//! Invariants:
//! 1. The judgement stays whole: verdict, totals and exit status are of the report, not of the view.
//! 2. A finding is shown whole or not at all; it keeps its number.
//! 3. What is left out is counted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gleak_snapshot::TaskId;
use serde::Serialize;

use crate::filter::{Filter, RegionNames, Subject, TextField};
use crate::{Finding, Group, Keeps, Report};

/// What is asked of a report.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ask {
    /// Which tasks; all when none.
    pub filter: Option<Filter>,
    /// In which order groups come.
    pub sort: Sort,
    /// By what tasks are counted, instead of by what they share.
    pub group_by: Option<TextField>,
}

/// The order of groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sort {
    /// The biggest first.
    #[default]
    Count,
    /// The one with the longest wait first.
    Age,
    /// Those that never go on first, then those with other findings, by how certain these are.
    Verdict,
}

/// A report, as far as it is shown.
#[derive(Clone, Debug)]
pub struct View<'r> {
    /// All of it.
    pub report: &'r Report,
    /// Numbers of the findings that are shown.
    pub findings: Vec<usize>,
    /// Groups that are shown, with those members that are.
    pub groups: Cow<'r, [Group]>,
    /// Tasks by a field, when that was asked for.
    pub counts: Option<Counts>,
    /// What the filter left out, when there is one.
    pub left_out: Option<LeftOut>,
}

/// What a filter left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LeftOut {
    /// The filter.
    #[serde(rename = "where")]
    pub filter: String,
    /// Findings that are not shown.
    pub findings: u64,
    /// Tasks of the table that are not shown.
    pub tasks: u64,
}

/// Tasks by what they have in one field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Counts {
    /// The field.
    pub by: String,
    /// In the order that was asked for.
    pub rows: Vec<Row>,
}

/// Tasks that have the same in a field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Row {
    /// What they have; none when they have nothing there.
    pub value: Option<String>,
    /// How many.
    pub tasks: u64,
    /// Those of them that are in certain findings, or behind them.
    pub stuck: u64,
    /// For how long half of those that wait have waited at least.
    pub half_ns: Option<u64>,
    /// For how long the longest of them has waited.
    pub longest_ns: Option<u64>,
}

impl<'r> View<'r> {
    /// All of a report, as it is.
    #[must_use]
    pub fn whole(report: &'r Report) -> View<'r> {
        View {
            report,
            findings: (0..report.findings.len()).collect(),
            groups: Cow::Borrowed(&report.groups),
            counts: None,
            left_out: None,
        }
    }

    /// What was asked for.
    #[must_use]
    pub fn of(report: &'r Report, regions: &RegionNames, ask: &Ask) -> View<'r> {
        let mut view = View::whole(report);
        let by_rule = matches!(ask.group_by, Some(TextField::Rule));
        let looks_up = by_rule
            || ask.sort == Sort::Verdict
            || ask.filter.as_ref().is_some_and(Filter::asks_for_findings);
        let context = Context::new(report, regions, looks_up);
        if let Some(filter) = &ask.filter {
            view.findings.retain(|&at| filter.fits_one_of(&report.findings[at], regions));
            view.groups = context.picked(filter).into();
            let shown: usize = view.groups.iter().map(|group| group.members.len()).sum();
            let all: usize = report.groups.iter().map(|group| group.members.len()).sum();
            view.left_out = Some(LeftOut {
                filter: filter.to_string(),
                findings: (report.findings.len() - view.findings.len()) as u64,
                tasks: (all - shown) as u64,
            });
        }
        if ask.sort != Sort::Count {
            context.sort(view.groups.to_mut(), ask.sort);
        }
        view.counts = ask.group_by.as_ref().map(|by| context.count(&view.groups, by, ask.sort));
        view
    }

    /// A report that holds only what is shown; totals and the like stay those of the whole.
    #[must_use]
    pub fn shown(&self) -> Report {
        Report {
            findings: self.findings.iter().map(|&at| self.report.findings[at].clone()).collect(),
            groups: self.groups.to_vec(),
            program: self.report.program.clone(),
            asleep: self.report.asleep.clone(),
            held: self.report.held.clone(),
            exceptions: self.report.exceptions.clone(),
            asides: self.report.asides.clone(),
            ..*self.report
        }
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.left_out.is_none()
    }
}

struct Context<'r> {
    report: &'r Report,
    regions: &'r RegionNames,
    /// By task; empty when nobody asks.
    findings: BTreeMap<TaskId, Vec<&'r Finding>>,
}

impl<'r> Context<'r> {
    fn new(report: &'r Report, regions: &'r RegionNames, looks_up: bool) -> Self {
        let mut findings: BTreeMap<TaskId, Vec<&Finding>> = BTreeMap::new();
        for finding in report.findings.iter().filter(|_| looks_up) {
            for group in finding.groups.iter().chain(&finding.dependents) {
                for member in &group.members {
                    findings.entry(member.task).or_default().push(finding);
                }
            }
        }
        Context { report, regions, findings }
    }

    fn subject<'a>(&'a self, group: &'a Group, at: usize) -> Subject<'a> {
        let member = &group.members[at];
        let findings = self.findings.get(&member.task).map_or(&[][..], Vec::as_slice);
        Subject { group, member, findings, regions: self.regions }
    }

    /// The groups of the table, with those members that fit.
    fn picked(&self, filter: &Filter) -> Vec<Group> {
        let pick = |group: &Group| {
            let fits = |&at: &usize| filter.fits(&self.subject(group, at));
            let members: Vec<_> =
                (0..group.members.len()).filter(fits).map(|at| group.members[at].clone()).collect();
            // What the others keep is not theirs.
            let keeps = match members.len() == group.members.len() {
                true => group.keeps.clone(),
                false => Keeps::default(),
            };
            (!members.is_empty()).then(|| Group { members, keeps, ..group.clone() })
        };
        let mut groups: Vec<Group> = self.report.groups.iter().filter_map(pick).collect();
        crate::group::sort(&mut groups);
        groups
    }

    /// Stable: equal ones stay the biggest first.
    fn sort(&self, groups: &mut [Group], by: Sort) {
        let longest = |group: &Group| group.members.iter().filter_map(|it| it.waited_ns).max();
        match by {
            Sort::Count => {}
            Sort::Age => groups.sort_by_key(|group| std::cmp::Reverse(longest(group))),
            Sort::Verdict => groups.sort_by_cached_key(|group| {
                let own = group.members.iter().filter_map(|it| self.findings.get(&it.task));
                let worst = own.flatten().map(|it| (it.certainty, it.key.rule)).min();
                // None is the least, and comes last.
                (worst.is_none(), worst)
            }),
        }
    }

    fn count(&self, groups: &[Group], by: &TextField, sort: Sort) -> Counts {
        let never = self.report.never_again();
        let mut piles: BTreeMap<Option<String>, (u64, u64, Vec<u64>)> = BTreeMap::new();
        for group in groups {
            for (at, member) in group.members.iter().enumerate() {
                let value = self.subject(group, at).values(by).pop().map(String::from);
                let (tasks, stuck, ages) = piles.entry(value).or_default();
                *tasks += 1;
                *stuck += u64::from(never.contains(&member.task));
                ages.extend(member.waited_ns);
            }
        }
        let mut rows: Vec<Row> = piles
            .into_iter()
            .map(|(value, (tasks, stuck, mut ages))| {
                ages.sort_unstable();
                let half_ns = ages.get(ages.len() / 2).copied();
                Row { value, tasks, stuck, half_ns, longest_ns: ages.last().copied() }
            })
            .collect();
        rows.sort_by(|a, b| {
            let size = b.tasks.cmp(&a.tasks);
            match sort {
                Sort::Count => size,
                Sort::Age => b.longest_ns.cmp(&a.longest_ns).then(size),
                Sort::Verdict => b.stuck.cmp(&a.stuck).then(size),
            }
        });
        Counts { by: by.to_string(), rows }
    }
}
