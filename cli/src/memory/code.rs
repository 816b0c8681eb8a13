//! The files of code that a process had loaded, by what their headers in its memory say; and its memory
//! together with what those files have of it.
//!
//! Invariant: of a file only what no process can write to is taken, and only from the file with the build id
//! that is in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use framehop::ExplicitModuleSectionInfo;
use gleak_detector::snapshot::Module;
use gleak_detector::snapshot::image::{
    FileMapping, Flaws, Memory, Process, Signal, ThreadState, file::Name,
};
use object::LittleEndian;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{FileHeader, NoteIterator, ProgramHeader};

use crate::names::{Binary, Names};

type Header = FileHeader64<LittleEndian>;
type Segment = ProgramHeader64<LittleEndian>;

const ENDIAN: LittleEndian = LittleEndian;
/// A file's header and the list of its segments.
const HEAD_BYTES: usize = 4096;
const PAGE: u64 = 4096;
/// What is read of one table or list of notes.
const TABLE_MAX: u64 = 1 << 28;
/// Where the table for look-ups says, as an offset from there, where the other table is.
const TABLE_POINTER: u64 = 4;
/// How every linker encodes that offset: relative to its own place, four bytes, signed.
const RELATIVE: u8 = 0x1b;

/// A file that was loaded.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) module: Module,
    /// All that was mapped of it.
    range: Range<u64>,
    /// Its instructions, and what lies between them.
    pub(super) code: Range<u64>,
    /// Its first bytes.
    head: Vec<u8>,
    /// Looked for when it is needed.
    file: RefCell<Option<Result<Rc<Binary>, String>>>,
}

/// Memory, and what files have of it besides.
pub(super) struct WithFiles<'a> {
    inner: &'a dyn Memory,
    names: &'a Names,
    /// By their addresses.
    pub(super) loaded: Vec<Loaded>,
}

impl<'a> WithFiles<'a> {
    /// `vdso` is where the kernel's own code lies.
    pub(super) fn new(inner: &'a dyn Memory, names: &'a Names, vdso: Option<u64>) -> WithFiles<'a> {
        let mut ranges: Vec<(String, Range<u64>)> = Vec::new();
        for FileMapping { range, offset, path } in inner.files() {
            match ranges.last_mut().filter(|(last, _)| last == path) {
                Some((_, whole)) if *offset > 0 => whole.end = whole.end.max(range.end),
                _ if *offset == 0 => ranges.push((path.clone(), range.clone())),
                _ => {}
            }
        }
        if let Some(vdso) = vdso.filter(|_| !ranges.iter().any(|(path, _)| path == "[vdso]")) {
            ranges.push(("[vdso]".to_owned(), vdso..vdso.saturating_add(2 * PAGE)));
        }
        let load = |(path, range)| Loaded::of(inner, path, range);
        let mut loaded: Vec<Loaded> = ranges.into_iter().filter_map(load).collect();
        loaded.sort_by_key(|file| file.range.start);
        WithFiles { inner, names, loaded }
    }

    /// Which file an instruction is of.
    pub(super) fn module_of(&self, address: u64) -> Option<usize> {
        self.loaded.iter().position(|file| file.code.contains(&address))
    }

    /// Files that were needed and not had, and why.
    pub(super) fn unread(self) -> BTreeMap<String, String> {
        let why = |file: Loaded| Some((file.module.path, file.file.into_inner()?.err()?));
        self.loaded.into_iter().filter_map(why).collect()
    }

    fn read_of_file(&self, address: u64, into: &mut [u8]) -> bool {
        let after = self.loaded.partition_point(|file| file.range.start <= address);
        let file = self.loaded[..after].last().filter(|file| file.range.contains(&address));
        let Some(file) = file else { return false };
        let mut known = file.file.borrow_mut();
        let found = known.get_or_insert_with(|| self.names.loaded(&file.module));
        let Ok(binary) = found else { return false };
        let Some(own) = address.checked_sub(file.module.base) else { return false };
        binary.read_loaded(own, into)
    }
}

impl Memory for WithFiles<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        if self.inner.read(address, into) || self.read_of_file(address, into) {
            return true;
        }
        // Some of it here and some there.
        let (mut at, mut rest) = (address, into);
        while !rest.is_empty() {
            let left = usize::try_from(PAGE - at % PAGE).unwrap_or(1);
            if rest.len() <= left && at == address {
                return false;
            }
            let (now, later) = rest.split_at_mut(left.min(rest.len()));
            if !self.inner.read(at, now) && !self.read_of_file(at, now) {
                return false;
            }
            (at, rest) = (at.saturating_add(left as u64), later);
        }
        true
    }

    fn later(&self, address: u64) -> Option<u64> {
        self.inner.later(address)
    }

    fn is_one_moment(&self) -> bool {
        self.inner.is_one_moment()
    }

    fn data(&self) -> Vec<Range<u64>> {
        self.inner.data()
    }

    fn process(&self) -> &Process {
        self.inner.process()
    }

    fn files(&self) -> &[FileMapping] {
        self.inner.files()
    }

    fn threads(&self) -> &[ThreadState] {
        self.inner.threads()
    }

    fn signal(&self) -> Option<Signal> {
        self.inner.signal()
    }

    fn names(&self) -> &[Name] {
        self.inner.names()
    }

    fn flaws(&self) -> Flaws {
        self.inner.flaws()
    }
}

impl Loaded {
    /// None for what is no file of code, or of which not even the head is known.
    fn of(memory: &dyn Memory, path: String, range: Range<u64>) -> Option<Loaded> {
        let mut head = vec![0; HEAD_BYTES];
        if !memory.read(range.start, &mut head) {
            return None;
        }
        let segments = segments(&head)?;
        let loaded = |it: &&Segment| it.p_type(ENDIAN) == elf::PT_LOAD;
        let first = segments.iter().filter(loaded).find(|it| it.p_offset(ENDIAN) == 0)?;
        let base = range.start.checked_sub(first.p_vaddr(ENDIAN))?;
        let runs = |it: &&Segment| loaded(it) && it.p_flags(ENDIAN).0 & elf::PF_X.0 != 0;
        let code = segments.iter().filter(runs).filter_map(|it| place(base, it));
        let code = code.reduce(|all, next| all.start.min(next.start)..all.end.max(next.end))?;
        let build_id = build_id(memory, base, segments);
        let module = Module { path, base, build_id };
        Some(Loaded { module, range, code, head, file: RefCell::new(None) })
    }

    /// The tables by which its stacks are unwound.
    pub(super) fn tables(&self, memory: &dyn Memory) -> Option<ExplicitModuleSectionInfo<Vec<u8>>> {
        let (base, segments) = (self.module.base, segments(&self.head)?);
        let index = segments.iter().find(|it| it.p_type(ENDIAN) == elf::PT_GNU_EH_FRAME)?;
        let start = index.p_vaddr(ENDIAN);
        let eh_frame_hdr = read(memory, base.checked_add(start)?, index.p_memsz(ENDIAN))?;
        if eh_frame_hdr.get(1) != Some(&RELATIVE) {
            return None;
        }
        let pointer = eh_frame_hdr.get(TABLE_POINTER as usize..)?.first_chunk()?;
        let from = start.checked_add(TABLE_POINTER)?;
        let table = from.checked_add_signed(i32::from_le_bytes(*pointer).into())?;
        let holds_it = |it: &&Segment| {
            let range = it.p_vaddr(ENDIAN)..it.p_vaddr(ENDIAN).saturating_add(it.p_filesz(ENDIAN));
            it.p_type(ENDIAN) == elf::PT_LOAD && range.contains(&table)
        };
        let segment = segments.iter().find(holds_it)?;
        let end = segment.p_vaddr(ENDIAN).checked_add(segment.p_filesz(ENDIAN))?;
        let eh_frame = read(memory, base.checked_add(table)?, end - table)?;
        Some(ExplicitModuleSectionInfo {
            eh_frame_hdr_svma: Some(start..start.checked_add(eh_frame_hdr.len() as u64)?),
            eh_frame_hdr: Some(eh_frame_hdr),
            eh_frame_svma: Some(table..end),
            eh_frame: Some(eh_frame),
            ..ExplicitModuleSectionInfo::default()
        })
    }
}

fn segments(head: &[u8]) -> Option<&[Segment]> {
    Header::parse(head).ok()?.program_headers(ENDIAN, head).ok()
}

fn place(base: u64, segment: &Segment) -> Option<Range<u64>> {
    let start = base.checked_add(segment.p_vaddr(ENDIAN))?;
    Some(start..start.checked_add(segment.p_memsz(ENDIAN))?)
}

/// None for what is not known, or too much.
fn read(memory: &dyn Memory, address: u64, bytes: u64) -> Option<Vec<u8>> {
    // One byte first: nothing is reserved for what is not there at all.
    let there = bytes > 0 && bytes <= TABLE_MAX && memory.read(address, &mut [0]);
    let last = address.checked_add(bytes)?.checked_sub(1)?;
    if !there || !memory.read(last, &mut [0]) {
        return None;
    }
    let mut read = vec![0; usize::try_from(bytes).ok()?];
    memory.read(address, &mut read).then_some(read)
}

fn build_id(memory: &dyn Memory, base: u64, segments: &[Segment]) -> Option<String> {
    segments.iter().filter(|it| it.p_type(ENDIAN) == elf::PT_NOTE).find_map(|segment| {
        let start = base.checked_add(segment.p_vaddr(ENDIAN))?;
        let bytes = read(memory, start, segment.p_memsz(ENDIAN))?;
        let mut notes =
            NoteIterator::<Header>::new(ENDIAN, segment.p_align(ENDIAN), &bytes).ok()?;
        while let Ok(Some(note)) = notes.next() {
            if note.name() == elf::ELF_NOTE_GNU && note.n_type(ENDIAN) == elf::NT_GNU_BUILD_ID {
                return Some(crate::names::hexadecimal(note.desc()));
            }
        }
        None
    })
}
