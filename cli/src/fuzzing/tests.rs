//! Each target on its corpus and on seeded mutations of it: what a fuzzer does for minutes, for a second and
//! without one. And whether all parts of each target are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gleak_detector::findings_file::{self, Source};
use gleak_detector::snapshot::flight::{self, Entry, EntryState, EntryWait, Identity, Joined};
use gleak_detector::snapshot::{Site, SiteId, SpawnPoint, TaskId, Tenure, WaitReason, write_dump};
use gleak_detector::survey::Survey;

use super::TARGETS;
use crate::memory;

/// Mutations of each input.
const MUTATIONS: u64 = 25;
/// Longer inputs are cut: most of what readers do, they do with little.
const LONGEST: usize = 6 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Files of a folder by their names, sorted.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<_> = paths.map(|it| (name(&it), fs::read(&it).unwrap())).collect();
    files.sort();
    files
}

/// Words of the dictionary.
fn words() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(folder().join("gleak.dict")).unwrap();
    let quoted = |line: &str| {
        let inside = line.strip_prefix('"')?.strip_suffix('"')?;
        let mut bytes = Vec::new();
        let mut rest = inside.as_bytes();
        while let [first, after @ ..] = rest {
            rest = after;
            match (first, rest) {
                (b'\\', [b'x', high, low, after @ ..]) => {
                    let digits = [*high, *low];
                    let digits = std::str::from_utf8(&digits).unwrap();
                    bytes.push(u8::from_str_radix(digits, 16).unwrap());
                    rest = after;
                }
                (b'\\', [letter, after @ ..]) => {
                    bytes.push(*letter);
                    rest = after;
                }
                _ => bytes.push(*first),
            }
        }
        Some(bytes)
    };
    text.lines().filter_map(quoted).collect()
}

/// Numbers that look random and are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below the end; 0 when there is nothing below it.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap()
    }

    /// A stretch of so many bytes at most.
    fn stretch(&mut self, bytes: &[u8], most: usize) -> std::ops::Range<usize> {
        let start = self.below(bytes.len() + 1);
        start..bytes.len().min(start + self.below(most + 1))
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, words: &[Vec<u8>], other: &[u8]) {
        let at = self.stretch(bytes, 40);
        match self.below(8) {
            0 => bytes.truncate(at.start),
            1 => drop(bytes.drain(at)),
            2 => {
                let again = bytes[at.clone()].to_vec();
                bytes.splice(at.start..at.start, again);
            }
            3 => {
                let word = &words[self.below(words.len())];
                bytes.splice(at.start..at.start, word.iter().copied());
            }
            4 => {
                let word = &words[self.below(words.len())];
                bytes.splice(at, word.iter().copied());
            }
            5 => {
                let theirs = self.stretch(other, 400);
                bytes.splice(at, other[theirs].iter().copied());
            }
            6 => {
                // A digit becomes another one: ids dangle, counts lie.
                let digit = bytes[at.start..].iter().position(u8::is_ascii_digit);
                if let Some(digit) = digit {
                    bytes[at.start + digit] = b"0123456789"[self.below(10)];
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at.start) {
                    *byte ^= 1 << self.below(8);
                }
            }
        }
    }
}

/// Runs a target on an input; says which when it panics, and keeps it to be looked at.
fn run(name: &str, input: &[u8], of: &str) {
    if std::panic::catch_unwind(|| super::run(name, input)).is_err() {
        let kept = std::env::temp_dir().join(format!("gleak-{name}-crash"));
        fs::write(&kept, input).unwrap();
        panic!("{name} fails on {of}; the input is in {}", kept.display());
    }
}

#[track_caller]
fn holds(name: &str) {
    let (words, corpus) = (words(), files(&folder().join("corpus").join(name)));
    for (seed, (file, bytes)) in (0..).zip(&corpus) {
        run(name, bytes, file);
        let mut seeded = Seeded(seed << 32);
        for mutation in 0..MUTATIONS {
            let mut mutated = bytes.clone();
            mutated.truncate(LONGEST);
            let other = &corpus[seeded.below(corpus.len())].1;
            for _ in 0..=seeded.below(4) {
                seeded.mutate(&mut mutated, &words, other);
            }
            run(name, &mutated, &format!("mutation {mutation} of {file}"));
        }
    }
}

/// The smallest input of each target, as far as this; each byte of it costs two runs.
const SMALL: usize = 200;

#[test]
fn every_cut_and_every_damaged_byte_is_survived() {
    for (name, _) in TARGETS {
        let corpus = files(&folder().join("corpus").join(name));
        let (file, mut bytes) = corpus.into_iter().min_by_key(|(_, bytes)| bytes.len()).unwrap();
        bytes.truncate(SMALL);
        for at in 0..bytes.len() {
            run(name, &bytes[..at], &format!("{file}, cut at {at}"));
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            run(name, &damaged, &format!("{file}, damaged at {at}"));
        }
    }
}

macro_rules! corpus_holds {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name));
        })*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

corpus_holds!(baseline binary core dump filter findings flight go image input suppressions);

/// What our own writers make of the process that the targets know; BLESS=1 writes it anew.
#[test]
fn the_corpus_holds_what_our_writers_write() {
    let (snapshot, report) = super::targets::example();
    let (mut dump, mut findings) = (Vec::new(), Vec::new());
    write_dump(snapshot, &mut dump).unwrap();
    let source = Source { program: "bank".to_owned(), pid: 4711, tests: 3, spawned: 4 };
    findings_file::write(&mut findings, &source, &report.findings, &Survey::default()).unwrap();
    let all = [
        ("core/small.core", memory::tests::small_core()),
        ("dump/small.ndjson", dump),
        ("findings/small.ndjson", findings),
        ("flight/small.bin", flight_parts()),
        ("image/small.crash", memory::tests::small_image()),
    ];
    for (name, bytes) in all {
        let path = folder().join("corpus").join(name);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &bytes).unwrap();
        }
        let kept = fs::read(&path).unwrap_or_default();
        assert!(kept == bytes, "{name} is not what is written now; BLESS=1 writes it");
    }
}

/// A log, a zero, and records: of one that waits, one that runs, one that joins, and one nobody has.
fn flight_parts() -> Vec<u8> {
    let site = |line| Site { file: "src/a.rs".to_owned(), line, column: 3 };
    let spawn = SpawnPoint { site: SiteId(0), entry: "app::work".to_owned() };
    let lines = [
        flight::site_line(0, &site(9)),
        flight::site_line(1, &site(12)),
        flight::spawn_line(0, &spawn),
        flight::name_line(TaskId(2), "worker"),
    ];
    let mut bytes: Vec<u8> = lines.into_iter().flat_map(Result::unwrap).collect();
    bytes.push(0);
    let wait = |reason, joins| {
        let (site, since_ns, until_ns) = (Some(1), 5_000_000_000, None);
        EntryState::Waiting(EntryWait { reason, site, since_ns, until_ns, joins })
    };
    let entry = |task, state| {
        let (turn, parent, spawn, tenure) = (1, None, Some(0), Tenure::Ordinary);
        let main = task == TaskId(1);
        let identity = Identity { task, turn, parent, spawn, thread: false, main, tenure };
        Entry { identity, state }.words()
    };
    let second = Some(Joined { record: 1, turn: 1 });
    let records = [
        entry(TaskId(1), wait(WaitReason::Join, second)),
        entry(TaskId(2), EntryState::Running),
        [0; flight::RECORD_WORDS],
        entry(TaskId(3), wait(WaitReason::Receive, None)),
    ];
    bytes.extend(records.iter().flatten().flat_map(|word| word.to_le_bytes()));
    bytes
}

#[test]
fn every_target_has_its_test_its_program_and_its_corpus() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, TESTED);
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    let programs: BTreeSet<String> =
        files(&folder().join("targets")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(programs, names.iter().map(|name| format!("{name}.rs")).collect());
    for name in names {
        let program = fs::read_to_string(folder().join(format!("targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("run(\"{name}\"")), "{program}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in the manifest");
        assert!(!files(&folder().join("corpus").join(name)).is_empty(), "{name} has no corpus");
    }
}
