//! The monitor: one thread a process, which advances the coarse clock and looks for held workers
//! while anything runs, and looks whether everything sleeps for good when nothing does.
//!
//! It sleeps without a timer while the process is idle. The verdict itself is `report`'s; here is
//! only when to ask for it.
//!
//! A verdict needs the process's threads: a thread that is not ours may still act. Threads that
//! are about to end look the same for a moment, so the monitor asks again, a little later each
//! time, and gives up after some seconds: then a thread is there that may act, and nothing is said.

use std::io;
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::flight;
use crate::machine::futex::Parker;
use crate::machine::thread;
use crate::report::{self, Judged};
use crate::scheduler::held::Watch;
use crate::scheduler::seat::{self, Seat};
use crate::scheduler::trim::{self, Trimmer};
use crate::scheduler::{activity, overflow};
use crate::sync::{AtomicBool, AtomicU32, Lock, Ordering, fence};
use crate::time::clock;

/// Resolution of the coarse clock.
const TICK: Duration = Duration::from_millis(1);
/// How long the monitor goes on asking while threads of others are there: doubling from one tick.
const ASK_AGAIN_MAX: Duration = Duration::from_secs(4);

/// How long it then lets threads rest that fall asleep one by one.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

static STARTED: OnceCell<()> = OnceCell::new();
static PARKER: Parker = Parker::new();
static DEEP: AtomicBool = AtomicBool::new(false);
/// Kernel ids of workers, the monitor, and helper threads without a job.
static OWN_THREADS: Lock<Vec<u32>> = Lock::new(Vec::new());
/// Kernel ids of threads that were declared harmless.
static HARMLESS: Lock<Vec<u32>> = Lock::new(Vec::new());
/// Calls of `run` under way: they want the process to end when everything sleeps.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// Starts the monitor, once.
///
/// # Errors
/// When no thread can be made.
pub(crate) fn start() -> io::Result<()> {
    STARTED
        .get_or_try_init(|| {
            clock::refresh();
            thread::start("gleak-monitor".to_owned(), Box::new(watch))
        })
        .copied()
}

/// A worker woke: the clock has to go on.
pub(crate) fn poke() {
    if DEEP.load(Ordering::SeqCst) {
        PARKER.unpark();
    }
}

/// A thread that could act no longer can: the monitor, if it has given up asking, looks once more.
pub(crate) fn look_again() {
    // Pairs with the fence in `rest`: either it is seen at rest there, or `DEEP` is seen here.
    fence(Ordering::SeqCst);
    poke();
}

pub(crate) fn add_own_thread(tid: u32) {
    OWN_THREADS.lock().push(tid);
}

/// The calling thread ends, or acts for somebody from now on.
pub(crate) fn forget_own_thread(tid: u32) {
    OWN_THREADS.lock().retain(|known| *known != tid);
}

/// Whether the thread is ours or was declared harmless.
pub(crate) fn is_known(tid: u32) -> bool {
    OWN_THREADS.lock().contains(&tid) || HARMLESS.lock().contains(&tid)
}

/// Declares that the calling OS thread never wakes a task: it does not count when the runtime
/// judges whether anything outside could still act.
///
/// For threads that a program keeps for itself, such as a logger's. A wrong declaration makes a
/// wrong verdict.
pub fn declare_harmless_thread() {
    HARMLESS.lock().push(thread::tid());
}

/// While the value lives, a certain all-asleep verdict ends the process.
#[derive(Debug)]
pub(crate) struct ExitWhenAsleep(());

pub(crate) fn exit_when_asleep() -> ExitWhenAsleep {
    RUNS.fetch_add(1, Ordering::SeqCst);
    ExitWhenAsleep(())
}

impl Drop for ExitWhenAsleep {
    fn drop(&mut self) {
        RUNS.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn must_exit() -> bool {
    RUNS.load(Ordering::SeqCst) > 0
}

fn watch() {
    add_own_thread(thread::tid());
    let mut workers = Watch::new();
    let mut trimmer = Trimmer::default();
    let mut seen = activity::epoch();
    loop {
        overflow::tell_calls();
        let open = workers.look(clock::now_ns());
        flight::tick(activity::counters);
        // Only what has rested for a tick is worth a look, which costs more than many a sleep.
        let epoch = activity::epoch();
        let rests = epoch == std::mem::replace(&mut seen, epoch);
        if activity::awake() == 0 && rests && !open {
            rest(&mut trimmer);
        } else {
            trimmer.tick(clock::now_ns());
            PARKER.park(Some(TICK));
        }
    }
}

/// Until then; nothing when it is past.
fn left(due_ns: u64) -> Duration {
    Duration::from_nanos(due_ns.saturating_sub(clock::now_ns()))
}

/// Whether no worker has been awake since this epoch.
fn is_at_rest(epoch: u64) -> bool {
    activity::awake() == 0 && activity::epoch() == epoch
}

/// Sleeps until a worker has woken or a timer is due; or, where only threads were in the way of a verdict,
/// until one has fallen asleep: then true.
fn sleep_on(epoch: u64, due: Option<u64>, judged: Judged) -> bool {
    let is_over = || !is_at_rest(epoch) || due.is_some_and(|due| left(due).is_zero());
    loop {
        PARKER.park(due.map(left));
        if is_over() {
            return false;
        }
        if judged == Judged::Open {
            break;
        }
    }
    // Threads that only talk to each other fall asleep all the time.
    let end = clock::now_ns() + clock::ns(ASKED_AGAIN);
    while !is_over() && !left(end).is_zero() {
        PARKER.park(Some(left(due.map_or(end, |due| due.min(end)))));
    }
    !is_over()
}

/// Nothing runs. Asks whether anything ever will, then sleeps until a worker wakes.
fn rest(trimmer: &mut Trimmer) {
    DEEP.store(true, Ordering::SeqCst);
    // Pairs with the waking worker: either it sees `DEEP` and pokes, or it is counted here.
    fence(Ordering::SeqCst);
    let mut pause = TICK;
    let epoch = activity::epoch();
    trimmer.tick(clock::now_ns());
    trimmer.rest(|| activity::epoch() == epoch);
    while activity::awake() == 0 {
        let epoch = activity::epoch();
        let may_wake = seat::all().any(Seat::may_wake);
        let judged = if may_wake { Judged::Settled } else { report::judge_asleep() };
        if activity::epoch() != epoch {
            // Something moved while it was looked at: the judgement is of no moment at all.
            break;
        }
        let settled = judged == Judged::Settled || pause > ASK_AGAIN_MAX;
        if (settled || pause > trim::LULL) && trimmer.has_surplus() {
            if settled {
                // Once, and not for a process that goes on at once.
                PARKER.park(Some(trim::LULL));
            }
            trimmer.rest(|| activity::epoch() == epoch);
            if activity::epoch() != epoch {
                continue;
            }
        }
        if settled {
            // A worker that wakes from now on leaves a token; one that woke before changed the epoch.
            // Timers of workers that cannot see to them fire when it looks at those again.
            let due = seat::all().filter_map(Seat::needs_stand_in).min();
            if !sleep_on(epoch, due, judged) {
                break;
            }
            // One more look.
            pause = ASK_AGAIN_MAX * 2;
            continue;
        }
        PARKER.park(Some(pause));
        pause *= 2;
    }
    DEEP.store(false, Ordering::SeqCst);
    clock::refresh();
    flight::tick(activity::counters);
}
