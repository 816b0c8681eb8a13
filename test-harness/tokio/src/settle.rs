//! The end of a test or guard: waiting for what could still finish, and the report on the rest.
//!
//! Invariants:
//! 1. What only a certain finding holds up is not waited for.
//! 2. A count of the runtime is believed only if all looks within the settle time agree that at least so
//!    many tasks are there: right after a join it is often too high.

use std::sync::Arc;
use std::time::Duration;

use gleak_detector::Report;
use gleak_test_harness::adapter::Judge;
use tokio::runtime::RuntimeMetrics;

use crate::collect::{Counted, collect};
use crate::region::Region;
use crate::snapshot::{Reason, RegionId, Snapshot};
use crate::{clock, ledger};

/// Pauses between looks grow from the first to the second.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(10)];

/// What is over, and where its tasks run.
#[derive(Debug)]
pub(crate) struct Scene<'s> {
    pub(crate) region: &'s Arc<Region>,
    pub(crate) judge: &'s Judge<'s>,
    /// Of the runtime that is the region's own.
    pub(crate) runtime: Option<RuntimeMetrics>,
}

impl Scene<'_> {
    /// Waits, as a thread outside of the runtime, for what could still finish. How many tasks are left that
    /// nobody has wrapped.
    pub(crate) fn settle(&self) -> u64 {
        let (start, limit) = (clock::now(), self.judge.settle());
        let [mut pause, longest] = PAUSES;
        let mut unwrapped = self.unwrapped();
        while !self.is_over(unwrapped) && start.elapsed() < limit {
            std::thread::park_timeout(pause.min(limit.saturating_sub(start.elapsed())));
            pause = (pause * 2).min(longest);
            unwrapped = unwrapped.min(self.unwrapped());
        }
        unwrapped
    }

    /// Whether nothing is left to be waited for.
    fn is_over(&self, unwrapped: u64) -> bool {
        unwrapped == 0
            && (self.region.live() == 0
                || !self.judge.may_finish(&collect(Reason::Region, None), self.id()))
    }

    /// Tasks that the runtime counts and nobody has wrapped, at a glance.
    fn unwrapped(&self) -> u64 {
        let alive = self.runtime.as_ref().map_or(0, |it| it.num_alive_tasks() as u64);
        alive.saturating_sub(self.region.counted())
    }

    /// The report on what is left. Nothing is looked at where nothing can be found.
    pub(crate) fn report(&self, unwrapped: u64, settled: Duration) -> Report {
        let counted = Counted { region: self.region, tasks: unwrapped };
        let counted = self.runtime.is_some().then_some(counted);
        let nothing = self.region.live() == 0 && unwrapped == 0 && !ledger::has_panics(self.region);
        let snapshot = match nothing {
            true => Snapshot::default(),
            false => collect(Reason::Region, counted),
        };
        let report = self.judge.judge(&snapshot, self.id(), settled);
        ledger::tell_panics_of(self.region);
        report
    }

    pub(crate) fn id(&self) -> RegionId {
        RegionId(self.region.id)
    }
}
