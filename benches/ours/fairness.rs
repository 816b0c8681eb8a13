//! Whether all workers share the work, and whether one that is held keeps others from theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gleak_runtime::spawn;

use crate::protocol::{self, Clock, Figures};

/// One task spawns all, and each keeps its worker busy for a while.
pub(crate) fn fan_out(n: u64) -> Figures {
    let clock = Clock::start();
    let handles =
        Vec::from_iter((0..n).map(|_| spawn(|| protocol::keep_busy(protocol::TASK_BUSY))));
    handles.into_iter().for_each(|it| it.join().expect("no panic"));
    clock.ms()
}

/// A task spawns `n` and keeps its worker without giving way: the time until the last has started.
pub(crate) fn held(n: u64) -> Figures {
    let latest = Arc::new(AtomicU64::new(0));
    let handles = Vec::from_iter((0..n).map(|_| {
        let (latest, clock) = (Arc::clone(&latest), Clock::start());
        spawn(move || {
            latest.fetch_max(clock.elapsed().as_nanos() as u64, Ordering::Relaxed);
        })
    }));
    protocol::keep_busy(protocol::WORKER_HELD);
    handles.into_iter().for_each(|it| it.join().expect("no panic"));
    vec![("ms", latest.load(Ordering::Relaxed) as f64 / 1e6)]
}
