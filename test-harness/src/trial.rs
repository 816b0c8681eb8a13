//! A test's run: its runtime, its region, its body, and the waiting for both to end.
//!
//! States, in order: the body runs; it has ended, or cannot end; the clean-up runs likewise; what is
//! left behind settles; the verdict is given; the region closes. No state is left by time alone:
//! `wait_quiet` tells when no task of the test can run, and then a snapshot tells whether anybody
//! could change that.
//!
//! Invariants:
//! 1. A body that could still be woken is waited for, for as long as that takes.
//! 2. What only a certain finding holds up is not waited for.
//! 3. No exception makes a test wait for what cannot come: a body that cannot end fails its test.

use std::sync::Arc;
use std::time::Duration;

use gleak_runtime::report::detector::render::Charge;
use gleak_runtime::report::detector::{Certainty, Ignore, Question, Report, Scope, render};
use gleak_runtime::report::snapshot::{Reason, RegionId, Snapshot, TaskId};
use gleak_runtime::report::{self, Detail, Patience, Taken};
use gleak_runtime::time::Instant;
use gleak_runtime::{JoinError, JoinHandle, Order, Quiet, Region, RegionKind, Runtime};

use crate::adapter::Judge;
use crate::case::{Begin, Case, Kind, Settings};
use crate::exceptions;
use crate::message::{self, Outcome};
use crate::options;
use crate::outsiders::Seen;
use crate::panics::{self, Panics};
use crate::suite::Suite;
use crate::test_body::{End, Start, Told};
use crate::verdict::{self, Others};
use crate::wait::Backoff;

/// What libtest gives a test's thread.
const STACK_BYTES: usize = 2 << 20;
/// Less than what any other task gets is of no use to a body.
const STACK_BYTES_MIN: usize = 256 << 10;
/// The most that a runtime gives.
const STACK_BYTES_MAX: usize = 1 << 30;
/// The longest time between two looks at whether the body has ended. Its end is told at once; this
/// is for the case that somebody else's news came in between.
const LOOK: Duration = Duration::from_millis(100);
/// The longest time between two looks at a test that rests and that a thread could still wake.
const LOOK_AT_REST: Duration = Duration::from_millis(10);
/// When a test that goes on is first judged, and how far apart that becomes.
const FIRST_JUDGEMENT: Duration = Duration::from_millis(250);
const JUDGEMENTS_APART: Duration = Duration::from_secs(4);
/// After this time it is said for whom a test that rests is kept waiting, and who keeps the workers
/// of one that goes on.
const SAY_WHO: Duration = Duration::from_secs(5);
/// For the last step of a body that has told its end.
const LAST_STEP: Duration = Duration::from_millis(1);
/// For the last steps of tasks that have left their region.
const LAST_STEPS: Duration = Duration::from_millis(20);

/// Runs one test; the message of its failure.
///
/// # Errors
/// When it fails, the message.
pub(crate) fn run(case: Case, suite: &Suite) -> Result<(), String> {
    let Case { name, kind, file, line, settings, begin } = case;
    let _under_way = suite.ledger.trial(&name);
    let ignores = exceptions::parse(settings.ignore.iter().map(String::as_str))?;
    let start = match begin {
        Begin::Here(start) => start,
        Begin::Elsewhere(run) => {
            return run(&Judge {
                suite,
                name,
                file,
                line,
                settings,
                ignores,
                charge: charge(&kind),
            });
        }
    };
    let runtime = start_runtime(&settings, suite)?;
    let region = Region::open(RegionKind::Test, &name);
    region.keep_panics();
    let told = Arc::new(Told::default());
    let builder = region.builder().name(&*name).stack_size(stack_bytes());
    let with = Start { builder, runtime: &runtime, told: Arc::clone(&told) };
    let body = start(with).map_err(|error| format!("gleak: cannot start: {error}"))?;
    let late = settings.deadline_ms.map(Duration::from_millis).or(suite.options.deadline);
    let late = late.map(|limit| (Instant::now() + limit, limit));
    let trial = Trial {
        name,
        file,
        line,
        charge: charge(&kind),
        settings,
        ignores,
        suite,
        runtime,
        region,
        told,
        late,
    };
    let failure = match trial.wait_for(&body, &trial.told) {
        Some(unended) => Some(trial.say_unended("the test", &unended)),
        None => trial.after(body),
    };
    trial.close();
    failure.map_or(Ok(()), Err)
}

fn charge(kind: &Kind) -> Charge {
    match kind {
        Kind::Own | Kind::Wrapped(_) => Charge::Body,
        Kind::CleanUp => Charge::Run,
    }
}

fn start_runtime(test: &Settings, suite: &Suite) -> Result<Runtime, String> {
    let mut builder = Runtime::builder();
    // A seeded order needs one worker, and that many it takes by itself.
    let usual = || suite.options.workers.or_else(options::default_workers);
    if let Some(count) = test.workers.or_else(|| usual().filter(|_| test.seed.is_none())) {
        builder = builder.workers(count);
    }
    if let Some(seed) = test.seed {
        builder = builder.order(Order::Seeded(seed));
    }
    builder.start().map_err(|error| format!("gleak: no runtime for the test: {error}"))
}

fn stack_bytes() -> usize {
    let asked = std::env::var("RUST_MIN_STACK").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(STACK_BYTES).clamp(STACK_BYTES_MIN, STACK_BYTES_MAX)
}

struct Trial<'t> {
    name: String,
    /// Where it is written down.
    file: &'static str,
    line: u32,
    charge: Charge,
    settings: Settings,
    /// The test's own.
    ignores: Vec<Ignore>,
    suite: &'t Suite,
    runtime: Runtime,
    region: Region,
    told: Arc<Told>,
    /// When it must have ended, and how long that is from its start.
    late: Option<(Instant, Duration)>,
}

/// Why a body is waited for no longer.
enum Unended {
    /// It can never end.
    Stuck(Report),
    /// It is late.
    Late { report: Report, limit: Duration, dump: Option<String> },
}

impl Trial<'_> {
    /// The body has ended: cleans up, and judges. The message of the test's failure, if it fails.
    fn after(&self, body: JoinHandle<Result<(), String>>) -> Option<String> {
        let id = body.id();
        let outcome: Outcome = self.join(body);
        let by = outcome.as_ref().err().filter(|_| message::tells(&self.settings, &outcome));
        panics::ended(&self.region, id, by);
        let cleaned = match self.settings.cleanup.map(|hook| self.clean_up(hook)) {
            None => Ok(()),
            Some(Ok(cleaned)) => cleaned,
            Some(Err(failure)) => return Some(failure),
        };
        let ended = Instant::now();
        let settled = self.settle();
        panics::tell_all(&self.region);
        let report = self.judge_left(ended, settled);
        let place = format!("{}:{}", self.file, self.line);
        let own = message::own(&self.settings, &place, outcome.into(), cleaned.err());
        let on_leak = self.settings.on_leak.unwrap_or(self.suite.options.on_leak);
        message::besides(own, self.suite.failing(&self.told_of(), on_leak, &report))
    }

    /// Calls the test's hook as a task of the test. A message when it cannot end.
    fn clean_up(&self, hook: fn()) -> Result<Result<(), JoinError>, String> {
        let told = Arc::new(Told::default());
        let end = End(Arc::clone(&told));
        let builder = self.region.builder().name("clean-up").stack_size(stack_bytes());
        let task = builder.spawn_in(&self.runtime, move || {
            let _end = end;
            hook();
        });
        let task = task.map_err(|error| format!("gleak: cannot start the clean-up: {error}"))?;
        if let Some(unended) = self.wait_for(&task, &told) {
            return Err(self.say_unended("the clean-up", &unended));
        }
        let id = task.id();
        let outcome = self.join(task);
        panics::ended(&self.region, id, outcome.as_ref().err());
        Ok(outcome)
    }

    fn told_of(&self) -> render::Test<'_> {
        message::test(&self.name, self.file, self.charge)
    }

    fn say_unended(&self, what: &str, unended: &Unended) -> String {
        panics::tell_all(&self.region);
        match unended {
            Unended::Stuck(report) => message::stuck(&self.told_of(), what, report),
            Unended::Late { report, limit, dump } => {
                message::late(what, *limit, report, dump.as_deref())
            }
        }
    }

    /// Waits until the body, or the clean-up, has ended: then none. Why it is waited for no longer,
    /// when it cannot end or is late.
    fn wait_for<T>(&self, body: &JoinHandle<T>, told: &Told) -> Option<Unended> {
        let done = || told.ended.is_set() || body.is_finished();
        let id = TaskId(body.id());
        let mut panics = Panics::new();
        let mut at_rest = AtRest::new();
        let mut say_held = Some(Instant::now() + SAY_WHO);
        let mut every = FIRST_JUDGEMENT;
        let mut next = Instant::now() + every;
        loop {
            let quiet = self.runtime.wait_quiet(LOOK, done);
            panics.tell(&self.region, id.0);
            if let Some((_, limit)) = self.late.filter(|(at, _)| Instant::now() >= *at)
                && quiet != Quiet::Done
            {
                return Some(self.look_around(limit));
            }
            match quiet {
                Quiet::Done => return None,
                Quiet::Asleep => {
                    let _rest = self.suite.ledger.rest();
                    let mut seen = Seen::now(&self.suite.ledger);
                    if let Some(report) = self.judge_at_rest(id, &mut seen) {
                        return Some(Unended::Stuck(report));
                    }
                    at_rest.say_who(&self.name, seen.outsider.as_deref());
                    told.ended.pause(at_rest.pauses.next());
                }
                Quiet::Busy => {
                    at_rest = AtRest::new();
                    if Instant::now() < next {
                        continue;
                    }
                    let mut seen = Seen::now(&self.suite.ledger);
                    if let Some(report) = self.judge_unended(id, &mut seen, Others::Act) {
                        return Some(Unended::Stuck(report));
                    }
                    if say_held.is_some_and(|at| Instant::now() >= at) && self.say_held(&seen) {
                        say_held = None;
                    }
                    every = (every * 2).min(JUDGEMENTS_APART);
                    next = Instant::now() + every;
                }
            }
        }
    }

    /// What the tasks of a test that is late do, and what of it is certain.
    fn look_around(&self, limit: Duration) -> Unended {
        let mut taken = Taken::now();
        taken.snapshot.header.reason = Reason::Late;
        taken.add(Detail::DUMP);
        let dump = report::all_dumped(taken.snapshot.clone());
        let mut report = self.suite.exceptions.judge(&taken.snapshot, &self.question());
        // That they are alive is no finding: the test has not ended.
        report.findings.retain(|finding| finding.certainty == Certainty::Certain);
        self.charge(&taken.snapshot, &report);
        Unended::Late { report, limit, dump }
    }

    /// Takes the result of a body that has told its end. A join that waits would put this thread
    /// into the records for good, as one that may wake tasks.
    fn join<T>(&self, body: JoinHandle<T>) -> Result<T, JoinError> {
        while !body.is_finished() {
            self.runtime.wait_quiet(LAST_STEP, || body.is_finished());
        }
        body.join()
    }

    /// Judges a test none of whose tasks can run: by what is its own, and only then by the process
    /// as a whole. In this order a finding is the same whatever runs beside it.
    fn judge_at_rest(&self, body: TaskId, seen: &mut Seen) -> Option<Report> {
        let ledger = &self.suite.ledger;
        let settled = !seen.others_go_on(self.id())
            || seen.rested(self.id()).is_some_and(|time| time >= self.settle_limit());
        let alone = seen.outsider.is_none() && !seen.goes_on(self.id());
        let others = if alone && settled { Others::Rest } else { Others::Act };
        self.judge_unended(body, seen, others).or_else(|| {
            if !ledger.all_rest() {
                return None;
            }
            // The harness's threads wait for tests that rest, and so start no other: they wake
            // nobody.
            let threads = &mut seen.taken.snapshot.activity.threads;
            threads.retain(|thread| !ledger.is_harness_thread(thread.tid));
            self.judge_unended(body, seen, others)
        })
    }

    fn judge_unended(&self, body: TaskId, seen: &mut Seen, others: Others) -> Option<Report> {
        let judge = |snapshot: &Snapshot| {
            let plain =
                verdict::of_unended(verdict::judge(snapshot, &self.plain_question()), others)?;
            let left = self.suite.exceptions.judge(snapshot, &self.question());
            // A body that is held up for good would be waited for without end.
            let held = verdict::holds(&plain, body).then_some(plain);
            verdict::of_unended(left, others).or(held)
        };
        judge(seen.snapshot())?;
        // Only who fails pays for stacks and names.
        seen.taken.add(Detail::REPORT);
        let report = judge(seen.snapshot())?;
        self.charge(seen.snapshot(), &report);
        Some(report)
    }

    /// Says who keeps the workers of a test that goes on, if somebody does: a test that spins should
    /// not hang without a word.
    fn say_held(&self, seen: &Seen) -> bool {
        let report = verdict::judge(seen.snapshot(), &self.plain_question());
        let lines = render::held_workers(&report);
        lines.iter().for_each(|line| message::say(&format!("gleak: {}: {line}", self.name)));
        !lines.is_empty()
    }

    /// The body has ended: waits for tasks that could still finish, and for no others. What was seen
    /// when only ignored ones were left: those may go on, and what they spawn a moment later is none
    /// of the test's faults.
    fn settle(&self) -> Option<Taken> {
        let mut patience = Patience::of(self.settle_limit());
        let mut pauses = Backoff::up_to(LOOK_AT_REST);
        let ignores = !self.question().ignore.is_empty();
        loop {
            let left = patience.left();
            // Nobody tells that all but the ignored have ended, so it is looked at.
            let look = if ignores { pauses.next() } else { LOOK };
            let quiet = self.runtime.wait_quiet(left.min(look), || self.region.live() == 0);
            panics::tell_all(&self.region);
            if ignores && quiet != Quiet::Done {
                let taken = self.only_ignored_left();
                if taken.is_some() {
                    return taken;
                }
            }
            match quiet {
                Quiet::Done => break,
                Quiet::Asleep if left.is_zero() || self.rests_for_good() => break,
                // Someone outside could act on it, or a thread of its own goes on. This wait is only told of
                // that one's end, so it is looked at.
                Quiet::Asleep => drop(self.region.wait_empty(pauses.next().min(left))),
                Quiet::Busy if left.is_zero() && !patience.extend(self.sleepers_due()) => break,
                Quiet::Busy => {}
            }
        }
        if self.region.live() == 0 {
            // A task leaves its region before its runtime, and only a runtime without tasks is
            // used again.
            self.runtime.wait_quiet(LAST_STEPS, || self.runtime.live() == 0);
        }
        None
    }

    fn sleepers_due(&self) -> Option<Duration> {
        let taken = Taken::now();
        let tasks = taken.snapshot.tasks.iter();
        let own = tasks.filter(|task| task.region == Some(self.id()));
        report::sleepers_due(&taken.snapshot, own)
    }

    fn settle_limit(&self) -> Duration {
        let own = self.settings.settle_ms.map(Duration::from_millis);
        own.unwrap_or_else(|| self.suite.options.settle())
    }

    /// Nothing runs: whether nobody could act on what is left, or it can never go on anyway.
    fn rests_for_good(&self) -> bool {
        let seen = Seen::now(&self.suite.ledger);
        seen.outsider.is_none() && !seen.goes_on(self.id())
            || verdict::all_certain(
                &verdict::judge(seen.snapshot(), &self.plain_question()),
                self.region.live(),
            )
    }

    /// A snapshot in which all that is alive of the test is ignored, if that is so.
    fn only_ignored_left(&self) -> Option<Taken> {
        if self.region.live() == 0 {
            return None;
        }
        let mut taken = Taken::now();
        let question = self.question();
        exceptions::add_stacks_for(&question.ignore, &mut taken);
        verdict::judge(&taken.snapshot, &question).groups.is_empty().then_some(taken)
    }

    /// The body has ended and the rest has settled.
    fn judge_left(&self, ended: Instant, settled: Option<Taken>) -> Report {
        // Counted before the look: what the body did last was done before it ended.
        let settled_ns = verdict::ns_since(ended);
        let question = Question { settled_ns, ..self.question() };
        let (report, seen) = match settled {
            // Later on there may be more of the ignored ones.
            Some(Taken { snapshot, .. }) => {
                (self.suite.exceptions.judge(&snapshot, &question), snapshot)
            }
            None => self.suite.judge(&self.region, &question),
        };
        self.charge(&seen, &report);
        report
    }

    fn charge(&self, seen: &Snapshot, report: &Report) {
        self.suite.charge(&self.name, &self.region, seen, report);
    }

    fn question(&self) -> Question {
        let current = self.told.current();
        self.suite.question(&self.region, self.ignores.iter().chain(current.iter()))
    }

    fn plain_question(&self) -> Question {
        Question { scope: Scope::Region(self.id()), ..Question::default() }
    }

    fn id(&self) -> RegionId {
        RegionId(self.region.id())
    }

    /// The verdict is given. The runtime goes back to the pool, or stays with what is left.
    fn close(self) {
        self.region.close();
        drop(self.runtime);
    }
}

/// A test that rests and that somebody outside of it could wake.
struct AtRest {
    pauses: Backoff,
    say_at: Option<Instant>,
}

impl AtRest {
    fn new() -> Self {
        AtRest { pauses: Backoff::up_to(LOOK), say_at: Some(Instant::now() + SAY_WHO) }
    }

    /// A test that hangs should not hang without a word.
    fn say_who(&mut self, test: &str, outsider: Option<&str>) {
        if self.say_at.is_some_and(|at| Instant::now() >= at) {
            self.say_at = None;
            let who = outsider.unwrap_or("another test's task");
            message::say(&format!("gleak: {test}: all its tasks are asleep unless {who} acts"));
        }
    }
}
