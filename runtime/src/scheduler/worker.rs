//! A worker: one OS thread, the tasks that started on it, and the loop that runs them.
//!
//! Invariants:
//! 1. A started task stays on its worker (soundness: thread-locals, `!Send` values on its stack).
//! 2. A runnable task is in exactly one place: this worker's `ready`, its inbox, or (never started)
//!    a queue of fresh tasks.
//! 3. A worker never ends: its thread-locals may be lent to a parked task.
//! 4. No `RefCell` of a worker is borrowed across a resume, but for the place of the task that runs.
//! 5. A worker sleeps only while its own queues are empty.

use std::collections::VecDeque;
use std::hint::spin_loop;
use std::time::Duration;

use crate::flight;
use crate::machine::epoll::Events;
use crate::machine::fiber::{self, Fiber, Stopped};
use crate::machine::pool::Warm;
use crate::machine::signal;
use crate::machine::thread;
use crate::records::ids::Taken;
use crate::records::region;
use crate::records::state::State;
use crate::records::table::{Cache, Ref};
use crate::records::waiter::{Current, WAITERS, WaiterRecord};
use crate::scheduler::activity;
use crate::scheduler::current;
use crate::scheduler::fresh::{Local, Victim};
use crate::scheduler::monitor;
use crate::scheduler::overflow;
use crate::scheduler::policy::Policy;
use crate::scheduler::poller;
use crate::scheduler::runtime::RuntimeShared;
use crate::scheduler::seat::{self, Seat};
use crate::sync::{Cell, Ordering, RefCell};
use crate::task::packet::TaskSide;
use crate::time::clock;

/// Rounds of looking for work before a worker sleeps: the more often it pays, the longer.
const ROUNDS_MIN: u32 = 32;
const ROUNDS_MAX: u32 = 2048;
/// Rounds between two looks at other workers' queues.
const ROUNDS_A_LOOK: u32 = 16;

/// The worker's own half; only its thread touches it.
pub(crate) struct Worker {
    pub(crate) seat: &'static Seat,
    pub(crate) policy: Policy,
    /// Records and ids that it hands out without asking anybody.
    pub(crate) waiters: Cache,
    pub(crate) objects: Cache,
    pub(crate) waiter_ids: Taken,
    pub(crate) object_ids: Taken,
    fresh: Local,
    ready: RefCell<VecDeque<Current>>,
    events: RefCell<Events>,
    /// Started tasks, by the record's `place`. A place is borrowed while its task runs.
    fibers: RefCell<Vec<Place>>,
    free: RefCell<Vec<u32>>,
    stacks: RefCell<Warm>,
    current: Cell<Option<Current>>,
    /// Depth of `hold_worker`.
    held: Cell<u32>,
    /// A task gave way: whoever has not run yet comes first.
    fresh_first: Cell<bool>,
    /// It was picked from the sleepers, and counts as looking for work.
    looking: Cell<bool>,
    rounds: Cell<u32>,
}

enum Work {
    Started(Current),
    Fresh(TaskSide),
}

/// Where the fiber of a started task is kept.
type Place = &'static RefCell<Option<Fiber>>;

/// The body of a worker's thread.
pub(crate) fn run(seat: &'static Seat, fresh: Local) {
    // Leaked: tasks on this thread's stacks may point to it for as long as the process lives.
    let worker: &'static Worker = Box::leak(Box::new(Worker {
        seat,
        policy: Policy::new(u64::from(seat.index)),
        waiters: Cache::default(),
        objects: Cache::default(),
        waiter_ids: Taken::default(),
        object_ids: Taken::default(),
        fresh,
        ready: RefCell::default(),
        events: RefCell::new(Events::new()),
        fibers: RefCell::default(),
        free: RefCell::default(),
        stacks: RefCell::default(),
        current: Cell::new(None),
        held: Cell::new(0),
        fresh_first: Cell::new(false),
        looking: Cell::new(false),
        rounds: Cell::new(ROUNDS_MIN),
    }));
    let tid = thread::tid();
    seat.tid.store(tid, Ordering::Relaxed);
    monitor::add_own_thread(tid);
    signal::protect_worker(overflow::OVERFLOW);
    current::set_worker(worker);
    loop {
        let next = match worker.next().or_else(|| worker.look()) {
            Some(Work::Started(task)) => worker.started(task),
            Some(Work::Fresh(task)) => worker.start(task),
            None => {
                worker.sleep();
                None
            }
        };
        if let Some((task, place)) = next {
            worker.go_on(task, place);
        }
    }
}

impl Worker {
    pub(crate) fn index(&self) -> u32 {
        self.seat.index
    }

    pub(crate) fn runtime(&self) -> &'static RuntimeShared {
        self.seat.runtime
    }

    #[inline]
    pub(crate) fn current(&'static self) -> Option<Current> {
        self.current.get()
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held.get() > 0
    }

    pub(crate) fn hold(&self) {
        self.held.set(self.held.get() + 1);
    }

    pub(crate) fn release(&self) {
        self.held.set(self.held.get() - 1);
    }

    /// The task that runs here goes to the end of the queue.
    #[inline]
    pub(crate) fn give_way(&self, task: Current) {
        task.record.state.set(State::Runnable);
        self.push_ready(task);
        // "Others" are those as well that have not run yet.
        self.fresh_first.set(true);
        fiber::suspend();
    }

    #[inline]
    pub(crate) fn push_ready(&self, task: Current) {
        self.ready.borrow_mut().push_back(task);
    }

    /// Queues a task that has not run yet. Others are told as soon as it is not alone: a lone one
    /// is left to this worker, unless it does not come to it (the monitor sees to that).
    pub(crate) fn push_fresh(&self, task: TaskSide) {
        let runtime = self.runtime();
        self.fresh.push(task, &runtime.injector);
        if runtime.is_shared()
            && self.fresh.len() > 1
            && let Some(picked) = runtime.idle.pick_roughly()
        {
            seat::of(picked).unpark();
        }
    }

    #[inline]
    fn next(&self) -> Option<Work> {
        self.open_inbox();
        self.seat.fire_timers(clock::coarse_ns());
        if (self.fresh_first.get() || self.policy.looks_around())
            && let Some(work) = self.next_out_of_turn()
        {
            return Some(work);
        }
        if let Some(task) = self.ready.borrow_mut().pop_front() {
            return Some(Work::Started(task));
        }
        self.fresh.pop().map(Work::Fresh)
    }

    fn look_at_descriptors(&self) {
        self.seat.poller.look(&mut self.events.borrow_mut());
    }

    #[cold]
    fn next_out_of_turn(&self) -> Option<Work> {
        self.follow_new_order();
        self.look_at_descriptors();
        let injector = &self.runtime().injector;
        let ready = self.ready.borrow().len();
        let after_others = self.fresh_first.take();
        if let Some(chosen) = self.policy.next_task(ready + self.fresh.len() + injector.len()) {
            let started = self.ready.borrow_mut().remove(chosen);
            let fresh = || self.fresh.pop_nth(chosen - ready, injector).or_else(|| injector.pop());
            return started.map(Work::Started).or_else(|| fresh().map(Work::Fresh));
        }
        let fresh = if after_others {
            self.fresh.pop().or_else(|| injector.pop())
        } else {
            injector.pop().or_else(|| self.fresh.pop_old())
        };
        fresh.map(Work::Fresh)
    }

    /// Whenever the injector is looked at: a runtime's first task comes from there, also when the
    /// runtime was somebody else's before.
    fn follow_new_order(&self) {
        if let Some(order) = self.runtime().new_order() {
            self.policy.follow(order);
        }
    }

    #[inline]
    fn open_inbox(&self) {
        if !self.seat.inbox.is_empty() {
            self.empty_inbox();
        }
    }

    #[cold]
    fn empty_inbox(&self) {
        let mut ready = self.ready.borrow_mut();
        let of = |bits| Ref::from_bits(bits).and_then(|task| WAITERS.get(task));
        self.seat.inbox.take(
            |bits| of(bits).map(|record| &record.link),
            |bits| ready.extend(of(bits).map(|record| Current { record })),
        );
    }

    /// Nothing of its own to do: takes from the injector and from other workers, for a while.
    fn look(&self) -> Option<Work> {
        let runtime = self.runtime();
        // Cheaper than falling asleep, and what has come is mostly there already.
        self.look_at_descriptors();
        if let Some(task) = self.ready.borrow_mut().pop_front() {
            return Some(Work::Started(task));
        }
        if let Some(task) = self.fresh.refill(&runtime.injector, runtime.worker_count()) {
            self.follow_new_order();
            self.stop_looking();
            return Some(Work::Fresh(task));
        }
        if !runtime.is_shared() {
            return None;
        }
        let mut rounds = self.rounds.get();
        if !self.looking.get() {
            if runtime.idle.start_looking(runtime.worker_count() as u32) {
                self.looking.set(true);
            } else {
                // Others look for fresh tasks already. Its own started ones only it can run.
                rounds = ROUNDS_MIN;
            }
        }
        let found = (0..rounds).find_map(|round| self.look_once(round));
        let rounds = if found.is_some() { rounds * 2 } else { rounds / 2 };
        self.rounds.set(rounds.clamp(ROUNDS_MIN, ROUNDS_MAX));
        self.stop_looking();
        found
    }

    fn look_once(&self, round: u32) -> Option<Work> {
        if !self.seat.inbox.is_empty() {
            self.open_inbox();
            return self.ready.borrow_mut().pop_front().map(Work::Started);
        }
        let runtime = self.runtime();
        if self.looking.get() && round.is_multiple_of(ROUNDS_A_LOOK) {
            let mut others = runtime.others(self.index());
            let stolen = others.find_map(|other| other.old_end.steal(&self.fresh, other.moves()));
            let refill = || self.fresh.refill(&runtime.injector, runtime.worker_count());
            if let Some(task) = stolen.or_else(refill) {
                return Some(Work::Fresh(task));
            }
        }
        spin_loop();
        None
    }

    /// The last one that looked for work lets another one look, if there is more.
    fn stop_looking(&self) {
        if self.looking.take() && self.runtime().idle.stop_looking() && self.sees_work() {
            self.runtime().wake_another();
        }
    }

    /// Whether there are fresh tasks that a woken worker could take.
    fn sees_work(&self) -> bool {
        let runtime = self.runtime();
        runtime.injector.len() > 0
            || self.fresh.len() > 1
            || runtime.others(self.index()).any(|other| {
                let least = if other.moves() == Victim::Stays { 1 } else { 2 };
                other.old_end.count(&self.fresh) >= least
            })
    }

    /// Gives a fresh task its stack. None when it is not to run.
    fn start(&'static self, task: TaskSide) -> Option<(Current, Place)> {
        let reference = task.info().reference;
        let record = WAITERS.get(reference)?;
        if halted(record) {
            self.runtime().freeze(task);
            return None;
        }
        let stack = match self.stacks.borrow_mut().take(task.info().stack_bytes as usize) {
            Ok(stack) => stack,
            Err(error) => {
                task.refuse(error);
                self.forget(reference, record);
                return None;
            }
        };
        stack.set_task(reference.to_bits());
        let place = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut fibers = self.fibers.borrow_mut();
            fibers.push(Box::leak(Box::default()));
            u32::try_from(fibers.len() - 1).expect("records, of which fibers are some, fit in u32")
        });
        record.worker.store(self.index(), Ordering::Relaxed);
        record.place.store(place, Ordering::Relaxed);
        let fiber = self.fibers.borrow()[place as usize];
        *fiber.borrow_mut() = Some(Fiber::new(stack, move || task.run()));
        Some((Current { record }, fiber))
    }

    #[inline]
    fn started(&'static self, task: Current) -> Option<(Current, Place)> {
        if halted(task.record) {
            // Left where it is, for ever: main has returned.
            return None;
        }
        let place = task.record.place.load(Ordering::Relaxed) as usize;
        Some((task, self.fibers.borrow()[place]))
    }

    // See `fiber::suspend`: a return after the switch is dear.
    #[expect(clippy::inline_always, reason = "see above")]
    #[inline(always)]
    fn go_on(&'static self, task: Current, place: Place) {
        if self.looking.get() {
            // Picked to look for work, and there is some of its own.
            self.stop_looking();
        }
        self.policy.turn_begins();
        self.seat.turns.begin(task.reference());
        task.record.state.set(State::Running);
        flight::runs(task.record);
        self.current.set(Some(task));
        let mut fiber = place.borrow_mut();
        let stopped = fiber.as_mut().map_or(Stopped::Suspended, Fiber::resume);
        self.seat.turns.end();
        self.current.set(None);
        if stopped == Stopped::Finished
            && let Some(fiber) = fiber.take()
        {
            self.free.borrow_mut().push(task.record.place.load(Ordering::Relaxed));
            self.stacks.borrow_mut().keep(fiber.into_stack());
            self.forget(task.reference(), task.record);
        }
    }

    /// The record of a finished task is free.
    fn forget(&self, task: Ref, record: &'static WaiterRecord) {
        crate::records::object::forget_holds(Current { record });
        WAITERS.give_back_to(&self.waiters, task);
    }

    /// Before the task here sleeps on this thread: the worker counts as asleep until the value goes.
    pub(crate) fn sleep_held(&self, timed: bool) -> HeldAsleep {
        self.seat.sleep_held(timed);
        self.runtime().held_worker_sleeps();
        activity::worker_sleeps();
        self.runtime().tell_if_quiet();
        HeldAsleep(self.seat)
    }

    /// Nothing to do: announces it, looks once more, sleeps.
    fn sleep(&self) {
        let until = self.seat.next_timer();
        let runtime = self.runtime();
        runtime.worker_sleeps(self.index());
        activity::worker_sleeps();
        // The fences of both handshakes are in here: see `inbox.rs` and `idle.rs`.
        if self.seat.inbox.lie_down() && !self.sees_work() {
            runtime.tell_if_quiet();
            let left = until.map(|until| until.saturating_sub(clock::now_ns()));
            if left != Some(0) {
                let left = left.map(Duration::from_nanos);
                let events = &mut self.events.borrow_mut();
                self.seat.poller.sleep(&self.seat.parker, left, events);
            }
        }
        self.seat.inbox.get_up();
        activity::worker_woke();
        self.looking.set(runtime.worker_woke(self.index()));
        monitor::poke();
        clock::refresh();
        // Not before it counts as awake: who is woken here runs only now.
        poller::hand_out(&mut self.events.borrow_mut());
    }
}

/// A worker whose task sleeps on the thread itself. To whoever judges it is asleep, but it takes no
/// work, so it is not among the idle: see [`Worker::sleep_held`].
pub(crate) struct HeldAsleep(&'static Seat);

impl Drop for HeldAsleep {
    fn drop(&mut self) {
        activity::worker_woke();
        self.0.runtime.held_worker_woke();
        self.0.wake_held();
        monitor::poke();
    }
}

fn halted(record: &WaiterRecord) -> bool {
    region::any_halted() && record.region().and_then(region::get).is_some_and(|it| it.halted())
}
