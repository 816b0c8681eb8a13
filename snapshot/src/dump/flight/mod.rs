//! The flight file: what a process keeps of its tasks in a file that it shares with the kernel, so
//! that they can be told after it was killed, and by others while it lives.
//!
//! ```text
//! 0        a header line as in a dump, with `gleak_flight`, zeros behind it
//! LIVE     the clock, the number of segments, the tasks that were spawned and those that have finished, each
//!          word with its complement; then the heartbeats of workers ([`Beat`]), by the worker's number
//! LOG      lines of modules, sites, spawn points and names, in the order of their first use; zeros behind
//! RECORDS  a record of 64 bytes a task, in segments; all of it zero while nobody has it
//! ```
//!
//! Little-endian. A killed process leaves every store that it has made, in their order, so the file is as
//! the process was; a crash of the machine may lose any of it.
//!
//! Invariants:
//! 1. A record is shown only if its checks agree with it ([`Seen`]).
//! 2. Nothing is certain that follows from a flight file: who holds what is not in it, and who had been
//!    woken and had not run yet seems to wait still. Every wait has an arm that is not listed.
//! 3. Memory of the reader is bounded by the bytes read.

mod beat;
mod read;
mod record;

use std::io;

use serde::{Deserialize, Serialize};

use super::line::{LineKind, ModuleLine, SiteLine, SpawnLine};
use crate::{Module, Site, SpawnPoint, TaskId};

pub use beat::{BEAT_WORDS, BEATS, BEATS_MAX, Beat};
pub use read::{is_flight, read_flight, read_flight_header};
pub use record::{
    Entry, EntryState, EntryWait, FREE, FRESH, IDENTITY, Identity, Joined, RECORD_WORDS, RUNNING,
    Seen, WAIT, born, ending_wait, flags, open_wait, site_code,
};

/// Raised when an older reader would be wrong.
pub const FLIGHT_VERSION: u64 = 2;
/// Where the live words are.
pub const LIVE: u64 = 4096;
/// Of the live words: the clock. Its complement is behind it, as behind the next ones.
pub const CLOCK: usize = 0;
/// Of the live words: how many segments there are.
pub const SEGMENTS: usize = 2;
/// Of the live words: tasks spawned.
pub const SPAWNED: usize = 4;
/// Of the live words: tasks that have finished.
pub const FINISHED: usize = 6;
/// How many bytes they take.
pub const LIVE_BYTES: usize = 4096;
/// Where the log begins.
pub const LOG: u64 = 8192;
/// How long it may get.
pub const LOG_BYTES: u64 = 512 << 10;
/// Where the records begin.
pub const RECORDS: u64 = LOG + LOG_BYTES;
/// Records that the file grows by at a time.
pub const SEGMENT: usize = 16 * 1024;
/// Bytes of them.
pub const SEGMENT_BYTES: usize = SEGMENT * RECORD_WORDS * 8;

/// Whose file it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FlightHeader {
    /// Name of the program, without its path.
    pub program: String,
    /// Process id.
    pub pid: u32,
    /// Which start of the machine it belongs to, as the kernel names it.
    pub boot: String,
    /// When the process started, in the kernel's ticks since that: with the pid and `boot` it names one
    /// process for good.
    pub started: u64,
    /// When the file was made: seconds since 1970, UTC.
    pub wall_s: u64,
    /// The same moment on the clock of the records, in nanoseconds.
    pub made_ns: u64,
}

#[derive(Serialize, Deserialize)]
struct NameLine {
    task: TaskId,
    name: String,
}

const NAME_KIND: &str = "flight-name";

/// The head of a file.
///
/// # Errors
///
/// When the header does not fit, as with a program name of thousands of letters.
pub fn header(header: &FlightHeader) -> io::Result<Vec<u8>> {
    let mut head = line(&format!("{{\"gleak_flight\":{FLIGHT_VERSION}"), header)?;
    if head.len() as u64 > LIVE {
        return Err(io::Error::other("the header of the flight file would be too long"));
    }
    head.resize(LIVE as usize, 0);
    Ok(head)
}

/// The line of a loaded file.
///
/// # Errors
///
/// As [`site_line`].
pub fn module_line(id: u32, module: &Module) -> io::Result<Vec<u8>> {
    line(&lead(LineKind::Module.name()), &ModuleLine::of(id, module))
}

/// The line of a site.
///
/// # Errors
///
/// None that is known: text and numbers can be written.
pub fn site_line(id: u32, site: &Site) -> io::Result<Vec<u8>> {
    line(&lead(LineKind::Site.name()), &SiteLine::of(id, site))
}

/// The line of a spawn point.
///
/// # Errors
///
/// As [`site_line`].
pub fn spawn_line(id: u32, spawn: &SpawnPoint) -> io::Result<Vec<u8>> {
    line(&lead(LineKind::Spawn.name()), &SpawnLine::of(id, spawn))
}

/// The line of a task's name.
///
/// # Errors
///
/// As [`site_line`].
pub fn name_line(task: TaskId, name: &str) -> io::Result<Vec<u8>> {
    line(&lead(NAME_KIND), &NameLine { task, name: name.to_owned() })
}

fn lead(kind: &str) -> String {
    format!("{{\"k\":\"{kind}\"")
}

fn line(lead: &str, body: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    super::write::append(&mut line, lead, body)?;
    Ok(line)
}
