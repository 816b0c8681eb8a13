//! A test's run: its runtime, its region, its body, and the waiting for both to end.
//!
//! States, in order: the body runs; it has ended, or cannot end; what it left behind settles; the
//! verdict is given; the region closes. No state is left by time alone: `wait_quiet` tells when no
//! task of the test can run, and then a snapshot tells whether anybody could change that.
//!
//! Invariants:
//! 1. A body that could still be woken is waited for, for as long as that takes.
//! 2. What only a certain finding holds up is not waited for.

use std::sync::Arc;
use std::time::Duration;

use gleak_runtime::report::detector::{Question, Report, render};
use gleak_runtime::report::snapshot::{RegionId, Snapshot};
use gleak_runtime::report::{Detail, Taken};
use gleak_runtime::time::Instant;
use gleak_runtime::{JoinError, JoinHandle, Quiet, Region, RegionKind, Runtime};

use crate::message;
use crate::options;
use crate::outsiders::Seen;
use crate::registry::Registered;
use crate::suite::Suite;
use crate::test_body::Start;
use crate::verdict::{self, Others};
use crate::wait::{Backoff, Latch};

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
pub(crate) fn run(name: &str, test: &Registered, suite: &Suite) -> Result<(), String> {
    let _under_way = suite.ledger.trial();
    let runtime = start_runtime(test, suite)?;
    let region = Region::open(RegionKind::Test, name);
    let ended = Arc::new(Latch::default());
    let builder = region.builder().name(name).stack_size(stack_bytes());
    let start = Start { builder, runtime: &runtime, ended: Arc::clone(&ended) };
    let body = (test.start)(start).map_err(|error| format!("gleak: cannot start: {error}"))?;
    let trial = Trial { name, test, suite, runtime, region, ended };
    let failure = match trial.wait_for_body(&body) {
        Some(report) => {
            drop(body);
            Some(message::stuck(name, &report))
        }
        None => {
            let outcome = trial.join(body);
            let ended = Instant::now();
            trial.settle();
            message::ended(name, test, outcome, &trial.judge_left(ended))
        }
    };
    trial.close();
    failure.map_or(Ok(()), Err)
}

fn start_runtime(test: &Registered, suite: &Suite) -> Result<Runtime, String> {
    let mut builder = Runtime::builder();
    if let Some(count) = test.workers.or(suite.options.workers).or_else(options::default_workers) {
        builder = builder.workers(count);
    }
    builder.start().map_err(|error| format!("gleak: no runtime for the test: {error}"))
}

fn stack_bytes() -> usize {
    let asked = std::env::var("RUST_MIN_STACK").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(STACK_BYTES).clamp(STACK_BYTES_MIN, STACK_BYTES_MAX)
}

struct Trial<'t> {
    name: &'t str,
    test: &'t Registered,
    suite: &'t Suite,
    runtime: Runtime,
    region: Region,
    ended: Arc<Latch>,
}

impl Trial<'_> {
    /// Waits until the body has ended: then none. A report when it cannot end.
    fn wait_for_body(&self, body: &JoinHandle<Result<(), String>>) -> Option<Report> {
        let done = || self.ended.is_set() || body.is_finished();
        let mut at_rest = AtRest::new();
        let mut say_held = Some(Instant::now() + SAY_WHO);
        let mut every = FIRST_JUDGEMENT;
        let mut next = Instant::now() + every;
        loop {
            match self.runtime.wait_quiet(LOOK, done) {
                Quiet::Done => return None,
                Quiet::Asleep => {
                    let _rest = self.suite.ledger.rest();
                    let mut seen = Seen::now(&self.suite.ledger);
                    if let Some(report) = self.judge_at_rest(&mut seen) {
                        return Some(report);
                    }
                    at_rest.say_who(self.name, seen.outsider.as_deref());
                    self.ended.pause(at_rest.pauses.next());
                }
                Quiet::Busy => {
                    at_rest = AtRest::new();
                    if Instant::now() < next {
                        continue;
                    }
                    let mut seen = Seen::now(&self.suite.ledger);
                    if let Some(report) = self.judge_unended(&mut seen, Others::Act) {
                        return Some(report);
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

    /// Takes the result of a body that has told its end. A join that waits would put this thread
    /// into the records for good, as one that may wake tasks.
    fn join(&self, body: JoinHandle<Result<(), String>>) -> Result<Result<(), String>, JoinError> {
        while !body.is_finished() {
            self.runtime.wait_quiet(LAST_STEP, || body.is_finished());
        }
        body.join()
    }

    /// Judges a test none of whose tasks can run: by what is its own, and only then by the process
    /// as a whole. In this order a finding is the same whatever runs beside it.
    fn judge_at_rest(&self, seen: &mut Seen) -> Option<Report> {
        let ledger = &self.suite.ledger;
        let settled = !seen.others_go_on(self.id())
            || seen.rested(self.id()).is_some_and(|time| time >= self.settle_limit());
        let others = if seen.outsider.is_none() && settled { Others::Rest } else { Others::Act };
        self.judge_unended(seen, others).or_else(|| {
            if !ledger.all_rest() {
                return None;
            }
            // The harness's threads wait for tests that rest, and so start no other: they wake
            // nobody.
            let threads = &mut seen.taken.snapshot.activity.threads;
            threads.retain(|thread| !ledger.is_harness_thread(thread.tid));
            self.judge_unended(seen, others)
        })
    }

    fn judge_unended(&self, seen: &mut Seen, others: Others) -> Option<Report> {
        let judge = |snapshot: &Snapshot| {
            verdict::of_unended(verdict::judge(snapshot, &self.question()), others)
        };
        judge(seen.snapshot())?;
        // Only who fails pays for stacks and names.
        seen.taken.add(Detail::REPORT);
        let report = judge(seen.snapshot())?;
        self.suite.ledger.charge(self.name, self.id(), seen.snapshot(), &report.findings);
        Some(report)
    }

    /// Says who keeps the workers of a test that goes on, if somebody does: a test that spins should
    /// not hang without a word.
    fn say_held(&self, seen: &Seen) -> bool {
        let report = verdict::judge(seen.snapshot(), &self.question());
        let lines = render::held_workers(&report);
        lines.iter().for_each(|line| message::say(&format!("gleak: {}: {line}", self.name)));
        !lines.is_empty()
    }

    /// The body has ended: waits for tasks that could still finish, and for no others.
    fn settle(&self) {
        let deadline = Instant::now() + self.settle_limit();
        let mut pauses = Backoff::up_to(LOOK_AT_REST);
        loop {
            let left = deadline - Instant::now();
            let quiet = self.runtime.wait_quiet(left.min(LOOK), || self.region.live() == 0);
            match quiet {
                Quiet::Done => break,
                Quiet::Asleep if left.is_zero() || self.rests_for_good() => break,
                // Someone outside could act on it. Nobody tells this wait, so it is looked at.
                Quiet::Asleep => Latch::default().pause(pauses.next().min(left)),
                Quiet::Busy if left.is_zero() => break,
                Quiet::Busy => {}
            }
        }
        if self.region.live() == 0 {
            // A task leaves its region before its runtime, and only a runtime without tasks is
            // used again.
            self.runtime.wait_quiet(LAST_STEPS, || self.runtime.live() == 0);
        }
    }

    fn settle_limit(&self) -> Duration {
        self.test.settle_ms.map_or(self.suite.options.settle, Duration::from_millis)
    }

    /// Nothing runs: whether nobody could act on what is left, or it can never go on anyway.
    fn rests_for_good(&self) -> bool {
        let seen = Seen::now(&self.suite.ledger);
        seen.outsider.is_none()
            || verdict::all_certain(
                &verdict::judge(seen.snapshot(), &self.question()),
                self.region.live(),
            )
    }

    /// The body has ended and the rest has settled.
    fn judge_left(&self, ended: Instant) -> Report {
        // Counted before the look: what the body did last was done before it ended.
        let settled_ns = u64::try_from((Instant::now() - ended).as_nanos()).unwrap_or(u64::MAX);
        let mut taken = Taken::now();
        let question = Question { settled_ns, ..self.question() };
        let mut report = verdict::judge(&taken.snapshot, &question);
        if !report.findings.is_empty() {
            taken.add(Detail::REPORT);
            report = verdict::judge(&taken.snapshot, &question);
        }
        self.suite.ledger.charge(self.name, self.id(), &taken.snapshot, &report.findings);
        report
    }

    fn question(&self) -> Question {
        let allowed = self.suite.options.allow.iter().map(String::as_str);
        verdict::question(self.id(), allowed.chain(self.test.allow.iter().copied()))
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
