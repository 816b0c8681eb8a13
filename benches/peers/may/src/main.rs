//! The works of the table on may: stackful coroutines as ours, that move between threads. Its
//! channels are all unbounded, and one coroutine takes two mappings of the kernel's 65 530, so
//! works with more alive than about 32 700 are not here.

#![forbid(unsafe_code)]

#[path = "../../echo.rs"]
mod echo;
#[path = "../../protocol.rs"]
mod protocol;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use may::coroutine::{self, JoinHandle, yield_now};
use may::go;
use may::net::{TcpListener, TcpStream};
use may::sync::{Mutex, Semphore, mpmc, mpsc};
use protocol::{Clock, Figures, Work};

const BATCH: u64 = 1000;

const WORKS: &[(&str, Work)] = &[
    ("round-trip", |workers, n| on(workers, n, round_trip)),
    ("yield-1000", |workers, n| on(workers, n, yields)),
    ("buffered-1p1c", |workers, n| on(workers, n, buffered_1)),
    ("buffered-4p4c", |workers, n| on(workers, n, buffered_4)),
    ("spawn-one", |workers, n| on(workers, n, spawn_one)),
    ("spawn-batch", |workers, n| on(workers, n, spawn_batches)),
    ("select2-ready", |workers, n| on(workers, n, |n| select_ready(n, 2, one_of_2))),
    ("select8-ready", |workers, n| on(workers, n, |n| select_ready(n, 8, one_of_8))),
    ("select2-round-trip", |workers, n| on(workers, n, |n| select_round_trip(n, 2, one_of_2))),
    ("select8-round-trip", |workers, n| on(workers, n, |n| select_round_trip(n, 8, one_of_8))),
    ("mutex-free", |workers, n| on(workers, n, mutex_free)),
    ("mutex-8", |workers, n| on(workers, n, |n| mutex_contended(8, n))),
    ("mutex-100", |workers, n| on(workers, n, |n| mutex_contended(100, n))),
    ("parked", |workers, n| on(workers, n, parked)),
    ("sleepers", |workers, n| on(workers, n, sleepers)),
    ("fan-out", |workers, n| on(workers, n, fan_out)),
    ("held", |workers, n| on(workers, n, held)),
    ("echo-1", |workers, n| on(workers, n, |n| echo(1, n))),
    ("echo-64", |workers, n| on(workers, n, |n| echo(64, n))),
];

fn on(workers: usize, n: u64, work: fn(u64) -> Figures) -> Figures {
    // It keeps a hundred stacks for reuse unless it is told to keep more.
    may::config().set_workers(workers).set_pool_capacity(BATCH as usize);
    go!(move || work(n)).join().expect("no panic")
}

fn main() -> ExitCode {
    protocol::answer(WORKS)
}

fn join_all(handles: impl IntoIterator<Item = JoinHandle<()>>) {
    handles.into_iter().for_each(|it| it.join().expect("no panic"));
}

fn round_trip(n: u64) -> Figures {
    let ((there, asked), (answers, back)) = (mpsc::channel::<u64>(), mpsc::channel::<u64>());
    let other = go!(move || asked.iter().for_each(|i| answers.send(i).expect("open")));
    let clock = Clock::start();
    for i in 0..n {
        there.send(i).expect("open");
        back.recv().expect("open");
    }
    let figures = clock.ns(n);
    drop(there);
    other.join().expect("no panic");
    figures
}

fn buffered_1(n: u64) -> Figures {
    let (sends, receives) = mpsc::channel::<u64>();
    let clock = Clock::start();
    let producer = go!(move || (0..n).for_each(|i| sends.send(i).expect("open")));
    let consumer = go!(move || receives.iter().for_each(drop));
    join_all([producer, consumer]);
    clock.ns(n)
}

fn buffered_4(n: u64) -> Figures {
    let (sends, receives) = mpmc::channel::<u64>();
    let clock = Clock::start();
    let mut handles = Vec::from_iter((0..4).map(|_| {
        let sends = sends.clone();
        go!(move || (0..n / 4).for_each(|i| sends.send(i).expect("open")))
    }));
    drop(sends);
    handles.extend((0..4).map(|_| {
        let receives = receives.clone();
        go!(move || while receives.recv().is_ok() {})
    }));
    join_all(handles);
    clock.ns(n / 4 * 4)
}

fn spawn_one(n: u64) -> Figures {
    let clock = Clock::start();
    (0..n).for_each(|_| go!(|| ()).join().expect("no panic"));
    clock.ns(n)
}

fn spawn_batches(n: u64) -> Figures {
    let clock = Clock::start();
    (0..n / BATCH).for_each(|_| join_all(Vec::from_iter((0..BATCH).map(|_| go!(|| ())))));
    clock.ns(n / BATCH * BATCH)
}

fn yields(n: u64) -> Figures {
    let clock = Clock::start();
    let give_way = move || (0..n / BATCH).for_each(|_| yield_now());
    join_all(Vec::from_iter((0..BATCH).map(|_| go!(give_way))));
    clock.ns(n / BATCH * BATCH)
}

/// Receives from whichever channel is ready. Each select starts a coroutine an arm and cancels the
/// others; its macro returns from the function around it.
macro_rules! one_of {
    ($name:ident: $($index:literal)+) => {
        fn $name(chans: &[mpsc::Receiver<u64>]) -> usize {
            may::select!($(_ = chans[$index].recv() => {}),+)
        }
    };
}

one_of!(one_of_2: 0 1);
one_of!(one_of_8: 0 1 2 3 4 5 6 7);

fn select_ready(n: u64, k: usize, one_of: fn(&[mpsc::Receiver<u64>]) -> usize) -> Figures {
    let chans = (0..k).map(|_| mpsc::channel::<u64>());
    let (sends, receives): (Vec<_>, Vec<_>) = chans.unzip();
    let clock = Clock::start();
    for i in 0..n {
        sends[i as usize % k].send(i).expect("open");
        one_of(&receives);
    }
    clock.ns(n)
}

/// Another coroutine answers each question on one of the channels: every select has to wait.
fn select_round_trip(n: u64, k: usize, one_of: fn(&[mpsc::Receiver<u64>]) -> usize) -> Figures {
    let (there, asked) = mpsc::channel::<u64>();
    let chans = (0..k).map(|_| mpsc::channel::<u64>());
    let (sends, receives): (Vec<_>, Vec<_>) = chans.unzip();
    let other =
        go!(move || asked.iter().for_each(|i| sends[i as usize % k].send(i).expect("open")));
    let clock = Clock::start();
    for i in 0..n {
        there.send(i).expect("open");
        one_of(&receives);
    }
    let figures = clock.ns(n);
    drop(there);
    other.join().expect("no panic");
    figures
}

fn add(lock: &Mutex<u64>, times: u64) {
    (0..times).for_each(|_| *lock.lock().expect("not poisoned") += 1);
}

fn mutex_free(n: u64) -> Figures {
    let lock = Mutex::new(0);
    let clock = Clock::start();
    add(&lock, n);
    clock.ns(n)
}

fn mutex_contended(coroutines: u64, n: u64) -> Figures {
    let lock = Arc::new(Mutex::new(0));
    let clock = Clock::start();
    let handles = Vec::from_iter((0..coroutines).map(|_| {
        let lock = Arc::clone(&lock);
        go!(move || add(&lock, n / coroutines))
    }));
    join_all(handles);
    clock.ns(n / coroutines * coroutines)
}

fn parked(n: u64) -> Figures {
    let before = protocol::memory();
    let gate = Arc::new(Semphore::new(0));
    let up = Arc::new(Semphore::new(0));
    let clock = Clock::start();
    let handles = Vec::from_iter((0..n).map(|_| {
        let (gate, up) = (Arc::clone(&gate), Arc::clone(&up));
        go!(move || {
            up.post();
            gate.wait();
        })
    }));
    (0..n).for_each(|_| {
        up.wait();
    });
    let mut figures = clock.ns(n);
    coroutine::sleep(protocol::SETTLE);
    figures.push(("bytes", (protocol::memory() - before) * 1024.0 / n as f64));
    (0..n).for_each(|_| gate.post());
    join_all(handles);
    figures
}

fn sleepers(n: u64) -> Figures {
    let before = protocol::memory();
    let clock = Clock::start();
    join_all(Vec::from_iter((0..n).map(|_| go!(|| coroutine::sleep(Duration::from_secs(1))))));
    let mut figures = clock.ms();
    let clock = Clock::start();
    let (mut given_back, mut held) = protocol::held(before);
    while !given_back && clock.elapsed() < protocol::GIVE_BACK {
        coroutine::sleep(protocol::SETTLE);
        (given_back, held) = protocol::held(before);
    }
    figures.push(("held", held));
    figures
}

fn fan_out(n: u64) -> Figures {
    let clock = Clock::start();
    join_all(Vec::from_iter((0..n).map(|_| go!(|| protocol::keep_busy(protocol::TASK_BUSY)))));
    clock.ms()
}

fn held(n: u64) -> Figures {
    let latest = Arc::new(AtomicU64::new(0));
    let handles = Vec::from_iter((0..n).map(|_| {
        let (latest, clock) = (Arc::clone(&latest), Clock::start());
        go!(move || {
            latest.fetch_max(clock.elapsed().as_nanos() as u64, Ordering::Relaxed);
        })
    }));
    protocol::keep_busy(protocol::WORKER_HELD);
    join_all(handles);
    vec![("ms", latest.load(Ordering::Relaxed) as f64 / 1e6)]
}

fn echo(connections: u64, n: u64) -> Figures {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it has one");
    go!(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            go!(move || echo::serve(at_once(stream)));
        }
    });
    let clock = Clock::start();
    join_all(Vec::from_iter(
        (0..connections).map(|_| go!(move || echo::ask(connect(address), n / connections))),
    ));
    clock.ns(n / connections * connections)
}

/// Small messages go at once, as they do in Go by itself.
fn at_once(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).expect("TCP has it");
    stream
}

fn connect(address: SocketAddr) -> TcpStream {
    at_once(TcpStream::connect(address).expect("a listener"))
}
