//! Regions: what tasks are charged to. A task hands its own on to what it spawns.
//!
//! Invariants:
//! 1. A region counts who comes and goes, so that a snapshot knows when it has missed somebody.
//! 2. It is in the table as long as somebody has it, its tasks included.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use dashmap::DashMap;
use gleak_detector::snapshot::RegionKind;

use crate::site::Place;

#[cfg(feature = "test")]
static NEXT: AtomicU64 = AtomicU64::new(1);
static REGIONS: LazyLock<DashMap<u64, Weak<Region>>> = LazyLock::new(DashMap::new);

/// One task that a runtime counts, in the words of a region.
const COUNTED: u64 = 1 << 32;

fn one(counted: bool) -> u64 {
    1 + if counted { COUNTED } else { 0 }
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) id: u64,
    pub(crate) kind: RegionKind,
    pub(crate) name: Box<str>,
    pub(crate) site: Place,
    closed: AtomicBool,
    /// Tasks that have come, and those that have gone: all of them below, those that a runtime counts
    /// above [`COUNTED`]. A region sees fewer than four thousand million of them.
    came: AtomicU64,
    gone: AtomicU64,
}

impl Region {
    #[cfg(feature = "test")]
    pub(crate) fn open(kind: RegionKind, name: &str, site: Place) -> Arc<Region> {
        let region = Arc::new(Region {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            kind,
            name: name.into(),
            site,
            closed: AtomicBool::new(false),
            came: AtomicU64::new(0),
            gone: AtomicU64::new(0),
        });
        REGIONS.insert(region.id, Arc::downgrade(&region));
        region
    }

    pub(crate) fn enter(&self, counted: bool) {
        self.came.fetch_add(one(counted), Ordering::SeqCst);
    }

    pub(crate) fn leave(&self, counted: bool) {
        self.gone.fetch_add(one(counted), Ordering::SeqCst);
    }

    /// Tasks of it that have not ended.
    #[cfg(feature = "test")]
    pub(crate) fn live(&self) -> u64 {
        self.left() % COUNTED
    }

    /// Those of them that a runtime counts among its own.
    #[cfg(feature = "test")]
    pub(crate) fn counted(&self) -> u64 {
        self.left() / COUNTED
    }

    #[cfg(feature = "test")]
    fn left(&self) -> u64 {
        // In this order nobody has gone who has not come.
        let gone = self.gone.load(Ordering::SeqCst);
        self.came.load(Ordering::SeqCst) - gone
    }

    /// Changes whenever a task comes or goes.
    pub(crate) fn changes(&self) -> (u64, u64) {
        (self.came.load(Ordering::SeqCst), self.gone.load(Ordering::SeqCst))
    }

    /// Its verdict has been given.
    #[cfg(feature = "test")]
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        REGIONS.remove(&self.id);
    }
}

/// All that there are, by id.
pub(crate) fn all() -> Vec<Arc<Region>> {
    let mut all: Vec<Arc<Region>> = REGIONS.iter().filter_map(|it| it.value().upgrade()).collect();
    all.sort_by_key(|region| region.id);
    all
}
