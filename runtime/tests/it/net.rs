//! Sockets: what std promises, with tasks that wait.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gleak_runtime::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use gleak_runtime::report::snapshot::{ObjectDetail, Target, WaitOp, WaitReason};
use gleak_runtime::time::Instant;
use gleak_runtime::{Builder, Chan, JoinHandle, Runtime, spawn};

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
fn path() -> std::path::PathBuf {
    let name = unique(&format!("socket-{}", std::process::id()));
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
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
        let tasks: Vec<_> = listener.incoming().take(50).map(|stream| {
            let stream = stream.unwrap();
            spawn(move || echo(stream))
        }).collect();
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
    let path = path();
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None).unwrap();
    let address = rustix::net::SocketAddrUnix::new(&path).unwrap();
    rustix::net::bind(&socket, &address).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = UnixListener::from(socket);
    let name = unique("has-no-room");
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            let connects = move || UnixStream::connect(path).unwrap().write_all(b"1").unwrap();
            Builder::new().name(&name).spawn(connects).unwrap()
        })
        .collect();
    let (_, _, wait) = parked(&name);
    assert_eq!(wait.reason, WaitReason::Blocking);
    for _ in 0..4 {
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
    }
    clients.into_iter().for_each(|task| task.join().unwrap());
    std::fs::remove_file(path).unwrap();
}
