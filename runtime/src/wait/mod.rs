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

use crate::flight;
use crate::machine::{fiber, thread};
use crate::records::node::{Node, Op, SOLE};
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
    /// A waiter that is not known yet: [`name_later`]. Until then there is no arm.
    Later,
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
    /// Whether the waiter's nodes may still be queued: a claim by an arm takes that arm's node out.
    pub(crate) fn left_queued(self) -> bool {
        match self {
            Outcome::Arm(_) => false,
            Outcome::TimedOut | Outcome::Abandoned => true,
        }
    }

    /// True for a timeout, false for an arm; unwinds when abandoned.
    #[inline]
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
///
/// Without a timer it is claimed by whoever takes the node out of its object's queue, under the
/// object's lock, and by nobody else: [`SOLE`].
// Inlined, so that the wait stays in registers.
#[expect(clippy::inline_always, reason = "see above; measured")]
#[inline(always)]
pub(crate) fn begin(who: Current, why: Why, op: Op, on: On) -> (Waiting, u32) {
    let node = who.record.own_node();
    prepare(who.record, why);
    let ticket = who.record.state.load().ticket() + 1;
    let sole = if why.until.is_none() { SOLE } else { 0 };
    list_arm(who, node, sole, op, on, ticket);
    if !matches!(on, On::Unlisted | On::Later) {
        who.record.wait.first.set(node + 1);
    }
    (publish(who, why), node)
}

/// Names what the running wait of `who` is on, begun with [`On::Later`]. By whoever alone may claim
/// it, so the wait does not end meanwhile.
pub(crate) fn name_later(who: Current, target: Ref) {
    let node = who.record.own_node();
    Node::at(node).target.set(target.to_bits());
    // Pairs with the load in a snapshot: who sees the arm sees what it is on.
    who.record.wait.first.set(node + 1);
}

/// Publishes a wait without any arm: a sleep.
pub(crate) fn begin_bare(who: Current, why: Why) -> Waiting {
    prepare(who.record, why);
    publish(who, why)
}

/// Publishes a wait on several arms, each with the node of the same number (see
/// [`WaiterRecord::nodes`]).
///
/// # Panics
/// When no record is left for another node: some ten million arms are waiting.
pub(crate) fn begin_select(
    who: Current,
    why: Why,
    arms: impl ExactSizeIterator<Item = (Op, On)>,
) -> Waiting {
    let kept = who.record.keep_nodes(arms.len());
    kept.expect("too many select arms are waiting in this process");
    prepare(who.record, why);
    let ticket = who.record.state.load().ticket() + 1;
    let mut last: Option<&Node> = None;
    for (arm, ((op, on), node)) in (0u32..).zip(arms.zip(who.record.nodes())) {
        list_arm(who, node, arm, op, on, ticket);
        if on == On::Unlisted {
            continue;
        }
        match last {
            None => who.record.wait.first.set(node + 1),
            Some(last) => last.next_arm.set(node + 1),
        }
        last = Some(Node::at(node));
    }
    publish(who, why)
}

#[inline]
fn prepare(record: &WaiterRecord, why: Why) {
    // A park would go on with the tasks of the parent process.
    thread::assert_not_forked(why.site);
    let wait = &record.wait;
    wait.set_reason(why.reason);
    wait.site.set(why.site);
    wait.since.set(clock::coarse_ns());
    wait.until.store(why.until.unwrap_or(0), Ordering::Release);
    wait.first.set(0);
    wait.unlisted.set(0);
    wait.sp.set(0);
    record.won.store(UNDECIDED, Ordering::Relaxed);
    wait.on_thread.store(u32::from(current::parks_thread()), Ordering::Release);
}

#[inline]
fn list_arm(who: Current, node: u32, arm: u32, op: Op, on: On, ticket: u64) {
    let node = Node::at(node);
    node.waiter.set(who.record);
    node.ticket.store(ticket, Ordering::Relaxed);
    node.arm.store(arm, Ordering::Relaxed);
    node.set_op(op);
    node.next_arm.set(0);
    let target = match on {
        On::Record(target) => target,
        On::Never | On::Later => 0,
        On::Unlisted => {
            let unlisted = &who.record.wait.unlisted;
            unlisted.set(unlisted.get() + 1);
            0
        }
    };
    node.target.set(target);
}

#[inline]
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
    #[expect(clippy::inline_always, reason = "as for `park_task`")]
    #[inline(always)]
    pub(crate) fn park(self) -> Outcome {
        let record = self.who.record;
        if record.wait.on_thread.load(Ordering::Relaxed) != 0 {
            self.park_thread();
            record.state.set(State::Running);
            flight::runs(record);
        } else {
            self.park_task();
        }
        match record.won.load(Ordering::Acquire) {
            TIMED_OUT => Outcome::TimedOut,
            ABANDONED => Outcome::Abandoned,
            arm => Outcome::Arm(arm),
        }
    }

    // Inlined, down to the switch: the registers recorded here must stay true for a whole park, so the
    // frame that takes them must be the one that switches. And see `fiber::suspend`.
    #[expect(clippy::inline_always, reason = "see above")]
    #[inline(always)]
    fn park_task(&self) {
        if let (Some(until), Some(worker)) = (self.until, current::worker()) {
            worker.seat.add_timer(until, self.who.reference(), self.ticket);
        }
        // Here, where nothing stays in registers anyway.
        flight::parks(self.who.record);
        let registers = fiber::registers();
        let wait = &self.who.record.wait;
        wait.ip.set(registers.ip);
        wait.bp.set(registers.bp);
        // Last, and zero before: who reads a stack pointer has the other two as well.
        wait.sp.set(registers.sp);
        fiber::suspend();
    }

    #[cold]
    fn park_thread(&self) {
        let record = self.who.record;
        // Without a worker awake nobody has advanced the coarse clock.
        record.wait.since.set(clock::now_ns());
        flight::parks(record);
        let _asleep = current::worker().map(|worker| worker.sleep_held(self.until.is_some()));
        current::note_rest(record);
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
    who: Current,
    verdict: u32,
}

impl Claimed {
    /// Claims the wait that `node` belongs to, for the node's arm. The ticket alone tells whether it
    /// is still that wait: a record's tickets grow for as long as the process lives, whoever has it.
    #[inline]
    pub(crate) fn by_node(node: &Node) -> Option<Claimed> {
        let record = node.waiter.get()?;
        let (arm, ticket) = (node.arm.load(Ordering::Relaxed), node.ticket.load(Ordering::Relaxed));
        let state = &record.state;
        let won = if arm & SOLE != 0 { state.claim_alone(ticket) } else { state.claim(ticket) };
        let verdict = arm & !SOLE;
        won.then_some(Claimed { who: Current { record }, verdict })
    }

    /// Claims a wait for no arm of it: its timer, or what it waits for is no object.
    pub(crate) fn by_ticket(reference: Ref, ticket: u64) -> Option<Claimed> {
        Claimed::by_record(WAITERS.get(reference)?, ticket)
    }

    /// As [`Claimed::by_ticket`], whoever has the record by now: for who had the ticket from the
    /// record itself, and not together with a reference.
    pub(crate) fn by_record(record: &'static WaiterRecord, ticket: u64) -> Option<Claimed> {
        let won = record.state.claim(ticket);
        won.then_some(Claimed { who: Current { record }, verdict: TIMED_OUT })
    }

    /// Who was claimed.
    pub(crate) fn who(&self) -> Current {
        self.who
    }

    /// Makes it run.
    #[inline]
    pub(crate) fn wake(self) {
        let record = self.who.record;
        // Read first: after the verdict a thread may already be in its next wait.
        let on_thread = record.wait.on_thread.load(Ordering::Relaxed) != 0;
        if on_thread {
            current::note_wake(record);
        }
        record.won.store(self.verdict, Ordering::Release);
        if on_thread {
            record.parker.unpark();
        } else {
            current::enqueue(self.who);
        }
    }
}
