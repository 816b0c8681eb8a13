//! Contexts.

use std::time::Duration;

use gleak_runtime::{Builder, Cancelled, Context, go, run, select, sleep};

use crate::support::{parked, unique};

#[test]
fn a_cancel_reaches_grandchildren_and_nobody_else() {
    let root = Context::background();
    let (child, cancel) = root.with_cancel();
    let (grandchild, _own) = child.with_cancel();
    let (sibling, _other) = root.with_cancel();
    let name = unique("waits-for-cancel");
    let done = grandchild.done();
    let task = Builder::new().name(&name).spawn(move || done.wait()).unwrap();
    parked(&name);
    cancel.cancel();
    cancel.cancel();
    assert_eq!(task.join().unwrap(), Cancelled::ByHandle);
    assert_eq!(child.err(), Some(Cancelled::ByHandle));
    assert_eq!((root.err(), sibling.err()), (None, None));
    let (late, _handle) = grandchild.with_cancel();
    assert!(late.is_done(), "a child of a context that is done is done");
}

#[test]
fn a_deadline_ends_a_wait() {
    let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(2));
    assert_eq!(ctx.done().wait(), Cancelled::DeadlineExceeded);
    assert!(ctx.is_done());
}

#[test]
fn a_child_cannot_outlive_its_parents_deadline() {
    let (parent, _p) = Context::background().with_timeout(Duration::from_millis(2));
    let (child, _c) = parent.with_timeout(Duration::from_secs(600));
    assert_eq!(child.done().wait(), Cancelled::DeadlineExceeded);
}

#[test]
fn a_worker_loop_stops_at_the_deadline() {
    let rounds = run(|| {
        let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(10));
        go! {
            let mut rounds = 0_u32;
            loop {
                select! {
                    _ = recv(ctx.done()) => break rounds,
                    default => {
                        rounds += 1;
                        sleep(Duration::from_millis(1));
                    }
                }
            }
        }
        .join()
        .unwrap()
    });
    assert!(rounds > 0);
}

#[test]
fn dropping_the_cancel_handle_cancels_nothing() {
    let (ctx, cancel) = Context::background().with_cancel();
    drop(cancel);
    assert_eq!(ctx.err(), None);
}
