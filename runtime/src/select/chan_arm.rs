//! The arms of a select that send and receive on channels.

use crate::chan::op::{self, RecvOp, SendOp};
use crate::chan::{
    Chan, NotReceived, NotSent, Receiver, RecvError, Recvs, SendError, Sender, Sends,
};
use crate::records::node::Op;
use crate::records::statics::Site;
use crate::records::waiter::Current;
use crate::select::arm::{Arm, Handle, Ops, RecvOperand, SendOperand};
use crate::wait::On;

/// Receives from a [`Chan`]; nothing to wait on for the never-channel.
#[expect(missing_debug_implementations, reason = "lives for one select")]
pub struct ChanRecv<'a, T> {
    op: Option<RecvOp<'a, T>>,
    output: Option<Option<T>>,
}

impl<'a, T: 'a> RecvOperand<'a> for Chan<T> {
    type Arm = ChanRecv<'a, T>;
    fn arm(&'a self) -> ChanRecv<'a, T> {
        ChanRecv { op: self.core().map(op::recv), output: None }
    }
}

impl<'a, T: 'a> RecvOperand<'a> for Recvs<T> {
    type Arm = ChanRecv<'a, T>;
    fn arm(&'a self) -> ChanRecv<'a, T> {
        ChanRecv { op: self.core().map(op::recv), output: None }
    }
}

impl<T> ChanRecv<'_, T> {
    /// What was received; `None` when the channel is closed.
    ///
    /// # Panics
    /// When the arm did not fire, or its output was taken before.
    pub fn output(&mut self) -> Option<T> {
        self.output.take().expect("the output of an arm that fired, once")
    }
}

fn recv_on<T>(op: Option<&RecvOp<'_, T>>) -> (Op, On) {
    (Op::Receive, op.map_or(On::Never, |op| On::object(op.side.0.cell.target())))
}

fn recv_queue<T>(op: &mut RecvOp<'_, T>, who: Current, node: u32) -> bool {
    let core = op.side.0;
    let mut state = core.lock();
    if state.recv_is_ready(who) {
        return false;
    }
    op.queue(&mut state.receivers, node);
    true
}

impl<T> Arm for ChanRecv<'_, T> {
    fn handle(&mut self) -> Handle<'_> {
        Handle(self)
    }
}

impl<T> Ops for ChanRecv<'_, T> {
    fn on(&self) -> (Op, On) {
        recv_on(self.op.as_ref())
    }

    fn try_fire(&mut self, site: Site) -> bool {
        let Some(op) = &self.op else { return false };
        match op.side.0.try_recv(site) {
            Ok(value) => self.output = Some(Some(value)),
            Err(NotReceived::Over) => self.output = Some(None),
            Err(NotReceived::Empty) => return false,
        }
        true
    }

    fn queue(&mut self, who: Current, node: u32) -> bool {
        self.op.as_mut().is_none_or(|op| recv_queue(op, who, node))
    }

    fn claimed(&mut self) {
        self.op.iter_mut().for_each(RecvOp::claimed);
    }

    fn unqueue(&mut self) {
        self.op.iter_mut().for_each(RecvOp::unqueue);
    }

    fn settle(&mut self) -> bool {
        match self.op.as_mut().and_then(RecvOp::take) {
            Some(value) => {
                self.output = Some(Some(value));
                true
            }
            None => false,
        }
    }
}

/// Receives from a [`Receiver`].
#[expect(missing_debug_implementations, reason = "lives for one select")]
pub struct HalfRecv<'a, T> {
    op: RecvOp<'a, T>,
    output: Option<Result<T, RecvError>>,
}

impl<'a, T: 'a> RecvOperand<'a> for Receiver<T> {
    type Arm = HalfRecv<'a, T>;
    fn arm(&'a self) -> HalfRecv<'a, T> {
        HalfRecv { op: op::recv(self.core()), output: None }
    }
}

impl<T> HalfRecv<'_, T> {
    /// What was received.
    ///
    /// # Errors
    /// When every sender has been dropped.
    ///
    /// # Panics
    /// When the arm did not fire, or its output was taken before.
    pub fn output(&mut self) -> Result<T, RecvError> {
        self.output.take().expect("the output of an arm that fired, once")
    }
}

impl<T> Arm for HalfRecv<'_, T> {
    fn handle(&mut self) -> Handle<'_> {
        Handle(self)
    }
}

impl<T> Ops for HalfRecv<'_, T> {
    fn on(&self) -> (Op, On) {
        recv_on(Some(&self.op))
    }

    fn try_fire(&mut self, site: Site) -> bool {
        match self.op.side.0.try_recv(site) {
            Ok(value) => self.output = Some(Ok(value)),
            Err(NotReceived::Over) => self.output = Some(Err(RecvError::Disconnected)),
            Err(NotReceived::Empty) => return false,
        }
        true
    }

    fn queue(&mut self, who: Current, node: u32) -> bool {
        recv_queue(&mut self.op, who, node)
    }

    fn claimed(&mut self) {
        self.op.claimed();
    }

    fn unqueue(&mut self) {
        self.op.unqueue();
    }

    fn settle(&mut self) -> bool {
        self.output = self.op.take().map(Ok);
        self.output.is_some()
    }
}

/// Sends to a [`Chan`] or a [`Sender`]; nothing to wait on for the never-channel.
#[expect(missing_debug_implementations, reason = "lives for one select")]
pub struct SendArm<'a, T, O> {
    op: Option<SendOp<'a, T>>,
    /// What the program gets to see of how the send ended.
    verdict: fn(Result<(), NotSent<T>>) -> O,
    output: Option<O>,
}

fn go_verdict<T>(ended: Result<(), NotSent<T>>) {
    if let Err(NotSent::Closed(_, site)) = ended {
        panic!("send on a channel closed at {site}");
    }
}

fn half_verdict<T>(ended: Result<(), NotSent<T>>) -> Result<(), SendError<T>> {
    ended.map_err(|error| match error {
        NotSent::Closed(value, _) | NotSent::Disconnected(value) | NotSent::Full(value) => {
            SendError::Disconnected(value)
        }
    })
}

impl<'a, T: 'a> SendOperand<'a, T> for Chan<T> {
    type Arm = SendArm<'a, T, ()>;
    fn arm(&'a self, value: T) -> Self::Arm {
        let op = self.core().map(|core| op::send(core, value));
        SendArm { op, verdict: go_verdict, output: None }
    }
}

impl<'a, T: 'a> SendOperand<'a, T> for Sends<T> {
    type Arm = SendArm<'a, T, ()>;
    fn arm(&'a self, value: T) -> Self::Arm {
        let op = self.core().map(|core| op::send(core, value));
        SendArm { op, verdict: go_verdict, output: None }
    }
}

impl<'a, T: 'a> SendOperand<'a, T> for Sender<T> {
    type Arm = SendArm<'a, T, Result<(), SendError<T>>>;
    fn arm(&'a self, value: T) -> Self::Arm {
        let op = Some(op::send(self.core(), value));
        SendArm { op, verdict: half_verdict, output: None }
    }
}

impl<T, O> SendArm<'_, T, O> {
    /// How the send ended.
    ///
    /// # Panics
    /// When the arm did not fire, or its output was taken before.
    pub fn output(&mut self) -> O {
        self.output.take().expect("the output of an arm that fired, once")
    }
}

impl<T, O> Arm for SendArm<'_, T, O> {
    fn handle(&mut self) -> Handle<'_> {
        Handle(self)
    }
}

impl<T, O> Ops for SendArm<'_, T, O> {
    fn on(&self) -> (Op, On) {
        let on = self.op.as_ref().map_or(On::Never, |op| On::object(op.side.0.cell.target()));
        (Op::Send, on)
    }

    fn try_fire(&mut self, site: Site) -> bool {
        let Some(op) = &mut self.op else { return false };
        let Some(value) = op.take() else { return false };
        let ended = op.side.0.try_send(value, site);
        if let Err(NotSent::Full(value)) = ended {
            op.put(value);
            return false;
        }
        self.output = Some((self.verdict)(ended));
        true
    }

    fn queue(&mut self, who: Current, node: u32) -> bool {
        let Some(op) = &mut self.op else { return true };
        let core = op.side.0;
        let mut state = core.lock();
        if state.send_is_ready(core.capacity(), who) {
            return false;
        }
        op.queue(&mut state.senders, node);
        true
    }

    fn claimed(&mut self) {
        self.op.iter_mut().for_each(SendOp::claimed);
    }

    fn unqueue(&mut self) {
        self.op.iter_mut().for_each(SendOp::unqueue);
    }

    fn settle(&mut self) -> bool {
        let Some(op) = &mut self.op else { return false };
        match op.take() {
            None => {
                self.output = Some((self.verdict)(Ok(())));
                true
            }
            Some(unsent) => {
                op.put(unsent);
                false
            }
        }
    }
}
