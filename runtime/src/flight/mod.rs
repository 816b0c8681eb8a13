//! The flight file of this process: a record of 64 bytes for each waiter, in memory that is shared with a
//! file, so that they can be told after the process was killed. The format is that of
//! `gleak_snapshot::flight`.
//!
//! A record is written where the waiter's own record is: at its birth and at each wait, and changed by one
//! store when it goes on or ends. No lock, no clock, no system call there; only the first use of a place
//! and of each 16 384th record make some. How workers do is written by the monitor, once a tick.
//!
//! Invariants:
//! 1. One thread at a time writes a record: who has the waiter in hand.
//! 2. A forked child writes nothing: the memory is its parent's. Its first instruction turns it off.
//! 3. A file that cannot be made or grown costs its records, and is told once.

mod file;
mod folder;
mod places;

use std::io;
use std::path::{Path, PathBuf};

use gleak_snapshot::flight::{
    Beat, FREE, FRESH, IDENTITY, RECORD_WORDS, RUNNING, WAIT, born as born_as, ending_wait,
    open_wait, site_code,
};
use gleak_snapshot::{TaskId, WaitReason};
use once_cell::sync::OnceCell;

use crate::flight::file::FlightFile;
use crate::machine::thread;
use crate::records::node::{NODES, Op};
use crate::records::statics::Static;
use crate::records::table::Ref;
use crate::records::waiter::{MAIN, THREAD, WAITERS, WaiterRecord};
use crate::report;
use crate::sync::{AtomicU64, Ordering};
use crate::time::clock;

/// Flags of a waiter's record that are the same in the file, and those that are once shifted.
const PLAIN_FLAGS: u64 = (THREAD | MAIN) as u64;
const TENURE_SHIFT: u32 = 3;
const TENURE_FLAGS: u64 = 0b1100;

/// None when there is none, and in a forked child.
static FILE: Static<FlightFile> = Static::none();
static STARTED: OnceCell<()> = OnceCell::new();

/// Starts to write, if `GLEAK_FLIGHT` names a folder and nobody has asked before.
pub(crate) fn by_environment() {
    let folder = std::env::var_os("GLEAK_FLIGHT").filter(|folder| !folder.is_empty());
    if let Some(folder) = folder {
        start(&PathBuf::from(folder));
    }
}

/// Starts to write into a file of this folder; the first call counts. Waiters that are there are recorded
/// from their next wait on.
pub(crate) fn start(folder: &Path) {
    STARTED.get_or_init(|| match FlightFile::create(folder) {
        Ok(file) => {
            thread::at_fork(in_forked_child);
            // Where there is no memory for a hook, the file stays.
            let _ = thread::at_exit(ended_well);
            file.list_modules();
            FILE.put(Some(Box::leak(Box::new(file))));
        }
        Err(error) => {
            report::say(&format!("gleak: no flight file in {}: {error}", folder.display()));
        }
    });
}

/// Whether the file of a process that ends well stays as well.
fn is_kept() -> bool {
    std::env::var_os("GLEAK_FLIGHT_KEEP").is_some_and(|kept| kept == "1")
}

/// The process ends because it wants to: there is nothing to be found out about it.
pub(crate) extern "C" fn ended_well() {
    if !is_kept()
        && let Some(file) = file()
    {
        file.remove();
    }
}

extern "C" fn in_forked_child() {
    FILE.put(None);
}

// What stands where tasks park and run is a look at one word: the rest is out of line, and off the
// path of who keeps no file.

/// The waiter is born: all of its facts are in its record.
#[inline]
pub(crate) fn born(record: &WaiterRecord) {
    if let Some(file) = file() {
        write_birth(file, record);
    }
}

/// It parks: all facts of the wait are in its record.
#[inline]
pub(crate) fn parks(record: &WaiterRecord) {
    if let Some(file) = file() {
        write_wait(file, record);
    }
}

/// It runs.
#[inline]
pub(crate) fn runs(record: &WaiterRecord) {
    if let Some(file) = file() {
        write_known(file, record, RUNNING);
    }
}

/// It has ended; its record is about to be somebody else's.
#[inline]
pub(crate) fn ended(record: &WaiterRecord) {
    if let Some(file) = file() {
        write_known(file, record, FREE);
    }
}

/// A waiter was given a name.
pub(crate) fn named(task: u64, name: &str) {
    if let Some(file) = file() {
        file.name(TaskId(task), name);
    }
}

/// What a worker did at a tick.
pub(crate) fn beat(worker: u32, moved_ns: u64, running: Option<Ref>, turns: u32) {
    if let Some(file) = file() {
        let running = running.and_then(|it| Some(TaskId(WAITERS.get(it)?.id())));
        file.beat(worker as usize, &Beat { moved_ns, running, turns });
    }
}

/// The clock has moved: who reads the file wants to know up to when the process lived. So many tasks were
/// spawned by then, and have finished.
pub(crate) fn tick(count: impl FnOnce() -> (u64, u64)) {
    if let Some(file) = file() {
        let (spawned, finished) = count();
        file.tick(clock::coarse_ns(), spawned, finished);
    }
}

#[inline]
fn file() -> Option<&'static FlightFile> {
    if cfg!(feature = "no-records") { None } else { FILE.get() }
}

fn say_full(records: usize, error: &io::Error) {
    report::say(&format!(
        "gleak: the flight file cannot grow beyond {records} tasks, the others are not in it: {error}"
    ));
}

// Each of these has a short way, without a call, for what is nearly always so, and a long one for the rest.

#[inline(never)]
fn write_birth(file: &FlightFile, record: &WaiterRecord) {
    let (entry, site) = (record.origin.entry.get(), record.origin.site.get());
    if let (Some(entry), Some(site)) = (entry, site)
        && let Some(code) = places::known_spawn(entry, site)
        && let Some(words) = file.record(record.slot.index())
    {
        identify(words, record, code);
        words[WAIT].store(FRESH, Ordering::Release);
    } else {
        write_first_birth(file, record);
    }
}

#[inline(never)]
fn write_first_birth(file: &FlightFile, record: &WaiterRecord) {
    let index = record.slot.index();
    if let Some(words) = file.record(index).or_else(|| file.grown_to(index)) {
        identify(words, record, spawn_code(file, record));
        words[WAIT].store(FRESH, Ordering::Release);
    }
}

/// What asks for no check. Who was there before the file is damaged until their next wait, since nothing says who
/// it is.
#[inline(never)]
fn write_known(file: &FlightFile, record: &WaiterRecord, does: u64) {
    if let Some(words) = file.record(record.slot.index()) {
        words[WAIT].store(does, Ordering::Release);
    }
}

#[inline(never)]
fn write_wait(file: &FlightFile, record: &WaiterRecord) {
    let (wait, task) = (&record.wait, record.id());
    let reason = wait.reason();
    if let Some(site) = wait.site.get()
        && let Some(code) = places::known_site(site)
        && let Some(words) = file.record(record.slot.index())
        && words[IDENTITY].load(Ordering::Relaxed) == task
        && wait.until.load(Ordering::Relaxed) == 0
        && reason != WaitReason::Join
    {
        let [does, check] = open_wait(TaskId(task), reason, code, wait.since.get());
        words[WAIT + 1].store(check, Ordering::Release);
        words[WAIT].store(does, Ordering::Release);
    } else {
        write_other_wait(file, record);
    }
}

/// One that may end by itself, is the first one here, or of somebody who was there before the file.
#[inline(never)]
fn write_other_wait(file: &FlightFile, record: &WaiterRecord) {
    let index = record.slot.index();
    let Some(words) = file.record(index).or_else(|| file.grown_to(index)) else { return };
    let (wait, task) = (&record.wait, record.id());
    if words[IDENTITY].load(Ordering::Relaxed) != task {
        words[WAIT].store(FREE, Ordering::Release);
        identify(words, record, spawn_code(file, record));
    }
    let reason = wait.reason();
    let code = wait.site.get().map_or_else(|| site_code(None), |site| places::site(file, site));
    let open = open_wait(TaskId(task), reason, code, wait.since.get());
    let joins = if reason == WaitReason::Join { joined(wait.first.get()) } else { None };
    let until = wait.until.load(Ordering::Relaxed);
    let wait = ending_wait(open, until, joins.unwrap_or(0));
    // The first one last: it says what the others are.
    for (word, value) in words[WAIT..].iter().zip(wait).rev() {
        word.store(value, Ordering::Release);
    }
}

/// Writes who it is into a record that is free.
#[inline]
fn identify(words: &[AtomicU64; RECORD_WORDS], record: &WaiterRecord, spawn_code: u64) {
    let flags = u64::from(record.flags.load(Ordering::Relaxed));
    let flags = flags & PLAIN_FLAGS | flags >> TENURE_SHIFT & TENURE_FLAGS;
    let turn = record.slot.me().generation();
    let identity = born_as(TaskId(record.id()), record.parent.get(), spawn_code, flags, turn);
    for (word, value) in words[IDENTITY..].iter().zip(identity) {
        word.store(value, Ordering::Release);
    }
}

fn spawn_code(file: &FlightFile, record: &WaiterRecord) -> u64 {
    match (record.origin.entry.get(), record.origin.site.get()) {
        (Some(entry), Some(site)) => places::spawn(file, entry, site),
        (Some(_) | None, _) => site_code(None),
    }
}

/// The generation of the record that is waited for and its index, as the file has them.
fn joined(first: u32) -> Option<u64> {
    let node = NODES.at(first.checked_sub(1)?)?;
    (node.op() == Op::Join).then(|| node.target.get())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use gleak_snapshot::flight::flags;

    use super::{MAIN, PLAIN_FLAGS, TENURE_FLAGS, TENURE_SHIFT, THREAD};
    use crate::records::waiter::{Tenure, tenure_flag};

    #[test]
    fn flags_are_those_of_the_file() {
        for tenure in [Tenure::Ordinary, Tenure::Background, Tenure::Daemon] {
            for (thread, main) in [(false, false), (true, false), (false, true), (true, true)] {
                let bit = |is: bool, bit: u32| if is { bit } else { 0 };
                let of_record =
                    u64::from(bit(thread, THREAD) | bit(main, MAIN) | tenure_flag(tenure));
                let written = of_record & PLAIN_FLAGS | of_record >> TENURE_SHIFT & TENURE_FLAGS;
                assert_eq!(written, flags(thread, main, tenure));
            }
        }
    }
}
