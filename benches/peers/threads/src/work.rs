//! All works but select, on OS threads.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::echo;
use crate::protocol::{self, Clock, Figures};

const BATCH: u64 = 1000;

/// Threads for `count` calls of what `make` makes, joined.
fn join_all<F: FnOnce() + Send + 'static>(count: u64, make: impl Fn() -> F) {
    let handles = Vec::from_iter((0..count).map(|_| thread::spawn(make())));
    handles.into_iter().for_each(|it| it.join().expect("no panic"));
}

pub(crate) fn round_trip(n: u64) -> Figures {
    let (there, asked) = mpsc::sync_channel::<u64>(0);
    let (answers, back) = mpsc::sync_channel::<u64>(0);
    let other = thread::spawn(move || asked.iter().for_each(|i| answers.send(i).expect("open")));
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

pub(crate) fn buffered_1(n: u64) -> Figures {
    let (sends, receives) = mpsc::sync_channel(128);
    let clock = Clock::start();
    let producer = thread::spawn(move || (0..n).for_each(|i| sends.send(i).expect("open")));
    let consumer = thread::spawn(move || receives.iter().for_each(drop));
    producer.join().expect("no panic");
    consumer.join().expect("no panic");
    clock.ns(n)
}

/// crossbeam's channel: std's has one receiver.
pub(crate) fn buffered_4(n: u64) -> Figures {
    let (sends, receives) = crossbeam_channel::bounded(128);
    let clock = Clock::start();
    let producers = Vec::from_iter((0..4).map(|_| {
        let sends = sends.clone();
        thread::spawn(move || (0..n / 4).for_each(|i| sends.send(i).expect("open")))
    }));
    drop(sends);
    join_all(4, || {
        let receives = receives.clone();
        move || receives.iter().for_each(drop)
    });
    producers.into_iter().for_each(|it| it.join().expect("no panic"));
    clock.ns(n / 4 * 4)
}

pub(crate) fn spawn_one(n: u64) -> Figures {
    let clock = Clock::start();
    (0..n).for_each(|_| thread::spawn(|| ()).join().expect("no panic"));
    clock.ns(n)
}

pub(crate) fn spawn_batches(n: u64) -> Figures {
    let clock = Clock::start();
    (0..n / BATCH).for_each(|_| join_all(BATCH, || || ()));
    clock.ns(n / BATCH * BATCH)
}

pub(crate) fn yields(n: u64) -> Figures {
    let clock = Clock::start();
    join_all(BATCH, || move || (0..n / BATCH).for_each(|_| thread::yield_now()));
    clock.ns(n / BATCH * BATCH)
}

fn add(lock: &Mutex<u64>, times: u64) {
    (0..times).for_each(|_| *lock.lock().expect("not poisoned") += 1);
}

pub(crate) fn mutex_free(n: u64) -> Figures {
    let lock = Mutex::new(0);
    let clock = Clock::start();
    add(&lock, n);
    clock.ns(n)
}

pub(crate) fn mutex_contended(threads: u64, n: u64) -> Figures {
    let lock = Arc::new(Mutex::new(0));
    let clock = Clock::start();
    join_all(threads, || {
        let lock = Arc::clone(&lock);
        move || add(&lock, n / threads)
    });
    clock.ns(n / threads * threads)
}

/// Without what the kernel keeps for a thread, at least 16 KiB of stack.
pub(crate) fn parked(n: u64) -> Figures {
    let before = protocol::memory();
    let gate = Arc::new(Mutex::new(()));
    let up = Arc::new(Barrier::new(n as usize + 1));
    let held = gate.lock().expect("not poisoned");
    let clock = Clock::start();
    let handles = Vec::from_iter((0..n).map(|_| {
        let (gate, up) = (Arc::clone(&gate), Arc::clone(&up));
        thread::spawn(move || {
            up.wait();
            drop(gate.lock());
        })
    }));
    up.wait();
    let mut figures = clock.ns(n);
    thread::sleep(protocol::SETTLE);
    figures.push(("bytes", (protocol::memory() - before) * 1024.0 / n as f64));
    drop(held);
    handles.into_iter().for_each(|it| it.join().expect("no panic"));
    figures
}

pub(crate) fn sleepers(n: u64) -> Figures {
    let before = protocol::memory();
    let clock = Clock::start();
    join_all(n, || || thread::sleep(Duration::from_secs(1)));
    let mut figures = clock.ms();
    let clock = Clock::start();
    let (mut given_back, mut held) = protocol::held(before);
    while !given_back && clock.elapsed() < protocol::GIVE_BACK {
        thread::sleep(protocol::SETTLE);
        (given_back, held) = protocol::held(before);
    }
    figures.push(("held", held));
    figures
}

pub(crate) fn fan_out(n: u64) -> Figures {
    let clock = Clock::start();
    join_all(n, || || protocol::keep_busy(protocol::TASK_BUSY));
    clock.ms()
}

pub(crate) fn held(n: u64) -> Figures {
    let latest = Arc::new(AtomicU64::new(0));
    let handles = Vec::from_iter((0..n).map(|_| {
        let (latest, clock) = (Arc::clone(&latest), Clock::start());
        thread::spawn(move || {
            latest.fetch_max(clock.elapsed().as_nanos() as u64, Ordering::Relaxed);
        })
    }));
    protocol::keep_busy(protocol::WORKER_HELD);
    handles.into_iter().for_each(|it| it.join().expect("no panic"));
    vec![("ms", latest.load(Ordering::Relaxed) as f64 / 1e6)]
}

pub(crate) fn echo(connections: u64, n: u64) -> Figures {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it has one");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            thread::spawn(move || echo::serve(at_once(stream)));
        }
    });
    let clock = Clock::start();
    join_all(connections, || move || echo::ask(connect(address), n / connections));
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
