//! A worker: one OS thread, the tasks that started on it, and the loop that runs them.
//!
//! Invariants:
//! 1. A started task stays on its worker (soundness: thread-locals, `!Send` values on its stack).
//! 2. A runnable task is in exactly one place: this worker's `ready`, its inbox, or (never started)
//!    its runtime's injector.
//! 3. A worker never ends: its thread-locals may be lent to a parked task.
//! 4. No `RefCell` of a worker is borrowed across a resume.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::machine::epoll::Events;
use crate::machine::fiber::{self, Fiber, Stopped};
use crate::machine::futex::Parker;
use crate::machine::stack::Stack;
use crate::machine::thread;
use crate::records::region::REGIONS;
use crate::records::state::State;
use crate::records::table::Ref;
use crate::records::waiter::{Current, WAITERS, WaiterRecord};
use crate::scheduler::activity;
use crate::scheduler::current;
use crate::scheduler::monitor;
use crate::scheduler::policy::Policy;
use crate::scheduler::poller::{self, Poller};
use crate::scheduler::runtime::RuntimeShared;
use crate::scheduler::timers::Timers;
use crate::sync::{AtomicU32, AtomicUsize, Cell, Lock, Ordering, RefCell, fence};
use crate::task::packet::Run;
use crate::time::clock;
use crate::wait::Claimed;

/// A prime, as in Go's scheduler: how often queues that others fill are looked at first.
const FAIR_TURNS: u32 = 61;
/// Warm stacks that a worker keeps for itself.
const WARM_STACKS: usize = 64;
/// Workers of all runtimes of a process together.
const WORKERS_MAX: usize = 4096;

/// A task that has not run yet.
pub(crate) struct Fresh {
    pub(crate) reference: Ref,
    pub(crate) run: Arc<dyn Run>,
    pub(crate) stack_bytes: usize,
}

/// What other threads see of a worker.
pub(crate) struct WorkerShared {
    pub(crate) index: u32,
    /// Started tasks woken by other threads.
    inbox: Lock<Vec<Ref>>,
    inbox_len: AtomicUsize,
    parker: Parker,
    /// While it sleeps: whether a timer of its own will wake it.
    timed: AtomicU32,
    pub(crate) poller: Poller,
    runtime: &'static RuntimeShared,
}

static WORKERS: [OnceLock<&'static WorkerShared>; WORKERS_MAX] =
    [const { OnceLock::new() }; WORKERS_MAX];
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The worker with this index.
pub(crate) fn shared(index: u32) -> &'static WorkerShared {
    WORKERS[index as usize].get().expect("records name only workers that exist")
}

/// All workers of the process.
pub(crate) fn all() -> impl Iterator<Item = &'static WorkerShared> {
    let count = (NEXT.load(Ordering::Acquire) as usize).min(WORKERS_MAX);
    WORKERS[..count].iter().filter_map(|worker| worker.get().copied())
}

impl WorkerShared {
    /// None when the process has no room for another worker.
    pub(crate) fn register(runtime: &'static RuntimeShared) -> Option<&'static WorkerShared> {
        let index = NEXT.fetch_add(1, Ordering::AcqRel);
        let place = WORKERS.get(index as usize)?;
        Some(place.get_or_init(|| {
            Box::leak(Box::new(WorkerShared {
                index,
                inbox: Lock::new(Vec::new()),
                inbox_len: AtomicUsize::new(0),
                parker: Parker::new(),
                timed: AtomicU32::new(0),
                poller: Poller::new(),
                runtime,
            }))
        }))
    }

    /// Hands a claimed task to this worker.
    pub(crate) fn deliver(&self, task: Ref) {
        let mut inbox = self.inbox.lock();
        inbox.push(task);
        self.inbox_len.store(inbox.len(), Ordering::SeqCst);
        drop(inbox);
        self.unpark();
    }

    pub(crate) fn runtime(&self) -> &'static RuntimeShared {
        self.runtime
    }

    pub(crate) fn unpark(&self) {
        if self.parker.unpark_here() {
            self.poller.interrupt();
        }
    }

    /// Started tasks that wait in the inbox.
    pub(crate) fn delivered(&self) -> usize {
        self.inbox_len.load(Ordering::SeqCst)
    }

    pub(crate) fn is_timed(&self) -> bool {
        self.timed.load(Ordering::SeqCst) != 0
    }

    /// While it sleeps: whether a timer or a descriptor may wake it, with no task doing anything.
    pub(crate) fn may_wake(&self) -> bool {
        self.is_timed() || self.poller.has_waits()
    }
}

/// The worker's own half; only its thread touches it.
pub(crate) struct Worker {
    pub(crate) shared: &'static WorkerShared,
    pub(crate) policy: Policy,
    ready: RefCell<VecDeque<Ref>>,
    timers: RefCell<Timers>,
    events: RefCell<Events>,
    /// Started tasks that do not run right now, by the record's `fiber`.
    fibers: RefCell<Vec<Option<Fiber>>>,
    free: RefCell<Vec<u32>>,
    stacks: RefCell<Vec<Stack>>,
    current: Cell<Option<Current>>,
    /// Depth of `hold_worker`.
    held: Cell<u32>,
    turn: Cell<u32>,
    /// A task gave way: whoever has not run yet comes first.
    fresh_first: Cell<bool>,
}

enum Work {
    Started(Ref),
    Fresh(Fresh),
}

/// The body of a worker's thread.
pub(crate) fn run(shared: &'static WorkerShared) {
    // Leaked: tasks on this thread's stacks may point to it for as long as the process lives.
    let worker: &'static Worker = Box::leak(Box::new(Worker {
        shared,
        policy: Policy::new(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(shared.index) + 1)),
        ready: RefCell::default(),
        timers: RefCell::default(),
        events: RefCell::new(Events::new()),
        fibers: RefCell::default(),
        free: RefCell::default(),
        stacks: RefCell::default(),
        current: Cell::new(None),
        held: Cell::new(0),
        turn: Cell::new(0),
        fresh_first: Cell::new(false),
    }));
    monitor::add_own_thread(thread::tid());
    current::set_worker(worker);
    loop {
        match worker.next() {
            Some(Work::Started(task)) => worker.resume(task),
            Some(Work::Fresh(fresh)) => worker.start(fresh),
            None => worker.sleep(),
        }
    }
}

impl Worker {
    pub(crate) fn index(&self) -> u32 {
        self.shared.index
    }

    pub(crate) fn runtime(&self) -> &'static RuntimeShared {
        self.shared.runtime
    }

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
    pub(crate) fn give_way(&self, task: Current) {
        task.record.state.set(State::Runnable);
        self.push_ready(task.reference);
        // "Others" are those as well that have not run yet.
        self.fresh_first.set(true);
        fiber::suspend();
    }

    pub(crate) fn push_ready(&self, task: Ref) {
        self.ready.borrow_mut().push_back(task);
    }

    pub(crate) fn add_timer(&self, at_ns: u64, task: Ref, ticket: u64) {
        self.timers.borrow_mut().add(at_ns, task, ticket);
    }

    fn next(&self) -> Option<Work> {
        let turn = self.turn.get().wrapping_add(1);
        self.turn.set(turn);
        if turn.is_multiple_of(FAIR_TURNS) {
            self.look_at_descriptors();
        }
        if (self.fresh_first.take() || turn.is_multiple_of(FAIR_TURNS))
            && let Some(fresh) = self.runtime().take_fresh()
        {
            return Some(Work::Fresh(fresh));
        }
        self.open_inbox();
        self.fire_timers();
        if let Some(task) = self.ready.borrow_mut().pop_front() {
            return Some(Work::Started(task));
        }
        if let Some(fresh) = self.runtime().take_fresh() {
            return Some(Work::Fresh(fresh));
        }
        // Cheaper than falling asleep, and what has come is mostly there already.
        self.look_at_descriptors();
        self.ready.borrow_mut().pop_front().map(Work::Started)
    }

    fn look_at_descriptors(&self) {
        self.shared.poller.look(&mut self.events.borrow_mut());
    }

    fn open_inbox(&self) {
        if self.shared.delivered() == 0 {
            return;
        }
        let mut inbox = self.shared.inbox.lock();
        self.ready.borrow_mut().extend(inbox.drain(..));
        self.shared.inbox_len.store(0, Ordering::SeqCst);
    }

    fn fire_timers(&self) {
        let mut timers = self.timers.borrow_mut();
        if timers.is_empty() {
            return;
        }
        while let Some((task, ticket)) = timers.pop_due(clock::coarse_ns()) {
            if let Some(claimed) = Claimed::by_ticket(task, ticket) {
                claimed.wake();
            }
        }
    }

    fn start(&'static self, fresh: Fresh) {
        let Some(record) = WAITERS.get(fresh.reference) else { return };
        if halted(record) {
            self.runtime().freeze(fresh);
            return;
        }
        let stack = match self.take_stack(fresh.stack_bytes) {
            Ok(stack) => stack,
            Err(error) => {
                fresh.run.refuse(error);
                self.forget(fresh.reference, record);
                return;
            }
        };
        let run = fresh.run;
        let place = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut fibers = self.fibers.borrow_mut();
            fibers.push(None);
            u32::try_from(fibers.len() - 1).expect("records, of which fibers are some, fit in u32")
        });
        record.worker.store(self.index(), Ordering::Relaxed);
        record.fiber.store(place, Ordering::Relaxed);
        self.go_on(fresh.reference, record, Fiber::new(stack, move || run.run()));
    }

    fn resume(&'static self, task: Ref) {
        let Some(record) = WAITERS.get(task) else { return };
        if halted(record) {
            // Left where it is, for ever: main has returned.
            return;
        }
        let place = record.fiber.load(Ordering::Relaxed) as usize;
        let fiber = self.fibers.borrow_mut()[place].take();
        if let Some(fiber) = fiber {
            self.go_on(task, record, fiber);
        }
    }

    fn go_on(&'static self, task: Ref, record: &'static WaiterRecord, fiber: Fiber) {
        self.policy.turn_begins();
        record.state.set(State::Running);
        self.current.set(Some(Current { reference: task, record }));
        let stopped = fiber.resume();
        self.current.set(None);
        let place = record.fiber.load(Ordering::Relaxed);
        match stopped {
            Stopped::Suspended(fiber) => {
                self.fibers.borrow_mut()[place as usize] = Some(fiber);
            }
            Stopped::Finished(stack) => {
                self.free.borrow_mut().push(place);
                self.keep_stack(stack);
                self.forget(task, record);
            }
        }
    }

    /// The record of a finished task is free.
    fn forget(&self, task: Ref, record: &'static WaiterRecord) {
        crate::records::object::forget_holds(task, record);
        WAITERS.give_back(task);
    }

    fn take_stack(&self, bytes: usize) -> Result<Stack, crate::StackError> {
        if bytes <= crate::machine::stack::DEFAULT_BYTES
            && let Some(stack) = self.stacks.borrow_mut().pop()
        {
            return Ok(stack);
        }
        Stack::take(bytes)
    }

    fn keep_stack(&self, stack: Stack) {
        let mut stacks = self.stacks.borrow_mut();
        if stack.is_default() && stacks.len() < WARM_STACKS {
            stacks.push(stack);
        } else {
            stack.give_back();
        }
    }

    /// Nothing to do: announces it, looks once more, sleeps.
    fn sleep(&self) {
        let until = self.timers.borrow_mut().next_armed();
        self.shared.timed.store(u32::from(until.is_some()), Ordering::SeqCst);
        self.runtime().worker_sleeps(self.index());
        activity::worker_sleeps();
        // Pairs with the fence of who fills a queue and then looks for sleepers: either they see
        // this worker among them, or it sees their work here.
        fence(Ordering::SeqCst);
        if self.shared.delivered() == 0 && !self.runtime().has_fresh() {
            self.runtime().tell_if_quiet();
            let left = until.map(|until| until.saturating_sub(clock::now_ns()));
            if left != Some(0) {
                let left = left.map(Duration::from_nanos);
                let events = &mut self.events.borrow_mut();
                self.shared.poller.sleep(&self.shared.parker, left, events);
            }
        }
        activity::worker_woke();
        self.runtime().worker_woke(self.index());
        monitor::poke();
        clock::refresh();
        // Not before it counts as awake: who is woken here runs only now.
        poller::hand_out(&mut self.events.borrow_mut());
    }
}

fn halted(record: &WaiterRecord) -> bool {
    record.region().and_then(|region| REGIONS.get(region)).is_some_and(|region| region.halted())
}
