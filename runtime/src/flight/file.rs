//! The file itself: made for this process alone, grown by segments, never shrunk while it lives.
//!
//! Its room is given by the disk before it is mapped: a store into a hole of a full disk would end the
//! process by SIGBUS.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use gleak_snapshot::flight::{
    self, BEAT_WORDS, BEATS, BEATS_MAX, Beat, CLOCK, FINISHED, FlightHeader, LIVE, LIVE_BYTES, LOG,
    LOG_BYTES, RECORD_WORDS, RECORDS, SEGMENT, SEGMENT_BYTES, SEGMENTS, SPAWNED,
};
use gleak_snapshot::{Module, Site, SiteId, SpawnPoint, TaskId};
use rustix::fs::{FallocateFlags, fallocate};

use crate::flight::folder;
use crate::machine::{code, process};
use crate::records::table::FileWords;
use crate::sync::{AtomicU32, AtomicU64, Lock, Ordering};
use crate::time::clock;

/// 16 million records, as many as there are waiters.
const SEGMENTS_MAX: usize = 1024;
/// Names of tasks may fill the log up to here; places must find room after them.
const NAMES_MAX: u64 = LOG_BYTES / 2;

#[derive(Debug)]
pub(super) struct FlightFile {
    records: FileWords,
    live: FileWords,
    file: File,
    path: PathBuf,
    /// Whose it is. A child that nobody marked as forked is another one.
    pid: u32,
    /// Bytes of the log that are given away.
    log: AtomicU64,
    sites: AtomicU32,
    spawns: AtomicU32,
    /// It grows no more, which was told.
    full: Lock<bool>,
}

impl FlightFile {
    /// A new file in the folder, and room there for it.
    pub(super) fn create(folder: &Path) -> io::Result<FlightFile> {
        let (pid, started) = (std::process::id(), process::started()?);
        folder::tidy(folder, &process::program());
        let (file, path) = folder::create(folder, pid, started)?;
        let made = FlightFile::prepare(&file, pid, started);
        let (live, records) = made.inspect_err(|_| {
            // Half a file would be taken for one of a process that has no tasks.
            let _ = fs::remove_file(&path);
        })?;
        Ok(FlightFile {
            records,
            live,
            file,
            path,
            pid,
            log: AtomicU64::new(0),
            sites: AtomicU32::new(0),
            spawns: AtomicU32::new(0),
            full: Lock::new(false),
        })
    }

    fn prepare(file: &File, pid: u32, started: u64) -> io::Result<(FileWords, FileWords)> {
        let header = flight::header(&FlightHeader {
            program: process::program(),
            pid,
            boot: process::boot()?,
            started,
            wall_s: process::wall_s(),
            made_ns: clock::now_ns(),
        })?;
        fallocate(file, FallocateFlags::empty(), 0, RECORDS)?;
        file.write_all_at(&header, 0)?;
        let live = FileWords::map(file, LIVE, LIVE_BYTES / 8)?;
        live.grow(LIVE_BYTES / 8)?;
        let records = FileWords::map(file, RECORDS, SEGMENTS_MAX * SEGMENT_BYTES / 8)?;
        Ok((live, records))
    }

    /// Lists what is loaded: what was, when the file was made.
    pub(super) fn list_modules(&self) {
        for (id, module) in (0..).zip(code::files()) {
            let code::Module { path, base, build_id, .. } = module;
            let line = flight::module_line(id, &Module { path, base, build_id });
            // Without room nothing else is lost.
            let _ = line.map(|line| self.append(&line, LOG_BYTES));
        }
    }

    /// The process has ended as it wanted to.
    pub(super) fn remove(&self) {
        if self.pid == std::process::id() {
            // Somebody may have removed it, or the folder.
            let _ = fs::remove_file(&self.path);
        }
    }

    /// The words of a record, if the file has grown to it.
    #[inline]
    pub(super) fn record(&self, index: u32) -> Option<&[AtomicU64; RECORD_WORDS]> {
        self.records.get(index as usize * RECORD_WORDS)
    }

    /// The same after having grown; none where the file cannot.
    pub(super) fn grown_to(&self, index: u32) -> Option<&[AtomicU64; RECORD_WORDS]> {
        let mut full = self.full.lock();
        let segments = (index as usize / SEGMENT + 1).min(SEGMENTS_MAX);
        let (room, words) = (self.records.room(), segments * SEGMENT_BYTES / 8);
        if words > room && !*full {
            match self.records.grow(words) {
                Ok(()) => self.put(SEGMENTS, segments as u64),
                Err(error) => {
                    *full = true;
                    drop(full);
                    super::say_full(room / RECORD_WORDS, &error);
                }
            }
        }
        self.record(index)
    }

    pub(super) fn tick(&self, now_ns: u64, spawned: u64, finished: u64) {
        self.put(CLOCK, now_ns);
        self.put(SPAWNED, spawned);
        self.put(FINISHED, finished);
    }

    /// The last word last; one that is read meanwhile does not agree with its check.
    pub(super) fn beat(&self, worker: usize, beat: &Beat) {
        let at = (worker < BEATS_MAX).then_some(BEATS + worker * BEAT_WORDS);
        if let Some(words) = at.and_then(|at| self.live.get::<BEAT_WORDS>(at)) {
            for (word, value) in words.iter().zip(beat.words()) {
                word.store(value, Ordering::Release);
            }
        }
    }

    /// A live word, and its complement behind it.
    fn put(&self, at: usize, value: u64) {
        if let Some([word, complement]) = self.live.get(at) {
            word.store(value, Ordering::Release);
            complement.store(!value, Ordering::Release);
        }
    }

    /// The number of a new site; none when the log is full.
    pub(super) fn site(&self, site: &Site) -> Option<u32> {
        let id = self.sites.fetch_add(1, Ordering::Relaxed);
        self.append(&flight::site_line(id, site).ok()?, LOG_BYTES).then_some(id)
    }

    /// As [`FlightFile::site`], of a spawn point.
    pub(super) fn spawn(&self, site: u32, entry: &str) -> Option<u32> {
        let id = self.spawns.fetch_add(1, Ordering::Relaxed);
        let point = SpawnPoint { site: SiteId(site), entry: entry.to_owned() };
        self.append(&flight::spawn_line(id, &point).ok()?, LOG_BYTES).then_some(id)
    }

    pub(super) fn name(&self, task: TaskId, name: &str) {
        if let Ok(line) = flight::name_line(task, name) {
            self.append(&line, NAMES_MAX);
        }
    }

    /// Whether there was room. What does not fit leaves a gap, which is zeros.
    fn append(&self, line: &[u8], limit: u64) -> bool {
        let bytes = line.len() as u64;
        let given = |at: u64| (at + bytes <= limit).then_some(at + bytes);
        let at = self.log.fetch_update(Ordering::Relaxed, Ordering::Relaxed, given);
        at.is_ok_and(|at| self.file.write_all_at(line, LOG + at).is_ok())
    }
}
