//! What snapshots say of waits: what is certain, and what must never be.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gleak_tokio::snapshot::{
    HoldMode, ObjectDetail, Snapshot, Target, Task, TaskState, Wait, WaitReason,
};
use gleak_tokio::sync::{
    Mutex, MutexGuard, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};
use gleak_tokio::{Builder, JoinSet, spawn, time};

/// The task of this name, once it is as wanted.
async fn task_that(name: &str, is_wanted: impl Fn(&Snapshot, &Task) -> bool) -> (Snapshot, Task) {
    loop {
        let snapshot = gleak_tokio::look();
        snapshot.validate().expect("a valid snapshot");
        let named = snapshot.tasks.iter().find(|task| task.name.as_deref() == Some(name)).cloned();
        if let Some(task) = named.filter(|task| is_wanted(&snapshot, task)) {
            return (snapshot, task);
        }
        tokio::task::yield_now().await;
    }
}

fn wait_of(task: &Task) -> Option<&Wait> {
    match &task.state {
        TaskState::Waiting(wait) => Some(wait),
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
    }
}

/// How a task of this name waits in the end, of a future that does not end by itself.
async fn waits<F>(name: &'static str, future: F) -> (Snapshot, Task, Wait)
where
    F: Future<Output = ()> + Send + 'static,
{
    let handle = Builder::new().name(name).spawn(future);
    let (snapshot, task) = task_that(name, |_, task| wait_of(task).is_some()).await;
    handle.abort();
    assert!(handle.await.is_err_and(|error| error.is_cancelled()));
    let wait = wait_of(&task).expect("it waits").clone();
    (snapshot, task, wait)
}

/// As the one way on that there is.
#[track_caller]
fn is_sole(wait: &Wait, reason: WaitReason) {
    assert_eq!((wait.reason, wait.unlisted_arms, wait.until_ns), (reason, 0, None), "{wait:#?}");
    assert_eq!(wait.arms.len(), 1, "{wait:#?}");
}

/// As one that may end in another way.
#[track_caller]
fn is_doubtful(wait: &Wait) {
    let open = wait.unlisted_arms > 0 || wait.until_ns.is_some();
    assert!(open || wait.reason == WaitReason::Future, "{wait:#?}");
}

#[tokio::test]
async fn a_plain_wait_has_one_arm() {
    let lock = Arc::new(Mutex::new(()));
    let _own = lock.lock().await;
    let theirs = Arc::clone(&lock);
    let (_, _, wait) = waits("locks", async move { drop(theirs.lock().await) }).await;
    is_sole(&wait, WaitReason::Lock);

    let shared = Arc::new(RwLock::new(()));
    let own = shared.write().await;
    let theirs = Arc::clone(&shared);
    let (_, _, wait) = waits("reads", async move { drop(theirs.read().await) }).await;
    is_sole(&wait, WaitReason::ReadLock);
    let theirs = Arc::clone(&shared);
    let (snapshot, _, wait) = waits("writes", async move { drop(theirs.write().await) }).await;
    is_sole(&wait, WaitReason::WriteLock);
    let on = wait.arms[0].on;
    let lock = snapshot.objects.iter().find(|it| on == Target::Object(it.id));
    let detail = &lock.expect("the lock").detail;
    assert!(matches!(detail, ObjectDetail::RwLock { waiting_writers: 1, .. }), "{detail:?}");
    drop(own);

    let (send, mut receive) = mpsc::channel::<u32>(1);
    send.send(1).await.expect("room");
    let (_, _, wait) = waits("sends", async move { assert!(send.send(2).await.is_ok()) }).await;
    is_sole(&wait, WaitReason::Send);
    let (_send, mut other) = mpsc::unbounded_channel::<u32>();
    let (_, _, wait) =
        waits("receives", async move { assert!(other.recv().await.is_some()) }).await;
    is_sole(&wait, WaitReason::Receive);
    assert_eq!(receive.try_recv(), Ok(1));

    let (_one, answer) = oneshot::channel::<u32>();
    let (snapshot, _, wait) = waits("awaits", async move { assert!(answer.await.is_ok()) }).await;
    is_sole(&wait, WaitReason::Receive);
    assert_eq!(snapshot.sites[wait.site.0 as usize].file, file!());
    let (_value, mut seen) = watch::channel(1);
    let (_, _, wait) = waits("watches", async move { assert!(seen.changed().await.is_ok()) }).await;
    is_sole(&wait, WaitReason::Receive);
    let (_news, mut told) = broadcast::channel::<u32>(1);
    let (_, _, wait) =
        waits("is told all", async move { assert!(told.recv().await.is_ok()) }).await;
    is_sole(&wait, WaitReason::Receive);
    let room = Arc::new(Semaphore::new(0));
    let (_, _, wait) = waits("acquires", async move { drop(room.acquire().await) }).await;
    is_sole(&wait, WaitReason::Semaphore);
    let told = Arc::new(Notify::new());
    let (_, _, wait) = waits("is told", async move { told.notified().await }).await;
    is_sole(&wait, WaitReason::Cond);
    let sleeper = spawn(std::future::pending::<()>());
    let (_, _, wait) = waits("joins", async move { drop(sleeper.await) }).await;
    is_sole(&wait, WaitReason::Join);
}

#[tokio::test]
async fn a_timer_is_a_way_on() {
    let (_, _, wait) = waits("sleeps", time::sleep(Duration::from_secs(3600))).await;
    assert_eq!(wait.reason, WaitReason::Sleep);
    assert!(wait.until_ns.is_some_and(|until| until > wait.since_ns));
    let ticks = async {
        let mut ticks = time::interval(Duration::from_secs(3600));
        loop {
            ticks.tick().await;
        }
    };
    assert_eq!(waits("ticks", ticks).await.2.reason, WaitReason::Sleep);
}

#[tokio::test]
async fn a_lock_beside_something_else_is_never_the_only_way_on() {
    let lock = Arc::new(Mutex::new(()));
    let _own = lock.lock().await;
    let long = Duration::from_secs(3600);

    let theirs = Arc::clone(&lock);
    let timed = async move { drop(tokio::time::timeout(long, theirs.lock()).await) };
    is_doubtful(&waits("in a timeout", timed).await.2);

    let theirs = Arc::clone(&lock);
    let selected = async move {
        tokio::select! {
            _guard = theirs.lock() => {}
            () = tokio::time::sleep(long) => {}
        }
    };
    is_doubtful(&waits("beside a bare sleep", selected).await.2);

    let theirs = Arc::clone(&lock);
    let selected = async move {
        tokio::select! {
            _guard = theirs.lock() => {}
            () = time::sleep(long) => {}
        }
    };
    is_doubtful(&waits("beside a sleep", selected).await.2);

    let theirs = Arc::clone(&lock);
    let (_keep, mut bare) = tokio::sync::mpsc::channel::<u32>(1);
    let joined = async move {
        let _ = tokio::join!(theirs.lock(), bare.recv());
    };
    is_doubtful(&waits("beside a bare channel", joined).await.2);

    let theirs = Arc::clone(&lock);
    let local =
        async move { tokio::task::unconstrained(async { drop(theirs.lock().await) }).await };
    is_sole(&waits("not constrained", local).await.2, WaitReason::Lock);
}

/// Handles at both ends, and who used them last.
#[tokio::test]
async fn a_broadcast_knows_its_ends() {
    let (news, mut first) = broadcast::channel(2);
    let (mut second, mut late) = (news.subscribe(), first.resubscribe());
    let weak = news.downgrade();
    let (more, again) = (news.clone(), weak.upgrade().expect("it is open"));
    assert_eq!(again.send(1).ok(), Some(3));
    assert_eq!((first.recv().await, second.try_recv()), (Ok(1), Ok(1)));
    assert_eq!(news.receiver_count(), 3);
    drop(more);
    (2..5).for_each(|n| assert_eq!(news.send(n).ok(), Some(3)));
    assert_eq!(second.recv().await, Err(broadcast::error::RecvError::Lagged(1)));
    assert_eq!((second.recv().await, second.recv().await), (Ok(3), Ok(4)));
    assert!(late.recv().await.is_err_and(|error| error != broadcast::error::RecvError::Closed));
    let (snapshot, _, wait) =
        waits("hears nothing", async move { drop(second.recv().await) }).await;
    let on = wait.arms[0].on;
    let channel = snapshot.objects.iter().find(|it| on == Target::Object(it.id));
    let detail = &channel.expect("the channel").detail;
    let ObjectDetail::Channel { sender, receiver, closed: false, capacity: Some(2), .. } = detail
    else {
        panic!("{detail:?}")
    };
    assert_eq!((sender.handles, receiver.handles), (Some(2), Some(3)));
    drop((news, again));
    assert!(weak.upgrade().is_none());
    assert!(late.is_closed());
}

/// What stands in a timeout of ours is listed beside the time, which is a way on.
#[tokio::test]
async fn what_has_a_limit_is_listed_with_it() {
    let lock = Arc::new(Mutex::new(()));
    let _own = lock.lock().await;
    let long = Duration::from_secs(3600);
    #[track_caller]
    fn is_limited(wait: &Wait, reason: WaitReason, arms: usize) {
        assert_eq!((wait.reason, wait.arms.len()), (reason, arms), "{wait:#?}");
        assert_eq!(wait.unlisted_arms, 0, "{wait:#?}");
        let hour = wait.until_ns.expect("a limit") - wait.since_ns;
        assert!((3_590..3_610).contains(&(hour / 1_000_000_000)), "{wait:#?}");
    }

    let theirs = Arc::clone(&lock);
    let limited = async move { drop(time::timeout(long, theirs.lock()).await) };
    is_limited(&waits("locks for an hour", limited).await.2, WaitReason::Lock, 1);

    let (theirs, (_send, mut receive)) = (Arc::clone(&lock), mpsc::channel::<u32>(1));
    let deadline = tokio::time::Instant::now() + long;
    let both = async move {
        let either = async {
            tokio::select! {
                _guard = theirs.lock() => {}
                _value = receive.recv() => {}
            }
        };
        drop(time::timeout_at(deadline, time::timeout(long * 2, either)).await);
    };
    is_limited(&waits("either for an hour", both).await.2, WaitReason::Select, 2);

    // Longer than clocks go.
    let theirs = Arc::clone(&lock);
    let limited = async move { drop(time::timeout(Duration::MAX, theirs.lock()).await) };
    let (_, _, wait) = waits("locks for ages", limited).await;
    assert_eq!((wait.reason, wait.until_ns.is_some()), (WaitReason::Lock, true), "{wait:#?}");

    let (_keep, mut bare) = tokio::sync::mpsc::channel::<u32>(1);
    let unknown = async move { drop(time::timeout(long, bare.recv()).await) };
    let (_, _, wait) = waits("is unknown for an hour", unknown).await;
    assert_eq!((wait.reason, wait.until_ns.is_some()), (WaitReason::Future, true), "{wait:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_has_passed_ends_the_wait() {
    let lock = Arc::new(Mutex::new(7));
    let own = lock.lock().await;
    let theirs = Arc::clone(&lock);
    let limited = spawn(async move {
        let long = Duration::from_secs(3600);
        let started = tokio::time::Instant::now();
        assert!(time::timeout(long, theirs.lock()).await.is_err());
        assert_eq!(started.elapsed().as_secs(), 3600);
        time::timeout(long, theirs.lock()).await.map(|guard| *guard)
    });
    time::sleep(Duration::from_secs(3601)).await;
    drop(own);
    assert_eq!(limited.await.ok(), Some(Ok(7)));
    let mut limited = time::timeout(Duration::ZERO, std::future::ready(1));
    assert_eq!(limited.get_mut().clone().into_inner(), 1);
    assert_eq!(limited.await, Ok(1));
}

#[tokio::test]
async fn known_arms_make_a_select() {
    let lock = Arc::new(Mutex::new(()));
    let _own = lock.lock().await;
    let (_send, mut receive) = mpsc::channel::<u32>(1);
    let theirs = Arc::clone(&lock);
    let both = async move {
        tokio::select! {
            _guard = theirs.lock() => {}
            _value = receive.recv() => {}
        }
    };
    let (_, _, wait) = waits("selects", both).await;
    assert_eq!((wait.reason, wait.arms.len(), wait.unlisted_arms), (WaitReason::Select, 2, 0));
    let mut all = JoinSet::new();
    for _ in 0..3 {
        all.spawn(std::future::pending::<()>());
    }
    let (_, _, wait) = waits("joins any", async move { drop(all.join_next().await) }).await;
    assert_eq!((wait.reason, wait.arms.len(), wait.unlisted_arms), (WaitReason::Select, 3, 0));
}

#[tokio::test]
async fn what_the_last_poll_has_not_reached_is_in_doubt() {
    let lock = Arc::new(Mutex::new(()));
    let _own = lock.lock().await;
    let (theirs, told) = (Arc::clone(&lock), Arc::new(Notify::new()));
    let (go_on, on) = (Arc::clone(&told), Arc::clone(&told));
    let left_alone = async move {
        let mut lock = std::pin::pin!(theirs.lock());
        tokio::select! {
            biased;
            () = told.notified() => {}
            _guard = &mut lock => {}
        }
        // Queued still, and polled no more.
        on.notified().await;
    };
    let handle = Builder::new().name("leaves its lock alone").spawn(left_alone);
    let is_select = |_: &Snapshot, task: &Task| wait_of(task).is_some_and(|it| it.arms.len() == 2);
    task_that("leaves its lock alone", is_select).await;
    go_on.notify_one();
    let moved_on = |_: &Snapshot, task: &Task| {
        wait_of(task).is_some_and(|it| it.arms.len() == 2 && it.unlisted_arms > 0)
    };
    task_that("leaves its lock alone", moved_on).await;
    handle.abort();
}

#[tokio::test]
async fn a_wait_that_is_given_up_is_gone() {
    let lock = Arc::new(Mutex::new(()));
    let _own = lock.lock().await;
    let theirs = Arc::clone(&lock);
    let gives_up = async move {
        assert!(tokio::time::timeout(Duration::from_millis(1), theirs.lock()).await.is_err());
        std::future::pending::<()>().await;
    };
    let handle = Builder::new().name("gives up").spawn(gives_up);
    let alone = |_: &Snapshot, task: &Task| {
        wait_of(task).is_some_and(|it| it.reason == WaitReason::Future && it.arms.is_empty())
    };
    task_that("gives up", alone).await;
    handle.abort();
}

/// Also while it has a part of what is locked, or is a closure that blocks.
#[tokio::test]
async fn whoever_has_a_lock_is_its_owner() {
    let pair = Arc::new(Mutex::new((1, 2)));
    let theirs = Arc::clone(&pair);
    let owner = Builder::new().name("has a part").spawn(async move {
        let mut part = MutexGuard::map(theirs.lock().await, |pair| &mut pair.1);
        *part += 1;
        std::future::pending::<()>().await;
    });
    let has =
        |_: &Snapshot, task: &Task| task.holds.iter().any(|it| it.mode == HoldMode::Exclusive);
    // What nobody waits for is in no snapshot.
    let theirs = Arc::clone(&pair);
    let waiter = spawn(async move { theirs.lock().await.1 });
    task_that("has a part", has).await;
    owner.abort();
    assert_eq!(waiter.await.ok(), Some(3));

    let table = Arc::new(RwLock::new(1));
    let (theirs, (stop, stopped)) = (Arc::clone(&table), std::sync::mpsc::channel::<()>());
    let blocks = Builder::new().name("blocks").spawn_blocking(move || {
        let mut value = theirs.blocking_write();
        *value += 1;
        assert!(stopped.recv().is_err());
        drop(value);
        *theirs.blocking_read()
    });
    while table.try_read().is_ok() {
        tokio::task::yield_now().await;
    }
    let theirs = Arc::clone(&table);
    let waiter = spawn(async move { *theirs.read().await });
    task_that("blocks", has).await;
    drop(stop);
    assert_eq!((waiter.await.ok(), blocks.await.ok()), (Some(2), Some(2)));
}

/// Who has a lock is known until another task gives it back.
#[tokio::test]
async fn a_guard_that_another_task_drops_proves_nothing_any_more() {
    let lock: &'static Mutex<()> = Box::leak(Box::new(Mutex::const_new(())));
    let (give, mut taken) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel::<()>();
    let owner = async move {
        let guard = lock.lock().await;
        if let Ok(()) = stopped.await {
            give.send(guard).await.expect("somebody takes it");
        }
    };
    let owner = Builder::new().name("owner").spawn(owner);
    let waiter = Builder::new().name("waiter").spawn(async { drop(lock.lock().await) });
    let has = |snapshot: &Snapshot, task: &Task| {
        let object = snapshot.objects.iter().find(|it| {
            task.holds.iter().any(|hold| hold.object == it.id && hold.mode == HoldMode::Exclusive)
        });
        object.is_some_and(|it| matches!(it.detail, ObjectDetail::Mutex { exact: true, .. }))
    };
    task_that("owner", has).await;
    stop.send(()).expect("it listens");
    drop(taken.recv().await.expect("the guard"));
    owner.await.expect("no panic");
    waiter.await.expect("no panic");
    let _own = lock.lock().await;
    let (snapshot, _, _) = waits("comes later", async { drop(lock.lock().await) }).await;
    let inexact = |it: &ObjectDetail| matches!(it, ObjectDetail::Mutex { exact: false, .. });
    assert!(snapshot.objects.iter().any(|object| inexact(&object.detail)));
}

/// It has the lock that it waits for, and is queued to run: nobody unseen has a waker of it any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_has_been_woken_does_not_wait() {
    let (lock, stop) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
    let stopped = Arc::clone(&stop);
    let gives_way = async move {
        let holds = async {
            let guard = lock.lock().await;
            while !stopped.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
            drop(guard);
        };
        tokio::join!(holds, async { drop(lock.lock().await) });
    };
    let handle = Builder::new().name("gives way").spawn(gives_way);
    task_that("gives way", |_, task| !task.holds.is_empty()).await;
    for _ in 0..20_000 {
        let snapshot = gleak_tokio::look();
        let task = snapshot.tasks.iter().find(|it| it.name.as_deref() == Some("gives way"));
        let wait = task.and_then(wait_of);
        assert!(wait.is_none_or(|it| it.unlisted_arms > 0), "{wait:#?}");
    }
    stop.store(true, Ordering::Relaxed);
    handle.await.expect("no panic");
}

#[tokio::test]
async fn a_task_that_somebody_may_abort_may_end() {
    let handle = Builder::new().name("stays").spawn(std::future::pending::<()>());
    let abort = handle.abort_handle();
    let (_, _, wait) = waits("joins what may be aborted", async { drop(handle.await) }).await;
    is_doubtful(&wait);
    abort.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_that_come_and_go_make_valid_snapshots() {
    let lock = Arc::new(RwLock::new(0_u64));
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let lock = Arc::clone(&lock);
            spawn(async move {
                for n in 0..500 {
                    *lock.write().await += n;
                    let own = Arc::clone(&lock);
                    let read = spawn(async move { *own.read().await });
                    read.await.expect("no panic");
                }
            })
        })
        .collect();
    while !busy.iter().all(gleak_tokio::JoinHandle::is_finished) {
        gleak_tokio::look().validate().expect("a valid snapshot");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_said_of_a_task_is_told() {
    let named = Builder::new().name("worker").label("queue", "jobs").label("at", "home");
    let handle = named.spawn(std::future::pending::<()>());
    let (_, task) = task_that("worker", |_, task| wait_of(task).is_some()).await;
    let labels: Vec<_> = task.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(labels, [("at", "home"), ("queue", "jobs")]);
    let abort = handle.abort_handle();
    drop(handle);
    let dropped = |_: &Snapshot, task: &Task| task.labels.iter().any(|(key, _)| key == "handle");
    task_that("worker", dropped).await;
    abort.abort();
}
