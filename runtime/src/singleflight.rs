//! One run for all who ask for the same at the same time, as Go's
//! `golang.org/x/sync/singleflight`.
//!
//! The first who asks runs, and holds the lock of its flight alone meanwhile; who comes later reads
//! it. So each wait names who is waited for: a run that asks for its own key is found as a cycle.
//!
//! Invariants:
//! 1. A flight is in the map only while its runner holds its lock.
//! 2. `joined` grows only while the flight is in the map, under the map's own lock.
//! 3. Nobody parks, and only keys' `Hash` and `Eq` run, while the map is locked.

use std::fmt;
use std::hash::Hash;
use std::panic::Location;
use std::sync::Arc;

use dashmap::{DashMap, Entry};

use crate::lock::{RwLock, RwLockWriteGuard};
use crate::records::statics::Site;
use crate::sync::{AtomicU32, Ordering};

struct Flight<V> {
    /// None until it has landed. Poisoned when it came to nothing.
    result: RwLock<Option<V>>,
    /// How many wait for it.
    joined: AtomicU32,
    site: Site,
}

impl<V: Clone> Flight<V> {
    #[track_caller]
    fn new() -> Flight<V> {
        let site = Location::caller();
        Flight { result: RwLock::new(None), joined: AtomicU32::new(0), site }
    }

    #[track_caller]
    fn wait(&self) -> V {
        let value = self.result.read().ok().and_then(|result| result.clone());
        value.unwrap_or_else(|| panic!("the run for this key, begun at {}, panicked", self.site))
    }
}

/// Runs under way, by key. `Hash` and `Eq` of keys must not wait for anything.
pub struct Group<K, V> {
    flights: DashMap<K, Arc<Flight<V>>>,
}

impl<K: Eq + Hash + Clone, V: Clone> Default for Group<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Group<K, V> {
    /// Nothing is under way.
    #[must_use]
    pub fn new() -> Group<K, V> {
        Group { flights: DashMap::new() }
    }

    /// The value for `key`: made by `f`, or by the run for this key that is under way. Says also
    /// whether it was given to more than one caller.
    ///
    /// # Panics
    /// With the panic of `f`; and when the run that it has waited for panicked.
    #[track_caller]
    pub fn run(&self, key: K, f: impl FnOnce() -> V) -> (V, bool) {
        if let Some(flight) = self.join(&key) {
            return (flight.wait(), true);
        }
        let flight = Arc::new(Flight::new());
        let Ok(result) = flight.result.write() else {
            unreachable!("nobody has had this lock before")
        };
        let landing = match self.publish(&key, &flight) {
            None => Landing { group: self, key: &key, flight: &flight, result },
            Some(faster) => {
                drop(result);
                return (faster.wait(), true);
            }
        };
        landing.land(f())
    }

    /// The next run for this key will not wait for the one under way, if any.
    pub fn forget(&self, key: &K) {
        self.flights.remove(key);
    }

    fn join(&self, key: &K) -> Option<Arc<Flight<V>>> {
        let flight = self.flights.get(key)?;
        flight.joined.fetch_add(1, Ordering::Relaxed);
        Some(flight.clone())
    }

    /// Puts it into the map, unless another one was faster.
    fn publish(&self, key: &K, flight: &Arc<Flight<V>>) -> Option<Arc<Flight<V>>> {
        match self.flights.entry(key.clone()) {
            Entry::Vacant(place) => {
                place.insert(flight.clone());
                None
            }
            Entry::Occupied(taken) => {
                taken.get().joined.fetch_add(1, Ordering::Relaxed);
                Some(taken.get().clone())
            }
        }
    }
}

/// The end of a run, whatever it is: the flight leaves the map, and then lets go of its lock.
struct Landing<'a, K: Eq + Hash, V> {
    group: &'a Group<K, V>,
    key: &'a K,
    flight: &'a Arc<Flight<V>>,
    result: RwLockWriteGuard<'a, Option<V>>,
}

impl<K: Eq + Hash, V: Clone> Landing<'_, K, V> {
    fn land(mut self, value: V) -> (V, bool) {
        self.leave();
        let shared = self.flight.joined.load(Ordering::Relaxed) > 0;
        if shared {
            *self.result = Some(value.clone());
        }
        (value, shared)
    }
}

impl<K: Eq + Hash, V> Landing<'_, K, V> {
    /// Nobody joins any more.
    fn leave(&self) {
        self.group.flights.remove_if(self.key, |_, flight| Arc::ptr_eq(flight, self.flight));
    }
}

impl<K: Eq + Hash, V> Drop for Landing<'_, K, V> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<K: Eq + Hash, V> fmt::Debug for Group<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("under_way", &self.flights.len()).finish()
    }
}
