//! What is left when the process exits: each region by itself, so that a finding is the same as that of
//! a test that is judged when it ends.
//!
//! Invariants:
//! 1. Who could still finish is waited for, nobody else, and not for longer than the settle time.
//! 2. What a test or a guard has answered for is not told again.
//! 3. What could not be read or written is told, and makes a check red: it might have been a finding.

use std::collections::BTreeSet;
use std::time::Duration;

use gleak_detector::findings_file::{self, FindingsFile, Source};
use gleak_detector::render::{self, ToldBy};
use gleak_detector::{
    Certainty, Date, Exception, Finding, Ignore, Matcher, Question, Report, Scope, Suppressions,
    analyze, can_go_on,
};
use gleak_snapshot::{Reason, Region, RegionId, RegionKind, Snapshot, Task, TaskId};

use super::exit::Mode;
use super::{
    Detail, Look, Taken, evidence, layout, other_threads, say, settings, settle, sleepers_due,
};
use crate::collect;
use crate::machine::futex::Parker;
use crate::scheduler::activity;
use crate::time::clock;

/// For the last steps of threads that were joined: the kernel lists them a little longer.
const JOINED: Duration = Duration::from_millis(20);

/// Gives the verdict. The status to end with, if it must be another one.
pub(super) fn verdict(mode: Mode) -> Option<u8> {
    let pause = Parker::new();
    let (report, taken, misread) = look(&BTreeSet::new(), &|time| pause.park(Some(time)));
    let lost = evidence::write_of(source(&taken.snapshot), report.findings.clone()).err();
    let faults: Vec<String> = misread.into_iter().chain(lost).collect();
    tell(mode, &taken.snapshot, &report);
    if mode == Mode::Report {
        plain_threads(&|time| pause.park(Some(time))).iter().for_each(|text| say(text));
    }
    faults.iter().for_each(|fault| say(fault));
    match mode {
        Mode::Check(status) if !report.findings.is_empty() => Some(status),
        Mode::Check(status) if !faults.is_empty() => {
            say(&format!("gleak: {}", so_it_ends(status)));
            Some(status)
        }
        Mode::Check(_) | Mode::Report | Mode::Survey => None,
    }
}

/// Waits for who could still finish, and judges who is left, but these. What is not understood in the
/// exceptions comes back as a message.
pub(super) fn look(
    but: &BTreeSet<TaskId>,
    pause: &dyn Fn(Duration),
) -> (Report, Taken, Option<String>) {
    let (suppressions, misread) = match settings::suppressions(&[]) {
        Ok(suppressions) => (suppressions, None),
        Err(text) => (Suppressions::default(), Some(text)),
    };
    let (mut taken, settled_ns) = settled(but, pause);
    let judge = |snapshot: &Snapshot| judged(snapshot, settled_ns, &suppressions, but);
    let mut report = judge(&taken.snapshot);
    if !report.findings.is_empty() {
        taken.add(Detail::REPORT);
        report = judge(&taken.snapshot);
    }
    (report, taken, misread)
}

/// The process sleeps for good and is about to be ended: what was found goes where the gate looks.
pub(super) fn asleep(snapshot: &Snapshot, found: Vec<Finding>) {
    if let Err(text) = evidence::write_of(source(snapshot), found) {
        say(&text);
    }
}

/// Each test of libtest's has a thread of its own.
fn source(snapshot: &Snapshot) -> Source {
    let is_test = |region: &&Region| match region.kind {
        RegionKind::Test => true,
        RegionKind::Thread => region.name != "main",
        RegionKind::Guard | RegionKind::Run => false,
    };
    let header = &snapshot.header;
    Source {
        program: header.program.clone(),
        pid: header.pid,
        tests: snapshot.regions.iter().filter(is_test).count() as u64,
        spawned: header.counters.spawned + activity::threads_spawned(),
    }
}

fn tell(mode: Mode, snapshot: &Snapshot, report: &Report) {
    let text = || render::left(report, &layout(report));
    let nothing_checked = source(snapshot).spawned == 0;
    match mode {
        Mode::Survey if !report.groups.is_empty() => say(&survey(snapshot, report)),
        Mode::Report if !report.findings.is_empty() => say(text().trim_end()),
        Mode::Survey | Mode::Report => say(&clean(snapshot, report)),
        Mode::Check(_) if report.findings.is_empty() && nothing_checked => {
            say(&clean(snapshot, report));
        }
        Mode::Check(_) if report.findings.is_empty() => {}
        Mode::Check(status) => {
            let text = text();
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            say(&format!("{first}\n  {}\n{}", so_it_ends(status), rest.trim_end()));
        }
    }
    // With arguments only some of the tests may have run, and a line may be for another one.
    if std::env::args_os().len() <= 1 {
        let unused = render::unused(&report.exceptions);
        unused.iter().for_each(|line| say(&format!("gleak: {line}")));
    }
}

/// Of threads that nobody has spawned through the runtime: the main thread is where the process ends.
fn plain_threads(pause: &dyn Fn(Duration)) -> Option<String> {
    let left = settle(JOINED, pause, || {
        let mut left = other_threads().unwrap_or_default();
        left.retain(|thread| thread.tid != std::process::id());
        Look { may_finish: !left.is_empty(), due: None, seen: left }
    });
    render::plain_threads(&left, ToldBy::Exit)
}

fn so_it_ends(status: u8) -> String {
    format!("so the exit status is {status}, whatever the tests said: GLEAK=check")
}

/// A snapshot of when nobody who is left could still finish, or of the end of the settle time; and for how
/// long that was waited for.
fn settled(but: &BTreeSet<TaskId>, pause: &dyn Fn(Duration)) -> (Taken, u64) {
    let start = clock::now_ns();
    // Nobody tells it, so it is looked at.
    settle(settings::settle_time(), pause, || {
        let settled_ns = clock::now_ns() - start;
        let taken = collect::take(Reason::MainReturned);
        let snapshot = &taken.snapshot;
        let answered = answered(snapshot);
        let left = || {
            let tasks = snapshot.tasks.iter();
            tasks.filter(|task| is_left(task, &answered) && !but.contains(&task.id))
        };
        let may_finish = left().any(can_go_on) || hides_some(snapshot, &answered);
        let due = sleepers_due(snapshot, left());
        Look { may_finish, due, seen: (taken, settled_ns) }
    })
}

/// Whether there may be somebody left who is not shown: tasks came or went during the look.
fn hides_some(snapshot: &Snapshot, answered: &BTreeSet<RegionId>) -> bool {
    let open = |region: &Region| region.unsettled && !answered.contains(&region.id);
    snapshot.completeness.unsettled_uncharged || snapshot.regions.iter().any(open)
}

/// Regions whose verdict has been given. `run` gives none: it names what it cuts off.
fn answered(snapshot: &Snapshot) -> BTreeSet<RegionId> {
    let has_verdict = |region: &&Region| match region.kind {
        RegionKind::Run | RegionKind::Thread => false,
        RegionKind::Test | RegionKind::Guard => region.closed,
    };
    snapshot.regions.iter().filter(has_verdict).map(|region| region.id).collect()
}

/// Whether somebody may have expected its end, and nobody has answered for it yet.
fn is_left(task: &Task, answered: &BTreeSet<RegionId>) -> bool {
    let open = task.region.is_none_or(|region| !answered.contains(&region));
    task.is_spawned() && task.tenure.is_ordinary() && open
}

/// What is left in all regions, each judged by itself, and outside of any; and what was done in them.
/// Less what is suppressed as of the day of the snapshot, and less findings on `but` these.
fn judged(
    snapshot: &Snapshot,
    settled_ns: u64,
    suppressions: &Suppressions,
    but: &BTreeSet<TaskId>,
) -> Report {
    let answered = answered(snapshot);
    let left = snapshot.tasks.iter().filter(|task| is_left(task, &answered));
    let panicked = snapshot.panics.iter().filter_map(|panic| panic.region);
    let misused = snapshot.misuses.iter().filter_map(|misuse| misuse.region);
    let charged = left.filter_map(|task| task.region).chain(panicked).chain(misused);
    let regions: BTreeSet<RegionId> = charged.filter(|region| !answered.contains(region)).collect();
    let today = Date::of_unix_seconds(snapshot.header.wall_s);
    let who_asks = Ignore { matcher: Matcher::Current(but.clone()), reason: String::new() };
    let ignore: Vec<Ignore> = (!but.is_empty()).then_some(who_asks).into_iter().collect();
    let judge = |scope| {
        let question =
            Question { scope, settled_ns, ignore: ignore.clone(), ..Question::default() };
        let mut report = analyze(snapshot, &question);
        // Who asks is no exception that anybody made.
        report.exceptions.clear();
        // What only could have happened makes no exit red.
        report.findings.retain(|finding| finding.certainty != Certainty::Potential);
        suppressions.apply(&mut report, today);
        report
    };
    let mut report = judge(Scope::Uncharged);
    let mut files = vec![file(std::mem::take(&mut report.findings))];
    for region in regions {
        let own = judge(Scope::Region(region));
        report.held.extend(own.held);
        Exception::add_all(&mut report.exceptions, own.exceptions);
        files.push(file(own.findings));
    }
    // The same leak in many regions is one finding.
    report.findings = findings_file::merge(files);
    let alive = report.findings.iter().filter(|it| !it.key.rule.is_event());
    let groups = alive.flat_map(|it| it.groups.iter().chain(&it.dependents));
    report.groups = groups.cloned().collect();
    report
}

fn file(findings: Vec<Finding>) -> FindingsFile {
    FindingsFile { source: Source::default(), findings, complete: true }
}

/// Where nothing was found: why that may be.
fn clean(snapshot: &Snapshot, report: &Report) -> String {
    let threads = match activity::threads_spawned() {
        0 => "",
        1 => " and 1 thread",
        threads => &format!(" and {threads} threads"),
    };
    let tasks = match snapshot.header.counters.spawned {
        0 if threads.is_empty() => {
            return "gleak: nothing was checked: no task was spawned in this process".to_owned();
        }
        1 if threads.is_empty() => "1 task was".to_owned(),
        1 => format!("1 task{threads} were"),
        spawned => format!("{spawned} tasks{threads} were"),
    };
    let used = render::used(&report.exceptions);
    let but = if used.is_empty() { "" } else { " but what is suppressed" };
    let head = format!("gleak: nothing was left when the process ended{but} ({tasks} spawned)");
    std::iter::once(head).chain(used).collect::<Vec<_>>().join("\n  ")
}

fn survey(snapshot: &Snapshot, report: &Report) -> String {
    let tasks = report.groups.iter().map(|group| group.members.len()).sum::<usize>();
    let spawned = source(snapshot).spawned;
    let noun = if activity::threads_spawned() == 0 { "tasks" } else { "tasks and threads" };
    let used = render::used(&report.exceptions).into_iter();
    let head = format!("gleak: {tasks} of {spawned} {noun} were left when the process ended");
    let head = std::iter::once(head).chain(used).collect::<Vec<_>>().join("\n  ");
    format!("{head}\n\n{}", render::survey(snapshot, &report.groups).trim_end())
}
