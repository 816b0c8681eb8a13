//! Connecting without blocking.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use crate::net::cancel;
use crate::net::socket::{Ends, Socket};
use crate::records::statics::Site;
use crate::wait::descriptor::Side;

type Stream = std::net::TcpStream;

/// A connection to `address`, waiting for it until `limit` at most.
pub(super) fn tcp(
    address: SocketAddr,
    limit: Option<u64>,
    site: Site,
) -> io::Result<Socket<Stream>> {
    // Before the first try, which may do it all.
    cancel::check()?;
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(family, SocketType::STREAM, flags, None)?;
    let socket = Socket::new(Stream::from(fd), site).of_bytes();
    // Over loopback the handshake is over when the first call returns, and the second one says so.
    if is_connected(socket.io(), &address)? || is_connected(socket.io(), &address)? {
        return Ok(socket);
    }
    socket.set_ends(Ends::of("tcp", socket.io().local_addr(), Some(address)));
    socket.attempt_until(Side::Write, site, limit, |io| match is_connected(io, &address)? {
        true => Ok(()),
        false => Err(ErrorKind::WouldBlock.into()),
    })?;
    Ok(socket)
}

/// Begins to connect, or asks how far it is.
fn is_connected(io: impl AsFd, address: &SocketAddr) -> io::Result<bool> {
    match connect(io, address) {
        Ok(()) | Err(Errno::ISCONN) => Ok(true),
        Err(Errno::INPROGRESS | Errno::ALREADY | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
