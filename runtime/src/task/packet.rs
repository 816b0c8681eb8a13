//! The packet: the one heap block of a task. It holds the closure until the task runs and the
//! outcome afterwards, in the same place.
//!
//! Made at spawn; shared by the task's side (which runs it) and the handle's side (which joins).
//! Whoever goes last frees it; `ending.rs` says how they agree.
//! The order at the end of a task: the outcome is put down; the task counts as finished; only then
//! it is done and joiners are woken. So who has joined sees the count without it.
//!
//! Invariants:
//! 1. `place` holds the closure until the task's side takes it, once; then nothing; then the outcome,
//!    from before the end word says `DONE` until its one taker has read it.
//! 2. The closure's bytes are zeroed when it moves to the task's stack: a stale copy would keep what
//!    it names reachable in the eyes of a conservative marker.
//! 3. A side holds the pointer while it has not said that it has gone; so the packet is there for it.
//! 4. What is lent outlives its borrowers, since the lender does not go on before they are back: a
//!    closure for a helper ([`lend`]), which stays on the lender's stack, and the tasks of a scope
//!    ([`packet_in`]), whose packets may hold what borrows from there. How the lender is held is safe
//!    code, in `lending.rs`.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use gleak_snapshot::WaiterKind;

use crate::flight;
use crate::machine::stack::StackError;
use crate::machine::thread;
use crate::records::panics::{self, Told};
use crate::records::region;
use crate::records::state::State;
use crate::records::statics::{Entry, Site};
use crate::records::table::Ref;
use crate::records::tags::{self, Key};
use crate::records::waiter::{TAGGED, WAITERS, WaiterRecord};
use crate::report;
use crate::scheduler::current;
use crate::sync::{Lock, Ordering, UnsafeCell};
use crate::task::ending::{AtDetach, AtEnd, EndWord};
use crate::task::error::{Cause, JoinError};
use crate::task::lending::{Borrowed, Errand, Scope, UntilReturned};
use crate::task::loans::{Borrows, Loan, Nothing};
use crate::task::local;
use crate::task::panic::PanicRecord;
use crate::wait::queue::WaitQueue;

/// What is known of a task besides its record, which ends before the packet does.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    pub(crate) reference: Ref,
    pub(crate) id: u64,
    pub(crate) entry: &'static Entry,
    pub(crate) site: Site,
    /// At most 1 GiB; of a task.
    pub(crate) stack_bytes: u32,
    /// Whether it has a thread of its own.
    pub(crate) kind: WaiterKind,
}

impl Info {
    /// Name and region are known as long as the task has its record.
    fn told(&self) -> Told {
        let record = WAITERS.get(self.reference);
        let tagged = record.is_some_and(|record| record.has(TAGGED));
        let tags = if tagged { tags::get(Key::Task(self.id)) } else { None };
        let region = record.and_then(WaiterRecord::region).and_then(region::get);
        Told {
            id: self.id,
            kind: self.kind,
            name: tags.and_then(|tags| tags.name),
            region: region.map_or(0, |region| region.id.load(Ordering::Relaxed)),
            entry: self.entry,
            site: self.site,
        }
    }
}

type Outcome<T> = Result<T, JoinError>;

/// The closure, or the outcome, or nothing.
union Place<F, T> {
    closure: ManuallyDrop<F>,
    outcome: ManuallyDrop<Outcome<T>>,
}

struct Packet<F, T, B> {
    info: Info,
    borrows: B,
    end: EndWord,
    joiners: Lock<WaitQueue>,
    place: UnsafeCell<Place<F, T>>,
}

/// What both sides want to know without knowing the closure's type.
trait Known {
    fn info(&self) -> &Info;
    fn loan(&self) -> Option<&Loan>;
}

/// What the task's side does.
trait Body: Known {
    fn run(&self) -> AtLast;
    fn refuse(&self, error: StackError) -> AtLast;
}

/// What the handle does.
trait Outlet<T>: Known {
    fn end(&self) -> &EndWord;
    fn joiners(&self) -> &Lock<WaitQueue>;
    /// # Safety
    /// The caller must have won the outcome.
    unsafe fn read(&self) -> Outcome<T>;
}

/// Whether the task's side is the last to have the packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtLast {
    Free,
    Leave,
}

impl<F, T, B> Known for Packet<F, T, B>
where
    B: Borrows,
{
    fn info(&self) -> &Info {
        &self.info
    }

    fn loan(&self) -> Option<&Loan> {
        self.borrows.loan()
    }
}

impl<F, T, B> Packet<F, T, B>
where
    F: FnOnce() -> T + Send,
    T: Send,
    B: Borrows,
{
    fn finish(&self, outcome: Outcome<T>) -> AtLast {
        end_in_forked_child();
        if self.end.is_detached() {
            // The task's own doing, so it happens while the task still counts.
            discard(self, outcome);
            self.leave();
            return AtLast::Free;
        }
        let new = Place { outcome: ManuallyDrop::new(outcome) };
        // SAFETY: invariant 1: the place is empty, and nobody looks before the word says so.
        unsafe { self.place.get().write(new) };
        self.leave();
        match self.end.finish() {
            AtEnd::Left => AtLast::Leave,
            AtEnd::Detached => self.drop_outcome(),
            AtEnd::Joined => {
                let claimed = {
                    let mut joiners = self.joiners.lock();
                    let claimed = joiners.claim_all();
                    self.end.set_done(!claimed.is_empty());
                    claimed
                };
                if !claimed.is_empty() {
                    claimed.wake();
                    return AtLast::Leave;
                }
                match self.end.task_gone() {
                    AtDetach::Running => AtLast::Leave,
                    AtDetach::Taken => AtLast::Free,
                    AtDetach::Untaken => self.drop_outcome(),
                }
            }
        }
    }

    fn drop_outcome(&self) -> AtLast {
        // SAFETY: the outcome is there, nobody has taken it, and the handle has gone.
        let outcome = unsafe { self.read() };
        discard(self, outcome);
        AtLast::Free
    }

    /// The task is over: in the counts, in the tags, in its region. The region last: who finds it
    /// empty may hand the runtime back, which must not count the task then.
    fn leave(&self) {
        let record = WAITERS.get(self.info.reference);
        let region = record.and_then(WaiterRecord::region);
        let region = region.and_then(|it| Some((it, region::get(it)?)));
        let worker = current::worker();
        if let Some(record) = record {
            region::changing(region.map(|(_, it)| it), worker);
            record.state.set(State::Finished);
            flight::ended(record);
            if record.has(TAGGED) {
                tags::remove(Key::Task(self.info.id));
            }
        }
        // A task ends on its worker, whether it ran or not; a thread that is none may end on one.
        if let (Some(worker), WaiterKind::Task) = (worker, self.info.kind) {
            worker.seat.count_finished();
        }
        if let Some((region, record)) = region {
            region::leave_live(region, record);
        }
    }
}

/// Drops an outcome that nobody wants, and takes note of a panic in it, or in dropping it.
fn discard<T>(packet: &(impl Known + ?Sized), outcome: Outcome<T>) {
    let info = packet.info();
    match outcome {
        Ok(value) => {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                let panic = PanicRecord::take(Some(info.reference), payload.as_ref());
                note_unjoined(packet.loan(), info.told(), panic);
            }
        }
        // Its scope knows already, and tells.
        Err(_) if packet.loan().is_some() => {}
        Err(error) => {
            let (task, panic) = error.record();
            note_unjoined(None, task, panic);
        }
    }
}

/// Nobody has joined this panic: to be told by the task's scope, or it is a finding.
fn note_unjoined(loan: Option<&Loan>, task: Told, panic: PanicRecord) {
    let unjoined = panics::Unjoined { task, panic };
    match loan {
        Some(loan) => loan.note(unjoined),
        None => panics::add(unjoined),
    }
}

/// The frame at which the stacks of panics are cut: everything outside of it is ours.
#[inline(never)]
pub(crate) fn task_entry<F: FnOnce() -> T, T>(closure: F) -> T {
    let value = closure();
    // Keeps this frame on the stack: a tail call would remove it.
    std::hint::black_box(());
    value
}

impl<F, T, B> Packet<F, T, B>
where
    B: Borrows,
{
    fn failed(&self, cause: Cause) -> JoinError {
        let error = JoinError::new(self.info.told(), cause);
        if let Some(loan) = self.borrows.loan() {
            let (task, panic) = error.record();
            note_unjoined(Some(loan), task, panic);
        }
        error
    }
}

impl<F, T, B> Body for Packet<F, T, B>
where
    F: FnOnce() -> T + Send,
    T: Send,
    B: Borrows,
{
    fn run(&self) -> AtLast {
        let place = self.place.get();
        // SAFETY: only the task's side calls this, once, and before anything else put there
        // (invariant 1).
        let closure = unsafe { place.cast::<F>().read() };
        // SAFETY: nobody else has the place now, and it holds nothing any more.
        unsafe { place.cast::<F>().write_bytes(0, 1) };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let value = task_entry(closure);
            local::end_of_task();
            value
        }));
        let outcome = outcome.map_err(|payload| {
            let record = PanicRecord::take(Some(self.info.reference), payload.as_ref());
            // After a panic they are there still. One of theirs says less than the first.
            while catch_unwind(local::end_of_task).is_err() {}
            self.failed(Cause::panicked(payload, record))
        });
        self.finish(outcome)
    }

    fn refuse(&self, error: StackError) -> AtLast {
        // SAFETY: as in `run`.
        drop(unsafe { self.place.get().cast::<F>().read() });
        self.finish(Err(self.failed(Cause::NotStarted(error))))
    }
}

impl<F, T, B> Outlet<T> for Packet<F, T, B>
where
    F: FnOnce() -> T + Send,
    T: Send,
    B: Borrows,
{
    fn end(&self) -> &EndWord {
        &self.end
    }

    fn joiners(&self) -> &Lock<WaitQueue> {
        &self.joiners
    }

    unsafe fn read(&self) -> Outcome<T> {
        // SAFETY: the caller has won the outcome, so it is there and read this once.
        unsafe { self.place.get().cast::<Outcome<T>>().read() }
    }
}

/// Parks are refused in a forked child, so a task that was forked along comes here only at its end. The
/// other tasks are the parent's, and locks may be held by threads that did not come along: nothing
/// is touched any more.
fn end_in_forked_child() {
    if thread::is_forked() {
        report::say(&format!("gleak: a task has come to its end: {}", thread::FORKED_CHILD));
        report::exit(101);
    }
}

/// The task's side. Must be run or refused: one that never is, is kept for ever.
#[derive(Debug)]
pub(crate) struct TaskSide(NonNull<dyn Body>);

// SAFETY: the closure behind it is `Send`, and the rest of the packet is for any thread.
unsafe impl Send for TaskSide {}

impl TaskSide {
    pub(crate) fn info(&self) -> &Info {
        // SAFETY: invariant 3.
        unsafe { self.0.as_ref() }.info()
    }

    /// Runs the closure to its end, on the task's stack.
    pub(crate) fn run(self) {
        self.end_by(|body| body.run());
    }

    /// Ends the task before it has run: no stack could be had.
    pub(crate) fn refuse(self, error: StackError) {
        self.end_by(|body| body.refuse(error));
    }

    fn end_by(self, end: impl FnOnce(&dyn Body) -> AtLast) {
        // SAFETY: invariant 3.
        let body = unsafe { self.0.as_ref() };
        // The packet may be gone after its end.
        let loan = body.loan().cloned();
        if end(body) == AtLast::Free {
            // SAFETY: made by `Box::leak`; the handle has gone, and this side ends here.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
        if let Some(loan) = loan {
            loan.end();
        }
    }
}

/// The handle's side.
pub(crate) struct HandleSide<T>(NonNull<dyn Outlet<T>>);

// SAFETY: the outcome is `Send` (spawn asks for it), is read by one taker only, and everything else
// behind the pointer is for any thread.
unsafe impl<T: Send> Send for HandleSide<T> {}
// SAFETY: as above: sharing the handle shares no outcome, only the race to take it.
unsafe impl<T: Send> Sync for HandleSide<T> {}

impl<T> HandleSide<T> {
    fn packet(&self) -> &dyn Outlet<T> {
        // SAFETY: invariant 3.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn info(&self) -> &Info {
        self.packet().info()
    }

    /// The outcome, if the task is done; later calls find none.
    pub(crate) fn take(&self) -> Option<Outcome<T>> {
        // SAFETY: `take` has one winner.
        let outcome = self.packet().end().take().then(|| unsafe { self.packet().read() });
        self.note_joined(outcome.as_ref());
        outcome
    }

    /// A panic that is handed out is told by whoever gets it.
    fn note_joined(&self, outcome: Option<&Outcome<T>>) {
        if let (Some(Err(_)), Some(loan)) = (outcome, self.packet().loan()) {
            loan.joined(self.info().id);
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.packet().end().is_done()
    }

    /// Whether it is done and the outcome has been taken: by an arm of a select.
    pub(crate) fn is_taken(&self) -> bool {
        self.packet().end().is_taken()
    }

    /// Unless it is done, queues the node that `begin` comes back with, and says so.
    pub(crate) fn queue(&self, begin: impl FnOnce() -> u32) -> bool {
        let mut joiners = self.packet().joiners().lock();
        if !self.packet().end().announce_joiner() {
            return false;
        }
        joiners.push_back(begin());
        true
    }

    pub(crate) fn unqueue(&self, node: u32) {
        self.packet().joiners().lock().remove(node);
    }
}

impl<T> HandleSide<T> {
    /// The outcome, if the task is done and nobody has taken it; the packet goes with it.
    ///
    /// # Errors
    /// The handle, otherwise.
    pub(crate) fn into_outcome(self) -> Result<Outcome<T>, Self> {
        if !self.packet().end().is_left_whole() {
            return self.take().ok_or(self);
        }
        let this = ManuallyDrop::new(self);
        // SAFETY: the outcome is there, and this handle, which ends here, is alone with the packet.
        let outcome = unsafe { this.packet().read() };
        this.note_joined(Some(&outcome));
        // SAFETY: made by `Box::leak`; as above.
        drop(unsafe { Box::from_raw(this.0.as_ptr()) });
        Ok(outcome)
    }
}

impl<T> Drop for HandleSide<T> {
    fn drop(&mut self) {
        let packet = self.packet();
        match packet.end().handle_gone() {
            AtDetach::Running => return,
            AtDetach::Taken => {}
            AtDetach::Untaken => {
                // SAFETY: it is there, nobody has taken it, and the task's side has gone.
                discard(packet, unsafe { packet.read() });
            }
        }
        // SAFETY: made by `Box::leak`; the task's side has gone, and this one ends here.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Makes the two sides of a packet.
pub(crate) fn packet<F, T>(info: Info, closure: F) -> (TaskSide, HandleSide<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let packet = NonNull::from(Box::leak(boxed(info, closure, Nothing)));
    (TaskSide(packet), HandleSide(packet))
}

fn boxed<F, T, B>(info: Info, closure: F, borrows: B) -> Box<Packet<F, T, B>> {
    Box::new(Packet {
        info,
        borrows,
        end: EndWord::new(),
        joiners: Lock::new(WaitQueue::new()),
        place: UnsafeCell::new(Place { closure: ManuallyDrop::new(closure) }),
    })
}

/// As [`packet`], for a task that borrows from the surroundings of `scope`.
pub(crate) fn packet_in<'scope, F, T>(
    scope: &'scope Scope<'scope, '_>,
    info: Info,
    closure: F,
) -> (TaskSide, HandleSide<T>)
where
    F: FnOnce() -> T + Send + 'scope,
    T: Send + 'scope,
{
    let loan = scope.lend(info.reference);
    let packet = NonNull::from(Box::leak(boxed(info, closure, loan)));
    let body: NonNull<dyn Body + 'scope> = packet;
    let outlet: NonNull<dyn Outlet<T> + 'scope> = packet;
    // SAFETY: only the lifetime changes. This side runs or drops the closure, puts down or drops the
    // outcome, and ends the loan after that (`end_by`). The scope counts the loan from before the
    // task exists, and by `lend_to_tasks` `'scope` does not end before the loan has. What is done
    // with the packet later concerns no value in it.
    let body =
        unsafe { std::mem::transmute::<NonNull<dyn Body + 'scope>, NonNull<dyn Body>>(body) };
    // SAFETY: as above; what this side may read or drop besides is a `T`, which it has in its type, so
    // that it does not live longer than that does.
    let outlet = unsafe {
        std::mem::transmute::<NonNull<dyn Outlet<T> + 'scope>, NonNull<dyn Outlet<T>>>(outlet)
    };
    (TaskSide(body), HandleSide(outlet))
}

/// The right to run a lent closure. It goes back to the lender when it is dropped.
pub(crate) struct Lent(&'static dyn Borrowed);

impl Lent {
    /// Runs the closure to its end, and catches its panic.
    pub(crate) fn run(self) {
        self.0.run();
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // The last access: from here on the lender may go on.
        self.0.returned().store(true, Ordering::Release);
    }
}

/// Lends `closure` to whomever `wait` hands it to, and comes back with its value.
///
/// `wait` must not end before what it was given is dropped; a process in which it does is aborted.
///
/// # Panics
/// With the closure's own panic, and when it was not run.
pub(crate) fn lend<F, R>(closure: F, wait: impl FnOnce(Lent)) -> R
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    let errand = Errand::new(closure);
    let borrowed: &dyn Borrowed = &errand;
    // SAFETY: only the lifetime changes. The reference is in a `Lent` and nowhere else, whose drop
    // is its last use and sets `returned`; `UntilReturned` lets neither a return nor an unwinding
    // out of this function before that, so `errand` and what the closure borrows outlive it.
    let borrowed = unsafe { std::mem::transmute::<&dyn Borrowed, &'static dyn Borrowed>(borrowed) };
    let until = UntilReturned(|| errand.is_returned());
    wait(Lent(borrowed));
    drop(until);
    errand.into_value()
}
