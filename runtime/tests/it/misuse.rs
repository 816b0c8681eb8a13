//! What is noted of misuse and of sleeping workers, and what is not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex};

use gleak_runtime::report::snapshot::{
    KernelSleep, Misuse, MisuseFact, ObjectDetail, RegionId, SiteId, Unheard, WaitReason, Worker,
};
use gleak_runtime::report::{Detail, snapshot, snapshot_with};
use gleak_runtime::{
    Builder, Cond, ErrGroup, Mutex, Region, RegionKind, Runtime, WaitGroup, hold_worker,
};

use crate::support::{named, parked, unique, until};

fn one_worker() -> Runtime {
    Runtime::builder().workers(1).start().expect("a runtime")
}

/// What is kept of a region.
fn misuses(region: &Region) -> Vec<MisuseFact> {
    let id = Some(RegionId(region.id()));
    snapshot().misuses.into_iter().filter(|misuse| misuse.region == id).collect()
}

#[test]
fn errors_that_nobody_saw_are_counted_by_place_until_the_verdict() {
    let runtime = one_worker();
    let region = Region::open(RegionKind::Guard, "unseen");
    let fail = |times: u32| {
        let body = move || {
            for _ in 0..times {
                let group = ErrGroup::new();
                group.go(|| Err("no"));
            }
        };
        region.builder().spawn_in(&runtime, body).expect("a task").join().expect("no panic");
    };
    fail(2);
    until(|| misuses(&region).iter().map(|misuse| misuse.times).sum::<u64>() == 2);
    fail(3);
    until(|| misuses(&region).iter().map(|misuse| misuse.times).sum::<u64>() == 5);
    let [one] = &misuses(&region)[..] else { panic!("alike ones are one") };
    assert_eq!((one.kind, one.object.as_ref(), one.other), (Misuse::UnseenError, None, None));
    let id = RegionId(region.id());
    region.close();
    assert!(snapshot().misuses.iter().all(|misuse| misuse.region != Some(id)));
}

#[test]
fn an_error_that_is_seen_or_a_panic_that_is_not_is_no_unseen_error() {
    let runtime = one_worker();
    let region = Region::open(RegionKind::Guard, "seen");
    let name = unique("unseen-panic");
    let (own, last) = (name.clone(), Arc::new(()));
    let ends = last.clone();
    let body = move || {
        let group = ErrGroup::new();
        group.go(|| Err("no"));
        assert_eq!(group.wait(), Err("no"));
        let group = ErrGroup::<()>::new();
        group.go(|| Ok(()));
        drop(group);
        // The first of these members is joined by the group when the others come.
        let group = ErrGroup::<()>::new();
        for round in 0..8 {
            let (own, ends) = (own.clone(), ends.clone());
            group.go(move || {
                let _ends = ends;
                assert!(round > 0, "{own}");
                Ok(())
            });
            while Arc::strong_count(&last) > 2 {
                gleak_runtime::yield_now();
            }
        }
    };
    region.builder().spawn_in(&runtime, body).expect("a task").join().expect("no panic");
    let seen = |name: &str| snapshot().panics.iter().filter(|it| it.message == name).count();
    until(|| seen(&name) == 1);
    assert_eq!(misuses(&region), []);
    region.close();
}

/// Of the one cond that was made in this file and line; and the line of the last notification.
fn unheard(line: u32) -> Option<(Unheard, u32)> {
    let facts = snapshot();
    let site = |id: SiteId| &facts.sites[id.0 as usize];
    facts.objects.iter().find_map(|object| match object.detail {
        ObjectDetail::Cond { unheard: Some(unheard), .. }
            if site(object.site).line == line && is_here(&site(object.site).file) =>
        {
            Some((unheard, site(unheard.by.site).line))
        }
        ObjectDetail::Cond { .. }
        | ObjectDetail::Channel { .. }
        | ObjectDetail::Mutex { .. }
        | ObjectDetail::RwLock { .. }
        | ObjectDetail::WaitGroup { .. }
        | ObjectDetail::Context { .. }
        | ObjectDetail::Socket { .. }
        | ObjectDetail::Once { .. }
        | ObjectDetail::Semaphore { .. }
        | ObjectDetail::Barrier { .. } => None,
    })
}

fn is_here(file: &str) -> bool {
    file.ends_with("runtime/tests/it/misuse.rs")
}

#[test]
fn a_notification_that_nobody_hears_is_noted_until_one_is_heard() {
    let runtime = one_worker();
    let here = line!() + 1;
    let (cond, mutex) = (Cond::new(), Mutex::new(false));
    let gate = Arc::new((cond, mutex));
    assert_eq!(unheard(here), None);
    for times in 1..3 {
        gate.0.notify_all();
        let (noted, _) = unheard(here).expect("noted");
        assert_eq!(noted.times, times);
    }
    gate.0.notify_one();
    let (name, own) = (unique("hears"), gate.clone());
    let task = Builder::new().name(&name).spawn_in(&runtime, move || {
        drop(own.0.wait(own.1.lock().expect("no poison")));
    });
    let last = line!() - 5;
    let (_, _, wait) = parked(&name);
    assert_eq!(wait.reason, WaitReason::Cond);
    let (noted, line) = unheard(here).expect("noted");
    assert!(noted.times == 3 && noted.at_ns <= wait.since_ns, "{noted:?}");
    assert_eq!(line, last);
    gate.0.notify_one();
    task.expect("a task").join().expect("no panic");
    assert_eq!(unheard(here), None);
    gate.0.notify_one();
    assert_eq!(unheard(here).map(|(noted, _)| noted.times), Some(1));
}

/// The worker that the task of this name keeps, once a snapshot with stacks says what is awaited of it.
fn kept(name: &str, is_meant: impl Fn(&Worker) -> bool) -> Worker {
    loop {
        if let Some((_, task)) = named(name) {
            let facts = snapshot_with(Detail { stacks: true, ..Detail::default() });
            let mut workers = facts.workers.iter().filter(|it| it.running == Some(task.id));
            if let Some(worker) = workers.find(|worker| is_meant(worker)) {
                assert_eq!(facts.validate(), Ok(()));
                return *worker;
            }
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_lock_of_stds_puts_a_worker_to_sleep_in_the_kernel() {
    let runtime = one_worker();
    let (name, lock) = (unique("std-lock"), Arc::new(StdMutex::new(0)));
    let held = lock.lock().expect("no poison");
    let own = lock.clone();
    let task = Builder::new().name(&name).spawn_in(&runtime, move || {
        *own.lock().expect("no poison") += 1;
    });
    let worker = kept(&name, |worker| worker.sleeps.is_some());
    assert_eq!(worker.sleeps, Some(KernelSleep::Futex));
    assert!(worker.held_since_ns.is_some());
    let quick = snapshot();
    assert!(quick.workers.iter().all(|it| it.sleeps.is_none()), "nobody asked");
    drop(held);
    task.expect("a task").join().expect("no panic");
}

#[test]
fn who_computes_or_is_in_a_wait_of_ours_does_not_sleep_in_the_kernel() {
    let runtime = one_worker();
    let (name, enough) = (unique("computes"), Arc::new(AtomicBool::new(false)));
    let stop = enough.clone();
    let task = Builder::new().name(&name).spawn_in(&runtime, move || {
        while !stop.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    });
    let worker = kept(&name, |worker| worker.held_since_ns.is_some());
    assert_eq!(worker.sleeps, None);
    enough.store(true, Ordering::Relaxed);
    task.expect("a task").join().expect("no panic");
    let (name, group) = (unique("waits"), WaitGroup::new());
    group.add(1);
    let own = group.clone();
    let task = Builder::new().name(&name).spawn_in(&runtime, move || hold_worker(|| own.wait()));
    let worker = kept(&name, |worker| worker.held_since_ns.is_some());
    assert_eq!(worker.sleeps, None);
    group.done();
    task.expect("a task").join().expect("no panic");
}
