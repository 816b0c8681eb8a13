//! Who keeps others from a lock, as far as the facts prove it.

use gleak_snapshot::{Object, ObjectDetail, Owner};

/// Who keeps others from a lock.
pub(crate) enum Holder {
    /// The facts prove nothing.
    Unknown,
    /// One, alone.
    Owner(Owner),
    /// That many readers; none when it is free.
    Readers(u64),
}

/// Who keeps others from an object; [`Holder::Unknown`] for what is no lock.
pub(crate) fn sole_owner(object: &Object) -> Holder {
    let (owner, readers, exact) = match object.detail {
        ObjectDetail::Mutex { owner, exact } => (owner, 0, exact),
        ObjectDetail::RwLock { owner, readers, exact, .. } => (owner, readers, exact),
        ObjectDetail::Once { owner, .. } => (owner, 0, true),
        ObjectDetail::Channel { .. }
        | ObjectDetail::WaitGroup { .. }
        | ObjectDetail::Context { .. }
        | ObjectDetail::Socket { .. }
        | ObjectDetail::Cond { .. }
        | ObjectDetail::Semaphore { .. }
        | ObjectDetail::Barrier { .. } => return Holder::Unknown,
    };
    match owner {
        _ if object.unsettled || !exact => Holder::Unknown,
        Some(owner) => Holder::Owner(owner),
        None => Holder::Readers(readers),
    }
}
