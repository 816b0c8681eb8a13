//! `WaitGroup`: counts work that is open, and waits until none is.
//!
//! Two ways to count. A [`WaitToken`] is one piece of open work, and its drop ends that, however the
//! work ended; each is a node of its own, which can count down but not wait. `add` and `done` count
//! by hand, as in Go: from the first use on the group is *loose*, since whoever has it may count.
//!
//! Invariants:
//! 1. `tokens` is the number of tokens that exist, and at most `count`: by hand nobody counts down
//!    what belongs to a token, so the drop of a token never fails.
//! 2. `returning` goes up before a waiter that was claimed is woken, and down before its wait returns.
//! 3. Waiters are claimed under the lock, by whoever counts down to zero.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::records::misuse;
use crate::records::node::Op;
use crate::records::object::{Kind, ObjectCell};
use crate::records::statics::Site;
use crate::records::waiter::{Current, Reason};
use crate::scheduler::current;
use crate::sync::{AtomicUsize, Lock, Ordering};
use crate::task::spawn::Builder;
use crate::wait::queue::{Claims, WaitQueue};
use crate::wait::{self, On, Why};

#[derive(Default)]
struct State {
    count: i64,
    tokens: i64,
    /// Where it was counted last.
    last: Option<Site>,
    /// Who began to wait last, and where.
    last_wait: Option<(u64, Site)>,
    waiters: WaitQueue,
}

struct Core {
    cell: ObjectCell,
    state: Lock<State>,
    /// Waits that have been ended and have not returned.
    returning: AtomicUsize,
}

/// Go's `sync.WaitGroup`. Clones share one counter.
///
/// ```
/// use gleak_runtime::{Chan, WaitGroup, run};
///
/// run(|| {
///     let (group, results) = (WaitGroup::new(), Chan::new(3));
///     for n in 0..3 {
///         let results = results.clone();
///         group.go(move || results.send(n));
///     }
///     group.wait();
///     assert_eq!(results.len(), 3);
/// });
/// ```
#[derive(Clone)]
pub struct WaitGroup {
    core: Arc<Core>,
}

/// One piece of open work of a [`WaitGroup`], done when it is dropped. A clone is one more.
#[must_use = "dropping the token counts it as done"]
pub struct WaitToken {
    node: Box<TokenNode>,
}

/// What a token points to.
struct TokenNode {
    core: Arc<Core>,
    site: Site,
}

impl WaitGroup {
    /// Counts zero.
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "`new` notes where the group is made")]
    pub fn new() -> WaitGroup {
        let cell = ObjectCell::new(Kind::WaitGroup, Location::caller());
        let (state, returning) = (Lock::new(State::default()), AtomicUsize::new(0));
        WaitGroup { core: Arc::new(Core { cell, state, returning }) }
    }

    /// Gives it a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> WaitGroup {
        self.core.cell.set_name(name);
        self
    }

    /// One more piece of work, done when the token is dropped. Take it before the task is spawned,
    /// and move it there.
    #[track_caller]
    pub fn token(&self) -> WaitToken {
        WaitToken::of(&self.core, Location::caller())
    }

    /// Runs `f` as a task that is counted until it has ended: Go's `WaitGroup.Go`.
    ///
    /// In Go `f` must not panic. Here the panic is kept for the report, and the work counts as done.
    ///
    /// # Panics
    /// As [`spawn`](crate::spawn).
    #[track_caller]
    pub fn go<F>(&self, f: F)
    where
        F: FnOnce() + Send + 'static,
    {
        let token = self.token();
        let work = move || {
            // Dropped last.
            let _token = token;
            f();
        };
        if let Err(error) = Builder::new().wrapping::<F>().spawn(work) {
            panic!("cannot spawn a task: {error}");
        }
    }

    /// Counts `work` more, by hand. Call it before the task is spawned, not inside: where it is
    /// called while the count is zero and somebody calls [`WaitGroup::wait`], that wait may return
    /// before or after the work.
    ///
    /// Go's rule holds: from zero a group is counted up by hand only after all waits for the last round
    /// have returned. Go panics when it sees otherwise; here a wait that was woken returns, whatever was
    /// added since, and the misuse is a finding. Tokens, and so [`WaitGroup::go`], may come at any time.
    ///
    /// # Panics
    /// When the count, less that of tokens, would fall below zero (`work` may be negative) or
    /// overflow. The message names the place where it was counted last.
    #[track_caller]
    pub fn add(&self, work: i64) {
        let site = Location::caller();
        if let Err(Misuse { by_hand, tokens, last }) = self.core.count(work, 0, site) {
            let besides =
                if tokens == 0 { String::new() } else { format!(" besides {tokens} tokens") };
            let last = last.map_or_else(String::new, |last| format!("; last counted at {last}"));
            panic!("a wait group that counts {by_hand}{besides} cannot count {work} more{last}");
        }
    }

    /// One less, by hand.
    ///
    /// # Panics
    /// When the count, less that of tokens, is zero.
    #[track_caller]
    pub fn done(&self) {
        self.add(-1);
    }

    /// Waits until the count is zero.
    #[track_caller]
    pub fn wait(&self) {
        let site = Location::caller();
        let who = current::operate();
        self.core.cell.used_by(who);
        if let Some((waiting, node)) = self.begin(who, site) {
            let outcome = waiting.park();
            if outcome.left_queued() {
                self.core.state.lock().waiters.remove(node);
            } else {
                self.core.returning.fetch_sub(1, Ordering::Relaxed);
            }
            outcome.or_unwind();
        }
    }

    fn begin(&self, who: Current, site: Site) -> Option<(wait::Waiting, u32)> {
        let mut state = self.core.state.lock();
        if state.count == 0 {
            return None;
        }
        let why = Why { reason: Reason::WaitGroup, site, until: None };
        let on = On::object(self.core.cell.target());
        let (waiting, node) = wait::begin(who, why, Op::WaitGroup, on);
        state.waiters.push_back(node);
        state.last_wait = Some((who.record.id(), site));
        Some((waiting, node))
    }

    /// What it counts, tokens and by hand.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.core.state.lock().count
    }
}

/// More was counted down than was counted up.
struct Misuse {
    by_hand: i64,
    tokens: i64,
    last: Option<Site>,
}

impl Core {
    /// Changes the count by `work` and by `tokens`, which are new tokens, or old ones if negative.
    fn count(&self, work: i64, tokens: i64, site: Site) -> Result<(), Misuse> {
        let who = current::get();
        let record = self.cell.used_by(who);
        let mut state = self.state.lock();
        let by_hand = state.count - state.tokens;
        let sum = by_hand.checked_add(work).filter(|by_hand| *by_hand >= 0);
        let all = sum.and_then(|by_hand| by_hand.checked_add(state.tokens + tokens));
        let Some(count) = all else {
            return Err(Misuse { by_hand, tokens: state.tokens, last: state.last });
        };
        // Who has seen a wait return has seen it counted down, whatever the order of the two words.
        let reused = work > 0 && state.count == 0 && self.returning.load(Ordering::Relaxed) > 0;
        let waited = if reused { state.last_wait } else { None };
        state.count = count;
        state.tokens += tokens;
        state.last = Some(site);
        let claimed = if count == 0 { state.waiters.claim_all() } else { Claims::default() };
        if !claimed.is_empty() {
            self.returning.fetch_add(claimed.len(), Ordering::Relaxed);
        }
        if let Some(record) = record {
            record.level.set(count.cast_unsigned());
            record.bound.set(state.tokens.cast_unsigned());
            if tokens == 0 {
                record.over.set(1);
            }
        }
        drop(state);
        claimed.wake();
        if reused && let Some(record) = record {
            misuse::group_reused(record, who, site, waited);
        }
        Ok(())
    }
}

impl WaitToken {
    fn of(core: &Arc<Core>, site: Site) -> WaitToken {
        let counted = core.count(0, 1, site);
        assert!(counted.is_ok(), "a wait group cannot count so much");
        WaitToken { node: Box::new(TokenNode { core: core.clone(), site }) }
    }
}

impl Clone for WaitToken {
    #[track_caller]
    fn clone(&self) -> WaitToken {
        WaitToken::of(&self.node.core, Location::caller())
    }
}

impl Drop for TokenNode {
    fn drop(&mut self) {
        // Cannot fail: invariant 1.
        let _counted = self.core.count(0, -1, self.site);
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup").field("count", &self.count()).finish()
    }
}

impl fmt::Debug for WaitToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitToken").field("made_at", &self.node.site).finish_non_exhaustive()
    }
}
