//! The thread that answers signals which ask for something: SIGTERM, SIGQUIT and SIGUSR1
//! (`docs/decisions/0011`).
//!
//! The handler notes the signal in a word and wakes the thread; everything else is the thread's. So
//! signals that come while one is answered are one more answer, however many they are.
//!
//! Invariants:
//! 1. The process ends by the signal that it was sent, or not at all: as it would without us.
//! 2. An ending signal that comes again after [`GRACE`], or another one, ends the process whatever the first
//!    has come to.
//! 3. The thread is known to the monitor before the first handler is installed: it wakes nobody, and
//!    verdicts are as they were.

use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::machine::futex::Parker;
use crate::machine::{signal, thread};
use crate::report;
use crate::scheduler::monitor;
use crate::signals::settings::{Signal, Signals};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::time::clock;

/// Taking, judging and naming need more than a worker's loop.
const STACK_BYTES: usize = 4 << 20;
/// For so long the same ending signal is taken for the first one said again. An answer takes less, but for
/// the largest of processes.
const GRACE: Duration = Duration::from_secs(5);

/// A signal that asks for something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    Term,
    Quit,
    Usr1,
}

impl Request {
    /// Those that end the process first.
    const ALL: [Request; 3] = [Request::Term, Request::Quit, Request::Usr1];

    fn of(number: c_int) -> Option<Request> {
        Request::ALL.into_iter().find(|it| it.number() == number)
    }

    const fn number(self) -> c_int {
        match self {
            Request::Term => libc::SIGTERM,
            Request::Quit => libc::SIGQUIT,
            Request::Usr1 => libc::SIGUSR1,
        }
    }

    /// As the settings call it.
    const fn asked(self) -> Signal {
        match self {
            Request::Term => Signal::Term,
            Request::Quit => Signal::Quit,
            Request::Usr1 => Signal::Usr1,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Request::Term => "SIGTERM",
            Request::Quit => "SIGQUIT",
            Request::Usr1 => "SIGUSR1",
        }
    }

    const fn ends(self) -> bool {
        match self {
            Request::Term | Request::Quit => true,
            Request::Usr1 => false,
        }
    }

    /// In `CAME`: sent by others, or by this process itself.
    const fn bit(self, own: bool) -> u32 {
        1 << (2 * self as u32 + own as u32)
    }
}

/// A signal that has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Came {
    /// As in `SIGTERM`.
    pub signal: &'static str,
    /// Whether the process ends by it once all is told.
    pub ends: bool,
}

impl Came {
    pub(crate) fn head(self) -> String {
        match self.ends {
            true => format!("gleak: ended by {}", self.signal),
            false => format!("gleak: {} came", self.signal),
        }
    }
}

static PARKER: Parker = Parker::new();
/// What has come and was not answered yet.
static CAME: AtomicU32 = AtomicU32::new(0);
/// The first ending signal: when it came, and which it was, in the lowest bits; zero before it.
static FIRST: AtomicU64 = AtomicU64::new(0);

/// Answers these from now on, besides those that are answered already.
///
/// # Errors
/// When no thread can be made, or the kernel refuses a handler.
pub(crate) fn listen(asked: Signals) -> io::Result<()> {
    static STARTED: OnceCell<()> = OnceCell::new();
    let requests = Request::ALL.into_iter().filter(|it| asked.has(it.asked()));
    for request in requests {
        STARTED.get_or_try_init(start)?;
        signal::hear(request.number(), heard)?;
    }
    Ok(())
}

/// Starts the thread, and comes back when it is known.
fn start() -> io::Result<()> {
    // The handler's clock must not be the first to be asked.
    clock::refresh();
    let known = Arc::new((OnceCell::new(), Parker::new()));
    let theirs = Arc::clone(&known);
    let body = Box::new(move || {
        monitor::add_own_thread(thread::tid());
        let _ = theirs.0.set(());
        theirs.1.unpark();
        drop(theirs);
        answer_all();
    });
    thread::start_with_stack("gleak-signals".to_owned(), STACK_BYTES, body)?;
    while known.0.get().is_none() {
        known.1.park(None);
    }
    Ok(())
}

/// In the handler: no allocation, no lock, no panic. Whether the process is to end at once.
fn heard(number: c_int, own: bool) -> bool {
    let Some(request) = Request::of(number) else { return false };
    if request.ends() && signal::is_alone(number) && is_second(request) {
        return true;
    }
    CAME.fetch_or(request.bit(own), Ordering::SeqCst);
    PARKER.unpark();
    false
}

fn is_second(request: Request) -> bool {
    const WHICH: u64 = 0b11;
    let now = clock::now_ns();
    let this = now & !WHICH | request as u64;
    match FIRST.compare_exchange(0, this, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => false,
        Err(first) => {
            first & WHICH != this & WHICH || now.saturating_sub(first) >= clock::ns(GRACE)
        }
    }
}

fn answer_all() -> ! {
    loop {
        let came = CAME.swap(0, Ordering::SeqCst);
        if came == 0 {
            PARKER.park(None);
            continue;
        }
        for request in Request::ALL {
            let [others, own] = [false, true].map(|own| came & request.bit(own) != 0);
            let alone = signal::is_alone(request.number());
            // What the process sends itself while somebody in it handles that is theirs.
            if others || own && alone {
                answer(request, request.ends() && alone);
            }
        }
    }
}

fn answer(request: Request, ends: bool) {
    report::say_from_outside(&report::of_signal(Came { signal: request.name(), ends }));
    if ends {
        signal::end_process_by(request.number());
    }
}
