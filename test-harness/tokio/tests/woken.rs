//! Who is about to go on is never shown as waiting: not between a wake and the next poll, not when the
//! runtime takes turns, not when it is aborted or dropped.

use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Poll};

use gleak_tokio::snapshot::{Snapshot, TaskState, WaitReason};
use gleak_tokio::sync::{Mutex, Notify, Semaphore, broadcast, mpsc, oneshot, watch};
use gleak_tokio::{Builder, JoinHandle, JoinSet, spawn};
use tokio::task::yield_now;

/// What a task of this name waits for, if it does; none as well when there is no such task.
fn wait_of(snapshot: &Snapshot, name: &str) -> Option<WaitReason> {
    let task = snapshot.tasks.iter().find(|task| task.name.as_deref() == Some(name))?;
    match &task.state {
        TaskState::Waiting(wait) => Some(wait.reason),
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
    }
}

/// Spawns what waits, and comes back when it does.
async fn waiting<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let handle = Builder::new().name(name).spawn(future);
    until_it_waits(name).await;
    handle
}

async fn until_it_waits(name: &str) {
    while wait_of(&gleak_tokio::look(), name).is_none() {
        yield_now().await;
    }
}

/// Nobody but the caller runs, so that the task is still to be polled.
#[track_caller]
fn is_about_to_go_on(name: &str) {
    assert_eq!(wait_of(&gleak_tokio::look(), name), None, "{name} has been woken");
}

#[tokio::test]
async fn whoever_wakes_is_seen() {
    let told = Arc::new(Notify::new());
    let own = Arc::clone(&told);
    let notified = waiting("is told", async move { own.notified().await }).await;
    told.notify_one();
    is_about_to_go_on("is told");

    let lock = Arc::new(Mutex::new(()));
    let (guard, own) = (lock.lock().await, Arc::clone(&lock));
    let locks = waiting("locks", async move { drop(own.lock().await) }).await;
    drop(guard);
    is_about_to_go_on("locks");

    let (send, mut receive) = mpsc::channel(1);
    let receives = waiting("receives", async move { receive.recv().await }).await;
    send.send(1).await.expect("room");
    is_about_to_go_on("receives");

    let (send, receive) = oneshot::channel();
    let awaits = waiting("awaits", receive).await;
    send.send(1).expect("it listens");
    is_about_to_go_on("awaits");

    let (send, mut seen) = watch::channel(0);
    let watches = waiting("watches", async move { seen.changed().await.is_ok() }).await;
    drop(send);
    is_about_to_go_on("watches");

    let (news, mut heard) = broadcast::channel(1);
    let hears = waiting("hears", async move { heard.recv().await }).await;
    assert_eq!(news.send(1).ok(), Some(1));
    is_about_to_go_on("hears");

    let room = Arc::new(Semaphore::new(0));
    let own = Arc::clone(&room);
    let acquires = waiting("acquires", async move { own.acquire().await.is_ok() }).await;
    room.add_permits(1);
    is_about_to_go_on("acquires");

    notified.await.expect("no panic");
    locks.await.expect("no panic");
    assert_eq!(receives.await.ok(), Some(Some(1)));
    assert_eq!(awaits.await.ok(), Some(Ok(1)));
    assert_eq!(hears.await.ok(), Some(Ok(1)));
    assert_eq!(watches.await.ok(), Some(false));
    assert_eq!(acquires.await.ok(), Some(true));
}

/// A task that has had its share gives way with values left, and nobody has to wake it.
#[tokio::test]
async fn who_gives_way_does_not_wait() {
    let (send, mut receive) = mpsc::unbounded_channel();
    (0..1000).for_each(|n| send.send(n).expect("a receiver"));
    let drains = async move {
        for _ in 0..1000 {
            assert!(receive.recv().await.is_some());
        }
    };
    let handle = Builder::new().name("drains").spawn(drains);
    while !handle.is_finished() {
        is_about_to_go_on("drains");
        yield_now().await;
    }
    handle.await.expect("no panic");
}

/// How many children of the task of this name wait for a lock.
fn children_that_lock(snapshot: &Snapshot, name: &str) -> usize {
    let named = snapshot.tasks.iter().find(|task| task.name.as_deref() == Some(name));
    let parent = named.expect("it is there").id;
    let locks = |state: &TaskState| match state {
        TaskState::Waiting(wait) => wait.reason == WaitReason::Lock,
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => false,
    };
    let children = snapshot.tasks.iter().filter(|task| task.parent == Some(parent));
    children.filter(|task| locks(&task.state)).count()
}

/// Aborted, it is as good as gone: who joins it waits in no circle with it.
#[tokio::test]
async fn who_is_aborted_does_not_wait() {
    let (lock, now) = (Arc::new(Mutex::new(())), Arc::new(tokio::sync::Notify::new()));
    let told = Arc::clone(&now);
    // Polled after the aborts, and before what is aborted has gone.
    let seen = spawn(async move {
        told.notified().await;
        children_that_lock(&gleak_tokio::look(), "aborts")
    });
    let aborts = async move {
        let guard = lock.lock().await;
        let locks = |lock: &Arc<Mutex<()>>| {
            let lock = Arc::clone(lock);
            async move { drop(lock.lock().await) }
        };
        let (handle, other) = (spawn(locks(&lock)), spawn(locks(&lock)));
        let mut set = JoinSet::new();
        set.spawn(locks(&lock));
        let mut dropped = JoinSet::new();
        dropped.spawn(locks(&lock));
        while children_that_lock(&gleak_tokio::look(), "aborts") < 4 {
            yield_now().await;
        }
        now.notify_one();
        handle.abort();
        other.abort_handle().abort();
        set.abort_all();
        drop(dropped);
        assert!(handle.await.is_err_and(|error| error.is_cancelled()));
        drop(guard);
    };
    Builder::new().name("aborts").spawn(aborts).await.expect("no panic");
    assert_eq!(seen.await.ok(), Some(0));
}

/// A future that looks on when it goes, before what it waits for.
struct Looks {
    _seen: Seen,
    waits: Pin<Box<dyn Future<Output = ()> + Send>>,
}

struct Seen(Arc<StdMutex<Vec<Option<WaitReason>>>>);

impl Future for Looks {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.waits.as_mut().poll(cx)
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.0.lock().expect("no panic").push(wait_of(&gleak_tokio::look(), "is dropped"));
    }
}

#[test]
fn what_is_being_dropped_does_not_wait() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let seen = Arc::new(StdMutex::new(Vec::new()));
    let told = Arc::new(Notify::new());
    let waits = Box::pin(async move { told.notified().await });
    let looks = Looks { _seen: Seen(Arc::clone(&seen)), waits };
    runtime.block_on(async {
        drop(waiting("is dropped", looks).await);
    });
    drop(runtime);
    assert_eq!(*seen.lock().expect("no panic"), [None]);
}

/// Local sets in local sets, each polled by the task of the one around it: also deeper than is known who polls.
#[tokio::test]
async fn a_task_may_poll_others_to_any_depth() {
    async fn nested(depth: u32, lock: Arc<Mutex<u32>>) {
        *lock.lock().await += 1;
        if depth > 0 {
            let set = tokio::task::LocalSet::new();
            let inner: Pin<Box<dyn Future<Output = ()>>> =
                Box::pin(nested(depth - 1, Arc::clone(&lock)));
            set.run_until(async { gleak_tokio::spawn_local(inner).await }).await.expect("no panic");
        }
        yield_now().await;
        *lock.lock().await += 1;
    }
    let lock = Arc::new(Mutex::new(0));
    let set = tokio::task::LocalSet::new();
    let outer = Arc::clone(&lock);
    set.run_until(async { gleak_tokio::spawn_local(nested(20, outer)).await })
        .await
        .expect("no panic");
    assert_eq!(*lock.lock().await, 42);
}
