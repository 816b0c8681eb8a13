//! TCP.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::panic::Location;
use std::time::Duration;

use rustix::net::{SocketFlags, acceptfrom_with};

use crate::net::addresses::{self, ToSocketAddrs};
use crate::net::connect;
use crate::net::handle::{handle, limits, listener, options, stream};
use crate::net::socket::{Ends, Io, Socket};
use crate::records::statics::Site;
use crate::time::Instant;
use crate::wait::descriptor::Side;

/// A TCP socket that listens, as [`std::net::TcpListener`].
pub struct TcpListener(Socket<std::net::TcpListener>);

/// A TCP connection, as [`std::net::TcpStream`].
///
/// Reads and writes work through a shared reference too, by several tasks at once.
pub struct TcpStream(Socket<std::net::TcpStream>);

impl Io for std::net::TcpListener {
    const LISTENS: bool = true;

    fn describe(&self) -> Ends {
        Ends::of("tcp", self.local_addr(), None)
    }
}

impl Io for std::net::TcpStream {
    fn describe(&self) -> Ends {
        Ends::of("tcp", self.local_addr(), self.peer_addr().ok())
    }
}

handle!(TcpListener, std::net::TcpListener);
listener!(TcpListener, TcpStream, TcpIncoming);
handle!(TcpStream, std::net::TcpStream);
limits!(TcpStream);
stream!(TcpStream);

options! { TcpListener, "When the kernel refuses.":
    /// Its own address.
    local_addr() -> SocketAddr;
    /// How many hops its packets live.
    ttl() -> u32;
    /// How many hops its packets live.
    set_ttl(ttl: u32) -> ();
}

options! { TcpStream, "When the kernel refuses.":
    /// Its own address.
    local_addr() -> SocketAddr;
    /// How many hops its packets live.
    ttl() -> u32;
    /// Whether small writes are sent at once.
    nodelay() -> bool;
    /// How many hops its packets live.
    set_ttl(ttl: u32) -> ();
    /// Whether small writes are to be sent at once.
    set_nodelay(nodelay: bool) -> ();
}

options! { TcpStream, "When it is not connected.":
    /// The peer's address.
    peer_addr() -> SocketAddr;
    /// Ends one direction or both. Who waits to read or write then is woken.
    shutdown(how: Shutdown) -> ();
}

impl TcpListener {
    /// A listener on `address`; of several addresses, on the first that can be had.
    ///
    /// # Errors
    /// When no address can be had.
    #[track_caller]
    pub fn bind<A: ToSocketAddrs>(address: A) -> io::Result<TcpListener> {
        let site = Location::caller();
        addresses::each(&address, site, |address| {
            Ok(TcpListener::adopt(std::net::TcpListener::bind(address)?, site))
        })
    }

    fn accept_at(&self, site: Site) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.attempt(Side::Read, site, |io| {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let (fd, peer) = acceptfrom_with(io, flags)?;
            let stream = std::net::TcpStream::from(fd);
            let peer = match peer.map(SocketAddr::try_from) {
                Some(Ok(peer)) => peer,
                Some(Err(_)) | None => stream.peer_addr()?,
            };
            Ok((TcpStream(Socket::new(stream, site).of_bytes()), peer))
        })
    }
}

impl TcpStream {
    /// A connection to `address`; of several addresses, to the first that takes it.
    ///
    /// # Errors
    /// When none takes it; the last one's error.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(address: A) -> io::Result<TcpStream> {
        let site = Location::caller();
        addresses::each(&address, site, |address| connect::tcp(address, None, site).map(TcpStream))
    }

    /// A connection to `address`, waiting for `timeout` at most.
    ///
    /// # Errors
    /// When it is refused or takes too long; `InvalidInput` for a timeout of zero.
    #[track_caller]
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a timeout of zero"));
        }
        let limit = (Instant::now() + timeout).as_ns();
        connect::tcp(*address, Some(limit), Location::caller()).map(TcpStream)
    }

    /// What comes next, without taking it.
    ///
    /// # Errors
    /// As a read.
    #[track_caller]
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.attempt(Side::Read, Location::caller(), |io| io.peek(buffer))
    }
}
