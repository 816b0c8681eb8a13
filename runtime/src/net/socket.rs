//! What all sockets share: an operation is tried, and waited for when it would block.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::net::cancel::Cancel;
use crate::records::object::{Kind, ObjectCell};
use crate::records::statics::Site;
use crate::records::tags::Tags;
use crate::scheduler::current;
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::time::{Instant, clock};
use crate::wait::descriptor::{self, Ask, Side};

/// A socket of std's, in non-blocking mode.
pub(super) trait Io: AsFd {
    /// Whether it waits for connections.
    const LISTENS: bool = false;

    /// Its ends, for reports.
    fn describe(&self) -> Ends;
}

/// What reports say of a socket.
pub(super) struct Ends {
    pub(super) name: String,
    /// The address of the other side, if it has one.
    pub(super) peer: Option<String>,
}

impl Ends {
    /// `tcp 10.0.0.1:8000 -> 10.0.0.7:443`.
    pub(super) fn of(
        protocol: &str,
        local: io::Result<SocketAddr>,
        peer: Option<SocketAddr>,
    ) -> Ends {
        let local = local.map_or("?".to_owned(), |local| local.to_string());
        let peer = peer.map(|peer| peer.to_string());
        let arrow = peer.as_ref().map_or(String::new(), |peer| format!(" -> {peer}"));
        Ends { name: format!("{protocol} {local}{arrow}"), peer }
    }
}

/// How long operations of one side may wait. Zero: no limit.
#[derive(Debug, Default)]
struct Limit {
    /// Nanoseconds that each operation may wait.
    timeout: AtomicU64,
    /// When they have to be over, on the clock of [`clock::now_ns`].
    deadline: AtomicU64,
}

/// A socket on which tasks wait.
///
/// Who waits borrows it, so it cannot be closed under somebody's wait.
pub(super) struct Socket<S: Io> {
    /// None only while [`Socket::into_io`] takes it out.
    io: Option<S>,
    object: ObjectCell,
    limits: [Limit; 2],
    /// The program wants `WouldBlock` and no waits.
    never_waits: AtomicBool,
    /// It is known to be nothing but a stream of bytes, so that a read which gets less than it has
    /// room for leaves nothing behind.
    of_bytes: bool,
    /// What was seen before such a read: as long as there is no news since, a read would block, and
    /// is not tried.
    empty_at: AtomicU32,
}

impl<S: Io> Socket<S> {
    /// `io` has to be in non-blocking mode.
    pub(super) fn new(io: S, site: Site) -> Socket<S> {
        Socket {
            io: Some(io),
            object: ObjectCell::bounded(Kind::Socket, site, u64::from(S::LISTENS)),
            limits: Default::default(),
            never_waits: AtomicBool::new(false),
            of_bytes: false,
            empty_at: AtomicU32::new(0),
        }
    }

    /// Says that it is a TCP connection, whoever it came from: not so of a descriptor in which
    /// something else may lie between the bytes (other descriptors, limits of messages).
    pub(super) fn of_bytes(mut self) -> Socket<S> {
        self.of_bytes = true;
        self
    }

    /// Another handle, with the same limits.
    pub(super) fn like(&self, io: S, site: Site) -> Socket<S> {
        let mut other = Socket::new(io, site);
        for (mine, theirs) in self.limits.iter().zip(&mut other.limits) {
            *theirs.timeout.get_mut() = mine.timeout.load(Ordering::Relaxed);
            *theirs.deadline.get_mut() = mine.deadline.load(Ordering::Relaxed);
        }
        other.of_bytes = self.of_bytes;
        *other.never_waits.get_mut() = self.never_waits.load(Ordering::Relaxed);
        other
    }

    pub(super) fn io(&self) -> &S {
        self.io.as_ref().expect("taken out only when the handle goes")
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.io().as_fd()
    }

    pub(super) fn into_io(mut self) -> S {
        descriptor::forget(self.fd());
        self.io.take().expect("taken out once, here")
    }

    pub(super) fn set_never_waits(&self, never: bool) {
        self.never_waits.store(never, Ordering::Relaxed);
    }

    /// What reports say, if the first wait is not to find it itself.
    pub(super) fn set_ends(&self, ends: Ends) {
        let peer = ends.peer.map(String::into_boxed_str);
        self.object.set_tags(Tags { peer, ..Tags::named(&ends.name) });
    }

    pub(super) fn set_timeout(&self, side: Side, timeout: Option<Duration>) -> io::Result<()> {
        let ns = match timeout {
            None => 0,
            Some(Duration::ZERO) => {
                return Err(io::Error::new(ErrorKind::InvalidInput, "a timeout of zero"));
            }
            Some(timeout) => clock::ns(timeout),
        };
        self.limits[side as usize].timeout.store(ns, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn timeout(&self, side: Side) -> Option<Duration> {
        let ns = self.limits[side as usize].timeout.load(Ordering::Relaxed);
        (ns != 0).then_some(Duration::from_nanos(ns))
    }

    /// Concerns those as well who wait already.
    pub(super) fn set_deadline(&self, side: Side, deadline: Option<Instant>) {
        let ns = deadline.map_or(0, |deadline| deadline.as_ns().max(1));
        self.limits[side as usize].deadline.store(ns, Ordering::Relaxed);
        descriptor::stir(self.fd(), side);
    }

    /// Whether operations that would block wait.
    pub(super) fn may_wait(&self) -> bool {
        !self.never_waits.load(Ordering::Relaxed)
    }

    /// Until when an operation that begins to wait now may wait.
    pub(super) fn limit(&self, side: Side) -> Option<u64> {
        [self.patience(side), self.deadline(side)].into_iter().flatten().min()
    }

    /// Does `operation` without waiting. A deadline that has passed counts all the same, as in Go.
    pub(super) fn attempt_now<T>(
        &self,
        side: Side,
        mut operation: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.deadline(side).is_some_and(|deadline| deadline <= clock::now_ns()) {
            return Err(timed_out());
        }
        loop {
            match operation(self.io()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    /// Does `operation`, waiting as long as it would block.
    pub(super) fn attempt<T>(
        &self,
        side: Side,
        site: Site,
        operation: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        self.attempt_until(side, site, None, operation)
    }

    /// [`attempt`](Socket::attempt), waiting until `limit` at most.
    pub(super) fn attempt_until<T>(
        &self,
        side: Side,
        site: Site,
        limit: Option<u64>,
        mut operation: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        self.attempt_from(side, site, limit, None, |io, _| operation(io))
    }

    /// [`attempt`](Socket::attempt) of a read with room for `room` bytes.
    pub(super) fn read(
        &self,
        room: usize,
        site: Site,
        mut read: impl FnMut(&S) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let empty_at = Some(self.empty_at.load(Ordering::Relaxed)).filter(|at| *at != 0);
        self.attempt_from(Side::Read, site, None, empty_at, |io, seen| {
            let got = read(io)?;
            let short = 0 < got && got < room;
            if short && self.of_bytes && descriptor::short_means_empty(seen) {
                self.empty_at.store(seen, Ordering::Relaxed);
            }
            Ok(got)
        })
    }

    /// The loop of every wait. As long as what is seen is `empty_at`, the operation would block.
    #[inline]
    fn attempt_from<T>(
        &self,
        side: Side,
        site: Site,
        limit: Option<u64>,
        mut empty_at: Option<u32>,
        mut operation: impl FnMut(&S, u32) -> io::Result<T>,
    ) -> io::Result<T> {
        current::operate();
        let mut cancel = Cancel::here();
        let mut began = None;
        loop {
            // Before all else: what changes from here on is news, and ends the wait below.
            let seen = descriptor::seen(self.fd(), side);
            if let Some(cancel) = &cancel {
                cancel.check()?;
            }
            // Once: a wait may have ended for what is not counted as news.
            if empty_at.take() != Some(seen) || !self.may_wait() {
                match self.attempt_now(side, |io| operation(io, seen)) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock && self.may_wait() => {}
                    done => return done,
                }
            }
            // The timeout counts from the first wait on; the deadline may have been moved.
            let patience = *began.get_or_insert_with(|| self.patience(side));
            let end = cancel.as_ref().and_then(Cancel::deadline);
            let until = [limit, patience, self.deadline(side), end].into_iter().flatten().min();
            if cancel.as_mut().is_some_and(|it| it.begins_to_stir(self.fd(), side)) {
                continue;
            }
            self.wait(side, seen, until, site)?;
        }
    }

    fn deadline(&self, side: Side) -> Option<u64> {
        let ns = self.limits[side as usize].deadline.load(Ordering::Relaxed);
        (ns != 0).then_some(ns)
    }

    /// When an operation that begins to wait now has waited for its timeout.
    fn patience(&self, side: Side) -> Option<u64> {
        let timeout = self.limits[side as usize].timeout.load(Ordering::Relaxed);
        (timeout != 0).then(|| clock::now_ns().saturating_add(timeout))
    }

    fn wait(&self, side: Side, seen: u32, until: Option<u64>, site: Site) -> io::Result<()> {
        if until.is_some_and(|until| until <= clock::now_ns()) {
            return Err(timed_out());
        }
        if self.object.target() == 0 {
            self.set_ends(self.io().describe());
        }
        let object = &self.object;
        descriptor::wait(&Ask { fd: self.fd(), side, seen, until, site, object })
    }
}

impl<S: Io> Drop for Socket<S> {
    fn drop(&mut self) {
        if let Some(io) = &self.io {
            descriptor::forget(io.as_fd());
        }
    }
}

fn timed_out() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "the time for this operation is over")
}
