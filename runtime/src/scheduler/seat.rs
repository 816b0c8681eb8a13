//! What other threads see of a worker: where they leave work for it, and how it stands.
//!
//! Seats are made with their runtime and live as long as the process. Each is in cache lines of its
//! own, so that a worker's own counting disturbs nobody.

use std::collections::VecDeque;
use std::mem::offset_of;
use std::sync::Arc;

use gleak_snapshot::image::Field;

use crate::machine::futex::Parker;
use crate::records::statics::Static;
use crate::records::table::Ref;
use crate::records::waiter::Current;
use crate::scheduler::activity;
use crate::scheduler::current;
use crate::scheduler::deferred::Deferred;
use crate::scheduler::fresh::{Local, OldEnd, Victim};
use crate::scheduler::held::{self, Turns};
use crate::scheduler::inbox::Inbox;
use crate::scheduler::monitor;
use crate::scheduler::poller::Poller;
use crate::scheduler::runtime::RuntimeShared;
use crate::scheduler::timers::{Due, Timers};
use crate::sync::{AtomicU32, AtomicU64, Lock, Ordering};
use crate::wait::Claimed;

/// Workers of all runtimes of a process together.
const WORKERS_MAX: usize = 4096;
/// How a worker's task sleeps on the thread itself: not at all, until it is woken, or with a timer.
const AWAKE: u32 = 0;
const HELD: u32 = 1;
const HELD_TIMED: u32 = 2;
/// No timer.
const NEVER: u64 = u64::MAX;

/// One worker, seen from outside.
#[repr(align(128))]
pub(crate) struct Seat {
    pub(crate) index: u32,
    /// Kernel id of its thread; zero before that runs.
    pub(crate) tid: AtomicU32,
    pub(crate) runtime: &'static RuntimeShared,
    pub(crate) turns: Turns,
    pub(crate) inbox: Inbox,
    pub(crate) old_end: OldEnd,
    pub(crate) parker: Parker,
    pub(crate) poller: Poller,
    /// While it sleeps: whether a timer of its own will wake it. Written under the lock of `timers`.
    timed: AtomicU32,
    /// Whether a task of it sleeps on the thread itself, and so keeps it from its timers.
    held: AtomicU32,
    timers: Lock<Timers>,
    /// When the first of them is due, or `NEVER`.
    due: AtomicU64,
    /// Tasks spawned by tasks of this worker into its own runtime, and tasks that ended here. Written
    /// by the worker alone.
    spawned: AtomicU64,
    finished: AtomicU64,
    /// Comings and goings here of tasks that no region counts. Likewise.
    uncounted: AtomicU64,
}

/// By index, each written once.
pub(crate) static SEATS: [Static<Seat>; WORKERS_MAX] = [const { Static::none() }; WORKERS_MAX];
pub(crate) static NEXT: AtomicU32 = AtomicU32::new(0);

/// For the anchor.
pub(crate) const LAYOUT: &[(Field, usize)] = &[
    (Field::SeatIndex, offset_of!(Seat, index)),
    (Field::SeatThread, offset_of!(Seat, tid)),
    (Field::SeatRunning, TURNS + held::RUNNING),
    (Field::SeatTurn, TURNS + held::TURN),
    (Field::SeatHeldTurn, TURNS + held::HELD_TURN),
    (Field::SeatHeldSince, TURNS + held::HELD_SINCE),
    (Field::SeatSpawned, offset_of!(Seat, spawned)),
    (Field::SeatFinished, offset_of!(Seat, finished)),
    (Field::SeatCapacity, WORKERS_MAX),
];
const TURNS: usize = offset_of!(Seat, turns);

/// The worker with this index.
pub(crate) fn of(index: u32) -> &'static Seat {
    SEATS[index as usize].get().expect("records name only workers that exist")
}

/// All workers of the process.
pub(crate) fn all() -> impl Iterator<Item = &'static Seat> {
    let count = (NEXT.load(Ordering::Acquire) as usize).min(WORKERS_MAX);
    SEATS[..count].iter().filter_map(Static::get)
}

impl Seat {
    /// None when the process has no room for another worker. The queue is for the worker's thread.
    pub(crate) fn register(runtime: &'static RuntimeShared) -> Option<(&'static Seat, Local)> {
        let index = NEXT.fetch_add(1, Ordering::AcqRel);
        let place = SEATS.get(index as usize)?;
        let local = Local::new();
        let seat: &'static Seat = Box::leak(Box::new(Seat {
            index,
            tid: AtomicU32::new(0),
            runtime,
            turns: Turns::new(),
            inbox: Inbox::new(),
            old_end: local.old_end(),
            parker: Parker::new(),
            poller: Poller::new(),
            timed: AtomicU32::new(0),
            held: AtomicU32::new(AWAKE),
            timers: Lock::default(),
            due: AtomicU64::new(NEVER),
            spawned: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            uncounted: AtomicU64::new(0),
        }));
        place.set_once(seat).is_ok().then_some((seat, local))
    }

    /// Hands a claimed task to this worker.
    pub(crate) fn deliver(&self, task: Current) {
        if self.inbox.push(task.reference().to_bits(), &task.record.link) {
            self.unpark();
        }
    }

    pub(crate) fn unpark(&self) {
        if self.parker.unpark_here() {
            self.poller.interrupt();
        }
    }

    pub(crate) fn is_timed(&self) -> bool {
        self.timed.load(Ordering::SeqCst) != 0 || self.held.load(Ordering::SeqCst) == HELD_TIMED
    }

    /// The task of it is about to sleep on the thread itself.
    pub(crate) fn sleep_held(&self, timed: bool) {
        self.next_timer();
        self.held.store(if timed { HELD_TIMED } else { HELD }, Ordering::SeqCst);
    }

    /// The task is awake again.
    pub(crate) fn wake_held(&self) {
        self.held.store(AWAKE, Ordering::SeqCst);
    }

    /// When somebody else has to see to its timers, since it sleeps in a task.
    pub(crate) fn needs_stand_in(&self) -> Option<u64> {
        let due = self.due.load(Ordering::SeqCst);
        (self.held.load(Ordering::SeqCst) != AWAKE && due != NEVER).then_some(due)
    }

    /// Fires its timers in its place. For the monitor.
    pub(crate) fn stand_in(&self, now_ns: u64) {
        self.fire_timers(now_ns);
        if self.held.load(Ordering::SeqCst) != AWAKE {
            // It will not look itself whether one is left.
            self.next_timer();
        }
    }

    /// While it sleeps: whether a timer or a descriptor may wake it, with no task doing anything.
    pub(crate) fn may_wake(&self) -> bool {
        self.is_timed() || self.poller.has_waits()
    }

    pub(crate) fn add_timer(&self, at_ns: u64, task: Ref, ticket: u64) {
        let mut timers = self.timers.lock();
        timers.add(at_ns, Due::Wake(task, ticket));
        if at_ns < self.due.load(Ordering::Relaxed) {
            self.due.store(at_ns, Ordering::Relaxed);
        }
    }

    /// As [`Seat::add_timer`], from any thread, for a function.
    pub(crate) fn add_deferred(&self, at_ns: u64, deferred: Arc<Deferred>, turn: u64) {
        let mut timers = self.timers.lock();
        timers.add(at_ns, Due::Run(deferred, turn));
        let sooner = at_ns < self.due.load(Ordering::Relaxed);
        if sooner {
            self.due.store(at_ns, Ordering::Relaxed);
        }
        // The worker may be asleep, or about to be: before it has seen the timer a judge does. Under
        // the lock, as the worker's own look is, so that the later one counts.
        self.timed.store(1, Ordering::SeqCst);
        drop(timers);
        let mine = current::worker().is_some_and(|worker| std::ptr::eq(worker.seat, self));
        if sooner && !mine {
            activity::moved();
            self.look_at_timers();
        }
    }

    /// Its timers have changed while it slept: it looks again, or its stand-in does.
    pub(crate) fn look_at_timers(&self) {
        self.unpark();
        monitor::poke();
    }

    /// Wakes those whose time has come. Whoever comes by may do it.
    #[inline]
    pub(crate) fn fire_timers(&self, now_ns: u64) {
        if self.due.load(Ordering::Relaxed) <= now_ns {
            self.fire_slowly(now_ns);
        }
    }

    #[cold]
    fn fire_slowly(&self, now_ns: u64) {
        enum Ready {
            Wake(Claimed),
            Run(Arc<Deferred>, u64),
        }
        let mut ready = VecDeque::new();
        let mut timers = self.timers.lock();
        while let Some(due) = timers.pop_due(now_ns) {
            ready.extend(match due {
                Due::Wake(task, ticket) => Claimed::by_ticket(task, ticket).map(Ready::Wake),
                Due::Run(deferred, turn) => Some(Ready::Run(deferred, turn)),
            });
        }
        self.due.store(timers.next().unwrap_or(NEVER), Ordering::Relaxed);
        drop(timers);
        while let Some(next) = ready.remove(current::next_in_line(ready.len())) {
            match next {
                Ready::Wake(claimed) => claimed.wake(),
                Ready::Run(deferred, turn) => deferred.fire(turn),
            }
        }
    }

    /// When the next armed timer fires. For the worker that is about to sleep, or its stand-in.
    pub(crate) fn next_timer(&self) -> Option<u64> {
        let mut timers = self.timers.lock();
        let next = timers.next_armed();
        self.due.store(next.unwrap_or(NEVER), Ordering::Relaxed);
        self.timed.store(u32::from(next.is_some()), Ordering::SeqCst);
        next
    }

    // The worker alone writes these three, so no exchange is needed.

    pub(crate) fn count_spawned(&self) {
        self.spawned.store(self.spawned.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    pub(crate) fn count_finished(&self) {
        self.finished.store(self.finished.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    pub(crate) fn count_uncounted(&self) {
        self.uncounted.store(self.uncounted.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    pub(crate) fn uncounted(&self) -> u64 {
        self.uncounted.load(Ordering::Acquire)
    }

    pub(crate) fn spawned(&self) -> u64 {
        self.spawned.load(Ordering::Acquire)
    }

    pub(crate) fn finished(&self) -> u64 {
        self.finished.load(Ordering::Acquire)
    }

    /// Whether it will come to its queue soon.
    pub(crate) fn moves(&self) -> Victim {
        if self.turns.stays() { Victim::Stays } else { Victim::Moves }
    }

    /// Whether one task has kept it for too long.
    pub(crate) fn is_held(&self) -> bool {
        self.turns.held_since().is_some()
    }
}
