//! Looks at the process from time to time, and says what grows.
//!
//! Invariant: between two looks counts are kept and no tasks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use gleak_detector::{Finding, History, Question, Rule, Suspect, analyze};
use gleak_snapshot::Reason;

use crate::collect;
use crate::scheduler::sampler::{self, Sampler};
use crate::sync::{AtomicU64, Lock, Ordering};

/// Fewer looks show no trend.
const MIN_SAMPLES: usize = 3;

/// What grows in the process, looked at from time to time: see [`watch`].
#[derive(Debug)]
pub struct Watch {
    seen: Arc<Seen>,
    _sampler: Sampler,
}

/// What the looks of a [`Watch`] have shown so far.
#[derive(Debug, Default)]
struct Seen {
    samples: AtomicU64,
    growing: Lock<Arc<Vec<Finding>>>,
}

/// Looks at the process every `period`, on a thread of its own and without stacks, and compares the last
/// `samples` looks (three at least): which groups of tasks there were more of in each, while nobody in
/// them went on. That is how a task leak per request looks after some of them; choose a period in which
/// requests end. Between two looks counts are kept and no tasks.
///
/// Stops when the value goes.
///
/// # Errors
/// When no thread can be made.
pub fn watch(period: Duration, samples: usize) -> io::Result<Watch> {
    let seen = Arc::new(Seen::default());
    let shown = seen.clone();
    let mut history = History::default();
    let look = move || {
        let snapshot = collect::collect(Reason::Request);
        history.note(&snapshot);
        history.keep(samples.max(MIN_SAMPLES));
        let mut growing = Vec::new();
        if history.len() >= samples && history.grows() {
            let suspect = Suspect { history: history.clone(), ..Suspect::default() };
            growing = analyze(&snapshot, &Question { suspect, ..Question::default() }).findings;
            growing.retain(|finding| finding.key.rule == Rule::Growing);
        }
        let before = std::mem::replace(&mut *shown.growing.lock(), Arc::new(growing));
        drop(before);
        shown.samples.fetch_add(1, Ordering::Release);
    };
    let sampler = sampler::start(period, look)?;
    Ok(Watch { seen, _sampler: sampler })
}

impl Watch {
    /// How many looks there were.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.seen.samples.load(Ordering::Acquire)
    }

    /// Findings of the rule `growing` at the last look; none before there were enough of them.
    #[must_use]
    pub fn growing(&self) -> Vec<Finding> {
        let last = self.seen.growing.lock().clone();
        last.to_vec()
    }
}
