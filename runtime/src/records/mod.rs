//! The records: what is known of every task, outside thread, object and region, kept where a
//! snapshot can read it without stopping anybody and without following a pointer into a stack or
//! a heap object.
//!
//! Invariants:
//! 1. Records are type-stable: their memory is never unmapped and never becomes anything else, so
//!    a stale reference reads old facts, never foreign memory. A generation tells.
//! 2. Every shared field is an atomic. Facts of a wait are written before the state word says
//!    "waiting" (release) and read between two reads of it (acquire).
//! 3. Tables live in mappings of their own and hold no value of the user's.

pub(crate) mod anchor;
pub(crate) mod entries;
pub(crate) mod fact;
pub(crate) mod ids;
pub(crate) mod kept_panics;
pub(crate) mod misuse;
pub(crate) mod node;
pub(crate) mod object;
pub(crate) mod panics;
pub(crate) mod region;
pub(crate) mod state;
pub(crate) mod statics;
pub(crate) mod table;
pub(crate) mod tags;
pub(crate) mod waiter;
pub(crate) mod woken;
