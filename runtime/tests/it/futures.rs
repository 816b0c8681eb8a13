//! `block_on`: futures on a task's stack, woken from anywhere, and async crates inside tasks.

use std::future::{self, Future};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex as StdMutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gleak_runtime::report::snapshot::WaitReason;
use gleak_runtime::{
    Builder, Chan, Runtime, block_on, block_on_with, go, hold_worker, run, spawn, yield_now,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use crate::support::{parked, unique, until};

/// Ready when it is told to be; keeps the last waker that it was polled with.
#[derive(Default)]
struct Signal {
    told: AtomicBool,
    polls: AtomicU32,
    waker: StdMutex<Option<Waker>>,
}

impl Signal {
    fn tell(&self) {
        self.told.store(true, Ordering::SeqCst);
        if let Some(waker) = self.waker() {
            waker.wake();
        }
    }

    fn waker(&self) -> Option<Waker> {
        self.waker.lock().expect("no panic under it").clone()
    }

    fn polls(&self) -> u32 {
        self.polls.load(Ordering::SeqCst)
    }
}

struct Told<'s>(&'s Signal);

impl Future for Told<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        *self.0.waker.lock().expect("no panic under it") = Some(context.waker().clone());
        self.0.polls.fetch_add(1, Ordering::SeqCst);
        if self.0.told.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Wakes itself and is pending, that many times.
struct GivesWay(u32);

impl Future for GivesWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(left) = self.0.checked_sub(1) else { return Poll::Ready(()) };
        self.0 = left;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn a_ready_future_is_polled_once_and_may_borrow() {
    let words = [1, 2, 3].map(Box::new);
    assert_eq!(block_on(async { words.len() }), 3, "on a thread");
    let told = run(|| {
        let signal = Signal::default();
        signal.told.store(true, Ordering::SeqCst);
        block_on(Told(&signal));
        signal.polls()
    });
    assert_eq!(told, 1);
}

#[test]
fn a_parked_future_is_in_the_snapshot_and_any_thread_wakes_it() {
    let (name, signal) = (unique("future"), Arc::new(Signal::default()));
    let waits = signal.clone();
    let site = line!() + 2;
    let task = Builder::new().name(&name).spawn(move || {
        block_on(Told(&waits));
        waits.polls()
    });
    let (snapshot, _, wait) = parked(&name);
    assert_eq!((wait.reason, wait.arms.len(), wait.unlisted_arms), (WaitReason::Future, 0, 0));
    assert_eq!(snapshot.sites[wait.site.0 as usize].line, site);
    assert!(!wait.on_thread);
    signal.tell();
    assert_eq!(task.unwrap().join().unwrap(), 2, "one poll a wake");
}

#[test]
fn outside_of_a_task_the_thread_sleeps() {
    let signal = Arc::new(Signal::default());
    let waits = signal.clone();
    let thread = std::thread::spawn(move || block_on(Told(&waits)));
    until(|| signal.waker().is_some());
    signal.tell();
    thread.join().unwrap();
}

#[test]
fn a_wake_without_a_reason_only_polls() {
    let (name, signal) = (unique("spurious"), Arc::new(Signal::default()));
    let waits = signal.clone();
    let task = Builder::new().name(&name).spawn(move || block_on(Told(&waits)));
    for polls in 1..10 {
        until(|| signal.polls() >= polls);
        parked(&name);
        signal.waker().unwrap().wake_by_ref();
    }
    signal.tell();
    task.unwrap().join().unwrap();
}

#[test]
fn a_waker_wakes_no_other_wait_of_its_task() {
    let (name, signal, chan) = (unique("other"), Arc::new(Signal::default()), Chan::new(0));
    let (waits, receives) = (signal.clone(), chan.clone());
    let task = Builder::new().name(&name).spawn(move || {
        block_on(Told(&waits));
        receives.recv()
    });
    parked(&name);
    signal.tell();
    loop {
        if parked(&name).2.reason == WaitReason::Receive {
            break;
        }
    }
    let before = parked(&name).2;
    for _ in 0..100 {
        signal.waker().unwrap().wake();
    }
    let after = parked(&name).2;
    assert_eq!((after.reason, after.since_ns), (before.reason, before.since_ns), "the same wait");
    chan.send(1);
    assert_eq!(task.unwrap().join().unwrap(), Some(1));
}

#[test]
fn stale_wakers_of_ended_tasks_and_reused_records_do_no_harm() {
    let wakers: Vec<Waker> = (0..200)
        .map(|_| spawn(|| block_on(future::poll_fn(|it| Poll::Ready(it.waker().clone())))))
        .map(|task| task.join().unwrap())
        .collect();
    assert!(wakers[0].will_wake(&wakers[0].clone()) && !wakers[0].will_wake(&wakers[1]));
    // Records of those tasks are in use again, by futures and by others.
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let storm = std::thread::spawn(move || {
        while !stopped.load(Ordering::SeqCst) {
            wakers.iter().for_each(Waker::wake_by_ref);
        }
    });
    run(|| {
        for _ in 0..50 {
            let chan = Chan::new(0);
            let tasks: Vec<_> = (0..20_u32)
                .map(|n| {
                    let chan = chan.clone();
                    go! {
                        block_on(GivesWay(3));
                        chan.send(n);
                        block_on(async { n })
                    }
                })
                .collect();
            let received: u32 = (0..20).filter_map(|_| chan.recv()).sum();
            let joined: u32 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
            assert_eq!((received, joined), (190, 190));
        }
    });
    stop.store(true, Ordering::SeqCst);
    storm.join().unwrap();
}

#[test]
fn no_wake_is_lost_between_tasks_and_threads() {
    const ROUNDS: u32 = 2_000;
    // Each side tells the other and waits to be told; the slightest lost wake hangs the test.
    let ping_pong = |there: Arc<Vec<Signal>>, back: Arc<Vec<Signal>>, begins: bool| {
        move || {
            for (there, back) in there.iter().zip(back.iter()) {
                if begins {
                    there.tell();
                    block_on(Told(back));
                } else {
                    block_on(Told(there));
                    back.tell();
                }
            }
        }
    };
    let signals = || Arc::new((0..ROUNDS).map(|_| Signal::default()).collect::<Vec<_>>());
    let (there, back) = (signals(), signals());
    let task = spawn(ping_pong(there.clone(), back.clone(), true));
    let other = spawn(ping_pong(there, back, false));
    task.join().unwrap();
    other.join().unwrap();
    let (there, back) = (signals(), signals());
    let thread = std::thread::spawn(ping_pong(there.clone(), back.clone(), true));
    let task = spawn(ping_pong(there, back, false));
    thread.join().unwrap();
    task.join().unwrap();
}

#[test]
fn a_future_that_wakes_itself_lets_others_run() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let ran = Arc::new(AtomicBool::new(false));
    let (runs, looks) = (ran.clone(), ran);
    let task = Builder::new().spawn_in(&runtime, move || {
        let other = spawn(move || runs.store(true, Ordering::SeqCst));
        block_on(GivesWay(10));
        assert!(looks.load(Ordering::SeqCst), "the only worker ran the other task in between");
        other.join().unwrap();
    });
    task.unwrap().join().unwrap();
}

#[test]
fn block_on_inside_a_poll_takes_no_wake_of_the_outer_future_away() {
    let (outer, inner) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
    let name = unique("nested");
    let (waits, nested) = (outer.clone(), inner.clone());
    let task = Builder::new().name(&name).spawn(move || {
        let mut told = Told(&waits);
        block_on(future::poll_fn(|context| {
            let polled = Pin::new(&mut told).poll(context);
            // The outer future has left its waker; now the task waits for another one.
            if polled.is_pending() {
                block_on(Told(&nested));
            }
            polled
        }));
    });
    until(|| inner.polls() > 0);
    parked(&name);
    // Woken while the inner future is driven: both must see it.
    outer.tell();
    inner.tell();
    task.unwrap().join().unwrap();
}

#[test]
fn a_held_worker_sleeps_until_its_future_is_woken() {
    let (name, signal) = (unique("held"), Arc::new(Signal::default()));
    let waits = signal.clone();
    let task = Builder::new().name(&name).spawn(move || hold_worker(|| block_on(Told(&waits))));
    assert!(parked(&name).2.on_thread);
    signal.tell();
    task.unwrap().join().unwrap();
}

#[test]
fn a_panic_in_a_poll_leaves_the_task_usable() {
    let task = spawn(|| {
        let poll = || block_on(future::poll_fn(|_| -> Poll<()> { panic!("in a poll") }));
        assert!(std::panic::catch_unwind(poll).is_err());
        block_on(GivesWay(2));
    });
    task.join().unwrap();
}

#[test]
fn tokios_channels_work_between_tasks() {
    run(|| {
        let (send, mut recv) = mpsc::channel(4);
        let (done, is_done) = oneshot::channel();
        let consumer = go! {
            let mut sum = 0;
            while let Some(n) = block_on(recv.recv()) {
                sum += n;
            }
            done.send(sum).unwrap();
        };
        let producers: Vec<_> = (0..4)
            .map(|_| {
                let send = send.clone();
                go! { (1..=100_u32).for_each(|n| block_on(send.send(n)).unwrap()) }
            })
            .collect();
        drop(send);
        producers.into_iter().for_each(|task| task.join().unwrap());
        consumer.join().unwrap();
        assert_eq!(block_on(is_done), Ok(4 * 5050));
    });
}

/// Sends back what comes, to that many clients.
fn echo(clients: usize) -> (std::net::SocketAddr, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let serve = move || {
        let serve_one = |_| {
            let (mut stream, _) = listener.accept().expect("a client");
            std::thread::spawn(move || {
                let mut bytes = [0; 64];
                while let Ok(read @ 1..) = stream.read(&mut bytes) {
                    stream.write_all(&bytes[..read]).expect("it reads");
                }
            })
        };
        let threads: Vec<_> = (0..clients).map(serve_one).collect();
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    };
    (address, std::thread::spawn(serve))
}

#[test]
fn tokios_reactor_serves_tasks_that_interleave_on_one_worker() {
    const CLIENTS: usize = 4;
    let mut tokio = tokio::runtime::Builder::new_multi_thread();
    let tokio = Arc::new(tokio.worker_threads(1).enable_all().build().unwrap());
    let (address, server) = echo(CLIENTS);
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let interleaved = Arc::new(AtomicU32::new(0));
    let client = |id: usize| {
        let (tokio, interleaved) = (tokio.clone(), interleaved.clone());
        Builder::new().spawn_in(&runtime, move || {
            let drive = || tokio.handle().enter();
            let mut stream = block_on_with(TcpStream::connect(address), drive).unwrap();
            for round in 0..20_u32 {
                let message = format!("{id:2} {round:2}");
                let mut answer = [0; 5];
                interleaved.fetch_add(1, Ordering::SeqCst);
                block_on_with(
                    async {
                        stream.write_all(message.as_bytes()).await?;
                        // A timer of tokio's on the way.
                        tokio::time::sleep(Duration::from_micros(10)).await;
                        stream.read_exact(&mut answer).await
                    },
                    drive,
                )
                .unwrap();
                assert_eq!(answer, message.as_bytes());
                assert!(tokio::runtime::Handle::try_current().is_err(), "not over the park");
                yield_now();
            }
        })
    };
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();
    clients.into_iter().for_each(|task| task.unwrap().join().unwrap());
    assert_eq!(interleaved.load(Ordering::SeqCst), 20 * 4);
    server.join().unwrap();
}

#[test]
fn wakes_race_with_parks_on_many_tasks() {
    // Storms of wakes, at all moments, from threads of others.
    let (tasks, start) = (16, Arc::new(Barrier::new(3)));
    let signals: Arc<Vec<Signal>> = Arc::new((0..tasks).map(|_| Signal::default()).collect());
    let over = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (signals, start, over) = (signals.clone(), start.clone(), over.clone());
            std::thread::spawn(move || {
                start.wait();
                while !over.load(Ordering::SeqCst) {
                    signals.iter().filter_map(Signal::waker).for_each(Waker::wake);
                }
            })
        })
        .collect();
    let handles: Vec<_> = (0..tasks)
        .map(|n| {
            let signals = signals.clone();
            spawn(move || block_on(Told(&signals[n])))
        })
        .collect();
    start.wait();
    until(|| signals.iter().all(|signal| signal.polls() > 100));
    over.store(true, Ordering::SeqCst);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // The storm is over: the last wake of each has to be enough.
    signals.iter().for_each(Signal::tell);
    handles.into_iter().for_each(|task| task.join().unwrap());
}
