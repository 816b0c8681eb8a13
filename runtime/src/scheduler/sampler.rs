//! A thread of ours that looks at the process from time to time, on behalf of who holds the value.
//!
//! Invariants:
//! 1. The thread is known to the monitor: it wakes no task, so it keeps no process from being asleep.
//! 2. Once the value has gone, it looks no more: a look that is under way is the last one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::machine::futex::Parker;
use crate::machine::thread;
use crate::scheduler::monitor;
use crate::sync::{AtomicBool, Ordering};
use crate::time::clock;

/// Ends its thread when it goes.
#[derive(Debug)]
pub(crate) struct Sampler {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    parker: Parker,
    over: AtomicBool,
}

/// Calls `look` at once and then every `period`; later if it takes longer than that itself.
///
/// # Errors
/// When no thread can be made.
pub(crate) fn start(
    period: Duration,
    mut look: impl FnMut() + Send + 'static,
) -> io::Result<Sampler> {
    let shared = Arc::new(Shared { parker: Parker::new(), over: AtomicBool::new(false) });
    let own = shared.clone();
    let body = move || {
        monitor::add_own_thread(thread::tid());
        while !own.over.load(Ordering::Acquire) {
            let began = clock::now_ns();
            look();
            own.rest(began.saturating_add(clock::ns(period)));
        }
        monitor::forget_own_thread(thread::tid());
    };
    thread::start("gleak-watch".to_owned(), Box::new(body))?;
    Ok(Sampler { shared })
}

impl Shared {
    fn rest(&self, until: u64) {
        while !self.over.load(Ordering::Acquire) {
            let left = until.saturating_sub(clock::now_ns());
            if left == 0 {
                return;
            }
            self.parker.park(Some(Duration::from_nanos(left)));
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        self.shared.parker.unpark();
    }
}
