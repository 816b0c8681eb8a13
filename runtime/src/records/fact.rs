//! Words that are there to be read by snapshots only: no decision of the runtime rests on them.
//!
//! With the feature `no-records` they take no room and no time, so that benches can show what
//! recording costs. What stays there: ids, states, owners, and what the runtime itself needs.
//!
//! Stores release and loads acquire: for free on x86-64, and who reads one fact then sees what was
//! written before it.

#[cfg(feature = "no-records")]
use std::marker::PhantomData;

#[cfg(not(feature = "no-records"))]
use crate::records::statics::Static;
#[cfg(not(feature = "no-records"))]
use crate::sync::{AtomicU32, AtomicU64, Ordering};

macro_rules! fact {
    ($(#[$doc:meta])* $name:ident, $atomic:ident, $word:ty) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $name(#[cfg(not(feature = "no-records"))] $atomic);

        #[cfg(not(feature = "no-records"))]
        impl $name {
            #[inline]
            pub(crate) fn set(&self, value: $word) {
                self.0.store(value, Ordering::Release);
            }

            #[inline]
            pub(crate) fn get(&self) -> $word {
                self.0.load(Ordering::Acquire)
            }
        }

        #[cfg(feature = "no-records")]
        impl $name {
            #[inline]
            pub(crate) fn set(&self, _: $word) {}

            #[inline]
            pub(crate) fn get(&self) -> $word {
                0
            }
        }
    };
}

fact!(
    /// A fact of 64 bits.
    Fact,
    AtomicU64,
    u64
);
fact!(
    /// A fact of 32 bits.
    SmallFact,
    AtomicU32,
    u32
);

impl Fact {
    /// Puts it there if nothing is.
    ///
    /// # Errors
    /// With what is there.
    #[cfg(not(feature = "no-records"))]
    pub(crate) fn set_once(&self, value: u64) -> Result<(), u64> {
        let before = self.0.compare_exchange(0, value, Ordering::AcqRel, Ordering::Acquire);
        before.map(drop)
    }

    #[cfg(feature = "no-records")]
    pub(crate) fn set_once(&self, _: u64) -> Result<(), u64> {
        Ok(())
    }
}

/// A fact that is compiled into the program, or none.
#[cfg(not(feature = "no-records"))]
pub(crate) type StaticFact<T> = Static<T>;

/// Nothing.
#[cfg(feature = "no-records")]
#[derive(Debug)]
pub(crate) struct StaticFact<T>(PhantomData<fn() -> T>);

#[cfg(feature = "no-records")]
impl<T> StaticFact<T> {
    #[inline]
    pub(crate) fn set(&self, _: &'static T) {}

    #[inline]
    pub(crate) fn put(&self, _: Option<&'static T>) {}

    #[inline]
    pub(crate) fn get(&self) -> Option<&'static T> {
        None
    }
}
