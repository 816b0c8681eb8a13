//! The notes of a core file: threads with their registers, the signal, which files were mapped, who it was.
//! As Linux writes them on x86-64; what is too short for its kind is passed over.

use std::io::{Read, Seek};
use std::ops::Range;

use gleak_detector::snapshot::Registers;
use gleak_detector::snapshot::image::{FileMapping, Signal, ThreadState};

use super::blocks::Blocks;

const NT_PRSTATUS: u32 = 1;
const NT_PRPSINFO: u32 = 3;
const NT_AUXV: u32 = 6;
const NT_FILE: u32 = 0x4649_4c45;
const NT_SIGINFO: u32 = 0x5349_4749;

/// In the auxiliary vector: where the path of the program is, and where the kernel's own code.
const AT_EXECFN: u64 = 31;
const AT_SYSINFO_EHDR: u64 = 33;

/// What is read of one note; a list of all mapped files may be long.
const NOTE_MAX: usize = 64 << 20;

/// What the notes say.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) threads: Vec<ThreadState>,
    pub(super) files: Vec<FileMapping>,
    pub(super) signal: Option<Signal>,
    /// By the status of the first thread.
    cursig: i32,
    pub(super) pid: u32,
    /// As much of the program's name as the kernel keeps.
    pub(super) name: String,
    /// Where its path is in memory.
    pub(super) exec_fn: Option<u64>,
    /// Where the code is that the kernel gives to every process.
    pub(super) vdso: Option<u64>,
    /// The notes end within one.
    pub(super) cut: bool,
}

impl Notes {
    /// Reads the notes in a part of the file.
    pub(super) fn read<R: Read + Seek>(&mut self, file: &Blocks<R>, part: Range<u64>) {
        let mut at = part.start;
        while part.end.saturating_sub(at) >= 12 {
            let mut head = [0; 12];
            if !file.read(at, &mut head) {
                self.cut = true;
                return;
            }
            let [name, length, kind] = [0, 4, 8].map(|offset| half(&head, offset).unwrap_or(0));
            let start = at + 12 + u64::from(name).next_multiple_of(4);
            let end = start + u64::from(length).next_multiple_of(4);
            if end > part.end {
                self.cut = true;
                return;
            }
            self.note(file, kind, start, length as usize);
            at = end;
        }
    }

    fn note<R: Read + Seek>(&mut self, file: &Blocks<R>, kind: u32, at: u64, length: usize) {
        if !matches!(kind, NT_PRSTATUS | NT_PRPSINFO | NT_AUXV | NT_FILE | NT_SIGINFO)
            || length > NOTE_MAX
            || at.saturating_add(length as u64) > file.length()
        {
            self.cut |= at.saturating_add(length as u64) > file.length();
            return;
        }
        let mut bytes = vec![0; length];
        if !file.read(at, &mut bytes) {
            self.cut = true;
            return;
        }
        match kind {
            NT_PRSTATUS => self.thread(&bytes).unwrap_or_default(),
            NT_PRPSINFO => self.process(&bytes).unwrap_or_default(),
            NT_AUXV => self.auxiliary(&bytes),
            NT_FILE => self.mapped(&bytes).unwrap_or_default(),
            _ => self.signal = signal(&bytes).or(self.signal),
        }
    }

    fn thread(&mut self, note: &[u8]) -> Option<()> {
        let registers = &note.get(112..)?;
        let register = |number: usize| word(registers, number * 8);
        let registers = Registers { ip: register(16)?, sp: register(19)?, bp: register(4)? };
        if self.threads.is_empty() {
            self.cursig = half(note, 12)?.cast_signed() & 0xffff;
        }
        self.threads.push(ThreadState { tid: half(note, 32)?, registers });
        Some(())
    }

    fn process(&mut self, note: &[u8]) -> Option<()> {
        self.pid = half(note, 24)?;
        self.name = text(note.get(40..56)?);
        Some(())
    }

    fn auxiliary(&mut self, note: &[u8]) {
        for pair in note.chunks_exact(16) {
            match (word(pair, 0), word(pair, 8)) {
                (Some(AT_EXECFN), address) => self.exec_fn = address,
                (Some(AT_SYSINFO_EHDR), address) => self.vdso = address,
                _ => {}
            }
        }
    }

    fn mapped(&mut self, note: &[u8]) -> Option<()> {
        let (count, page) = (word(note, 0)?, word(note, 8)?);
        let length = usize::try_from(count).ok()?.checked_mul(24)?;
        let (entries, names) = note.get(16..)?.split_at_checked(length)?;
        let names = names.split(|byte| *byte == 0);
        for (entry, name) in entries.chunks_exact(24).zip(names) {
            let (start, end) = (word(entry, 0)?, word(entry, 8)?);
            let path = String::from_utf8_lossy(name).trim_end_matches(" (deleted)").to_owned();
            let offset = word(entry, 16)?.saturating_mul(page);
            if start < end {
                self.files.push(FileMapping { range: start..end, offset, path });
            }
        }
        Some(())
    }

    /// Called when all notes are read: who ended it is told by the first thread too.
    pub(super) fn finish(&mut self) {
        self.files.sort_by_key(|file| file.range.start);
        let Some(first) = self.threads.first().map(|thread| thread.tid) else { return };
        match &mut self.signal {
            Some(signal) => signal.thread = first,
            None if self.cursig != 0 => {
                let number = self.cursig;
                let unknown = Signal {
                    number,
                    code: 0,
                    address: None,
                    thread: first,
                    task: None,
                    overflow: false,
                };
                self.signal = Some(unknown);
            }
            None => {}
        }
    }
}

fn signal(note: &[u8]) -> Option<Signal> {
    /// Those whose address says something: ILL, TRAP, BUS, FPE, SEGV.
    const FAULTS: [u32; 5] = [4, 5, 7, 8, 11];
    let (number, code) = (half(note, 0)?, half(note, 8)?.cast_signed());
    let address = word(note, 16).filter(|_| code > 0 && FAULTS.contains(&number));
    let number = number.cast_signed();
    (number != 0).then_some(Signal {
        number,
        code,
        address,
        thread: 0,
        task: None,
        overflow: false,
    })
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
