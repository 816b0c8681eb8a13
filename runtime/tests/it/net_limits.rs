//! Sockets: waits that end without success, and handles that go.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gleak_runtime::net::{TcpListener, TcpStream, UnixStream};
use gleak_runtime::report::snapshot::{Target, WaitReason, WaiterKind};
use gleak_runtime::time::Instant;
use gleak_runtime::{Builder, spawn};

use crate::sockets::{LONG, SHORT, path, tcp, tcp_pair};
use crate::support::{parked, unique, until};

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

/// The socket behind a descriptor, as the kernel names it.
fn socket_of(handle: &impl std::os::fd::AsRawFd) -> PathBuf {
    std::fs::read_link(format!("/proc/self/fd/{}", handle.as_raw_fd())).expect("a link")
}

/// Whether a descriptor of this process still names it.
fn is_open(socket: &Path) -> bool {
    let entries = std::fs::read_dir("/proc/self/fd").expect("a folder").flatten();
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
