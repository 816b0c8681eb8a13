//! `run`: the main task of a program, and what becomes of the rest when it returns.
//!
//! This is where policy belongs to the binary: who calls `run` wants the process to end with a
//! report when everything sleeps, and to be told what was cut off.

use std::panic::{Location, resume_unwind};

use crate::dump;
use crate::records::region::{self, RegionKind};
use crate::records::statics::Site;
use crate::records::table::Ref;
use crate::records::waiter::Reason;
use crate::report;
use crate::scheduler::current;
use crate::scheduler::monitor;
use crate::scheduler::runtime;
use crate::task::spawn::Builder;

/// The main task may recurse as deep as a thread's main may.
const MAIN_STACK_BYTES: usize = 8 << 20;

/// What `GLEAK_EXIT` says about tasks that are left when main returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leftovers {
    /// Name them; the exit status stays as it is.
    Name,
    /// Wait until they have finished, as if main had joined them.
    Wait,
    /// Name them and exit with status 2.
    Fail,
}

impl Leftovers {
    fn from_environment() -> Leftovers {
        match std::env::var("GLEAK_EXIT").as_deref() {
            Ok("wait") => Leftovers::Wait,
            Ok("fail") => Leftovers::Fail,
            Ok("") | Err(_) => Leftovers::Name,
            Ok(other) => {
                report::say(&format!(
                    "gleak: GLEAK_EXIT={other} is neither wait nor fail: ignored"
                ));
                Leftovers::Name
            }
        }
    }
}

/// Main returns or panics: what is left is not scheduled any more, unless it is waited for.
struct EndOfMain {
    region: Option<Ref>,
    leftovers: Leftovers,
}

impl Drop for EndOfMain {
    fn drop(&mut self) {
        let wait = self.leftovers == Leftovers::Wait && !std::thread::panicking();
        if let (Some(region), false) = (self.region, wait) {
            region::halt(region);
        }
    }
}

/// Runs `main` as a task and waits for it.
///
/// When it returns, tasks that are left are not scheduled any more. They are named on stderr, one
/// line a group, those that never started included; the exit status is not touched.
/// `GLEAK_EXIT=wait` waits for them instead, `GLEAK_EXIT=fail` exits with status 2.
///
/// While it runs, a process in which nothing can go on and nothing outside could wake anything
/// prints which tasks wait for what, writes a dump and exits with status 2.
///
/// # Panics
/// Inside a task; when the runtime cannot be started; and with `main`'s own panic, after a dump
/// has been written.
#[track_caller]
pub fn run<R, F>(main: F) -> R
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    assert!(current::task().is_none(), "run() called inside a task: use spawn() and join()");
    run_at(Location::caller(), main)
}

fn run_at<R, F>(site: Site, main: F) -> R
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let runtime = runtime::global().unwrap_or_else(|error| panic!("cannot start: {error}"));
    let leftovers = Leftovers::from_environment();
    let thread = std::thread::current();
    let region = region::open(&region::Opening {
        kind: RegionKind::Run,
        // In a test of libtest's that is the test.
        name: thread.name().unwrap_or("main"),
        parent: None,
        site,
        counted: leftovers == Leftovers::Wait,
    });
    let running = monitor::exit_when_asleep();
    let main = move || {
        // At the very end of the main task, before its worker turns to another one.
        let _end = EndOfMain { region, leftovers };
        main()
    };
    let handle = Builder::new()
        .name("main")
        .main()
        .wrapping::<F>()
        .in_region(region)
        .stack_size(MAIN_STACK_BYTES)
        .spawn_on(runtime, site, main)
        .unwrap_or_else(|error| panic!("cannot start the main task: {error}"));
    let outcome = handle.join_for(Reason::Host, site);
    if let (Some(region), Leftovers::Wait, true) = (region, leftovers, outcome.is_ok()) {
        region::wait_until_empty(region, site);
    }
    drop(running);
    let cut_off = region.map_or(0, |region| report::name_cut_off(region, outcome.is_ok()));
    if let Some(region) = region {
        region::close(region);
    }
    match outcome {
        Ok(value) => {
            if cut_off > 0 && leftovers == Leftovers::Fail {
                report::exit(2);
            }
            value
        }
        Err(error) => {
            dump::after_panic();
            match error.into_panic() {
                Ok(payload) => resume_unwind(payload),
                Err(error) => panic!("{error}"),
            }
        }
    }
}
