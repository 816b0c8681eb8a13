//! Unix datagram sockets.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::unix::net::{self as std_net, SocketAddr};
use std::panic::Location;
use std::path::Path;

use crate::net::cancel;
use crate::net::handle::{handle, limits, options};
use crate::net::socket::{Ends, Io, Socket};
use crate::net::unix::ends;
use crate::wait::descriptor::Side;

/// A Unix datagram socket, as [`std::os::unix::net::UnixDatagram`].
pub struct UnixDatagram(Socket<std_net::UnixDatagram>);

impl Io for std_net::UnixDatagram {
    fn describe(&self) -> Ends {
        ends(self.local_addr(), self.peer_addr().ok())
    }
}

handle!(UnixDatagram, std_net::UnixDatagram);
limits!(UnixDatagram);

options! { UnixDatagram, "When the kernel refuses.":
    /// Its own address.
    local_addr() -> SocketAddr;
}

options! { UnixDatagram, "When it is not connected.":
    /// The address that it was connected to.
    peer_addr() -> SocketAddr;
    /// Ends one direction or both. Who waits to receive or send then is woken.
    shutdown(how: Shutdown) -> ();
}

impl UnixDatagram {
    /// A socket at `path`, where nothing must be.
    ///
    /// # Errors
    /// When the path cannot be had.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        Ok(UnixDatagram::adopt(std_net::UnixDatagram::bind(path)?, Location::caller()))
    }

    /// A socket at `address`.
    ///
    /// # Errors
    /// When the address cannot be had.
    #[track_caller]
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        Ok(UnixDatagram::adopt(std_net::UnixDatagram::bind_addr(address)?, Location::caller()))
    }

    /// A socket without an address.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        Ok(UnixDatagram::adopt(std_net::UnixDatagram::unbound()?, Location::caller()))
    }

    /// Two sockets that send to each other.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = std_net::UnixDatagram::pair()?;
        let site = Location::caller();
        Ok((UnixDatagram::adopt(one, site), UnixDatagram::adopt(other, site)))
    }

    /// From now on sends to the socket at `path`, and receives from there alone.
    ///
    /// # Errors
    /// When nobody is there.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.0.io().connect(path)
    }

    /// From now on sends to the socket at `address`, and receives from there alone.
    ///
    /// # Errors
    /// When nobody is there.
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.0.io().connect_addr(address)
    }

    /// Sends one datagram to the socket at `path`, waiting until it has room. A deadline that is
    /// set while this waits does not concern it.
    ///
    /// # Errors
    /// When nobody is there, or the wait takes too long.
    #[track_caller]
    pub fn send_to<P: AsRef<Path>>(&self, bytes: &[u8], path: P) -> io::Result<usize> {
        self.send_to_addr(bytes, &SocketAddr::from_pathname(path)?)
    }

    /// As [`send_to`](UnixDatagram::send_to), by an address.
    ///
    /// # Errors
    /// When nobody is there, or the wait takes too long.
    #[track_caller]
    pub fn send_to_addr(&self, bytes: &[u8], address: &SocketAddr) -> io::Result<usize> {
        let site = Location::caller();
        let limit = self.0.limit(Side::Write);
        cancel::check()?;
        loop {
            match self.0.attempt_now(Side::Write, |io| io.send_to_addr(bytes, address)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.0.may_wait() => {}
                done => return done,
            }
            // The kernel tells a socket of room at its peer, and this one is not connected: so
            // another one asks, anew each time.
            let probe = std_net::UnixDatagram::unbound()?;
            probe.set_nonblocking(true)?;
            probe.connect_addr(address)?;
            let mut has_waited = false;
            Socket::new(probe, site).attempt_until(Side::Write, site, limit, |_| {
                match std::mem::replace(&mut has_waited, true) {
                    true => Ok(()),
                    false => Err(ErrorKind::WouldBlock.into()),
                }
            })?;
        }
    }

    /// Sends one datagram to where it is connected to.
    ///
    /// # Errors
    /// When nobody is there any more, or the wait for room takes too long.
    #[track_caller]
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.attempt(Side::Write, Location::caller(), |io| io.send(bytes))
    }

    /// Waits for a datagram, and comes back with its length and sender. What does not fit is lost.
    ///
    /// # Errors
    /// When it cannot receive, or the wait takes too long.
    #[track_caller]
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.attempt(Side::Read, Location::caller(), |io| io.recv_from(buffer))
    }

    /// Waits for a datagram. What does not fit is lost.
    ///
    /// # Errors
    /// When it cannot receive, or the wait takes too long.
    #[track_caller]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.attempt(Side::Read, Location::caller(), |io| io.recv(buffer))
    }
}
