//! Sockets: what std promises, with tasks that wait.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gleak_runtime::net::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use gleak_runtime::report::snapshot::{WaitOp, WaitReason};
use gleak_runtime::{Builder, Chan, JoinHandle, Quiet, Runtime, spawn};

use crate::sockets::{LONG, echo, path, talk, tcp, tcp_pair};
use crate::support::{parked, unique, until};

/// Serves `count` connections with a task each.
fn serve(listener: TcpListener, count: usize) -> JoinHandle<()> {
    spawn(move || {
        let served: Vec<_> = (0..count)
            .map(|_| {
                let (stream, _) = listener.accept().expect("a connection");
                spawn(move || echo(stream))
            })
            .collect();
        served.into_iter().for_each(|task| task.join().expect("a connection"));
    })
}

#[test]
fn tcp_echoes_one_connection() {
    let (listener, address) = tcp();
    let server = serve(listener, 1);
    spawn(move || talk(TcpStream::connect(address).unwrap(), 200)).join().unwrap();
    server.join().unwrap();
}

#[test]
fn tcp_echoes_many_connections() {
    let (listener, address) = tcp();
    let server = serve(listener, 200);
    let clients: Vec<_> =
        (0..200).map(|_| spawn(move || talk(TcpStream::connect(address).unwrap(), 20))).collect();
    clients.into_iter().for_each(|task| task.join().unwrap());
    server.join().unwrap();
}

#[test]
fn unix_echoes_many_connections() {
    let path = path();
    let listener = UnixListener::bind(&path).unwrap();
    let server = spawn(move || {
        let tasks: Vec<_> = listener
            .incoming()
            .take(50)
            .map(|stream| {
                let stream = stream.unwrap();
                spawn(move || echo(stream))
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let path = path.clone();
            spawn(move || talk(UnixStream::connect(path).unwrap(), 20))
        })
        .collect();
    clients.into_iter().for_each(|task| task.join().unwrap());
    server.join().unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn more_connect_to_a_unix_listener_than_it_has_room_for() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};

    let path = path();
    let fd = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&fd, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&fd, 0).unwrap();
    let listener = UnixListener::from(fd);
    let name = unique("has-no-room");
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            let connects = move || UnixStream::connect(path).unwrap().write_all(b"1").unwrap();
            Builder::new().name(&name).spawn(connects).unwrap()
        })
        .collect();
    assert_eq!(parked(&name).2.reason, WaitReason::Blocking);
    for _ in 0..4 {
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
    }
    clients.into_iter().for_each(|task| task.join().unwrap());
    std::fs::remove_file(path).unwrap();
}

#[test]
fn one_direction_may_end_before_the_other() {
    let (mut client, mut server) = tcp_pair();
    let serves = spawn(move || {
        let mut question = String::new();
        server.read_to_string(&mut question).unwrap();
        server.write_all(question.to_uppercase().as_bytes()).unwrap();
    });
    client.write_all(b"shout").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "SHOUT");
    serves.join().unwrap();
}

/// A connection whose one end was in a wait when all of `said` came at once, and reads what there
/// is with room to spare.
fn hears(said: impl FnOnce(&TcpStream)) -> Vec<u8> {
    let runtime = Runtime::builder().workers(1).start().expect("a runtime");
    let (ours, theirs) = tcp_pair();
    let name = unique("hears");
    let hears = Builder::new().name(&name).spawn_in(&runtime, move || {
        let (mut heard, mut buffer) = (Vec::new(), [0; 64]);
        // The first wait makes the socket known to its worker.
        while !heard.ends_with(b".") {
            let got = (&ours).read(&mut buffer).expect("data");
            heard.extend_from_slice(&buffer[..got]);
            if got == 0 {
                return heard;
            }
        }
        heard
    });
    parked(&name);
    // The worker hears of nothing before everything is there.
    let (busy, all_said) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_busy, goes_on) = (busy.clone(), all_said.clone());
    let spins = Builder::new().spawn_in(&runtime, move || {
        is_busy.store(true, Ordering::Release);
        while !goes_on.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
    });
    until(|| busy.load(Ordering::Acquire));
    said(&theirs);
    all_said.store(true, Ordering::Release);
    spins.expect("room").join().expect("no panic");
    hears.expect("room").join().expect("no panic")
}

#[test]
fn the_end_is_heard_with_the_last_bytes_or_after_them() {
    let heard = hears(|stream| {
        (&mut &*stream).write_all(b"bye").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
    });
    assert_eq!(heard, b"bye");
}

#[test]
fn bytes_after_an_urgent_one_are_heard() {
    use rustix::net::{SendFlags, send};

    let heard = hears(|stream| {
        send(stream, b"before", SendFlags::empty()).unwrap();
        send(stream, b"!", SendFlags::OOB).unwrap();
        send(stream, b"after.", SendFlags::empty()).unwrap();
    });
    assert_eq!(heard, b"beforeafter.");
}

#[test]
fn a_writer_waits_for_room() {
    let (client, mut server) = tcp_pair();
    let name = unique("writes-much");
    let much = 32 << 20;
    let writes = Builder::new().name(&name).spawn(move || {
        (&client).write_all(&vec![7; much]).unwrap();
    });
    let (_, _, wait) = parked(&name);
    assert_eq!((wait.reason, wait.arms[0].op), (WaitReason::Write, WaitOp::Write));
    let reads = spawn(move || std::io::copy(&mut server, &mut std::io::sink()).unwrap());
    assert_eq!(reads.join().unwrap(), much as u64);
    writes.unwrap().join().unwrap();
}

#[test]
fn each_of_many_readers_gets_its_wake() {
    const READERS: usize = 12;
    let (client, mut server) = tcp_pair();
    let client = Arc::new(client);
    for _ in 0..50 {
        let started = Chan::new(READERS);
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let (client, started) = (client.clone(), started.clone());
                spawn(move || {
                    started.send(());
                    assert_eq!((&*client).read(&mut [0; 1]).unwrap(), 1);
                })
            })
            .collect();
        // Half of them may wait by now, the others are on their way.
        (0..READERS / 2).for_each(|_| assert_eq!(started.recv(), Some(())));
        // All of it at once: one event for all readers.
        server.write_all(&[1; READERS]).unwrap();
        readers.into_iter().for_each(|task| task.join().unwrap());
    }
}

#[test]
fn each_of_many_acceptors_gets_its_connection() {
    let (listener, address) = tcp();
    let listener = Arc::new(listener);
    let acceptors: Vec<_> = (0..8)
        .map(|_| {
            let listener = listener.clone();
            spawn(move || (0..20).for_each(|_| drop(listener.accept().unwrap())))
        })
        .collect();
    let clients: Vec<_> =
        (0..160).map(|_| spawn(move || TcpStream::connect(address).unwrap())).collect();
    acceptors.into_iter().for_each(|task| task.join().unwrap());
    clients.into_iter().for_each(|task| drop(task.join().unwrap()));
}

#[test]
fn a_reader_and_a_writer_of_one_socket_do_not_meet() {
    let (client, server) = tcp_pair();
    let echoes = spawn(move || echo(server));
    let client = Arc::new(client);
    let much = 4 << 20;
    let writer = client.clone();
    let writes = spawn(move || {
        (&*writer).write_all(&vec![3; much]).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let reads = spawn(move || std::io::copy(&mut &*client, &mut std::io::sink()).unwrap());
    assert_eq!(reads.join().unwrap(), much as u64);
    writes.join().unwrap();
    echoes.join().unwrap();
}

#[test]
fn threads_that_are_not_ours_talk_to_each_other_and_to_tasks() {
    let (listener, address) = tcp();
    let serves = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        echo(stream);
        let (stream, _) = listener.accept().unwrap();
        echo(stream);
    });
    talk(TcpStream::connect(address).unwrap(), 50);
    spawn(move || talk(TcpStream::connect(address).unwrap(), 50)).join().unwrap();
    serves.join().unwrap();
}

#[test]
fn udp_sends_receives_and_peeks() {
    let (one, other) =
        (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (from, to) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    let name = unique("receives-datagrams");
    let receives = Builder::new().name(&name).spawn(move || {
        let mut buffer = [0; 16];
        assert_eq!(other.peek_from(&mut buffer).unwrap(), (3, from));
        assert_eq!(other.recv_from(&mut buffer).unwrap(), (3, from));
        other.connect(from).unwrap();
        other.send(b"pong").unwrap();
    });
    parked(&name);
    assert_eq!(one.send_to(b"abc", to).unwrap(), 3);
    let mut buffer = [0; 16];
    assert_eq!(one.recv(&mut buffer).unwrap(), 4);
    receives.unwrap().join().unwrap();
}

#[test]
fn unix_datagrams_wait_for_room_at_their_receiver() {
    let path = path();
    let receiver = UnixDatagram::bind(&path).unwrap();
    let name = unique("sends-many");
    let to = path.clone();
    let sends = Builder::new().name(&name).spawn(move || {
        let socket = UnixDatagram::unbound().unwrap();
        (0..300_u32).for_each(|n| {
            socket.send_to(&n.to_le_bytes(), &to).unwrap();
        });
    });
    let (_, _, wait) = parked(&name);
    assert_eq!(wait.reason, WaitReason::Write);
    for n in 0..300_u32 {
        let mut buffer = [0; 4];
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 4);
        assert_eq!(u32::from_le_bytes(buffer), n);
    }
    sends.unwrap().join().unwrap();
    let (one, other) = UnixDatagram::pair().unwrap();
    let receives = spawn(move || other.recv(&mut [0; 8]).unwrap());
    one.send(b"12345").unwrap();
    assert_eq!(receives.join().unwrap(), 5);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn many_short_connections() {
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).start().unwrap();
        let (listener, address) = tcp();
        let serves = Builder::new().spawn_in(&runtime, move || {
            for stream in listener.incoming().take(500) {
                let stream = stream.unwrap();
                spawn(move || echo(stream));
            }
        });
        let clients: Vec<_> = (0..50)
            .map(|n| {
                let rounds = n % 3;
                let connects = move || {
                    (0..10).for_each(|_| talk(TcpStream::connect(address).unwrap(), rounds));
                };
                Builder::new().spawn_in(&runtime, connects).unwrap()
            })
            .collect();
        clients.into_iter().for_each(|task| task.join().unwrap());
        serves.unwrap().join().unwrap();
        assert_eq!(runtime.wait_quiet(LONG, || runtime.live() == 0), Quiet::Done);
    }
}
