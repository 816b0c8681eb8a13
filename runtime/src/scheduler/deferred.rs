//! A function that becomes a task later: when its time has come, or a context is done.
//!
//! Nothing runs for it before that: no task, no stack, only an entry in a worker's timers.
//!
//! Invariants:
//! 1. `f` leaves once: into the task that runs it, to who stopped it, or with the value. No lock of
//!    the scheduler is held while the function is dropped, since that is user code.
//! 2. While `f` is there its region and its runtime count it: tasks that look as if nobody could
//!    wake them may be woken by it.
//! 3. `turn` names one time that was set; entries of earlier ones come to nothing.

use std::fmt;
use std::sync::Arc;

use crate::records::region::REGIONS;
use crate::records::statics::{Entry, Site};
use crate::scheduler::current;
use crate::scheduler::runtime::{self, RuntimeShared};
use crate::scheduler::seat::Seat;
use crate::sync::{Lock, Ordering};
use crate::task::spawn::{Builder, Heritage};
use crate::time::clock;

/// After this it is tried again to make a task, when no record was left for one.
const RETRY_NS: u64 = 10_000_000;

#[derive(Default)]
struct Pending {
    f: Option<Box<dyn FnOnce() + Send>>,
    turn: u64,
    /// The task of this turn has been made.
    launched: bool,
    /// Whose timers have an entry.
    seat: Option<&'static Seat>,
}

/// A function, and what its task will be.
pub(crate) struct Deferred {
    pending: Lock<Pending>,
    site: Site,
    entry: &'static Entry,
    /// From who made this, not from who brings it about.
    heritage: Heritage,
    runtime: &'static RuntimeShared,
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred").field("site", &self.site).finish_non_exhaustive()
    }
}

impl Deferred {
    /// The task will be the caller's in region, tenure, labels and runtime, and go by the name of an `F`.
    ///
    /// # Panics
    /// When the process-wide runtime cannot be started.
    pub(crate) fn new<F>(site: Site, f: impl FnOnce() + Send + 'static) -> Arc<Deferred> {
        let runtime = match current::worker() {
            Some(worker) => worker.runtime(),
            None => runtime::global().unwrap_or_else(|error| panic!("cannot start: {error}")),
        };
        let caller = current::task().or_else(current::outside_caller);
        let heritage = Heritage::of(caller);
        let region = heritage.region;
        let pending = Pending { f: Some(Box::new(f)), ..Pending::default() };
        let entry = Entry::of::<F>();
        let this = Deferred { pending: Lock::new(pending), site, entry, heritage, runtime };
        runtime.deferred.fetch_add(1, Ordering::SeqCst);
        if let Some(region) = region.and_then(|region| REGIONS.get(region)) {
            region.deferred.fetch_add(1, Ordering::SeqCst);
        }
        Arc::new(this)
    }

    /// The function has left.
    fn uncount(&self) {
        self.runtime.deferred.fetch_sub(1, Ordering::SeqCst);
        if let Some(region) = self.heritage.region.and_then(|region| REGIONS.get(region)) {
            let less = |count: u64| count.checked_sub(1);
            let _ = region.deferred.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        }
    }

    /// Lets it run at this time, and at no time that was set before. False when it has run, or has
    /// been stopped.
    pub(crate) fn arm(self: &Arc<Self>, at_ns: u64) -> bool {
        let seat = match current::worker() {
            Some(worker) if std::ptr::eq(worker.runtime(), self.runtime) => worker.seat,
            Some(_) | None => self.runtime.first_seat(),
        };
        let mut pending = self.pending.lock();
        if pending.f.is_none() {
            return false;
        }
        pending.turn += 1;
        pending.launched = false;
        let (before, turn) = (pending.seat.replace(seat), pending.turn);
        drop(pending);
        seat.add_deferred(at_ns, self.clone(), turn);
        forget_timer(before);
        true
    }

    /// Whether the entry of this turn still has something to do.
    pub(crate) fn is_armed(&self, turn: u64) -> bool {
        let pending = self.pending.lock();
        pending.f.is_some() && pending.turn == turn && !pending.launched
    }

    /// Its time has come.
    pub(crate) fn fire(self: &Arc<Self>, turn: u64) {
        if self.is_armed(turn) {
            self.launch();
        }
    }

    /// Makes its task, unless that has been done.
    pub(crate) fn launch(self: &Arc<Self>) {
        let mut pending = self.pending.lock();
        if pending.f.is_none() || std::mem::replace(&mut pending.launched, true) {
            return;
        }
        let (seat, turn) = (pending.seat.take(), pending.turn);
        drop(pending);
        let this = self.clone();
        let builder = Builder::new().heir(&self.heritage).entry(self.entry);
        if builder.spawn_on(self.runtime, self.site, move || this.run(turn)).is_err() {
            self.arm(clock::now_ns().saturating_add(RETRY_NS));
        }
        forget_timer(seat);
    }

    fn run(&self, turn: u64) {
        let mut pending = self.pending.lock();
        let f = if pending.turn == turn { pending.f.take() } else { None };
        drop(pending);
        if let Some(f) = f {
            self.uncount();
            f();
        }
    }

    /// Whether the function was there to be kept from running. It is dropped.
    pub(crate) fn stop(&self) -> bool {
        let mut pending = self.pending.lock();
        let (f, seat) = (pending.f.take(), pending.seat.take());
        drop(pending);
        let Some(f) = f else { return false };
        self.uncount();
        forget_timer(seat);
        drop(f);
        true
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        // Of a context that nobody can cancel any more.
        self.stop();
    }
}

/// A worker that sleeps until a time at which nothing will happen looks at its timers again.
fn forget_timer(seat: Option<&'static Seat>) {
    if let Some(seat) = seat
        && !current::worker().is_some_and(|worker| std::ptr::eq(worker.seat, seat))
    {
        seat.look_at_timers();
    }
}
