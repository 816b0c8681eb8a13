//! What a goroutine did, in the words of a snapshot.
//!
//! A Go dump names no arms of a select, no holders, and of an object its address at best, so a wait is
//! written as one with an arm that is not listed: no rule concludes anything from it. There are four
//! exceptions, in which nobody is left who could end the wait: a nil channel, a select without cases,
//! what the runtime has marked as leaked, and a bubble of which it said that it is deadlocked.
//!
//! Invariant: no other wait has all of its arms.

use gleak_detector::render::go_state;
use gleak_detector::snapshot::{Arm, SiteId, TaskState, Wait, WaitOp, WaitReason};

use super::stack::Call;

/// What a goroutine waits for, as its stack tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    /// What the call that blocks is.
    pub(super) reason: WaitReason,
    /// Where the object lies, and whether the runtime vouches for that.
    pub(super) address: Option<(u64, bool)>,
}

/// Calls that block, by the end of their names. What calls another one of them comes behind it on the
/// stack and is the one that is meant: a reader-writer lock is built on a lock.
const BLOCKING: [(&str, WaitReason); 11] = [
    (".(*Mutex).Lock", WaitReason::Lock),
    (".(*Mutex).lockSlow", WaitReason::Lock),
    (".(*RWMutex).Lock", WaitReason::WriteLock),
    (".(*RWMutex).RLock", WaitReason::ReadLock),
    (".(*WaitGroup).Wait", WaitReason::WaitGroup),
    (".(*Cond).Wait", WaitReason::Cond),
    ("runtime.chanrecv1", WaitReason::Receive),
    ("runtime.chanrecv2", WaitReason::Receive),
    ("runtime.chansend1", WaitReason::Send),
    ("internal/poll.(*FD).Write", WaitReason::Write),
    ("internal/poll.(*FD).WaitWrite", WaitReason::Write),
];

/// What the standard library's innermost calls say.
pub(super) fn wanted(calls: &[Call]) -> Option<Wanted> {
    let own = calls.iter().take_while(|call| {
        let name = call.function.as_str();
        ["runtime.", "sync.", "internal/"].iter().any(|it| name.starts_with(it))
    });
    let mut found: Option<Wanted> = None;
    for call in own {
        if let Some((_, reason)) = BLOCKING.iter().find(|(name, _)| call.function.ends_with(name)) {
            // Calls that were inlined have no arguments. What they call lies at the same address.
            let address = call.address.or(found.and_then(|it| it.address));
            found = Some(Wanted { reason: *reason, address });
        }
    }
    found
}

/// The reason in a snapshot's words, by the state; none for one that does not wait.
fn reason(state: &str) -> Option<WaitReason> {
    let reason = match state {
        "running" | "runnable" | "preempted" | "copystack" | "idle" | "dead" => return None,
        "chan receive (nil chan)" => WaitReason::Receive,
        "chan send (nil chan)" => WaitReason::Send,
        "select (no cases)" => WaitReason::Select,
        word => {
            let mut all = WaitReason::ALL.into_iter();
            // Otherwise somebody else drives it; no more is known.
            all.find(|it| go_state(*it) == word).unwrap_or(WaitReason::Future)
        }
    };
    Some(reason)
}

/// The state that a stack tells where nothing else does, in Go's words; empty when it tells none. Binary
/// profiles have the runtime's own calls too.
pub(super) fn told(calls: &[Call]) -> &'static str {
    let wanted = wanted(calls).map(|it| it.reason);
    let is_of_runtime = |call: &&Call| call.function.starts_with("runtime.");
    let of_runtime = calls.iter().take_while(is_of_runtime).count();
    let (parked, calls) = calls.split_at(of_runtime);
    if parked.iter().any(|call| call.function == "runtime.selectgo") {
        return "select";
    }
    if calls.first().is_some_and(|call| call.function == "time.Sleep") {
        return "sleep";
    }
    if calls.first().is_some_and(|call| call.function == "internal/poll.runtime_pollWait") {
        return "IO wait";
    }
    match wanted {
        Some(WaitReason::Receive) => "chan receive",
        Some(WaitReason::Send) => "chan send",
        Some(WaitReason::Lock) => "sync.Mutex.Lock",
        Some(WaitReason::WriteLock) => "sync.RWMutex.Lock",
        Some(WaitReason::ReadLock) => "sync.RWMutex.RLock",
        Some(WaitReason::WaitGroup) => "sync.WaitGroup.Wait",
        Some(WaitReason::Cond) => "sync.Cond.Wait",
        _ => "",
    }
}

/// Whether nothing ever ends a wait in this state.
pub(super) fn is_endless(state: &str) -> bool {
    matches!(state, "chan receive (nil chan)" | "chan send (nil chan)" | "select (no cases)")
}

/// What is known of a wait besides its state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// What the stack says.
    pub(super) wanted: Option<Wanted>,
    /// Whether the runtime has marked it as leaked.
    pub(super) leaked: bool,
    /// Where it waits.
    pub(super) site: SiteId,
    /// Since when.
    pub(super) since_ns: u64,
}

/// The state as a snapshot has it.
pub(super) fn of(state: &str, known: Known) -> TaskState {
    let Some(reason) = reason(state) else {
        return if state == "running" { TaskState::Running } else { TaskState::Runnable };
    };
    // Old versions say so of all that is built on semaphores.
    let is_vague = matches!(reason, WaitReason::Semaphore | WaitReason::Lock | WaitReason::Read);
    let by_stack = known.wanted.filter(|_| is_vague).map(|it| it.reason);
    let mut wait = Wait {
        reason: by_stack.unwrap_or(reason),
        arms: Vec::new(),
        unlisted_arms: 1,
        wanted: None,
        site: known.site,
        since_ns: known.since_ns,
        until_ns: None,
        on_thread: false,
        registers: None,
    };
    if state == "select (no cases)" && !known.leaked {
        wait.unlisted_arms = 0;
    } else if known.leaked || is_endless(state) {
        end_never(&mut wait);
    }
    TaskState::Waiting(wait)
}

/// Go itself said that nothing ends the wait.
pub(super) fn end_never(wait: &mut Wait) {
    let op = op(wait.reason).unwrap_or_else(|| {
        wait.reason = WaitReason::Select;
        WaitOp::Receive
    });
    wait.arms = vec![Arm::never(op)];
    wait.unlisted_arms = 0;
}

/// How a plain wait of this reason is tried; none where it is no plain one.
fn op(reason: WaitReason) -> Option<WaitOp> {
    match reason {
        WaitReason::Send => Some(WaitOp::Send),
        WaitReason::Receive => Some(WaitOp::Receive),
        WaitReason::Lock | WaitReason::WriteLock => Some(WaitOp::Lock),
        WaitReason::ReadLock => Some(WaitOp::ReadLock),
        WaitReason::WaitGroup => Some(WaitOp::WaitGroup),
        WaitReason::Cond => Some(WaitOp::Cond),
        WaitReason::Semaphore => Some(WaitOp::Acquire),
        WaitReason::Select
        | WaitReason::Cancel
        | WaitReason::Join
        | WaitReason::Read
        | WaitReason::Write
        | WaitReason::Once
        | WaitReason::Barrier
        | WaitReason::Blocking
        | WaitReason::Future
        | WaitReason::Sleep
        | WaitReason::Host => None,
    }
}
