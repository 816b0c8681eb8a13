//! A core file of Linux on x86-64 as memory.
//!
//! Invariants:
//! 1. It is read by ranges, never whole, and never mapped.
//! 2. No number in it makes us reserve more memory than its bytes account for.
//! 3. Memory that a segment names and that the file does not have is missing, not zero.

use std::io::{Read, Seek};
use std::ops::Range;

use super::blocks::Blocks;
use super::notes::Notes;
use super::{MemoryFault, basename};
use gleak_detector::snapshot::image::{FileMapping, Flaws, Memory, Process, Signal, ThreadState};

const ET_CORE: u16 = 4;
const EM_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const PF_W: u32 = 2;
/// There are more segments than the header can say.
const PN_XNUM: u16 = 0xffff;

const HEAD_BYTES: usize = 64;
const SEGMENT_BYTES: usize = 56;
const SECTION_BYTES: usize = 64;
/// In a section's header: what counts segments when there are too many for the file's header.
const SECTION_INFO: usize = 44;
/// Longer paths are not read.
const PATH_MAX: usize = 4096;

/// A part of memory, and where it is in the file.
#[derive(Clone, Debug)]
struct Segment {
    range: Range<u64>,
    at: u64,
    writable: bool,
}

/// A core file.
#[derive(Debug)]
pub(super) struct ElfCore<R> {
    file: Blocks<R>,
    /// By their addresses; none lies on another one, neither in memory nor in the file.
    segments: Vec<Segment>,
    process: Process,
    notes: Notes,
    flaws: Flaws,
}

impl<R: Read + Seek> ElfCore<R> {
    /// `wall_s` is when the process ended, as far as that is known.
    pub(super) fn open(file: R, wall_s: u64) -> Result<ElfCore<R>, MemoryFault> {
        let file = Blocks::new(file).map_err(MemoryFault::Io)?;
        let mut head = [0; HEAD_BYTES];
        if !file.read(0, &mut head) {
            return Err(MemoryFault::Core("ends within its header"));
        }
        let is_right = head.starts_with(b"\x7fELF\x02\x01") && half(&head, 18) == EM_X86_64;
        if half(&head, 16) != ET_CORE {
            return Err(MemoryFault::NotACore);
        }
        if !is_right {
            return Err(MemoryFault::Core("is of another machine than 64-bit x86"));
        }
        let headers = Headers::of(&file, &head)?;
        let mut core = ElfCore {
            file,
            segments: Vec::new(),
            process: Process::default(),
            notes: Notes::default(),
            flaws: Flaws::default(),
        };
        core.read_segments(&headers)?;
        core.notes.finish();
        core.flaws.cut |= core.notes.cut;
        let path = core.notes.exec_fn.and_then(|address| core.text(address));
        let known = path.as_deref().and_then(basename);
        let program = known.map_or_else(|| core.notes.name.clone(), str::to_owned);
        core.process = Process { program, pid: core.notes.pid, wall_s, taken_ns: None };
        Ok(core)
    }

    fn read_segments(&mut self, headers: &Headers) -> Result<(), MemoryFault> {
        let mut all = Vec::new();
        for number in 0..headers.count {
            let mut bytes = [0; SEGMENT_BYTES];
            if !self.file.read(headers.start + number * SEGMENT_BYTES as u64, &mut bytes) {
                return Err(MemoryFault::Core("ends within the list of its segments"));
            }
            let [at, start, length] = [8, 16, 32].map(|offset| word(&bytes, offset));
            let known = length.min(self.file.length().saturating_sub(at));
            self.flaws.cut |= known < length;
            match word_half(&bytes, 0) {
                PT_NOTE => {
                    let mut notes = std::mem::take(&mut self.notes);
                    notes.read(&self.file, at..at.saturating_add(known));
                    self.notes = notes;
                }
                PT_LOAD if known > 0 => match start.checked_add(known) {
                    Some(end) => {
                        let writable = word_half(&bytes, 4) & PF_W != 0;
                        all.push(Segment { range: start..end, at, writable });
                    }
                    None => self.flaws.damaged += 1,
                },
                _ => {}
            }
        }
        self.keep(all);
        Ok(())
    }

    /// Those that lie on others are not believed: bytes would count twice.
    fn keep(&mut self, mut all: Vec<Segment>) {
        let before = all.len();
        all.sort_by_key(|segment| segment.at);
        let mut end = 0;
        all.retain(|segment| {
            let apart = segment.at >= end;
            if apart {
                end = segment.at + (segment.range.end - segment.range.start);
            }
            apart
        });
        all.sort_by_key(|segment| segment.range.start);
        let mut end = 0;
        all.retain(|segment| {
            let apart = segment.range.start >= end;
            if apart {
                end = segment.range.end;
            }
            apart
        });
        self.flaws.damaged += (before - all.len()) as u64;
        self.segments = all;
    }

    fn segment(&self, address: u64) -> Option<&Segment> {
        let after = self.segments.partition_point(|segment| segment.range.start <= address);
        self.segments[..after].last().filter(|segment| segment.range.contains(&address))
    }

    /// A text that ends with a zero.
    fn text(&self, address: u64) -> Option<String> {
        let segment = self.segment(address)?;
        let most = (segment.range.end - address).min(PATH_MAX as u64);
        let mut bytes = vec![0; usize::try_from(most).ok()?];
        if !self.read(address, &mut bytes) {
            return None;
        }
        let end = bytes.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
    }

    /// Where the code is that the kernel gives to every process.
    pub(super) fn vdso(&self) -> Option<u64> {
        self.notes.vdso
    }

    #[cfg(test)]
    pub(super) fn bytes_read(&self) -> u64 {
        self.file.bytes_read()
    }
}

impl<R: Read + Seek> Memory for ElfCore<R> {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        let (mut at, mut rest) = (address, into);
        while !rest.is_empty() {
            let Some(segment) = self.segment(at) else { return false };
            let left = usize::try_from(segment.range.end - at).unwrap_or(usize::MAX);
            let count = rest.len().min(left);
            let (now, later) = rest.split_at_mut(count);
            if !self.file.read(segment.at + (at - segment.range.start), now) {
                return false;
            }
            // The range ends at an address, so this one is within.
            (at, rest) = (at.saturating_add(count as u64), later);
        }
        true
    }

    fn later(&self, address: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes).then(|| u64::from_le_bytes(bytes))
    }

    fn is_one_moment(&self) -> bool {
        true
    }

    fn data(&self) -> Vec<Range<u64>> {
        let of_file = |segment: &&Segment| {
            let files = &self.notes.files;
            let after = files.partition_point(|file| file.range.start <= segment.range.start);
            let file = files[..after].last();
            segment.writable && file.is_some_and(|it| it.range.contains(&segment.range.start))
        };
        self.segments.iter().filter(of_file).map(|segment| segment.range.clone()).collect()
    }

    fn process(&self) -> &Process {
        &self.process
    }

    fn files(&self) -> &[FileMapping] {
        &self.notes.files
    }

    fn threads(&self) -> &[ThreadState] {
        &self.notes.threads
    }

    fn signal(&self) -> Option<Signal> {
        self.notes.signal
    }

    fn flaws(&self) -> Flaws {
        self.flaws
    }
}

/// Where the headers of the segments are.
struct Headers {
    start: u64,
    count: u64,
}

impl Headers {
    fn of<R: Read + Seek>(file: &Blocks<R>, head: &[u8]) -> Result<Headers, MemoryFault> {
        let (start, sections) = (word(head, 32), word(head, 40));
        if usize::from(half(head, 54)) != SEGMENT_BYTES {
            return Err(MemoryFault::Core("has segments of a size that is not known"));
        }
        let count = match half(head, 56) {
            PN_XNUM => {
                let mut section = [0; SECTION_BYTES];
                if !file.read(sections, &mut section) {
                    return Err(MemoryFault::Core("has lost the number of its segments"));
                }
                u64::from(word_half(&section, SECTION_INFO))
            }
            count => u64::from(count),
        };
        let end = count.checked_mul(SEGMENT_BYTES as u64).and_then(|it| start.checked_add(it));
        if end.is_none_or(|end| end > file.length()) {
            return Err(MemoryFault::Core("ends within the list of its segments"));
        }
        Ok(Headers { start, count })
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk());
    word.map_or(0, |word| u64::from_le_bytes(*word))
}

fn word_half(bytes: &[u8], at: usize) -> u32 {
    let half = bytes.get(at..).and_then(|rest| rest.first_chunk());
    half.map_or(0, |half| u32::from_le_bytes(*half))
}

fn half(bytes: &[u8], at: usize) -> u16 {
    let quarter = bytes.get(at..).and_then(|rest| rest.first_chunk());
    quarter.map_or(0, |quarter| u16::from_le_bytes(*quarter))
}
