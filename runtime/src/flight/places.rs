//! Places by number: each is written to the file at its first use, and found by its address afterwards, in a
//! table that only grows and that all threads read without a lock.
//!
//! Invariant: a slot is empty or says for ever what it says; its first word goes last.

use gleak_snapshot::Site as Place;
use gleak_snapshot::flight::site_code;

use crate::flight::file::FlightFile;
use crate::records::statics::{Entry, Site};
use crate::sync::{AtomicU64, Lock, Ordering};

/// Some more than have room in the log.
const SLOTS: usize = 16 * 1024;
/// More are not put in: there must be empty ones, or a search would not end.
const KNOWN_MAX: usize = SLOTS / 4 * 3;
/// Addresses are shorter than 48 bits: below them is a [`site_code`].
const CODE_BITS: u32 = 16;
const CODE_MASK: u64 = (1 << CODE_BITS) - 1;

/// The address of a site; that of an entry, for a spawn point, or zero.
type Key = (u64, u64);

struct Slot {
    site_and_code: AtomicU64,
    entry: AtomicU64,
}

static TABLE: [Slot; SLOTS] =
    [const { Slot { site_and_code: AtomicU64::new(0), entry: AtomicU64::new(0) } }; SLOTS];
/// How many slots are taken.
static KNOWN: Lock<usize> = Lock::new(0);

/// What stands for a site in a record, if that has been written.
#[inline]
pub(super) fn known_site(site: Site) -> Option<u64> {
    known(of_site(site))
}

/// The same for a spawn point.
#[inline]
pub(super) fn known_spawn(entry: &'static Entry, at: Site) -> Option<u64> {
    known(of_spawn(entry, at))
}

/// What stands for a site, which is written if it has not been.
pub(super) fn site(flight: &FlightFile, site: Site) -> u64 {
    search(of_site(site), || {
        let file = site.file().to_owned();
        flight.site(&Place { file, line: site.line(), column: site.column() })
    })
}

/// The same for a spawn point.
pub(super) fn spawn(flight: &FlightFile, entry: &'static Entry, at: Site) -> u64 {
    search(of_spawn(entry, at), || {
        let code = site(flight, at);
        let id = (code != site_code(None)).then(|| code as u32 - 1)?;
        flight.spawn(id, entry.name())
    })
}

#[inline]
fn of_site(site: Site) -> Key {
    (std::ptr::from_ref(site).addr() as u64, 0)
}

#[inline]
fn of_spawn(entry: &'static Entry, at: Site) -> Key {
    (std::ptr::from_ref(at).addr() as u64, std::ptr::from_ref(entry).addr() as u64)
}

/// Looks where it nearly always is, and nowhere else.
#[inline]
fn known(key: Key) -> Option<u64> {
    let slot = &TABLE[first_slot(key)];
    let word = slot.site_and_code.load(Ordering::Acquire);
    let is_it = word >> CODE_BITS == key.0 && slot.entry.load(Ordering::Relaxed) == key.1;
    is_it.then_some(word & CODE_MASK)
}

#[inline]
fn first_slot(key: Key) -> usize {
    let mix = (key.0 ^ key.1.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mix >> (u64::BITS - SLOTS.trailing_zeros())) as usize
}

/// Its code, or the first empty slot.
fn find(key: Key) -> Result<u64, &'static Slot> {
    let mut at = first_slot(key);
    loop {
        let slot = &TABLE[at];
        let word = slot.site_and_code.load(Ordering::Acquire);
        if word == 0 {
            return Err(slot);
        }
        if word >> CODE_BITS == key.0 && slot.entry.load(Ordering::Relaxed) == key.1 {
            return Ok(word & CODE_MASK);
        }
        at = (at + 1) % SLOTS;
    }
}

fn search(key: Key, log: impl FnOnce() -> Option<u32>) -> u64 {
    if let Ok(code) = find(key) {
        return code;
    }
    // Written before it is known, with no lock held meanwhile: two threads may write the same place, and
    // both numbers name it.
    let code = site_code(log());
    let mut known = KNOWN.lock();
    match find(key) {
        Ok(code) => return code,
        Err(slot) if *known < KNOWN_MAX => {
            *known += 1;
            slot.entry.store(key.1, Ordering::Relaxed);
            slot.site_and_code.store(key.0 << CODE_BITS | code, Ordering::Release);
        }
        Err(_) => {}
    }
    code
}
