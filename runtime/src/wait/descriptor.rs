//! Waiting until a descriptor can be read or written.
//!
//! The loop of who waits: [`seen`], try the operation, and if it would block [`wait`] with what was
//! seen; then from the start. [`wait`] comes back at once when there was news after `seen`, so news
//! between the try and the park is not lost. It also comes back for nothing at times: when the
//! timer was first, when somebody else took what had come, or when the news was about a descriptor
//! that had the same number before. Every caller tries again, so that does no harm.
//!
//! Invariants:
//! 1. A place of the table belongs to the descriptor with its number. One handle owns a descriptor,
//!    so nobody else registers it; the handle calls [`forget`] before the descriptor goes.
//! 2. Waiters borrow the handle. So a descriptor cannot be closed while somebody waits for it.
//! 3. `news` counts up under the lock, and everybody who is queued then is claimed. So who is queued
//!    has tried after the last news, and it is right to wait for more.
//! 4. A queued task's worker is among `homes`, whose sets have the descriptor in them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::Duration;

use crate::machine::epoll::{self, Bell};
use crate::records::node::Op;
use crate::records::object::ObjectCell;
use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::scheduler::seat;
use crate::scheduler::worker::Worker;
use crate::sync::{AtomicU32, Lock, Ordering};
use crate::time::clock;
use crate::wait::queue::{Claims, WaitQueue};
use crate::wait::{self, On, Outcome, Waiting, Why};

const CHUNK: usize = 1024;
/// As many descriptors as a process may have where nobody has raised the kernel's limit.
const CHUNKS: usize = 1024;

/// Set in the count of reads once they come to something that is no data.
const NOT_ONLY_DATA: u32 = 1 << 31;

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// Something to read, to accept, or the end.
    Read,
    /// Room to write, or a connection.
    Write,
}

/// A wait that is to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) fd: BorrowedFd<'a>,
    pub(crate) side: Side,
    /// From [`seen`], before the operation was tried.
    pub(crate) seen: u32,
    /// On the clock of [`clock::now_ns`].
    pub(crate) until: Option<u64>,
    pub(crate) site: Site,
    pub(crate) object: &'a ObjectCell,
}

/// What is known of the descriptor with one number.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Place {
    /// How often there was news, by side. Written under the lock.
    news: [AtomicU32; 2],
    state: Lock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Tasks that wait, by side.
    waiters: [WaitQueue; 2],
    /// Threads that wait in the kernel on their own.
    bells: Vec<&'static Bell>,
    /// Workers that have the descriptor in their sets.
    homes: Vec<u32>,
}

static PLACES: [OnceLock<Box<[Place]>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];
/// Bells that nobody uses now.
static BELLS: Lock<Vec<&'static Bell>> = Lock::new(Vec::new());

/// The number of a descriptor, as facts have it.
pub(crate) fn number(fd: BorrowedFd<'_>) -> u32 {
    // A borrowed descriptor is not negative.
    fd.as_raw_fd().unsigned_abs()
}

fn known(number: u32) -> Option<&'static Place> {
    let at = number as usize;
    Some(&PLACES.get(at / CHUNK)?.get()?[at % CHUNK])
}

fn place(number: u32) -> io::Result<&'static Place> {
    let at = number as usize;
    let Some(chunk) = PLACES.get(at / CHUNK) else {
        let most = CHUNK * CHUNKS;
        let message = format!("descriptor {number} cannot be waited for: {most} can");
        return Err(io::Error::other(message));
    };
    let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| Place::default()).collect());
    Ok(&chunk[at % CHUNK])
}

/// How much news there was, for [`Ask`].
#[inline]
pub(crate) fn seen(fd: BorrowedFd<'_>, side: Side) -> u32 {
    known(number(fd)).map_or(0, |place| place.news[side as usize].load(Ordering::Acquire))
}

/// Whether a read that got less than it had room for has emptied a stream of bytes, given what was
/// [`seen`] before it: until there is more news, another read would block.
///
/// Not so without a worker that hears of the descriptor; nor once an event has told of more than
/// data (the end, an error, something out of band): a read stops before it, and no event comes again.
pub(crate) fn short_means_empty(seen: u32) -> bool {
    seen != 0 && seen & NOT_ONLY_DATA == 0
}

/// Waits for news. Comes back when it is worth while to try again, or `until` has passed.
///
/// # Errors
/// When the descriptor is none that can be waited for, or the process has no descriptors left to
/// wait with.
pub(crate) fn wait(ask: &Ask<'_>) -> io::Result<()> {
    let number = number(ask.fd);
    let place = place(number)?;
    let who = current::get();
    if let Some(record) = ask.object.used_by(who) {
        record.level.set(u64::from(number));
    }
    match current::worker().filter(|_| !current::parks_thread()) {
        Some(worker) => wait_as_task(ask, place, who, worker),
        None => wait_as_thread(ask, place, who),
    }
}

fn wait_as_task(
    ask: &Ask<'_>,
    place: &'static Place,
    who: Current,
    worker: &'static Worker,
) -> io::Result<()> {
    let mut state = place.state.lock();
    state.move_in(ask.fd, worker.index())?;
    if place.has_more(ask) {
        return Ok(());
    }
    let (waiting, node) = begin(ask, who);
    state.waiters[ask.side as usize].push_back(node);
    drop(state);
    worker.seat.poller.wait_begins();
    let outcome = waiting.park();
    worker.seat.poller.wait_ends();
    match outcome {
        Outcome::Arm(_) => {}
        Outcome::TimedOut | Outcome::Abandoned => {
            place.state.lock().waiters[ask.side as usize].remove(node);
            outcome.or_unwind();
        }
    }
    Ok(())
}

/// A thread that blocks anyway asks the kernel itself: nobody has to poll for it. The bell serves
/// those who change its deadline.
fn wait_as_thread(ask: &Ask<'_>, place: &'static Place, who: Current) -> io::Result<()> {
    let bell = take_bell()?;
    let mut state = place.state.lock();
    if place.has_more(ask) {
        drop(state);
        BELLS.lock().push(bell);
        return Ok(());
    }
    let (waiting, _) = begin(ask, who);
    state.bells.push(bell);
    drop(state);
    let left = ask.until.map(|until| until.saturating_sub(clock::now_ns()));
    let writable = ask.side == Side::Write;
    let waited = epoll::wait_for_one(ask.fd, writable, bell, left.map(Duration::from_nanos));
    let taken_back = waiting.cancel();
    place.state.lock().bells.retain(|other| !std::ptr::eq(*other, bell));
    bell.silence();
    BELLS.lock().push(bell);
    clock::refresh();
    if !taken_back {
        waiting.park().or_unwind();
    }
    waited
}

fn begin(ask: &Ask<'_>, who: Current) -> (Waiting, u32) {
    let (reason, op) = match ask.side {
        Side::Read => (Reason::Read, Op::Read),
        Side::Write => (Reason::Write, Op::Write),
    };
    let why = Why { reason, site: ask.site, until: ask.until };
    wait::begin(who, why, op, On::object(ask.object.target()))
}

fn take_bell() -> io::Result<&'static Bell> {
    let spare = BELLS.lock().pop();
    match spare {
        Some(bell) => Ok(bell),
        None => Ok(Box::leak(Box::new(Bell::new()?))),
    }
}

/// Reads come to something that is no data: a short one does not mean much any more.
pub(crate) fn not_only_data(number: u32) {
    if let Some(place) = known(number) {
        let _state = place.state.lock();
        place.change(Side::Read, |count| count | NOT_ONLY_DATA);
    }
}

/// There is news for these sides: everybody who waits on one of them tries again.
pub(crate) fn news(number: u32, sides: &[Side]) {
    let Some(place) = known(number) else { return };
    let mut waiters = [Claims::default(), Claims::default()];
    let mut state = place.state.lock();
    for side in sides {
        place.change(*side, |count| count.wrapping_add(1));
        let queue = &mut state.waiters[*side as usize];
        waiters[*side as usize] = queue.claim_all();
    }
    drop(state);
    // Woken without the lock: a task of another worker may need a system call.
    waiters.into_iter().for_each(Claims::wake);
}

/// Whoever waits on this side looks at its limits again, and tries again.
pub(crate) fn stir(fd: BorrowedFd<'_>, side: Side) {
    stir_number(number(fd), side);
}

/// [`stir`], when the descriptor may be another one by now.
pub(crate) fn stir_number(number: u32, side: Side) {
    // Made if it is not there: who has looked at the limits and has not queued yet must see it.
    let Ok(place) = place(number) else { return };
    news(number, &[side]);
    // Rung without the lock. A bell may serve another wait by now, which then tries once too often.
    let bells = place.state.lock().bells.clone();
    bells.into_iter().for_each(Bell::ring);
}

/// The handle gives the descriptor up. Nobody waits (invariant 2).
pub(crate) fn forget(fd: BorrowedFd<'_>) {
    let Some(place) = known(number(fd)) else { return };
    // Not only for order: a copy of the descriptor in another hand would keep it in the sets.
    let mut state = place.state.lock();
    state.leave_homes(fd);
    for side in [Side::Read, Side::Write] {
        place.change(side, |_| 0);
    }
}

impl Place {
    /// Under the lock: so a load and a store are enough, and cost a tenth.
    fn change(&self, side: Side, change: impl FnOnce(u32) -> u32) {
        let count = &self.news[side as usize];
        count.store(change(count.load(Ordering::Relaxed)), Ordering::Release);
    }

    /// Under the lock: whether there was news since the operation was tried.
    fn has_more(&self, ask: &Ask<'_>) -> bool {
        self.news[ask.side as usize].load(Ordering::Relaxed) != ask.seen
    }
}

impl State {
    /// Sees to it that the worker hears of the descriptor. Others hear no more of it when none of
    /// their tasks waits now: a connection belongs to the task that serves it, wherever it was made.
    fn move_in(&mut self, fd: BorrowedFd<'_>, home: u32) -> io::Result<()> {
        if self.homes.contains(&home) {
            return Ok(());
        }
        seat::of(home).poller.epoll()?.add(fd, number(fd))?;
        if self.waiters.iter().all(WaitQueue::is_empty) {
            self.leave_homes(fd);
        }
        self.homes.push(home);
        Ok(())
    }

    fn leave_homes(&mut self, fd: BorrowedFd<'_>) {
        for home in self.homes.drain(..) {
            if let Some(epoll) = seat::of(home).poller.made() {
                epoll.remove(fd);
            }
        }
    }
}
