//! Sockets: what std promises, with tasks that wait.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gleak_runtime::net::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use gleak_runtime::report::snapshot::{ObjectDetail, Target, WaitOp, WaitReason, WaiterKind};
use gleak_runtime::time::Instant;
use gleak_runtime::{
    Builder, Chan, JoinHandle, Mutex, Quiet, Region, RegionKind, Runtime, WaitGroup, spawn,
};

use crate::support::{parked, unique, until};

/// Long enough never to pass in a test that is right.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(5);

fn tcp() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Two ends of one connection.
fn tcp_pair() -> (TcpStream, TcpStream) {
    let (listener, address) = tcp();
    let connects = spawn(move || TcpStream::connect(address).unwrap());
    let (served, _) = listener.accept().unwrap();
    (connects.join().unwrap(), served)
}

/// A path of a socket that no other test uses.
fn path() -> PathBuf {
    let name = unique(&format!("socket-{}", std::process::id()));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    path
}

fn echo(mut stream: impl Read + Write) {
    let mut buffer = [0; 512];
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => return,
            read => stream.write_all(&buffer[..read]).unwrap(),
        }
    }
}

/// Serves `count` connections with a task each.
fn serve(listener: TcpListener, count: usize) -> JoinHandle<()> {
    spawn(move || {
        let served: Vec<_> = (0..count)
            .map(|_| {
                let (stream, _) = listener.accept().unwrap();
                spawn(move || echo(stream))
            })
            .collect();
        served.into_iter().for_each(|task| task.join().unwrap());
    })
}

/// Says `rounds` things and hears them again.
fn talk(mut stream: impl Read + Write, rounds: u32) {
    for round in 0..rounds {
        let said = [round.to_le_bytes(), (!round).to_le_bytes()].concat();
        stream.write_all(&said).unwrap();
        let mut heard = vec![0; said.len()];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(heard, said);
    }
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
fn a_wait_ends_with_its_timeout_and_not_before() {
    let (client, mut server) = tcp_pair();
    for in_task in [true, false] {
        let ours = client.try_clone().unwrap();
        let waits = move || {
            ours.set_read_timeout(Some(SHORT)).unwrap();
            assert_eq!(ours.read_timeout().unwrap(), Some(SHORT));
            let before = Instant::now();
            let error = (&ours).read(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(before.elapsed() >= SHORT);
        };
        if in_task { spawn(waits).join().unwrap() } else { waits() }
    }
    let name = unique("has-time");
    let waits = Builder::new().name(&name).spawn(move || {
        client.set_read_timeout(Some(LONG)).unwrap();
        (&client).read(&mut [0; 8]).unwrap()
    });
    assert!(parked(&name).2.until_ns.is_some());
    server.write_all(b"123").unwrap();
    assert_eq!(waits.unwrap().join().unwrap(), 3);
    assert_eq!(
        server.set_read_timeout(Some(Duration::ZERO)).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[test]
fn a_deadline_concerns_those_who_wait_already() {
    let (client, mut server) = tcp_pair();
    let client = Arc::new(client);
    let read = |stream: &TcpStream| stream.peek(&mut [0; 8]).map_err(|error| error.kind());
    let (task, thread) = (unique("task-waits"), unique("thread-waits"));
    let ours = client.clone();
    let task_waits = Builder::new().name(&task).spawn(move || read(&ours)).unwrap();
    let ours = client.clone();
    let named = std::thread::Builder::new().name(thread.clone());
    let thread_waits = named.spawn(move || read(&ours)).unwrap();
    let (_, facts, wait) = parked(&thread);
    assert_eq!((facts.kind, wait.reason), (WaiterKind::Thread, WaitReason::Read));
    parked(&task);
    client.set_read_deadline(Some(Instant::now() + LONG));
    until(|| parked(&task).2.until_ns.is_some() && parked(&thread).2.until_ns.is_some());
    client.set_read_deadline(Some(Instant::now()));
    assert_eq!(task_waits.join().unwrap(), Err(ErrorKind::TimedOut));
    assert_eq!(thread_waits.join().unwrap(), Err(ErrorKind::TimedOut));
    // As in Go: over is over, whatever has come; and without the deadline it is there.
    server.write_all(b"12345").unwrap();
    assert_eq!(read(&client), Err(ErrorKind::TimedOut));
    client.set_read_deadline(None);
    assert_eq!(read(&client), Ok(5));
}

#[test]
fn an_accept_has_a_deadline() {
    let (listener, address) = tcp();
    listener.set_deadline(Some(Instant::now() + SHORT));
    let listener = spawn(move || {
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
        listener
    });
    let listener = listener.join().unwrap();
    listener.set_deadline(None);
    let connects = spawn(move || TcpStream::connect(address).unwrap().local_addr().unwrap());
    let (_, peer) = listener.accept().unwrap();
    assert_eq!(connects.join().unwrap(), peer);
}

#[test]
fn a_clone_begins_with_the_same_limits_and_has_its_own() {
    let (client, _server) = tcp_pair();
    client.set_read_timeout(Some(SHORT)).unwrap();
    let clone = client.try_clone().unwrap();
    client.set_read_timeout(None).unwrap();
    let error = spawn(move || (&clone).read(&mut [0; 8]).unwrap_err()).join().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(client.read_timeout().unwrap(), None);
}

#[test]
fn nonblocking_handles_do_not_wait() {
    let (client, _server) = tcp_pair();
    client.set_nonblocking(true).unwrap();
    assert_eq!((&client).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
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
fn a_connection_that_nobody_takes_is_refused() {
    let (listener, address) = tcp();
    drop(listener);
    let connects = move || TcpStream::connect(address).unwrap_err().kind();
    assert_eq!(connects(), ErrorKind::ConnectionRefused);
    assert_eq!(spawn(connects).join().unwrap(), ErrorKind::ConnectionRefused);
    let path = path();
    assert_eq!(UnixStream::connect(path).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn connecting_has_a_timeout() {
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

    let fd = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&fd, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listen(&fd, 0).unwrap();
    let listener = TcpListener::from(fd);
    let address = listener.local_addr().unwrap();
    // Takes the only place; the kernel does not answer who comes after.
    let _first = TcpStream::connect(address).unwrap();
    let error = spawn(move || TcpStream::connect_timeout(&address, SHORT).unwrap_err());
    assert_eq!(error.join().unwrap().kind(), ErrorKind::TimedOut);
    let name = unique("connects");
    let connects = Builder::new().name(&name).spawn(move || TcpStream::connect(address)).unwrap();
    let (snapshot, _, wait) = parked(&name);
    assert_eq!(wait.reason, WaitReason::Write);
    let Target::Object(id) = wait.arms[0].on else { panic!("a socket: {wait:?}") };
    let socket = snapshot.objects.iter().find(|object| object.id == id).unwrap();
    assert!(socket.name.as_ref().unwrap().ends_with(&format!(" -> {address}")), "{socket:?}");
    // It is left to its fate: the kernel asks again after a second, and for a minute at most.
    drop(connects);
}

#[test]
fn host_names_are_looked_up() {
    let (listener, address) = tcp();
    let named = format!("localhost:{}", address.port());
    let connects = spawn(move || TcpStream::connect(named).unwrap());
    listener.accept().unwrap();
    connects.join().unwrap();
    let connects = move || TcpStream::connect(("localhost", address.port())).unwrap();
    connects();
    for wrong in ["localhost", "localhost:http", ":", ""] {
        let error = TcpStream::connect(wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{wrong}");
    }
    let none: &[SocketAddr] = &[];
    assert_eq!(TcpStream::connect(none).unwrap_err().kind(), ErrorKind::InvalidInput);
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
fn a_held_worker_waits_as_a_thread() {
    let (client, mut server) = tcp_pair();
    let name = unique("holds-its-worker");
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let reads = Builder::new().name(&name).spawn_in(&runtime, move || {
        gleak_runtime::hold_worker(|| (&client).read(&mut [0; 8]).unwrap())
    });
    assert_eq!(parked(&name).2.registers, None);
    server.write_all(b"12").unwrap();
    assert_eq!(reads.unwrap().join().unwrap(), 2);
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
fn a_wait_shows_its_socket() {
    let (client, server) = tcp_pair();
    let (local, peer) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&client);
    let name = unique("reads");
    let line = line!() + 2;
    let reads = Builder::new().name(&name).spawn(move || {
        let _ = (&client).read_exact(&mut [0; 8]);
    });
    let (snapshot, _, wait) = parked(&name);
    assert_eq!(
        (wait.reason, wait.arms[0].op, wait.until_ns),
        (WaitReason::Read, WaitOp::Read, None)
    );
    assert!(wait.since_ns > 0 && wait.since_ns <= snapshot.header.taken_ns);
    let site = &snapshot.sites[wait.site.0 as usize];
    assert_eq!((site.file.as_str(), site.line), (file!(), line));
    let Target::Object(id) = wait.arms[0].on else { panic!("a socket: {wait:?}") };
    let socket = snapshot.objects.iter().find(|object| object.id == id).unwrap();
    assert_eq!(socket.detail, ObjectDetail::Socket { descriptor: descriptor.unsigned_abs() });
    assert_eq!(socket.name, Some(format!("tcp {local} -> {peer}")));
    assert_eq!(snapshot.validate(), Ok(()));
    drop(server);
    reads.unwrap().join().unwrap();
}

#[test]
fn a_waiting_listener_is_no_sleep_and_hides_no_cycle() {
    use gleak_runtime::report::detector::{Asleep, Question, Rule, Scope, analyze};

    let region = Region::open(RegionKind::Test, "deadlock beside a listener");
    let (listener, address) = tcp();
    let accepts = unique("accepts");
    let server = region.builder().name(&accepts).spawn(move || drop(listener.accept())).unwrap();
    let locks = Arc::new((Mutex::new(()), Mutex::new(())));
    let both = WaitGroup::new();
    both.add(2);
    let names = [unique("left"), unique("right")];
    for (name, flip) in names.iter().zip([false, true]) {
        let (locks, both) = (locks.clone(), both.clone());
        let task = region.builder().name(name).spawn(move || {
            let (first, second) = if flip { (&locks.1, &locks.0) } else { (&locks.0, &locks.1) };
            let _first = first.lock().unwrap();
            both.done();
            both.wait();
            drop(second.lock());
        });
        drop(task);
    }
    parked(&accepts);
    let scope = Scope::Region(gleak_runtime::report::snapshot::RegionId(region.id()));
    let question = Question { scope, ..Question::default() };
    let is_cycle = || {
        let report = analyze(&gleak_runtime::report::snapshot(), &question);
        assert_eq!(report.asleep, Asleep::No);
        report.findings.iter().any(|finding| finding.key.rule == Rule::Cycle)
    };
    until(is_cycle);
    drop(TcpStream::connect(address).unwrap());
    server.join().unwrap();
}

#[test]
fn a_runtime_that_waits_for_a_socket_is_not_quiet() {
    let (listener, address) = tcp();
    let runtime = Runtime::builder().workers(2).start().unwrap();
    let name = unique("accepts");
    let accepts = Builder::new().name(&name).spawn_in(&runtime, move || drop(listener.accept()));
    parked(&name);
    assert_eq!(runtime.wait_quiet(SHORT, || false), Quiet::Busy);
    drop(TcpStream::connect(address).unwrap());
    accepts.unwrap().join().unwrap();
    assert_eq!(runtime.wait_quiet(LONG, || runtime.live() == 0), Quiet::Done);
}

#[test]
fn a_busy_worker_keeps_no_socket_of_others_waiting() {
    let runtime = Runtime::builder().workers(2).start().unwrap();
    let (listener, address) = tcp();
    let stop = Arc::new(AtomicBool::new(false));
    let (hand_over, stops) = (Chan::new(1), stop.clone());
    let (accepted, name) = (hand_over.clone(), unique("accepts-then-spins"));
    let spins = Builder::new().name(&name).spawn_in(&runtime, move || {
        // Both sockets become known to this task's worker, which then does nothing for them.
        let (stream, _) = listener.accept().unwrap();
        stream.peek(&mut [0; 1]).unwrap();
        accepted.send((listener, stream));
        while !stops.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    });
    parked(&name);
    let mut client = std::net::TcpStream::connect(address).unwrap();
    parked(&name);
    client.write_all(b"1").unwrap();
    let (listener, mut stream) = hand_over.recv().unwrap();
    let served = Builder::new().spawn_in(&runtime, move || {
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 1);
        echo(stream);
        echo(listener.accept().unwrap().0);
    });
    talk(&client, 20);
    drop(client);
    talk(std::net::TcpStream::connect(address).unwrap(), 20);
    served.unwrap().join().unwrap();
    stop.store(true, Ordering::Relaxed);
    spins.unwrap().join().unwrap();
}

/// The socket behind a descriptor, as the kernel names it.
fn socket_of(handle: &impl std::os::fd::AsRawFd) -> PathBuf {
    std::fs::read_link(format!("/proc/self/fd/{}", handle.as_raw_fd())).unwrap()
}

/// Whether a descriptor of this process still names it.
fn is_open(socket: &Path) -> bool {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    entries.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|it| it == socket)
}

#[test]
fn descriptors_are_closed_with_their_handles() {
    let (client, mut server) = tcp_pair();
    let (ours, theirs) = (socket_of(&client), socket_of(&server));
    let name = unique("reads");
    let reads = Builder::new().name(&name).spawn(move || {
        assert_eq!((&client).read(&mut [0; 8]).unwrap(), 2);
        client
    });
    parked(&name);
    server.write_all(b"12").unwrap();
    let client = reads.unwrap().join().unwrap();
    assert!(is_open(&ours) && is_open(&theirs));
    // Out of our hands and back again: nothing of the first time is left.
    let client = TcpStream::from(std::os::fd::OwnedFd::from(client));
    let reads = Builder::new().name(&name).spawn(move || (&client).read(&mut [0; 8]).unwrap());
    parked(&name);
    server.write_all(b"345").unwrap();
    assert_eq!(reads.unwrap().join().unwrap(), 3);
    assert!(!is_open(&ours));
    drop(server);
    assert!(!is_open(&theirs));
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
