//! Regions: what tasks are charged to, as harnesses and guards use them.

use std::panic::Location;

use crate::records::region::{self, REGIONS};
use crate::records::table::Ref;
use crate::records::{misuse, panics};
use crate::scheduler::current;
use crate::sync::Ordering;
use crate::{Builder, records};

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
        let caller = current::task().or_else(current::outside_if_known);
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

    /// Number of live tasks charged to it.
    #[must_use]
    pub fn live(&self) -> u64 {
        region::live_tasks(self.reference)
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
