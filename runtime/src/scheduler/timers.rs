//! The timers of one worker: a heap of what happens at a time.
//!
//! An entry that came to nothing (a wait that ended otherwise, a function that was stopped) is left
//! behind; its ticket tells. When most entries are such leftovers the heap is rebuilt, so that
//! timeouts which never fire cannot fill the memory.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::records::state::State;
use crate::records::table::Ref;
use crate::records::waiter::WAITERS;
use crate::scheduler::deferred::Deferred;

/// What happens when a timer is due.
#[derive(Debug)]
pub(crate) enum Due {
    /// A wait ends: whose, and which of its waits.
    Wake(Ref, u64),
    /// A function runs as a task, unless it has been given another time since.
    Run(Arc<Deferred>, u64),
}

impl Due {
    fn is_armed(&self) -> bool {
        match self {
            Due::Wake(waiter, ticket) => WAITERS.get(*waiter).is_some_and(|record| {
                let word = record.state.load();
                word.state() == State::Waiting && word.ticket() == *ticket
            }),
            Due::Run(deferred, turn) => deferred.is_armed(*turn),
        }
    }
}

#[derive(Debug)]
struct Entry {
    at_ns: u64,
    /// Timers of the same instant fire in the order of their making. No two have the same.
    order: u64,
    due: Due,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_ns, self.order).cmp(&(other.at_ns, other.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    made: u64,
    /// Size at which leftovers are looked for.
    sweep_at: usize,
}

impl Timers {
    pub(crate) fn add(&mut self, at_ns: u64, due: Due) {
        if self.heap.len() >= self.sweep_at.max(64) {
            self.heap.retain(|Reverse(entry)| entry.due.is_armed());
            self.sweep_at = self.heap.len() * 2;
        }
        self.made += 1;
        self.heap.push(Reverse(Entry { at_ns, order: self.made, due }));
    }

    /// The next one whose time has come.
    pub(crate) fn pop_due(&mut self, now_ns: u64) -> Option<Due> {
        if self.heap.peek()?.0.at_ns > now_ns {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.due)
    }

    /// When the next armed timer fires. Leftovers before it are dropped: a cancelled timer wakes
    /// nobody and must not keep the process from being seen asleep.
    pub(crate) fn next_armed(&mut self) -> Option<u64> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if entry.due.is_armed() {
                return Some(entry.at_ns);
            }
            self.heap.pop();
        }
        None
    }

    /// When the first entry is due, armed or not.
    pub(crate) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(entry)| entry.at_ns)
    }
}
