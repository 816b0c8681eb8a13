//! Unix stream sockets.

use std::io;
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self as std_net, SocketAddr};
use std::panic::Location;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::blocking;
use crate::net::cancel;
use crate::net::handle::{handle, limits, listener, options, stream};
use crate::net::socket::{Ends, Io, Socket};
use crate::records::statics::Site;
use crate::wait::descriptor::Side;

/// A Unix socket that listens, as [`std::os::unix::net::UnixListener`].
pub struct UnixListener(Socket<std_net::UnixListener>);

/// A Unix connection, as [`std::os::unix::net::UnixStream`].
///
/// Reads and writes work through a shared reference too, by several tasks at once.
pub struct UnixStream(Socket<std_net::UnixStream>);

impl Io for std_net::UnixListener {
    const LISTENS: bool = true;

    fn describe(&self) -> Ends {
        ends(self.local_addr(), None)
    }
}

impl Io for std_net::UnixStream {
    fn describe(&self) -> Ends {
        ends(self.local_addr(), self.peer_addr().ok())
    }
}

/// Of a socket one of whose ends may have an address.
pub(super) fn ends(local: io::Result<SocketAddr>, peer: Option<SocketAddr>) -> Ends {
    let text = |address: &SocketAddr| {
        let path = address.as_pathname().map(|path| path.display().to_string());
        let name = || Some(format!("@{}", String::from_utf8_lossy(address.as_abstract_name()?)));
        path.or_else(name)
    };
    let peer = peer.as_ref().and_then(text);
    let own = local.ok().as_ref().and_then(text);
    let named = own.as_deref().or(peer.as_deref()).unwrap_or("(unnamed)");
    Ends { name: format!("unix {named}"), peer }
}

handle!(UnixListener, std_net::UnixListener);
listener!(UnixListener, UnixStream, UnixIncoming);
handle!(UnixStream, std_net::UnixStream);
limits!(UnixStream);
stream!(UnixStream);

options! { UnixListener, "When the kernel refuses.":
    /// Its own address.
    local_addr() -> SocketAddr;
}

options! { UnixStream, "When the kernel refuses.":
    /// Its own address.
    local_addr() -> SocketAddr;
    /// The peer's address.
    peer_addr() -> SocketAddr;
}

options! { UnixStream, "When it is not connected.":
    /// Ends one direction or both. Who waits to read or write then is woken.
    shutdown(how: Shutdown) -> ();
}

impl UnixListener {
    /// A listener at `path`, where nothing must be.
    ///
    /// # Errors
    /// When the path cannot be had.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        Ok(UnixListener::adopt(std_net::UnixListener::bind(path)?, Location::caller()))
    }

    /// A listener at `address`.
    ///
    /// # Errors
    /// When the address cannot be had.
    #[track_caller]
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        Ok(UnixListener::adopt(std_net::UnixListener::bind_addr(address)?, Location::caller()))
    }

    fn accept_at(&self, site: Site) -> io::Result<(UnixStream, SocketAddr)> {
        let accepted = self.0.attempt(Side::Read, site, std_net::UnixListener::accept);
        accepted.map(|(stream, peer)| (UnixStream::adopt(stream, site), peer))
    }
}

impl UnixStream {
    /// A connection to the listener at `path`.
    ///
    /// # Errors
    /// When nobody listens there.
    #[track_caller]
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        connect_at(&SocketAddr::from_pathname(path)?, Location::caller())
    }

    /// A connection to the listener at `address`.
    ///
    /// # Errors
    /// When nobody listens there.
    #[track_caller]
    pub fn connect_addr(address: &SocketAddr) -> io::Result<UnixStream> {
        connect_at(address, Location::caller())
    }

    /// Two ends of one connection.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = std_net::UnixStream::pair()?;
        let site = Location::caller();
        Ok((UnixStream::adopt(one, site), UnixStream::adopt(other, site)))
    }
}

fn connect_at(address: &SocketAddr, site: Site) -> io::Result<UnixStream> {
    let unix = match (address.as_pathname(), address.as_abstract_name()) {
        (Some(path), _) => SocketAddrUnix::new(path)?,
        (None, Some(name)) => SocketAddrUnix::new_abstract_name(name)?,
        (None, None) => return Err(Errno::INVAL.into()),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    cancel::check()?;
    match connect(&fd, &unix) {
        Ok(()) => Ok(UnixStream(Socket::new(fd.into(), site))),
        // The listener has more connections than it has room for. The kernel tells nobody when it
        // has room again: one has to block for it.
        Err(Errno::AGAIN) => {
            let connected = blocking::at(site, || std_net::UnixStream::connect_addr(address));
            Ok(UnixStream::adopt(connected?, site))
        }
        Err(error) => Err(error.into()),
    }
}
