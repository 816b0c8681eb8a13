//! Stacks: slabs of one stride each, every stack with a guard at its low end.
//!
//! A slab is one reserved mapping for many stacks. Guards are page-table marks
//! (`MADV_GUARD_INSTALL`, Linux 6.13), which cost no mapping, so a million guarded stacks fit the
//! kernel's default limits. On older kernels each guard is an `mprotect`ed page and splits the
//! mapping in two: then the number of stacks is bounded by three quarters of `vm.max_map_count`,
//! and the error says so.
//!
//! Invariants:
//! 1. A stack is handed out only with its guard in place; there is no unguarded stack.
//! 2. Slabs are never unmapped: a reader of a stack's memory cannot fault.
//! 3. A [`Stack`] value is the right to use its memory; there is one a stack.
//! 4. Uncarved memory is excluded from core files.

use std::fmt;
use std::num::NonZeroUsize;

use once_cell::sync::OnceCell;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

use crate::sync::{AtomicUsize, Lock, Ordering};

/// What a task gets when nobody says otherwise: room for what debug builds and formatting need.
pub(crate) const DEFAULT_BYTES: usize = 256 << 10;
/// The most that can be asked for.
pub(crate) const MAX_BYTES: usize = 1 << 30;
/// Four pages: code without stack probes (C) may step over a single one.
const GUARD_BYTES: usize = 16 << 10;
/// Stacks of the default size reserved at a time: 16 GiB of address space.
const SLAB_STACKS: usize = 1 << 16;
/// Bigger stacks are few.
const SLAB_BIG_STACKS: usize = 8;
/// Stacks carved at a time, so that the slab's mapping changes rarely.
const BATCH: usize = 32;
const CLASSES: usize = (MAX_BYTES / DEFAULT_BYTES).ilog2() as usize + 1;
/// `MADV_GUARD_INSTALL`; neither libc nor rustix names it yet.
const GUARD_INSTALL: i32 = 102;

/// A guarded stack, ready for use.
#[derive(Debug)]
pub(crate) struct Stack {
    limit: NonZeroUsize,
    class: usize,
}

/// Why no stack could be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackError {
    /// More than the largest stack (1 GiB) was asked for.
    TooLarge {
        /// What was asked for.
        bytes: usize,
    },
    /// The system has no address space or memory left.
    OutOfMemory,
    /// The kernel has no guard regions (Linux 6.13) and guards by `mprotect` have used up what
    /// `vm.max_map_count` allows.
    MapCount {
        /// Guarded stacks that exist.
        stacks: usize,
        /// The value of `vm.max_map_count`.
        max_map_count: usize,
    },
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StackError::TooLarge { bytes } => {
                write!(f, "a stack of {bytes} bytes was asked for; {MAX_BYTES} is the most")
            }
            StackError::OutOfMemory => f.write_str("no memory left for another stack"),
            StackError::MapCount { stacks, max_map_count } => write!(
                f,
                "no room for another guarded stack after {stacks}: before Linux 6.13 each takes two \
                 mappings, and vm.max_map_count is {max_map_count}; raise it (sysctl vm.max_map_count)"
            ),
        }
    }
}

impl std::error::Error for StackError {}

/// How guards are made on this kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Guard {
    Region,
    Protect { stacks_max: usize, max_map_count: usize },
}

#[derive(Debug)]
struct Class {
    /// Free stacks, the one used last on top: it is warm.
    free: Vec<NonZeroUsize>,
    /// The newest slab: next uncarved stack, and the end.
    next: usize,
    end: usize,
}

static POOL: [Lock<Class>; CLASSES] =
    [const { Lock::new(Class { free: Vec::new(), next: 0, end: 0 }) }; CLASSES];
static CARVED: AtomicUsize = AtomicUsize::new(0);
static GUARD: OnceCell<Guard> = OnceCell::new();

const fn stride(class: usize) -> usize {
    DEFAULT_BYTES << class
}

impl Stack {
    /// A stack of at least `bytes`, guard included.
    ///
    /// # Errors
    /// [`StackError`]; no stack without a guard is ever handed out.
    pub(crate) fn take(bytes: usize) -> Result<Stack, StackError> {
        if bytes > MAX_BYTES {
            return Err(StackError::TooLarge { bytes });
        }
        let class = (bytes.max(DEFAULT_BYTES).next_power_of_two() / DEFAULT_BYTES).ilog2() as usize;
        let mut pool = POOL[class].lock();
        if pool.free.is_empty() {
            pool.carve(class)?;
        }
        let limit = pool.free.pop().ok_or(StackError::OutOfMemory)?;
        Ok(Stack { limit, class })
    }

    /// Puts it back for the next task.
    pub(crate) fn give_back(self) {
        POOL[self.class].lock().free.push(self.limit);
    }

    /// Whether it is of the size that most tasks use.
    pub(crate) fn is_default(&self) -> bool {
        self.class == 0
    }
}

impl Class {
    fn carve(&mut self, class: usize) -> Result<(), StackError> {
        let stride = stride(class);
        if self.next == self.end {
            let count = if class == 0 { SLAB_STACKS } else { SLAB_BIG_STACKS };
            self.next = reserve(count * stride)?;
            self.end = self.next + count * stride;
        }
        let guard = *GUARD.get_or_init(detect_guard);
        let batch = BATCH.min((self.end - self.next) / stride);
        // Big stacks one at a time: a batch of them would be a lot of address space for nothing.
        let batch = if class > 0 { 1 } else { batch };
        dump_again(self.next, batch * stride);
        for made in 0..batch {
            if let Err(error) = install(guard, self.next) {
                return if made > 0 { Ok(()) } else { Err(error) };
            }
            CARVED.fetch_add(1, Ordering::Relaxed);
            if let Some(limit) = NonZeroUsize::new(self.next) {
                self.free.push(limit);
            }
            self.next += stride;
        }
        // Lowest address on top, so that the carved prefix fills in order.
        self.free.reverse();
        Ok(())
    }
}

fn reserve(bytes: usize) -> Result<usize, StackError> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
    // SAFETY: a new private anonymous mapping at an address of the kernel's choice.
    let base = unsafe {
        rustix::mm::mmap_anonymous(
            std::ptr::null_mut(),
            bytes,
            ProtFlags::READ | ProtFlags::WRITE,
            flags,
        )
    }
    .map_err(|_| StackError::OutOfMemory)?;
    for advice in [Advice::LinuxDontDump, Advice::LinuxNoHugepage] {
        // SAFETY: advice on the mapping just made, which holds nothing; refusal is no harm.
        let _ = unsafe { rustix::mm::madvise(base, bytes, advice) };
    }
    Ok(base as usize)
}

fn dump_again(address: usize, bytes: usize) {
    // SAFETY: a part of a slab of ours; the advice changes no content, and refusal is no harm.
    let _ = unsafe { rustix::mm::madvise(address as *mut _, bytes, Advice::LinuxDoDump) };
}

/// Tries a guard region on a scratch mapping; `GLEAK_STACK_GUARD=mprotect` forces the fallback.
fn detect_guard() -> Guard {
    let forced = std::env::var_os("GLEAK_STACK_GUARD").is_some_and(|value| value == "mprotect");
    let works = !forced && reserve(GUARD_BYTES).is_ok_and(guard_region);
    if works {
        return Guard::Region;
    }
    let max_map_count = std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(65_530_usize);
    // Two mappings a stack; a quarter is left to everything else in the process.
    Guard::Protect { stacks_max: max_map_count / 4 * 3 / 2, max_map_count }
}

fn guard_region(address: usize) -> bool {
    // SAFETY: the first pages of a stack that nobody uses yet (or of a scratch mapping).
    unsafe { libc::madvise(address as *mut _, GUARD_BYTES, GUARD_INSTALL) == 0 }
}

fn install(guard: Guard, address: usize) -> Result<(), StackError> {
    match guard {
        Guard::Region if guard_region(address) => Ok(()),
        Guard::Region => Err(StackError::OutOfMemory),
        Guard::Protect { stacks_max, max_map_count } => {
            let stacks = CARVED.load(Ordering::Relaxed);
            // SAFETY: the first pages of a stack that nobody uses yet.
            let protected = || unsafe {
                rustix::mm::mprotect(address as *mut _, GUARD_BYTES, MprotectFlags::empty())
            };
            if stacks < stacks_max && protected().is_ok() {
                Ok(())
            } else {
                Err(StackError::MapCount { stacks, max_map_count })
            }
        }
    }
}

// SAFETY: `base` and `limit` bound `stride` bytes of a slab that stays mapped for ever (invariant
// 2), used by nobody else (invariant 3), guarded at the low end (invariant 1), and both are
// multiples of the stride or page, so aligned.
unsafe impl corosensei::stack::Stack for Stack {
    fn base(&self) -> corosensei::stack::StackPointer {
        self.limit.saturating_add(stride(self.class))
    }

    fn limit(&self) -> corosensei::stack::StackPointer {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corosensei::stack::Stack as _;

    #[test]
    fn sizes_round_up_to_their_class_and_are_reused() {
        for (bytes, expected) in
            [(1, 256 << 10), (256 << 10, 256 << 10), (300 << 10, 512 << 10), (8 << 20, 8 << 20)]
        {
            let stack = Stack::take(bytes).expect("a stack");
            assert_eq!(stack.base().get() - stack.limit().get(), expected, "for {bytes}");
            stack.give_back();
        }
    }

    #[test]
    fn a_stack_beyond_the_largest_is_refused() {
        let bytes = MAX_BYTES + 1;
        assert_eq!(Stack::take(bytes).unwrap_err(), StackError::TooLarge { bytes });
    }

    #[test]
    fn the_fallback_names_the_kernel_setting() {
        let guard = Guard::Protect { stacks_max: 0, max_map_count: 100 };
        let error = install(guard, 0).unwrap_err();
        assert!(error.to_string().contains("vm.max_map_count is 100"), "{error}");
    }
}
