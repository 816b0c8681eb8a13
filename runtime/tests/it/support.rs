//! Waiting for states, and looking into snapshots.

use std::path::Path;
use std::process::Command;

use gleak_runtime::report::snapshot::{Snapshot, Task, TaskState, Wait};
use gleak_runtime::{Builder, Runtime, report, yield_now};

/// Goes on when the condition holds. A test that waits for ever is a failing test.
pub(crate) fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        yield_now();
    }
}

/// The snapshot's task with this name, with the snapshot.
pub(crate) fn named(name: &str) -> Option<(Snapshot, Task)> {
    let snapshot = report::snapshot();
    let task = snapshot.tasks.iter().find(|task| task.name.as_deref() == Some(name))?.clone();
    Some((snapshot, task))
}

/// Waits until the task with this name is parked, and comes back with its wait.
pub(crate) fn parked(name: &str) -> (Snapshot, Task, Wait) {
    loop {
        if let Some((snapshot, task)) = named(name)
            && let TaskState::Waiting(wait) = &task.state
        {
            let wait = wait.clone();
            return (snapshot, task, wait);
        }
        yield_now();
    }
}

/// A name that no other test uses.
pub(crate) fn unique(stem: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{stem}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An example program of this package; cargo builds them before it runs tests.
pub(crate) fn program(name: &str) -> Command {
    let here = std::env::current_exe().expect("this test");
    let built = here.parent().and_then(Path::parent).expect("target/profile").join("examples");
    Command::new(built.join(name))
}

/// Runs `body` as a task of a runtime with one worker, and of one with four.
pub(crate) fn under_1_and_4(body: impl Fn() + Clone + Send + 'static) {
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).start().expect("workers");
        let task = Builder::new().spawn_in(&runtime, body.clone()).expect("room for a task");
        task.join().expect("no panic");
    }
}
