//! The code that is loaded into this process: which files, and their tables for unwinding.
//!
//! Everything is read from the process's own memory, through the kernel: the tables are there also
//! when the file was stripped, replaced or deleted, and a reader of `/proc/self/mem` cannot fault. The
//! list of mappings is read anew for each [`current`] and the tables only when it names other files
//! than before.

use std::fmt::Write;
use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use framehop::x86_64::UnwinderX86_64;
use framehop::{ExplicitModuleSectionInfo, Unwinder};
use object::LittleEndian;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::machine::maps::{self, Mapping};
use crate::sync::Lock;

type Header = FileHeader64<LittleEndian>;
type Segment = ProgramHeader64<LittleEndian>;
pub(super) type Tables = UnwinderX86_64<Vec<u8>>;

const ENDIAN: LittleEndian = LittleEndian;
/// A file's header and the list of its segments.
const HEAD_BYTES: usize = 4096;
/// What is read of one table; no program's is near it.
const TABLE_MAX: u64 = 1 << 30;
/// Where the table for look-ups says, as an offset from there, where the other table is.
const TABLE_POINTER: u64 = 4;
/// How every linker encodes that offset: relative to its own place, four bytes, signed.
const RELATIVE: u8 = 0x1b;

/// A loaded file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Module {
    pub(crate) path: String,
    /// Where its address 0 lies in the process.
    pub(crate) base: u64,
    pub(crate) build_id: Option<String>,
    /// Its instructions, and what lies between them.
    code: Range<u64>,
}

/// All loaded files.
pub(crate) struct Code {
    found: Vec<Found>,
    modules: Vec<Module>,
    pub(super) tables: Tables,
}

/// A file's mappings, as the kernel lists them.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Found {
    path: String,
    /// Of its first byte.
    low: u64,
    code: Range<u64>,
}

impl Found {
    fn module(&self, memory: &File, base: u64, segments: &[Segment]) -> Module {
        Module {
            // What the kernel says of a file that is gone.
            path: self.path.trim_end_matches(" (deleted)").to_owned(),
            base,
            build_id: build_id(memory, base, segments),
            code: self.code.clone(),
        }
    }
}

static LAST: Lock<Option<Arc<Code>>> = Lock::new(None);

/// What is loaded now. Empty when the kernel does not let this process read of itself.
pub(crate) fn current() -> Arc<Code> {
    let found = find();
    let last = LAST.lock().clone();
    match last.filter(|last| last.found == found) {
        Some(last) => last,
        None => {
            let code = Arc::new(Code::load(found));
            *LAST.lock() = Some(code.clone());
            code
        }
    }
}

/// The files that are loaded now, for who unwinds nothing: their tables are not read.
pub(crate) fn files() -> Vec<Module> {
    let Ok(memory) = File::open("/proc/self/mem") else { return Vec::new() };
    let described = |file: &Found| {
        let head = read(&memory, file.low, HEAD_BYTES as u64)?;
        let (base, segments) = segments(&head, file.low)?;
        Some(file.module(&memory, base, segments))
    };
    find().iter().filter_map(described).collect()
}

fn find() -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    maps::each(&mut |mapping| {
        if let Some(mapping) = mapping {
            add(&mut found, mapping);
        }
        ControlFlow::Continue(())
    });
    // A file that is only looked at is not loaded.
    found.retain(|file| !file.code.is_empty());
    found
}

fn add(found: &mut Vec<Found>, mapping: Mapping<'_>) {
    let Mapping { low, high, executable, offset, path, .. } = mapping;
    if !path.starts_with('/') && path != "[vdso]" {
        return;
    }
    let range = low as u64..high as u64;
    if offset == 0 {
        found.push(Found { path: path.to_owned(), low: range.start, code: 0..0 });
    }
    if let Some(file) = found.last_mut().filter(|file| executable && file.path == path) {
        let start = if file.code.is_empty() { range.start } else { file.code.start };
        file.code = start..range.end;
    }
}

#[cfg(test)]
impl Module {
    /// An instruction of it, or the middle of one.
    pub(super) fn some_code(&self, number: u64) -> u64 {
        self.code.start + number % (self.code.end - self.code.start)
    }
}

impl Code {
    fn load(found: Vec<Found>) -> Code {
        let mut code = Code { found: Vec::new(), modules: Vec::new(), tables: Tables::new() };
        if let Ok(memory) = File::open("/proc/self/mem") {
            for file in &found {
                code.add(&memory, file);
            }
        }
        code.found = found;
        code
    }

    fn add(&mut self, memory: &File, file: &Found) {
        let Some(head) = read(memory, file.low, HEAD_BYTES as u64) else { return };
        let Some((base, segments)) = segments(&head, file.low) else { return };
        let module = file.module(memory, base, segments);
        if let Some(sections) = sections(memory, base, segments) {
            let name = module.path.clone();
            self.tables.add_module(framehop::Module::new(
                name,
                module.code.clone(),
                base,
                sections,
            ));
        }
        self.modules.push(module);
    }

    /// By their addresses.
    pub(crate) fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// Which of them an instruction is of.
    pub(crate) fn module_of(&self, address: u64) -> Option<usize> {
        let after = self.modules.partition_point(|module| module.code.start <= address);
        let at = after.checked_sub(1)?;
        self.modules[at].code.contains(&address).then_some(at)
    }
}

/// None for what is not mapped.
fn read(memory: &File, address: u64, bytes: u64) -> Option<Vec<u8>> {
    let mut read = vec![0; usize::try_from(bytes.min(TABLE_MAX)).ok()?];
    memory.read_exact_at(&mut read, address).ok()?;
    Some(read)
}

/// Where address 0 of a file lies whose head was loaded to `low`, and its segments.
fn segments(head: &[u8], low: u64) -> Option<(u64, &[Segment])> {
    let segments = Header::parse(head).ok()?.program_headers(ENDIAN, head).ok()?;
    let mut loaded = segments.iter().filter(|it| it.p_type(ENDIAN) == elf::PT_LOAD);
    let first = loaded.find(|it| it.p_offset(ENDIAN) == 0)?;
    Some((low.checked_sub(first.p_vaddr(ENDIAN))?, segments))
}

fn build_id(memory: &File, base: u64, segments: &[Segment]) -> Option<String> {
    segments.iter().filter(|it| it.p_type(ENDIAN) == elf::PT_NOTE).find_map(|segment| {
        let bytes = read(memory, base + segment.p_vaddr(ENDIAN), segment.p_memsz(ENDIAN))?;
        let align = segment.p_align(ENDIAN);
        let mut notes =
            object::read::elf::NoteIterator::<Header>::new(ENDIAN, align, &bytes).ok()?;
        while let Ok(Some(note)) = notes.next() {
            if note.name() == elf::ELF_NOTE_GNU && note.n_type(ENDIAN) == elf::NT_GNU_BUILD_ID {
                return Some(hex(note.desc()));
            }
        }
        None
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The table for look-ups, and the one that it points into, which has no end of its own: as much as
/// its segment has.
fn sections(
    memory: &File,
    base: u64,
    segments: &[Segment],
) -> Option<ExplicitModuleSectionInfo<Vec<u8>>> {
    let index = segments.iter().find(|it| it.p_type(ENDIAN) == elf::PT_GNU_EH_FRAME)?;
    let start = index.p_vaddr(ENDIAN);
    let eh_frame_hdr = read(memory, base + start, index.p_memsz(ENDIAN))?;
    if eh_frame_hdr.get(1) != Some(&RELATIVE) {
        return None;
    }
    let pointer = eh_frame_hdr.get(TABLE_POINTER as usize..)?.first_chunk()?;
    let table = (start + TABLE_POINTER).checked_add_signed(i32::from_le_bytes(*pointer).into())?;
    let holds_it = |it: &&Segment| {
        let range = it.p_vaddr(ENDIAN)..it.p_vaddr(ENDIAN).saturating_add(it.p_memsz(ENDIAN));
        it.p_type(ENDIAN) == elf::PT_LOAD && range.contains(&table)
    };
    let segment = segments.iter().find(holds_it)?;
    let end = segment.p_vaddr(ENDIAN) + segment.p_memsz(ENDIAN);
    let eh_frame = read(memory, base + table, end - table)?;
    Some(ExplicitModuleSectionInfo {
        eh_frame_hdr_svma: Some(start..start + eh_frame_hdr.len() as u64),
        eh_frame_hdr: Some(eh_frame_hdr),
        eh_frame_svma: Some(table..end),
        eh_frame: Some(eh_frame),
        ..ExplicitModuleSectionInfo::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_and_the_c_library_are_found_with_their_build_ids() {
        let code = current();
        let here = current as *const () as u64;
        let own = &code.modules()[code.module_of(here).expect("it is loaded")];
        let program = std::env::current_exe().expect("a path");
        assert_eq!(own.path, program.to_str().expect("readable"));
        let there = libc::getpid as *const () as u64;
        let libc = &code.modules()[code.module_of(there).expect("it is loaded")];
        assert!(libc.path.contains("libc"), "{libc:?}");
        let id = libc.build_id.as_deref().expect("distributions give one");
        assert!(id.len() >= 16 && id.bytes().all(|it| it.is_ascii_hexdigit()), "{id}");
        assert_eq!(code.module_of(8), None);
        assert_eq!(code.module_of(std::ptr::from_ref(&code) as u64), None, "no code");
    }

    #[test]
    fn tables_are_read_once() {
        assert!(Arc::ptr_eq(&current(), &current()));
    }

    #[test]
    fn what_is_no_file_of_code_has_no_segments() {
        assert!(segments(b"", 0).is_none());
        assert!(segments(&[0x7f; HEAD_BYTES], 0).is_none());
        let mut head = b"\x7fELF\x02\x01\x01".to_vec();
        head.resize(HEAD_BYTES, 0xff);
        assert!(segments(&head, 0x1000).is_none());
    }
}
