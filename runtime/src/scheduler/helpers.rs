//! Helper threads: they run closures that block, while the tasks that lent them are parked.
//!
//! Made on demand, the one that was busy last is taken first, and who has had nothing to do for
//! [`IDLE`] ends. Beyond [`HELPERS_MAX`] jobs queue.
//!
//! Invariants:
//! 1. A helper is in `idle` or has a job, and only who takes it out of `idle` gives it one, under
//!    the pool's lock. So none ends with a job in its hands.
//! 2. While a helper has a job it is a thread that may act: it is taken off the list of our own
//!    threads before the job is named in a record, and put back after the task has been woken. So
//!    a judge finds the thread listed, or that something has moved (`README.md`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::machine::futex::Parker;
use crate::machine::thread;
use crate::records::waiter::Current;
use crate::scheduler::runtime::RuntimeShared;
use crate::scheduler::{current, monitor, seat};
use crate::sync::{Lock, Ordering};
use crate::task::local;
use crate::task::packet::Lent;
use crate::time::Instant;
use crate::wait::{self, Claimed};

const HELPERS_MAX: usize = 512;
/// How long a helper waits for its next job.
const IDLE: Duration = Duration::from_secs(10);
/// What std gives its threads: they run what users wrote for such.
const STACK_BYTES: usize = 2 << 20;

/// A closure, and the wait that its end ends.
pub(crate) struct Job {
    pub(crate) lent: Lent,
    pub(crate) task: Current,
    pub(crate) ticket: u64,
}

struct Helper {
    number: usize,
    parker: Parker,
    job: Lock<Option<Job>>,
}

struct Pool {
    queue: VecDeque<Job>,
    idle: Vec<Arc<Helper>>,
    /// By number: whether such a helper lives. A number is in a thread's name, so it stays small.
    live: Vec<bool>,
}

static POOL: Lock<Pool> =
    Lock::new(Pool { queue: VecDeque::new(), idle: Vec::new(), live: Vec::new() });

/// Gives the job to a helper, now or as soon as there is one.
///
/// # Errors
/// Gives the job back when no helper lives and no thread can be made.
pub(crate) fn submit(job: Job) -> Result<(), Job> {
    let runtime = runtime_of(job.task);
    // The task's worker is awake, so nobody finds the runtime quiet before this.
    runtime.helper_acts();
    let given = hand_over(job);
    if given.is_err() {
        runtime.helper_rests();
    }
    given
}

fn runtime_of(task: Current) -> &'static RuntimeShared {
    seat::of(task.record.worker.load(Ordering::Relaxed)).runtime
}

fn hand_over(job: Job) -> Result<(), Job> {
    let mut pool = POOL.lock();
    let Some(job) = pool.give(job) else { return Ok(()) };
    let Some(number) = pool.free_number() else {
        pool.queue.push_back(job);
        return Ok(());
    };
    drop(pool);
    let helper = Arc::new(Helper { number, parker: Parker::new(), job: Lock::new(Some(job)) });
    let body = helper.clone();
    let name = busy_name(number);
    let started = thread::start_with_stack(name, STACK_BYTES, Box::new(move || serve(&body)));
    let unserved = started.err().and_then(|_| helper.job.lock().take());
    let Some(job) = unserved else { return Ok(()) };
    let mut pool = POOL.lock();
    pool.live[number] = false;
    // A helper may have become idle meanwhile; one that is busy looks into the queue later.
    let Some(job) = pool.give(job) else { return Ok(()) };
    if pool.live.contains(&true) {
        pool.queue.push_back(job);
        return Ok(());
    }
    Err(job)
}

impl Pool {
    /// Gives the job to an idle helper. The job comes back when there is none.
    fn give(&mut self, job: Job) -> Option<Job> {
        let Some(helper) = self.idle.pop() else { return Some(job) };
        *helper.job.lock() = Some(job);
        helper.parker.unpark();
        None
    }

    /// The job that has waited longest, for a helper that is done with its own. Without one the
    /// helper is idle from now on.
    fn next_for(&mut self, helper: &Arc<Helper>) -> Option<Job> {
        let job = self.queue.pop_front();
        if job.is_none() {
            self.idle.push(helper.clone());
        }
        job
    }

    /// A number for a new helper; none when there are enough.
    fn free_number(&mut self) -> Option<usize> {
        let number = self.live.iter().position(|live| !live).unwrap_or(self.live.len());
        if number == HELPERS_MAX {
            return None;
        }
        if number == self.live.len() {
            self.live.push(false);
        }
        self.live[number] = true;
        Some(number)
    }
}

// At most 15 bytes, which is what the kernel keeps.
fn busy_name(number: usize) -> String {
    format!("gleak-helper{number}")
}

fn idle_name(number: usize) -> String {
    format!("gleak-idle{number}")
}

fn serve(helper: &Arc<Helper>) {
    let tid = thread::tid();
    while let Some(mut job) = next(helper) {
        monitor::forget_own_thread(tid);
        thread::rename(busy_name(helper.number));
        while let Some(more) = job.run(helper, tid) {
            job = more;
        }
        thread::rename(idle_name(helper.number));
        monitor::add_own_thread(tid);
    }
    monitor::forget_own_thread(tid);
}

/// The next job given to this helper; none when it has waited long enough.
fn next(helper: &Arc<Helper>) -> Option<Job> {
    let deadline = Instant::now() + IDLE;
    loop {
        if let Some(job) = helper.job.lock().take() {
            return Some(job);
        }
        let left = deadline - Instant::now();
        if !left.is_zero() {
            helper.parker.park(Some(left));
            continue;
        }
        let mut pool = POOL.lock();
        if let Some(at) = pool.idle.iter().position(|idle| Arc::ptr_eq(idle, helper)) {
            pool.idle.remove(at);
            pool.live[helper.number] = false;
            return None;
        }
        // Somebody was faster and has given it a job.
    }
}

impl Job {
    /// Runs the closure and wakes the task; comes back with the next job, or as one of the idle.
    fn run(self, helper: &Arc<Helper>, tid: u32) -> Option<Job> {
        let Job { lent, task, ticket } = self;
        let helping = current::help(task, tid, &busy_name(helper.number));
        if let Some(helping) = &helping {
            wait::name_later(task, helping.reference());
        }
        lent.run();
        local::end_of_job();
        // Before the wake: the task must not find that its helper is still there.
        drop(helping);
        // Before the wake as well: the task's next job then finds this helper.
        let more = POOL.lock().next_for(helper);
        let runtime = runtime_of(task);
        if let Some(claimed) = Claimed::by_ticket(task.reference(), ticket) {
            claimed.wake();
        }
        runtime.helper_rests();
        more
    }
}
