//! Stacks as people see them: frames with their names, those of the runtime marked.
//!
//! A stack begins in the runtime, where the task parked, and ends in it, where the task was
//! started. What is between is the user's, and what a report shows.
//!
//! Invariants:
//! 1. A frame whose name is not known is never marked for what it might be; one beyond the task's
//!    entry is, for where it stands.
//! 2. A stack that is wholly of the runtime has no marks: it is then shown as it is.
//! 3. Nothing is lost: names are whole, files as the snapshot has them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use gleak_snapshot::{Frame, FrameId, Snapshot, StackId, Symbol, Task};
use serde::{Deserialize, Serialize};

use crate::name;

/// A stack, innermost frame first, functions that were inlined on their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Backtrace {
    /// What called what.
    pub frames: Vec<BacktraceFrame>,
    /// Whether it ends before the task's entry: there it could not be read further.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// How many of the group's tasks stand there.
    pub tasks: u64,
    /// How many different stacks the group's tasks have, this one included. What differs in the
    /// runtime's frames only is no difference.
    pub different: u64,
}

/// One function on a stack.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BacktraceFrame {
    /// Its name, demangled and whole; `app+0x12f317`, the file and the address in it, or a bare
    /// address, when nobody knows a name.
    pub function: String,
    /// Source file, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// 1-based line, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Whether it is of the runtime: before the user's own call, or around the task's entry.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub runtime: bool,
}

/// Where every task and thread begins: path, name and file.
const ENTRIES: [(&str, &str, &str); 2] = [
    ("gleak_runtime::task::packet::", "task_entry", "task/packet.rs"),
    ("std::sys::backtrace::", "__rust_begin_short_backtrace", "std/src/sys/backtrace.rs"),
];
/// Crates below the user's call.
const BELOW: [&str; 8] = [
    "gleak_runtime",
    "corosensei",
    "core",
    "std",
    "alloc",
    "panic_unwind",
    "compiler_builtins",
    "__rustc",
];
/// Between the task's entry and a test's body.
const HARNESS: &str = "gleak_test_harness";
/// Functions without a path that raise or catch a panic.
const RAISING: [&str; 4] = ["__rust_try", "rust_begin_unwind", "rust_panic", "__rust_start_panic"];
/// In the paths of their sources, wherever they were built.
const FOLDERS: [&str; 5] = [
    "library/core/src/",
    "library/std/src/",
    "library/alloc/src/",
    "/corosensei-",
    "/gleak-runtime-",
];

/// The stacks of a snapshot.
pub(crate) struct Stacks<'a> {
    snapshot: &'a Snapshot,
    /// Folders that the sources of the runtime lie in. Optimised code has inlined functions whose
    /// names lack their path, so that only their file says whose they are.
    folders: BTreeSet<&'a str>,
}

impl<'a> Stacks<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        let of_frames = snapshot.frames.iter().flat_map(|frame| &frame.symbols);
        let of_panics = snapshot.panics.iter().flat_map(|panic| &panic.stack);
        let folders = of_frames.chain(of_panics).filter_map(own_folder).collect();
        Stacks { snapshot, folders }
    }

    /// The stack that most of these tasks have; of equally many, that of the first.
    pub(crate) fn shared<'t>(
        &self,
        tasks: impl Iterator<Item = &'t Task>,
        which: fn(&Task) -> Option<StackId>,
    ) -> Option<Backtrace> {
        let mut order: Vec<StackId> = Vec::new();
        let mut counts: BTreeMap<StackId, u64> = BTreeMap::new();
        for id in tasks.filter_map(which) {
            let count = counts.entry(id).or_default();
            *count += 1;
            if *count == 1 {
                order.push(id);
            }
        }
        most(order.into_iter().filter_map(|id| Some((self.read(id)?, counts[&id]))))
    }

    /// As [`Stacks::shared`], of stacks that have been looked up.
    pub(crate) fn of_symbols<'s>(
        &self,
        stacks: impl Iterator<Item = &'s [Symbol]>,
    ) -> Option<Backtrace> {
        let stacks = stacks.filter(|symbols| !symbols.is_empty());
        most(stacks.map(|symbols| (self.seen(symbols.iter().map(named).collect(), false), 1)))
    }

    fn read(&self, id: StackId) -> Option<Seen> {
        let stack = self.snapshot.stacks.get(id.0 as usize)?;
        let frames: Vec<BacktraceFrame> =
            stack.frames.iter().flat_map(|&frame| self.expanded(frame)).collect();
        (!frames.is_empty()).then(|| self.seen(frames, stack.cut))
    }

    fn expanded(&self, id: FrameId) -> Vec<BacktraceFrame> {
        match self.snapshot.frames.get(id.0 as usize) {
            None => vec![nameless("?".to_owned())],
            Some(frame) if frame.symbols.is_empty() => vec![nameless(self.address(frame))],
            Some(frame) => frame.symbols.iter().map(named).collect(),
        }
    }

    fn address(&self, frame: &Frame) -> String {
        let module = frame.module.and_then(|id| self.snapshot.modules.get(id.0 as usize));
        let file = module.and_then(|module| module.path.rsplit(['/', '\\']).next());
        match file.filter(|file| !file.is_empty()) {
            Some(file) => format!("{file}+{:#x}", frame.address),
            None => format!("{:#x}", frame.address),
        }
    }

    fn seen(&self, mut frames: Vec<BacktraceFrame>, cut: bool) -> Seen {
        let own = self.own(&frames, cut);
        if !own.is_empty() {
            for (number, frame) in frames.iter_mut().enumerate() {
                frame.runtime = !own.contains(&number);
            }
        }
        Seen { frames, cut }
    }

    /// The frames that are the user's, by number.
    fn own(&self, frames: &[BacktraceFrame], cut: bool) -> Range<usize> {
        let entry = frames.iter().position(|frame| self.is_entry(frame));
        let mut last = entry.unwrap_or(frames.len());
        // The far end of a cut stack is where reading failed, not where the task began.
        let is_whole = entry.is_some() || !cut;
        let around = |frame: &BacktraceFrame| self.is_below(frame) || is_of(frame, HARNESS);
        while is_whole && last > 0 && around(&frames[last - 1]) {
            last -= 1;
        }
        let mut first = 0;
        while first < last {
            first += match &frames[first..last] {
                [frame, ..] if self.is_below(frame) => 1,
                rest => match self.callees(rest) {
                    0 => break,
                    callees => callees,
                },
            };
        }
        first..last
    }

    /// How many functions of others the runtime calls here: what it asks the system for.
    fn callees(&self, frames: &[BacktraceFrame]) -> usize {
        let foreign = |frame: &&BacktraceFrame| {
            let system = is_of(frame, "rustix") || is_of(frame, "libc");
            system || frame.file.is_none() && is_symbol(&frame.function)
        };
        let foreign = frames.iter().take_while(foreign).count();
        let caller = frames.get(foreign);
        if caller.is_some_and(|frame| is_of(frame, "gleak_runtime")) { foreign } else { 0 }
    }

    fn is_entry(&self, frame: &BacktraceFrame) -> bool {
        ENTRIES.into_iter().any(|(path, name, file)| {
            // Shortening is dear, and the far end of a stack is only one frame.
            frame.function.contains(name) && {
                let function = name::shorten(&frame.function);
                let by_file = || self.is_file_below(frame) && is_in(frame, file);
                function.strip_suffix(name) == Some(path) || function == name && by_file()
            }
        })
    }

    fn is_below(&self, frame: &BacktraceFrame) -> bool {
        if FOLDERS.into_iter().any(|folder| is_in(frame, folder)) {
            return true;
        }
        if has_path(frame) {
            name::crates(&frame.function).all(|name| BELOW.contains(&name))
        } else {
            RAISING.contains(&frame.function.as_str()) || self.is_file_below(frame)
        }
    }

    fn is_file_below(&self, frame: &BacktraceFrame) -> bool {
        let file = frame.file.as_deref();
        let is_own = |file: &str| self.folders.iter().any(|folder| file.starts_with(folder));
        file.is_some_and(is_own) || FOLDERS.into_iter().any(|folder| is_in(frame, folder))
    }
}

/// The folder of the runtime's sources, when this is one of its functions.
fn own_folder(symbol: &Symbol) -> Option<&str> {
    let is_own = |name: &str| matches!(name, "gleak_runtime" | "corosensei");
    if !name::crates(&symbol.function).all(is_own) || name::crates(&symbol.function).count() == 0 {
        return None;
    }
    let file = symbol.file.as_deref()?;
    let end = file.rfind("/src/")? + "/src/".len();
    let folder = &file[..end];
    (!FOLDERS.into_iter().any(|std| folder.ends_with(std))).then_some(folder)
}

fn has_path(frame: &BacktraceFrame) -> bool {
    name::crates(&frame.function).next().is_some()
}

fn is_of(frame: &BacktraceFrame, name: &str) -> bool {
    has_path(frame) && name::crates(&frame.function).all(|it| it == name)
}

fn is_in(frame: &BacktraceFrame, part: &str) -> bool {
    frame.file.as_deref().is_some_and(|file| file.contains(part))
}

/// Whether it is the name of a C function, which has no path, and neither an address.
fn is_symbol(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "_@.".contains(letter);
    name.chars().all(is_letter) && !name.starts_with(|first: char| first.is_ascii_digit())
}

fn named(symbol: &Symbol) -> BacktraceFrame {
    let Symbol { function, file, line } = symbol.clone();
    BacktraceFrame { function, file, line, runtime: false }
}

fn nameless(function: String) -> BacktraceFrame {
    BacktraceFrame { function, file: None, line: None, runtime: false }
}

/// A stack that has been read.
struct Seen {
    frames: Vec<BacktraceFrame>,
    cut: bool,
}

/// The most frequent one, counted by what is the user's.
fn most(stacks: impl Iterator<Item = (Seen, u64)>) -> Option<Backtrace> {
    type Shape = (Vec<(String, Option<String>, Option<u32>)>, bool);
    let mut kinds: BTreeMap<Shape, usize> = BTreeMap::new();
    let mut backtraces: Vec<Backtrace> = Vec::new();
    for (Seen { frames, cut }, tasks) in stacks {
        let own = frames.iter().filter(|frame| !frame.runtime);
        let shape = own.map(|it| (it.function.clone(), it.file.clone(), it.line)).collect();
        let number = *kinds.entry((shape, cut)).or_insert(backtraces.len());
        match backtraces.get_mut(number) {
            Some(known) => known.tasks += tasks,
            None => backtraces.push(Backtrace { frames, cut, tasks, different: 0 }),
        }
    }
    let different = backtraces.len() as u64;
    // The last of equal ones is taken, and the first is wanted.
    let most = backtraces.into_iter().rev().max_by_key(|backtrace| backtrace.tasks)?;
    Some(Backtrace { different, ..most })
}
