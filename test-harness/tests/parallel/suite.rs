//! Sixty-four tests that run side by side, and one that hangs. They are green, unless `LEAVE` says
//! `leaks`: then five leave something behind, each in another way. `it` runs them so.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use gleak_runtime::report::snapshot::{TaskState, WaitReason};
use gleak_runtime::{
    Chan, Context, ErrGroup, Mutex, WaitGroup, go, report, sleep, spawn, yield_now,
};

/// Whether the tests are to leave something behind.
fn leaks() -> bool {
    std::env::var("LEAVE").is_ok_and(|word| word == "leaks")
}

/// Tests with one body.
macro_rules! each {
    ($body:ident: $($name:ident)*) => {$(
        #[gleak_test_harness::test(settle_ms = 60_000)]
        fn $name() {
            $body();
        }
    )*};
}

each!(hands_over: a01 a02 a03 a04 a05 a06 a07 a08 a09 a10 a11 a12 a13 a14 a15);
each!(counts: b01 b02 b03 b04 b05 b06 b07 b08 b09 b10 b11 b12 b13 b14 b15);
each!(ends_late: c01 c02 c03 c04 c05 c06 c07 c08 c09 c10 c11 c12 c13 c14 c15);
each!(stops: d01 d02 d03 d04 d05 d06 d07 d08 d09 d10 d11 d12 d13 d14);

/// Three tasks in line, until the first has no more to give.
fn hands_over() {
    let (first, second) = (Chan::new(0), Chan::new(2));
    let (from, to) = (first.clone(), second.clone());
    go! {
        from.iter().for_each(|n: u32| to.send(n * n));
        to.close();
    };
    go! {
        (1..=20).for_each(|n| first.send(n));
        first.close();
    };
    assert_eq!(second.iter().sum::<u32>(), 2870);
}

/// Eight tasks at one lock.
fn counts() {
    let (sum, open) = (Arc::new(Mutex::new(0)), Arc::new(WaitGroup::new()));
    for n in 0..8 {
        let (sum, open) = (Arc::clone(&sum), Arc::clone(&open));
        open.add(1);
        go! {
            *sum.lock().expect("nobody panics") += n;
            yield_now();
            open.done();
        };
    }
    open.wait();
    assert_eq!(*sum.lock().expect("nobody panics"), 28);
}

/// A task that ends a moment after its test.
fn ends_late() {
    drop(go! { sleep(Duration::from_millis(5)) });
}

/// A task that goes on until it is told to end.
fn stops() {
    let (context, cancel) = Context::background().with_cancel();
    let ticker = spawn(move || {
        while context.cause().is_none() {
            sleep(Duration::from_millis(1));
        }
    });
    cancel.cancel();
    assert!(ticker.join().is_ok());
}

/// Receives from a channel, for ever unless it is closed.
pub(crate) fn receives_until(closed: bool) {
    let jobs = Chan::<u32>::new(0);
    let taken = jobs.clone();
    let worker = go! { taken.recv() };
    if closed {
        jobs.close();
        assert_eq!(worker.join().ok(), Some(None));
    }
}

#[gleak_test_harness::test]
fn leaves_a_receiver() {
    receives_until(!leaks());
}

#[gleak_test_harness::test]
fn leaves_a_grandchild() {
    go! { receives_until(!leaks()) }.join().expect("no panic");
}

#[gleak_test_harness::test]
fn leaves_two_senders() {
    let answers = Chan::new(0);
    for n in 0..3 {
        let answers = answers.clone();
        go! { answers.send(n) };
    }
    let wanted = if leaks() { 1 } else { 3 };
    assert_eq!((0..wanted).filter_map(|_| answers.recv()).count(), wanted);
}

#[gleak_test_harness::test]
fn leaves_a_panic() {
    if leaks() {
        let ended = Chan::<()>::new(0);
        let last = ended.clone();
        go! {
            last.close();
            panic!("nobody hears it");
        };
        ended.recv();
    }
}

#[gleak_test_harness::test]
fn locks_itself_out() {
    let lock = Mutex::new(1);
    let first = lock.lock().expect("nobody panics");
    if leaks() {
        assert_eq!(*lock.lock().expect("nobody panics"), 1);
    }
    assert_eq!(*first, 1);
}

/// Waits for a lock whose owner sleeps, and tells its process once it does so. An error that nobody has
/// seen lies beside it.
#[gleak_test_harness::test]
#[ignore = "hangs until a signal ends it"]
fn hangs() {
    fails_unseen();
    let (lock, taken) = (Arc::new(Mutex::new(())), Chan::<()>::new(0));
    let (theirs, took) = (Arc::clone(&lock), taken.clone());
    go! {
        let _own = theirs.lock();
        took.close();
        sleep(Duration::from_secs(3600));
    };
    taken.recv();
    go! {
        while !somebody_waits_for_a_lock() {
            yield_now();
        }
        // Past libtest's capture.
        let told = format!("it hangs in {}.\n", std::process::id());
        std::io::stdout().write_all(told.as_bytes()).expect("somebody reads");
    };
    drop(lock.lock());
}

fn fails_unseen() {
    let (group, ended) = (ErrGroup::new(), Chan::<()>::new(0));
    let last = ended.clone();
    group.go(move || {
        last.close();
        Err("no host")
    });
    ended.recv();
}

fn somebody_waits_for_a_lock() -> bool {
    report::snapshot().tasks.iter().any(|task| match &task.state {
        TaskState::Waiting(wait) => wait.reason == WaitReason::Lock,
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => false,
    })
}
