//! Guards in tests that have an attribute of tokio's.

use std::sync::Arc;

use gleak_tokio::sync::{Mutex, Notify, mpsc};
use gleak_tokio::{Guard, guard, spawn};

#[tokio::test]
async fn nothing_is_left() {
    let guard = guard!();
    spawn(async {}).await.expect("no panic");
    drop(spawn(tokio::task::yield_now()));
    assert!(guard.finish().await.is_ok());
}

#[tokio::test]
async fn a_task_that_stays_is_told_with_its_place() {
    let guard = guard!(settle_ms = 20);
    let (_jobs, mut taken) = mpsc::channel::<u32>(1);
    let worker = spawn(async move { taken.recv().await });
    let leaks = guard.finish().await.expect_err("it is left");
    let said = leaks.to_string();
    assert!(said.contains("1 task waiting to receive on channel"), "{said}");
    assert!(said.contains("tests/guard.rs:20"), "{said}");
    assert_eq!(leaks.report().findings[0].regions, ["a_task_that_stays_is_told_with_its_place"]);
    worker.abort();
}

#[tokio::test]
async fn what_nobody_wrapped_is_counted() {
    let guard = guard!(settle_ms = 20);
    let stays = tokio::spawn(std::future::pending::<()>());
    let said = guard.finish().await.expect_err("it is left").to_string();
    assert!(said.contains("(counted, no site)"), "{said}");
    stays.abort();
}

/// On a runtime that is not its own, nothing is counted.
#[tokio::test]
async fn what_was_there_before_is_nobodys_fault() {
    let before = tokio::spawn(std::future::pending::<()>());
    let guard = guard!(settle_ms = 20);
    let besides = tokio::spawn(std::future::pending::<()>());
    assert!(guard.finish().await.is_ok());
    before.abort();
    besides.abort();
}

#[tokio::test]
async fn an_ignore_takes_it_away() {
    let guard = guard!(settle_ms = 20).ignore("name=pool because it ends with the process");
    let pool = gleak_tokio::Builder::new().name("pool").spawn(std::future::pending::<()>());
    assert!(guard.finish().await.is_ok());
    pool.abort();
}

/// Two that wait for each other's lock.
fn deadlock() {
    let (left, right) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let both = Arc::new(tokio::sync::Barrier::new(2));
    for (first, second) in [(&left, &right), (&right, &left)] {
        let (first, second) = (Arc::clone(first), Arc::clone(second));
        let both = Arc::clone(&both);
        drop(spawn(async move {
            let _first = first.lock().await;
            both.wait().await;
            drop(second.lock().await);
        }));
    }
}

/// Once both tasks wait for locks.
async fn they_are_stuck() {
    use gleak_tokio::snapshot::{TaskState, WaitReason};
    loop {
        let snapshot = gleak_tokio::look();
        let waits = snapshot.tasks.iter().filter(|task| {
            let own = snapshot.regions.iter().find(|region| Some(region.id) == task.region);
            own.is_some_and(|it| it.name.starts_with("a_deadlock"))
                && matches!(&task.state, TaskState::Waiting(wait) if wait.reason == WaitReason::Lock)
        });
        if waits.count() == 2 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_deadlock_is_certain_when_a_guard_is_dropped() {
    let guard = Guard::open("a_deadlock");
    deadlock();
    they_are_stuck().await;
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(guard)));
    let said = *dropped.expect_err("it fails").downcast::<String>().expect("a message");
    assert!(said.contains("cycle of 2 tasks"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_on_many_threads_it_waits() {
    let guard = guard!(settle_ms = 60_000);
    drop(spawn(gleak_tokio::time::sleep(std::time::Duration::from_millis(5))));
    drop(guard);
}

#[tokio::test]
async fn a_task_has_no_guard() {
    let opened = spawn(async { drop(Guard::open("inside")) }).await;
    assert!(opened.is_err_and(|error| error.is_panic()));
}

/// Each is charged with its own, also on one runtime.
#[tokio::test]
async fn two_guards_tell_their_tasks_apart() {
    let told = Arc::new(Notify::new());
    let first = Guard::open("first").settle_ms(20);
    let stays = spawn(std::future::pending::<()>());
    let second = Guard::open("second").settle_ms(20);
    let theirs = Arc::clone(&told);
    let ends = spawn(async move { theirs.notified().await });
    told.notify_one();
    assert!(second.finish().await.is_ok());
    ends.await.expect("no panic");
    assert!(first.finish().await.is_err());
    stays.abort();
}
