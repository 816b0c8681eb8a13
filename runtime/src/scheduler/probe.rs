//! Where the task on a worker stands, asked by signal.
//!
//! The worker's thread is interrupted. Its handler notes three registers and copies the words of the
//! task's stack, and the thread goes on: a few microseconds, without a lock and without memory of its
//! own. The copy is unwound by who asked. That may allocate, unlike the handler, whose thread may be
//! in the middle of an allocation.
//!
//! ```text
//!         ask                handler            handler
//!  IDLE -------> ASKED -----------------> COPYING ---------> DONE
//!    ^              | given up                                 | taken
//!    +--------------+------------------------------------------+
//! ```
//!
//! Invariants:
//! 1. Whoever has `TURN` owns the answer, but in `COPYING`: then the handler does.
//! 2. The state names the worker that is asked, so a signal that comes late finds another one, and its
//!    handler does nothing.

use std::time::Duration;

use gleak_snapshot::Registers;

use crate::machine::unwind::Words;
use crate::machine::{futex, signal, slabs, stack, thread};
use crate::records::table::Ref;
use crate::scheduler::current;
use crate::scheduler::seat::Seat;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// Words that are copied at most; of a deeper stack the inner part is seen.
const WORDS_MAX: usize = 32 << 10;
/// How long a thread may take to answer. One that has a processor does so in microseconds.
const PATIENCE: Duration = Duration::from_millis(200);

/// Looks at the answer before the asking thread sleeps: some ten microseconds.
const SPINS: u32 = 500;

/// Of the state, with the worker in the bits above.
const IDLE: u32 = 0;
const ASKED: u32 = 1;
const COPYING: u32 = 2;
const DONE: u32 = 3;

const fn state(worker: u32, phase: u32) -> u32 {
    worker << 2 | phase
}

struct Answer {
    state: AtomicU32,
    /// Who ran there; zero for nobody.
    task: AtomicU64,
    ip: AtomicU64,
    sp: AtomicU64,
    bp: AtomicU64,
    count: AtomicU32,
    words: [AtomicU64; WORDS_MAX],
}

static ANSWER: Answer = Answer {
    state: AtomicU32::new(IDLE),
    task: AtomicU64::new(0),
    ip: AtomicU64::new(0),
    sp: AtomicU64::new(0),
    bp: AtomicU64::new(0),
    count: AtomicU32::new(0),
    words: [const { AtomicU64::new(0) }; WORDS_MAX],
};

/// 1 while somebody asks.
static TURN: AtomicU32 = AtomicU32::new(0);

/// A stack as it was.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) registers: Registers,
    words: Vec<u64>,
}

impl Copied {
    /// Whether there was more than is copied.
    pub(crate) fn is_cut(&self) -> bool {
        self.words.len() == WORDS_MAX
    }
}

impl Words for Copied {
    fn word(&self, address: u64) -> Option<u64> {
        let offset = address.checked_sub(self.registers.sp).filter(|it| it.is_multiple_of(8))?;
        self.words.get(usize::try_from(offset / 8).ok()?).copied()
    }
}

/// The stack of `task`, if it runs on this worker at this moment. None when it does not any more, or
/// the thread does not answer.
pub(crate) fn stack_of(seat: &Seat, task: Ref) -> Option<Copied> {
    while TURN.swap(1, Ordering::Acquire) == 1 {
        futex::wait(&TURN, 1, Some(PATIENCE));
    }
    let answered = thread::not_forked().is_ok() && ask(seat);
    let copied = (answered && ANSWER.task.load(Ordering::Relaxed) == task.to_bits()).then(copied);
    ANSWER.state.store(IDLE, Ordering::Relaxed);
    TURN.store(0, Ordering::Release);
    futex::wake_all(&TURN);
    copied
}

/// Whether there is an answer.
fn ask(seat: &Seat) -> bool {
    let [asked, copying, done] = [ASKED, COPYING, DONE].map(|phase| state(seat.index, phase));
    ANSWER.state.store(asked, Ordering::Release);
    if signal::interrupt(seat.tid.load(Ordering::Relaxed), answer) {
        // A thread that is on a processor answers sooner than this one could fall asleep and be woken,
        // which on a busy machine takes until some other thread has had its time.
        let is_done = || ANSWER.state.load(Ordering::Acquire) == done;
        let answered = (0..SPINS).any(|_| {
            std::hint::spin_loop();
            is_done()
        });
        if !answered {
            futex::wait(&ANSWER.state, asked, Some(PATIENCE));
        }
    }
    // From here on no handler begins.
    let _ = ANSWER.state.compare_exchange(asked, IDLE, Ordering::Acquire, Ordering::Acquire);
    while ANSWER.state.load(Ordering::Acquire) == copying {
        futex::wait(&ANSWER.state, copying, Some(PATIENCE));
    }
    ANSWER.state.load(Ordering::Acquire) == done
}

fn copied() -> Copied {
    let [ip, sp, bp] = [&ANSWER.ip, &ANSWER.sp, &ANSWER.bp].map(|it| it.load(Ordering::Relaxed));
    let words = ANSWER.words.iter().take(ANSWER.count.load(Ordering::Relaxed) as usize);
    let words = words.map(|word| word.load(Ordering::Relaxed)).collect();
    Copied { registers: Registers { ip, sp, bp }, words }
}

/// In the handler of the interrupted thread: no allocation, no lock, no panic. Says whether it was
/// asked.
fn answer(at: Registers) -> bool {
    let Some(worker) = current::worker() else { return false };
    let [asked, copying, done] = [ASKED, COPYING, DONE].map(|phase| state(worker.index(), phase));
    let begun = ANSWER.state.compare_exchange(asked, copying, Ordering::Acquire, Ordering::Relaxed);
    if begun.is_err() {
        return false;
    }
    let task = worker.current().map_or(0, |task| task.reference().to_bits());
    // Of a task that is just beginning or ending the stack pointer is not in its stack.
    let place = usize::try_from(at.sp).ok().and_then(slabs::find);
    let place = place.filter(|place| task != 0 && stack::task_on(*place) == task);
    let mut count = 0;
    if let Some(place) = place {
        for (address, word) in (at.sp..).step_by(8).zip(&ANSWER.words) {
            let Some(value) = stack::word(place, address) else { break };
            word.store(value, Ordering::Relaxed);
            count += 1;
        }
    }
    ANSWER.task.store(place.map_or(0, |_| task), Ordering::Relaxed);
    ANSWER.ip.store(at.ip, Ordering::Relaxed);
    ANSWER.sp.store(at.sp, Ordering::Relaxed);
    ANSWER.bp.store(at.bp, Ordering::Relaxed);
    ANSWER.count.store(count, Ordering::Relaxed);
    ANSWER.state.store(done, Ordering::Release);
    futex::wake_all(&ANSWER.state);
    // Who asks may have slept on this thread's processor: it goes first, and the task has all of the
    // time that is left to it.
    std::thread::yield_now();
    true
}
