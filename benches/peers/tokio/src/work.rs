//! All works but select, on tokio.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio::task::{JoinHandle, yield_now};

use crate::protocol::{self, Clock, Figures};

const BATCH: u64 = 1000;
const MESSAGE: usize = 64;

async fn join_all(handles: Vec<JoinHandle<()>>) {
    for handle in handles {
        handle.await.expect("no panic");
    }
}

/// Channels that hold one value: tokio has none that holds nothing.
pub(crate) async fn round_trip(n: u64) -> Figures {
    let ((there, mut asked), (answers, mut back)) = (channel::<u64>(1), channel::<u64>(1));
    let other = tokio::spawn(async move {
        while let Some(i) = asked.recv().await {
            answers.send(i).await.expect("open");
        }
    });
    let clock = Clock::start();
    for i in 0..n {
        there.send(i).await.expect("open");
        back.recv().await.expect("open");
    }
    let figures = clock.ns(n);
    drop(there);
    other.await.expect("no panic");
    figures
}

pub(crate) async fn buffered_1(n: u64) -> Figures {
    let (sends, mut receives) = channel::<u64>(128);
    let clock = Clock::start();
    let producer = tokio::spawn(async move {
        for i in 0..n {
            sends.send(i).await.expect("open");
        }
    });
    let consumer = tokio::spawn(async move { while receives.recv().await.is_some() {} });
    join_all(vec![producer, consumer]).await;
    clock.ns(n)
}

/// async-channel: tokio's channel has one receiver.
pub(crate) async fn buffered_4(n: u64) -> Figures {
    let (sends, receives) = async_channel::bounded::<u64>(128);
    let clock = Clock::start();
    let mut handles = Vec::from_iter((0..4).map(|_| {
        let sends = sends.clone();
        tokio::spawn(async move {
            for i in 0..n / 4 {
                sends.send(i).await.expect("open");
            }
        })
    }));
    drop(sends);
    handles.extend((0..4).map(|_| {
        let receives = receives.clone();
        tokio::spawn(async move { while receives.recv().await.is_ok() {} })
    }));
    join_all(handles).await;
    clock.ns(n / 4 * 4)
}

pub(crate) async fn spawn_one(n: u64) -> Figures {
    let clock = Clock::start();
    for _ in 0..n {
        tokio::spawn(async {}).await.expect("no panic");
    }
    clock.ns(n)
}

pub(crate) async fn spawn_batches(n: u64) -> Figures {
    let mut handles = Vec::with_capacity(BATCH as usize);
    let clock = Clock::start();
    for _ in 0..n / BATCH {
        handles.extend((0..BATCH).map(|_| tokio::spawn(async {})));
        for handle in handles.drain(..) {
            handle.await.expect("no panic");
        }
    }
    clock.ns(n / BATCH * BATCH)
}

pub(crate) async fn spawn_alive(n: u64) -> Figures {
    let mut handles = Vec::with_capacity(n as usize);
    let clock = Clock::start();
    handles.extend((0..n).map(|_| tokio::spawn(async {})));
    join_all(handles).await;
    clock.ns(n)
}

pub(crate) async fn yields(n: u64) -> Figures {
    let clock = Clock::start();
    let give_way = move || async move {
        for _ in 0..n / BATCH {
            yield_now().await;
        }
    };
    join_all((0..BATCH).map(|_| tokio::spawn(give_way())).collect()).await;
    clock.ns(n / BATCH * BATCH)
}

pub(crate) async fn skynet(n: u64) -> Figures {
    let (root, mut result) = channel(1);
    let clock = Clock::start();
    tokio::spawn(node(root, 0, n));
    let sum = result.recv().await.expect("the root sends");
    let figures = clock.ms();
    assert_eq!(sum, n * (n - 1) / 2);
    figures
}

fn node(parent: Sender<u64>, first: u64, leaves: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if leaves == 1 {
            parent.send(first).await.expect("the parent receives");
            return;
        }
        let (child, mut children) = channel(1);
        for i in 0..10 {
            tokio::spawn(node(child.clone(), first + i * (leaves / 10), leaves / 10));
        }
        let mut sum = 0;
        for _ in 0..10 {
            sum += children.recv().await.expect("a child sends");
        }
        parent.send(sum).await.expect("the parent receives");
    })
}

/// tokio's own lock, which may be held over an await as ours may over a wait.
async fn add(lock: &Mutex<u64>, times: u64) {
    for _ in 0..times {
        *lock.lock().await += 1;
    }
}

pub(crate) async fn mutex_free(n: u64) -> Figures {
    let lock = Mutex::new(0);
    let clock = Clock::start();
    add(&lock, n).await;
    clock.ns(n)
}

pub(crate) async fn mutex_contended(tasks: u64, n: u64) -> Figures {
    let lock = Arc::new(Mutex::new(0));
    let clock = Clock::start();
    let handles = (0..tasks).map(|_| {
        let lock = Arc::clone(&lock);
        tokio::spawn(async move { add(&lock, n / tasks).await })
    });
    join_all(handles.collect()).await;
    clock.ns(n / tasks * tasks)
}

pub(crate) async fn parked(n: u64) -> Figures {
    let before = protocol::memory();
    let gate = Arc::new(Semaphore::new(0));
    let (up, down) = (Counter::new(n), Counter::new(n));
    let clock = Clock::start();
    for _ in 0..n {
        let (gate, up, down) = (Arc::clone(&gate), Arc::clone(&up), Arc::clone(&down));
        tokio::spawn(async move {
            up.done();
            let closed = gate.acquire().await.is_err();
            assert!(closed);
            down.done();
        });
    }
    up.wait().await;
    let mut figures = clock.ns(n);
    tokio::time::sleep(protocol::SETTLE).await;
    figures.push(("bytes", (protocol::memory() - before) * 1024.0 / n as f64));
    gate.close();
    down.wait().await;
    figures
}

pub(crate) async fn sleepers(n: u64) -> Figures {
    let before = protocol::memory();
    let all = Counter::new(n);
    let clock = Clock::start();
    for _ in 0..n {
        let all = Arc::clone(&all);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            all.done();
        });
    }
    all.wait().await;
    let mut figures = clock.ms();
    let clock = Clock::start();
    let (mut given_back, mut held) = protocol::held(before);
    while !given_back && clock.elapsed() < protocol::GIVE_BACK {
        tokio::time::sleep(protocol::SETTLE).await;
        (given_back, held) = protocol::held(before);
    }
    figures.push(("held", held));
    figures
}

pub(crate) async fn fan_out(n: u64) -> Figures {
    let clock = Clock::start();
    let busy = || async { protocol::keep_busy(protocol::TASK_BUSY) };
    join_all((0..n).map(|_| tokio::spawn(busy())).collect()).await;
    clock.ms()
}

pub(crate) async fn held(n: u64) -> Figures {
    let latest = Arc::new(AtomicU64::new(0));
    let handles = Vec::from_iter((0..n).map(|_| {
        let (latest, clock) = (Arc::clone(&latest), Clock::start());
        tokio::spawn(async move {
            latest.fetch_max(clock.elapsed().as_nanos() as u64, Ordering::Relaxed);
        })
    }));
    protocol::keep_busy(protocol::WORKER_HELD);
    join_all(handles).await;
    vec![("ms", latest.load(Ordering::Relaxed) as f64 / 1e6)]
}

pub(crate) async fn echo(connections: u64, n: u64) -> Figures {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has one");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(serve(stream));
        }
    });
    let clock = Clock::start();
    let clients = (0..connections).map(|_| tokio::spawn(ask(address, n / connections)));
    join_all(clients.collect()).await;
    clock.ns(n / connections * connections)
}

async fn serve(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("TCP has it");
    let mut message = [0; MESSAGE];
    while stream.read_exact(&mut message).await.is_ok() {
        stream.write_all(&message).await.expect("the other side reads");
    }
}

async fn ask(address: SocketAddr, times: u64) {
    let mut stream = TcpStream::connect(address).await.expect("a listener");
    stream.set_nodelay(true).expect("TCP has it");
    let mut message = [0; MESSAGE];
    for _ in 0..times {
        stream.write_all(&message).await.expect("the other side reads");
        stream.read_exact(&mut message).await.expect("the other side answers");
    }
}

/// A group that is waited for; tokio has none.
struct Counter {
    open: AtomicU64,
    none: Notify,
}

impl Counter {
    fn new(open: u64) -> Arc<Counter> {
        Arc::new(Counter { open: AtomicU64::new(open), none: Notify::new() })
    }

    fn done(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.none.notify_one();
        }
    }

    async fn wait(&self) {
        self.none.notified().await;
    }
}
