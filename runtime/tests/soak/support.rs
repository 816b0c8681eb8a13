//! How long, tasks at known depths, and what their stacks must look like.

use std::hint::black_box;

use gleak_runtime::report::snapshot::{FrameId, Snapshot, Task};
use gleak_runtime::report::{Detail, snapshot_with};

pub(crate) const STACKS: Detail = Detail { stacks: true, names: false, stack_use: false };

/// So many when `make soak` asks, else few.
pub(crate) fn count(at_length: u64, few: u64) -> u64 {
    if std::env::var_os("SOAK").is_some() { at_length } else { few }
}

/// Figures of a long run; the suite's output shows them only on request.
#[expect(clippy::print_stdout, reason = "what a soak is run for")]
pub(crate) fn say(text: &str) {
    println!("soak: {text}");
}

/// As deep as asked, and then as `turn` says.
#[inline(never)]
pub(crate) fn play(depth: u32, turn: &dyn Fn()) -> u32 {
    if depth == 0 {
        turn();
        return black_box(0);
    }
    // What is done after the call keeps it from being the last one.
    black_box(play(depth - 1, turn) + 1)
}

/// A stack, taken apart at the calls of [`play`] by itself.
pub(crate) struct Parts<'s> {
    /// From where it stands to the innermost of these calls.
    pub(crate) inner: &'s [FrameId],
    /// How many calls there are.
    pub(crate) calls: u32,
    /// Down to the task's entry.
    pub(crate) outer: &'s [FrameId],
    /// Whether it ends there.
    pub(crate) whole: bool,
}

pub(crate) fn parts<'s>(snapshot: &'s Snapshot, task: &Task) -> Option<Parts<'s>> {
    let stack = &snapshot.stacks[task.backtrace?.0 as usize];
    // The one place from which it calls itself is the only frame that repeats, but for what recurses
    // further in: sorting does.
    let frames = &stack.frames[..];
    let repeats = |at: &usize| *at > 0 && frames[at - 1] == frames[*at];
    let end = (1..frames.len()).rev().find(repeats).unwrap_or(0);
    let first = (0..end).rev().find(|at| !repeats(at)).unwrap_or(0);
    let last = if end > 0 { end + 1 } else { 0 };
    Some(Parts {
        inner: &frames[..first],
        calls: (last - first) as u32,
        outer: &frames[last..],
        whole: !stack.cut,
    })
}

/// Addresses, which are the same in all snapshots, as ids are not.
pub(crate) fn addresses(snapshot: &Snapshot, frames: &[FrameId]) -> Vec<u64> {
    frames.iter().map(|id| snapshot.frames[id.0 as usize].address).collect()
}

pub(crate) fn look() -> Snapshot {
    snapshot_with(STACKS)
}
