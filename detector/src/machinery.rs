//! Which functions of a stack are the user's, and which are there to run them.
//!
//! By name, or by file where there is no more: optimised code has inlined functions whose names lack
//! their path. Files are compared with those of functions that are known by name, so that a user
//! may have a folder `runtime` too.
//!
//! Invariants:
//! 1. What has no name is never judged by what it might be, but may stand beyond the task's entry.
//! 2. A trait of the user's makes a function his, whatever the type, and the other way round.

use std::collections::BTreeSet;
use std::ops::Range;

use gleak_snapshot::Symbol;

use crate::name;

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
/// In the paths of their sources, wherever they were built.
const FOLDERS: [&str; 5] = [
    "library/core/src/",
    "library/std/src/",
    "library/alloc/src/",
    "/corosensei-",
    "/gleak-runtime-",
];
/// Between the task's entry and a test's body.
const HARNESS: &str = "gleak_test_harness";
/// Functions without a path that raise or catch a panic.
const RAISING: [&str; 4] = ["__rust_try", "rust_begin_unwind", "rust_panic", "__rust_start_panic"];

/// What a function may be; the user's is none of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Kind {
    /// The function that every task runs first.
    entry: bool,
    /// Of the runtime, or of what it and the user stand on.
    below: bool,
    harness: bool,
    runtime: bool,
    /// Of the system's interface, or C's: the runtime's when that calls it.
    system: bool,
}

/// Where the sources of the runtime lie, as far as a snapshot tells.
pub(crate) struct Sources<'a> {
    folders: BTreeSet<&'a str>,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(symbols: impl Iterator<Item = &'a Symbol>) -> Self {
        Sources { folders: symbols.filter_map(folder).collect() }
    }

    pub(crate) fn kind(&self, symbol: &Symbol) -> Kind {
        let Symbol { function, file, .. } = symbol;
        let file = file.as_deref().unwrap_or_default();
        let by_file = FOLDERS.iter().any(|folder| file.contains(folder))
            || self.folders.iter().any(|folder| file.starts_with(folder));
        let mut crates = name::crates(function).peekable();
        if crates.peek().is_none() {
            return Kind {
                entry: by_file && is_entry(function, |_, file_of| file.contains(file_of)),
                below: by_file || RAISING.contains(&function.as_str()),
                system: file.is_empty() && is_of_c(function),
                ..Kind::default()
            };
        }
        let crates: Vec<&str> = crates.collect();
        let all = |names: &[&str]| crates.iter().all(|it| names.contains(it));
        Kind {
            entry: is_entry(function, |path, _| name::shorten(function).starts_with(path)),
            // Shims and default methods are of std's files, whatever they are called.
            below: all(&BELOW) || FOLDERS.iter().any(|folder| file.contains(folder)),
            harness: all(&[HARNESS]),
            runtime: all(&["gleak_runtime"]),
            system: all(&["rustix", "libc"]),
        }
    }
}

fn is_entry(function: &str, confirmed: impl Fn(&str, &str) -> bool) -> bool {
    ENTRIES.iter().any(|&(path, name, file)| {
        // Shortening is dear, and only one frame of a stack is the entry.
        let may_be = function.contains(name);
        may_be && name::shorten(function).rsplit("::").next() == Some(name) && confirmed(path, file)
    })
}

/// The folder of the runtime's sources, when this is one of its functions: by its path, or the one at
/// the end of each stack by its name and file.
fn folder(symbol: &Symbol) -> Option<&str> {
    let file = symbol.file.as_deref()?;
    let end = file.rfind("/src/")? + "/src/".len();
    let (_, name, file_of) = ENTRIES[0];
    let mut crates = name::crates(&symbol.function).peekable();
    let is_its = match crates.peek() {
        Some(_) => crates.all(|it| it == "gleak_runtime"),
        None => symbol.function.split('<').next() == Some(name) && file[end..] == *file_of,
    };
    let of_std = FOLDERS.iter().any(|folder| file.contains(folder));
    (!of_std && is_its).then_some(&file[..end])
}

/// Whether it is the name of a C function, which has no path, and no address.
fn is_of_c(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "_@.".contains(letter);
    name.chars().all(is_letter) && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// The functions of a stack that are the user's: from his own call to the task's closure. Empty
/// when all are of the runtime.
pub(crate) fn own(kinds: &[Kind], cut: bool) -> Range<usize> {
    let entry = kinds.iter().position(|kind| kind.entry);
    let mut last = entry.unwrap_or(kinds.len());
    // The far end of a cut stack is where reading failed, not where the task began.
    let is_whole = entry.is_some() || !cut;
    let around = |kind: &Kind| kind.below || kind.harness;
    let trimmed = |mut last: usize| {
        while last > 0 && around(&kinds[last - 1]) {
            last -= 1;
        }
        last
    };
    if is_whole {
        last = trimmed(last);
    }
    // What the attribute has written around a test's body stands in the user's crate, beyond what
    // calls the body.
    if let Some(calls) = kinds[..last].iter().rposition(|kind| kind.harness)
        && kinds[..calls].iter().any(|kind| !around(kind) && !kind.system)
    {
        last = trimmed(calls);
    }
    let mut first = 0;
    while first < last {
        // What the runtime asks of the system, too.
        let asked = kinds[first..last].iter().take_while(|kind| kind.system).count();
        if kinds[first].below {
            first += 1;
        } else if asked > 0 && kinds[..last].get(first + asked).is_some_and(|kind| kind.runtime) {
            first += asked;
        } else {
            break;
        }
    }
    first..last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtimes_folder_is_known_where_no_name_has_a_path() {
        let symbol = |function: &str, file: &str| Symbol {
            function: function.to_owned(),
            file: Some(file.to_owned()),
            line: None,
        };
        let bare = symbol("task_entry<app::{closure_env#0}, ()>", "/b/gl/rt/src/task/packet.rs");
        assert_eq!(folder(&bare), Some("/b/gl/rt/src/"));
        assert_eq!(folder(&symbol("task_entry", "/b/app/src/main.rs")), None);
        assert_eq!(folder(&symbol("entry", "/b/app/src/task/packet.rs")), None);
        let park = symbol("park<()>", "/b/gl/rt/src/wait/mod.rs");
        assert!(Sources::new([&bare].into_iter()).kind(&park).below);
        assert!(!Sources::new([&park].into_iter()).kind(&park).below);
    }
}
