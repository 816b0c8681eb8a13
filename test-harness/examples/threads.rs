//! Threads under tests: healthy ones, those that outlive their test, and plain ones that nobody answers for.
//! They are green, unless `LEAVE` says `leaks`. With the argument `plain`, `guard` or `deadlock` nothing of a
//! test main is there: the same threads are left by a program, within a guard, or for ever.

use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Barrier};

use gleak_runtime::{Chan, Mutex, run, thread};
use gleak_test_harness::{OnLeak, Options, Trial, run_tests};

/// Whether the tests are to leave something behind.
fn leaks() -> bool {
    std::env::var("LEAVE").is_ok_and(|word| word == "leaks")
}

/// Runs until the other end of the channel goes, and waits for nothing of ours.
fn runs_until(stop: Receiver<()>) {
    let feeder = thread::Builder::new().name("feeder".into());
    drop(feeder.spawn(move || stop.recv()).expect("a thread starts"));
}

/// The other end of the channel stays for ever.
fn leaves_a_thread() {
    let (stop, told) = mpsc::channel();
    runs_until(told);
    std::mem::forget(stop);
}

/// Threads of healthy tests.
macro_rules! each {
    ($body:ident: $($name:ident)*) => {$(
        #[gleak_test_harness::test(settle_ms = 60_000)]
        fn $name() {
            $body();
        }
    )*};
}

each!(ends_late: a01 a02 a03 a04 a05 a06 a07 a08);
each!(borrows: b01 b02 b03 b04 b05 b06 b07 b08);

/// A thread that goes on when its test has ended, and then ends.
fn ends_late() {
    let (stop, told) = mpsc::channel();
    runs_until(told);
    drop(stop);
}

fn borrows() {
    let lock = Mutex::new(0);
    thread::scope(|s| {
        for n in 0..4 {
            let lock = &lock;
            s.spawn(move || *lock.lock().expect("nobody panics") += n);
        }
    });
    assert_eq!(*lock.lock().expect("nobody panics"), 6);
}

#[gleak_test_harness::test]
fn outlives() {
    if leaks() {
        leaves_a_thread();
    }
}

#[gleak_test_harness::test]
fn is_asleep() {
    let jobs = Chan::<u32>::new(0);
    let taken = jobs.clone();
    let worker = thread::spawn(move || taken.recv());
    if !leaks() {
        jobs.close();
        assert_eq!(worker.join().expect("no panic"), None);
    }
}

#[gleak_test_harness::test]
fn panics_unheard() {
    let thread = thread::spawn(|| assert!(!leaks(), "nobody hears it"));
    if !leaks() {
        thread.join().expect("no panic");
    }
}

/// Two threads that take two locks in opposite order, each with one in hand, and a task that joins one.
fn lock_in_opposite_order() {
    let locks = Arc::new([Mutex::new(1), Mutex::new(2)]);
    let both = Arc::new(Barrier::new(2));
    let [first, _] = [0, 1].map(|number| {
        let (locks, both) = (Arc::clone(&locks), Arc::clone(&both));
        thread::spawn(move || {
            let _one = locks[number].lock();
            both.wait();
            let _other = locks[1 - number].lock();
        })
    });
    first.join().expect("no panic");
}

#[gleak_test_harness::test]
fn locks_itself_out() {
    if leaks() {
        lock_in_opposite_order();
    }
}

/// Comes last by its name: a thread that an earlier test has left is no reason to wait for this one.
#[gleak_test_harness::test]
fn waits_for_nobody() {
    let answers = Chan::<u32>::new(1);
    if !leaks() {
        answers.send(1);
    }
    assert_eq!(answers.recv(), Some(1));
}

#[gleak_test_harness::test]
fn background_may_stay() {
    let never = Chan::<u32>::new(0);
    let pool = thread::Builder::new().name("ours-0".into()).background();
    drop(pool.spawn(move || never.recv()).expect("a thread starts"));
}

/// Threads with these names, which nobody spawns here, and which stay.
fn plain(names: &[&str]) {
    for name in names {
        let (started, told) = mpsc::channel();
        let (stay, never) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name((*name).to_owned());
        let body = move || {
            let _ = started.send(());
            let _ = never.recv();
        };
        drop(thread.spawn(body).expect("a thread starts"));
        told.recv().expect("it has started");
        std::mem::forget(stay);
    }
}

/// What a run is asked for: by nobody, unless its test is named.
fn others() -> [Trial; 3] {
    let declared = || plain(&["stays-0", "stays-1"]);
    let pool = || plain(&["pool-0", "pool-1", "logger"]);
    // By a plain thread, which is charged to nobody.
    let stray = || drop(std::thread::spawn(leaves_a_thread).join());
    [
        gleak_test_harness::trial("declared", declared).ignored(true),
        gleak_test_harness::trial("pool", pool).ignored(true),
        gleak_test_harness::trial("stray", stray).ignored(true),
    ]
}

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("plain") => {
            leaves_a_thread();
            ExitCode::SUCCESS
        }
        Some("guard") => {
            let _guard = gleak_test_harness::guard!(settle_ms = 0);
            leaves_a_thread();
            ExitCode::SUCCESS
        }
        Some("deadlock") => {
            run(lock_in_opposite_order);
            ExitCode::SUCCESS
        }
        _ => {
            let on_thread =
                if std::env::var_os("RED").is_some() { OnLeak::Fail } else { OnLeak::Warn };
            let options = Options::new()
                .on_thread(on_thread)
                .ignore("name=stays-* because the pool is there for all tests");
            run_tests(options, others())
        }
    }
}
