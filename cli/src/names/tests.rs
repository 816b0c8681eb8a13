//! Names from files that rustc has just made: small ones, with a build id that the test chooses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gleak_detector::snapshot::{FrameId, Snapshot, SnapshotBuilder, Symbol};
use object::read::{Object, ObjectSymbol};

use super::{Binary, Names};
use crate::args;
use crate::input::Content;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/named.rs");
const BUILD_ID: &str = "00c0ffee12345678";
const LIBRARY: &[&str] = &["--crate-type=cdylib", "-g"];
/// A program at addresses of its own choice.
const PROGRAM: &[&str] = &[
    "--crate-type=bin",
    "-g",
    "--cfg=program",
    "-Crelocation-model=static",
    "-Clink-arg=-nostartfiles",
    "-Clink-arg=-static",
    "-Clink-arg=-Wl,-e,entry",
];
const LINES_ONLY: &[&str] = &["--crate-type=cdylib", "-Cdebuginfo=line-tables-only"];
const NO_DEBUG: &[&str] = &["--crate-type=cdylib", "-Cdebuginfo=0"];
const STRIPPED: &[&str] = &["--crate-type=cdylib", "-Cstrip=symbols"];
const OTHER_ID: &str = "-Clink-arg=-Wl,--build-id=0xbadbadbadbadbad0";
const NO_ID: &str = "-Clink-arg=-Wl,--build-id=none";

/// A folder of its own for each test, removed at the end.
struct Files {
    dir: PathBuf,
}

impl Files {
    fn new(test: &str) -> Files {
        let dir = std::env::temp_dir().join(format!("gleak-names-{test}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Files { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Has rustc make a file.
    fn build(&self, name: &str, flags: &[&str]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let common = ["--edition=2021", "-Cpanic=abort", "-Copt-level=1", "-Clink-arg=-nostdlib"];
        let id = format!("-Clink-arg=-Wl,--build-id=0x{BUILD_ID}");
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        rustc
            .args(common)
            .args(["--crate-name", "named"])
            .arg(id)
            .args(flags)
            .arg(SOURCE)
            .arg("-o")
            .arg(&path);
        let done = rustc.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The line of the source that ends in this remark.
fn line(remark: &str) -> Option<u32> {
    let source = fs::read_to_string(SOURCE).unwrap();
    let at = source.lines().position(|line| line.ends_with(remark)).unwrap();
    Some(at as u32 + 1)
}

/// Each address of `work`.
fn addresses(file: &Path) -> Vec<u64> {
    let bytes = fs::read(file).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let work =
        file.symbols().find(|symbol| symbol.name().is_ok_and(|name| name.contains("4work17h")));
    let work = work.expect("work has a symbol");
    assert!(work.size() > 0);
    (work.address()..work.address() + work.size()).collect()
}

/// A dump with one frame an address, of a module at `path`.
fn dump(path: &str, build_id: Option<&str>, addresses: &[u64]) -> Snapshot {
    let mut b = SnapshotBuilder::new();
    let module = b.module(path, 0x5555_0000_0000, build_id);
    let frames: Vec<FrameId> =
        addresses.iter().map(|address| b.frame(Some(module), *address, &[])).collect();
    let stack = b.stack_of(&frames);
    b.task("src/main.rs:1", "app::f").backtrace(stack);
    b.build()
}

fn names(exe: &[PathBuf], debug_dir: &[PathBuf]) -> Names {
    let args = args::Names { exe: exe.to_vec(), debug_dir: debug_dir.to_vec() };
    Names::open(&args).expect("all is there")
}

/// The names that its frames get.
fn named(names: &mut Names, dump: Snapshot) -> Vec<Vec<Symbol>> {
    let Content::Dump(dump) = names.given_to(Content::Dump(Box::new(dump))) else {
        panic!("a dump stays one")
    };
    assert_eq!(dump.validate(), Ok(()));
    dump.frames.into_iter().map(|frame| frame.symbols).collect()
}

fn remarks(names: &Names) -> Vec<String> {
    names.remarks().map(|remark| remark.to_string()).collect()
}

/// Every address is in `work`, and in one of them `take` is inlined.
#[track_caller]
fn assert_whole(found: &[Vec<Symbol>]) {
    assert!(!found.is_empty());
    for symbols in found {
        let last = symbols.last().expect("each address has a name");
        assert_eq!(last.function, "named::jobs::work");
        assert!(last.file.as_deref().is_some_and(|file| file.ends_with("named.rs")), "{last:?}");
    }
    let is_inlined = |symbols: &Vec<Symbol>| match &symbols[..] {
        [.., take, work] => {
            take.function.ends_with("take")
                && (take.line, work.line) == (line("taken"), line("called"))
        }
        _ => false,
    };
    assert!(found.iter().any(is_inlined), "take is in none of them");
}

#[test]
fn inlined_functions_come_first_however_the_file_was_made() {
    let files = Files::new("inlined");
    let zlib = [LIBRARY, &["-Clink-arg=-Wl,--compress-debug-sections=zlib"]].concat();
    let zstd = [LIBRARY, &["-Clink-arg=-Wl,--compress-debug-sections=zstd"]].concat();
    for (name, flags) in [
        ("library", LIBRARY),
        ("program", PROGRAM),
        ("lines-only", LINES_ONLY),
        ("zlib", &zlib),
        ("zstd", &zstd),
    ] {
        let path = files.build(name, flags);
        let mut names = names(&[], &[]);
        let dump = dump(&files.text(name), Some(BUILD_ID), &addresses(&path));
        assert_whole(&named(&mut names, dump));
        assert_eq!(remarks(&names), [""; 0], "{name}");
    }
}

#[test]
fn without_debug_information_functions_have_names_and_no_places() {
    let files = Files::new("symbols");
    let path = files.build("app", NO_DEBUG);
    let all = addresses(&path);
    let mut names = names(&[], &[]);
    let found = named(&mut names, dump(&files.text("app"), Some(BUILD_ID), &all));
    let work = Symbol { function: "named::jobs::work".to_owned(), file: None, line: None };
    assert!(found.iter().all(|symbols| *symbols == [work.clone()]), "{found:?}");
    // Before any function, and at the end of all addresses.
    let nowhere = dump(&files.text("app"), Some(BUILD_ID), &[0, 1, u64::MAX]);
    assert!(named(&mut names, nowhere).iter().all(Vec::is_empty));
    assert_eq!(remarks(&names), [""; 0]);
}

#[test]
fn a_file_of_another_build_is_refused_and_the_frames_stay_addresses() {
    let files = Files::new("other");
    let all = addresses(&files.build("app", &[LIBRARY, &[OTHER_ID]].concat()));
    let mut names = names(&[], &[]);
    let found = named(&mut names, dump(&files.text("app"), Some(BUILD_ID), &all));
    assert!(found.iter().all(Vec::is_empty));
    let app = files.text("app");
    let expected = format!(
        "{app}: is another file by now: build id badbadbadbadbad0, the dump has {BUILD_ID}; \
         its frames stay addresses"
    );
    assert_eq!(remarks(&names), [expected]);
}

#[test]
fn a_file_that_is_named_takes_the_place_of_one_that_has_gone() {
    let files = Files::new("named");
    let app = files.build("copy", LIBRARY);
    let other = files.build("other", &[LIBRARY, &[OTHER_ID]].concat());
    let gone = || dump("/gone/app", Some(BUILD_ID), &addresses(&app));

    let mut without = names(&[], &[]);
    assert!(named(&mut without, gone()).iter().all(Vec::is_empty));
    assert_eq!(remarks(&without), ["/gone/app: is not there; its frames stay addresses"]);

    let mut with = names(&[other.clone(), app.clone()], &[]);
    assert!(with.strangers().is_empty(), "nothing is known of any dump yet");
    assert_whole(&named(&mut with, gone()));
    let strangers: Vec<String> = with.strangers().iter().map(ToString::to_string).collect();
    let other = other.display();
    let expected = format!(
        "{other}: build id badbadbadbadbad0 is not that of any module of the dump; wanted \
         {BUILD_ID} (/gone/app)"
    );
    assert_eq!((strangers, remarks(&with).len()), (vec![expected], 0));
}

#[test]
fn without_build_ids_only_a_file_that_is_named_counts() {
    let files = Files::new("no-id");
    let app = files.build("app", &[LIBRARY, &[NO_ID]].concat());
    let all = addresses(&app);
    let mut alone = names(&[], &[]);
    assert!(named(&mut alone, dump(&files.text("app"), None, &all)).iter().all(Vec::is_empty));
    assert!(remarks(&alone)[0].contains("has no build id in the dump, so only --exe"));
    let mut by_user = names(std::slice::from_ref(&app), &[]);
    assert_whole(&named(&mut by_user, dump("/gone/app", None, &all)));

    // One side alone without is a mismatch, and so is another name.
    for (path, build_id) in [("/gone/app", Some(BUILD_ID)), ("/gone/tool", None)] {
        let mut names = names(std::slice::from_ref(&app), &[]);
        assert!(named(&mut names, dump(path, build_id, &all)).iter().all(Vec::is_empty));
        assert_eq!(names.strangers().len(), 1, "{path}");
    }
    let mut own = names(&[], &[]);
    assert!(named(&mut own, dump(&files.text("app"), Some(BUILD_ID), &all))[0].is_empty());
    assert!(remarks(&own)[0].contains("has no build id, the dump has 00c0ffee"));
}

#[test]
fn a_debug_file_is_found_by_build_id() {
    let files = Files::new("debug-dir");
    let all = addresses(&files.build("debug/.build-id/00/c0ffee12345678.debug", LIBRARY));
    files.build("app", STRIPPED);
    let stripped = || dump(&files.text("app"), Some(BUILD_ID), &all);
    let mut without = names(&[], &[]);
    assert!(named(&mut without, stripped()).iter().all(Vec::is_empty));
    let mut with = names(&[], &[files.path("debug")]);
    assert_whole(&named(&mut with, stripped()));
    assert_eq!(remarks(&with), [""; 0]);
    // A build id that is none leads to no path.
    for id in ["", "00", "00/../../app", "00../app"] {
        let mut names = names(&[], &[files.path("debug")]);
        assert!(named(&mut names, dump("/gone/app", Some(id), &all)).iter().all(Vec::is_empty));
    }
}

#[test]
fn a_debug_file_is_found_by_the_link_to_it() {
    let files = Files::new("link");
    let app = files.build("app", LIBRARY);
    let all = addresses(&app);
    fs::create_dir(files.path(".debug")).unwrap();
    let debug = files.path(".debug/app.debug");
    let mut objcopy = Command::new("objcopy");
    let moved = objcopy.arg("--only-keep-debug").arg(&app).arg(&debug).output();
    if !moved.is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: no objcopy");
        return;
    }
    let link = format!("--add-gnu-debuglink={}", debug.display());
    let mut objcopy = Command::new("objcopy");
    assert!(objcopy.args(["--strip-all", &link]).arg(&app).status().unwrap().success());
    let mut names = names(&[], &[]);
    assert_whole(&named(&mut names, dump(&files.text("app"), Some(BUILD_ID), &all)));
}

#[test]
fn what_is_no_file_of_code_is_told() {
    let files = Files::new("no-elf");
    fs::write(files.path("text"), "goroutine 1 [running]:\n").unwrap();
    fs::write(files.path("empty"), "").unwrap();
    fs::write(files.path("short"), b"\x7fELF\x02\x01").unwrap();
    for (name, words) in [
        ("text", "is no program"),
        ("empty", "is no program"),
        ("short", "is cut or damaged"),
        ("", "is no regular file"),
        ("/dev/zero", "is no regular file"),
        ("missing", "no such file"),
    ] {
        let fault = Binary::open(&files.path(name)).expect_err(name).to_string();
        assert!(fault.starts_with(words), "{name}: {fault}");
    }
    let mut names = names(&[], &[]);
    named(&mut names, dump(&files.text("text"), Some(BUILD_ID), &[7]));
    assert!(remarks(&names)[0].contains("text: is no program, library or debug file (no ELF)"));
}

/// Opens a damaged copy and looks up what it can; says whether all went well.
fn survives(path: &Path, bytes: &[u8], all: &[u64]) -> bool {
    fs::write(path, bytes).unwrap();
    let Ok(binary) = Binary::open(path) else { return false };
    let (names, fault) = binary.names(all);
    assert_eq!(names.len(), all.len());
    fault.is_none()
}

#[test]
fn no_damage_panics() {
    let files = Files::new("damage");
    let zlib = [LIBRARY, &["-Clink-arg=-Wl,--compress-debug-sections=zlib"]].concat();
    for flags in [LIBRARY, &zlib] {
        let app = files.build("app", flags);
        let (bytes, copy) = (fs::read(&app).unwrap(), files.path("copy"));
        let all: Vec<u64> = addresses(&app).into_iter().step_by(11).collect();
        assert!(survives(&copy, &bytes, &all));
        for end in (0..bytes.len()).step_by(97) {
            assert!(!survives(&copy, &bytes[..end], &all), "cut at {end}");
        }
        let mut damaged = bytes.clone();
        for at in (0..bytes.len()).step_by(13) {
            damaged[at] = if at % 2 == 0 { 0xff } else { bytes[at] ^ 1 << (at % 8) };
            survives(&copy, &damaged, &all);
            damaged[at] = bytes[at];
        }
    }
}

#[test]
fn a_section_that_claims_to_be_huge_is_refused() {
    let files = Files::new("bomb");
    let app =
        files.build("app", &[LIBRARY, &["-Clink-arg=-Wl,--compress-debug-sections=zlib"]].concat());
    let mut bytes = fs::read(&app).unwrap();
    let all = addresses(&app);
    let range = {
        use object::read::ObjectSection;
        let file = object::File::parse(&*bytes).unwrap();
        file.section_by_name(".debug_info").unwrap().file_range().unwrap()
    };
    // Of the header of what is compressed: its size behind kind and reserve.
    let size = range.0 as usize + 8;
    bytes[size..size + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    fs::write(&app, bytes).unwrap();
    let mut names = names(&[], &[]);
    let found = named(&mut names, dump(&files.text("app"), Some(BUILD_ID), &all));
    assert!(found.iter().all(|symbols| symbols[0].function == "named::jobs::work"));
    let words = ".debug_info claims to be far larger than it is; not all of its frames have names";
    assert!(remarks(&names)[0].contains(words), "{:?}", remarks(&names));
}
