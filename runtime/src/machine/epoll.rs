//! Waiting in the kernel for descriptors.
//!
//! An [`Epoll`] belongs to one thread, which alone waits on it; others may interrupt that wait, and
//! add or take away descriptors. Descriptors are added edge triggered, once, for both directions.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, epoll, eventfd};
use rustix::io::Errno;
use rustix::time::Timespec;

/// Events taken from the kernel at a time; what is left comes with the next wait.
const EVENTS: usize = 256;
/// Stands for the interrupting descriptor. No descriptor has this number.
const INTERRUPT: u64 = u64::MAX;

/// Something that can be rung from any thread and ends a wait in the kernel.
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

impl Bell {
    /// # Errors
    /// When the process has no descriptor left.
    pub(crate) fn new() -> io::Result<Bell> {
        Ok(Bell(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(crate) fn ring(&self) {
        // The counter would have to be full for this to fail: 2^64 rings that nobody heard.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Forgets that it was rung.
    pub(crate) fn silence(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

/// What has happened to one descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// Number of the descriptor.
    pub(crate) fd: u32,
    /// A read would end now, or has got more to end with; and the same for a write.
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// Reads come to something that is no data: the end, an error, something out of band.
    pub(crate) not_only_data: bool,
}

/// What one wait brought. The memory is used again.
pub(crate) struct Events(Vec<epoll::Event>);

impl Events {
    pub(crate) fn new() -> Events {
        Events(Vec::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, once.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Event> {
        use epoll::EventFlags as Flags;
        // An error or a hang-up ends reads and writes alike.
        let both = Flags::ERR | Flags::HUP;
        let no_data = Flags::RDHUP | Flags::PRI | both;
        let (reads, writes) = (Flags::IN | no_data, Flags::OUT | both);
        self.0.drain(..).filter_map(move |event| {
            let (flags, data) = (event.flags, event.data.u64());
            Some(Event {
                fd: u32::try_from(data).ok()?,
                readable: flags.intersects(reads),
                writable: flags.intersects(writes),
                not_only_data: flags.intersects(no_data),
            })
        })
    }
}

/// A set of descriptors to wait for.
#[derive(Debug)]
pub(crate) struct Epoll {
    epoll: OwnedFd,
    interrupt: Bell,
}

impl Epoll {
    /// # Errors
    /// When the process has no descriptor left, or the kernel no memory.
    pub(crate) fn new() -> io::Result<Epoll> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let interrupt = Bell::new()?;
        // Edge triggered: each ring is heard once, and nobody has to silence it.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &interrupt.0, epoll::EventData::new_u64(INTERRUPT), flags)?;
        Ok(Epoll { epoll, interrupt })
    }

    /// Adds a descriptor. What it is ready for already comes as an event.
    ///
    /// # Errors
    /// When it can never be waited for (a file), or a limit of the kernel's is reached.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, number: u32) -> io::Result<()> {
        use epoll::EventFlags as Flags;
        let flags = Flags::IN | Flags::PRI | Flags::OUT | Flags::RDHUP | Flags::ET;
        let data = epoll::EventData::new_u64(u64::from(number));
        Ok(epoll::add(&self.epoll, fd, data, flags)?)
    }

    /// Takes a descriptor away. Events of it that were taken already still come.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) {
        // Fails when it is not in: the same end.
        let _ = epoll::delete(&self.epoll, fd);
    }

    /// Waits until a descriptor has news, somebody interrupts, or `timeout` has passed; it may come
    /// back earlier.
    pub(crate) fn wait(&self, events: &mut Events, timeout: Option<Duration>) {
        // The kernel's own timeout counts milliseconds. The whole ones of a long time are waited for
        // here, and the caller comes again for what is left.
        const MILLISECOND: Duration = Duration::from_millis(1);
        let timeout = match timeout {
            Some(left) if !left.is_zero() && left < MILLISECOND => {
                let mut descriptors = [PollFd::new(&self.epoll, PollFlags::IN)];
                let _ = rustix::event::poll(&mut descriptors, Some(&timespec(left)));
                Some(Duration::ZERO)
            }
            timeout => timeout,
        };
        let whole = |left: Duration| {
            let millis = left.as_millis().min(i32::MAX as u128);
            timespec(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
        };
        let timeout = timeout.map(whole);
        events.0.clear();
        events.0.reserve(EVENTS);
        let room = rustix::buffer::spare_capacity(&mut events.0);
        // Interrupted by a signal: nothing has come, as after a timeout.
        let _ = epoll::wait(&self.epoll, room, timeout.as_ref());
    }

    /// Ends the wait of the thread that waits, or else the next one.
    pub(crate) fn interrupt(&self) {
        self.interrupt.ring();
    }
}

/// Waits for one descriptor on the calling thread: until it is ready, the bell rings, or `timeout`
/// has passed; it may come back earlier.
///
/// # Errors
/// When the kernel has no memory.
pub(crate) fn wait_for_one(
    fd: BorrowedFd<'_>,
    writable: bool,
    bell: &Bell,
    timeout: Option<Duration>,
) -> io::Result<()> {
    let flags = if writable { PollFlags::OUT } else { PollFlags::IN | PollFlags::RDHUP };
    let bell = bell.0.as_fd();
    let mut descriptors =
        [PollFd::from_borrowed_fd(fd, flags), PollFd::from_borrowed_fd(bell, PollFlags::IN)];
    match rustix::event::poll(&mut descriptors, timeout.map(timespec).as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    }
}
