//! Panics of a test's tasks, told by the test's own thread: libtest shows what that prints with the test, and
//! with no other.
//!
//! Invariants:
//! 1. One that ends the body is told once, by the message of the failure, or not at all when it is what
//!    the test is for. Of all others there are these lines; that nobody has joined one is a finding besides.
//! 2. What the message may yet tell is held back, but not for longer than [`HELD`]: a test that hangs does
//!    not hang without a word of its panic.

use std::time::Duration;

use gleak_runtime::time::Instant;
use gleak_runtime::{JoinError, KeptPanics, Region, TaskPanic};

use crate::message;

const HELD: Duration = Duration::from_secs(5);

/// Tells panics while somebody is waited for. What it holds back stays with the region, so that nothing is
/// lost with the process.
#[derive(Debug)]
pub(crate) struct Panics {
    /// When nothing is held back.
    all_at: Instant,
}

impl Panics {
    pub(crate) fn new() -> Self {
        Panics { all_at: Instant::now() + HELD }
    }

    /// Tells what is new, except of the task with this id: its end may tell more.
    pub(crate) fn tell(&mut self, region: &Region, own: u64) {
        let now = Instant::now();
        if now < self.all_at {
            say(&region.take_panics_but(own));
        } else {
            self.all_at = now + HELD;
            say(&region.take_panics());
        }
    }
}

/// The task whose panics were held back has ended; `by` this one, if that needs no telling.
pub(crate) fn ended(region: &Region, own: u64, by: Option<&JoinError>) {
    let mut kept = region.take_panics();
    let said = by.and_then(JoinError::message);
    let is_it = |it: &TaskPanic| it.task() == own && said == Some(it.message());
    if let Some(at) = kept.panics.iter().rposition(is_it) {
        kept.panics.remove(at);
    }
    say(&kept);
}

/// Nothing more is to be known of any of them.
pub(crate) fn tell_all(region: &Region) {
    say(&region.take_panics());
}

fn say(kept: &KeptPanics) {
    kept.told().iter().for_each(|text| message::say(text));
}
