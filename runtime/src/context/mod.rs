//! Contexts: cancel, deadline, values, and waiting for the end.
//!
//! A child is cancelled with its parent and may be cancelled alone. A deadline needs no timer of
//! its own: whoever waits for a context arms the wait's timer with it, and whoever looks compares
//! with the clock. So an unused deadline costs nothing and wakes nobody.
//!
//! The rules are those of Go's package `context`; the side that cancels, the side that carries and
//! the side that waits are handles of their own, and none can be made into another.

mod core;
mod done;
mod value;

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::records::statics::Site;
use crate::scheduler::deferred::Deferred;
use crate::time::Instant;
use crate::wait::descriptor::Side;

use self::core::{Core, Deadline, Ended};
use self::value::Values;

pub use self::done::{Done, DoneArm};

/// Why a context is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cancelled {
    /// Its cancel handle, or an ancestor's, was used.
    ByHandle,
    /// Its deadline, or an ancestor's, has passed.
    DeadlineExceeded,
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cancelled::ByHandle => "context cancelled",
            Cancelled::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl Error for Cancelled {}

/// What a context was cancelled for: shared by all who ask.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Carries cancellation, a deadline and values down to the tasks that work for one request.
#[derive(Clone)]
pub struct Context {
    core: Arc<Core>,
    values: Values,
}

/// The node of the side that cancels: see `docs/decisions/0002`.
struct CancelSide(Arc<Core>);

/// Cancels a context. Dropping it cancels nothing, as in Go: a cancel that is never called leaves
/// its tasks waiting, and they can be found.
#[derive(Clone)]
#[must_use = "a context that nobody cancels keeps its tasks"]
pub struct CancelHandle {
    side: Arc<CancelSide>,
}

impl Context {
    /// The root: never cancelled, no deadline, no values.
    #[track_caller]
    #[must_use]
    pub fn background() -> Context {
        Context { core: Arc::new(Core::root(Location::caller())), values: Values::default() }
    }

    /// A child that can be cancelled.
    #[track_caller]
    pub fn with_cancel(&self) -> (Context, CancelHandle) {
        self.child(None, Location::caller())
    }

    /// A child that is done at `deadline` at the latest.
    #[track_caller]
    pub fn with_deadline(&self, deadline: Instant) -> (Context, CancelHandle) {
        self.child(Some(Deadline { at: deadline.as_ns(), cause: None }), Location::caller())
    }

    /// A child that is done at `deadline` at the latest, and then for this cause.
    #[track_caller]
    pub fn with_deadline_cause(
        &self,
        deadline: Instant,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> (Context, CancelHandle) {
        let cause = Some(Cause::from(cause.into()));
        self.child(Some(Deadline { at: deadline.as_ns(), cause }), Location::caller())
    }

    /// A child that is done after `limit` at the latest.
    #[track_caller]
    pub fn with_timeout(&self, limit: Duration) -> (Context, CancelHandle) {
        self.with_deadline(Instant::now() + limit)
    }

    /// A child that is done after `limit` at the latest, and then for this cause.
    #[track_caller]
    pub fn with_timeout_cause(
        &self,
        limit: Duration,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> (Context, CancelHandle) {
        self.with_deadline_cause(Instant::now() + limit, cause)
    }

    /// The same context with one more value, which is found by its type. Give each kind of value a
    /// type of its own, as Go's keys have: `struct RequestId(u64)`.
    #[must_use]
    pub fn with_value<V: Any + Send + Sync>(&self, value: V) -> Context {
        Context { core: self.core.clone(), values: self.values.with(value) }
    }

    /// The value of this type that was added last, from here up to the root.
    #[must_use]
    pub fn value<V: Any + Send + Sync>(&self) -> Option<&V> {
        self.values.get()
    }

    /// The values without the end: not done when this one is, and without its deadline.
    #[track_caller]
    #[must_use]
    pub fn without_cancel(&self) -> Context {
        Context { core: Arc::new(Core::root(Location::caller())), values: self.values.clone() }
    }

    /// Gives it a name for reports. Contexts that differ only by values are one in reports.
    #[must_use]
    pub fn named(self, name: &str) -> Context {
        self.core.set_name(name);
        self
    }

    fn child(&self, own: Option<Deadline>, site: Site) -> (Context, CancelHandle) {
        let core = Core::child(&self.core, own, site);
        let side = Arc::new(CancelSide(core.clone()));
        (Context { core, values: self.values.clone() }, CancelHandle { side })
    }

    /// Runs `f` as a task of its own once the context is done: at once if it is done already. The
    /// task inherits from who calls this, not from who cancels: region, tenure, labels. The context keeps
    /// `f` until then, so an `f` that owns the context keeps that as well.
    ///
    /// # Panics
    /// When the process-wide runtime cannot be started.
    #[track_caller]
    pub fn after_func<F>(&self, f: F) -> AfterDone
    where
        F: FnOnce() + Send + 'static,
    {
        let core = Arc::downgrade(&self.core);
        let run = move || {
            // By its timer: then the context gets to know as well.
            if let Some(core) = core.upgrade() {
                core.err();
            }
            f();
        };
        let deferred = Deferred::new::<F>(Location::caller(), run);
        let place = self.core.defer(&deferred);
        AfterDone { core: self.core.clone(), deferred, place }
    }

    /// Why it is done, if it is.
    #[must_use]
    pub fn err(&self) -> Option<Cancelled> {
        self.core.note_asked();
        self.core.err()
    }

    /// What it was cancelled for, if it is done: what the handle was given that ended it, or was
    /// set together with the deadline; otherwise a [`Cancelled`].
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.core.note_asked();
        self.core.ended().map(Ended::into_cause)
    }

    /// Whether it is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.err().is_some()
    }

    /// When it is done at the latest: the earliest of its own and its ancestors' deadlines.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.core.deadline().map(Instant::from_ns)
    }

    /// On the clock of [`clock::now_ns`](crate::time::clock::now_ns).
    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        self.core.deadline()
    }

    /// Its end stirs who waits at this descriptor, until [`Context::stir_no_more`]. Nothing is stirred
    /// when it is done already.
    pub(crate) fn stir_at_end(&self, waits: (u32, Side)) {
        self.core.stir_at_end(waits);
    }

    /// Takes back one [`Context::stir_at_end`].
    pub(crate) fn stir_no_more(&self, waits: (u32, Side)) {
        self.core.stir_no_more(waits);
    }

    /// What to wait for: `ctx.done().wait()`, or `_ = recv(ctx.done()) => …` in a select.
    #[must_use]
    pub fn done(&self) -> Done {
        Done::of(self.core.clone())
    }
}

impl CancelHandle {
    /// Cancels the context and its children. The second call does nothing.
    #[track_caller]
    pub fn cancel(&self) {
        self.cancel_at(Location::caller());
    }

    pub(crate) fn cancel_at(&self, site: Site) {
        self.side.0.cancel(None, site);
    }

    /// Cancels the context and its children for this cause: see [`Context::cause`]. Does nothing
    /// when the context is done.
    #[track_caller]
    pub fn cancel_with(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.side.0.cancel(Some(Cause::from(cause.into())), Location::caller());
    }

    /// Whether the context is done, by whoever.
    pub(crate) fn is_done(&self) -> bool {
        self.side.0.err().is_some()
    }
}

/// Keeps a function of [`Context::after_func`] from running. Dropping it keeps nothing.
pub struct AfterDone {
    core: Arc<Core>,
    deferred: Arc<Deferred>,
    place: u64,
}

impl AfterDone {
    /// Whether this call has kept the function from running. The function is dropped then. It does
    /// not wait for one that runs.
    pub fn stop(&self) -> bool {
        self.core.forget(self.place);
        self.deferred.stop()
    }
}

macro_rules! debug {
    ($($name:ident: $this:ident => $core:expr),+) => { $(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $this = self;
                f.debug_struct(stringify!($name))
                    .field("ended", &$core.seen())
                    .field("children", &$core.children())
                    .finish_non_exhaustive()
            }
        }
    )+ };
}

debug!(Context: this => this.core, CancelHandle: this => this.side.0, AfterDone: this => this.core);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_who_carries_nor_who_waits_nor_a_child_keeps_what_cancels() {
        let (ctx, cancel) = Context::background().with_cancel();
        let done = ctx.done();
        let (child, cancel_child) = ctx.with_cancel();
        let after = ctx.after_func(|| {});
        let core: *const () = Arc::as_ptr(&ctx.core).cast();
        let side: *const () = Arc::as_ptr(&cancel.side).cast();
        assert_ne!(core, side, "two capabilities, one address");
        let sides = [Arc::downgrade(&cancel.side), Arc::downgrade(&cancel_child.side)];
        drop((cancel, cancel_child));
        assert!(sides.iter().all(|side| side.upgrade().is_none()));
        assert!(ctx.err().is_none() && child.err().is_none(), "dropping cancels nothing");
        assert!(after.stop(), "nobody has ended it");
        drop(done);
    }
}
