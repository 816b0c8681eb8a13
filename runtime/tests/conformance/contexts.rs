//! Contexts.

use std::time::Duration;

use gleak_runtime::time::Instant;
use gleak_runtime::{Cancelled, Context, go, select};

use crate::support::{each, each_task, for_ever};

const FAR: Duration = Duration::from_secs(3600);

#[test]
fn the_background_is_never_done() {
    assert_eq!(Context::background().err(), None);
    for_ever(|| {
        let _ = Context::background().done().wait();
    });
}

#[test]
fn cancelling_a_parent_cancels_all_below_and_nobody_above_or_beside() {
    let root = Context::background();
    let (parent, cancel) = root.with_cancel();
    let (child, _child_cancel) = parent.with_cancel();
    let (grandchild, _grandchild_cancel) = child.with_timeout(FAR);
    let (sibling, _sibling_cancel) = root.with_cancel();
    assert!([&parent, &child, &grandchild].iter().all(|ctx| ctx.err().is_none()));
    cancel.cancel();
    let by_handle = Some(Cancelled::ByHandle);
    assert!([&parent, &child, &grandchild].iter().all(|ctx| ctx.err() == by_handle));
    assert!(root.err().is_none() && sibling.err().is_none());
}

#[test]
fn cancelling_a_child_leaves_its_parent() {
    let (parent, _cancel) = Context::background().with_cancel();
    let (child, cancel) = parent.with_cancel();
    cancel.cancel();
    assert!(child.is_done() && !parent.is_done());
}

#[test]
fn a_child_of_a_cancelled_parent_is_born_cancelled() {
    let (parent, cancel) = Context::background().with_cancel();
    cancel.cancel();
    let (child, _child_cancel) = parent.with_timeout(FAR);
    assert_eq!(child.err(), Some(Cancelled::ByHandle));
    assert_eq!(child.done().wait(), Cancelled::ByHandle);
}

#[test]
fn cancelling_again_changes_nothing() {
    let (ctx, cancel) = Context::background().with_timeout(Duration::ZERO);
    assert_eq!(ctx.err(), Some(Cancelled::DeadlineExceeded));
    cancel.cancel();
    cancel.clone().cancel();
    assert_eq!(ctx.err(), Some(Cancelled::DeadlineExceeded), "the first cause stays");
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.cancel();
    cancel.cancel();
    assert_eq!(ctx.err(), Some(Cancelled::ByHandle));
}

#[test]
fn the_earlier_deadline_counts() {
    each_task(|| {
        let (soon, far) = (Duration::from_millis(2), FAR);
        for (outer, inner) in [(soon, far), (far, soon)] {
            let start = Instant::now();
            let (parent, _parent_cancel) = Context::background().with_timeout(outer);
            let (child, _child_cancel) = parent.with_timeout(inner);
            assert_eq!(child.done().wait(), Cancelled::DeadlineExceeded);
            assert!(start.elapsed() >= soon, "not before it");
            assert_eq!(parent.is_done(), outer == soon);
        }
    });
}

#[test]
fn a_deadline_that_has_passed_is_done_at_once() {
    let (ctx, _cancel) = Context::background().with_deadline(Instant::now());
    assert_eq!(ctx.err(), Some(Cancelled::DeadlineExceeded));
}

#[test]
fn cancelling_before_the_deadline_is_told_from_it() {
    each(|world| {
        let (ctx, cancel) = Context::background().with_timeout(FAR);
        let waiter = world.go(move || ctx.done().wait());
        cancel.cancel();
        assert_eq!(waiter.join().unwrap(), Cancelled::ByHandle);
    });
}

#[test]
fn everybody_who_waits_is_told() {
    each(|world| {
        let (ctx, cancel) = Context::background().with_cancel();
        let waiters: Vec<_> = (0..1000)
            .map(|n| {
                let (child, child_cancel) = ctx.with_cancel();
                let ctx = if n % 2 == 0 { ctx.clone() } else { child };
                world.go(move || {
                    let _never_used = child_cancel;
                    select! { why = recv(ctx.done()) => why }
                })
            })
            .collect();
        world.asleep(1000);
        cancel.cancel();
        let told = waiters.into_iter().map(|waiter| waiter.join().unwrap());
        assert_eq!(told.filter(|why| *why == Cancelled::ByHandle).count(), 1000);
    });
}

#[test]
fn many_may_cancel_while_many_wait() {
    each_task(|| {
        for _ in 0..50 {
            let (ctx, cancel) = Context::background().with_cancel();
            let waiters: Vec<_> = (0..20)
                .map(|_| {
                    let ctx = ctx.clone();
                    go! { ctx.done().wait() }
                })
                .collect();
            for _ in 0..5 {
                let cancel = cancel.clone();
                go! { cancel.cancel() };
            }
            assert!(
                waiters.into_iter().all(|waiter| waiter.join().unwrap() == Cancelled::ByHandle)
            );
        }
    });
}
