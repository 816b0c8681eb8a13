//! `ErrGroup`: tasks that work for one result. The first error ends the others' context.
//!
//! The rules are those of Go's `golang.org/x/sync/errgroup`; panics come out of [`ErrGroup::wait`].
//!
//! Invariants:
//! 1. `members` has every member that has not been joined, so that a wait for the group is a wait
//!    for the ends of its tasks, which reports can follow.
//! 2. An error or panic that goes with the group, seen by nobody, is noted: `failed_by`, `panicked`.
//! 3. No value of the user's is dropped under the lock.
//! 4. Who has taken members out to join them has `joining`: others who wait for the group wait for
//!    that, and so for the same members.

use std::any::Any;
use std::fmt;
use std::panic::{Location, resume_unwind};
use std::sync::{Arc, PoisonError};

use crate::chan::Chan;
use crate::context::{CancelHandle, Context};
use crate::lock::Mutex;
use crate::records::misuse::{self, Doer};
use crate::records::panics::{self, Unjoined};
use crate::records::statics::{Entry, Site};
use crate::records::waiter::Reason;
use crate::scheduler::current;
use crate::sync::Lock;
use crate::task::error::JoinError;
use crate::task::join::JoinHandle;
use crate::task::spawn::Builder;

/// How many members are looked at whenever one comes: more than one, so that those who have
/// finished go sooner than new ones come.
const LOOKS: usize = 2;

type Payload = Box<dyn Any + Send>;

struct State<E> {
    /// Whether somebody has failed, and the error until it is taken.
    failed: bool,
    error: Option<E>,
    /// Who failed first, unless that was told to end.
    failed_by: Option<Doer>,
    panic: Option<Payload>,
    /// A handle went because its task panicked, which says more than an error that it would have seen.
    excused: bool,
    /// Whose panic that is.
    panicked: Option<Unjoined>,
    members: Vec<JoinHandle<()>>,
    /// Which member is looked at next.
    next: usize,
}

struct Core<E> {
    /// Where the group was made.
    site: Site,
    state: Lock<State<E>>,
    joining: Mutex<()>,
    cancel: Option<CancelHandle>,
    /// Has a value for each member that runs, where there is a limit.
    slots: Option<Chan<()>>,
}

/// Tasks that work for one result; the first error counts. Clones are the same group, for members
/// that add members.
pub struct ErrGroup<E> {
    core: Arc<Core<E>>,
}

impl<E> Clone for ErrGroup<E> {
    fn clone(&self) -> Self {
        ErrGroup { core: self.core.clone() }
    }
}

impl<E: Send + 'static> Default for ErrGroup<E> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Send + 'static> ErrGroup<E> {
    /// A group without a context: an error ends nobody.
    #[track_caller]
    #[must_use]
    pub fn new() -> ErrGroup<E> {
        ErrGroup::of(None)
    }

    /// A group, and a context that is cancelled when the first member fails or panics, or when
    /// [`wait`](ErrGroup::wait) returns.
    #[track_caller]
    #[must_use]
    pub fn with_context(parent: &Context) -> (ErrGroup<E>, Context) {
        let (context, cancel) = parent.with_cancel();
        (ErrGroup::of(Some(cancel)), context)
    }

    #[track_caller]
    fn of(cancel: Option<CancelHandle>) -> ErrGroup<E> {
        let state = State {
            failed: false,
            error: None,
            failed_by: None,
            excused: false,
            panic: None,
            panicked: None,
            members: Vec::new(),
            next: 0,
        };
        let (site, state, joining) = (Location::caller(), Lock::new(state), Mutex::new(()));
        ErrGroup { core: Arc::new(Core { site, state, joining, cancel, slots: None }) }
    }

    /// Lets `most` members run at a time. With 0 none ever starts.
    ///
    /// # Panics
    /// When the group has members or clones already.
    #[track_caller]
    #[must_use]
    pub fn limit(mut self, most: usize) -> ErrGroup<E> {
        let slots = Chan::new(most);
        let core = Arc::get_mut(&mut self.core);
        core.expect("the limit of a group is set before it is used").slots = Some(slots);
        self
    }

    /// Runs `f` as a task of the group. Waits first while as many run as the limit lets.
    ///
    /// # Panics
    /// As [`spawn`](crate::spawn).
    #[track_caller]
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        if let Some(slots) = &self.core.slots {
            slots.send(());
        }
        self.start(f);
    }

    /// Runs `f` as a task of the group if the limit lets it right now.
    ///
    /// # Errors
    /// Gives `f` back when as many members run as the limit lets.
    ///
    /// # Panics
    /// As [`spawn`](crate::spawn).
    #[track_caller]
    pub fn try_go<F>(&self, f: F) -> Result<(), F>
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        if let Some(slots) = &self.core.slots
            && slots.try_send(()).is_err()
        {
            return Err(f);
        }
        self.start(f);
        Ok(())
    }

    #[track_caller]
    fn start<F>(&self, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let site = Location::caller();
        let member = Member { core: self.core.clone(), site, returned: false };
        let builder = Builder::new().entry(Entry::of::<F>());
        match builder.spawn(move || member.run(f)) {
            Ok(handle) => self.core.add(handle),
            Err(error) => panic!("cannot spawn a task: {error}"),
        }
    }

    /// Waits until every member has ended, then cancels the context. Several may wait, through clones;
    /// the error or panic is for the first of them that returns. (In Go all get the error.)
    ///
    /// # Errors
    /// What the first member to fail came back with.
    ///
    /// # Panics
    /// With the panic of a member, after all have ended; and when no stack could be had for one.
    #[track_caller]
    pub fn wait(self) -> Result<(), E> {
        let site = Location::caller();
        let alone = self.core.joining.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // Members may add members: these are there before those end.
            let members = std::mem::take(&mut self.core.state.lock().members);
            if members.is_empty() {
                break;
            }
            for member in members {
                self.core.note(member.join_for(Reason::Join, site));
            }
        }
        drop(alone);
        self.core.cancel(site);
        let mut state = self.core.state.lock();
        let (panic, error) = (state.panic.take(), state.error.take());
        let told = (state.panicked.take(), state.failed_by.take());
        drop(state);
        drop(told);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
        error.map_or(Ok(()), Err)
    }
}

impl<E> Core<E> {
    /// A member that was just spawned takes the place of those that have ended.
    fn add(&self, member: JoinHandle<()>) {
        let mut ended = [const { None }; LOOKS];
        let mut state = self.state.lock();
        for place in &mut ended {
            let at = state.next.checked_rem(state.members.len()).unwrap_or(0);
            if state.members.get(at).is_some_and(JoinHandle::is_finished) {
                *place = Some(state.members.swap_remove(at));
            } else {
                state.next = at + 1;
            }
        }
        state.members.push(member);
        drop(state);
        for member in ended.into_iter().flatten() {
            self.note(member.join());
        }
    }

    /// How a member has ended.
    fn note(&self, ended: Result<(), JoinError>) {
        let Err(error) = ended else { return };
        let (task, panic) = error.record();
        let payload = error.into_panic().unwrap_or_else(|error| Box::new(error.to_string()));
        let mut state = self.state.lock();
        let late = match state.panic {
            Some(_) => Some(payload),
            None => {
                state.panic = Some(payload);
                state.panicked = Some(Unjoined { task, panic });
                None
            }
        };
        drop(state);
        drop(late);
    }

    /// `site` is where the member was spawned.
    fn fail(&self, error: E, site: Site) {
        // Who is told to end has no other way to come back: its error is no news.
        let told = self.cancel.as_ref().is_some_and(CancelHandle::is_done);
        let member = (!told).then(|| Doer::of(current::get()));
        let mut state = self.state.lock();
        let late = if std::mem::replace(&mut state.failed, true) {
            Some(error)
        } else {
            (state.error, state.failed_by) = (Some(error), member);
            None
        };
        drop(state);
        drop(late);
        self.cancel(site);
    }

    fn cancel(&self, site: Site) {
        if let Some(cancel) = &self.cancel {
            cancel.cancel_at(site);
        }
    }
}

impl<E> Drop for Core<E> {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        let excused = state.excused;
        let (member, panicked) = (state.failed_by.take(), state.panicked.take());
        drop(state);
        // Joined by the group, and then by nobody.
        if let Some(panicked) = panicked {
            panics::add(panicked);
        }
        if let Some(member) = member.filter(|_| !excused) {
            misuse::unseen_error(self.site, member);
        }
    }
}

impl<E> Drop for ErrGroup<E> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.core.state.lock().excused = true;
        }
    }
}

/// One member's place in the group, for as long as its task runs.
struct Member<E> {
    core: Arc<Core<E>>,
    site: Site,
    returned: bool,
}

impl<E> Member<E> {
    fn run(mut self, f: impl FnOnce() -> Result<(), E>) {
        let result = f();
        self.returned = true;
        if let Err(error) = result {
            self.core.fail(error, self.site);
        }
    }
}

impl<E> Drop for Member<E> {
    fn drop(&mut self) {
        if !self.returned {
            // It panicked, or was never started: the others work for nothing.
            self.core.cancel(self.site);
        }
        if let Some(slots) = &self.core.slots {
            let taken = slots.try_recv();
            debug_assert!(taken.is_ok(), "a member has a slot");
        }
    }
}

impl<E> fmt::Debug for ErrGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.core.state.lock();
        f.debug_struct("ErrGroup")
            .field("failed", &state.failed)
            .field("members", &state.members.len())
            .finish_non_exhaustive()
    }
}
