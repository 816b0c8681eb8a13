//! Where a spawn was called from, all the way: on request, since it costs microseconds a spawn.

use dashmap::DashMap;
use once_cell::sync::Lazy;

use crate::machine::fiber;
use crate::records::tags::SpawnStack;
use crate::sync::{AtomicBool, Ordering};

static KNOWN: Lazy<DashMap<SpawnStack, ()>> = Lazy::new(DashMap::new);

/// What `GLEAK_SPAWN_STACKS` asks for.
pub(crate) fn by_environment() -> bool {
    static ASKED: Lazy<bool> = Lazy::new(|| {
        std::env::var_os("GLEAK_SPAWN_STACKS")
            .is_some_and(|value| !value.is_empty() && value != "0")
    });
    *ASKED
}

/// The caller's stack, if it is to be recorded.
#[inline]
pub(crate) fn take(wanted: &AtomicBool) -> Option<SpawnStack> {
    wanted.load(Ordering::Relaxed).then(capture)
}

#[inline(never)]
fn capture() -> SpawnStack {
    let here = 0_u8;
    let here = std::ptr::from_ref(&here) as usize;
    let root = fiber::root();
    let mut calls = Vec::new();
    backtrace::trace(|frame| {
        let ip = frame.ip() as usize;
        // What this function has called lies below; what a fiber was resumed by, beyond its root.
        if frame.sp() as usize > here && ip != root {
            calls.push(ip.saturating_sub(1) as u64);
        }
        ip != root
    });
    intern(calls)
}

fn intern(calls: Vec<u64>) -> SpawnStack {
    if let Some(known) = KNOWN.get(calls.as_slice()) {
        return known.key().clone();
    }
    KNOWN.entry(calls.into()).or_insert(()).key().clone()
}
