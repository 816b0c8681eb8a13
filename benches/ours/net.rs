//! Loopback TCP: 64 bytes there and back, a task for each end of each connection.

use std::io::{Read, Write};
use std::net::SocketAddr;

use gleak_runtime::net::{TcpListener, TcpStream};
use gleak_runtime::{go, spawn};

use crate::protocol::{Clock, Figures};

const MESSAGE: usize = 64;

pub(crate) fn echo(connections: u64, n: u64) -> Figures {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it has one");
    go! {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            go! { serve(stream) };
        }
    };
    let clock = Clock::start();
    let clients =
        Vec::from_iter((0..connections).map(|_| spawn(move || ask(address, n / connections))));
    clients.into_iter().for_each(|it| it.join().expect("no panic"));
    clock.ns(n / connections * connections)
}

/// Go turns Nagle's delay off by itself.
fn serve(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("TCP has it");
    let mut message = [0; MESSAGE];
    while stream.read_exact(&mut message).is_ok() {
        stream.write_all(&message).expect("the other side reads");
    }
}

fn ask(address: SocketAddr, times: u64) {
    let mut stream = TcpStream::connect(address).expect("a listener");
    stream.set_nodelay(true).expect("TCP has it");
    let mut message = [0; MESSAGE];
    for _ in 0..times {
        stream.write_all(&message).expect("the other side reads");
        stream.read_exact(&mut message).expect("the other side answers");
    }
}
