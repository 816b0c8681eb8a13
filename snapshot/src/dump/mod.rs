//! The file form of a snapshot: one JSON object a line, described in `docs/format.md`.
//!
//! Invariants:
//! 1. What [`write_dump`] writes of a valid snapshot, [`read_dump`] reads to an equal one.
//! 2. A dump that was cut or damaged after it was written is an error, or reads to a snapshot whose
//!    [`crate::Completeness`] says so.
//! 3. Damage removes facts and never adds certainty: what refers to something lost is weakened
//!    (`repair.rs`) until the snapshot is valid again.
//! 4. Memory of the reader is bounded by the bytes read, never by a number that stands in them.

mod code;
mod collect;
mod facts;
pub mod flight;
mod intern;
mod line;
mod lines;
mod read;
mod repair;
mod write;

pub(crate) use facts::{Facts, assemble_facts};
pub(crate) use intern::LOST;
pub use read::{read_dump, read_header};
pub use write::write_dump;

/// The major version of the dump format. It changes when an older reader would be wrong, not when
/// it would know less.
pub const FORMAT_VERSION: u64 = 1;
