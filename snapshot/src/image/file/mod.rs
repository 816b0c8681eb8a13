//! The image file: raw memory of a process that a fatal signal has ended, written by its own handler, in
//! blocks with checksums. What the memory means is not said here: an image is read as a core file is.
//!
//! ```text
//! head     MAGIC (8 bytes), version (2), flags (2, zero), CRC-32 of these twelve bytes
//! block    SYNC (4), tag (4), address (8), length (8), CRC-32 of the payload (4), CRC-32 of the 28 bytes
//!          before (4), payload, zeros up to a multiple of 8
//! ```
//!
//! Numbers are little-endian. This file is what both sides share: it allocates nothing, so that a signal
//! handler can use it. The reader is in `read.rs`.
//!
//! Invariants:
//! 1. A block is at most [`BLOCK_MAX`] bytes long and begins at a multiple of 8, so that a reader that has
//!    lost its way finds the next one.
//! 2. A tag that a reader does not know is skipped. [`VERSION`] is raised when an older reader would be
//!    wrong.
//! 3. [`Tag::End`] is last. An image without it is cut.

mod read;
#[cfg(test)]
mod tests;

pub use read::{End, Facts, ImageError, ImageFile, Name};

/// What the file begins with.
pub const MAGIC: [u8; 8] = *b"\xf1glkimg\n";
/// Raised when an older reader would be wrong.
pub const VERSION: u16 = 1;
/// Bytes before the first block.
pub const HEAD_BYTES: usize = 16;
/// Bytes of a block before its payload.
pub const BLOCK_HEAD_BYTES: usize = 32;
/// The longest payload.
pub const BLOCK_MAX: usize = 1 << 20;
/// What every block begins with.
const SYNC: [u8; 4] = *b"\xb1blk";

/// What a block holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Tag {
    /// One line of JSON: [`Facts`].
    Facts = 1,
    /// All general registers of the thread that got the signal: [`REGISTERS`].
    Registers = 2,
    /// A part of the text of `/proc/self/maps`; parts follow each other.
    Maps = 3,
    /// Bytes from the block's address on.
    Memory = 4,
    /// So many bytes of zeros from the block's address on: 8 bytes.
    Zeros = 5,
    /// Short pieces of memory: address (8), length (8), bytes, zeros up to a multiple of 8.
    Pieces = 6,
    /// Words that were read once more after all memory: address (8), value (8).
    Words = 7,
    /// Names that lie where no reader finds them: kind (4), length (4), id (8), text, zeros up to a
    /// multiple of 8.
    Names = 8,
    /// One line of JSON: [`End`].
    End = 9,
}

impl Tag {
    /// All of them, by their numbers.
    pub const ALL: [Tag; 9] = [
        Tag::Facts,
        Tag::Registers,
        Tag::Maps,
        Tag::Memory,
        Tag::Zeros,
        Tag::Pieces,
        Tag::Words,
        Tag::Names,
        Tag::End,
    ];

    fn of(code: u32) -> Option<Tag> {
        Tag::ALL.into_iter().find(|tag| *tag as u32 == code)
    }
}

/// What has a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub enum NameKind {
    /// A task or an outside thread, by its id.
    Task = 1,
    /// An object.
    Object = 2,
    /// A region.
    Region = 3,
    /// A label of a task: key, a zero byte, value.
    Label = 4,
    /// The address of the other side of an object, which is a socket.
    Peer = 5,
}

impl NameKind {
    const ALL: [NameKind; 5] =
        [NameKind::Task, NameKind::Object, NameKind::Region, NameKind::Label, NameKind::Peer];

    fn of(code: u32) -> Option<NameKind> {
        NameKind::ALL.into_iter().find(|kind| *kind as u32 == code)
    }
}

/// The words of [`Tag::Registers`], in the order of Linux on x86-64.
pub const REGISTERS: [&str; 23] = [
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx", "rax",
    "rcx", "rsp", "rip", "eflags", "csgsfs", "err", "trapno", "oldmask", "cr2",
];

/// The beginning of a file.
#[must_use]
pub fn head() -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&MAGIC);
    head[8..10].copy_from_slice(&VERSION.to_le_bytes());
    let sum = crc32fast::hash(&head[..12]);
    head[12..].copy_from_slice(&sum.to_le_bytes());
    head
}

/// What stands before a payload.
#[must_use]
pub fn block_head(tag: Tag, address: u64, payload: &[u8]) -> [u8; BLOCK_HEAD_BYTES] {
    let mut head = [0; BLOCK_HEAD_BYTES];
    head[..4].copy_from_slice(&SYNC);
    head[4..8].copy_from_slice(&(tag as u32).to_le_bytes());
    head[8..16].copy_from_slice(&address.to_le_bytes());
    head[16..24].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    head[24..28].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let sum = crc32fast::hash(&head[..28]);
    head[28..].copy_from_slice(&sum.to_le_bytes());
    head
}

/// What stands before the bytes of a piece.
#[must_use]
pub fn piece_head(address: u64, length: u64) -> [u8; 16] {
    pair(address, length)
}

/// A word of the second reading.
#[must_use]
pub fn word(address: u64, value: u64) -> [u8; 16] {
    pair(address, value)
}

/// What stands before the text of a name.
#[must_use]
pub fn name_head(kind: NameKind, id: u64, length: u32) -> [u8; 16] {
    pair(u64::from(kind as u32) | u64::from(length) << 32, id)
}

fn pair(first: u64, second: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..].copy_from_slice(&second.to_le_bytes());
    bytes
}

/// How many zeros follow so many bytes, up to a multiple of 8.
#[must_use]
pub const fn padding(length: usize) -> usize {
    length.wrapping_neg() % 8
}
