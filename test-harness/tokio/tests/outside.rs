//! Tasks that no test answers for, and one test that hangs. It is green, unless `LEAVE` says `a_thread` or
//! `later`, or the ignored test is asked for: `ended` runs it so.

use std::io::Write;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use gleak_tokio::sync::{Mutex, Notify, mpsc};
use gleak_tokio::{Builder, look, spawn, spawn_background};
use tokio::runtime::Runtime;

/// Outlives all tests.
static SHARED: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime")
});

/// Whether this is to go wrong.
fn is_asked(what: &str) -> bool {
    std::env::var("LEAVE").is_ok_and(|word| word == what)
}

/// Receives for ever, if that is asked for.
async fn listens(for_ever: bool) {
    let (silent, mut never) = mpsc::channel::<u32>(1);
    if for_ever {
        std::mem::forget(silent);
    } else {
        drop(silent);
    }
    never.recv().await;
}

#[gleak_test_harness::test(runtime = "tokio")]
async fn innocent() {
    spawn(async {}).await.expect("no panic");
}

#[gleak_test_harness::test]
fn asks_a_thread() {
    let thread = std::thread::spawn(|| {
        SHARED.block_on(async {
            drop(spawn(listens(is_asked("a_thread"))));
            drop(spawn_background(listens(true)));
        });
    });
    thread.join().expect("no panic");
}

/// Its own task is meant to stay. What that one spawns when the verdict is given belongs to nobody.
#[gleak_test_harness::test(
    runtime = "tokio",
    ignore = "name=stays because it ends with the process"
)]
async fn leaves_one_that_spawns_later() {
    let stays = async {
        let is_over = || {
            let regions = look().regions;
            regions.iter().any(|it| it.closed && it.name == "leaves_one_that_spawns_later")
        };
        while !is_over() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(Builder::new().name("later").spawn(listens(is_asked("later"))));
        LATER.send_replace(true);
        std::future::pending::<()>().await;
    };
    drop(Builder::new().name("stays").spawn_on(stays, SHARED.handle()));
}

static LATER: LazyLock<tokio::sync::watch::Sender<bool>> =
    LazyLock::new(|| tokio::sync::watch::channel(false).0);

/// So that the run does not end before the task is there.
#[gleak_test_harness::test(runtime = "tokio")]
async fn waits_for_what_spawns_later() {
    let mut later = LATER.subscribe();
    later.wait_for(|there| *there).await.expect("it is said");
}

#[gleak_test_harness::test(runtime = "tokio", flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it hangs"]
async fn hangs() {
    let (one, two) = (Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2)));
    let (a, b) = (Arc::clone(&one), Arc::clone(&two));
    let _one = one.lock().await;
    let ready = Arc::new(Notify::new());
    let told = Arc::clone(&ready);
    spawn(async move {
        let _b = b.lock().await;
        told.notify_one();
        drop(a.lock().await);
    });
    ready.notified().await;
    // A timer beside the lock: it is not certain, and the test is let go on.
    let line = format!("it hangs in {}.\n", std::process::id());
    std::io::stdout().write_all(line.as_bytes()).expect("somebody reads");
    let late = tokio::time::timeout(Duration::from_secs(3600), two.lock());
    drop(late.await);
}

gleak_test_harness::verify_no_leaks!(
    ignore = "name=tokio-rt-worker because they serve all tests of this file"
);
