//! Panics that regions keep for who opened them, instead of having them printed where they are raised.
//!
//! Invariants:
//! 1. Only what is raised between [`begin`] and [`end`] is kept, and at most [`KEPT`] at a time; more are
//!    counted.
//! 2. Each comes out once, in the order in which they were raised.

use std::collections::BTreeMap;

use crate::sync::Lock;
use crate::task::task_panic::TaskPanic;

/// Who lets more come together than that is told of no more.
const KEPT: usize = 100;

/// What a region has kept.
#[derive(Clone, Debug, Default)]
pub struct KeptPanics {
    /// In the order in which they were raised.
    pub panics: Vec<TaskPanic>,
    /// How many there were besides.
    pub dropped: u64,
}

impl KeptPanics {
    /// Each as [`TaskPanic::told`], and a line on those that were too many.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let more = format!("gleak: {} more panics, which were not kept", self.dropped);
        let more = (self.dropped > 0).then_some(more);
        self.panics.iter().map(TaskPanic::told).chain(more).collect()
    }
}

/// By id of the region.
static KEEPERS: Lock<BTreeMap<u64, KeptPanics>> = Lock::new(BTreeMap::new());

/// From now on the region keeps panics.
pub(crate) fn begin(region: u64) {
    KEEPERS.lock().entry(region).or_default();
}

/// It keeps none any more; what nobody has taken.
pub(crate) fn end(region: u64) -> KeptPanics {
    KEEPERS.lock().remove(&region).unwrap_or_default()
}

/// What it has kept and nobody has taken; what is of the task `but` stays.
pub(crate) fn take(region: u64, but: Option<u64>) -> KeptPanics {
    let mut keepers = KEEPERS.lock();
    let Some(kept) = keepers.get_mut(&region) else { return KeptPanics::default() };
    let stays = |panic: &TaskPanic| Some(panic.task()) == but;
    let all = std::mem::take(kept);
    let (stay, panics) = all.panics.into_iter().partition(stays);
    kept.panics = stay;
    KeptPanics { panics, dropped: all.dropped }
}

/// The first of these regions that keeps panics.
pub(crate) fn keeper(mut regions: impl Iterator<Item = u64>) -> Option<u64> {
    let keepers = KEEPERS.lock();
    if keepers.is_empty() { None } else { regions.find(|region| keepers.contains_key(region)) }
}

/// Leaves a panic with a region. False when it has ended meanwhile.
pub(crate) fn add(region: u64, panic: TaskPanic) -> bool {
    let mut regions = KEEPERS.lock();
    let Some(kept) = regions.get_mut(&region) else { return false };
    if kept.panics.len() < KEPT {
        kept.panics.push(panic);
    } else {
        kept.dropped += 1;
    }
    true
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::task::panic::PanicRecord;

    /// No region has an id like these.
    const REGION: u64 = u64::MAX;

    fn panic(task: u64) -> TaskPanic {
        TaskPanic::new(task, PanicRecord::of_message("out of ideas".to_owned()))
    }

    #[test]
    fn what_is_too_much_is_counted() {
        assert!(!add(REGION, panic(1)), "nobody keeps it");
        assert_eq!(keeper([1, REGION].into_iter()), None);
        begin(REGION);
        assert_eq!(keeper([REGION - 1, REGION].into_iter()), Some(REGION));
        let many = KEPT as u64 + 3;
        assert!((1..=many).all(|task| add(REGION, panic(task))));
        let first = take(REGION, None);
        assert_eq!((first.panics.len(), first.dropped), (KEPT, 3));
        assert!(first.panics.iter().zip(1..).all(|(panic, task)| panic.task() == task));
        assert!(add(REGION, panic(7)));
        assert!(add(REGION, panic(8)));
        let of_others: Vec<u64> =
            take(REGION, Some(7)).panics.iter().map(TaskPanic::task).collect();
        assert_eq!(of_others, [8]);
        let last = end(REGION);
        assert_eq!((last.panics.len(), last.dropped), (1, 0), "the others are taken");
        assert!(!add(REGION, panic(8)) && end(REGION).panics.is_empty());
    }
}
