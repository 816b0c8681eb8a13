//! The records of a process, read from its memory when it has ended: from a core file, or from an image
//! that its own handler wrote.
//!
//! What a reader asks of [`Memory`]: the anchor and what it names (`layout.rs`); the chunks of the four
//! tables; of each worker its seat; the locations that records name, the texts of their files and the
//! names of entries, which lie in the program's own file.

mod anchor;
mod crash;
pub mod file;
mod layout;
mod little_endian;
mod memory;
mod names;
mod objects;
mod order;
mod places;
mod read;
mod table;
mod tasks;

pub use anchor::RecordsError;
pub use crash::CrashImage;
pub use layout::{ANCHOR_BYTES, Field, HEAD_WORDS, MAGIC, Root, VERSION};
pub use memory::{FileMapping, Flaws, Memory, Process, Signal, ThreadState};
pub use read::{Interpreted, read_image};
