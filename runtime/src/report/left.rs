//! What is left when the process exits: each region by itself, so that a finding is the same as that of
//! a test that is judged when it ends.
//!
//! Invariants:
//! 1. Who could still finish is waited for, nobody else, and not for longer than the settle time.
//! 2. What a test or a guard has answered for is not told again.

use std::collections::BTreeSet;
use std::time::Duration;

use gleak_detector::findings_file::{self, FindingsFile, Source};
use gleak_detector::render::{self, TextOptions};
use gleak_detector::{Certainty, Finding, Question, Report, Rule, Scope, analyze, can_go_on};
use gleak_snapshot::{Reason, RegionId, RegionKind, Snapshot, Task, WaiterKind};

use super::exit::Mode;
use super::{Detail, Taken, say};
use crate::collect;
use crate::machine::futex::Parker;
use crate::time::clock;

/// As long as a test's leftovers are given, where `GLEAK_SETTLE_MS` does not say.
const SETTLE_MS: u64 = 200;
const PAUSE: Duration = Duration::from_millis(1);

/// Gives the verdict. The status to end with, if it must be another one.
pub(super) fn verdict(mode: Mode) -> Option<u8> {
    let (mut taken, settled_ns) = settled();
    let mut report = judged(&taken.snapshot, settled_ns);
    if !report.findings.is_empty() && mode != Mode::Survey {
        taken.add(Detail::REPORT);
        report = judged(&taken.snapshot, settled_ns);
    }
    match mode {
        Mode::Survey if report.groups.is_empty() => {
            say(&clean(&taken.snapshot));
            None
        }
        Mode::Survey => {
            say(&survey(&taken.snapshot, &report));
            None
        }
        Mode::Report => {
            if report.findings.is_empty() {
                say(&clean(&taken.snapshot));
            } else {
                say(render::left(&report, &TextOptions::default()).trim_end());
            }
            None
        }
        Mode::Check(_) if report.findings.is_empty() => None,
        Mode::Check(status) => {
            let text = render::left(&report, &TextOptions::default());
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            say(&format!(
                "{first}\n  so the exit status is {status}, whatever the tests said: GLEAK=check\n{}",
                rest.trim_end()
            ));
            Some(status)
        }
    }
}

/// A snapshot of when nobody who is left could still finish, or of the end of the settle time; and for how
/// long that was waited for.
fn settled() -> (Taken, u64) {
    let start = clock::now_ns();
    let deadline = start.saturating_add(settle_ns());
    let pause = Parker::new();
    loop {
        let settled_ns = clock::now_ns() - start;
        let taken = collect::take(Reason::MainReturned);
        let snapshot = &taken.snapshot;
        let may_finish =
            snapshot.tasks.iter().any(|task| is_left(snapshot, task) && can_go_on(task));
        if !may_finish || clock::now_ns() >= deadline {
            return (taken, settled_ns);
        }
        // Nobody tells it, so it is looked at.
        pause.park(Some(PAUSE));
    }
}

fn settle_ns() -> u64 {
    let asked = std::env::var("GLEAK_SETTLE_MS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(SETTLE_MS).saturating_mul(1_000_000)
}

/// Whether somebody may have expected its end, and nobody has answered for it yet.
fn is_left(snapshot: &Snapshot, task: &Task) -> bool {
    let open = || task.region.is_none_or(|region| is_open(snapshot, region));
    task.kind == WaiterKind::Task && task.tenure.is_ordinary() && open()
}

/// Whether nobody has given a verdict on a region. `run` gives none: it names what it cuts off.
fn is_open(snapshot: &Snapshot, id: RegionId) -> bool {
    let region = snapshot.regions.iter().find(|region| region.id == id);
    region.is_none_or(|region| match region.kind {
        RegionKind::Run | RegionKind::Thread => true,
        RegionKind::Test | RegionKind::Guard => !region.closed,
    })
}

/// What is left in all regions, each judged by itself, and outside of any.
fn judged(snapshot: &Snapshot, settled_ns: u64) -> Report {
    let left = snapshot.tasks.iter().filter(|task| is_left(snapshot, task));
    let charged = left.filter_map(|task| task.region);
    let panicked = snapshot.panics.iter().filter_map(|panic| panic.region);
    let regions: BTreeSet<RegionId> =
        charged.chain(panicked).filter(|region| is_open(snapshot, *region)).collect();
    let judge = |scope| analyze(snapshot, &Question { scope, settled_ns, ..Question::default() });
    let mut report = judge(Scope::Uncharged);
    let mut files = vec![file(std::mem::take(&mut report.findings))];
    for region in regions {
        let own = judge(Scope::Region(region));
        report.held.extend(own.held);
        files.push(file(own.findings));
    }
    // The same leak in many regions is one finding.
    report.findings = findings_file::merge(files);
    let alive = report.findings.iter().filter(|it| it.key.rule != Rule::Panicked);
    let groups = alive.flat_map(|it| it.groups.iter().chain(&it.dependents));
    report.groups = groups.cloned().collect();
    report
}

/// Without what only could have happened: that makes no exit red.
fn file(mut findings: Vec<Finding>) -> FindingsFile {
    findings.retain(|finding| finding.certainty != Certainty::Potential);
    FindingsFile { source: Source::default(), findings, complete: true }
}

fn clean(snapshot: &Snapshot) -> String {
    let tasks = match snapshot.header.counters.spawned {
        1 => "1 task was".to_owned(),
        spawned => format!("{spawned} tasks were"),
    };
    format!("gleak: nothing was left when the process ended ({tasks} spawned)")
}

fn survey(snapshot: &Snapshot, report: &Report) -> String {
    let tasks = report.groups.iter().map(|group| group.members.len()).sum::<usize>();
    let spawned = snapshot.header.counters.spawned;
    let head = format!("gleak: {tasks} of {spawned} tasks were left when the process ended");
    format!("{head}\n\n{}", render::survey(snapshot, &report.groups).trim_end())
}
