//! Contexts: what a snapshot says of who has cancelled one, when, and who has asked it.

use std::time::Duration;

use gleak_runtime::report::snapshot::{Object, ObjectDetail, Snapshot, WaitReason};
use gleak_runtime::{Builder, Chan, Context, ErrGroup, select, spawn, task_id};

use crate::support::{parked, unique, until};

const SHORT: Duration = Duration::from_millis(2);

/// The context that a parked task has asked, as a snapshot shows it.
fn asked(name: &str) -> Option<(Object, Snapshot)> {
    let (snapshot, task, _) = parked(name);
    let asked = task.asked?;
    let object = snapshot.objects.iter().find(|it| it.id == asked).expect("listed").clone();
    Some((object, snapshot))
}

#[test]
fn snapshots_tell_who_has_asked_a_context_and_who_has_cancelled_it() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (jobs, name) = (Chan::<()>::new(0), unique("asks"));
    let (asks, receives) = (ctx.named("a job"), jobs.clone());
    let (child, _cancel_child) = asks.with_cancel();
    let task = Builder::new().name(&name).spawn(move || {
        assert!(!child.is_done());
        assert_eq!(asks.err(), None, "the last question counts");
        receives.recv()
    });
    let seen = || {
        let (object, snapshot) = asked(&name).expect("it has asked");
        assert_eq!(object.name.as_deref(), Some("a job"));
        assert_eq!(snapshot.validate(), Ok(()));
        (object.detail, snapshot)
    };
    let before = seen().0;
    let ObjectDetail::Context { cancelled: false, cancelled_ns: None, by: None, .. } = before
    else {
        panic!("not yet: {before:?}")
    };
    let line = line!() + 1;
    cancel.cancel();
    let (after, snapshot) = seen();
    let ObjectDetail::Context { cancelled: true, cancelled_ns: Some(at), by: Some(by), .. } = after
    else {
        panic!("by this test: {after:?}")
    };
    let site = &snapshot.sites[by.site.0 as usize];
    assert_eq!((site.file.as_str(), site.line), (file!(), line));
    assert!(at > 0 && at <= snapshot.header.taken_ns);
    jobs.close();
    assert_eq!(task.expect("a task").join().expect("no panic"), None);
}

#[test]
fn who_cancels_a_parent_has_cancelled_its_children() {
    let (parent, cancel) = Context::background().with_cancel();
    let (child, _cancel_child) = parent.with_cancel();
    let (jobs, name) = (Chan::<()>::new(0), unique("asks-a-child"));
    let receives = jobs.clone();
    let task = Builder::new().name(&name).spawn(move || {
        assert!(!child.is_done());
        receives.recv()
    });
    parked(&name);
    let canceller = spawn(move || {
        let line = line!() + 1;
        cancel.cancel();
        (task_id().expect("a task"), line)
    });
    let (id, line) = canceller.join().expect("no panic");
    let (object, snapshot) = asked(&name).expect("a context");
    let ObjectDetail::Context { by: Some(by), parent: Some(_), .. } = object.detail else {
        panic!("a child that was cancelled: {object:?}")
    };
    assert_eq!((by.task.0, snapshot.sites[by.site.0 as usize].line), (id, line));
    jobs.close();
    assert_eq!(task.expect("a task").join().expect("no panic"), None);
}

#[test]
fn a_deadline_that_has_passed_was_nobody_and_at_its_time() {
    // On a slow machine the first ones have passed before they are asked about.
    let mut limit = SHORT;
    let object = loop {
        let (ctx, _cancel) = Context::background().with_timeout(limit);
        let (jobs, name) = (Chan::<()>::new(0), unique("asks-before-the-deadline"));
        let (asks, receives) = (ctx.clone(), jobs.clone());
        let task = Builder::new().name(&name).spawn(move || {
            let _ = asks.is_done();
            receives.recv()
        });
        parked(&name);
        until(|| ctx.is_done());
        let seen = asked(&name);
        jobs.close();
        assert_eq!(task.expect("a task").join().expect("no panic"), None);
        if let Some((object, _)) = seen {
            break object;
        }
        limit *= 2;
    };
    let ObjectDetail::Context { cancelled_ns, by, deadline_ns, .. } = object.detail else {
        panic!("a context: {object:?}")
    };
    assert!(cancelled_ns.is_some() && by.is_none(), "{object:?}");
    assert_eq!(cancelled_ns, deadline_ns);
}

type Heeds = fn(&Context);

#[test]
fn who_is_told_of_a_deadline_has_heeded_it() {
    let (ctx, _cancel) = Context::background().with_timeout(SHORT);
    let ways: [(&str, Heeds); 4] = [
        ("waits", |ctx| {
            let _ = ctx.done().wait();
        }),
        ("selects", |ctx| select! { _why = recv(ctx.done()) => {} }),
        ("asks", |ctx| until(|| ctx.is_done())),
        ("asks-why", |ctx| {
            until(|| ctx.is_done());
            assert!(ctx.cause().is_some());
        }),
    ];
    for (way, heeds) in ways {
        let (jobs, name) = (Chan::<()>::new(0), unique(way));
        let (ctx, receives) = (ctx.clone(), jobs.clone());
        let task = Builder::new().name(&name).spawn(move || {
            heeds(&ctx);
            receives.recv()
        });
        loop {
            let (_, seen, wait) = parked(&name);
            if wait.reason == WaitReason::Receive {
                assert_eq!(seen.asked, None, "{way}");
                break;
            }
        }
        jobs.close();
        assert_eq!(task.expect("a task").join().expect("no panic"), None);
    }
}

#[test]
fn a_context_that_has_gone_was_asked_by_nobody() {
    let (jobs, name) = (Chan::<()>::new(0), unique("asks-and-forgets"));
    let receives = jobs.clone();
    let task = Builder::new().name(&name).spawn(move || {
        let (ctx, _cancel) = Context::background().with_cancel();
        assert!(!ctx.is_done());
        drop((ctx, _cancel));
        receives.recv()
    });
    assert_eq!(parked(&name).1.asked, None);
    jobs.close();
    assert_eq!(task.expect("a task").join().expect("no panic"), None);
}

#[test]
fn the_root_is_never_over_and_so_not_worth_a_word() {
    let (jobs, name) = (Chan::<()>::new(0), unique("asks-the-root"));
    let receives = jobs.clone();
    let task = Builder::new().name(&name).spawn(move || {
        assert!(!Context::background().is_done());
        receives.recv()
    });
    assert_eq!(parked(&name).1.asked, None);
    jobs.close();
    assert_eq!(task.expect("a task").join().expect("no panic"), None);
}

/// Whoever fails cancels the others: the place of that is where it was spawned.
#[test]
fn a_member_that_fails_has_cancelled_its_group() {
    let (jobs, name) = (Chan::<()>::new(0), unique("goes-on"));
    let (group, ctx) = ErrGroup::with_context(&Context::background());
    let (receives, own) = (jobs.clone(), name.clone());
    group.go(move || {
        assert!(!ctx.is_done());
        let receives = Builder::new().name(&own).spawn(move || {
            assert!(!ctx.is_done());
            receives.recv()
        });
        receives.map_err(drop)?.join().map(drop).map_err(drop)
    });
    parked(&name);
    let line = line!() + 1;
    group.go(|| Err(()));
    let (by, snapshot) = loop {
        let (object, snapshot) = asked(&name).expect("a context");
        if let ObjectDetail::Context { by: Some(by), .. } = object.detail {
            break (by, snapshot);
        }
    };
    let site = &snapshot.sites[by.site.0 as usize];
    assert_eq!((site.file.as_str(), site.line), (file!(), line));
    jobs.close();
    assert_eq!(group.wait(), Err(()));
}
