//! Wakers without an allocation: the data pointer of one is its waiter's reference, generation and
//! index in one word. Clone is a copy, drop is nothing.
//!
//! Invariant: the data of a waker of ours is made from a [`Ref`] and never dereferenced, so a
//! waker may outlive whatever it wakes: a stale one finds another generation.

use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::records::table::Ref;
use crate::records::waiter::WAITERS;
use crate::wait::Claimed;

const _: () = assert!(size_of::<*const ()>() == size_of::<u64>());

static VTABLE: RawWakerVTable = RawWakerVTable::new(copy, wake, wake, forget);

/// A waker for whatever future `waiter` drives.
pub(crate) fn of(waiter: Ref) -> Waker {
    // SAFETY: the four functions keep the contract of `RawWaker` for any data at all: they take it
    // for a number, share nothing that is not atomic, and own nothing that could leak.
    unsafe { Waker::from_raw(raw(waiter.to_bits())) }
}

fn raw(bits: u64) -> RawWaker {
    RawWaker::new(ptr::without_provenance(bits as usize), &VTABLE)
}

fn copy(data: *const ()) -> RawWaker {
    raw(data.addr() as u64)
}

fn wake(data: *const ()) {
    let Some(waiter) = Ref::from_bits(data.addr() as u64) else { return };
    let Some(record) = WAITERS.get(waiter) else { return };
    // From here on the record may get a new owner, who is then woken for nothing.
    if let Some(ticket) = record.woken.wake()
        && let Some(claimed) = Claimed::by_record(record, ticket)
    {
        claimed.wake();
    }
}

fn forget(_: *const ()) {}
