//! Core files that are made by hand: two tasks that each hold what the other one wants, in records of a
//! layout of our own.

use std::cell::Cell;
use std::io::Cursor;
use std::ops::Range;

use gleak_detector::snapshot::image::{
    Field, FileMapping, Flaws, HEAD_WORDS, MAGIC, Memory, Process, Root, Signal, ThreadState,
    VERSION, file, read_image,
};
use gleak_detector::snapshot::{Crash, ObjectDetail, Reason, Snapshot, TaskId, TaskState};
use gleak_detector::{Certainty, Question, Rule, analyze};

use super::core::ElfCore;
use super::{MemoryFault, of_core};
use crate::args;
use crate::names::Names;

/// Where the memory begins, and how much there is.
const BASE: u64 = 0x40_0000;
const BYTES: usize = 0x6000;
const RECORD: u64 = 512;
const GENERATION: u64 = 1;

// Parts of it.
const ANCHOR: u64 = 0;
const TABLES: u64 = 0x800;
const TABLE: u64 = 0x40;
const CHUNKS: u64 = 0x1000;
const CHUNK: u64 = 0x1000;
const SEATS: u64 = 0x5000;
const CLOCK: u64 = 0x5100;
const SEAT: u64 = 0x5200;
const ENTRIES: u64 = 0x5400;
const PLACES: u64 = 0x5600;
const TEXTS: u64 = 0x5800;

struct Made {
    memory: Vec<u8>,
}

/// A field's offset in its record, or the number that it is.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others are laid out alike")]
fn field(field: Field) -> u64 {
    use Field as F;
    let name = format!("{field:?}");
    match field {
        F::Recorded | F::StateFresh | F::AncestorCount | F::EntryCapacity | F::TableChunkCount => 1,
        F::ProbeFileBytes => "src/app.rs".len() as u64,
        F::ProbeLine => 7,
        F::ProbeColumn => 3,
        F::ChunkRecords => CHUNK / RECORD,
        F::TableChunks | F::SlotGeneration | F::WaiterSlot | F::NodeSlot | F::ObjectSlot => 0,
        F::RegionSlot => 0,
        F::TableUsed => 8,
        F::StateBits => 3,
        F::StateRunning | F::ReadCount => 2,
        F::StateRunnable => 3,
        F::StateWaiting => 4,
        F::StateClaimed => 5,
        F::FlagThread => 1,
        F::FlagMain => 2,
        F::FlagTagged => 4,
        F::FlagBackground => 32,
        F::FlagDaemon => 64,
        F::WaiterSize | F::NodeSize | F::ObjectSize | F::RegionSize => RECORD,
        F::AncestorSize => 16,
        F::EntrySize => 24,
        F::SeatCapacity => 4,
        // Ends and notes begin anew, all others lie one after the other behind the slot.
        _ => {
            let kind = ["Wait", "Node", "Object", "End", "Region", "Seat", "Entry", "Ancestor"];
            let kind = kind.into_iter().find(|kind| name.starts_with(kind)).expect("a record's");
            let of_kind = Field::ALL.into_iter().filter(|it| format!("{it:?}").starts_with(kind));
            let before = of_kind.take_while(|it| *it != field).count() as u64;
            let first = Field::ALL.into_iter().filter(|it| format!("{it:?}").starts_with(kind));
            let sizes = first.take_while(|it| *it != field);
            let skipped = sizes.filter(|it| format!("{it:?}").ends_with("Size")).count() as u64;
            match kind {
                "End" | "Ancestor" => (before - skipped) * 8,
                "Entry" => (before - skipped - 1) * 8,
                _ => before * 8 + 8,
            }
        }
    }
}

impl Made {
    fn put(&mut self, at: u64, value: u64) {
        let at = at as usize;
        self.memory[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn text(&mut self, at: u64, text: &str) -> u64 {
        self.memory[at as usize..at as usize + text.len()].copy_from_slice(text.as_bytes());
        BASE + at
    }

    /// File and its length, line and column.
    fn place(&mut self, number: u64, file: u64, line: u64) -> u64 {
        let at = PLACES + number * 24;
        self.put(at, 10);
        self.put(at + 8, 3 << 32 | line);
        self.put(at + 16, file);
        BASE + at
    }

    fn record(&mut self, table: u64, number: u64, fields: &[(Field, u64)]) -> u64 {
        let at = CHUNKS + table * CHUNK + number * RECORD;
        self.put(at, GENERATION);
        for (which, value) in fields {
            self.put(at + field(*which), *value);
        }
        let used = TABLES + table * TABLE + 8;
        self.put(used, number + 1);
        GENERATION << 32 | number
    }

    fn anchor(&mut self) {
        self.memory[..MAGIC.len()].copy_from_slice(&MAGIC);
        let table = |number: u64| BASE + TABLES + number * TABLE;
        let head = [VERSION, BASE + ANCHOR, Root::ALL.len() as u64, Field::ALL.len() as u64];
        let roots = Root::ALL.into_iter().map(|root| match root {
            Root::Waiters => table(0),
            Root::Nodes => table(1),
            Root::Objects => table(2),
            Root::Regions => table(3),
            Root::Seats => BASE + SEATS,
            Root::SeatCount => BASE + SEATS + 8,
            Root::Clock => BASE + CLOCK,
            Root::SpawnedOutside => BASE + CLOCK + 8,
            Root::Entries => BASE + ENTRIES,
            Root::StackRoot => 1,
            Root::Probe => BASE + PLACES,
            Root::ProbeFile => BASE + TEXTS,
        });
        let words: Vec<u64> =
            head.into_iter().chain(roots).chain(Field::ALL.into_iter().map(field)).collect();
        assert_eq!(words.len(), HEAD_WORDS - 2 + Root::ALL.len() + Field::ALL.len());
        for (number, word) in (2..).zip(words) {
            self.put(number * 8, word);
        }
        for number in 0..4 {
            self.put(TABLES + number * TABLE, BASE + CHUNKS + number * CHUNK);
        }
    }
}

/// Two tasks, two locks, one worker on which the first one runs, if `runs`.
fn memory(runs: bool) -> Vec<u8> {
    use Field as F;
    let mut made = Made { memory: vec![0; BYTES] };
    made.anchor();
    let file = made.text(TEXTS, "src/app.rs");
    assert_eq!(made.place(0, file, 7), BASE + PLACES);
    let (born, takes, wants, lock) = (
        made.place(1, file, 20),
        made.place(2, file, 30),
        made.place(3, file, 40),
        made.place(4, file, 50),
    );
    let name = made.text(TEXTS + 0x40, "app::worker");
    for (which, value) in [(F::EntryKey, 0x77), (F::EntryName, name), (F::EntryNameBytes, 11)] {
        made.put(ENTRIES + field(which), value);
    }
    for number in 0..2 {
        let state = if runs && number == 0 { 2 } else { 9 << 3 | 4 };
        made.record(
            0,
            number,
            &[
                (F::WaiterState, state),
                (F::WaiterId, number + 1),
                (F::WaiterEntry, 0x77),
                (F::WaiterSite, born),
                (F::WaitReason, 3),
                (F::WaitFirst, number + 1),
                (F::WaitSite, wants),
                (F::WaitSince, 40),
            ],
        );
        let (held, wanted) = (number, 1 - number);
        made.record(1, number, &[(F::NodeOp, 2), (F::NodeTarget, GENERATION << 32 | wanted)]);
        made.record(
            2,
            held,
            &[
                (F::ObjectKind, 1),
                (F::ObjectId, number + 1),
                (F::ObjectSite, lock),
                (F::ObjectTouched, u64::MAX),
                (F::ObjectOwner, GENERATION << 32 | number),
                (F::ObjectOwnerSite, takes),
                (F::ObjectOwnerSince, 30),
            ],
        );
    }
    made.put(SEATS, BASE + SEAT);
    made.put(SEATS + 8, 1);
    made.put(SEAT + field(F::SeatThread), 4321);
    let running = if runs { GENERATION << 32 } else { 0 };
    made.put(SEAT + field(F::SeatRunning), running);
    made.put(SEAT + field(F::SeatSpawned), 5);
    made.put(CLOCK, 100);
    made.memory
}

fn note(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut note = Vec::new();
    for half in [5, body.len() as u32, kind] {
        note.extend(u32::to_le_bytes(half));
    }
    note.extend(b"CORE\0\0\0\0");
    note.extend(body);
    note.resize(note.len().next_multiple_of(4), 0);
    note
}

/// A core file of two tasks, one of which runs.
pub(crate) fn small_core() -> Vec<u8> {
    core(&memory(true))
}

/// An image of the same memory.
pub(crate) fn small_image() -> Vec<u8> {
    const FACTS: &[u8] = br#"{"gleak_crash":1,"program":"app","pid":99,"signal":11,"signal_name":"SIGSEGV","code":1,"address":"0x10","thread":4321,"thread_name":"gleak-0","task":1,"overflow":false,"wall_s":1000,"taken_ns":100,"spawned":5,"finished":3}"#;
    const END: &[u8] = br#"{"blocks":5,"bytes":25000,"unreadable":0,"stacks":0,"cut_stacks":0,"unnamed":0,"write_ns":9}"#;
    let maps = format!("{BASE:x}-{:x} rw-p 00000000 00:00 0 /nowhere/app\n", BASE + BYTES as u64);
    let name = [&file::name_head(file::NameKind::Task, 1, 4)[..], b"one\xff\0\0\0\0"].concat();
    let blocks = [
        (file::Tag::Facts, 0, FACTS.to_vec()),
        (file::Tag::Maps, 0, maps.into_bytes()),
        (file::Tag::Memory, BASE, memory(true)),
        (file::Tag::Names, 0, name),
        (file::Tag::Words, 0, file::word(BASE + CHUNKS, 2).to_vec()),
        (file::Tag::End, 0, END.to_vec()),
    ];
    let mut image = file::head().to_vec();
    for (tag, address, payload) in blocks {
        image.extend(file::block_head(tag, address, &payload));
        image.extend(&payload);
        image.resize(image.len() + file::padding(payload.len()), 0);
    }
    image
}

/// As the kernel writes one.
fn core(memory: &[u8]) -> Vec<u8> {
    let put = |into: &mut Vec<u8>, at: usize, value: u64, bytes: usize| {
        into[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
    };
    let mut status = vec![0; 336];
    put(&mut status, 12, 11, 2);
    put(&mut status, 32, 4321, 4);
    put(&mut status, 112 + 16 * 8, 0x1234, 8);
    let mut process = vec![0; 136];
    put(&mut process, 24, 99, 4);
    process[40..43].copy_from_slice(b"app");
    let mut signal = vec![0; 128];
    put(&mut signal, 0, 11, 4);
    put(&mut signal, 8, 1, 4);
    put(&mut signal, 16, 0x10, 8);
    let mut files = Vec::new();
    for word in [1, 4096, BASE, BASE + BYTES as u64, 1] {
        files.extend(u64::to_le_bytes(word));
    }
    files.extend(b"/nowhere/app\0");
    let notes: Vec<u8> = [(1, status), (3, process), (0x5349_4749, signal), (0x4649_4c45, files)]
        .into_iter()
        .flat_map(|(kind, body)| note(kind, &body))
        .collect();
    let mut file = vec![0; 64 + 2 * 56];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    for (at, value, bytes) in [(16, 4, 2), (18, 62, 2), (32, 64, 8), (54, 56, 2), (56, 2, 2)] {
        put(&mut file, at, value, bytes);
    }
    let (first, second) = (64, 64 + 56);
    let start = file.len() as u64;
    for (at, value) in [(first + 8, start), (first + 32, notes.len() as u64)] {
        put(&mut file, at, value, 8);
    }
    put(&mut file, first, 4, 4);
    let data = start + notes.len() as u64;
    put(&mut file, second, 1, 4);
    put(&mut file, second + 4, 6, 4);
    for (at, value) in [(8, data), (16, BASE), (32, memory.len() as u64)] {
        put(&mut file, second + at, value, 8);
    }
    file.extend(notes);
    file.extend(memory);
    file
}

fn nameless() -> Names {
    Names::open(&args::Names { exe: Vec::new(), debug_dir: Vec::new() }).expect("nothing to open")
}

fn read(file: &[u8]) -> Result<Snapshot, MemoryFault> {
    let found = of_core(Cursor::new(file.to_vec()), 1_000, &mut nameless());
    if let Ok(snapshot) = &found {
        assert_eq!(snapshot.validate(), Ok(()));
    }
    found
}

fn certain(snapshot: &Snapshot) -> Vec<Rule> {
    let report = analyze(snapshot, &Question::default());
    let certain = report.findings.iter().filter(|it| it.certainty == Certainty::Certain);
    certain.map(|it| it.key.rule).collect()
}

#[test]
fn two_tasks_in_a_circle_are_found_with_their_places() {
    let snapshot = read(&core(&memory(false))).expect("a core");
    assert_eq!(certain(&snapshot), [Rule::Cycle]);
    assert_eq!((snapshot.header.program.as_str(), snapshot.header.pid), ("app", 99));
    assert_eq!((snapshot.header.wall_s, snapshot.header.taken_ns), (1_000, 100));
    assert_eq!(snapshot.header.counters.spawned, 5);
    let crash = Crash {
        signal: 11,
        code: 1,
        address: Some(0x10),
        thread: 4321,
        task: None,
        overflow: false,
    };
    assert_eq!(snapshot.header.crash, Some(crash));
    let places: Vec<(&str, u32, u32)> =
        snapshot.sites.iter().map(|it| (it.file.as_str(), it.line, it.column)).collect();
    assert!(places.contains(&("src/app.rs", 20, 3)), "{places:?}");
    assert_eq!(snapshot.spawns[0].entry, "app::worker");
}

#[test]
fn the_task_on_the_thread_that_faulted_is_named() {
    let snapshot = read(&core(&memory(true))).expect("a core");
    assert_eq!(certain(&snapshot), []);
    assert_eq!(snapshot.header.crash.and_then(|it| it.task), Some(TaskId(1)));
    assert_eq!(snapshot.tasks[0].state, TaskState::Running);
    let report = analyze(&snapshot, &Question::default());
    assert!(report.asides[0].lines[0].starts_with("SIGSEGV at address 0x10, in task t1"));
}

/// Memory that was copied while others ran: of one word the second reading differs.
struct Changing<'a> {
    core: &'a ElfCore<Cursor<Vec<u8>>>,
    changed: Option<u64>,
    asked: Cell<u64>,
}

impl Memory for Changing<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        self.core.read(address, into)
    }

    fn later(&self, address: u64) -> Option<u64> {
        self.asked.set(self.asked.get() + 1);
        self.core.later(address).filter(|_| self.changed != Some(address))
    }

    fn is_one_moment(&self) -> bool {
        false
    }

    fn data(&self) -> Vec<Range<u64>> {
        self.core.data()
    }

    fn process(&self) -> &Process {
        self.core.process()
    }

    fn files(&self) -> &[FileMapping] {
        self.core.files()
    }

    fn threads(&self) -> &[ThreadState] {
        self.core.threads()
    }

    fn signal(&self) -> Option<Signal> {
        self.core.signal()
    }

    fn flaws(&self) -> Flaws {
        self.core.flaws()
    }
}

#[test]
fn what_changed_while_memory_was_copied_proves_nothing() {
    let core = ElfCore::open(Cursor::new(core(&memory(false))), 0).expect("a core");
    let read = |changed| {
        let memory = Changing { core: &core, changed, asked: Cell::new(0) };
        let found = read_image(&memory, Reason::Crash).expect("records").snapshot;
        assert_eq!(memory.asked.get(), 4, "two tasks and two locks");
        assert_eq!(found.validate(), Ok(()));
        found
    };
    assert_eq!(certain(&read(None)), [Rule::Cycle]);
    let state = BASE + CHUNKS + field(Field::WaiterState);
    let moved = read(Some(state));
    assert_eq!((&moved.tasks[0].state, moved.completeness.moving), (&TaskState::Moving, 1));
    assert_eq!(certain(&moved), []);
    let owner = BASE + CHUNKS + 2 * CHUNK + field(Field::ObjectOwner);
    let unsettled = read(Some(owner));
    assert!(matches!(unsettled.objects[0].detail, ObjectDetail::Mutex { owner: None, .. }));
    assert_eq!((unsettled.objects[0].unsettled, certain(&unsettled).len()), (true, 0));
}

#[test]
fn a_core_that_is_cut_anywhere_is_read_as_far_as_it_goes_or_refused() {
    let whole = core(&memory(false));
    let mut used = 0;
    for end in 0..whole.len() {
        // Every byte of the headers, and borders of all else.
        if end > 0x400 && !end.is_multiple_of(8) {
            continue;
        }
        if let Ok(snapshot) = read(&whole[..end]) {
            used += 1;
            assert!(snapshot.completeness.cut, "at {end}");
            // What is there is of one moment, so that it is a circle whatever is lost.
            assert!(certain(&snapshot).iter().all(|it| *it == Rule::Cycle), "at {end}");
        }
    }
    assert!(used > 100, "{used}");
}

#[test]
fn whatever_is_wrong_with_a_byte_nothing_but_valid_snapshots_comes_out() {
    let whole = core(&memory(true));
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize
    };
    let mut read_all = 0;
    for round in 0..6_000 {
        let mut file = whole.clone();
        for _ in 0..=round % 4 {
            // Half of them where headers and records are.
            let at = if round % 2 == 0 { next() % 0x1000 } else { next() % file.len() };
            file[at] = next() as u8;
        }
        read_all += usize::from(read(&file).is_ok());
    }
    assert!(read_all > 1_000, "{read_all}");
}

#[test]
fn more_segments_than_the_header_can_say_are_counted_elsewhere() {
    let mut file = core(&memory(false));
    let sections = file.len() as u64;
    file.extend(vec![0; 64]);
    let at = file.len() - 64 + 44;
    file[at..at + 4].copy_from_slice(&2_u32.to_le_bytes());
    file[40..48].copy_from_slice(&sections.to_le_bytes());
    file[56..58].copy_from_slice(&0xffff_u16.to_le_bytes());
    assert_eq!(certain(&read(&file).expect("a core")), [Rule::Cycle]);
    file[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(read(&file), Err(MemoryFault::Core(_))));
}

#[test]
fn what_is_no_core_or_has_no_records_is_refused_in_words() {
    let whole = core(&memory(false));
    let refused = |file: &[u8]| read(file).expect_err("no use").to_string();
    let mut program = whole.clone();
    program[16] = 2;
    assert!(refused(&program).contains("is a program or library"));
    let mut other = whole.clone();
    other[18] = 40;
    assert!(refused(&other).contains("another machine"));
    assert!(refused(&core(&vec![0; BYTES])).contains("holds no records"));
    let mut newer = memory(false);
    newer[16] = 9;
    assert!(refused(&core(&newer)).contains("layout 9"));
    // A copy of an anchor that lies elsewhere is none.
    let mut moved = memory(false);
    moved[24] ^= 8;
    assert!(refused(&core(&moved)).contains("holds no records"));
}

#[test]
fn a_core_is_not_read_whole() {
    let mut file = core(&memory(false));
    // Another segment, far away, that nobody asks for.
    let length = 64_u64 << 20;
    file.resize(file.len() + length as usize, 7);
    let core = ElfCore::open(Cursor::new(file), 0).expect("a core");
    let found = read_image(&core, Reason::Core).expect("records");
    assert_eq!(found.snapshot.tasks.len(), 2);
    assert!(core.bytes_read() < 256 << 10, "{}", core.bytes_read());
}
