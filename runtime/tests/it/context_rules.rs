//! The rest of Go's rules for contexts: causes, values, functions, trees.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gleak_runtime::report::snapshot::{ObjectDetail, Target};
use gleak_runtime::{
    Builder, Cancelled, Chan, Context, Runtime, WaitGroup, go, run, select, spawn, yield_now,
};

use crate::support::{parked, unique, until};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(2);

#[derive(Debug, PartialEq)]
struct TooSlow(u32);

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too slow: {}", self.0)
    }
}

impl std::error::Error for TooSlow {}

fn cause(ctx: &Context) -> Option<String> {
    ctx.cause().map(|cause| cause.to_string())
}

#[test]
fn the_first_cause_counts_here_and_below() {
    let (parent, cancel) = Context::background().with_cancel();
    let (child, cancel_child) = parent.with_cancel();
    let (other, _other) = parent.with_timeout(LONG);
    assert_eq!(cause(&parent), None);
    cancel_child.cancel_with(TooSlow(1));
    cancel.cancel_with("no more");
    cancel.cancel_with(TooSlow(2));
    assert_eq!(cause(&child).as_deref(), Some("too slow: 1"));
    assert!(child.cause().unwrap().downcast_ref::<TooSlow>() == Some(&TooSlow(1)));
    assert_eq!(
        (cause(&parent).as_deref(), cause(&other).as_deref()),
        (Some("no more"), Some("no more"))
    );
    assert_eq!(child.err(), Some(Cancelled::ByHandle), "whatever the cause is");
}

#[test]
fn without_a_cause_the_cause_is_how_it_ended() {
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.cancel();
    assert_eq!(cause(&ctx).as_deref(), Some("context cancelled"));
    let (ctx, cancel) = Context::background().with_timeout(Duration::ZERO);
    cancel.cancel_with(TooSlow(3));
    assert_eq!(ctx.err(), Some(Cancelled::DeadlineExceeded), "the deadline came first");
    assert_eq!(cause(&ctx).as_deref(), Some("context deadline exceeded"));
}

#[test]
fn a_deadline_brings_its_cause_to_children_that_inherit_it() {
    let (parent, _p) = Context::background().with_timeout_cause(SHORT, TooSlow(4));
    let (child, _c) = parent.with_timeout_cause(LONG, TooSlow(5));
    assert_eq!(child.deadline(), parent.deadline());
    assert_eq!(child.done().wait(), Cancelled::DeadlineExceeded);
    assert_eq!(cause(&child).as_deref(), Some("too slow: 4"));
    assert_eq!(Context::background().deadline(), None);
}

#[test]
fn values_are_found_by_type_up_to_the_root() {
    struct User(&'static str);
    struct Request(u32);
    let root = Context::background();
    let user = root.with_value(User("ann"));
    let (request, cancel) = user.with_value(Request(1)).with_cancel();
    let inner = request.with_value(Request(2));
    assert!(root.value::<User>().is_none());
    assert_eq!(inner.value::<User>().map(|it| it.0), Some("ann"));
    assert_eq!(inner.value::<Request>().map(|it| it.0), Some(2), "the nearest one");
    assert_eq!(request.value::<Request>().map(|it| it.0), Some(1));
    assert!(inner.value::<String>().is_none());
    let detached = inner.without_cancel();
    cancel.cancel();
    assert!(inner.is_done(), "a value does not shield");
    assert!(!detached.is_done());
    assert_eq!(detached.value::<Request>().map(|it| it.0), Some(2), "the values go along");
}

#[test]
fn without_cancel_leaves_the_deadline_behind() {
    let (ctx, _cancel) = Context::background().with_timeout(Duration::ZERO);
    let free = ctx.without_cancel();
    assert!(ctx.is_done() && !free.is_done());
    assert_eq!(free.deadline(), None);
}

#[test]
fn a_cancel_passes_through_a_context_that_nobody_holds() {
    let (root, cancel) = Context::background().with_cancel();
    let grandchild = {
        let (child, _unused) = root.with_cancel();
        child.with_cancel().0
    };
    cancel.cancel();
    assert!(grandchild.is_done());
}

#[test]
fn a_hundred_thousand_children_leave_nothing_with_their_parent() {
    let (parent, cancel) = Context::background().with_cancel();
    let held = Arc::new(());
    for n in 0..100_000_u32 {
        let (child, cancel_child) = parent.with_value(held.clone()).with_cancel();
        if n % 2 == 0 {
            cancel_child.cancel();
            assert!(child.is_done());
        }
    }
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(format!("{parent:?}").contains("children: 0"), "{parent:?}");
    let children: Vec<_> = (0..100_000).map(|_| parent.with_cancel().0).collect();
    cancel.cancel();
    assert!(children.iter().all(Context::is_done));
}

#[test]
fn a_long_chain_is_cancelled_and_dropped_on_a_small_stack() {
    run(|| {
        let (root, cancel) = Context::background().with_cancel();
        let mut last = root;
        for n in 0..100_000_u64 {
            last = last.with_value(n).with_cancel().0;
        }
        cancel.cancel();
        assert!(last.is_done());
        assert_eq!(last.value::<u64>(), Some(&99_999));
        let spare = last.clone();
        drop(last);
        drop(spare);
    });
}

#[test]
fn a_function_runs_once_when_the_context_is_done() {
    run(|| {
        let (ctx, cancel) = Context::background().with_cancel();
        let ran = Chan::new(1);
        let sends = ran.sends();
        let registered = ctx.after_func(move || sends.send(1));
        assert!(ran.is_empty());
        cancel.cancel();
        assert_eq!(ran.recv(), Some(1));
        assert!(!registered.stop(), "it has run");
        let sends = ran.sends();
        let _late = ctx.after_func(move || sends.send(2));
        assert_eq!(ran.recv(), Some(2), "at once, on a context that is done");
    });
}

#[test]
fn a_function_runs_at_the_deadline_with_nobody_looking() {
    let (ctx, _cancel) = Context::background().with_timeout(SHORT);
    let ran = Chan::new(0);
    let (sends, seen) = (ran.sends(), ctx.clone());
    let _registered = ctx.after_func(move || sends.send(seen.err()));
    assert_eq!(ran.recv(), Some(Some(Cancelled::DeadlineExceeded)));
}

#[test]
fn a_stopped_function_does_not_run_and_others_do() {
    let (ctx, cancel) = Context::background().with_timeout(LONG);
    let (held, ran) = (Arc::new(()), Chan::new(0));
    let (in_function, sends) = (held.clone(), ran.sends());
    let stopped = ctx.after_func(move || drop(in_function));
    let _other = ctx.after_func(move || sends.send(()));
    assert!(stopped.stop());
    assert!(!stopped.stop());
    assert_eq!(Arc::strong_count(&held), 1);
    cancel.cancel();
    assert_eq!(ran.recv(), Some(()));
}

#[test]
fn a_context_tells_its_parent_in_snapshots() {
    let (parent, _p) = Context::background().with_cancel();
    let (child, cancel) = parent.named("a request").with_cancel();
    let name = unique("waits-below");
    let done = child.done();
    let task = Builder::new().name(&name).spawn(move || done.wait()).expect("a task");
    let (snapshot, _, wait) = parked(&name);
    let Target::Object(id) = wait.arms[0].on else { panic!("on the context: {:?}", wait.arms) };
    let object = |id| snapshot.objects.iter().find(|it| it.id == id).expect("listed");
    let ObjectDetail::Context { parent: Some(parent), .. } = object(id).detail else {
        panic!("with a parent: {:?}", object(id).detail)
    };
    assert_eq!(object(parent).name.as_deref(), Some("a request"));
    cancel.cancel();
    assert_eq!(task.join().expect("no panic"), Cancelled::ByHandle);
}

/// Cancel, deadline and stop at the same time: each function runs, or was stopped.
#[test]
fn thousands_of_functions_run_or_are_stopped() {
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).start().unwrap();
        let body = || {
            let (ran, stopped) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
            let group = WaitGroup::new();
            for n in 0..1000_u64 {
                let limit = Duration::from_micros(n);
                let (ctx, cancel) = Context::background().with_timeout(limit);
                let (in_function, counted) = (ran.clone(), stopped.clone());
                let registered = ctx.after_func(move || {
                    in_function.fetch_add(1, Ordering::SeqCst);
                });
                group.add(2);
                let (first, second) = (group.clone(), group.clone());
                go! {
                    cancel.cancel();
                    first.done();
                };
                go! {
                    if registered.stop() {
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                    second.done();
                };
                yield_now();
            }
            group.wait();
            let count = |it: &AtomicU32| it.load(Ordering::SeqCst);
            until(|| count(&ran) + count(&stopped) == 1000);
        };
        Builder::new().spawn_in(&runtime, body).unwrap().join().unwrap();
        until(|| runtime.live() == 0);
    }
}

#[test]
fn a_cancel_wakes_thousands_in_either_way_of_waiting() {
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).start().unwrap();
        let body = || {
            let (ctx, cancel) = Context::background().with_cancel();
            let never = Chan::<()>::never();
            let waiters: Vec<_> = (0..4000)
                .map(|n| {
                    let (ctx, own) = ctx.with_cancel();
                    let never = never.clone();
                    spawn(move || {
                        let _own = own;
                        match n % 2 {
                            0 => ctx.done().wait(),
                            _ => select! {
                                _ = recv(never) => unreachable!(),
                                why = recv(ctx.done()) => why,
                            },
                        }
                    })
                })
                .collect();
            cancel.cancel();
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), Cancelled::ByHandle);
            }
        };
        Builder::new().spawn_in(&runtime, body).unwrap().join().unwrap();
        assert_eq!(runtime.live(), 0);
    }
}
