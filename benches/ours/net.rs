//! Loopback TCP: 64 bytes there and back, a task for each end of each connection.

use std::net::SocketAddr;

use gleak_runtime::net::{TcpListener, TcpStream};
use gleak_runtime::{go, spawn};

use crate::echo;
use crate::protocol::{Clock, Figures};

pub(crate) fn echo(connections: u64, n: u64) -> Figures {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it has one");
    go! {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            go! { echo::serve(at_once(stream)) };
        }
    };
    let clock = Clock::start();
    let clients = Vec::from_iter(
        (0..connections).map(|_| spawn(move || echo::ask(connect(address), n / connections))),
    );
    clients.into_iter().for_each(|it| it.join().expect("no panic"));
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
