//! The verdict at the exit of the process: `GLEAK` asks for it in programs and tests that nobody has
//! changed, and a test harness for itself.
//!
//! Invariants:
//! 1. Unless somebody asks nothing is installed and no exit status is touched.
//! 2. The hook judges on a thread of its own: the one that exits has lost its thread-locals.
//! 3. It speaks once: what a harness has asked for comes instead of what `GLEAK` asks for.

use std::sync::Arc;

use once_cell::sync::{Lazy, OnceCell};

use super::say;
use crate::flight;
use crate::machine::futex::Parker;
use crate::machine::thread;
use crate::sync::{AtomicBool, Ordering};

/// What a red test run ends with.
const RED: u8 = 101;
/// Judging and printing need more than a worker's loop.
const STACK_BYTES: usize = 4 << 20;

/// What `GLEAK` asks for at the exit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// Tell; the exit status stays.
    Report,
    /// Tell, and end with this status when there is a finding.
    Check(u8),
    /// Count what is left, and judge nothing.
    Survey,
}

/// What to call instead of judging by what `GLEAK` says.
static INSTEAD: OnceCell<fn() -> Option<u8>> = OnceCell::new();
static STOOD_DOWN: AtomicBool = AtomicBool::new(false);

/// What `GLEAK` says.
static ASKED: Lazy<Option<Asked>> = Lazy::new(|| {
    let value = std::env::var_os("GLEAK")?;
    let mode = value.to_str().and_then(parse);
    if mode.is_none() {
        say(&format!(
            "gleak: GLEAK={value:?} is none of off, report, check, check:STATUS (1 to 255) and \
             survey: ignored"
        ));
    }
    mode?
});

/// None when it is not understood.
fn parse(text: &str) -> Option<Option<Asked>> {
    match text.split_once(':') {
        Some(("check", status)) => match status.parse() {
            Ok(0) | Err(_) => None,
            Ok(status) => Some(Some(Asked::Check(status))),
        },
        Some(_) => None,
        None => match text {
            "" | "off" => Some(None),
            "report" => Some(Some(Asked::Report)),
            "check" => Some(Some(Asked::Check(RED))),
            "survey" => Some(Some(Asked::Survey)),
            _ => None,
        },
    }
}

/// What `GLEAK` asks for at the exit, if anything.
#[must_use]
pub fn asked() -> Option<Asked> {
    *ASKED
}

/// Whether `GLEAK` asks for a verdict at the exit.
#[must_use]
pub fn is_asked() -> bool {
    ASKED.is_some()
}

/// A runtime starts: from the first one on the exit is watched, if `GLEAK` asks for that.
pub(crate) fn arm() {
    if is_asked() {
        install();
    }
}

/// Calls `judge` when the process exits, on a thread of its own, instead of what `GLEAK` asks for. The process
/// then ends with the status that it returns, if it returns one. For test harnesses, which have the verdicts
/// of their tests; only the first call counts.
pub fn on_exit(judge: fn() -> Option<u8>) {
    if INSTEAD.set(judge).is_ok() {
        install();
    }
}

fn install() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.swap(true, Ordering::Relaxed) {
        return;
    }
    if let Err(error) = thread::at_exit(exiting) {
        say(&format!("gleak: no verdict at the exit of the process: {error}"));
    }
}

/// Nothing is judged at the exit of the process: somebody has told what there is to tell.
pub fn stand_down() {
    STOOD_DOWN.store(true, Ordering::Relaxed);
}

extern "C" fn exiting() {
    // A forked child has no tasks of its own, and its parent's are not its to judge.
    if thread::is_forked() || STOOD_DOWN.swap(true, Ordering::Relaxed) {
        return;
    }
    let status = on_a_thread(|| match (INSTEAD.get(), *ASKED) {
        (Some(judge), _) => judge(),
        (None, Some(mode)) => verdict(mode),
        (None, None) => None,
    });
    if let Some(status) = status {
        // Hooks that are still to come are not called.
        flight::ended_well();
        thread::end_process(status);
    }
}

/// Calls it on a fresh thread, and waits for what it says; where no thread is to be had, right here.
fn on_a_thread(judge: fn() -> Option<u8>) -> Option<u8> {
    let said = Arc::new((OnceCell::new(), Parker::new()));
    let theirs = Arc::clone(&said);
    let body = Box::new(move || {
        let _ = theirs.0.set(judge());
        theirs.1.unpark();
    });
    if thread::start_with_stack("gleak-exit".to_owned(), STACK_BYTES, body).is_err() {
        return judge();
    }
    loop {
        if let Some(status) = said.0.get() {
            return *status;
        }
        said.1.park(None);
    }
}

/// Gives it. The status to end with, if it must be another one.
#[cfg(feature = "report")]
fn verdict(asked: Asked) -> Option<u8> {
    super::left::verdict(asked)
}

#[cfg(not(feature = "report"))]
fn verdict(_: Asked) -> Option<u8> {
    say(
        "gleak: GLEAK is set, but this program was built without the feature report: nothing was judged",
    );
    None
}

#[cfg(test)]
mod tests {
    use super::{Asked, parse};

    #[test]
    fn modes_are_told_by_one_word_and_a_status() {
        let table = [
            ("", Some(None)),
            ("off", Some(None)),
            ("report", Some(Some(Asked::Report))),
            ("check", Some(Some(Asked::Check(101)))),
            ("check:3", Some(Some(Asked::Check(3)))),
            ("survey", Some(Some(Asked::Survey))),
            ("check:0", None),
            ("check:256", None),
            ("check:", None),
            ("survey:3", None),
            ("Check", None),
        ];
        for (text, mode) in table {
            assert_eq!(parse(text), mode, "{text}");
        }
    }
}
