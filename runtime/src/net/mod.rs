//! Sockets on which tasks wait: std's shapes, with std's errors.
//!
//! A task that has to wait for a peer parks and leaves its worker to others; a thread that is no
//! task blocks. What is waited for, where and since when is in every snapshot: the socket is an
//! object with a name such as `tcp 127.0.0.1:4242 -> 127.0.0.1:8080`.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use gleak_runtime::net::{TcpListener, TcpStream};
//! use gleak_runtime::{go, run};
//!
//! run(|| {
//!     let listener = TcpListener::bind("127.0.0.1:0").unwrap();
//!     let address = listener.local_addr().unwrap();
//!     go! {
//!         let (mut stream, _peer) = listener.accept().unwrap();
//!         stream.write_all(b"hello").unwrap();
//!     };
//!     let mut text = String::new();
//!     TcpStream::connect(address).unwrap().read_to_string(&mut text).unwrap();
//!     assert_eq!(text, "hello");
//! });
//! ```
//!
//! What differs from std:
//!
//! - A wait that takes longer than its timeout is [`ErrorKind::TimedOut`](std::io::ErrorKind).
//! - There are deadlines, as in Go: a point in time from which on every read (or write) fails. A
//!   deadline that is set while others wait concerns them too, and ends their waits when it lies in
//!   the past. Both belong to a handle: a clone has its own, which begin as copies.
//! - In [`with_context`] they give up when a context is done. A `select!` has no arm for a socket, as
//!   Go's has none: a task that reads and sends into a channel is one.
//! - The descriptors are in non-blocking mode and have to stay so: who takes one out
//!   (`From<TcpStream> for OwnedFd`) gets it in that mode.
//! - A host name is looked up by a thread of its own, since that cannot be interrupted.

mod addresses;
mod cancel;
mod connect;
mod handle;
mod socket;
mod tcp;
mod udp;
mod unix;
mod unix_datagram;

pub use addresses::ToSocketAddrs;
pub use cancel::with_context;
pub use std::net::Shutdown;
pub use tcp::{TcpIncoming, TcpListener, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixIncoming, UnixListener, UnixStream};
pub use unix_datagram::UnixDatagram;
