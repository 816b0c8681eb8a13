//! The end of a context, as something to wait for.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::context::Cancelled;
use crate::context::core::Core;
use crate::records::node::Op;
use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::select::{Arm, Handle, Ops, RecvOperand};
use crate::wait::{self, On, Why};

/// The end of a context, as something to wait for.
#[derive(Clone)]
pub struct Done {
    core: Arc<Core>,
}

impl Done {
    pub(super) fn of(core: Arc<Core>) -> Done {
        Done { core }
    }

    /// Waits until the context is done, and says why.
    #[track_caller]
    pub fn wait(&self) -> Cancelled {
        let site = Location::caller();
        let who = current::operate();
        self.core.record(who);
        loop {
            if let Some(cause) = self.core.err() {
                return cause;
            }
            let why = Why { reason: Reason::Cancel, site, until: self.core.deadline() };
            let mut waiting = None;
            let queued = self.core.queue(&mut || {
                let (begun, node) = wait::begin(who, why, Op::Cancel, self.core.on());
                waiting = Some(begun);
                node
            });
            if let (true, Some(waiting)) = (queued, waiting) {
                let outcome = waiting.park();
                if outcome.left_queued() {
                    self.core.unqueue(who.record.own_node());
                }
                outcome.or_unwind();
            }
        }
    }
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Done").field("ended", &self.core.seen()).finish_non_exhaustive()
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
        self.core.deadline()
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
            self.core.unqueue(node);
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
