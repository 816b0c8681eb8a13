//! Regions: what tasks are charged to, as harnesses and guards use them.

use std::panic::Location;
use std::time::Duration;

use crate::records::region::{self, REGIONS};
use crate::records::table::Ref;
use crate::records::{kept_panics, misuse, panics};
use crate::scheduler::{activity, current};
use crate::sync::Ordering;
use crate::time::Instant;
use crate::{Builder, records, report};

pub use records::kept_panics::KeptPanics;
pub use records::region::RegionKind;

/// An open region. Every task spawned by its tasks is charged to it, however deep.
///
/// Dropping it gives the verdict away: tasks spawned in it later are charged to nothing.
#[derive(Debug)]
pub struct Region {
    reference: Ref,
    id: u64,
}

impl Region {
    /// Opens a region inside the caller's.
    ///
    /// # Panics
    /// When no record is left: 16 million regions are open.
    #[track_caller]
    #[must_use]
    pub fn open(kind: RegionKind, name: &str) -> Region {
        let caller = current::task().or_else(current::outside_caller);
        let parent = caller.and_then(|caller| caller.record.region());
        let opening =
            region::Opening { kind, name, parent, site: Location::caller(), counted: true };
        let reference =
            region::open(&opening).expect("no room for another region: 16 million are open");
        let id = REGIONS.get(reference).map_or(0, |record| record.id.load(Ordering::Relaxed));
        Region { reference, id }
    }

    /// Its id, as snapshots have it.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Number of live tasks, and spawned threads, charged to it.
    #[must_use]
    pub fn live(&self) -> u64 {
        region::live_tasks(self.reference)
    }

    /// Sleeps until nobody is charged to it any more, or `limit` has passed; says whether nobody is. The
    /// end of a thread is seen at once; that of the last task when its runtime falls quiet.
    pub fn wait_empty(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let seen = activity::news();
            if self.live() == 0 {
                return true;
            }
            let left = deadline - Instant::now();
            if left.is_zero() {
                return false;
            }
            activity::wait_for_news(seen, left);
        }
    }

    /// Whether something was done in it that a verdict tells of although no task is left: an unjoined
    /// panic, a misuse, a group's error that nobody saw.
    #[must_use]
    pub fn has_events(&self) -> bool {
        panics::any_of(self.id) || misuse::any_of(self.id)
    }

    /// From now on panics of its tasks, and of those in regions inside of it, do not go to the panic hook
    /// that the program had when it first spawned a task. They are kept for [`Region::take_panics`]: so a
    /// harness can tell each with its test. What nobody has taken when the region is closed is printed
    /// then. A panic that ends the process is printed at once, after those that were kept.
    pub fn keep_panics(&self) {
        kept_panics::begin(self.id);
    }

    /// The panics that it has kept and that have not been taken: a bounded number of them.
    #[must_use]
    pub fn take_panics(&self) -> KeptPanics {
        kept_panics::take(self.id, None)
    }

    /// As [`Region::take_panics`]; those of the task with this id stay.
    #[must_use]
    pub fn take_panics_but(&self, task: u64) -> KeptPanics {
        kept_panics::take(self.id, Some(task))
    }

    /// Charges the calling task or thread, and what it spawns, to this region until the value
    /// goes. Entered values must go in reverse order.
    #[must_use]
    pub fn enter(&self) -> Entered {
        Entered {
            before: current::enter_region(self.reference),
            not_send: std::marker::PhantomData,
        }
    }

    /// A task builder that charges its task to this region.
    pub fn builder(&self) -> Builder {
        Builder::new().in_region(Some(self.reference))
    }

    /// The verdict has been given: what is spawned in it from now on is charged to nothing, and its
    /// unjoined panics and misuses are forgotten.
    pub fn close(self) {
        panics::forget_region(self.id);
        misuse::forget_region(self.id);
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        region::close(self.reference);
        kept_panics::end(self.id).told().iter().for_each(|text| report::say(text));
    }
}

/// See [`Region::enter`].
#[derive(Debug)]
pub struct Entered {
    before: Option<Ref>,
    /// It belongs to the task that entered.
    not_send: std::marker::PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        current::leave_region(self.before);
    }
}
