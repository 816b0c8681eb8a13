//! What a context is: one end, who waits for it, and the contexts below.
//!
//! Invariants:
//! 1. `ended` is set once.
//! 2. No lock of a context is held while another one's is taken, and no user code runs under one.
//! 3. A context keeps its parent, so that a cancel from above finds its way through it. The parent
//!    only knows of it, and forgets it when it has ended or gone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};

use crate::context::{Cancelled, Cause};
use crate::records::object::{Kind, ObjectCell};
use crate::records::statics::Site;
use crate::records::waiter::Current;
use crate::scheduler::current;
use crate::scheduler::deferred::Deferred;
use crate::sync::{Lock, Ordering};
use crate::time::clock;
use crate::wait::On;
use crate::wait::descriptor::{self, Side};
use crate::wait::queue::WaitQueue;

/// How a context has ended.
#[derive(Clone)]
pub(super) struct Ended {
    pub(super) why: Cancelled,
    cause: Option<Cause>,
    at: u64,
    /// Where it was cancelled; none when a deadline has passed.
    site: Option<Site>,
}

impl Ended {
    pub(super) fn into_cause(self) -> Cause {
        self.cause.unwrap_or_else(|| Arc::new(self.why))
    }
}

#[derive(Clone)]
pub(super) struct Deadline {
    pub(super) at: u64,
    pub(super) cause: Option<Cause>,
}

/// By the order in which they came, so that the same program ends them in the same order.
#[derive(Default)]
struct State {
    ended: Option<Ended>,
    waiters: WaitQueue,
    next_place: u64,
    children: BTreeMap<u64, Weak<Core>>,
    deferred: BTreeMap<u64, Arc<Deferred>>,
    /// Descriptors at which somebody waits who gives up at the end.
    stirs: Vec<(u32, Side)>,
}

impl State {
    fn place(&mut self) -> u64 {
        self.next_place += 1;
        self.next_place
    }
}

struct Link {
    parent: Arc<Core>,
    /// Among the parent's children.
    place: u64,
}

pub(super) struct Core {
    cell: ObjectCell,
    state: Lock<State>,
    /// The earliest of its own and its ancestors'.
    deadline: Option<Deadline>,
    above: Option<Link>,
}

impl Core {
    pub(super) fn root(site: Site) -> Core {
        Core::new(None, None, site)
    }

    fn new(deadline: Option<Deadline>, above: Option<Link>, site: Site) -> Core {
        let state = Lock::new(State::default());
        Core { cell: ObjectCell::new(Kind::Context, site), state, deadline, above }
    }

    pub(super) fn child(parent: &Arc<Core>, own: Option<Deadline>, site: Site) -> Arc<Core> {
        let deadlines = parent.deadline.iter().chain(&own);
        let deadline = deadlines.min_by_key(|deadline| deadline.at).cloned();
        let place = parent.state.lock().place();
        let link = Link { parent: parent.clone(), place };
        let child = Arc::new(Core::new(deadline, Some(link), site));
        let known = Arc::downgrade(&child);
        let mut state = parent.state.lock();
        let ended = state.ended.clone();
        if ended.is_none() {
            state.children.insert(place, known);
        }
        drop(state);
        if let Some(ended) = ended {
            child.end_one(&ended);
        }
        child
    }

    /// Runs it when the context is done. Comes back with its place, for [`Core::forget`].
    pub(super) fn defer(&self, deferred: &Arc<Deferred>) -> u64 {
        if self.err().is_none()
            && let Some(deadline) = self.deadline()
        {
            // First the timer: who cancels has the last word.
            deferred.arm(deadline);
        }
        let mut state = self.state.lock();
        let place = state.place();
        let ended = state.ended.is_some();
        if !ended {
            state.deferred.insert(place, deferred.clone());
        }
        drop(state);
        if ended {
            deferred.launch();
        }
        place
    }

    /// The function in this place is run no more.
    pub(super) fn forget(&self, place: u64) {
        let gone = self.state.lock().deferred.remove(&place);
        drop(gone);
    }

    /// See `Context::stir_at_end`.
    pub(super) fn stir_at_end(&self, waits: (u32, Side)) {
        let mut state = self.state.lock();
        if state.ended.is_none() {
            state.stirs.push(waits);
        }
    }

    pub(super) fn stir_no_more(&self, waits: (u32, Side)) {
        let mut state = self.state.lock();
        if let Some(at) = state.stirs.iter().position(|other| *other == waits) {
            state.stirs.remove(at);
        }
    }

    pub(super) fn set_name(&self, name: &str) {
        self.cell.set_name(name);
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.deadline.as_ref().map(|deadline| deadline.at)
    }

    pub(super) fn record(&self, who: Current) {
        if let Some(record) = self.cell.used_by(who) {
            record.bound.set(self.deadline().unwrap_or(0));
            record.level.set(self.parent_id());
            who.record.asked.set(record.target());
        }
    }

    /// Notes that the calling task asks whether it is done, unless that can never be.
    pub(super) fn note_asked(&self) {
        if let (Some(who), Some(_)) = (current::task(), &self.above) {
            self.record(who);
        }
    }

    /// Zero where there is nothing to tell: roots are never cancelled.
    fn parent_id(&self) -> u64 {
        let parent = self.above.as_ref().map(|above| &above.parent);
        let told = parent.filter(|parent| parent.above.is_some());
        told.and_then(|parent| parent.cell.record())
            .map_or(0, |record| record.id.load(Ordering::Relaxed))
    }

    /// As it stands in the state: a deadline may have passed unseen.
    pub(super) fn seen(&self) -> Option<Cancelled> {
        self.state.lock().ended.as_ref().map(|ended| ended.why)
    }

    /// Contexts right below that have not ended.
    pub(super) fn children(&self) -> usize {
        self.state.lock().children.len()
    }

    pub(super) fn err(&self) -> Option<Cancelled> {
        self.look();
        let why = self.seen();
        self.note_answer(why);
        why
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        self.look();
        let ended = self.state.lock().ended.clone();
        self.note_answer(ended.as_ref().map(|ended| ended.why));
        ended
    }

    /// Who is told that the time of one step is up goes on to the next one without this context.
    fn note_answer(&self, why: Option<Cancelled>) {
        if why == Some(Cancelled::DeadlineExceeded)
            && let Some(who) = current::task()
            && who.record.asked.get() == self.cell.target()
        {
            who.record.asked.set(0);
        }
    }

    /// Ends it if its deadline has passed.
    fn look(&self) {
        if let Some(deadline) = &self.deadline
            && deadline.at <= clock::now_ns()
            && self.seen().is_none()
        {
            let why = Cancelled::DeadlineExceeded;
            let (cause, at) = (deadline.cause.clone(), deadline.at);
            self.end(&Ended { why, cause, at, site: None });
        }
    }

    pub(super) fn cancel(&self, cause: Option<Cause>, site: Site) {
        self.look();
        let (why, at) = (Cancelled::ByHandle, clock::now_ns());
        self.end(&Ended { why, cause, at, site: Some(site) });
    }

    /// Ends this context and, one by one, its descendants.
    fn end(&self, ended: &Ended) {
        let mut more = VecDeque::from(self.end_one(ended));
        while let Some(child) = more.pop_front() {
            if let Some(child) = child.upgrade() {
                more.extend(child.end_one(ended));
            }
        }
        if let Some(Link { parent, place }) = &self.above {
            let gone = parent.state.lock().children.remove(place);
            drop(gone);
        }
    }

    /// Ends this context alone; its children are for who calls.
    fn end_one(&self, ended: &Ended) -> Vec<Weak<Core>> {
        let mut state = self.state.lock();
        if state.ended.is_some() {
            return Vec::new();
        }
        state.ended = Some(ended.clone());
        let claimed = state.waiters.claim_all();
        let children = std::mem::take(&mut state.children);
        let deferred = std::mem::take(&mut state.deferred);
        let stirs = std::mem::take(&mut state.stirs);
        drop(state);
        let who = current::get();
        if let Some(record) = self.cell.used_by(who) {
            record.owner_since.set(ended.at);
            if let Some(site) = ended.site {
                record.sender.used(who, site);
            }
            record.over.set(1);
        }
        claimed.wake();
        stirs.into_iter().for_each(|(number, side)| descriptor::stir_number(number, side));
        for deferred in deferred.values() {
            deferred.launch();
        }
        children.into_values().collect()
    }

    /// Queues the node unless the context is done.
    pub(super) fn queue(&self, begin: &mut dyn FnMut() -> u32) -> bool {
        let mut state = self.state.lock();
        if state.ended.is_some() {
            return false;
        }
        let node = begin();
        state.waiters.push_back(node);
        true
    }

    pub(super) fn unqueue(&self, node: u32) {
        self.state.lock().waiters.remove(node);
    }

    pub(super) fn on(&self) -> On {
        On::object(self.cell.target())
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // In a loop: a chain of contexts may be longer than a stack is deep.
        let mut above = self.above.take();
        while let Some(Link { parent, place }) = above {
            let gone = parent.state.lock().children.remove(&place);
            drop(gone);
            above = Arc::into_inner(parent).and_then(|mut parent| parent.above.take());
        }
    }
}
