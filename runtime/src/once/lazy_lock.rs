//! `LazyLock`: a value that is made when it is first used.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;

use super::{OnPanic, OnceLock};
use crate::records::statics::Site;
use crate::sync::Lock;

/// A value that its function makes when it is first used, as std's `LazyLock`.
///
/// Go's `sync.OnceValue` is the same as a function. If the function panics, every later use does.
pub struct LazyLock<T, F = fn() -> T> {
    value: OnceLock<T>,
    /// Taken by whoever has the turn.
    init: Lock<Option<F>>,
}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// Not made yet.
    #[track_caller]
    #[must_use]
    pub const fn new(init: F) -> LazyLock<T, F> {
        LazyLock { value: OnceLock::made_at(Location::caller()), init: Lock::new(Some(init)) }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> LazyLock<T, F> {
        LazyLock { value: self.value.named(name), init: self.init }
    }

    /// The value, made now if need be. Waits while somebody else makes it.
    ///
    /// # Panics
    /// When the function panicked, now or before.
    #[track_caller]
    pub fn force(this: &LazyLock<T, F>) -> &T {
        this.make(Location::caller())
    }

    fn make(&self, site: Site) -> &T {
        if let Some(value) = self.value.get() {
            return value;
        }
        if let Some(turn) = self.value.once.enter(site, OnPanic::Poison) {
            turn.assert_clean("LazyLock");
            let init = self.init.lock().take();
            let init =
                init.expect("only a turn takes it, and the turns after that one find poison");
            self.value.store(init());
            turn.complete();
        }
        self.value.get().expect("whoever completes the once has set the value")
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        self.make(Location::caller())
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LazyLock").field(&self.value.get()).finish()
    }
}
