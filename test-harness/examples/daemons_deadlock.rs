//! Daemons may wait for ever, but not for each other.

#![expect(clippy::unwrap_used, reason = "test code")]

use gleak_runtime::report::snapshot::{Task, TaskState, WaitReason};
use gleak_runtime::{Chan, Mutex, report, spawn_daemon, yield_now};

static ONE: Mutex<()> = Mutex::new(());
static OTHER: Mutex<()> = Mutex::new(());

#[gleak_test_harness::test]
fn starts_them() {
    let (meet, told) = (Chan::<()>::new(0), Chan::<()>::new(2));
    let (met, tell) = (meet.clone(), told.clone());
    drop(spawn_daemon(move || {
        let _one = ONE.lock().unwrap();
        met.send(());
        tell.send(());
        drop(OTHER.lock());
    }));
    let tell = told.clone();
    drop(spawn_daemon(move || {
        let _other = OTHER.lock().unwrap();
        meet.recv();
        tell.send(());
        drop(ONE.lock());
    }));
    told.recv();
    told.recv();
    let wants = |task: &Task| match &task.state {
        TaskState::Waiting(wait) => wait.reason == WaitReason::Lock,
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => false,
    };
    while report::snapshot().tasks.iter().filter(|task| wants(task)).count() < 2 {
        yield_now();
    }
}

gleak_test_harness::verify_no_leaks!();
