//! What a wait and a hold may look like.

use crate::{
    Arm, Hold, HoldMode, Invalid, ObjectId, ObjectKind, Target, TaskId, Wait, WaitOp, WaitReason,
};

/// What is wrong with one arm: its target is missing, or it does not fit target or reason.
pub(crate) fn arm_fault(
    task: TaskId,
    reason: WaitReason,
    arm: Arm,
    kind_of: impl Fn(ObjectId) -> Option<ObjectKind>,
) -> Option<Invalid> {
    let fits = match arm.on {
        Target::Object(object) => {
            let Some(kind) = kind_of(object) else {
                return Some(Invalid::NoObject { task, object });
            };
            op_fits_kind(arm.op, kind) && reason_fits_kind(reason, kind)
        }
        Target::Task(_) => arm.op == WaitOp::Join,
        Target::Never => true,
    };
    let fits = fits && reason_fits_op(reason, arm.op);
    (!fits).then_some(Invalid::Arm { task, reason, arm })
}

/// Whether the number of arms and the timer fit the reason. Where arms are not listed, fewer are
/// enough.
pub(crate) fn well_shaped(wait: &Wait) -> bool {
    let unlisted = wait.unlisted_arms > 0;
    if wait.wanted.is_some() && wait.reason != WaitReason::Semaphore {
        return false;
    }
    match wait.reason {
        WaitReason::Select => true,
        WaitReason::Sleep => wait.arms.is_empty() && (wait.until_ns.is_some() || unlisted),
        WaitReason::Host | WaitReason::Blocking => wait.arms.len() <= 1,
        WaitReason::Future => wait.arms.is_empty(),
        WaitReason::Join => !wait.arms.is_empty() || unlisted,
        WaitReason::Send
        | WaitReason::Receive
        | WaitReason::Lock
        | WaitReason::ReadLock
        | WaitReason::WriteLock
        | WaitReason::WaitGroup
        | WaitReason::Cancel
        | WaitReason::Read
        | WaitReason::Write
        | WaitReason::Cond
        | WaitReason::Once
        | WaitReason::Semaphore
        | WaitReason::Barrier => wait.arms.len() == 1 || (wait.arms.is_empty() && unlisted),
    }
}

/// What is wrong with a hold: the lock is missing, or cannot be held so.
pub(crate) fn hold_fault(task: TaskId, hold: Hold, kind: Option<ObjectKind>) -> Option<Invalid> {
    let object = hold.object;
    let fits = match kind {
        None => return Some(Invalid::NoObject { task, object }),
        Some(ObjectKind::Mutex | ObjectKind::Once) => hold.mode == HoldMode::Exclusive,
        Some(ObjectKind::RwLock) => true,
        Some(
            ObjectKind::Channel
            | ObjectKind::WaitGroup
            | ObjectKind::Context
            | ObjectKind::Socket
            | ObjectKind::Cond
            | ObjectKind::Semaphore
            | ObjectKind::Barrier,
        ) => false,
    };
    (!fits).then_some(Invalid::Hold { task, object })
}

fn op_fits_kind(op: WaitOp, kind: ObjectKind) -> bool {
    match op {
        WaitOp::Send | WaitOp::Receive => kind == ObjectKind::Channel,
        WaitOp::Lock => matches!(kind, ObjectKind::Mutex | ObjectKind::RwLock),
        WaitOp::ReadLock => kind == ObjectKind::RwLock,
        WaitOp::WaitGroup => kind == ObjectKind::WaitGroup,
        WaitOp::Cancel => kind == ObjectKind::Context,
        WaitOp::Read | WaitOp::Write => kind == ObjectKind::Socket,
        WaitOp::Cond => kind == ObjectKind::Cond,
        WaitOp::Once => kind == ObjectKind::Once,
        WaitOp::Acquire => kind == ObjectKind::Semaphore,
        WaitOp::Barrier => kind == ObjectKind::Barrier,
        WaitOp::Join => false,
    }
}

/// The two ways to own a lock alone share an operation and differ in their reason.
fn reason_fits_kind(reason: WaitReason, kind: ObjectKind) -> bool {
    match reason {
        WaitReason::Lock => kind == ObjectKind::Mutex,
        WaitReason::WriteLock => kind == ObjectKind::RwLock,
        WaitReason::Send
        | WaitReason::Receive
        | WaitReason::Select
        | WaitReason::ReadLock
        | WaitReason::WaitGroup
        | WaitReason::Cancel
        | WaitReason::Join
        | WaitReason::Read
        | WaitReason::Write
        | WaitReason::Cond
        | WaitReason::Once
        | WaitReason::Semaphore
        | WaitReason::Barrier
        | WaitReason::Blocking
        | WaitReason::Future
        | WaitReason::Sleep
        | WaitReason::Host => true,
    }
}

fn reason_fits_op(reason: WaitReason, op: WaitOp) -> bool {
    match reason {
        WaitReason::Send => op == WaitOp::Send,
        WaitReason::Receive => op == WaitOp::Receive,
        WaitReason::Select => true,
        WaitReason::Lock | WaitReason::WriteLock => op == WaitOp::Lock,
        WaitReason::ReadLock => op == WaitOp::ReadLock,
        WaitReason::WaitGroup => op == WaitOp::WaitGroup,
        WaitReason::Cancel => op == WaitOp::Cancel,
        WaitReason::Join | WaitReason::Host | WaitReason::Blocking => op == WaitOp::Join,
        WaitReason::Read => op == WaitOp::Read,
        WaitReason::Write => op == WaitOp::Write,
        WaitReason::Cond => op == WaitOp::Cond,
        WaitReason::Once => op == WaitOp::Once,
        WaitReason::Semaphore => op == WaitOp::Acquire,
        WaitReason::Barrier => op == WaitOp::Barrier,
        WaitReason::Sleep | WaitReason::Future => false,
    }
}
