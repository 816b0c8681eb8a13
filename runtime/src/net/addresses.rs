//! From what a program names to addresses. Only a host name has to be looked up.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::blocking;
use crate::records::statics::Site;

/// What names one or more addresses: std's trait of this name, for the types that std has it for.
///
/// A trait of its own, since std's looks names up on the calling thread: a task must not do that to
/// the tasks that share its worker.
pub trait ToSocketAddrs: sealed::Named {}

impl<T: sealed::Named + ?Sized> ToSocketAddrs for T {}

/// Addresses, or what has to be looked up to get them.
#[derive(Debug)]
pub enum Lookup<'a> {
    /// One address.
    One(SocketAddr),
    /// Some addresses.
    Many(&'a [SocketAddr]),
    /// A host name and a port.
    Name(&'a str, u16),
}

mod sealed {
    use super::Lookup;

    /// How a type names addresses.
    pub trait Named {
        /// What has to be done to know the addresses.
        ///
        /// # Errors
        /// When the text is no address.
        fn lookup(&self) -> std::io::Result<Lookup<'_>>;
    }
}

use sealed::Named;

/// At least one address.
pub(super) enum Found<'a> {
    One(SocketAddr),
    Given(&'a [SocketAddr]),
    LookedUp(Vec<SocketAddr>),
}

impl Found<'_> {
    pub(super) fn all(&self) -> &[SocketAddr] {
        match self {
            Found::One(one) => std::slice::from_ref(one),
            Found::Given(given) => given,
            Found::LookedUp(found) => found,
        }
    }
}

/// The addresses of what is named.
pub(super) fn resolve<A: ToSocketAddrs + ?Sized>(named: &A, site: Site) -> io::Result<Found<'_>> {
    let found = match named.lookup()? {
        Lookup::One(one) => Found::One(one),
        Lookup::Many(many) => Found::Given(many),
        Lookup::Name(host, port) => Found::LookedUp(look_up(host, port, site)?),
    };
    if found.all().is_empty() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "no address is named"));
    }
    Ok(found)
}

fn look_up(host: &str, port: u16, site: Site) -> io::Result<Vec<SocketAddr>> {
    blocking::at(site, || {
        std::net::ToSocketAddrs::to_socket_addrs(&(host, port)).map(Iterator::collect)
    })
}

/// Does `operation` with one address after the other, until it succeeds.
pub(super) fn each<T, A: ToSocketAddrs + ?Sized>(
    named: &A,
    site: Site,
    mut operation: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut failed = None;
    for address in resolve(named, site)?.all() {
        match operation(*address) {
            Ok(done) => return Ok(done),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.expect("there is at least one address"))
}

macro_rules! addresses {
    ($($type:ty: $self:ident => $address:expr;)+) => { $(
        impl Named for $type {
            fn lookup(&self) -> io::Result<Lookup<'_>> {
                let $self = *self;
                Ok(Lookup::One($address))
            }
        }
    )+ };
}

addresses! {
    SocketAddr: it => it;
    SocketAddrV4: it => it.into();
    SocketAddrV6: it => it.into();
    (IpAddr, u16): it => it.into();
    (Ipv4Addr, u16): it => it.into();
    (Ipv6Addr, u16): it => it.into();
}

impl Named for [SocketAddr] {
    fn lookup(&self) -> io::Result<Lookup<'_>> {
        Ok(Lookup::Many(self))
    }
}

impl<const N: usize> Named for [SocketAddr; N] {
    fn lookup(&self) -> io::Result<Lookup<'_>> {
        Ok(Lookup::Many(self))
    }
}

impl Named for (&str, u16) {
    fn lookup(&self) -> io::Result<Lookup<'_>> {
        let (host, port) = *self;
        Ok(match host.parse::<IpAddr>() {
            Ok(ip) => Lookup::One((ip, port).into()),
            Err(_) => Lookup::Name(host, port),
        })
    }
}

impl Named for (String, u16) {
    fn lookup(&self) -> io::Result<Lookup<'_>> {
        let (host, port) = self;
        Ok(match host.parse::<IpAddr>() {
            Ok(ip) => Lookup::One((ip, *port).into()),
            Err(_) => Lookup::Name(host, *port),
        })
    }
}

impl Named for str {
    fn lookup(&self) -> io::Result<Lookup<'_>> {
        if let Ok(address) = self.parse() {
            return Ok(Lookup::One(address));
        }
        let invalid = || {
            let message = format!("{self:?} is neither ADDRESS:PORT nor HOST:PORT");
            io::Error::new(ErrorKind::InvalidInput, message)
        };
        let (host, port) = self.rsplit_once(':').ok_or_else(invalid)?;
        Ok(Lookup::Name(host, port.parse().map_err(|_| invalid())?))
    }
}

impl Named for String {
    fn lookup(&self) -> io::Result<Lookup<'_>> {
        self.as_str().lookup()
    }
}

impl<T: Named + ?Sized> Named for &T {
    fn lookup(&self) -> io::Result<Lookup<'_>> {
        (**self).lookup()
    }
}
