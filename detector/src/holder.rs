//! Who keeps others from a lock, as far as the facts prove it.

use gleak_snapshot::{Object, Owner, Ownership};

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
    let Some(Ownership { owner, readers, exact, .. }) = object.detail.ownership() else {
        return Holder::Unknown;
    };
    match owner {
        _ if object.unsettled || !exact => Holder::Unknown,
        Some(owner) => Holder::Owner(owner),
        None => Holder::Readers(readers),
    }
}
