//! Sixty-four tests that run side by side, on both kinds of runtime. They are green, unless `LEAVE` says
//! `leaks`: then five leave something behind, each in another way. `it` runs them so.

use std::sync::Arc;
use std::time::Duration;

use gleak_tokio::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};
use gleak_tokio::{JoinSet, spawn, time};

/// Whether the tests are to leave something behind.
fn leaks() -> bool {
    std::env::var("LEAVE").is_ok_and(|word| word == "leaks")
}

/// Tests with one body, on a runtime of one thread.
macro_rules! on_one {
    ($body:ident: $($name:ident)*) => {$(
        #[gleak_test_harness::test(runtime = "tokio", settle_ms = 60_000)]
        async fn $name() {
            $body().await;
        }
    )*};
}

/// On a runtime of two.
macro_rules! on_two {
    ($body:ident: $($name:ident)*) => {$(
        #[gleak_test_harness::test(
            runtime = "tokio", flavor = "multi_thread", worker_threads = 2, settle_ms = 60_000
        )]
        async fn $name() {
            $body().await;
        }
    )*};
}

on_one!(hands_over: a01 a02 a03 a04 a05 a06 a07);
on_two!(hands_over: a08 a09 a10 a11 a12 a13 a14 a15);
on_one!(counts: b01 b02 b03 b04 b05 b06 b07);
on_two!(counts: b08 b09 b10 b11 b12 b13 b14 b15);
on_one!(ends_late: c01 c02 c03 c04 c05 c06 c07);
on_two!(ends_late: c08 c09 c10 c11 c12 c13 c14 c15);
on_one!(stops: d01 d02 d03 d04 d05 d06 d07);
on_two!(stops: d08 d09 d10 d11 d12 d13 d14);

/// Three tasks in line, until the first has no more to give.
async fn hands_over() {
    let (first, mut from) = mpsc::channel(1);
    let (to, mut second) = mpsc::channel(2);
    spawn(async move {
        while let Some(n) = from.recv().await {
            let n: u32 = n;
            if to.send(n * n).await.is_err() {
                break;
            }
        }
    });
    spawn(async move {
        for n in 1..=20 {
            first.send(n).await.expect("somebody receives");
        }
    });
    let mut sum = 0;
    while let Some(n) = second.recv().await {
        sum += n;
    }
    assert_eq!(sum, 2870);
}

/// Eight tasks at one lock and one semaphore.
async fn counts() {
    let (sum, room) = (Arc::new(Mutex::new(0)), Arc::new(Semaphore::new(2)));
    let mut all = JoinSet::new();
    for n in 0..8 {
        let (sum, room) = (Arc::clone(&sum), Arc::clone(&room));
        all.spawn(async move {
            let _permit = room.acquire().await.expect("open");
            *sum.lock().await += n;
            tokio::task::yield_now().await;
        });
    }
    while let Some(joined) = all.join_next().await {
        joined.expect("no panic");
    }
    assert_eq!(*sum.lock().await, 28);
}

/// A task that ends a moment after its test, and one that nobody has wrapped.
async fn ends_late() {
    drop(spawn(time::sleep(Duration::from_millis(5))));
    drop(tokio::spawn(tokio::time::sleep(Duration::from_millis(3))));
}

/// A task that goes on until it is told to end.
async fn stops() {
    let stop = Arc::new(Notify::new());
    let told = Arc::clone(&stop);
    let ticker = spawn(async move {
        let mut ticks = time::interval(Duration::from_millis(1));
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = told.notified() => break,
            }
        }
    });
    stop.notify_one();
    assert!(ticker.await.is_ok());
}

/// Receives from a channel, for ever unless it is closed.
async fn receives_until(closed: bool) {
    let (jobs, mut taken) = mpsc::channel::<u32>(1);
    let worker = spawn(async move { taken.recv().await });
    if closed {
        drop(jobs);
        assert_eq!(worker.await.ok(), Some(None));
    } else {
        std::mem::forget(jobs);
    }
}

#[gleak_test_harness::test(runtime = "tokio")]
async fn leaves_a_receiver() {
    receives_until(!leaks()).await;
}

#[gleak_test_harness::test(runtime = "tokio", flavor = "multi_thread", worker_threads = 2)]
async fn leaves_a_grandchild() {
    spawn(async { receives_until(!leaks()).await }).await.expect("no panic");
}

#[gleak_test_harness::test(runtime = "tokio", flavor = "multi_thread")]
async fn leaves_what_nobody_wrapped() {
    if leaks() {
        drop(tokio::spawn(std::future::pending::<()>()));
    }
}

#[gleak_test_harness::test(runtime = "tokio")]
async fn leaves_a_panic() {
    if leaks() {
        let (last, ended) = oneshot::channel::<()>();
        drop(spawn(async move {
            drop(last);
            panic!("nobody hears it");
        }));
        assert!(ended.await.is_err());
    }
}

#[gleak_test_harness::test(runtime = "tokio", flavor = "multi_thread", worker_threads = 2)]
async fn locks_in_opposite_order() {
    let (left, right) = (Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2)));
    let (first, second) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (a, b) = (Arc::clone(&left), Arc::clone(&right));
    let (mine, theirs) = (Arc::clone(&first), Arc::clone(&second));
    let one = spawn(async move {
        let a = a.lock().await;
        mine.notify_one();
        theirs.notified().await;
        if leaks() { *a + *b.lock().await } else { *a }
    });
    let two = spawn(async move {
        let b = right.lock().await;
        second.notify_one();
        first.notified().await;
        if leaks() { *b + *left.lock().await } else { *b }
    });
    assert_eq!(one.await.ok(), Some(1));
    assert_eq!(two.await.ok(), Some(2));
}

#[gleak_test_harness::test(runtime = "tokio", deadline_ms = 300)]
#[ignore = "it is late"]
async fn is_late() {
    time::sleep(Duration::from_secs(3600)).await;
}
