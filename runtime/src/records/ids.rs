//! Ids that reports print: never reused, and in the order of making as long as they are few.
//!
//! One shared counter would be the one word that all workers fight over at every spawn. So a worker
//! takes ids in blocks, once there have been so many that nobody reads them in order any more.

use crate::sync::{AtomicU64, Cell, Ordering};

/// Ids that are handed out one at a time.
const SINGLES: u64 = 4096;
const BLOCK: u64 = 64;

/// A source of ids.
#[derive(Debug)]
pub(crate) struct Ids(AtomicU64);

/// Ids that one thread has taken: the next one, and the end.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    next: Cell<u64>,
    end: Cell<u64>,
}

impl Ids {
    /// From 1 on: zero means "none" in records.
    pub(crate) const fn new() -> Ids {
        Ids(AtomicU64::new(1))
    }

    pub(crate) fn next(&self, taken: Option<&Taken>) -> u64 {
        let Some(taken) = taken else { return self.0.fetch_add(1, Ordering::Relaxed) };
        let next = taken.next.get();
        if next < taken.end.get() {
            taken.next.set(next + 1);
            return next;
        }
        let block = if self.0.load(Ordering::Relaxed) < SINGLES { 1 } else { BLOCK };
        let first = self.0.fetch_add(block, Ordering::Relaxed);
        taken.next.set(first + 1);
        taken.end.set(first + block);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_never_given_twice_and_in_order_at_first() {
        let ids = Ids::new();
        let (one, other) = (Taken::default(), Taken::default());
        let mut seen: Vec<u64> = Vec::new();
        for round in 0..10_000 {
            let from = [Some(&one), Some(&other), None][round % 3];
            seen.push(ids.next(from));
        }
        assert!(seen[..4000].iter().zip(1..).all(|(id, expected)| *id == expected));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 10_000);
    }
}
