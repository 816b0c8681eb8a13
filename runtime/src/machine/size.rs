//! Sizes of stacks: classes, each twice the one before, from 16 KiB to 1 GiB.
//!
//! A stack's size is its stride in its slab; the guard lies inside of it, at the low end. The guard
//! is a quarter of the stack and 16 KiB at most: four pages, since code without stack probes (C) may
//! step over a single one; and a quarter, since a guard of 16 KiB would leave nothing of the smallest
//! stacks. So 16 KiB has 12 KiB of room, 32 KiB has 24, 64 KiB has 48, and so on.

/// What a task gets when nobody says otherwise: room for what debug builds and formatting need.
pub(crate) const DEFAULT_BYTES: usize = 256 << 10;
/// The most that can be asked for.
pub(crate) const MAX_BYTES: usize = 1 << 30;
const MIN_BYTES: usize = 16 << 10;
const GUARD_MAX: usize = 16 << 10;
/// Room at the high end for the word that names the task; keeps the alignment that calls need.
pub(crate) const TOP: usize = 16;

/// A size that stacks come in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Class(u8);

impl Class {
    pub(crate) const COUNT: usize = (MAX_BYTES / MIN_BYTES).ilog2() as usize + 1;
    pub(crate) const DEFAULT: Class = Class((DEFAULT_BYTES / MIN_BYTES).ilog2() as u8);

    /// The smallest class of at least `bytes`, guard included; none beyond 1 GiB.
    pub(crate) const fn of(bytes: usize) -> Option<Class> {
        if bytes > MAX_BYTES {
            None
        } else if bytes <= MIN_BYTES {
            Some(Class(0))
        } else {
            Some(Class((bytes.next_power_of_two() / MIN_BYTES).ilog2() as u8))
        }
    }

    /// The class that [`Class::index`] came from.
    pub(crate) fn at(index: usize) -> Option<Class> {
        u8::try_from(index).ok().filter(|_| index < Class::COUNT).map(Class)
    }

    pub(crate) fn all() -> impl Iterator<Item = Class> {
        (0..Class::COUNT).filter_map(Class::at)
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// Bytes of a stack, guard included.
    pub(crate) const fn stride(self) -> usize {
        MIN_BYTES << self.0
    }

    pub(crate) const fn guard(self) -> usize {
        if self.stride() / 4 < GUARD_MAX { self.stride() / 4 } else { GUARD_MAX }
    }

    /// Bytes that frames may use.
    pub(crate) const fn room(self) -> usize {
        self.stride() - self.guard() - TOP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_up_to_their_class() {
        let expected = [
            (0, 16 << 10),
            (1, 16 << 10),
            ((16 << 10) + 1, 32 << 10),
            (256 << 10, DEFAULT_BYTES),
            (300 << 10, 512 << 10),
            (8 << 20, 8 << 20),
            (MAX_BYTES, MAX_BYTES),
        ];
        for (bytes, stride) in expected {
            assert_eq!(Class::of(bytes).expect("within the largest").stride(), stride, "{bytes}");
        }
        assert_eq!(Class::of(MAX_BYTES + 1), None);
        assert_eq!(Class::of(DEFAULT_BYTES), Some(Class::DEFAULT));
    }

    #[test]
    fn every_class_has_whole_pages_of_guard_and_most_of_itself_as_room() {
        for class in Class::all() {
            assert!(class.guard().is_multiple_of(4096) && class.guard() > 0, "{class:?}");
            assert!(class.room() * 4 > class.stride() * 2, "{class:?}");
            assert_eq!(Class::at(class.index()), Some(class));
        }
        assert_eq!(Class::at(Class::COUNT), None);
    }
}
