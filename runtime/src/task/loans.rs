//! What a scope has lent to tasks: who is out, and the wait until all are back.
//!
//! The wait is a join that names the tasks it waits for, so a snapshot has the exact edges from the
//! parent to its children: all of them must end, and the detector takes it so. A counter, as a wait
//! group has, would say how many are out but not who, and then nothing certain could be said.
//!
//! Invariants:
//! 1. `count` is the number of places taken. A place is taken before its task exists and left when
//!    the task has touched its packet for the last time.
//! 2. A wait names tasks that are out, up to [`AT_ONCE`]; it is woken when all of those are back, and
//!    looks again. So it never names fewer than it waits for and ends early, and never all of a crowd.
//! 3. Nothing but the last of them ends the wait: no timer, no cancellation, no abandonment.

use std::sync::Arc;

use crate::records::node::Op;
use crate::records::panics::{self, Unjoined};
use crate::records::statics::Site;
use crate::records::table::Ref;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::sync::Lock;
use crate::wait::{self, Claimed, On, Waiting, Why};

/// Tasks that one wait names. Each takes a node that stays with the waiter's record.
const AT_ONCE: usize = 64;

/// A task that is out.
#[derive(Debug)]
struct Out {
    task: Ref,
    /// The wait under way names it.
    awaited: bool,
}

#[derive(Debug, Default)]
struct State {
    out: Vec<Option<Out>>,
    free: Vec<u32>,
    count: usize,
    /// Where the next wait looks for tasks first: all before have been awaited.
    next: usize,
    /// The wait under way, and how many of those that it names are still out.
    waiter: Option<(Ref, u64)>,
    awaited: usize,
    /// Panics that nobody has joined.
    panics: Vec<Unjoined>,
}

/// The loans of one scope. Shared with the tasks: the last one touches it after the parent may go on.
#[derive(Debug, Default)]
pub(crate) struct Loans {
    state: Lock<State>,
}

/// One task's right to what the scope has lent.
#[derive(Clone, Debug)]
pub(crate) struct Loan {
    loans: Arc<Loans>,
    place: u32,
}

/// What a task may borrow: nothing, or what a scope has lent.
pub(crate) trait Borrows {
    fn loan(&self) -> Option<&Loan>;
}

/// It owns all that it has.
pub(crate) struct Nothing;

impl Borrows for Nothing {
    fn loan(&self) -> Option<&Loan> {
        None
    }
}

impl Borrows for Loan {
    fn loan(&self) -> Option<&Loan> {
        Some(self)
    }
}

impl Loans {
    /// Counts `task` as out until [`Loan::end`].
    pub(crate) fn lend(self: &Arc<Self>, task: Ref) -> Loan {
        let out = Some(Out { task, awaited: false });
        let mut state = self.state.lock();
        state.count += 1;
        let place = match state.free.pop() {
            Some(place) => {
                state.out[place as usize] = out;
                place
            }
            None => {
                state.out.push(out);
                u32::try_from(state.out.len() - 1).expect("tasks, of which these are some, fit")
            }
        };
        drop(state);
        Loan { loans: self.clone(), place }
    }

    pub(crate) fn all_back(&self) -> bool {
        self.state.lock().count == 0
    }

    /// Waits until all are back.
    pub(crate) fn wait(&self, site: Site) {
        let who = current::operate();
        // Before the lock; when there is no room for more, fewer are named at a time.
        let count = self.state.lock().count;
        let _ = who.record.keep_nodes(count.min(AT_ONCE));
        while let Some(waiting) = self.begin(who, site) {
            // Invariant 3: whoever claims it, does so in `end`.
            let _ = waiting.park();
        }
    }

    fn begin(&self, who: Current, site: Site) -> Option<Waiting> {
        let mut state = self.state.lock();
        if state.count == 0 {
            return None;
        }
        let mut named = [On::Never; AT_ONCE];
        let room = who.record.nodes().take(AT_ONCE).count();
        let count = state.name_awaited(&mut named[..room]);
        let why = Why { reason: Reason::Join, site, until: None };
        let arms = named[..count].iter().map(|on| (Op::Join, *on));
        let waiting = wait::begin_select(who, why, arms);
        state.waiter = Some((who.reference(), waiting.ticket()));
        state.awaited = count;
        Some(waiting)
    }

    /// A task has panicked; until somebody joins it, this is all there is of it.
    pub(crate) fn note(&self, panic: Unjoined) {
        self.state.lock().panics.push(panic);
    }

    /// The panics that nobody has joined.
    pub(crate) fn take_panics(&self) -> Vec<Unjoined> {
        std::mem::take(&mut self.state.lock().panics)
    }
}

impl State {
    /// Marks tasks that are out as awaited, as many as there is room for, and says how many.
    fn name_awaited(&mut self, named: &mut [On]) -> usize {
        let places = self.out.len();
        let mut count = 0;
        for _ in 0..places {
            if count == named.len() {
                break;
            }
            let place = self.next % places;
            self.next = place + 1;
            if let Some(out) = &mut self.out[place] {
                out.awaited = true;
                named[count] = On::Record(out.task.to_bits());
                count += 1;
            }
        }
        count
    }
}

impl Loan {
    /// The task has touched for the last time what it borrows.
    pub(crate) fn end(self) {
        let mut state = self.loans.state.lock();
        let awaited = state.out[self.place as usize].take().is_some_and(|out| out.awaited);
        state.free.push(self.place);
        state.count -= 1;
        state.awaited -= usize::from(awaited);
        let waiter = if state.awaited == 0 { state.waiter.take() } else { None };
        let claimed = waiter.and_then(|(who, ticket)| Claimed::by_ticket(who, ticket));
        drop(state);
        if let Some(claimed) = claimed {
            claimed.wake();
        }
    }

    /// See [`Loans::note`].
    pub(crate) fn note(&self, panic: Unjoined) {
        self.loans.note(panic);
    }

    /// Somebody has joined the task, and has its panic.
    pub(crate) fn joined(&self, task: u64) {
        self.loans.state.lock().panics.retain(|panic| panic.task.id != task);
    }
}

/// Panics that a scope cannot tell, since it goes on with another: findings, as of any task.
pub(crate) fn leave_unjoined(panics: Vec<Unjoined>) {
    panics.into_iter().for_each(panics::add);
}
