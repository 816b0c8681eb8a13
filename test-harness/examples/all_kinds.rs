//! One test for each verdict. Those in `fails` fail, those in `passes` pass.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::sync::Arc;
use std::time::Duration;

use gleak_runtime::{Chan, ErrGroup, Mutex, go, sleep, spawn, yield_now};

mod fails {
    use super::*;

    #[gleak_test_harness::test]
    fn grandchild() {
        let never = Chan::<u8>::new(0);
        go! { go! { never.recv(); }; }.join().unwrap();
    }

    /// As many tasks after the leak as before: the older one has ended meanwhile.
    #[gleak_test_harness::test]
    fn equal_counts() {
        let stop = Chan::<u8>::new(0);
        let older = {
            let stop = stop.clone();
            spawn(move || stop.recv())
        };
        let never = Chan::<u8>::new(0);
        go! { never.recv(); };
        stop.close();
        older.join().unwrap();
    }

    #[gleak_test_harness::test]
    fn waits_for_itself() {
        let nobody = Chan::<u8>::new(0);
        nobody.recv();
    }

    #[gleak_test_harness::test]
    fn locks_twice() {
        let lock = Mutex::new(());
        let _first = lock.lock().unwrap();
        let _second = lock.lock().unwrap();
    }

    /// A circle through two locks, beside a task that goes on for ever.
    #[gleak_test_harness::test]
    fn cycle_beside_a_ticker() {
        go! { loop { sleep(Duration::from_millis(2)); } };
        let locks = Arc::new((Mutex::new(()), Mutex::new(())));
        let met = Chan::new(0);
        let (mine, here) = (locks.clone(), met.clone());
        let other = spawn(move || {
            let _second = mine.1.lock().unwrap();
            here.send(());
            let _first = mine.0.lock().unwrap();
        });
        let _first = locks.0.lock().unwrap();
        met.recv();
        let _second = locks.1.lock().unwrap();
        other.join().unwrap();
    }

    #[gleak_test_harness::test(settle_ms = 20)]
    fn spins_on() {
        go! { loop { yield_now(); } };
    }

    #[gleak_test_harness::test(settle_ms = 20)]
    fn ticks_on() {
        go! { loop { sleep(Duration::from_millis(5)); } };
    }

    #[gleak_test_harness::test]
    fn unjoined_panic() {
        let told = Chan::<u8>::new(0);
        let child = told.clone();
        go! {
            let _tell = CloseOnDrop(child);
            panic!("nobody will know");
        };
        told.recv();
    }

    struct CloseOnDrop(Chan<u8>);

    impl Drop for CloseOnDrop {
        fn drop(&mut self) {
            self.0.close();
        }
    }

    #[gleak_test_harness::test]
    fn unseen_error() {
        ErrGroup::new().go(|| Err("no host"));
    }

    #[gleak_test_harness::test]
    fn panics_and_leaks() {
        let never = Chan::<u8>::new(0);
        go! { never.recv(); };
        assert_eq!(1 + 1, 3, "sums");
    }

    #[gleak_test_harness::test]
    fn error() -> Result<(), std::num::ParseIntError> {
        "seven".parse::<u8>().map(drop)
    }

    #[gleak_test_harness::test]
    #[should_panic]
    fn does_not_panic() {}

    #[gleak_test_harness::test]
    #[should_panic(expected = "this")]
    fn panics_otherwise() {
        panic!("that");
    }

    #[gleak_test_harness::test]
    #[should_panic(expected = "as it should")]
    fn panics_as_expected_and_leaks() {
        let never = Chan::<u8>::new(0);
        go! { never.recv(); };
        panic!("as it should");
    }

    #[gleak_test_harness::test(workers = 1)]
    #[ignore = "asked for only"]
    fn ignored() {
        let never = Chan::<u8>::new(0);
        go! { never.recv(); };
    }
}

mod passes {
    use super::*;

    /// Its timer ends it, well within the time to settle.
    #[gleak_test_harness::test(settle_ms = 20_000)]
    fn late_finisher() {
        go! { sleep(Duration::from_millis(5)) };
    }

    /// Everything of the test is asleep, on a channel of its own, until the thread acts.
    #[gleak_test_harness::test]
    fn waits_for_a_thread() {
        let answers = Chan::new(0);
        let thread = answers.clone();
        let thread = std::thread::spawn(move || {
            pause(Duration::from_millis(150));
            thread.send(1)
        });
        assert_eq!(answers.recv(), Some(1));
        thread.join().unwrap();
    }

    /// What is left is asleep until the thread acts.
    #[gleak_test_harness::test(settle_ms = 20_000)]
    fn leaves_a_task_to_a_thread() {
        let answers = Chan::new(0);
        let thread = answers.clone();
        go! { answers.recv(); };
        std::thread::spawn(move || {
            pause(Duration::from_millis(50));
            thread.send(1);
        });
    }

    /// For what a test of time needs: the thread does something else for a while.
    fn pause(time: Duration) {
        std::thread::park_timeout(time);
    }

    #[gleak_test_harness::test(allow = "heart*")]
    fn allowed_by_name() {
        let never = Chan::<u8>::new(0);
        gleak_runtime::Builder::new().name("heartbeat").spawn(move || never.recv()).unwrap();
    }

    #[gleak_test_harness::test(allow = "all_kinds::passes::heartbeat")]
    fn allowed_by_function() {
        heartbeat(Chan::new(0));
    }

    fn heartbeat(never: Chan<u8>) {
        go! { never.recv(); };
    }

    #[gleak_test_harness::test]
    #[should_panic]
    fn panics() {
        panic!("in any way");
    }

    #[gleak_test_harness::test]
    fn joined_panic() {
        assert!(spawn(|| panic!("known of")).join().is_err());
    }

    #[gleak_test_harness::test]
    fn seen_error() {
        let group = ErrGroup::new();
        group.go(|| Err("no host"));
        assert_eq!(group.wait(), Err("no host"));
    }

    #[gleak_test_harness::test]
    fn result() -> Result<(), String> {
        Ok(())
    }

    /// Two MiB, as libtest gives.
    #[gleak_test_harness::test]
    fn deep_stack() {
        fn down(depth: u32) -> u64 {
            let here = std::hint::black_box([u64::from(depth); 128]);
            if depth == 0 { here[5] } else { down(depth - 1) + here[7] }
        }
        assert!(down(800) > 0);
    }
}

gleak_test_harness::verify_no_leaks!();
