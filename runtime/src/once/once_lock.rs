//! `OnceLock`: a value that is set once.
//!
//! The value lies in std's cell, which nobody ever waits for: only the holder of the turn sets it.

use std::convert::Infallible;
use std::fmt;
use std::panic::Location;

use super::{OnPanic, Once};
use crate::records::statics::Site;

/// A value that is set once and then shared, as std's `OnceLock`.
pub struct OnceLock<T> {
    pub(super) once: Once,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    /// Empty.
    #[track_caller]
    #[must_use]
    pub const fn new() -> OnceLock<T> {
        OnceLock::made_at(Location::caller())
    }

    pub(super) const fn made_at(site: Site) -> OnceLock<T> {
        OnceLock { once: Once::made_at(site), value: std::sync::OnceLock::new() }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> OnceLock<T> {
        self.once.cell.set_name(name);
        self
    }

    /// The value, if it is set. Does not wait.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if it is set; nobody else can have it.
    #[must_use]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// The value, if it is set.
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Sets the value. Waits while somebody initialises it.
    ///
    /// # Errors
    /// With the value that was to be set, when one is set already.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        if let Some(turn) = self.once.enter(Location::caller(), OnPanic::StartAgain) {
            if let Some(value) = value.take() {
                self.store(value);
            }
            turn.complete();
        }
        value.map_or(Ok(()), Err)
    }

    /// The value; if there is none, what `f` returns. Waits while somebody else initialises it.
    ///
    /// If `f` panics, there is still no value, and the next who asks runs their own. Asking inside of
    /// `f` waits for ever, and is found.
    #[track_caller]
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        match self.init(Location::caller(), || Ok::<T, Infallible>(f())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// As [`OnceLock::get_or_init`], where `f` may fail.
    ///
    /// # Errors
    /// The one of `f`: there is still no value then, and the next who asks runs their own.
    #[track_caller]
    pub fn get_or_try_init<E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        self.init(Location::caller(), f)
    }

    /// By whoever has the turn, and so at once.
    pub(super) fn store(&self, value: T) {
        self.value.get_or_init(|| value);
    }

    fn init<E>(&self, site: Site, f: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        if let Some(turn) = self.once.enter(site, OnPanic::StartAgain) {
            self.store(f()?);
            turn.complete();
        }
        Ok(self.value.get().expect("whoever completes the once has set the value"))
    }
}

impl<T> Default for OnceLock<T> {
    #[track_caller]
    fn default() -> Self {
        OnceLock::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnceLock").field(&self.get()).finish()
    }
}
