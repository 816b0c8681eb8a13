//! The first line: what is the matter.

use std::collections::BTreeSet;

use gleak_snapshot::{TaskId, WorkerId};

use super::asides;
use super::page::clean;
use crate::words::{count, thousands};
use crate::{Asleep, Certainty, Finding, Group, Report, Rule};

/// Tasks by what was found on them.
#[derive(Default)]
pub(super) struct Sums {
    cycle: usize,
    /// Proven in another way.
    certain: usize,
    behind: usize,
    panicked: usize,
    misuse: usize,
    unseen: usize,
    abandoned: usize,
    /// Alive beyond an end.
    late: usize,
    long: usize,
    growing: usize,
    /// Findings, not tasks: these may have ended.
    orders: usize,
}

impl Sums {
    pub(super) fn of(findings: &[Finding]) -> Self {
        let mut sums = Sums::default();
        for finding in findings {
            let behind = finding.behind();
            sums.behind += behind;
            let (sum, tasks) = match finding.key.rule {
                Rule::Cycle => (&mut sums.cycle, finding.tasks()),
                Rule::Structural | Rule::Asleep => (&mut sums.certain, finding.tasks()),
                Rule::Panicked => (&mut sums.panicked, finding.tasks()),
                Rule::Misuse => (&mut sums.misuse, finding.tasks()),
                Rule::UnseenError => (&mut sums.unseen, finding.tasks()),
                Rule::AbandonedLock => (&mut sums.abandoned, finding.tasks()),
                Rule::AsleepInRegion
                | Rule::Spinner
                | Rule::CancelIgnored
                | Rule::SilentPeer
                | Rule::LostWakeUp
                | Rule::HeldOverBlock
                | Rule::Outlived => (&mut sums.late, finding.tasks()),
                Rule::WaitingLong => (&mut sums.long, finding.tasks()),
                Rule::Growing => (&mut sums.growing, finding.tasks()),
                Rule::LockOrder => (&mut sums.orders, 1),
            };
            *sum += tasks;
        }
        sums
    }
}

impl Sums {
    /// What has happened besides panics.
    fn events(&self) -> impl Iterator<Item = String> {
        let misuse = (self.misuse > 0).then(|| format!("misuse by {}", count(self.misuse, "task")));
        let failed = || format!("{} failed and nobody waited", count(self.unseen, "task"));
        misuse.into_iter().chain((self.unseen > 0).then(failed))
    }
}

/// The verdict on a process.
pub(super) fn process(report: &Report) -> String {
    let sums = Sums::of(&report.findings);
    let found = sums.cycle + sums.certain;
    if report.asleep == Asleep::Certain && found > 0 {
        let tasks = count(number(report.totals.tasks), "task");
        return format!("gleak: deadlock. {} (0 runnable, 0 timers)", all_asleep(&tasks, report));
    }
    let clauses = clauses(&sums);
    let ended = ended(report);
    if clauses.is_empty() {
        return format!("gleak: {ended}{}", healthy(report));
    }
    let named = sums.late + sums.long + sums.growing;
    let stuck = found + sums.behind + sums.abandoned + named;
    let others = number(report.totals.tasks + report.totals.threads).saturating_sub(stuck);
    let rest = match others {
        0 => String::new(),
        1 => "; 1 other task".to_owned(),
        _ => format!("; {} other tasks", thousands(others)),
    };
    format!("gleak: {ended}{}{rest}", clauses.join("; "))
}

/// What ended it comes before all that was found; the section on it has the details.
fn ended(report: &Report) -> &'static str {
    if report.asides.iter().any(asides::is_ending) { "a signal ended the process; " } else { "" }
}

fn clauses(sums: &Sums) -> Vec<String> {
    let mut clauses = Vec::new();
    if sums.cycle > 0 {
        clauses.push(format!("deadlock between {}", count(sums.cycle, "task")));
    }
    if sums.certain > 0 {
        clauses.push(format!("{} can never go on", count(sums.certain, "task")));
    }
    if sums.abandoned > 0 {
        let verb = if sums.abandoned == 1 { "waits" } else { "wait" };
        clauses.push(format!("{} {verb} for an abandoned lock", count(sums.abandoned, "task")));
    }
    if sums.behind > 0 {
        let verb = if sums.behind == 1 { "waits" } else { "wait" };
        clauses.push(format!("{} more {verb} behind", thousands(sums.behind)));
    }
    if sums.late > 0 {
        clauses.push(format!("task leak, {} left over", count(sums.late, "task")));
    }
    if sums.growing > 0 {
        clauses.push(format!("{} in groups that grow", count(sums.growing, "task")));
    }
    if sums.long > 0 {
        clauses.push(format!("{} waiting for long", count(sums.long, "task")));
    }
    if sums.panicked > 0 {
        clauses.push(format!("{} panicked and nobody joined", count(sums.panicked, "task")));
    }
    clauses.extend(sums.events());
    if sums.orders > 0 {
        clauses.push(format!("{} that could deadlock", count(sums.orders, "lock order")));
    }
    clauses
}

fn all_asleep(tasks: &str, report: &Report) -> String {
    match report.totals.tasks {
        0 => "All threads that wait in it are asleep".to_owned(),
        1 => "The only task is asleep".to_owned(),
        _ => format!("All {tasks} are asleep"),
    }
}

fn healthy(report: &Report) -> String {
    let tasks = number(report.totals.tasks);
    if let Asleep::UnlessThreads(names) = &report.asleep {
        let names: Vec<String> = names.iter().map(|name| format!("\"{}\"", clean(name))).collect();
        let noun = if names.len() == 1 { "thread" } else { "one of the threads" };
        let who = if tasks == 1 {
            "the only task is".to_owned()
        } else {
            format!("all {} are", count(tasks, "task"))
        };
        return format!("{who} asleep unless {noun} {} acts", names.join(", "));
    }
    if let Asleep::UnlessWorkers(workers) = &report.asleep {
        return unless_workers(tasks, workers);
    }
    if tasks == 0 {
        return "nothing found; no task is alive".to_owned();
    }
    let totals = &report.totals;
    let states = [
        (totals.waiting, "waiting"),
        (totals.timed, "timed"),
        (totals.active, "running"),
        (totals.fresh, "not started"),
    ];
    let states: Vec<String> = states
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(sum, word)| format!("{} {word}", thousands(number(sum))))
        .collect();
    format!("nothing found in {} ({})", count(tasks, "task"), states.join(", "))
}

/// What runs is asleep as well, in a call that the runtime knows nothing of.
fn unless_workers(tasks: usize, workers: &[WorkerId]) -> String {
    let who = match tasks {
        1 => "the only task is".to_owned(),
        _ => format!("all {} are", count(tasks, "task")),
    };
    let names: Vec<String> = workers.iter().map(ToString::to_string).collect();
    let (names, whose) = match &names[..] {
        [one] => (one.clone(), "whose thread sleeps"),
        _ => (format!("one of {}", names.join(", ")), "whose threads sleep"),
    };
    format!("{who} asleep unless {names} goes on, {whose} in the kernel")
}

/// Which process it is on. Dumps of other makers do not tell the number.
pub(super) fn whose(program: &str, pid: u32) -> String {
    match pid {
        0 => program.to_owned(),
        pid => format!("{program}, pid {pid}"),
    }
}

/// What the tasks of a report have outlived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    Test,
    Process,
    /// Nothing has: somebody asks what is there.
    Nothing,
}

/// The first line about what is left at an end. Only tasks of the report's groups count: a circle
/// that holds them up may be of others.
pub(super) fn at_end(report: &Report, ended: Ended) -> String {
    let alive = tasks_in(report, |_| true);
    let stuck = tasks_in(report, |finding| finding.certainty == Certainty::Certain);
    let own = |set: &BTreeSet<TaskId>, group: &&Group| {
        group.members.iter().filter(|member| set.contains(&member.task)).count()
    };
    let sum = |set| report.groups.iter().map(|group| own(set, &group)).sum::<usize>();
    let groups = report.groups.iter().filter(|group| own(&alive, group) > 0).count();
    let mut clauses = Vec::new();
    if sum(&alive) > 0 {
        let tasks = count(sum(&alive), "task");
        let how = match ended {
            Ended::Test => "outlived this test",
            Ended::Process if sum(&alive) == 1 => "was left when the process ended",
            Ended::Process => "were left when the process ended",
            Ended::Nothing if sum(&alive) == 1 => "is still there",
            Ended::Nothing => "are still there",
        };
        clauses.push(format!("{tasks} {how} ({})", count(groups, "group")));
    }
    if sum(&stuck) > 0 {
        clauses.push(format!("{} can never go on", thousands(sum(&stuck))));
    }
    let sums = Sums::of(&report.findings);
    if sums.panicked > 0 {
        clauses.push(format!("{} panicked and nobody joined", count(sums.panicked, "task")));
    }
    clauses.extend(sums.events());
    if clauses.is_empty() {
        clauses.push("nothing found".to_owned());
    }
    format!("Error: gleak: {}", clauses.join(", "))
}

/// Tasks in such findings or behind them; those of an event may live no more.
fn tasks_in(report: &Report, wanted: fn(&Finding) -> bool) -> BTreeSet<TaskId> {
    let alive = |finding: &&Finding| !finding.key.rule.is_event() && wanted(finding);
    let findings = report.findings.iter().filter(alive);
    let groups = findings.flat_map(|finding| finding.groups.iter().chain(&finding.dependents));
    groups.flat_map(|group| group.members.iter().map(|member| member.task)).collect()
}

pub(super) fn number(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
