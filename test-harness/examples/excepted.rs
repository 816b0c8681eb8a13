//! What is ignored, and what is cleaned up. Tests in `fails` fail, those in `passes` pass.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::sync::OnceLock;
use std::time::Duration;

use gleak_runtime::{Builder, Chan, Mutex, go, sleep, spawn};
use gleak_test_harness::ignore_current;

/// What all tests may use, closed by the clean-up of the run.
static SHARED: OnceLock<Chan<u8>> = OnceLock::new();

fn close_shared() {
    SHARED.get().into_iter().for_each(Chan::close);
}

mod passes {
    use super::*;

    #[gleak_test_harness::test(ignore = "frame=excepted::passes::idle because it is for ever")]
    fn by_frame() {
        let never = Chan::<u8>::new(0);
        go! { idle(&never) };
    }

    #[gleak_test_harness::test(ignore = "innermost=excepted::passes::idle because it is for ever")]
    fn by_innermost_frame() {
        let never = Chan::<u8>::new(0);
        go! { idle(&never) };
    }

    #[inline(never)]
    fn idle(never: &Chan<u8>) {
        never.recv();
    }

    #[gleak_test_harness::test(
        ignore = "label.pool=idle because it is for ever",
        ignore = "spawn=*/excepted.rs because that is this file"
    )]
    fn by_label_and_file() {
        let (never, other) = (Chan::<u8>::new(0), Chan::<u8>::new(0));
        Builder::new().label("pool", "idle").spawn(move || never.recv()).unwrap();
        go! { other.recv() };
    }

    #[gleak_test_harness::test(
        ignore = "creator=excepted::passes::by_creator because it is its own"
    )]
    fn by_creator() {
        let never = Chan::<u8>::new(0);
        go! { go! { never.recv(); }; }.join().unwrap();
    }

    #[gleak_test_harness::test]
    fn what_is_there_now() {
        let never = Chan::<u8>::new(0);
        go! { never.recv() };
        ignore_current("the test sets it up");
    }

    /// An hour to settle, and nothing to wait for.
    #[gleak_test_harness::test(settle_ms = 3_600_000, ignore = "name=ticker because it goes on")]
    fn a_ticker_is_not_waited_for() {
        let tick = || loop {
            sleep(Duration::from_millis(1));
        };
        Builder::new().name("ticker").spawn(tick).unwrap();
    }

    /// As before, with stacks taken to know it by.
    #[gleak_test_harness::test(
        settle_ms = 3_600_000,
        ignore = "frame=excepted::passes::pulse because it goes on"
    )]
    fn a_ticker_known_by_its_stack() {
        spawn(pulse);
    }

    fn pulse() {
        loop {
            sleep(Duration::from_millis(1));
        }
    }

    /// What an ignored one spawns is judged, but not for being there a moment too late.
    #[gleak_test_harness::test(settle_ms = 3_600_000, ignore = "name=parent because it goes on")]
    fn what_an_ignored_one_spawns_may_end() {
        let parent = || loop {
            spawn(|| sleep(Duration::from_millis(2))).join().unwrap();
            sleep(Duration::from_micros(300));
        };
        Builder::new().name("parent").spawn(parent).unwrap();
    }

    #[gleak_test_harness::test(ignore = "name=nobody because it is unused")]
    fn with_an_unused_ignore() {}

    static POOL: OnceLock<Chan<u8>> = OnceLock::new();

    fn close_pool() {
        POOL.get().unwrap().close();
    }

    #[gleak_test_harness::test(cleanup = close_pool)]
    fn cleaned_up() {
        let jobs = POOL.get_or_init(|| Chan::new(0)).clone();
        go! { jobs.recv() };
    }

    static AFTER_A_PANIC: OnceLock<Chan<u8>> = OnceLock::new();

    fn close_after_a_panic() {
        AFTER_A_PANIC.get().unwrap().close();
    }

    #[gleak_test_harness::test(cleanup = close_after_a_panic)]
    #[should_panic(expected = "half-way")]
    fn cleaned_up_after_a_panic() {
        let jobs = AFTER_A_PANIC.get_or_init(|| Chan::new(0)).clone();
        go! { jobs.recv() };
        panic!("half-way");
    }

    #[gleak_test_harness::test]
    fn shares() {
        std::thread::spawn(|| {
            let shared = SHARED.get_or_init(|| Chan::new(0)).clone();
            spawn(move || shared.recv());
        })
        .join()
        .unwrap();
    }
}

mod fails {
    use super::*;

    #[gleak_test_harness::test]
    fn what_comes_later() {
        ignore_current("nothing is there");
        let never = Chan::<u8>::new(0);
        go! { never.recv() };
    }

    #[gleak_test_harness::test(ignore = "name=one because it is one of two")]
    fn one_of_two() {
        let never = Chan::<u8>::new(0);
        for name in ["one", "two"] {
            let never = never.clone();
            Builder::new().name(name).spawn(move || never.recv()).unwrap();
        }
    }

    #[gleak_test_harness::test(ignore = "name=* because all of it is ignored")]
    fn a_body_that_cannot_end() {
        never_ends();
    }

    /// For certain, whatever else goes on.
    fn never_ends() {
        let lock = Mutex::new(());
        let _held = lock.lock().unwrap();
        drop(lock.lock());
    }

    #[gleak_test_harness::test(ignore = "nmae=a because it is misspelt")]
    fn misspelt() {}

    fn panics() {
        panic!("cannot close");
    }

    #[gleak_test_harness::test(cleanup = panics)]
    fn clean_up_panics() {}

    #[gleak_test_harness::test(cleanup = never_ends)]
    fn clean_up_waits() {}

    fn leaves() {
        let never = Chan::<u8>::new(0);
        go! { never.recv() };
    }

    #[gleak_test_harness::test(cleanup = leaves)]
    fn clean_up_leaves_a_task() {}

    #[gleak_test_harness::test]
    fn ignores_in_a_task() {
        go! { ignore_current("not the body") }.join().unwrap();
    }
}

gleak_test_harness::verify_no_leaks!(
    settle_ms = 60_000,
    ignore = "crate=nobody because it is unused",
    cleanup = close_shared,
);
