//! Sockets for tests, and what to say through them.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gleak_runtime::net::{TcpListener, TcpStream};
use gleak_runtime::spawn;

use crate::support::unique;

/// Long enough never to pass in a test that is right.
pub(crate) const LONG: Duration = Duration::from_secs(600);
pub(crate) const SHORT: Duration = Duration::from_millis(5);

pub(crate) fn tcp() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("a socket");
    (listener, address)
}

/// Two ends of one connection.
pub(crate) fn tcp_pair() -> (TcpStream, TcpStream) {
    let (listener, address) = tcp();
    let connects = spawn(move || TcpStream::connect(address).expect("a socket"));
    let (served, _) = listener.accept().expect("a socket");
    (connects.join().expect("a socket"), served)
}

/// A path of a socket that no other test uses.
pub(crate) fn path() -> PathBuf {
    let name = unique(&format!("socket-{}", std::process::id()));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    path
}

pub(crate) fn echo(mut stream: impl Read + Write) {
    let mut buffer = [0; 512];
    loop {
        match stream.read(&mut buffer).expect("a socket") {
            0 => return,
            read => stream.write_all(&buffer[..read]).expect("a socket"),
        }
    }
}

/// Says `rounds` things and hears them again.
pub(crate) fn talk(mut stream: impl Read + Write, rounds: u32) {
    for round in 0..rounds {
        let said = [round.to_le_bytes(), (!round).to_le_bytes()].concat();
        stream.write_all(&said).expect("a socket");
        let mut heard = vec![0; said.len()];
        stream.read_exact(&mut heard).expect("a socket");
        assert_eq!(heard, said);
    }
}
