//! Sockets: what a snapshot says of who waits, and who serves them.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gleak_runtime::net::{TcpStream, UdpSocket, UnixStream};
use gleak_runtime::report::snapshot::{ObjectDetail, Target, WaitOp, WaitReason};
use gleak_runtime::{Builder, Chan, Mutex, Quiet, Region, RegionKind, Runtime, WaitGroup};

use crate::sockets::{LONG, SHORT, echo, talk, tcp, tcp_pair};
use crate::support::{parked, unique, until};

/// The details of the socket that the task with this name waits for.
fn socket_of(name: &str) -> ObjectDetail {
    let (snapshot, _, wait) = parked(name);
    let Target::Object(id) = wait.arms[0].on else { panic!("a socket: {wait:?}") };
    snapshot.objects.into_iter().find(|object| object.id == id).expect("listed").detail
}

#[test]
fn a_listener_has_no_other_side() {
    let (listener, address) = tcp();
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&listener).unsigned_abs();
    let name = unique("accepts");
    let accepts = Builder::new().name(&name).spawn(move || listener.accept().map(drop));
    let expected = ObjectDetail::Socket { descriptor, peer: None, listens: true };
    assert_eq!(socket_of(&name), expected);
    drop(TcpStream::connect(address).unwrap());
    accepts.unwrap().join().unwrap().unwrap();
}

#[test]
fn a_datagram_socket_has_another_side_when_it_is_connected() {
    let (one, other) =
        (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (to, peer) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    one.connect(peer).unwrap();
    other.connect(to).unwrap();
    let name = unique("receives");
    let receives = Builder::new().name(&name).spawn(move || one.recv(&mut [0; 4]));
    let ObjectDetail::Socket { peer: seen, listens: false, .. } = socket_of(&name) else {
        panic!("a socket that does not listen")
    };
    assert_eq!(seen, Some(peer.to_string()));
    other.send(b"news").unwrap();
    assert_eq!(receives.unwrap().join().unwrap().unwrap(), 4);
}

#[test]
fn a_side_without_a_name_is_not_made_up() {
    let (mut one, other) = UnixStream::pair().unwrap();
    let name = unique("reads-unnamed");
    let reads = Builder::new().name(&name).spawn(move || one.read(&mut [0; 4]));
    let ObjectDetail::Socket { peer: None, listens: false, .. } = socket_of(&name) else {
        panic!("a socket whose other side has no address")
    };
    drop(other);
    assert_eq!(reads.unwrap().join().unwrap().unwrap(), 0);
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
    assert_eq!(
        socket.detail,
        ObjectDetail::Socket {
            descriptor: descriptor.unsigned_abs(),
            peer: Some(peer.to_string()),
            listens: false
        }
    );
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
