//! A suite in which nothing is wrong, of what services are made of: no test of it may ever fail. `it` runs
//! it again and again.

use std::sync::Arc;
use std::time::Duration;

use gleak_tokio::sync::{Mutex, Notify, RwLock, Semaphore, mpsc, oneshot, watch};
use gleak_tokio::{JoinSet, spawn, spawn_background, spawn_blocking, time};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Each of these, on both kinds of runtime.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod on_one_thread {$(
            #[gleak_test_harness::test(runtime = "tokio", settle_ms = 30_000)]
            async fn $name() {
                super::$name().await;
            }
        )*}

        mod on_many_threads {$(
            #[gleak_test_harness::test(runtime = "tokio", flavor = "multi_thread", settle_ms = 30_000)]
            async fn $name() {
                super::$name().await;
            }
        )*}
    };
}

on_both! {
    time_outs_fire_while_a_lock_is_held
    a_select_between_a_lock_and_a_deadline
    intervals_until_shutdown
    a_pool_of_workers_drains
    locks_change_hands
    readers_and_writers
    a_cache_is_watched
    blocking_work_is_joined
    tasks_are_aborted
    a_server_keeps_connections_alive
    opposite_orders_that_time_out
    opposite_orders_in_a_limit_of_ours
    detached_tasks_end_by_themselves
}

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(2);

async fn time_outs_fire_while_a_lock_is_held() {
    let lock = Arc::new(Mutex::new(0));
    let own = lock.lock().await;
    let theirs = Arc::clone(&lock);
    let late = spawn(async move { tokio::time::timeout(SHORT, theirs.lock()).await.is_err() });
    assert!(late.await.expect("no panic"));
    drop(own);
    assert_eq!(*tokio::time::timeout(LONG, lock.lock()).await.expect("it is free"), 0);
}

async fn a_select_between_a_lock_and_a_deadline() {
    let lock = Arc::new(Mutex::new(0));
    let own = lock.lock().await;
    for _ in 0..3 {
        let theirs = Arc::clone(&lock);
        let gave_up = spawn(async move {
            tokio::select! {
                _guard = theirs.lock() => false,
                () = time::sleep(SHORT) => true,
            }
        });
        assert!(gave_up.await.expect("no panic"));
    }
    drop(own);
}

async fn intervals_until_shutdown() {
    let (stop, stopped) = watch::channel(false);
    let mut all = JoinSet::new();
    for _ in 0..4 {
        let mut stopped = stopped.clone();
        all.spawn(async move {
            let mut ticks = time::interval(Duration::from_millis(1));
            let mut count = 0;
            loop {
                tokio::select! {
                    _ = ticks.tick() => count += 1,
                    changed = stopped.changed() => break changed.map(|()| count),
                }
            }
        });
    }
    time::sleep(SHORT).await;
    stop.send(true).expect("they listen");
    assert!(all.join_all().await.iter().all(Result::is_ok));
}

async fn a_pool_of_workers_drains() {
    let (jobs, taken) = mpsc::channel::<(u64, oneshot::Sender<u64>)>(4);
    let taken = Arc::new(Mutex::new(taken));
    for _ in 0..3 {
        let taken = Arc::clone(&taken);
        spawn(async move {
            loop {
                // One of them waits for a job with the lock; the others wait for the lock.
                let Some((n, answer)) = taken.lock().await.recv().await else { break };
                let _ = answer.send(n * 2);
            }
        });
    }
    let mut sum = 0;
    for n in 0..20 {
        let (answer, answered) = oneshot::channel();
        jobs.send((n, answer)).await.expect("somebody works");
        sum += answered.await.expect("an answer");
    }
    assert_eq!(sum, 380);
}

async fn locks_change_hands() {
    let (left, right) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    let mut all = JoinSet::new();
    for _ in 0..8 {
        let (left, right) = (Arc::clone(&left), Arc::clone(&right));
        all.spawn(async move {
            for _ in 0..20 {
                let mut left = left.lock().await;
                tokio::task::yield_now().await;
                *right.lock().await += 1;
                *left += 1;
            }
        });
    }
    all.join_all().await;
    assert_eq!((*left.lock().await, *right.lock().await), (160, 160));
}

async fn readers_and_writers() {
    let table = Arc::new(RwLock::new(Vec::new()));
    let mut all = JoinSet::new();
    for n in 0..6 {
        let table = Arc::clone(&table);
        all.spawn(async move {
            for _ in 0..10 {
                let len = table.read().await.len();
                tokio::task::yield_now().await;
                table.write().await.push(n + len);
            }
        });
    }
    all.join_all().await;
    assert_eq!(table.read().await.len(), 60);
}

async fn a_cache_is_watched() {
    let (value, mut seen) = watch::channel(0);
    let reader = spawn(async move { *seen.wait_for(|value| *value == 5).await.expect("a sender") });
    for n in 1..=5 {
        value.send_replace(n);
        tokio::task::yield_now().await;
    }
    assert_eq!(reader.await.ok(), Some(5));
}

async fn blocking_work_is_joined() {
    let (send, mut receive) = mpsc::unbounded_channel();
    let work = spawn_blocking(move || (0..10).for_each(|n| assert!(send.send(n).is_ok())));
    let mut count = 0;
    while receive.recv().await.is_some() {
        count += 1;
    }
    work.await.expect("no panic");
    assert_eq!(count, 10);
}

async fn tasks_are_aborted() {
    let lock = Arc::new(Mutex::new(()));
    let theirs = Arc::clone(&lock);
    let (tell, told) = oneshot::channel();
    let stuck = spawn(async move {
        let _guard = theirs.lock().await;
        assert!(tell.send(()).is_ok());
        time::sleep(LONG).await;
    });
    told.await.expect("it has the lock");
    let waits = Arc::clone(&lock);
    let waiter = spawn(async move { drop(waits.lock().await) });
    stuck.abort();
    assert!(stuck.await.is_err_and(|error| error.is_cancelled()));
    waiter.await.expect("the lock is free");
    let mut set = JoinSet::new();
    set.spawn(time::sleep(LONG));
    drop(set);
}

/// Two requests on one connection, which is closed at the end.
async fn a_server_keeps_connections_alive() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let told = Arc::clone(&stop);
    let room = Arc::new(Semaphore::new(8));
    let server = spawn(async move {
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted.expect("a connection");
                    let permit = Arc::clone(&room).acquire_owned().await.expect("open");
                    open.spawn(async move {
                        serve(stream).await;
                        drop(permit);
                    });
                }
                () = told.notified() => break,
            }
        }
        open.join_all().await;
        stopped.notify_one();
    });
    let mut stream = TcpStream::connect(address).await.expect("a server");
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.expect("it reads");
        let mut answer = [0; 42];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{answer:?}");
    }
    drop(stream);
    stop.notify_one();
    server.await.expect("no panic");
}

async fn serve(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.is_ok_and(|read| read == 0) {
            break;
        }
        if line == "\r\n" {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone";
            stream.write_all(answer).await.expect("it listens");
        }
    }
}

/// Longer than a body goes on before it is first looked at.
const LOOKED_AT: Duration = Duration::from_millis(400);

/// A circle that a time-out ends is none.
async fn opposite_orders_that_time_out() {
    opposite_orders(
        |lock| async move { tokio::time::timeout(LOOKED_AT, lock.lock()).await.is_ok() },
    )
    .await;
}

async fn opposite_orders_in_a_limit_of_ours() {
    opposite_orders(|lock| async move { time::timeout(LOOKED_AT, lock.lock()).await.is_ok() })
        .await;
}

/// Two that take two locks in opposite orders, of which one takes its second one by `tries`, and gives up.
async fn opposite_orders<F>(tries: impl FnOnce(Arc<Mutex<()>>) -> F + Send + 'static)
where
    F: Future<Output = bool> + Send,
{
    let (left, right) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let (first, second) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (a, b) = (Arc::clone(&left), Arc::clone(&right));
    let (mine, theirs) = (Arc::clone(&first), Arc::clone(&second));
    let one = spawn(async move {
        let own = a.lock().await;
        mine.notify_one();
        theirs.notified().await;
        let got = tries(b).await;
        drop(own);
        got
    });
    let two = spawn(async move {
        let _own = right.lock().await;
        second.notify_one();
        first.notified().await;
        drop(left.lock().await);
    });
    assert!(!one.await.expect("no panic"));
    two.await.expect("no panic");
}

async fn detached_tasks_end_by_themselves() {
    for n in 0..4 {
        drop(spawn(async move { time::sleep(Duration::from_millis(n)).await }));
        drop(tokio::spawn(async move { tokio::time::sleep(Duration::from_millis(n)).await }));
        drop(spawn_blocking(move || (0..n).sum::<u64>()));
    }
}

#[gleak_test_harness::test(runtime = "tokio", start_paused = true)]
async fn an_hour_passes_at_once() {
    let started = tokio::time::Instant::now();
    let sleeper = spawn(time::sleep(LONG));
    drop(spawn(time::sleep(LONG * 2)));
    sleeper.await.expect("no panic");
    assert!(started.elapsed() >= LONG);
}

#[gleak_test_harness::test(runtime = "tokio")]
async fn returns_a_result() -> Result<(), String> {
    spawn(async { 7 }).await.map_err(|error| error.to_string()).map(drop)
}

#[gleak_test_harness::test(runtime = "tokio")]
#[should_panic(expected = "as it should")]
async fn panics() {
    panic!("as it should");
}

#[gleak_test_harness::test(runtime = "tokio")]
async fn a_panic_that_is_joined_is_no_finding() {
    let joined = spawn(async { panic!("joined") }).await;
    assert!(joined.is_err_and(|error| error.is_panic()));
}

/// What a background task spawns is in the background, too.
#[gleak_test_harness::test(runtime = "tokio")]
async fn what_is_in_the_background_may_stay() {
    let pool = spawn_background(async {
        drop(spawn(std::future::pending::<()>()));
        std::future::pending::<()>().await;
    });
    tokio::task::yield_now().await;
    drop(pool);
}

#[gleak_test_harness::test(
    runtime = "tokio",
    ignore = "entry=healthy::what_is_ignored_may_stay::left because it is meant to stay"
)]
async fn what_is_ignored_may_stay() {
    async fn left() {
        std::future::pending().await
    }
    drop(spawn(left()));
}
