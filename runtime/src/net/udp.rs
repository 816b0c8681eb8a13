//! UDP.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::Location;

use crate::net::addresses::{self, ToSocketAddrs, resolve};
use crate::net::handle::{handle, limits, options};
use crate::net::socket::{Ends, Io, Socket};
use crate::wait::descriptor::Side;

/// A UDP socket, as [`std::net::UdpSocket`].
pub struct UdpSocket(Socket<std::net::UdpSocket>);

impl Io for std::net::UdpSocket {
    fn describe(&self) -> Ends {
        Ends::of("udp", self.local_addr(), self.peer_addr().ok())
    }
}

handle!(UdpSocket, std::net::UdpSocket);
limits!(UdpSocket);

options! { UdpSocket, "When the kernel refuses.":
    /// Its own address.
    local_addr() -> SocketAddr;
    /// The address that it was connected to.
    peer_addr() -> SocketAddr;
    /// Whether it may send to broadcast addresses.
    broadcast() -> bool;
    /// Whether it may send to broadcast addresses.
    set_broadcast(broadcast: bool) -> ();
    /// How many hops its packets live.
    ttl() -> u32;
    /// How many hops its packets live.
    set_ttl(ttl: u32) -> ();
    /// Whether what it sends to a group comes back to this machine.
    multicast_loop_v4() -> bool;
    /// Whether what it sends to a group comes back to this machine.
    set_multicast_loop_v4(back: bool) -> ();
    /// Whether what it sends to a group comes back to this machine.
    multicast_loop_v6() -> bool;
    /// Whether what it sends to a group comes back to this machine.
    set_multicast_loop_v6(back: bool) -> ();
    /// How many hops its packets to a group live.
    multicast_ttl_v4() -> u32;
    /// How many hops its packets to a group live.
    set_multicast_ttl_v4(ttl: u32) -> ();
    /// Enters a group.
    join_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    /// Enters a group.
    join_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
    /// Leaves a group.
    leave_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    /// Leaves a group.
    leave_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
}

impl UdpSocket {
    /// A socket at `address`; of several addresses, at the first that can be had.
    ///
    /// # Errors
    /// When no address can be had.
    #[track_caller]
    pub fn bind<A: ToSocketAddrs>(address: A) -> io::Result<UdpSocket> {
        let site = Location::caller();
        addresses::each(&address, site, |address| {
            Ok(UdpSocket::adopt(std::net::UdpSocket::bind(address)?, site))
        })
    }

    /// From now on sends to `address`, and receives from there alone.
    ///
    /// # Errors
    /// When there is no way to there.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(&self, address: A) -> io::Result<()> {
        let site = Location::caller();
        addresses::each(&address, site, |address| self.0.io().connect(address))
    }

    /// Sends one datagram to `address`; of several addresses, to the first.
    ///
    /// # Errors
    /// When it cannot be sent, or the wait for room takes too long.
    #[track_caller]
    pub fn send_to<A: ToSocketAddrs>(&self, bytes: &[u8], address: A) -> io::Result<usize> {
        let site = Location::caller();
        let address = resolve(&address, site)?.all()[0];
        self.0.attempt(Side::Write, site, |io| io.send_to(bytes, address))
    }

    /// Waits for a datagram, and comes back with its length and sender. What does not fit is lost.
    ///
    /// # Errors
    /// When it cannot receive, or the wait takes too long.
    #[track_caller]
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.attempt(Side::Read, Location::caller(), |io| io.recv_from(buffer))
    }

    /// As [`recv_from`](UdpSocket::recv_from), leaving the datagram there.
    ///
    /// # Errors
    /// When it cannot receive, or the wait takes too long.
    #[track_caller]
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.attempt(Side::Read, Location::caller(), |io| io.peek_from(buffer))
    }

    /// Sends one datagram to where it is connected to.
    ///
    /// # Errors
    /// When it cannot be sent, or the wait for room takes too long.
    #[track_caller]
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.attempt(Side::Write, Location::caller(), |io| io.send(bytes))
    }

    /// Waits for a datagram from where it is connected to. What does not fit is lost.
    ///
    /// # Errors
    /// When it cannot receive, or the wait takes too long.
    #[track_caller]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.attempt(Side::Read, Location::caller(), |io| io.recv(buffer))
    }

    /// As [`recv`](UdpSocket::recv), leaving the datagram there.
    ///
    /// # Errors
    /// When it cannot receive, or the wait takes too long.
    #[track_caller]
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.attempt(Side::Read, Location::caller(), |io| io.peek(buffer))
    }
}
