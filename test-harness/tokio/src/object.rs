//! Records of what tasks wait for: who has it, who has used it, and from where.
//!
//! A record is made at the first use, and its words are written by whoever uses it: no lock, no
//! allocation. A snapshot reads them twice.
//!
//! Invariants:
//! 1. An owner's word is cleared before the lock itself is given back, and set after it was had: who is
//!    named has the lock, or is about to name itself.
//! 2. A lock that was ever had by nobody's task, or given back by another one than took it, says so for
//!    good (`exact`): its owner proves nothing.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use spin::Mutex;

use crate::clock;
use crate::current::{self, Caller};
use crate::site::{self, Place};

/// Several regions, or none.
const SHARED: u64 = u64::MAX;

static NEXT: AtomicU64 = AtomicU64::new(1);

#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) id: u64,
    pub(crate) site: Place,
    /// The region that has used it; zero for nobody yet.
    touched: AtomicU64,
    pub(crate) facts: Facts,
}

/// What it is, and how it stands.
#[derive(Debug)]
pub(crate) enum Facts {
    Mutex(Ownership),
    RwLock(Ownership, Readers),
    Channel(Channel),
    Semaphore(Semaphore),
    /// What notifies those who wait.
    Notify,
}

/// Who has a lock alone.
#[derive(Debug, Default)]
pub(crate) struct Ownership {
    owner: AtomicU64,
    place: AtomicUsize,
    since_ns: AtomicU64,
    inexact: AtomicBool,
}

/// Who shares a lock, once for each time, and how many wait to have it alone.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    tasks: Mutex<Vec<u64>>,
    pub(crate) writers: AtomicU64,
}

/// A use, as words.
#[derive(Debug, Default)]
pub(crate) struct LastUse {
    task: AtomicU64,
    place: AtomicUsize,
}

/// A channel of any kind.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) capacity: Option<u64>,
    /// A receiver may count a value before its sender does.
    pub(crate) len: AtomicI64,
    /// By hand; one without a handle at one end is closed as well.
    pub(crate) closed: AtomicBool,
    pub(crate) senders: AtomicU64,
    pub(crate) receivers: AtomicU64,
    pub(crate) sent: LastUse,
    pub(crate) received: LastUse,
}

/// Permits: as many as there have ever been, and who took some last.
#[derive(Debug)]
pub(crate) struct Semaphore {
    pub(crate) permits: AtomicU64,
    pub(crate) available: AtomicI64,
    pub(crate) taken: LastUse,
}

/// How a lock was had at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Had {
    /// Zero for nobody.
    pub(crate) owner: u64,
    pub(crate) place: usize,
    pub(crate) since_ns: u64,
    pub(crate) exact: bool,
}

impl Object {
    fn new(site: Place, facts: Facts) -> Arc<Object> {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Arc::new(Object { id, site, touched: AtomicU64::new(0), facts })
    }

    /// The caller uses it.
    pub(crate) fn touch(&self, by: Caller) {
        let own = if by.region == 0 { SHARED } else { by.region };
        let known = self.touched.load(Ordering::Relaxed);
        if known == own || known == SHARED {
            return;
        }
        let seen = self.touched.compare_exchange(0, own, Ordering::SeqCst, Ordering::SeqCst);
        if seen.is_err_and(|known| known != own) {
            self.touched.store(SHARED, Ordering::SeqCst);
        }
    }

    /// The only region that has used it.
    pub(crate) fn only(&self) -> Option<u64> {
        let known = self.touched.load(Ordering::SeqCst);
        (known != 0 && known != SHARED).then_some(known)
    }

    /// Of what can be had alone.
    pub(crate) fn ownership(&self) -> Option<&Ownership> {
        match &self.facts {
            Facts::Mutex(own) | Facts::RwLock(own, _) => Some(own),
            Facts::Channel(_) | Facts::Semaphore(_) | Facts::Notify => None,
        }
    }

    pub(crate) fn readers(&self) -> Option<&Readers> {
        match &self.facts {
            Facts::RwLock(_, readers) => Some(readers),
            Facts::Mutex(_) | Facts::Channel(_) | Facts::Semaphore(_) | Facts::Notify => None,
        }
    }
}

impl Ownership {
    /// The caller has the lock from now on.
    pub(crate) fn take(&self, by: Caller, place: Place) {
        if by.task == 0 {
            self.is_inexact();
            return;
        }
        site::note(place, &self.place);
        self.since_ns.store(clock::coarse(), Ordering::Relaxed);
        self.owner.store(by.task, Ordering::Release);
    }

    /// The caller is about to give it back.
    pub(crate) fn give_back(&self, by: Caller) {
        if self.owner.load(Ordering::Relaxed) != by.task {
            self.is_inexact();
        }
        self.owner.store(0, Ordering::Release);
    }

    /// Its owner proves nothing any more.
    pub(crate) fn is_inexact(&self) {
        self.inexact.store(true, Ordering::SeqCst);
    }

    pub(crate) fn look(&self) -> Had {
        Had {
            owner: self.owner.load(Ordering::SeqCst),
            place: self.place.load(Ordering::SeqCst),
            since_ns: self.since_ns.load(Ordering::SeqCst),
            exact: !self.inexact.load(Ordering::SeqCst),
        }
    }
}

impl Readers {
    pub(crate) fn enter(&self, task: u64) {
        self.tasks.lock().push(task);
    }

    /// Whether it was there.
    pub(crate) fn leave(&self, task: u64) -> bool {
        let mut tasks = self.tasks.lock();
        let at = tasks.iter().position(|known| *known == task);
        at.map(|at| tasks.swap_remove(at)).is_some()
    }

    /// Who they are, sorted.
    pub(crate) fn look(&self) -> Vec<u64> {
        let mut tasks = self.tasks.lock().clone();
        tasks.sort_unstable();
        tasks
    }
}

impl LastUse {
    pub(crate) fn note(&self, by: Caller, place: Place) {
        site::note(place, &self.place);
        self.task.store(by.task, Ordering::Release);
    }

    /// By whom and where; none when nobody who is known has.
    pub(crate) fn look(&self) -> Option<(u64, Place)> {
        let task = self.task.load(Ordering::Acquire);
        let place = site::place(self.place.load(Ordering::Relaxed))?;
        (task != 0).then_some((task, place))
    }
}

impl Channel {
    pub(crate) fn new(capacity: Option<u64>, receivers: u64) -> Channel {
        Channel {
            capacity,
            len: AtomicI64::new(0),
            closed: AtomicBool::new(false),
            senders: AtomicU64::new(1),
            receivers: AtomicU64::new(receivers),
            sent: LastUse::default(),
            received: LastUse::default(),
        }
    }
}

/// Where an object is made, and its record from the first use on. It costs an object in a `static`
/// nothing before.
#[derive(Debug)]
pub(crate) struct Record {
    object: OnceLock<Arc<Object>>,
    site: Place,
    facts: fn() -> Facts,
}

impl Record {
    pub(crate) const fn new(site: Place, facts: fn() -> Facts) -> Record {
        Record { object: OnceLock::new(), site, facts }
    }

    /// One that is there already.
    pub(crate) fn made(site: Place, facts: Facts) -> Arc<Object> {
        Object::new(site, facts)
    }

    /// The record, which the caller uses.
    pub(crate) fn used(&self) -> (&Arc<Object>, Caller) {
        let object = self.object.get_or_init(|| Object::new(self.site, (self.facts)()));
        let caller = current::caller();
        object.touch(caller);
        (object, caller)
    }
}
