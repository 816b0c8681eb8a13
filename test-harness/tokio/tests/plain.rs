//! A suite under `#[tokio::test]`, as it is before anybody has changed more than its spawns. It leaves nothing
//! behind, unless `LEAVE` says `workers`, `locks` or both: `survey` runs it so.

use std::sync::Arc;
use std::time::Duration;

use gleak_tokio::sync::{Mutex, Notify, mpsc, oneshot};
use gleak_tokio::{JoinSet, spawn, spawn_background, spawn_blocking, spawn_local, time};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

/// Whether the tests are to leave such tasks behind.
fn leaves(what: &str) -> bool {
    std::env::var("LEAVE").is_ok_and(|words| words.split(',').any(|word| word == what))
}

/// Receives until the other end is gone.
async fn worker(mut jobs: mpsc::Receiver<u32>) {
    while jobs.recv().await.is_some() {}
}

/// Sends so many jobs to a worker each, and keeps or drops the other ends.
async fn feeds(workers: u32, keeps: bool) {
    for n in 0..workers {
        let (jobs, taken) = mpsc::channel(1);
        spawn(worker(taken));
        jobs.send(n).await.expect("somebody receives");
        // It takes that and waits for more.
        jobs.send(n).await.expect("somebody receives");
        while jobs.capacity() == 0 {
            tokio::task::yield_now().await;
        }
        if keeps {
            std::mem::forget(jobs);
        }
    }
}

mod pool {
    #[tokio::test]
    async fn drains() {
        super::feeds(2, super::leaves("workers")).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn drains_on_two() {
        super::feeds(1, super::leaves("workers")).await;
    }
}

#[tokio::test]
async fn inherits_from_whoever_spawned() {
    spawn(async { feeds(1, leaves("workers")).await }).await.expect("no panic");
}

#[tokio::test]
async fn locks_in_opposite_order() {
    let (left, right) = (Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2)));
    let (first, second) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (a, b) = (Arc::clone(&left), Arc::clone(&right));
    let (mine, theirs) = (Arc::clone(&first), Arc::clone(&second));
    let one = spawn(async move {
        let _a = a.lock().await;
        mine.notify_one();
        theirs.notified().await;
        if leaves("locks") {
            drop(b.lock().await);
        }
    });
    let two = spawn(async move {
        let _b = right.lock().await;
        second.notify_one();
        first.notified().await;
        if leaves("locks") {
            drop(left.lock().await);
        }
    });
    if leaves("locks") {
        // Until both wait for each other.
        let both = || gleak_tokio::look().tasks.iter().filter(|it| it.holds.len() == 1).count();
        while both() < 2 || !waits_for_locks() {
            tokio::task::yield_now().await;
        }
    } else {
        one.await.expect("no panic");
        two.await.expect("no panic");
    }
}

/// Whether two tasks do.
fn waits_for_locks() -> bool {
    use gleak_tokio::snapshot::{TaskState, WaitReason};
    let tasks = gleak_tokio::look().tasks;
    let locks = |state: &TaskState| matches!(state, TaskState::Waiting(it) if it.reason == WaitReason::Lock);
    tasks.iter().filter(|task| locks(&task.state)).count() == 2
}

/// The end of the first one ends the second one.
#[tokio::test]
async fn ends_in_a_line() {
    let (to, mut from) = mpsc::channel::<u32>(1);
    let (next, last) = mpsc::channel::<u32>(1);
    spawn(async move {
        while let Some(n) = from.recv().await {
            next.send(n).await.expect("somebody receives");
        }
    });
    spawn(worker(last));
    to.send(1).await.expect("somebody receives");
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn joins() {
    let all = (0..3).map(|n| spawn(async move { n }));
    for (n, task) in all.enumerate() {
        assert_eq!(task.await.ok(), Some(n));
    }
    assert_eq!(spawn_blocking(|| 7).await.ok(), Some(7));
}

#[tokio::test]
async fn aborts() {
    let (silent, never) = oneshot::channel::<()>();
    let task = spawn(async move { drop(never.await) });
    let waits = spawn(std::future::pending::<()>());
    tokio::task::yield_now().await;
    task.abort();
    waits.abort_handle().abort();
    std::mem::forget(silent);
}

#[tokio::test]
async fn aborts_a_set() {
    let mut all = JoinSet::new();
    let (silent, never) = oneshot::channel::<()>();
    all.spawn(async move { drop(never.await) });
    all.spawn(async {});
    assert!(all.join_next().await.is_some());
    std::mem::forget(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serves_the_process() {
    drop(spawn_background(std::future::pending::<()>()));
    tokio::task::yield_now().await;
}

/// It ends with its set.
#[tokio::test]
async fn stays_in_a_local_set() {
    let set = tokio::task::LocalSet::new();
    set.run_until(async {
        drop(spawn_local(Notify::new().notified_for_ever()));
        tokio::task::yield_now().await;
    })
    .await;
}

trait ForEver {
    async fn notified_for_ever(self);
}

impl ForEver for Notify {
    async fn notified_for_ever(self) {
        self.notified().await;
    }
}

#[tokio::test]
async fn is_about_to_end() {
    drop(spawn(time::sleep(Duration::from_millis(5))));
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn has_not_begun() {
    drop(spawn(async {}));
}

/// Its peer is gone, which it would see at once.
#[tokio::test]
async fn reads_to_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let near =
        TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a peer");
    let (mut far, _) = listener.accept().await.expect("a peer");
    spawn(async move { drop(far.read_u8().await) });
    tokio::task::yield_now().await;
    drop(near);
}
