//! The timers of one worker: a heap of waits that end at a time.
//!
//! A wait that ended otherwise leaves its entry behind; the ticket tells. When most entries are
//! such leftovers the heap is rebuilt, so that timeouts which never fire cannot fill the memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::records::state::State;
use crate::records::table::Ref;
use crate::records::waiter::WAITERS;

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Entry {
    at_ns: u64,
    /// Timers of the same instant fire in the order of their making.
    order: u64,
    waiter: Ref,
    ticket: u64,
}

impl Entry {
    fn is_armed(&self) -> bool {
        WAITERS.get(self.waiter).is_some_and(|record| {
            let word = record.state.load();
            word.state() == State::Waiting && word.ticket() == self.ticket
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    made: u64,
    /// Size at which leftovers are looked for.
    sweep_at: usize,
}

impl Timers {
    pub(crate) fn add(&mut self, at_ns: u64, waiter: Ref, ticket: u64) {
        if self.heap.len() >= self.sweep_at.max(64) {
            self.heap.retain(|Reverse(entry)| entry.is_armed());
            self.sweep_at = self.heap.len() * 2;
        }
        self.made += 1;
        self.heap.push(Reverse(Entry { at_ns, order: self.made, waiter, ticket }));
    }

    /// The next waiter whose time has come.
    pub(crate) fn pop_due(&mut self, now_ns: u64) -> Option<(Ref, u64)> {
        if self.heap.peek()?.0.at_ns > now_ns {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.waiter, entry.ticket))
    }

    /// When the next armed timer fires. Leftovers before it are dropped: a cancelled timer wakes
    /// nobody and must not keep the process from being seen asleep.
    pub(crate) fn next_armed(&mut self) -> Option<u64> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            if entry.is_armed() {
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
