//! What goes on, on standard error, while a reading takes long.
//!
//! Invariants:
//! 1. Nothing is said but on a terminal, and nothing before the work has taken a second.
//! 2. What was said is wiped away before anything else is written.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::plain::plain;

/// So long nothing is said, and so often it is said again.
const BEAT: Duration = Duration::from_secs(1);
/// Letters of a name: the line must not break.
const NAME: usize = 48;

/// Work that may take long. Its end is that of the value.
pub(crate) struct Progress(Option<Teller>);

struct Teller {
    state: Arc<(Mutex<State>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    what: String,
    done: bool,
}

impl Progress {
    /// Begins.
    pub(crate) fn begin() -> Progress {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
        if dumb || !io::stderr().is_terminal() {
            return Progress(None);
        }
        let state = Arc::<(Mutex<State>, Condvar)>::default();
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new().spawn(move || tell(&shared.0, &shared.1)).ok();
        Progress(Some(Teller { state, thread }))
    }

    /// Says what is being done.
    pub(crate) fn at(&self, doing: &str, name: &str) {
        let Some(teller) = &self.0 else { return };
        let letters: Vec<char> = plain(name).chars().collect();
        let end: String = letters[letters.len().saturating_sub(NAME)..].iter().collect();
        let mut state = teller.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.what = format!("{doing} {end}");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let Some(teller) = &mut self.0 else { return };
        teller.state.0.lock().unwrap_or_else(PoisonError::into_inner).done = true;
        teller.state.1.notify_all();
        if let Some(thread) = teller.thread.take() {
            // It cannot panic, and there would be nothing to do about it.
            let _ = thread.join();
        }
    }
}

fn tell(state: &Mutex<State>, changed: &Condvar) {
    let mut beats = 0;
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let waited = changed.wait_timeout_while(state, BEAT, |state| !state.done);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.done {
            break;
        }
        beats += 1;
        let line = format!("\r\x1b[Kgleak: {}, {beats} s", state.what);
        // Nobody may look any more.
        let _ = io::stderr().write_all(line.as_bytes());
    }
    if beats > 0 {
        let _ = io::stderr().write_all(b"\r\x1b[K");
    }
}
