//! The record of a task: who it is, whether it is being polled, and what it waits for.
//!
//! The waker that a task's future is polled with is the record itself. What is wrapped here looks through
//! it and leaves another one with what it waits for, which has no count on the record; whatever else wants to
//! wake the task has to keep a clone of the record. So the count of those clones says whether anybody unseen
//! may wake it.
//!
//! Invariants:
//! 1. The version is odd while the future is polled, and once it goes, and otherwise even; only the one who
//!    polls or drops changes it. Whatever the task does then is published after that (each such word is
//!    stored with release), so who has seen any of it sees the version change too.
//! 2. Strong handles on a record are those of its [`Root`](crate::root::Root), and wakers. Everybody else
//!    has weak ones, and holds a strong one only for a moment: one too many makes a wait less certain.
//! 3. No code of others runs under the lock of `waiting`.
//! 4. Whoever wakes a task says so in the record before the runtime hears of it, and that stays until the
//!    task is polled again.
//! 5. The runtime's waker comes into the record when a poll ends without a result. Who wakes the task
//!    earlier finds none, and is heard at that end.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;

use futures_task::{ArcWake, waker};
use gleak_detector::snapshot::{WaitOp, WaitReason};
use spin::Mutex;

use crate::object::Object;
use crate::region::Region;
use crate::site::Place;

/// As many ancestors as a snapshot keeps.
const ANCESTORS: usize = 4;

/// Where a task was made, and of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) site: Place,
    /// `std::any::type_name` of its future.
    pub(crate) entry: &'static str,
}

/// Who runs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The runtime of who spawned it, as one of those that it counts.
    Spawned,
    /// A runtime other than that of who spawned it.
    Elsewhere,
    /// A local set, whose tasks no runtime counts.
    Local,
    /// A thread for closures that block.
    Blocking,
    /// Whoever blocks on a runtime.
    Main,
}

/// What is said of a task before it starts.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    /// It may outlive what it comes from.
    pub(crate) background: bool,
    /// Of most nothing.
    pub(crate) said: Option<Box<Said>>,
}

/// What its spawner says of a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) name: Option<String>,
    /// Sorted by key.
    pub(crate) labels: Vec<(String, String)>,
}

impl Identity {
    pub(crate) fn name(&self) -> Option<&str> {
        self.said.as_ref().and_then(|said| said.name.as_deref())
    }

    pub(crate) fn labels(&self) -> &[(String, String)] {
        self.said.as_ref().map_or(&[], |said| &said.labels)
    }
}

/// Where the ancestors of a task were made, nearest first.
pub(crate) type Ancestors = Arc<[Origin]>;

/// By what a handle finds the record of a task again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Named {
    pub(crate) id: u64,
    pub(crate) slot: u32,
}

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) ancestors: Option<Ancestors>,
    /// Those of its children, once it has any.
    line: OnceLock<Ancestors>,
    /// Its place in the ledger.
    slot: AtomicU32,
    /// Where it comes from: what counts it, and is charged with it unless it is a background task.
    pub(crate) region: Option<Arc<Region>>,
    pub(crate) identity: Identity,
    version: AtomicU64,
    /// Somebody has woken it since it was last polled, or it has given way: it is about to go on.
    woken: AtomicBool,
    /// Somebody has aborted it: it is about to go.
    aborted: AtomicBool,
    /// When its future last came to wait.
    since_ns: AtomicU64,
    /// Nobody can join it any more.
    detached: AtomicBool,
    /// Handles by which somebody besides who joins it may abort it.
    aborters: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// The runtime's.
    waker: Option<Waker>,
    /// What it leaves with what is known.
    known: Option<Waker>,
    pending: Vec<Pending>,
}

/// A waker of the task that nobody has to count: it lies with what the record says is waited for.
#[derive(Debug)]
struct Known(Weak<Task>);

/// One thing that a task waits for.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// Which registration it is.
    pub(crate) ticket: u64,
    /// The version of the task when it was last reached.
    pub(crate) reached: u64,
    pub(crate) since_ns: u64,
    pub(crate) what: What,
}

/// What is waited for.
#[derive(Clone, Debug)]
pub(crate) struct What {
    pub(crate) reason: WaitReason,
    pub(crate) on: On,
    pub(crate) site: Place,
}

/// On what.
#[derive(Clone, Debug)]
pub(crate) enum On {
    Object(WaitOp, Arc<Object>),
    /// The end of a task.
    Task(u64),
    /// The end of one of several tasks.
    AnyTask(Vec<u64>),
    /// A time on the clock of records.
    Until(u64),
}

/// A task as one look saw it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) version: u64,
    pub(crate) since_ns: u64,
    /// Whether somebody may wake it who is not in `pending`.
    pub(crate) unseen: bool,
    /// Whether it is about to go on, or to go.
    pub(crate) woken: bool,
    pub(crate) pending: Vec<Pending>,
}

/// What a task has from who spawned it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kin {
    pub(crate) parent: Option<u64>,
    pub(crate) ancestors: Option<Ancestors>,
    pub(crate) region: Option<Arc<Region>>,
    pub(crate) background: bool,
}

/// A task that nobody has wrapped, and that its runtime tells of.
#[derive(Clone, Debug)]
pub(crate) struct Hooked {
    pub(crate) id: u64,
    pub(crate) origin: Origin,
    pub(crate) kin: Kin,
}

impl Hooked {
    /// For its children.
    #[cfg(tokio_unstable)]
    pub(crate) fn kin(&self) -> Kin {
        Kin {
            parent: Some(self.id),
            ancestors: Some(line(self.origin, self.kin.ancestors.as_ref())),
            ..self.kin.clone()
        }
    }
}

/// The ancestors of the children of a task.
fn line(origin: Origin, above: Option<&Ancestors>) -> Ancestors {
    let above = above.into_iter().flat_map(|it| it.iter().copied());
    std::iter::once(origin).chain(above).take(ANCESTORS).collect()
}

impl Task {
    /// What it is charged to.
    #[inline]
    pub(crate) fn charged_to(&self) -> Option<&Arc<Region>> {
        self.region.as_ref().filter(|_| !self.identity.background)
    }

    /// For its children.
    pub(crate) fn kin(&self) -> Kin {
        Kin {
            parent: Some(self.id),
            ancestors: Some(self.line()),
            // What it spawns after the verdict belongs to nobody.
            region: self.region.clone().filter(|region| !region.is_closed()),
            background: self.identity.background,
        }
    }

    /// The record of a task with such kin, made in place.
    #[inline]
    pub(crate) fn new(id: u64, mut identity: Identity, kin: Kin) -> Arc<Task> {
        let Kin { parent, ancestors, region, background } = kin;
        identity.background |= background;
        Arc::new(Task {
            id,
            parent,
            ancestors,
            line: OnceLock::new(),
            slot: AtomicU32::new(0),
            region,
            identity,
            version: AtomicU64::new(0),
            woken: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            since_ns: AtomicU64::new(0),
            detached: AtomicBool::new(false),
            aborters: AtomicU64::new(0),
            waiting: Mutex::new(Waiting::default()),
        })
    }

    fn line(&self) -> Ancestors {
        let line = || line(self.identity.origin, self.ancestors.as_ref());
        Arc::clone(self.line.get_or_init(line))
    }

    /// It has this place in the ledger.
    pub(crate) fn put(&self, slot: u32) {
        self.slot.store(slot, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn named(&self) -> Named {
        Named { id: self.id, slot: self.slot.load(Ordering::Relaxed) }
    }

    /// The waker that its future is polled with, counted.
    pub(crate) fn as_waker(self: &Arc<Self>) -> Waker {
        waker(Arc::clone(self))
    }

    /// Whether a waker is this task's, and no combinator's.
    pub(crate) fn is(self: &Arc<Self>, waker: &Waker) -> bool {
        waker.data() == Arc::as_ptr(self).cast()
    }

    /// The waker to leave with what the record says is waited for.
    pub(crate) fn known_waker(self: &Arc<Self>) -> Waker {
        if let Some(known) = &self.waiting.lock().known {
            return known.clone();
        }
        let fresh = waker(Arc::new(Known(Arc::downgrade(self))));
        self.waiting.lock().known = Some(fresh.clone());
        fresh
    }

    /// Its future is about to be polled; whether it has been before.
    #[inline]
    pub(crate) fn begin(&self) -> bool {
        // Only this thread writes it.
        let version = self.version();
        self.version.store(version + 1, Ordering::Release);
        // After that: whoever misses the wake sees the version change. And what the waker did before it
        // woke the task is seen by this poll; one that is not seen here stays.
        if self.woken.load(Ordering::Relaxed) {
            self.woken.swap(false, Ordering::AcqRel);
        }
        version > 0
    }

    /// Its future has been polled by this waker, and waits, unless it has only given way: then the runtime
    /// polls it again by itself.
    pub(crate) fn rest(&self, waker: &Waker, gives_way: bool, now_ns: u64) {
        self.since_ns.store(now_ns, Ordering::Relaxed);
        // The runtime's hardly ever changes.
        let same = self.waiting.lock().waker.as_ref().is_some_and(|known| known.will_wake(waker));
        if !same {
            let fresh = waker.clone();
            let old = self.waiting.lock().waker.replace(fresh);
            drop(old);
            // Who found the old one, or none, has said so under this lock's last holder at the latest.
            if self.woken.load(Ordering::Acquire) {
                waker.wake_by_ref();
            }
        }
        if gives_way {
            self.woken.store(true, Ordering::Release);
        }
        self.version.store(self.version() + 1, Ordering::Release);
    }

    /// Its future goes.
    #[inline]
    pub(crate) fn end(&self) {
        let version = self.version();
        if version.is_multiple_of(2) {
            self.version.store(version + 1, Ordering::Release);
        }
    }

    /// Somebody is about to abort it.
    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
    }

    #[cfg(feature = "test")]
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// The runtime's waker.
    fn waker(&self) -> Option<Waker> {
        self.waiting.lock().waker.clone()
    }

    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn note(&self, pending: Pending) {
        self.waiting.lock().pending.push(pending);
    }

    /// What has this ticket has been reached again.
    pub(crate) fn reach(&self, ticket: u64) {
        let version = self.version();
        let mut waiting = self.waiting.lock();
        if let Some(known) = waiting.pending.iter_mut().find(|it| it.ticket == ticket) {
            known.reached = version;
        }
    }

    pub(crate) fn forget(&self, ticket: u64) {
        let mut waiting = self.waiting.lock();
        let at = waiting.pending.iter().position(|it| it.ticket == ticket);
        let gone = at.map(|at| waiting.pending.swap_remove(at));
        drop(waiting);
        drop(gone);
    }

    pub(crate) fn detach(&self) {
        self.detached.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.detached.load(Ordering::Relaxed)
    }

    pub(crate) fn aborters(&self) -> &AtomicU64 {
        &self.aborters
    }

    /// What it does; `handles` are those that the caller has on it.
    pub(crate) fn look(self: &Arc<Self>, handles: usize) -> Seen {
        let version = self.version();
        let mut pending = self.waiting.lock().pending.clone();
        pending.sort_by_key(|it| it.ticket);
        // The root's own, which lends its waker.
        let unseen = Arc::strong_count(self) > handles + 1;
        // Who wakes it says so before it gives its handle back: who misses the handle sees that.
        fence(Ordering::Acquire);
        let woken = self.woken.load(Ordering::Acquire) || self.aborted.load(Ordering::Acquire);
        // Who has taken a wake for a new poll has changed the version before.
        let woken = woken || self.version() != version;
        Seen { version, since_ns: self.since_ns.load(Ordering::Relaxed), unseen, woken, pending }
    }
}

impl ArcWake for Task {
    fn wake_by_ref(task: &Arc<Self>) {
        task.woken.store(true, Ordering::Release);
        if let Some(waker) = task.waker() {
            waker.wake();
        }
    }
}

impl ArcWake for Known {
    fn wake_by_ref(known: &Arc<Self>) {
        if let Some(task) = known.0.upgrade() {
            ArcWake::wake_by_ref(&task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::Location;
    use std::thread;

    use super::*;

    fn task() -> Arc<Task> {
        let origin = Origin { site: Location::caller(), entry: "a test" };
        let identity = Identity { kind: Kind::Spawned, origin, background: false, said: None };
        Task::new(1, identity, Kin::default())
    }

    /// Three that are polled for ever, each time leaving their waker to somebody who wakes them at once, are
    /// never seen as waiting: more of them than processors, so that they lose theirs anywhere.
    #[test]
    fn a_task_that_is_woken_again_and_again_never_waits() {
        let stop = AtomicBool::new(false);
        let tasks: Vec<_> = (0..3).map(|_| task()).collect();
        thread::scope(|scope| {
            for task in &tasks {
                let own = task.as_waker();
                let stop = &stop;
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        task.begin();
                        let kept = own.clone();
                        task.rest(Waker::noop(), false, 0);
                        kept.wake();
                    }
                });
            }
            for _ in 0..200_000 {
                for task in &tasks {
                    // The root's, and this thread's waker.
                    let looks = [task.look(1), task.look(1)];
                    let [first, second] = looks;
                    let waits = first.version == second.version
                        && first.version > 0
                        && first.version % 2 == 0
                        && !(first.unseen || second.unseen || first.woken || second.woken);
                    if waits {
                        stop.store(true, Ordering::Relaxed);
                    }
                    assert!(!waits, "{first:?} {second:?}");
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
}
