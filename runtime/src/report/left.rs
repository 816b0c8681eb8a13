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
use gleak_detector::render::{self, TextOptions, ToldBy};
use gleak_detector::survey::{Standing, Survey};
use gleak_detector::{
    Certainty, Date, Exception, Finding, Ignore, Matcher, Question, Report, Scope, Suppressions,
    analyze, can_go_on,
};
use gleak_snapshot::{Reason, Region, RegionId, RegionKind, Snapshot, Task, TaskId};

use super::cut_off::{self, CutOff};
use super::exit::Asked;
use super::layout::columns;
use super::{
    Detail, Look, Taken, evidence, layout, other_threads, others, say, settings, settle,
    sleepers_due,
};
use crate::collect;
use crate::machine::futex::Parker;
use crate::scheduler::activity;
use crate::time::clock;

/// For the last steps of threads that were joined: the kernel lists them a little longer.
const JOINED: Duration = Duration::from_millis(20);
/// Rows of a survey that a process prints; a file has all.
const ROWS: usize = 100;

/// What the process has come to.
struct Sight {
    report: Report,
    survey: Survey,
    /// Who looked, and at how much.
    source: Source,
    /// What of the exceptions is not understood.
    misread: Option<String>,
}

/// Gives the verdict. The status to end with, if it must be another one.
pub(super) fn verdict(asked: Asked) -> Option<u8> {
    let Sight { report, survey, source, misread } = of_process();
    let counted = match asked {
        Asked::Survey => survey.clone(),
        Asked::Report | Asked::Check(_) => Survey::default(),
    };
    let lost = evidence::write_of(source.clone(), report.findings.clone(), &counted).err();
    let faults: Vec<String> = misread.into_iter().chain(lost).collect();
    tell(asked, source.spawned, &report, &survey);
    if asked == Asked::Report {
        let pause = Parker::new();
        plain_threads(&|time| pause.park(Some(time))).iter().for_each(|text| say(text));
    }
    faults.iter().for_each(|fault| say(fault));
    match asked {
        Asked::Check(status) if !report.findings.is_empty() => Some(status),
        Asked::Check(status) if !faults.is_empty() => {
            say(&format!("gleak: {}", so_it_ends(status)));
            Some(status)
        }
        Asked::Check(_) | Asked::Report | Asked::Survey => None,
    }
}

/// Looks at our tasks and at those of other runtimes, the living and those that were cut off.
fn of_process() -> Sight {
    let pause = Parker::new();
    let pause = |time| pause.park(Some(time));
    let (suppressions, misread) = excepted();
    let nobody = BTreeSet::new();
    let (mut taken, theirs, settled_ns) = settled(&nobody, &pause, others::others);
    let judge = |snapshot: &Snapshot| judged(snapshot, settled_ns, &suppressions, &nobody);
    let mut report = in_detail(&mut taken, &judge);
    let mut source = source(&taken.snapshot);
    let mut survey = Survey::default();
    survey.add_groups(&taken.snapshot, &report.groups, |_| Standing::Left);
    for snapshot in &theirs {
        let own = judge(snapshot);
        survey.add_groups(snapshot, &own.groups, |_| Standing::Left);
        let theirs = self::source(snapshot);
        source.tests += theirs.tests;
        source.spawned += theirs.spawned;
        report = joined(report, own);
    }
    let cut_off = cut_off::judged(&suppressions);
    survey.join(&cut_off.survey);
    Sight { report: joined(report, cut_off.report), survey, source, misread }
}

/// The report on a snapshot; where there is something to tell, with all that reports show of it.
fn in_detail(taken: &mut Taken, judge: &dyn Fn(&Snapshot) -> Report) -> Report {
    let report = judge(&taken.snapshot);
    if report.findings.is_empty() {
        return report;
    }
    taken.add(Detail::REPORT);
    judge(&taken.snapshot)
}

/// What is cut off, judged by the files of the environment alone.
#[must_use]
pub fn cut_off() -> CutOff {
    cut_off::judged(&excepted().0)
}

/// What the environment excepts. What of it is not understood comes back as a message.
fn excepted() -> (Suppressions, Option<String>) {
    match settings::suppressions(&[]) {
        Ok(suppressions) => (suppressions, None),
        Err(text) => (Suppressions::default(), Some(text)),
    }
}

/// Waits for who could still finish, and judges who is left, but these. What is not understood in the
/// exceptions comes back as a message.
pub(super) fn look(but: &BTreeSet<TaskId>, pause: &dyn Fn(Duration)) -> (Report, Option<String>) {
    let (suppressions, misread) = excepted();
    let (mut taken, _, settled_ns) = settled(but, pause, |_| Vec::new());
    let judge = |snapshot: &Snapshot| judged(snapshot, settled_ns, &suppressions, but);
    let report = in_detail(&mut taken, &judge);
    (report, misread)
}

/// The process sleeps for good and is about to be ended: what was found goes where the gate looks.
pub(super) fn asleep(snapshot: &Snapshot, found: Vec<Finding>) {
    if let Err(text) = evidence::write_of(source(snapshot), found, &Survey::default()) {
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

fn tell(asked: Asked, spawned: u64, report: &Report, survey: &Survey) {
    let text = || render::left(report, &layout(report));
    match asked {
        Asked::Survey => say(&table_of(spawned, survey, &report.exceptions)),
        Asked::Report if !report.findings.is_empty() => say(text().trim_end()),
        Asked::Report => say(&clean(spawned, &report.exceptions)),
        Asked::Check(_) if report.findings.is_empty() && spawned == 0 => {
            say(&clean(spawned, &report.exceptions));
        }
        Asked::Check(_) if report.findings.is_empty() => {}
        Asked::Check(status) => {
            let text = text();
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            say(&format!("{first}\n  {}\n{}", so_it_ends(status), rest.trim_end()));
        }
    }
    if asked == Asked::Report {
        cut_off::not_judged(survey).iter().for_each(|line| say(line));
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

/// A snapshot of when nobody who is left could still finish, or of the end of the settle time; those of `others`
/// then; and for how long that was waited for.
fn settled(
    but: &BTreeSet<TaskId>,
    pause: &dyn Fn(Duration),
    others: impl Fn(Reason) -> Vec<Snapshot>,
) -> (Taken, Vec<Snapshot>, u64) {
    let start = clock::now_ns();
    // Nobody tells it, so it is looked at.
    settle(settings::settle_time(), pause, || {
        let settled_ns = clock::now_ns() - start;
        let taken = collect::take(Reason::MainReturned);
        let theirs = others(Reason::MainReturned);
        let ours = left_of(&taken.snapshot, but);
        let may_finish = may_finish(&taken.snapshot, &ours)
            || theirs.iter().any(|it| may_finish(it, &left_of(it, &BTreeSet::new())));
        let due = sleepers_due(&taken.snapshot, ours.into_iter());
        Look { may_finish, due, seen: (taken, theirs, settled_ns) }
    })
}

/// Those of whom an end may have been expected, but these.
fn left_of<'s>(snapshot: &'s Snapshot, but: &BTreeSet<TaskId>) -> Vec<&'s Task> {
    let answered = answered(snapshot);
    let tasks = snapshot.tasks.iter();
    tasks.filter(|task| is_left(task, &answered) && !but.contains(&task.id)).collect()
}

/// Whether one of these could still finish, or somebody who is not shown.
fn may_finish(snapshot: &Snapshot, left: &[&Task]) -> bool {
    left.iter().any(|task| can_go_on(task)) || hides_some(snapshot, &answered(snapshot))
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
pub(super) fn judged(
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
    FindingsFile { source: Source::default(), findings, survey: Survey::default(), complete: true }
}

/// Two reports on tasks of one process as one.
pub(super) fn joined(mut report: Report, other: Report) -> Report {
    let (ours, theirs) = (file(std::mem::take(&mut report.findings)), file(other.findings));
    report.findings = findings_file::merge([ours, theirs]);
    report.groups.extend(other.groups);
    report.held.extend(other.held);
    Exception::add_all(&mut report.exceptions, other.exceptions);
    let coverage = &mut report.completeness.coverage;
    *coverage = match (*coverage, other.completeness.coverage) {
        (Some(one), Some(two)) => Some(one.and(two)),
        (one, two) => one.or(two),
    };
    report
}

/// What is counted as spawned.
fn noun() -> &'static str {
    if activity::threads_spawned() == 0 { "tasks" } else { "tasks and threads" }
}

/// Where nothing was found: why that may be.
fn clean(spawned: u64, exceptions: &[Exception]) -> String {
    let tasks = match (spawned, noun()) {
        (0, _) => {
            return "gleak: nothing was checked: no task was spawned in this process".to_owned();
        }
        (1, "tasks") => "1 task was".to_owned(),
        (spawned, noun) => format!("{spawned} {noun} were"),
    };
    let used = render::used(exceptions);
    let but = if used.is_empty() { "" } else { " but what is suppressed" };
    let head = format!("gleak: nothing was left when the process ended{but} ({tasks} spawned)");
    std::iter::once(head).chain(used).collect::<Vec<_>>().join("\n  ")
}

/// What a run has counted, under a line that sums it up. For test harnesses, which count by test.
#[must_use]
pub fn surveyed(survey: &Survey, exceptions: &[Exception]) -> String {
    table_of(others::spawned(), survey, exceptions)
}

fn table_of(spawned: u64, survey: &Survey, exceptions: &[Exception]) -> String {
    let head = match survey.tasks(Standing::Left) {
        0 => clean(spawned, exceptions),
        left => {
            let noun = noun();
            let head =
                format!("gleak: {left} of {spawned} {noun} were left when the process ended");
            let lines = std::iter::once(head).chain(render::used(exceptions));
            lines.collect::<Vec<_>>().join("\n  ")
        }
    };
    let table = render::survey(survey, &TextOptions { top: ROWS, ..columns() });
    format!("{head}\n\n{}", table.trim_end()).trim_end().to_owned()
}
