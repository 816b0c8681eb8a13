//! The anchor: what whoever reads this process's memory when it has ended has to know of it, in one static.
//!
//! Invariants:
//! 1. It is in the file of every program that has the runtime, with its relocations: a constant, which
//!    nobody writes and [`keep`] names.
//! 2. Each root and each field of `gleak_snapshot::image` has a value; a missing one does not compile.

use std::panic::Location;

use gleak_snapshot::image::{Field, MAGIC, Root, VERSION};

use crate::machine::fiber;
use crate::records::entries::{self, ENTRIES};
use crate::records::node::{self, NODES};
use crate::records::object::{self, OBJECTS};
use crate::records::region::{self, REGIONS};
use crate::records::state;
use crate::records::statics::Site;
use crate::records::table;
use crate::records::waiter::{self, WAITERS};
use crate::scheduler::activity::SPAWNED_OUTSIDE;
use crate::scheduler::seat::{self, NEXT, SEATS};
use crate::sync::{AtomicPtr, Ordering};
use crate::time::clock::COARSE_NS;

/// As `gleak_snapshot::image` draws it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Anchor {
    magic: [u8; MAGIC.len()],
    version: u64,
    me: AtomicPtr<Anchor>,
    root_count: u64,
    field_count: u64,
    roots: [AtomicPtr<()>; Root::ALL.len()],
    fields: [u64; Field::ALL.len()],
}

const _: () = assert!(size_of::<Anchor>() == gleak_snapshot::image::ANCHOR_BYTES);

/// A location of which it is known what is in it: how the compiler lays locations out follows.
static PROBE: Site = Location::caller();

/// The anchor of this program.
#[used]
pub(crate) static ANCHOR: Anchor = Anchor {
    magic: MAGIC,
    version: VERSION,
    me: AtomicPtr::new((&raw const ANCHOR).cast_mut()),
    root_count: Root::ALL.len() as u64,
    field_count: Field::ALL.len() as u64,
    roots: roots(),
    fields: fields(),
};

/// Keeps the anchor in the program: called where the runtime begins.
pub(crate) fn keep() {
    std::hint::black_box(ANCHOR.me.load(Ordering::Relaxed));
}

const fn at<T>(place: *const T) -> AtomicPtr<()> {
    AtomicPtr::new(place.cast_mut().cast())
}

const fn roots() -> [AtomicPtr<()>; Root::ALL.len()] {
    let mut roots = [const { AtomicPtr::new(std::ptr::null_mut()) }; Root::ALL.len()];
    let mut next = 0;
    while next < roots.len() {
        roots[next] = match Root::ALL[next] {
            Root::Waiters => at(&raw const WAITERS),
            Root::Nodes => at(&raw const NODES),
            Root::Objects => at(&raw const OBJECTS),
            Root::Regions => at(&raw const REGIONS),
            Root::Seats => at(&raw const SEATS),
            Root::SeatCount => at(&raw const NEXT),
            Root::Clock => at(&raw const COARSE_NS),
            Root::SpawnedOutside => at(&raw const SPAWNED_OUTSIDE),
            Root::Entries => at(&raw const ENTRIES),
            Root::StackRoot => at(fiber::ROOT),
            Root::Probe => at(std::ptr::from_ref(PROBE)),
            Root::ProbeFile => at(PROBE.file().as_ptr()),
        };
        next += 1;
    }
    roots
}

const fn fields() -> [u64; Field::ALL.len()] {
    const UNSAID: u64 = u64::MAX;
    const OWN: &[(Field, usize)] = &[
        (Field::Recorded, !cfg!(feature = "no-records") as usize),
        (Field::ProbeFileBytes, PROBE.file().len()),
        (Field::ProbeLine, PROBE.line() as usize),
        (Field::ProbeColumn, PROBE.column() as usize),
    ];
    const PARTS: [&[(Field, usize)]; 9] = [
        OWN,
        table::LAYOUT,
        state::LAYOUT,
        waiter::LAYOUT,
        node::LAYOUT,
        object::LAYOUT,
        region::LAYOUT,
        seat::LAYOUT,
        entries::LAYOUT,
    ];
    let mut fields = [UNSAID; Field::ALL.len()];
    let mut part = 0;
    while part < PARTS.len() {
        let mut next = 0;
        while next < PARTS[part].len() {
            let (field, value) = PARTS[part][next];
            assert!(fields[field as usize] == UNSAID, "a field of the anchor is said twice");
            fields[field as usize] = value as u64;
            next += 1;
        }
        part += 1;
    }
    let mut next = 0;
    while next < fields.len() {
        assert!(fields[next] != UNSAID, "a field of the anchor is not said");
        next += 1;
    }
    fields
}

// Or the probe would not tell them apart.
const _: () = assert!(PROBE.line() != PROBE.column());
