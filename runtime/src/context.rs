//! Contexts: cancel, deadline, and waiting for either.
//!
//! A child is cancelled with its parent and may be cancelled alone. A deadline needs no timer of
//! its own: whoever waits for a context arms the wait's timer with it, and whoever looks compares
//! with the clock. So an unused deadline costs nothing and wakes nobody.
//!
//! Invariants:
//! 1. `cause` is set once.
//! 2. No lock of a context is held while another one's is taken.

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::records::node::Op;
use crate::records::object::{Kind, ObjectCell};
use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::select::{Arm, Handle, Ops, RecvOperand};
use crate::sync::{Lock, Ordering};
use crate::time::{Instant, clock};
use crate::wait::descriptor::{self, Side};
use crate::wait::queue::WaitQueue;
use crate::wait::{self, On, Why};

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

impl std::error::Error for Cancelled {}

#[derive(Default)]
struct State {
    cause: Option<Cancelled>,
    waiters: WaitQueue,
    children: Vec<Weak<Core>>,
    /// Descriptors at which somebody waits who gives up at the end.
    stirs: Vec<(u32, Side)>,
}

struct Core {
    cell: ObjectCell,
    state: Lock<State>,
    /// The earliest of its own and its ancestors'.
    deadline: Option<u64>,
}

/// Carries cancellation and a deadline down to the tasks that work for one request.
#[derive(Clone)]
pub struct Context {
    core: Arc<Core>,
}

/// Cancels a context. Dropping it cancels nothing, as in Go: a cancel that is never called leaves
/// its tasks waiting, and they can be found.
#[derive(Clone)]
#[must_use = "a context that nobody cancels keeps its tasks"]
pub struct CancelHandle {
    core: Arc<Core>,
}

impl Context {
    /// The root: never cancelled, no deadline.
    #[track_caller]
    #[must_use]
    pub fn background() -> Context {
        Context { core: Arc::new(Core::new(None, Location::caller())) }
    }

    /// A child that can be cancelled.
    #[track_caller]
    pub fn with_cancel(&self) -> (Context, CancelHandle) {
        self.child(None, Location::caller())
    }

    /// A child that is done at `deadline` at the latest.
    #[track_caller]
    pub fn with_deadline(&self, deadline: Instant) -> (Context, CancelHandle) {
        self.child(Some(deadline.as_ns()), Location::caller())
    }

    /// A child that is done after `limit` at the latest.
    #[track_caller]
    pub fn with_timeout(&self, limit: Duration) -> (Context, CancelHandle) {
        self.child(Some((Instant::now() + limit).as_ns()), Location::caller())
    }

    fn child(&self, own: Option<u64>, site: Site) -> (Context, CancelHandle) {
        let deadline = own.into_iter().chain(self.core.deadline).min();
        let core = Arc::new(Core::new(deadline, site));
        let mut state = self.core.state.lock();
        let cause = state.cause;
        if cause.is_none() {
            // Children that have gone make room when a new one comes.
            if state.children.len() == state.children.capacity() {
                state.children.retain(|child| child.strong_count() > 0);
            }
            state.children.push(Arc::downgrade(&core));
        }
        drop(state);
        if let Some(cause) = cause {
            core.end(cause);
        }
        (Context { core: core.clone() }, CancelHandle { core })
    }

    /// Why it is done, if it is.
    #[must_use]
    pub fn err(&self) -> Option<Cancelled> {
        self.core.err()
    }

    /// Whether it is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.err().is_some()
    }

    /// On the clock of [`clock::now_ns`].
    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        self.core.deadline
    }

    /// Its end stirs who waits at this descriptor, until [`Context::stir_no_more`]. Nothing is stirred
    /// when it is done already.
    pub(crate) fn stir_at_end(&self, waits: (u32, Side)) {
        let mut state = self.core.state.lock();
        if state.cause.is_none() {
            state.stirs.push(waits);
        }
    }

    /// Takes back one [`Context::stir_at_end`].
    pub(crate) fn stir_no_more(&self, waits: (u32, Side)) {
        let mut state = self.core.state.lock();
        if let Some(at) = state.stirs.iter().position(|other| *other == waits) {
            state.stirs.swap_remove(at);
        }
    }

    /// What to wait for: `ctx.done().wait()`, or `_ = recv(ctx.done()) => …` in a select.
    #[must_use]
    pub fn done(&self) -> Done {
        Done { core: self.core.clone() }
    }
}

impl CancelHandle {
    /// Cancels the context and its children. The second call does nothing.
    pub fn cancel(&self) {
        self.core.end(Cancelled::ByHandle);
    }
}

impl Core {
    fn new(deadline: Option<u64>, site: Site) -> Core {
        let state = Lock::new(State::default());
        Core { cell: ObjectCell::new(Kind::Context, site), state, deadline }
    }

    fn record(&self, who: Current) {
        if let Some(record) = self.cell.used_by(who) {
            record.bound.store(self.deadline.unwrap_or(0), Ordering::Relaxed);
        }
    }

    fn err(&self) -> Option<Cancelled> {
        if let Some(cause) = self.state.lock().cause {
            return Some(cause);
        }
        if self.deadline? > clock::now_ns() {
            return None;
        }
        self.end(Cancelled::DeadlineExceeded);
        self.state.lock().cause
    }

    /// Ends this context and, one by one, its descendants.
    fn end(&self, cause: Cancelled) {
        let mut more = self.end_one(cause);
        while let Some(child) = more.pop() {
            more.extend(child.end_one(cause));
        }
    }

    fn end_one(&self, cause: Cancelled) -> Vec<Arc<Core>> {
        let mut state = self.state.lock();
        if state.cause.is_some() {
            return Vec::new();
        }
        state.cause = Some(cause);
        let claimed = state.waiters.claim_all();
        let children = std::mem::take(&mut state.children);
        let stirs = std::mem::take(&mut state.stirs);
        drop(state);
        if let Some(record) = self.cell.used_by(current::get()) {
            record.over.store(1, Ordering::Relaxed);
        }
        claimed.wake();
        stirs.into_iter().for_each(|(number, side)| descriptor::stir_number(number, side));
        children.iter().filter_map(Weak::upgrade).collect()
    }

    /// Queues the node unless the context is done.
    fn queue(&self, begin: &mut dyn FnMut() -> u32) -> bool {
        let mut state = self.state.lock();
        if state.cause.is_some() {
            return false;
        }
        let node = begin();
        state.waiters.push_back(node);
        true
    }

    fn on(&self) -> On {
        On::object(self.cell.target())
    }
}

/// The end of a context, as something to wait for.
#[derive(Clone)]
pub struct Done {
    core: Arc<Core>,
}

impl Done {
    /// Waits until the context is done, and says why.
    #[track_caller]
    pub fn wait(&self) -> Cancelled {
        let site = Location::caller();
        let who = current::get();
        self.core.record(who);
        loop {
            if let Some(cause) = self.core.err() {
                return cause;
            }
            let why = Why { reason: Reason::Cancel, site, until: self.core.deadline };
            let mut waiting = None;
            let queued = self.core.queue(&mut || {
                let (begun, node) = wait::begin(who, why, Op::Cancel, self.core.on());
                waiting = Some(begun);
                node
            });
            if let (true, Some(waiting)) = (queued, waiting) {
                let outcome = waiting.park();
                if outcome.left_queued() {
                    self.core.state.lock().waiters.remove(who.record.own_node());
                }
                outcome.or_unwind();
            }
        }
    }
}

/// The arm of a select that waits for a context.
#[expect(missing_debug_implementations, reason = "lives for one select")]
pub struct DoneArm<'a> {
    core: &'a Core,
    queued: Option<u32>,
    output: Option<Cancelled>,
}

impl<'a> RecvOperand<'a> for Done {
    type Arm = DoneArm<'a>;
    fn arm(&'a self) -> DoneArm<'a> {
        self.core.record(current::get());
        DoneArm { core: &self.core, queued: None, output: None }
    }
}

impl DoneArm<'_> {
    /// Why the context is done.
    ///
    /// # Panics
    /// When the arm did not fire, or its output was taken before.
    pub fn output(&mut self) -> Cancelled {
        self.output.take().expect("the output of an arm that fired, once")
    }
}

impl Arm for DoneArm<'_> {
    fn handle(&mut self) -> Handle<'_> {
        Handle(self)
    }
}

impl Ops for DoneArm<'_> {
    fn on(&self) -> (Op, On) {
        (Op::Cancel, self.core.on())
    }

    fn until(&self) -> Option<u64> {
        self.core.deadline
    }

    fn try_fire(&mut self, _: Site) -> bool {
        self.output = self.core.err();
        self.output.is_some()
    }

    fn queue(&mut self, _: Current, node: u32) -> bool {
        let queued = self.core.queue(&mut || node);
        self.queued = queued.then_some(node);
        queued
    }

    fn claimed(&mut self) {
        self.queued = None;
    }

    fn unqueue(&mut self) {
        if let Some(node) = self.queued.take() {
            self.core.state.lock().waiters.remove(node);
        }
    }

    fn settle(&mut self) -> bool {
        self.output = self.core.err();
        self.output.is_some()
    }
}

impl Drop for DoneArm<'_> {
    fn drop(&mut self) {
        self.unqueue();
    }
}

macro_rules! debug {
    ($($name:ident),+) => { $(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("cause", &self.core.state.lock().cause)
                    .finish_non_exhaustive()
            }
        }
    )+ };
}

debug!(Context, CancelHandle, Done);
