//! The arms of a select.

use crate::records::node::Op;
use crate::records::statics::Site;
use crate::records::waiter::Current;
use crate::task::error::JoinError;
use crate::task::join::JoinHandle;
use crate::wait::On;

/// What the engine does with an arm.
pub(crate) trait Ops {
    /// For the record: what is tried on what.
    fn on(&self) -> (Op, On);
    /// When time alone makes it ready.
    fn until(&self) -> Option<u64> {
        None
    }
    /// Does the operation if that needs no waiting.
    fn try_fire(&mut self, site: Site) -> bool;
    /// Queues the node; false when the operation is ready now.
    fn queue(&mut self, who: Current, node: u32) -> bool;
    /// Its node was claimed, and so is out of the queue.
    fn claimed(&mut self);
    /// Out of the queue, if still in.
    fn unqueue(&mut self);
    /// Claimed: takes what was handed over. False when that was only a hint to look again.
    fn settle(&mut self) -> bool;
}

/// An arm as the engine sees it; nobody else can look inside.
#[expect(missing_debug_implementations, reason = "opaque on purpose")]
pub struct Handle<'a>(pub(crate) &'a mut dyn Ops);

/// An arm of a select. Made by [`recv`], [`send`] and [`join`].
pub trait Arm {
    #[doc(hidden)]
    fn handle(&mut self) -> Handle<'_>;
}

/// What can be received from in a select.
pub trait RecvOperand<'a> {
    /// Its arm.
    type Arm: Arm;
    #[doc(hidden)]
    fn arm(&'a self) -> Self::Arm;
}

/// What can be sent to in a select.
pub trait SendOperand<'a, T> {
    /// Its arm.
    type Arm: Arm;
    #[doc(hidden)]
    fn arm(&'a self, value: T) -> Self::Arm;
}

/// An arm that receives: from a channel of either face, from [`Context::done`](crate::Context::done),
/// or from a [`Timer`](crate::Timer), a [`Ticker`](crate::Ticker) or their [`Ticks`](crate::Ticks).
pub fn recv<'a, R: RecvOperand<'a>>(operand: &'a R) -> R::Arm {
    operand.arm()
}

/// An arm that sends. A value that was not sent is dropped with the arm.
pub fn send<'a, T, S: SendOperand<'a, T>>(operand: &'a S, value: T) -> S::Arm {
    operand.arm(value)
}

/// An arm that is ready when the task has finished; takes its result.
pub fn join<T>(handle: &JoinHandle<T>) -> JoinArm<'_, T> {
    JoinArm { handle, queued: None, output: None }
}

impl<'a, 'b: 'a, R: RecvOperand<'a>> RecvOperand<'a> for &'b R {
    type Arm = R::Arm;
    fn arm(&'a self) -> R::Arm {
        (**self).arm()
    }
}

impl<'a, 'b: 'a, T, S: SendOperand<'a, T>> SendOperand<'a, T> for &'b S {
    type Arm = S::Arm;
    fn arm(&'a self, value: T) -> S::Arm {
        (**self).arm(value)
    }
}

/// Waits for a task.
#[expect(missing_debug_implementations, reason = "lives for one select")]
pub struct JoinArm<'a, T> {
    handle: &'a JoinHandle<T>,
    queued: Option<u32>,
    output: Option<Result<T, JoinError>>,
}

impl<T> JoinArm<'_, T> {
    /// The task's result.
    ///
    /// # Errors
    /// When the task panicked or could not be started.
    ///
    /// # Panics
    /// When the arm did not fire, or its output was taken before.
    pub fn output(&mut self) -> Result<T, JoinError> {
        self.output.take().expect("the output of an arm that fired, once")
    }
}

impl<T> Arm for JoinArm<'_, T> {
    fn handle(&mut self) -> Handle<'_> {
        Handle(self)
    }
}

impl<T> Ops for JoinArm<'_, T> {
    fn on(&self) -> (Op, On) {
        (Op::Join, On::Record(self.handle.packet.info().reference.to_bits()))
    }

    fn try_fire(&mut self, _: Site) -> bool {
        self.output = self.handle.packet.take();
        self.output.is_some()
    }

    fn queue(&mut self, _: Current, node: u32) -> bool {
        let queued = self.handle.packet.queue(|| node);
        self.queued = queued.then_some(node);
        // A task whose result was taken before is never ready again.
        queued || self.handle.packet.is_taken()
    }

    fn claimed(&mut self) {
        self.queued = None;
    }

    fn unqueue(&mut self) {
        if let Some(node) = self.queued.take() {
            self.handle.packet.unqueue(node);
        }
    }

    fn settle(&mut self) -> bool {
        self.output = self.handle.packet.take();
        self.output.is_some()
    }
}

impl<T> Drop for JoinArm<'_, T> {
    fn drop(&mut self) {
        self.unqueue();
    }
}
