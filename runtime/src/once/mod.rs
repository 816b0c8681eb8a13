//! What is initialised once: [`Once`], and on top of it [`OnceLock`] and [`LazyLock`], with the
//! shapes and the rules of std's.
//!
//! Who runs the initialiser is the owner, as of a mutex: so circles of initialisers, and one that
//! needs itself, are found with the certainty of locks. std's would block the worker, and nobody
//! would know.
//!
//! Invariants:
//! 1. `Running` has one [`Turn`], on the stack of the owner; its drop ends it, however the
//!    initialiser ended. So an owner is exact, and none ends with its turn.
//! 2. Waiters are claimed before the owner is wiped, and each looks again when it runs.
//! 3. What the initialiser of a static spawns serves all who use the value: it is charged to no test or
//!    guard, and lives on the process-wide runtime.
//! 4. `done` is set under the lock, after everything that the initialiser wrote; it is never unset.

mod lazy_lock;
mod once_lock;

pub use lazy_lock::LazyLock;
pub use once_lock::OnceLock;

use std::fmt;
use std::panic::Location;

use crate::records::node::Op;
use crate::records::object::{Kind, ObjectCell};
use crate::records::statics::{Site, is_of_program};
use crate::records::waiter::{Current, INITIALISES, Reason};
use crate::scheduler::current;
use crate::sync::{AtomicBool, Lock, Ordering};
use crate::wait::queue::WaitQueue;
use crate::wait::{self, On, Waiting, Why};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Nobody has begun, or who had begun gave up without harm.
    Fresh,
    Running,
    /// An initialiser panicked.
    Poisoned,
    Done,
}

struct State {
    phase: Phase,
    waiters: WaitQueue,
}

/// Runs something once: Go's `sync.Once`, std's `Once`.
///
/// If the initialiser panics, the once is poisoned, as in std (Go counts it as done).
pub struct Once {
    cell: ObjectCell,
    done: AtomicBool,
    state: Lock<State>,
}

/// What [`Once::call_once_force`] tells the initialiser.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OnceState {
    poisoned: bool,
}

impl OnceState {
    /// Whether an earlier initialiser panicked.
    #[must_use]
    pub fn is_poisoned(self) -> bool {
        self.poisoned
    }
}

impl Once {
    /// Nothing has run.
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "`new` notes where the once is made")]
    pub const fn new() -> Once {
        Once::made_at(Location::caller())
    }

    const fn made_at(site: Site) -> Once {
        Once {
            cell: ObjectCell::new(Kind::Once, site),
            done: AtomicBool::new(false),
            state: Lock::new(State { phase: Phase::Fresh, waiters: WaitQueue::new() }),
        }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Once {
        self.cell.set_name(name);
        self
    }

    /// Runs `f`, unless something has run already; waits while something runs.
    ///
    /// Calling it inside of its own `f` waits for ever, and is found.
    ///
    /// # Panics
    /// When an earlier initialiser panicked.
    #[track_caller]
    pub fn call_once(&self, f: impl FnOnce()) {
        if let Some(turn) = self.enter(Location::caller(), OnPanic::Poison) {
            turn.assert_clean("Once");
            f();
            turn.complete();
        }
    }

    /// As [`Once::call_once`], and runs `f` also when an earlier initialiser panicked.
    #[track_caller]
    pub fn call_once_force(&self, f: impl FnOnce(OnceState)) {
        if let Some(turn) = self.enter(Location::caller(), OnPanic::Poison) {
            f(OnceState { poisoned: turn.poisoned });
            turn.complete();
        }
    }

    /// Whether an initialiser has come to its end.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// The right to initialise, or None once it is done. Waits for who has that right now.
    fn enter(&self, site: Site, on_panic: OnPanic) -> Option<Turn<'_>> {
        if self.is_completed() { None } else { self.enter_slowly(site, on_panic) }
    }

    #[cold]
    fn enter_slowly(&self, site: Site, on_panic: OnPanic) -> Option<Turn<'_>> {
        let who = current::operate();
        self.cell.used_by(who);
        loop {
            let (waiting, node) = match self.look(who, site) {
                Look::Done => return None,
                Look::Mine { poisoned } => {
                    let after = match on_panic {
                        OnPanic::Poison => Phase::Poisoned,
                        OnPanic::StartAgain => Phase::Fresh,
                    };
                    let serves_all = is_of_program(self) && !who.record.has(INITIALISES);
                    if serves_all {
                        who.record.flags.fetch_or(INITIALISES, Ordering::Relaxed);
                    }
                    return Some(Turn { once: self, who, poisoned, serves_all, after });
                }
                Look::Wait(waiting, node) => (waiting, node),
            };
            let outcome = waiting.park();
            if outcome.left_queued() {
                self.state.lock().waiters.remove(node);
            }
            outcome.or_unwind();
        }
    }

    fn look(&self, who: Current, site: Site) -> Look {
        let mut state = self.state.lock();
        match state.phase {
            Phase::Done => Look::Done,
            Phase::Fresh | Phase::Poisoned => {
                let poisoned = state.phase == Phase::Poisoned;
                state.phase = Phase::Running;
                if let Some(record) = self.cell.known() {
                    record.own(who, site);
                }
                who.record
                    .locks
                    .store(who.record.locks.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                Look::Mine { poisoned }
            }
            Phase::Running => {
                let why = Why { reason: Reason::Once, site, until: None };
                let on = On::object(self.cell.target());
                let (waiting, node) = wait::begin(who, why, Op::Once, on);
                state.waiters.push_back(node);
                Look::Wait(waiting, node)
            }
        }
    }
}

/// What a look at the phase comes to.
enum Look {
    Done,
    Mine { poisoned: bool },
    Wait(Waiting, u32),
}

/// What becomes of a once whose initialiser does not come to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum OnPanic {
    Poison,
    StartAgain,
}

/// The right to initialise.
struct Turn<'a> {
    once: &'a Once,
    who: Current,
    /// Whether an earlier initialiser panicked.
    poisoned: bool,
    /// Whether it is the outermost that initialises a static.
    serves_all: bool,
    after: Phase,
}

impl Turn<'_> {
    fn complete(mut self) {
        self.after = Phase::Done;
    }

    #[track_caller]
    fn assert_clean(&self, what: &str) {
        assert!(!self.poisoned, "{what} instance has previously been poisoned");
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let once = self.once;
        let mut state = once.state.lock();
        // Claimed before the owner is wiped.
        let waiters = state.waiters.claim_all();
        state.phase = self.after;
        let done = self.after == Phase::Done;
        if let Some(record) = once.cell.known() {
            record.over.set(u32::from(done));
            record.disown();
        }
        once.done.store(done, Ordering::Release);
        drop(state);
        if self.serves_all {
            self.who.record.flags.fetch_and(!INITIALISES, Ordering::Relaxed);
        }
        let locks = &self.who.record.locks;
        locks.store(locks.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
        waiters.wake();
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("phase", &self.state.lock().phase).finish()
    }
}
