//! The memory of a process that has ended, wherever it was kept: bytes at addresses, the files that were
//! mapped, the threads and what ended them.

use std::ops::Range;

use super::file::Name;
use crate::Registers;

/// Memory of a process as it was at one moment, or during a short time.
///
/// Two kinds exist. A core file is one moment: nothing moved, and [`Memory::later`] is the word itself. An
/// image that was written while other threads ran has to be made in this order: records of waiters, then
/// nodes, objects and whatever else, all of them copied from lower addresses to higher ones; and then, when
/// all of that is done, once more the words of which a reader asks [`Memory::later`]: the state of each
/// waiter, and the owner of each object. Then what is equal in both was so at every moment between the two,
/// and what was copied between is of that very wait.
pub trait Memory {
    /// Fills `into` with what is there. False when not all of it is known; what is then in `into` counts
    /// for nothing.
    fn read(&self, address: u64, into: &mut [u8]) -> bool;

    /// The word of 64 bits there, read once more after everything else had been. None when it was not.
    fn later(&self, address: u64) -> Option<u64>;

    /// Whether nothing ran while the memory was copied.
    fn is_one_moment(&self) -> bool;

    /// Where statics may lie that have a value when a program begins: what is searched for the anchor.
    fn data(&self) -> Vec<Range<u64>>;

    /// Who it was.
    fn process(&self) -> &Process;

    /// The files that were mapped, by their addresses.
    fn files(&self) -> &[FileMapping];

    /// The threads that are known, that which ended the process first.
    fn threads(&self) -> &[ThreadState];

    /// What ended the process; none when that is not known.
    fn signal(&self) -> Option<Signal>;

    /// Names that are in no record, as far as they were kept.
    fn names(&self) -> &[Name] {
        &[]
    }

    /// What is missing in the file itself.
    fn flaws(&self) -> Flaws;
}

/// What a file of memory has lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flaws {
    /// It ends before its end.
    pub cut: bool,
    /// Places at which something is damaged.
    pub damaged: u64,
    /// Parts of a kind that this reader does not know.
    pub unknown: u64,
}

/// What is known of the process besides its memory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Process {
    /// Name of the program, without its path.
    pub program: String,
    /// Process id.
    pub pid: u32,
    /// When it ended: seconds since 1970, UTC. Zero when that is not known.
    pub wall_s: u64,
    /// The same on the clock of the records, in nanoseconds; none when that has to be taken from them.
    pub taken_ns: Option<u64>,
}

/// A part of a file that was mapped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileMapping {
    /// Where.
    pub range: Range<u64>,
    /// From which byte of the file on.
    pub offset: u64,
    /// Its path, as the process saw it.
    pub path: String,
}

/// A thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThreadState {
    /// Its id in the kernel.
    pub tid: u32,
    /// Where it stood.
    pub registers: Registers,
}

/// The signal that ended a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signal {
    /// Its number, as Linux counts.
    pub number: i32,
    /// Why it was sent, as the kernel says: above zero for a fault.
    pub code: i32,
    /// The address of a fault.
    pub address: Option<u64>,
    /// The thread that got it.
    pub thread: u32,
    /// The task that ran there, where the process has found that out itself.
    pub task: Option<u64>,
    /// Whether that task ran over the end of its stack.
    pub overflow: bool,
}
