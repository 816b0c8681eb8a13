//! Where the slabs lie: from any address to the stack that it is part of.
//!
//! Read by the overflow handler, so it takes no lock and allocates nothing.
//!
//! Invariants:
//! 1. An entry is written once, its size before its base, and then holds for ever: slabs are never
//!    unmapped.
//! 2. A [`Place`] is made by [`find`] and [`Slab::places`] only, so it names memory of a slab, as
//!    much as its class says.

use std::num::NonZeroUsize;

use crate::machine::size::{Class, TOP};
use crate::sync::{AtomicUsize, Ordering};

/// Places at which frames may begin, a cache line apart.
const COLOURS: usize = 16;
const LINE: usize = 64;

/// Enough for 512 million stacks of the default size.
const SLABS_MAX: usize = 8192;
/// Sizes are whole pages; the class fits below.
const CLASS_MASK: usize = 4095;

struct Entry {
    base: AtomicUsize,
    /// Bytes, and the class in the low bits.
    size: AtomicUsize,
}

static SLABS: [Entry; SLABS_MAX] =
    [const { Entry { base: AtomicUsize::new(0), size: AtomicUsize::new(0) } }; SLABS_MAX];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// One reserved mapping for stacks of one class.
#[derive(Debug)]
pub(crate) struct Slab {
    base: NonZeroUsize,
    stacks: usize,
    class: Class,
}

/// Memory of one stack, whether carved or not, whoever uses it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    limit: NonZeroUsize,
    class: Class,
}

impl Slab {
    /// Enters a mapping of `stacks` strides, for ever. None when the directory is full.
    pub(crate) fn enter(base: NonZeroUsize, stacks: usize, class: Class) -> Option<Slab> {
        let at = COUNT.fetch_add(1, Ordering::Relaxed);
        let entry = SLABS.get(at)?;
        entry.size.store((stacks * class.stride()) | class.index(), Ordering::Relaxed);
        entry.base.store(base.get(), Ordering::Release);
        Some(Slab { base, stacks, class })
    }

    /// The stacks `first..first + count`, as many of them as there are.
    pub(crate) fn places(&self, first: usize, count: usize) -> impl Iterator<Item = Place> {
        let (base, class) = (self.base, self.class);
        let range = first..self.stacks.min(first + count);
        range.map(move |index| {
            let limit = base.saturating_add(index * class.stride());
            Place { limit, class }
        })
    }

    pub(crate) fn stacks(&self) -> usize {
        self.stacks
    }
}

/// The stack that `address` is a part of.
pub(crate) fn find(address: usize) -> Option<Place> {
    let count = COUNT.load(Ordering::Relaxed).min(SLABS_MAX);
    SLABS[..count].iter().find_map(|entry| {
        // Zero: entered by another thread at this moment.
        let base = entry.base.load(Ordering::Acquire);
        let size = entry.size.load(Ordering::Relaxed);
        let offset = address.checked_sub(base).filter(|_| base != 0)?;
        let class = Class::at(size & CLASS_MASK)?;
        let inside = offset < size & !CLASS_MASK;
        let limit = NonZeroUsize::new(address - offset % class.stride())?;
        inside.then_some(Place { limit, class })
    })
}

impl Place {
    /// Its lowest address.
    pub(crate) fn limit(self) -> NonZeroUsize {
        self.limit
    }

    pub(crate) fn class(self) -> Class {
        self.class
    }

    /// The address above its highest.
    pub(crate) fn end(self) -> usize {
        self.limit.get() + self.class.stride()
    }

    /// Where the word is that names its task: above all frames.
    pub(crate) fn top(self) -> NonZeroUsize {
        self.limit.saturating_add(self.class.stride() - TOP)
    }

    /// Where frames begin. Not at the same place in every stack: all of them lie a power of two
    /// apart, so their first frames would share a few sets of the processor's caches.
    pub(crate) fn base(self) -> NonZeroUsize {
        let colour = self.limit.get() / self.class.stride() % COLOURS * LINE;
        self.limit.saturating_add(self.class.stride() - TOP - colour)
    }

    /// Its lowest address above the guard.
    pub(crate) fn floor(self) -> usize {
        self.limit.get() + self.class.guard()
    }

    /// Whether `address` lies in its guard.
    pub(crate) fn is_guard(self, address: usize) -> bool {
        (self.limit.get()..self.floor()).contains(&address)
    }
}
