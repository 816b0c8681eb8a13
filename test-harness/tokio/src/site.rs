//! Places in the source as words: an operation stores where it stands without an allocation or a lock.
//!
//! Invariant: a word that was handed out can be read back for as long as the process lives.

use std::cell::Cell;
use std::panic::Location;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;

/// A place.
pub(crate) type Place = &'static Location<'static>;

/// By address.
static PLACES: LazyLock<DashMap<usize, Place>> = LazyLock::new(DashMap::new);

const SEEN: usize = 64;

thread_local! {
    /// Words that this thread knows to be in the table, by their lowest bits.
    static KNOWN: [Cell<usize>; SEEN] = const { [const { Cell::new(0) }; SEEN] };
}

/// Stores the word of a place. What says the same already has handed it out.
pub(crate) fn note(place: Place, at: &AtomicUsize) {
    if at.load(Ordering::Relaxed) != std::ptr::from_ref(place) as usize {
        at.store(word(place), Ordering::Relaxed);
    }
}

/// The word of a place; never zero.
fn word(place: Place) -> usize {
    let word = std::ptr::from_ref(place) as usize;
    let seen = KNOWN.try_with(|known| known[(word >> 3) % SEEN].replace(word) == word);
    if seen != Ok(true) {
        PLACES.entry(word).or_insert(place);
    }
    word
}

/// The place of a word; none of zero.
pub(crate) fn place(word: usize) -> Option<Place> {
    PLACES.get(&word).map(|place| *place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back() {
        let (here, there) = (Location::caller(), std::thread::spawn(|| word(Location::caller())));
        assert_eq!(place(word(here)), Some(here));
        assert_eq!(place(word(here)), Some(here));
        let there = there.join().expect("no panic");
        assert_eq!(place(there).map(Location::file), Some(file!()));
        assert_eq!(place(0), None);
    }
}
