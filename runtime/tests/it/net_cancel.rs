//! Sockets: operations that give up when a context is done.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gleak_runtime::net::{TcpListener, TcpStream, UdpSocket, UnixStream, with_context};
use gleak_runtime::report::snapshot::{WaitReason, WaiterKind};
use gleak_runtime::time::Instant;
use gleak_runtime::{
    Builder, Cancelled, Context, Runtime, hold_worker, run, scope, spawn, yield_now,
};

use crate::sockets::{LONG, SHORT, tcp_pair};
use crate::support::{parked, unique};

fn why(error: &io::Error) -> Option<Cancelled> {
    error.get_ref()?.downcast_ref().copied()
}

#[track_caller]
fn given_up<T: std::fmt::Debug>(done: io::Result<T>) {
    let error = done.expect_err("it gives up");
    assert_eq!((error.kind(), why(&error)), (ErrorKind::Other, Some(Cancelled::ByHandle)));
}

#[test]
fn a_cancel_ends_waits_of_tasks_and_threads() {
    let (client, _server) = tcp_pair();
    let client = Arc::new(client);
    let (context, cancel) = Context::background().with_cancel();
    let read = |context: &Context, stream: &TcpStream| {
        // Std's own loops must not take it for a reason to try again.
        with_context(context, || io::copy(&mut &*stream, &mut io::sink()))
    };
    let (task, held, thread) = (unique("task"), unique("held"), unique("thread"));
    let (ours, until) = (client.clone(), context.clone());
    let in_task = Builder::new().name(&task).spawn(move || read(&until, &ours)).unwrap();
    let (ours, until) = (client.clone(), context.clone());
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let builder = Builder::new().name(&held);
    let holds = builder.spawn_in(&runtime, move || hold_worker(|| read(&until, &ours))).unwrap();
    let (ours, until) = (client, context.clone());
    let named = std::thread::Builder::new().name(thread.clone());
    let in_thread = named.spawn(move || read(&until, &ours)).unwrap();
    parked(&task);
    parked(&held);
    let (_, facts, wait) = parked(&thread);
    assert_eq!((facts.kind, wait.reason), (WaiterKind::Thread, WaitReason::Read));
    cancel.cancel();
    given_up(in_task.join().unwrap());
    given_up(holds.join().unwrap());
    given_up(in_thread.join().unwrap());
}

#[test]
fn every_kind_of_operation_gives_up() {
    run(|| {
        let (context, cancel) = Context::background().with_cancel();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (full, _peer) = UnixStream::pair().unwrap();
        let (accepts, receives, writes) = (unique("accepts"), unique("receives"), unique("writes"));
        // Before the scope: its tasks borrow them.
        let accept = || with_context(&context, || listener.accept().map(drop));
        let receive = || with_context(&context, || udp.recv(&mut [0; 8]).map(drop));
        let write = || with_context(&context, || (&full).write_all(&vec![0; 8 << 20]));
        scope(|s| {
            let handles = [
                Builder::new().name(&accepts).spawn_scoped(s, accept).unwrap(),
                Builder::new().name(&receives).spawn_scoped(s, receive).unwrap(),
                Builder::new().name(&writes).spawn_scoped(s, write).unwrap(),
            ];
            for name in [&accepts, &receives, &writes] {
                parked(name);
            }
            cancel.cancel();
            for handle in handles {
                given_up(handle.join().unwrap());
            }
        });
        // Done before: nothing is begun.
        let address = listener.local_addr().unwrap();
        given_up(with_context(&context, || TcpStream::connect(address)));
        TcpStream::connect(address).unwrap();
    });
}

#[test]
fn a_deadline_is_a_timeout_and_does_not_need_anybody() {
    let (client, mut server) = tcp_pair();
    let before = Instant::now();
    let (context, _cancel) = Context::background().with_timeout(SHORT);
    let waits = || with_context(&context, || (&client).read(&mut [0; 8]));
    for error in [waits().unwrap_err(), waits().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
    assert!(before.elapsed() >= SHORT);
    assert_eq!(why(&waits().unwrap_err()), Some(Cancelled::DeadlineExceeded));
    let (context, _cancel) = Context::background().with_timeout(LONG);
    let name = unique("in-time");
    let reads = Builder::new()
        .name(&name)
        .spawn(move || with_context(&context, || (&client).read(&mut [0; 8]).unwrap()));
    assert!(parked(&name).2.until_ns.is_some());
    server.write_all(b"1234").unwrap();
    assert_eq!(reads.unwrap().join().unwrap(), 4);
}

#[test]
fn it_concerns_the_task_alone_and_ends_with_the_call() {
    run(|| {
        let (client, mut server) = tcp_pair();
        let (context, cancel) = Context::background().with_cancel();
        cancel.cancel();
        server.write_all(b"12").unwrap();
        let other = client.try_clone().unwrap();
        with_context(&context, || {
            given_up((&client).read(&mut [0; 1]));
            let inner = Context::background();
            assert_eq!(with_context(&inner, || (&client).read(&mut [0; 1])).unwrap(), 1);
            given_up((&client).read(&mut [0; 1]));
            assert_eq!(spawn(move || (&other).read(&mut [0; 1])).join().unwrap().unwrap(), 1);
        });
        server.write_all(b"3").unwrap();
        assert_eq!((&client).read(&mut [0; 8]).unwrap(), 1);
    });
}

#[test]
fn no_cancel_is_lost_and_none_reaches_another() {
    const TASKS: u32 = 200;
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).start().unwrap();
        let task = Builder::new().spawn_in(&runtime, || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let (given_up, read) = (AtomicU32::new(0), AtomicU32::new(0));
            scope(|s| {
                s.spawn(|| {
                    // Every other connection is answered; the rest stay open until the end.
                    let mut open = Vec::new();
                    for number in 0..TASKS * 5 {
                        let (mut stream, _) = listener.accept().unwrap();
                        if number % 2 == 0 {
                            stream.write_all(b"!").unwrap();
                        }
                        open.push(stream);
                    }
                    while given_up.load(Ordering::SeqCst) + read.load(Ordering::SeqCst) < TASKS * 5
                    {
                        yield_now();
                    }
                });
                for number in 0..TASKS {
                    let (given_up, read) = (&given_up, &read);
                    s.spawn(move || {
                        for _ in 0..5 {
                            let mut stream = TcpStream::connect(address).unwrap();
                            let (context, cancel) = Context::background().with_cancel();
                            let cancels = spawn(move || {
                                (0..number % 7).for_each(|_| yield_now());
                                cancel.cancel();
                            });
                            match with_context(&context, || stream.read(&mut [0; 8])) {
                                Ok(got) => {
                                    assert_eq!(got, 1);
                                    read.fetch_add(1, Ordering::SeqCst);
                                }
                                Err(error) => {
                                    assert_eq!(why(&error), Some(Cancelled::ByHandle));
                                    given_up.fetch_add(1, Ordering::SeqCst);
                                }
                            }
                            cancels.join().unwrap();
                        }
                    });
                }
            });
            given_up.into_inner() + read.into_inner()
        });
        assert_eq!(task.unwrap().join().unwrap(), TASKS * 5);
    }
}
