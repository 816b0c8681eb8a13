//! Free stacks: a pool for all, and a few warm ones with each worker.
//!
//! Last in, first out everywhere: a stack whose pages are in memory and in the cache costs a
//! fraction of a fresh one. Workers take and return batches, so a hundred thousand tasks that start
//! or end at once do not meet at one lock.
//!
//! A free stack is warm (it may have pages in memory) or cold (it has none). The monitor turns
//! warm ones that nobody has needed for a while into cold ones (`scheduler/trim.rs`).
//!
//! Invariants:
//! 1. Each place of a slab is dealt out once: `fresh` only goes up, but for places whose guard
//!    could not be installed.
//! 2. No system call is made under a lock, but for reserving a slab.

use std::collections::VecDeque;

use crate::machine::size::Class;
use crate::machine::slabs::{Place, Slab};
use crate::machine::stack::{self, RELEASE_MAX, Releasing, Stack, StackError};
use crate::sync::Lock;

/// Stacks of up to the default size in a slab: 16 GiB of address space for the default.
const SLAB_STACKS: usize = 1 << 16;
/// Address space of a slab of bigger stacks.
const SLAB_BIG_BYTES: usize = 1 << 30;
/// Address space of a slab where the system does not grant more (`ulimit -v`).
const SLAB_MODEST_BYTES: usize = 64 << 20;
/// Stacks that a worker carves, takes and returns at a time.
const BATCH: usize = 32;
/// Warm stacks of a class that a worker keeps for itself.
const WARM_MAX: usize = 2 * BATCH;
/// Warm stacks of a class that the pool keeps, and the most that they may span.
const KEEP: usize = 256;
const KEEP_BYTES: usize = 64 << 20;

struct Free {
    /// The one used last at the back.
    warm: VecDeque<Stack>,
    cold: Vec<Stack>,
    /// Fewest warm ones since the last look: what lay below was not needed.
    least: usize,
    /// Warm ones to be turned into cold ones.
    due: usize,
    slab: Option<Slab>,
    /// First stack of the slab that was not dealt out yet.
    fresh: usize,
}

static POOL: [Lock<Free>; Class::COUNT] = [const {
    Lock::new(Free {
        warm: VecDeque::new(),
        cold: Vec::new(),
        least: 0,
        due: 0,
        slab: None,
        fresh: 0,
    })
}; Class::COUNT];

/// Which of the warm stacks are too many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Surplus {
    /// Those that nobody has needed since the last look.
    Unneeded,
    /// All, since nothing runs.
    All,
}

/// Warm stacks of this class that the pool keeps.
fn keep(class: Class) -> usize {
    KEEP.min(KEEP_BYTES / class.stride())
}

/// Fills the empty `list` with up to a batch of stacks, the warmest on top; at least one.
fn take(class: Class, list: &mut Vec<Stack>) -> Result<(), StackError> {
    // Big stacks one at a time: a batch of them would be a lot of memory for nobody.
    let want = if class > Class::DEFAULT { 1 } else { BATCH };
    let mut free = POOL[class.index()].lock();
    while list.len() < want
        && let Some(stack) = free.warm.pop_back().or_else(|| free.cold.pop())
    {
        list.push(stack);
    }
    free.least = free.least.min(free.warm.len());
    if !list.is_empty() {
        list.reverse();
        return Ok(());
    }
    let places = free.deal(class, want)?;
    drop(free);
    carve(class, &places, list)
}

fn carve(class: Class, places: &[Place], list: &mut Vec<Stack>) -> Result<(), StackError> {
    if let (Some(first), Some(last)) = (places.first(), places.last()) {
        stack::dump_again(*first, *last);
    }
    for (done, place) in places.iter().enumerate() {
        match Stack::carve(*place) {
            Ok(stack) => list.push(stack),
            Err(error) => {
                POOL[class.index()].lock().take_back(&places[done..]);
                return if done > 0 { Ok(()) } else { Err(error) };
            }
        }
    }
    // Lowest address on top, so that what is carved fills in order.
    list.reverse();
    Ok(())
}

fn give_back(class: Class, stacks: impl Iterator<Item = Stack>) {
    POOL[class.index()].lock().warm.extend(stacks);
}

impl Free {
    /// The next places of the slab, up to `want`, at least one.
    fn deal(&mut self, class: Class, want: usize) -> Result<Vec<Place>, StackError> {
        let slab = match self.slab.take().filter(|slab| self.fresh < slab.stacks()) {
            Some(slab) => slab,
            None => {
                self.fresh = 0;
                new_slab(class)?
            }
        };
        let places: Vec<Place> = slab.places(self.fresh, want).collect();
        self.fresh += places.len();
        self.slab = Some(slab);
        Ok(places)
    }

    /// The guards of these could not be made. If others were dealt out meanwhile they are not
    /// tried again: address space is lost, no memory.
    fn take_back(&mut self, places: &[Place]) {
        let Some(slab) = &self.slab else { return };
        let start = self.fresh.saturating_sub(places.len());
        if slab.places(start, places.len()).eq(places.iter().copied()) {
            self.fresh = start;
        }
    }
}

fn new_slab(class: Class) -> Result<Slab, StackError> {
    let stride = class.stride();
    let full = if class > Class::DEFAULT { SLAB_BIG_BYTES / stride } else { SLAB_STACKS };
    let modest = (SLAB_MODEST_BYTES / stride).max(1);
    for stacks in [full, modest] {
        if let Ok(base) = stack::reserve(stacks * stride) {
            return Slab::enter(base, stacks, class).ok_or(StackError::OutOfMemory);
        }
    }
    Err(StackError::OutOfMemory)
}

/// Looks which warm stacks are too many, and says whether any are; [`surplus`] then hands them out.
pub(crate) fn look(what: Surplus) -> bool {
    let mut any = false;
    for class in Class::all() {
        let mut free = POOL[class.index()].lock();
        let unneeded = match what {
            Surplus::Unneeded => free.least,
            Surplus::All => free.warm.len(),
        };
        free.due = unneeded.saturating_sub(keep(class));
        free.least = free.warm.len();
        any |= free.due > 0;
    }
    any
}

/// Some of the stacks that are too many, the coldest first.
pub(crate) fn surplus() -> Option<Releasing> {
    Class::all().find_map(|class| {
        let mut free = POOL[class.index()].lock();
        let most = (RELEASE_MAX / class.stride()).clamp(1, KEEP);
        let count = free.due.min(most).min(free.warm.len());
        if count == 0 {
            return None;
        }
        free.due -= count;
        let stacks = free.warm.drain(..count).collect();
        free.least = free.least.min(free.warm.len());
        drop(free);
        Some(Releasing::new(stacks))
    })
}

/// Back into the pool, without pages.
pub(crate) fn put_cold(released: Releasing) {
    let stacks = released.into_stacks();
    if let Some(class) = stacks.first().map(Stack::class) {
        POOL[class.index()].lock().cold.extend(stacks);
    }
}

/// A worker's own free stacks, of the default size and below.
#[derive(Debug, Default)]
pub(crate) struct Warm([Vec<Stack>; Class::DEFAULT.index() + 1]);

impl Warm {
    /// A stack of at least `bytes`, guard included.
    ///
    /// # Errors
    /// [`StackError`]; no stack without a guard is ever handed out.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<Stack, StackError> {
        let class = Class::of(bytes).ok_or(StackError::TooLarge { bytes })?;
        let mut one = Vec::new();
        let list = self.0.get_mut(class.index()).unwrap_or(&mut one);
        if list.is_empty() {
            take(class, list)?;
        }
        list.pop().ok_or(StackError::OutOfMemory)
    }

    /// Keeps it for the next task.
    pub(crate) fn keep(&mut self, stack: Stack) {
        let class = stack.class();
        let Some(list) = self.0.get_mut(class.index()) else {
            give_back(class, std::iter::once(stack));
            return;
        };
        if list.len() == WARM_MAX {
            // The older half: the younger one is warmer.
            give_back(class, list.drain(..BATCH));
        }
        list.push(stack);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::size::MAX_BYTES;
    use crate::machine::slabs;

    #[test]
    fn stacks_of_every_size_are_found_by_address_and_reused() {
        let mut warm = Warm::default();
        for class in Class::all() {
            let stack = warm.take(class.stride()).expect("a stack");
            assert_eq!(stack.class(), class);
            stack.set_task(7);
            let (first, place) = (format!("{stack:?}"), find(&stack));
            assert_eq!(stack::task_on(place), 7);
            warm.keep(stack);
            let again = warm.take(class.stride()).expect("a stack");
            if class <= Class::DEFAULT {
                assert_eq!(format!("{again:?}"), first, "last in, first out");
            }
            warm.keep(again);
        }
        let bytes = MAX_BYTES + 1;
        assert_eq!(warm.take(bytes).unwrap_err(), StackError::TooLarge { bytes });
    }

    fn find(stack: &Stack) -> Place {
        use corosensei::stack::Stack as _;
        let limit = stack.limit();
        let place = slabs::find(limit.get() + stack.class().guard()).expect("a stack of ours");
        assert_eq!(place.limit(), limit);
        assert!(place.is_guard(limit.get()) && !place.is_guard(place.floor()));
        assert_eq!(slabs::find(place.end() - 1), Some(place));
        place
    }

    #[test]
    fn an_address_of_nobody_is_in_no_stack() {
        let local = 0_u8;
        assert_eq!(slabs::find(&raw const local as usize), None);
        assert_eq!(slabs::find(0), None);
        assert_eq!(slabs::find(usize::MAX), None);
    }

    #[test]
    fn released_stacks_have_no_pages() {
        let mut one = Vec::new();
        take(Class::of(32 << 20).expect("a class"), &mut one).expect("a stack");
        let place = find(&one[0]);
        one[0].set_task(1);
        assert_eq!(stack::touched(place), Some(4096));
        let mut releasing = Releasing::new(one);
        while releasing.step() {}
        assert_eq!(stack::touched(place), Some(0));
        assert_eq!(stack::task_on(place), 0);
        put_cold(releasing);
    }

    #[test]
    fn ranges_of_neighbours_are_joined_and_big_ones_are_cut() {
        let mut warm = Vec::new();
        take(Class::of(128 << 10).expect("a class"), &mut warm).expect("stacks");
        let mut releasing = Releasing::new(warm);
        assert!(!releasing.step(), "a batch is one step");
        put_cold(releasing);
        let mut big = Vec::new();
        take(Class::of(256 << 20).expect("a class"), &mut big).expect("a stack");
        let mut releasing = Releasing::new(big);
        let steps = 1 + std::iter::from_fn(|| releasing.step().then_some(())).count();
        assert_eq!(steps, 16);
        put_cold(releasing);
    }
}
