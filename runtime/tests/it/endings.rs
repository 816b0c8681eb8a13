//! Ends: of main, of runtimes, of panicking tasks, and what may not end before them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex as StdMutex, mpsc};
use std::time::Duration;

use gleak_runtime::{Builder, Chan, Quiet, Runtime, hold_worker, yield_now};

use crate::programs::{example, folder, stderr};
use crate::support::{named, parked, unique};

#[test]
fn main_returns_at_once_whatever_a_task_does() {
    let folder = folder("main-returns");
    for what in ["spins", "blocks", "parks-in-drop", "parks-in-a-panic"] {
        let output = example("main_returns", &folder).arg(what).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(7), "{what}: main's own status: {text}");
        assert!(text.contains("gleak: main returned and cut off 1 task:"), "{what}: {text}");
    }
}

#[test]
fn a_thread_local_that_was_lent_is_there_after_main_has_returned() {
    let folder = folder("lends");
    let output = example("main_returns", &folder).arg("lends").output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "the thread reads 42\n");
}

/// What a forked child printed, the end of the child as its parent saw it, and the parent's status.
fn forked(place: &str) -> String {
    let output = example("forked", &folder(&format!("forked-{place}")))
        .arg(place)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_forked_child_is_told_that_it_has_no_runtime() {
    let task = forked("task");
    let thread = forked("thread");
    for text in [&task, &thread] {
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or("");
        assert!(line("run:").starts_with("run: panics"), "{text}");
        for what in ["spawn:", "blocking:", "block_on:", "sleep:", "recv:", "Builder::s"] {
            assert!(line(what).contains("this is a forked child"), "{what}: {text}");
        }
        assert!(line("Builder::start:").contains("start a program"), "{text}");
        assert!(line("recv:").contains("cannot wait at runtime/examples/forked.rs:"), "{text}");
        assert_eq!(line("yield_now:"), "yield_now: ()");
        assert_eq!(line("send:"), "send: (), then Ok(1)");
        assert_eq!(line("lock:"), "lock: Ok(1)");
        assert_eq!(line("block_on of"), "block_on of what is ready: ready");
        assert_eq!(line("Command:"), "Command: from a program");
        assert!(text.ends_with("here all is well: 42\n"), "{text}");
    }
    assert!(task.contains("the child ended with Some(101)"), "{task}");
    assert_eq!(task.matches("the other task runs").count(), 1, "in the parent alone: {task}");
    assert!(thread.contains("the child ended with Some(0)"), "{thread}");
}

/// Waits in its drop until it is told to go on, and says that it is there.
struct WaitsInDrop(Chan<()>);

impl Drop for WaitsInDrop {
    fn drop(&mut self) {
        self.0.recv();
    }
}

#[test]
fn a_panicking_task_that_waits_keeps_its_worker_and_the_snapshot_shows_it() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let (name, go_on) = (unique("unwinds"), Chan::new(0));
    let waits = WaitsInDrop(go_on.clone());
    let std_lock = Arc::new(StdMutex::new(0));
    let (ran, lock) = (Arc::new(AtomicBool::new(false)), std_lock.clone());
    // It is in the middle of a critical section of std's when the other task panics.
    let (locked, unlock) = (Chan::new(1), Chan::new(0));
    let (has_locked, may_unlock, runs) = (locked.clone(), unlock.clone(), ran.clone());
    let other = Builder::new().spawn_in(&runtime, move || {
        let mut guard = lock.lock().unwrap();
        has_locked.send(());
        may_unlock.recv();
        runs.store(true, Ordering::SeqCst);
        assert!(!std::thread::panicking(), "another task's panic");
        *guard += 1;
    });
    let panics = Builder::new().name(&name).spawn_in(&runtime, move || {
        locked.recv();
        let _waits = waits;
        panic!("with a guard that waits");
    });
    let (_, _, wait) = parked(&name);
    assert!(wait.on_thread && wait.registers.is_none());
    assert_eq!(runtime.wait_quiet(Duration::MAX, || false), Quiet::Asleep, "a held worker sleeps");
    // Woken by this the other task could run, but its worker is held.
    unlock.send(());
    assert!(!ran.load(Ordering::SeqCst));
    go_on.send(());
    assert!(panics.unwrap().join().unwrap_err().is_panic());
    other.unwrap().join().unwrap();
    assert!(ran.load(Ordering::SeqCst));
    assert_eq!(*std_lock.lock().expect("not poisoned"), 1);
}

#[test]
fn hold_worker_shows_and_ends_as_well() {
    let (name, chan) = (unique("holds"), Chan::new(0));
    let receives = chan.clone();
    let task = Builder::new().name(&name).spawn(move || {
        let held = hold_worker(|| receives.recv());
        (held, receives.recv())
    });
    assert!(parked(&name).2.on_thread);
    chan.send(1);
    while parked(&name).2.on_thread {
        yield_now();
    }
    chan.send(2);
    assert_eq!(task.unwrap().join().unwrap(), (Some(1), Some(2)));
}

#[test]
fn a_runtime_that_goes_waits_for_nobody_and_its_tasks_go_on() {
    let spins = Arc::new(AtomicBool::new(true));
    let (keep, turns) = (spins.clone(), Arc::new(AtomicU32::new(0)));
    let turned = turns.clone();
    let runtime = Runtime::builder().workers(2).start().unwrap();
    let spinner = Builder::new().spawn_in(&runtime, move || {
        while keep.load(Ordering::SeqCst) {
            turned.fetch_add(1, Ordering::SeqCst);
            std::hint::spin_loop();
        }
    });
    let (name, chan) = (unique("left"), Chan::new(0));
    let receives = chan.clone();
    let parks = Builder::new().name(&name).spawn_in(&runtime, move || receives.recv());
    parked(&name);
    assert_eq!(runtime.live(), 2);
    drop(runtime);
    let before = turns.load(Ordering::SeqCst);
    while turns.load(Ordering::SeqCst) == before {
        yield_now();
    }
    assert!(named(&name).is_some());
    chan.send(3);
    assert_eq!(parks.unwrap().join().unwrap(), Some(3));
    spins.store(false, Ordering::SeqCst);
    spinner.unwrap().join().unwrap();
}

#[test]
fn a_thread_local_that_was_lent_outlives_the_runtime() {
    struct Local(AtomicU32);
    impl Drop for Local {
        fn drop(&mut self) {
            self.0.store(0, Ordering::SeqCst);
        }
    }
    thread_local! { static LOCAL: Local = const { Local(AtomicU32::new(42)) }; }
    let (ask, asked) = mpsc::channel::<()>();
    let (answer, answers) = mpsc::channel();
    let (name, leave) = (unique("lends"), Chan::<()>::new(0));
    let may_leave = leave.clone();
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let task = Builder::new().name(&name).spawn_in(&runtime, move || {
        LOCAL.with(|local| {
            std::thread::scope(|scope| {
                let read = move || {
                    asked.iter().for_each(|()| {
                        answer.send(local.0.load(Ordering::SeqCst)).unwrap();
                    });
                };
                scope.spawn(read);
                may_leave.recv();
            });
        });
    });
    parked(&name);
    drop(runtime);
    for _ in 0..3 {
        ask.send(()).unwrap();
        assert_eq!(answers.recv(), Ok(42));
    }
    drop(ask);
    leave.close();
    task.unwrap().join().unwrap();
}
