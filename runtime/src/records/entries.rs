//! What the entries of tasks are called, noted at their first spawn: an entry holds a function that tells,
//! and who reads this process's memory when it has ended cannot call it.
//!
//! Invariant: a note is written once and then holds for ever. Its key comes first, so a key without a name
//! is one that is being written.

use std::mem::offset_of;

use gleak_snapshot::image::Field;

use crate::records::statics::{Entry, Static};
use crate::sync::{AtomicPtr, AtomicUsize, Ordering};

/// Names that there is room for: closures that programs spawn are hundreds.
const CAPACITY: usize = 4096;
/// Places that are looked at for one entry. Those that find none stay without a note.
const TRIES: usize = 8;

/// An entry, and its name as it lies in the program.
#[derive(Debug)]
pub(super) struct Note {
    key: Static<Entry>,
    name: AtomicPtr<u8>,
    bytes: AtomicUsize,
}

/// By address: the place that [`place`] says, or one of the next.
pub(super) static ENTRIES: [Note; CAPACITY] = [const {
    Note {
        key: Static::none(),
        name: AtomicPtr::new(std::ptr::null_mut()),
        bytes: AtomicUsize::new(0),
    }
}; CAPACITY];

/// For the anchor.
pub(super) const LAYOUT: &[(Field, usize)] = &[
    (Field::EntryCapacity, CAPACITY),
    (Field::EntrySize, size_of::<Note>()),
    (Field::EntryKey, offset_of!(Note, key)),
    (Field::EntryName, offset_of!(Note, name)),
    (Field::EntryNameBytes, offset_of!(Note, bytes)),
];

/// Sees to it that the entry's name can be found. A load and a comparison, but for the first time.
#[inline]
pub(crate) fn note(entry: &'static Entry) {
    if !is(&ENTRIES[place(entry)], entry) {
        note_slowly(entry);
    }
}

/// Entries are words next to each other.
#[inline]
fn place(entry: &'static Entry) -> usize {
    std::ptr::from_ref(entry).addr() / size_of::<Entry>() % CAPACITY
}

#[inline]
fn is(note: &Note, entry: &'static Entry) -> bool {
    note.key.get().is_some_and(|known| std::ptr::eq(known, entry))
}

#[cold]
fn note_slowly(entry: &'static Entry) {
    for offset in 0..TRIES {
        let note = &ENTRIES[(place(entry) + offset) % CAPACITY];
        match note.key.set_once(entry) {
            Ok(()) => {
                let name = entry.name();
                note.bytes.store(name.len(), Ordering::Relaxed);
                note.name.store(name.as_ptr().cast_mut(), Ordering::Release);
                return;
            }
            Err(theirs) if std::ptr::eq(theirs, entry) => return,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(entry: &'static Entry) -> usize {
        ENTRIES.iter().filter(|it| is(it, entry)).count()
    }

    #[test]
    fn an_entry_is_noted_once_with_its_name() {
        struct Here;
        let entry = Entry::of::<Here>();
        (0..3).for_each(|_| note(entry));
        assert_eq!(known(entry), 1);
        let own = ENTRIES.iter().find(|it| is(it, entry)).expect("noted");
        assert_eq!(own.name.load(Ordering::Acquire), entry.name().as_ptr().cast_mut());
        assert_eq!(own.bytes.load(Ordering::Acquire), entry.name().len());
    }
}
