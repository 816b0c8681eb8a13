//! A `&'static T` in one atomic word, for facts that are compiled into the program: source
//! locations and the names of spawned closures.
//!
//! Invariant: the word is null or came from a `&'static T`.

use std::any::type_name;
use std::panic::Location;
use std::ptr;

use crate::sync::{AtomicPtr, Ordering};

/// An optional `&'static T` that can be shared. Stores are relaxed: a location's content was there
/// before the program started, so nothing has to be ordered with it; records use [`Static::set_once`].
#[derive(Debug)]
pub(crate) struct Static<T>(AtomicPtr<T>);

/// Where something was called.
pub(crate) type Site = &'static Location<'static>;

impl<T: Sync> Static<T> {
    pub(crate) const fn none() -> Static<T> {
        Static(AtomicPtr::new(ptr::null_mut()))
    }

    /// Puts it there if nothing is.
    ///
    /// # Errors
    /// With what is there.
    pub(crate) fn set_once(&self, value: &'static T) -> Result<(), &'static T> {
        let mine = ptr::from_ref(value).cast_mut();
        // Released, and acquired by `get`: what is shared so may have been made a moment ago.
        let before =
            self.0.compare_exchange(ptr::null_mut(), mine, Ordering::AcqRel, Ordering::Acquire);
        // SAFETY: by the invariant; it is not null, or the exchange would have succeeded.
        before.map(drop).map_err(|theirs| unsafe { &*theirs })
    }

    #[inline]
    pub(crate) fn set(&self, value: &'static T) {
        self.0.store(ptr::from_ref(value).cast_mut(), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn put(&self, value: Option<&'static T>) {
        self.0.store(
            value.map_or(ptr::null_mut(), |it| ptr::from_ref(it).cast_mut()),
            Ordering::Release,
        );
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or a `&'static T` by the invariant; only shared references are made of it.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }
}

// The linker's own symbols, of the program's lowest byte and of the one behind its last: they are
// defined by GNU ld, gold, lld and mold for every program. Nothing is read there.
unsafe extern "C" {
    static __executable_start: u8;
    static _end: u8;
}

/// Whether it is a static of the program, or within one: not on a stack, not in a box, and not in a shared
/// library either.
pub(crate) fn is_of_program<T>(value: &T) -> bool {
    let (start, end) = (&raw const __executable_start, &raw const _end);
    (start.addr()..end.addr()).contains(&ptr::from_ref(value).addr())
}

/// What a task runs, as the compiler names it.
#[derive(Debug)]
pub(crate) struct Entry {
    name: fn() -> &'static str,
}

impl Entry {
    /// The entry of a closure type: one static a type, made by the compiler.
    pub(crate) fn of<F>() -> &'static Entry {
        struct Holder<F>(std::marker::PhantomData<F>);
        impl<F> Holder<F> {
            const ENTRY: &'static Entry = &Entry { name: type_name::<F> };
        }
        Holder::<F>::ENTRY
    }

    pub(crate) fn name(&self) -> &'static str {
        (self.name)()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::is_of_program;
    use crate::sync::AtomicU64;

    #[test]
    fn statics_are_told_from_what_comes_and_goes() {
        static EMPTY: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
        static FILLED: AtomicU64 = AtomicU64::new(7);
        assert!(EMPTY.iter().all(is_of_program) && is_of_program(&FILLED));
        let here = 5;
        assert!(!is_of_program(&here) && !is_of_program(&*Box::new(5)));
    }
}
