//! What is in an image, and in which order.
//!
//! The order is what a reader relies on: first the records, table by table from lower addresses to higher
//! ones, then everything else that may change, and then the states of all waiters and the owners of all
//! objects once more. What is equal in both readings was so at every moment between them (`collect/mod.rs` has
//! the argument). Last comes what never changes: an image that is cut there has lost names alone.

use std::ops::{ControlFlow, Range};

use gleak_snapshot::image::file::{BLOCK_MAX, NameKind, Tag, name_head, padding, word};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::crash::facts::{self, Who};
use crate::crash::memory::Memory;
use crate::crash::output::Output;
use crate::crash::stacks;
use crate::crash::text::Text;
use crate::machine::maps::{self, Mapping};
use crate::records::node::NODES;
use crate::records::object::OBJECTS;
use crate::records::region::REGIONS;
use crate::records::table::{Record, Table};
use crate::records::tags::{self, Key, Looked, Tags};
use crate::records::waiter::{TAGGED, THREAD, WAITERS};
use crate::scheduler::seat;
use crate::sync::Ordering;

/// Of each file that is mapped, so that a reader knows which one it was.
const FILE_HEAD: usize = 4096;

/// What is known before a crash.
pub(super) struct Content {
    /// In quotation marks.
    program: Text,
    /// Where the file lies that the runtime is in.
    module: Range<usize>,
}

/// What is written of the files that are mapped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// What may change of the program's own static data, and what has addresses in it: linkers lay it behind
    /// the code.
    Data,
    /// What lies before the code and never changes, such as names; and how each other file begins.
    Texts,
}

impl Content {
    pub(super) fn new(program: &str) -> Content {
        let mut quoted = Text::new();
        quoted.quoted(program.as_bytes());
        Content { program: quoted, module: module_of(Content::new as fn(&str) -> Content as usize) }
    }

    /// Writes all of it, as far as the file takes it.
    pub(super) fn write(&self, output: &mut Output, who: &Who<'_>) {
        let mut memory = Memory::open();
        facts::write(output, &self.program, who);
        for register in who.fault.all {
            output.add(Tag::Registers, &[&register.to_le_bytes()]);
        }
        output.end_block(Tag::Registers, 0);
        stacks::of_fault(who.fault, &mut memory, output);
        mappings(output);
        table(&WAITERS, &mut memory, output);
        table(&NODES, &mut memory, output);
        table(&OBJECTS, &mut memory, output);
        table(&REGIONS, &mut memory, output);
        for seat in seat::all() {
            let start = std::ptr::from_ref(seat).addr();
            memory.copy(start..start + size_of_val(seat), output);
        }
        self.files(Part::Data, &mut memory, output);
        let counts = stacks::parked(output);
        second_reading(output);
        let unnamed = names(output);
        self.files(Part::Texts, &mut memory, output);
        facts::write_end(output, who, &memory, counts, unnamed);
    }

    fn files(&self, part: Part, memory: &mut Memory, output: &mut Output) {
        let mut behind_code = false;
        maps::each(&mut |mapping| {
            if let Some(Mapping { low, high, readable, executable, offset, path }) = mapping {
                let ours = self.module.contains(&low);
                behind_code |= ours && executable;
                let is_file = path.starts_with('/') && !path.starts_with("/dev/");
                let of_it = if behind_code { Part::Data } else { Part::Texts };
                if ours && readable && !executable && part == of_it {
                    memory.copy(low..high, output);
                } else if !ours && is_file && readable && offset == 0 && part == Part::Texts {
                    memory.copy(low..high.min(low + FILE_HEAD), output);
                } else if path == "[vdso]" && part == Part::Texts {
                    memory.copy(low..high, output);
                }
            }
            if output.failed().is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    }
}

/// Where the file lies that this address is of, with the memory behind it that begins as zeros.
fn module_of(address: usize) -> Range<usize> {
    let mut module = 0..0;
    let mut path: [u8; 512] = [0; 512];
    let mut length = usize::MAX;
    let mut found = false;
    maps::each(&mut |mapping| {
        let Some(mapping) = mapping else { return ControlFlow::Continue(()) };
        let same = path.get(..length) == Some(mapping.path.as_bytes());
        let behind = mapping.path.is_empty() && mapping.low == module.end;
        if same || behind {
            module.end = mapping.high;
        } else if found {
            return ControlFlow::Break(());
        } else if let Some(room) = path.get_mut(..mapping.path.len()) {
            room.copy_from_slice(mapping.path.as_bytes());
            length = mapping.path.len();
            module = mapping.low..mapping.high;
        }
        found |= (mapping.low..mapping.high).contains(&address);
        ControlFlow::Continue(())
    });
    if found { module } else { 0..0 }
}

fn table<T: Record>(table: &Table<T>, memory: &mut Memory, output: &mut Output) {
    for (start, bytes) in table.places() {
        memory.copy(start..start + bytes, output);
    }
}

/// The kernel's list, as it is.
fn mappings(output: &mut Output) {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::open(c"/proc/self/maps", flags, Mode::empty()) else { return };
    while output.failed().is_none() {
        let before = output.filled();
        if before == BLOCK_MAX {
            output.end_block(Tag::Maps, 0);
            continue;
        }
        let Some(room) = output.room(BLOCK_MAX - before) else { return };
        let read = rustix::io::read(&file, room);
        output.cut_to(before + read.unwrap_or_default());
        match read {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    output.end_block(Tag::Maps, 0);
}

/// Names of waiters, objects and regions; how many could not be looked up.
fn names(output: &mut Output) -> u64 {
    let mut unnamed = 0;
    // Put together while the map is read, and written when it is not.
    let mut entries = Text::new();
    let mut named = |key, id, kind| {
        entries.clear();
        let looked = tags::look(key, |tags| name(&mut entries, kind, id, tags));
        unnamed += u64::from(looked != Looked::Found(true) && looked != Looked::Absent);
        output.add(Tag::Names, &[entries.bytes()]);
    };
    for (_, record) in WAITERS.live().filter(|(_, record)| record.has(THREAD | TAGGED)) {
        let id = record.id();
        named(Key::Task(id), id, NameKind::Task);
    }
    for (_, record) in OBJECTS.live().filter(|(_, record)| record.is_named()) {
        let id = record.id.load(Ordering::Relaxed);
        named(Key::Object(id), id, NameKind::Object);
    }
    for (_, record) in REGIONS.live() {
        let id = record.id.load(Ordering::Relaxed);
        named(Key::Region(id), id, NameKind::Region);
    }
    output.end_block(Tag::Names, 0);
    unnamed
}

/// Whether there was room for all of it.
fn name(entries: &mut Text, kind: NameKind, id: u64, tags: &Tags) -> bool {
    let name = tags.name.iter().all(|name| entry(entries, kind, id, &[name]));
    let mut labels = tags.labels.as_deref().unwrap_or_default().iter();
    let labels =
        labels.all(|(key, value)| entry(entries, NameKind::Label, id, &[key, "\0", value]));
    let peer = tags.peer.iter().all(|peer| entry(entries, NameKind::Peer, id, &[peer]));
    name && labels && peer
}

fn entry(entries: &mut Text, kind: NameKind, id: u64, text: &[&str]) -> bool {
    let length: usize = text.iter().map(|part| part.len()).sum();
    let Ok(short) = u32::try_from(length) else { return false };
    if entries.left() < 16 + length + 8 {
        return false;
    }
    entries.raw(&name_head(kind, id, short));
    for part in text {
        entries.str(part);
    }
    entries.raw([0; 8].get(..padding(length)).unwrap_or_default());
    true
}

fn second_reading(output: &mut Output) {
    for (_, record) in WAITERS.live() {
        let address = std::ptr::from_ref(&record.state).addr();
        output.add(Tag::Words, &[&word(address as u64, record.state.load().to_bits())]);
    }
    for (_, record) in OBJECTS.live() {
        let address = std::ptr::from_ref(&record.owner).addr();
        output.add(Tag::Words, &[&word(address as u64, record.owner.load(Ordering::Acquire))]);
    }
    output.end_block(Tag::Words, 0);
}
