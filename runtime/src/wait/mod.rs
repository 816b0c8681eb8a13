//! Waiting: the one door from running to parked and back.
//!
//! The order of a wait, for every primitive:
//! 1. [`begin`] (or [`begin_select`]) writes the facts and then publishes the wait. For a plain
//!    wait this happens under the object's lock, after seeing that the operation cannot complete.
//! 2. The node goes into the object's queue, under the object's lock.
//! 3. [`Waiting::park`] leaves the stack (or sleeps the thread) until somebody has claimed the wait.
//! 4. The waiter makes sure that no queue names its nodes any more, and only then returns.
//!
//! A waker claims first, then hands over a value or publishes a new owner, then wakes: a snapshot
//! that sees the new owner also sees that the waiter is claimed.

pub(crate) mod descriptor;
pub(crate) mod queue;
pub(crate) mod slot;

use std::panic::resume_unwind;
use std::time::Duration;

use crate::machine::fiber;
use crate::records::node::{NODES, Node, Op};
use crate::records::state::State;
use crate::records::statics::Site;
use crate::records::table::Ref;
use crate::records::waiter::{ABANDONED, Current, Reason, TIMED_OUT, WAITERS, WaiterRecord};
use crate::scheduler::current;
use crate::sync::Ordering;
use crate::time::clock;

/// `won` before anybody has claimed: no arm, no verdict.
const UNDECIDED: u32 = u32::MAX - 2;

/// What an arm waits on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum On {
    /// An object's or a task's record.
    Record(u64),
    /// Nothing that could come about.
    Never,
    /// An object that found no room in the table: the snapshot says that an arm is missing.
    Unlisted,
}

impl On {
    pub(crate) fn object(target: u64) -> On {
        if target == 0 { On::Unlisted } else { On::Record(target) }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Outcome {
    /// This arm was claimed.
    Arm(u32),
    /// The timer came first.
    TimedOut,
    /// The task is given up: after leaving all queues, [`Outcome::or_unwind`].
    Abandoned,
}

/// The payload of the unwinding that ends an abandoned task. Not a failure of the program's.
struct Abandon;

impl Outcome {
    /// True for a timeout, false for an arm; unwinds when abandoned.
    pub(crate) fn or_unwind(self) -> bool {
        match self {
            Outcome::Arm(_) => false,
            Outcome::TimedOut => true,
            Outcome::Abandoned => resume_unwind(Box::new(Abandon)),
        }
    }
}

/// Why, where and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Why {
    pub(crate) reason: Reason,
    pub(crate) site: Site,
    /// On the clock of [`clock::now_ns`].
    pub(crate) until: Option<u64>,
}

/// A published wait. Dropping it without a park is a bug; [`Waiting::cancel`] takes it back.
#[derive(Debug)]
pub(crate) struct Waiting {
    who: Current,
    ticket: u64,
    until: Option<u64>,
}

/// Publishes a plain wait; the node to queue is the waiter's own.
pub(crate) fn begin(who: Current, why: Why, op: Op, on: On) -> (Waiting, u32) {
    let node = who.record.own_node();
    prepare(who.record, why);
    let ticket = who.record.state.load().ticket() + 1;
    list_arm(who, node, 0, op, on, ticket);
    if on != On::Unlisted {
        who.record.wait.first.store(node + 1, Ordering::Relaxed);
    }
    (publish(who, why), node)
}

/// Publishes a wait without any arm: a sleep.
pub(crate) fn begin_bare(who: Current, why: Why) -> Waiting {
    prepare(who.record, why);
    publish(who, why)
}

/// Publishes a wait on several arms, for which `nodes` were taken by [`arm_nodes`].
pub(crate) fn begin_select(who: Current, why: Why, arms: &[(Op, On)], nodes: &[u32]) -> Waiting {
    prepare(who.record, why);
    let ticket = who.record.state.load().ticket() + 1;
    let mut last: Option<&Node> = None;
    for (arm, ((op, on), node)) in (0u32..).zip(arms.iter().zip(nodes)) {
        list_arm(who, *node, arm, *op, *on, ticket);
        if *on == On::Unlisted {
            continue;
        }
        match last {
            None => who.record.wait.first.store(node + 1, Ordering::Relaxed),
            Some(last) => last.next_arm.store(node + 1, Ordering::Relaxed),
        }
        last = Some(Node::at(*node));
    }
    publish(who, why)
}

/// A node for each of `count` arms: the waiter's own, and more from the table.
///
/// # Panics
/// When no record is left for another node: some ten million arms are waiting.
pub(crate) fn arm_nodes(who: Current, count: usize, nodes: &mut Vec<u32>) {
    nodes.clear();
    for arm in 0..count {
        nodes.push(if arm == 0 {
            who.record.own_node()
        } else {
            NODES.take().expect("too many select arms are waiting in this process").0.index()
        });
    }
}

/// Gives the nodes of [`arm_nodes`] back. They must be in no queue.
pub(crate) fn free_nodes(nodes: &[u32]) {
    for node in nodes.iter().skip(1) {
        NODES.free(*node);
    }
}

fn prepare(record: &WaiterRecord, why: Why) {
    let wait = &record.wait;
    wait.set_reason(why.reason);
    wait.site.set(why.site);
    wait.since.store(clock::coarse_ns(), Ordering::Relaxed);
    wait.until.store(why.until.unwrap_or(0), Ordering::Relaxed);
    wait.first.store(0, Ordering::Relaxed);
    wait.unlisted.store(0, Ordering::Relaxed);
    wait.sp.store(0, Ordering::Relaxed);
    record.won.store(UNDECIDED, Ordering::Relaxed);
    record.on_thread.store(u32::from(current::parks_thread()), Ordering::Relaxed);
}

fn list_arm(who: Current, node: u32, arm: u32, op: Op, on: On, ticket: u64) {
    let node = Node::at(node);
    node.waiter.store(who.reference.to_bits(), Ordering::Relaxed);
    node.ticket.store(ticket, Ordering::Relaxed);
    node.arm.store(arm, Ordering::Relaxed);
    node.set_op(op);
    node.next_arm.store(0, Ordering::Relaxed);
    node.target.store(
        match on {
            On::Record(target) => target,
            On::Never => 0,
            On::Unlisted => {
                who.record.wait.unlisted.fetch_add(1, Ordering::Relaxed);
                0
            }
        },
        Ordering::Relaxed,
    );
}

fn publish(who: Current, why: Why) -> Waiting {
    let ticket = who.record.state.begin_wait();
    Waiting { who, ticket, until: why.until }
}

impl Waiting {
    /// Names the wait for [`Claimed::by_ticket`].
    pub(crate) fn ticket(&self) -> u64 {
        self.ticket
    }

    /// Takes the wait back, if nobody has claimed it meanwhile.
    pub(crate) fn cancel(&self) -> bool {
        self.who.record.state.self_claim(self.ticket)
    }

    /// Leaves until claimed, or until the timer.
    pub(crate) fn park(self) -> Outcome {
        let record = self.who.record;
        if record.on_thread.load(Ordering::Relaxed) != 0 {
            self.park_thread();
        } else {
            self.park_task();
        }
        record.state.set(State::Running);
        match record.won.load(Ordering::Acquire) {
            TIMED_OUT => Outcome::TimedOut,
            ABANDONED => Outcome::Abandoned,
            arm => Outcome::Arm(arm),
        }
    }

    // Not inlined: the registers recorded here must stay true for a whole park, so the frame that
    // took them must be the one that calls the switch.
    #[inline(never)]
    fn park_task(&self) {
        if let (Some(until), Some(worker)) = (self.until, current::worker()) {
            worker.add_timer(until, self.who.reference, self.ticket);
        }
        let registers = fiber::registers();
        let wait = &self.who.record.wait;
        wait.ip.store(registers.ip, Ordering::Relaxed);
        wait.bp.store(registers.bp, Ordering::Relaxed);
        // Last, and zero before: who reads a stack pointer has the other two as well.
        wait.sp.store(registers.sp, Ordering::Release);
        fiber::suspend();
    }

    fn park_thread(&self) {
        let record = self.who.record;
        let decided = || record.won.load(Ordering::Acquire) != UNDECIDED;
        while !decided() {
            let left = self.until.map(|until| until.saturating_sub(clock::now_ns()));
            if left == Some(0) {
                if self.cancel() {
                    record.won.store(TIMED_OUT, Ordering::Relaxed);
                    return;
                }
                // Somebody has claimed and is about to decide.
                while !decided() {
                    record.parker.park(None);
                }
                return;
            }
            record.parker.park(left.map(Duration::from_nanos));
        }
        clock::refresh();
    }
}

/// The right to wake a waiter: it has been claimed, and will run only after [`Claimed::wake`].
#[derive(Debug)]
#[must_use]
pub(crate) struct Claimed {
    reference: Ref,
    record: &'static WaiterRecord,
    verdict: u32,
}

impl Claimed {
    /// Claims the wait that `node` belongs to, for the node's arm.
    pub(crate) fn by_node(node: &Node) -> Option<Claimed> {
        let reference = node.waiter()?;
        let record = WAITERS.get(reference)?;
        let verdict = node.arm.load(Ordering::Relaxed);
        record.state.claim(node.ticket.load(Ordering::Relaxed)).then_some(Claimed {
            reference,
            record,
            verdict,
        })
    }

    /// Claims a wait for no arm of it: its timer, or what it waits for is no object.
    pub(crate) fn by_ticket(reference: Ref, ticket: u64) -> Option<Claimed> {
        let record = WAITERS.get(reference)?;
        record.state.claim(ticket).then_some(Claimed { reference, record, verdict: TIMED_OUT })
    }

    /// Who was claimed.
    pub(crate) fn who(&self) -> Current {
        Current { reference: self.reference, record: self.record }
    }

    /// Makes it run.
    pub(crate) fn wake(self) {
        // Read first: after the verdict a thread may already be in its next wait.
        let on_thread = self.record.on_thread.load(Ordering::Relaxed) != 0;
        self.record.won.store(self.verdict, Ordering::Release);
        if on_thread {
            current::note_foreign_wake();
            self.record.parker.unpark();
        } else {
            current::enqueue(self.reference, self.record);
        }
    }
}
