//! An image file as memory. It was written while other threads ran, so that a word of which there is no
//! second reading counts as changed.

use std::io::{Read, Seek};
use std::ops::Range;

use super::file::{Facts, ImageFile, Name, REGISTERS};
use super::memory::{FileMapping, Flaws, Memory, Process, Signal, ThreadState};
use crate::Registers;

/// The memory in an image file.
#[derive(Debug)]
pub struct CrashImage<R> {
    file: ImageFile<R>,
    process: Process,
    files: Vec<FileMapping>,
    data: Vec<Range<u64>>,
    threads: Vec<ThreadState>,
}

impl<R: Read + Seek> CrashImage<R> {
    /// Memory, as the file has it.
    pub fn new(file: ImageFile<R>) -> CrashImage<R> {
        let mappings = || file.maps.lines().filter_map(mapping);
        let Facts { program, pid, wall_s, taken_ns, thread, .. } = file.facts.clone();
        let register = |name| {
            let at = REGISTERS.iter().position(|it| *it == name)?;
            Some(file.registers.as_ref()?[at])
        };
        let registers =
            || Some(Registers { ip: register("rip")?, sp: register("rsp")?, bp: register("rbp")? });
        let thread = registers().map(|registers| ThreadState { tid: thread, registers });
        CrashImage {
            process: Process { program, pid, wall_s, taken_ns: Some(taken_ns) },
            data: mappings().filter(|it| it.1).map(|it| it.0.range).collect(),
            files: mappings().map(|it| it.0).collect(),
            threads: thread.into_iter().collect(),
            file,
        }
    }
}

impl<R: Read + Seek> Memory for CrashImage<R> {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        self.file.read(address, into)
    }

    fn later(&self, address: u64) -> Option<u64> {
        self.file.later(address)
    }

    fn is_one_moment(&self) -> bool {
        false
    }

    fn data(&self) -> Vec<Range<u64>> {
        self.data.clone()
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn files(&self) -> &[FileMapping] {
        &self.files
    }

    fn threads(&self) -> &[ThreadState] {
        &self.threads
    }

    fn signal(&self) -> Option<Signal> {
        let facts = &self.file.facts;
        Some(Signal {
            number: facts.signal,
            code: facts.code,
            address: facts.fault(),
            thread: facts.thread,
            task: facts.task,
            overflow: facts.overflow,
        })
    }

    fn names(&self) -> &[Name] {
        &self.file.names
    }

    fn flaws(&self) -> Flaws {
        let ImageFile { end, missing, unknown, .. } = &self.file;
        Flaws { cut: end.is_none(), damaged: *missing, unknown: *unknown }
    }
}

/// A mapping of a file, as the kernel lists it, and whether it may be written to.
fn mapping(line: &str) -> Option<(FileMapping, bool)> {
    let (range, rest) = line.split_once(' ')?;
    let (low, high) = range.split_once('-')?;
    // Rights, offset, device, inode; a path may have blanks.
    let mut rest = rest.splitn(5, ' ');
    let writable = rest.next()?.contains('w');
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    let offset = number(rest.next()?)?;
    let path = rest.nth(2)?.trim_start();
    // What the kernel says of a file that is gone.
    let path = path.trim_end_matches(" (deleted)").to_owned();
    let is_file = path.starts_with('/') || path == "[vdso]";
    let range = number(low)?..number(high)?;
    is_file.then_some((FileMapping { range, offset, path }, writable))
}
