//! Stacks: their memory, their guards, and what the kernel is told about them.
//!
//! A slab is one reserved mapping for many stacks. Guards are page-table marks
//! (`MADV_GUARD_INSTALL`, Linux 6.13), which cost no mapping, so a million guarded stacks fit the
//! kernel's default limits. On older kernels each guard is an `mprotect`ed range and splits the
//! mapping in two: then the number of stacks is bounded by three quarters of `vm.max_map_count`,
//! and the error says so.
//!
//! Invariants:
//! 1. A stack is made with its guard in place; there is no unguarded stack.
//! 2. Slabs are never unmapped: a reader of a stack's memory cannot fault.
//! 3. A [`Stack`] value is the right to use its memory; there is one a stack.
//! 4. Uncarved memory is excluded from core files.
//! 5. The last [`TOP`](crate::machine::size::TOP) bytes of a stack are no part of what frames use.
//!    The first word of them names the task that was started on it last, and is an atomic for all.

use std::fmt;
use std::num::NonZeroUsize;

use once_cell::sync::OnceCell;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

use crate::machine::size::{Class, MAX_BYTES};
use crate::machine::slabs::Place;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// `MADV_GUARD_INSTALL`; neither libc nor rustix names it yet.
const GUARD_INSTALL: i32 = 102;
const PAGE: usize = 4096;
/// Pages that one call of `mincore` is asked about.
const PAGES_AT_ONCE: usize = 4096;
/// The most that is given back to the kernel in one go: a few milliseconds' work if all of it was
/// touched, and far less as a rule.
pub(crate) const RELEASE_MAX: usize = 16 << 20;

/// A guarded stack, ready for use.
#[derive(Debug)]
pub(crate) struct Stack {
    place: Place,
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
            StackError::OutOfMemory => {
                f.write_str("no address space or memory left for another stack")
            }
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

static GUARD: OnceCell<Guard> = OnceCell::new();
/// Guarded stacks that exist.
static CARVED: AtomicUsize = AtomicUsize::new(0);

impl Stack {
    /// Puts the guard in place.
    ///
    /// The caller owns `place`: it was never carved before and is never again (invariant 3). Only
    /// the pool calls this, which deals out each place of a slab once.
    ///
    /// # Errors
    /// [`StackError`]; then the place is as it was.
    pub(super) fn carve(place: Place) -> Result<Stack, StackError> {
        install(*GUARD.get_or_init(detect_guard), place)?;
        Ok(Stack { place })
    }

    pub(crate) fn class(&self) -> Class {
        self.place.class()
    }

    /// Notes who runs on it from now on, for [`task_on`].
    pub(crate) fn set_task(&self, task: u64) {
        top_word(self.place).store(task, Ordering::Relaxed);
    }
}

/// Who was started last on this stack, as [`Stack::set_task`] was told; zero for nobody. Whether it
/// still runs there is for the caller to find out.
pub(crate) fn task_on(place: Place) -> u64 {
    top_word(place).load(Ordering::Relaxed)
}

/// A word of a stack, whoever runs on it. None outside of what frames use, and across words.
///
/// The word may be written at this moment: what is read counts only if its owner is known to have
/// stood still, which the caller finds out before and after.
#[inline]
pub(crate) fn word(place: Place, address: u64) -> Option<u64> {
    let at = usize::try_from(address).ok()?;
    let inside = (place.floor()..place.base().get()).contains(&at) && at.is_multiple_of(8);
    // SAFETY: whole words above the guard of a slab's stack, which is mapped and readable for ever
    // (its invariant 2). Volatile, since another thread may write there: on this machine a word is
    // read whole, and the caller does not use what was read while somebody wrote.
    inside.then(|| unsafe { (at as *const u64).read_volatile() })
}

/// Copies words of a stack as [`word`] reads them, from `address` up; false when they are not all inside of
/// what frames use.
pub(crate) fn words(place: Place, address: usize, into: &mut [u8]) -> bool {
    let end = address.checked_add(into.len());
    let inside = address >= place.floor() && end.is_some_and(|end| end <= place.base().get());
    if !inside || !address.is_multiple_of(8) || !into.len().is_multiple_of(8) {
        return false;
    }
    for (into, at) in into.chunks_exact_mut(8).zip((address..).step_by(8)) {
        // SAFETY: as in `word`, and all of them are inside.
        let word = unsafe { (at as *const u64).read_volatile() };
        into.copy_from_slice(&word.to_ne_bytes());
    }
    true
}

fn top_word(place: Place) -> &'static AtomicU64 {
    // SAFETY: the place is memory of a slab (its invariant 2), readable and writable for ever; the
    // word lies above what frames use, is aligned to 16, and is used as this atomic only
    // (invariant 5).
    unsafe { AtomicU64::from_ptr(place.top().get() as *mut u64) }
}

/// How much of a stack has ever been touched since it was last given back to the kernel: from its
/// top to its lowest page in memory, in bytes. A warm stack keeps the pages of tasks that ran on it
/// earlier, and pages in swap count as untouched. One system call for 16 MiB of stack; for the
/// background only. None when the kernel does not say.
pub(crate) fn touched(place: Place) -> Option<usize> {
    let mut pages = [0_u8; PAGES_AT_ONCE];
    let mut at = place.floor();
    while at < place.end() {
        let count = PAGES_AT_ONCE.min((place.end() - at) / PAGE);
        // SAFETY: reads no memory of the range, which is whole pages of a slab and so mapped for
        // ever (invariant 2), and writes `count` bytes, which `pages` has.
        let failed = unsafe { libc::mincore(at as *mut _, count * PAGE, pages.as_mut_ptr()) };
        if failed != 0 {
            return None;
        }
        if let Some(first) = pages[..count].iter().position(|page| page & 1 == 1) {
            return Some(place.end() - (at + first * PAGE));
        }
        at += count * PAGE;
    }
    Some(0)
}

/// Free stacks on their way back to the kernel: it owns them while it gives up their memory.
#[derive(Debug)]
pub(crate) struct Releasing {
    stacks: Vec<Stack>,
    /// Ranges of them still to do, at most [`RELEASE_MAX`] each.
    ranges: Vec<(usize, usize)>,
}

impl Releasing {
    pub(crate) fn new(mut stacks: Vec<Stack>) -> Releasing {
        stacks.sort_unstable_by_key(|stack| stack.place);
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for stack in &stacks {
            let mut at = stack.place.limit().get();
            while at < stack.place.end() {
                let bytes = RELEASE_MAX.min(stack.place.end() - at);
                match ranges.last_mut() {
                    Some((start, size)) if *start + *size == at && *size + bytes <= RELEASE_MAX => {
                        *size += bytes;
                    }
                    Some(_) | None => ranges.push((at, bytes)),
                }
                at += bytes;
            }
        }
        Releasing { stacks, ranges }
    }

    /// Gives up to [`RELEASE_MAX`] bytes back; says whether there are more.
    pub(crate) fn step(&mut self) -> bool {
        let mut left = RELEASE_MAX;
        while let Some((start, bytes)) = self.ranges.pop_if(|(_, bytes)| *bytes <= left) {
            left -= bytes;
            // SAFETY: the range is made of whole stacks, or pages of one, that `self` owns
            // (invariant 3), so nobody has frames there. Guards survive: page-table marks are kept
            // by this advice, and protection belongs to the mapping. A refusal is no harm.
            let _ = unsafe { rustix::mm::madvise(start as *mut _, bytes, Advice::LinuxDontNeed) };
        }
        !self.ranges.is_empty()
    }

    pub(crate) fn into_stacks(self) -> Vec<Stack> {
        self.stacks
    }
}

/// Address space for a slab, page aligned, none of it in memory. It is never unmapped.
pub(super) fn reserve(bytes: usize) -> Result<NonZeroUsize, StackError> {
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
    NonZeroUsize::new(base as usize).ok_or(StackError::OutOfMemory)
}

/// Lets core files have these places, next to each other, from `first` to `last`.
pub(super) fn dump_again(first: Place, last: Place) {
    let bytes = last.end() - first.limit().get();
    // SAFETY: a part of a slab of ours; the advice changes no content, and refusal is no harm.
    let _ =
        unsafe { rustix::mm::madvise(first.limit().get() as *mut _, bytes, Advice::LinuxDoDump) };
}

/// Tries a guard region on a scratch mapping; `GLEAK_STACK_GUARD=mprotect` forces the fallback.
fn detect_guard() -> Guard {
    let forced = std::env::var_os("GLEAK_STACK_GUARD").is_some_and(|value| value == "mprotect");
    let works = !forced && reserve(PAGE).is_ok_and(|scratch| guard_region(scratch.get(), PAGE));
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

fn guard_region(address: usize, bytes: usize) -> bool {
    // SAFETY: the first pages of a stack that nobody uses yet (or of a scratch mapping).
    unsafe { libc::madvise(address as *mut _, bytes, GUARD_INSTALL) == 0 }
}

fn install(guard: Guard, place: Place) -> Result<(), StackError> {
    let bytes = place.class().guard();
    let stacks = CARVED.fetch_add(1, Ordering::Relaxed);
    let installed = match guard {
        Guard::Region if guard_region(place.limit().get(), bytes) => Ok(()),
        Guard::Region => Err(StackError::OutOfMemory),
        Guard::Protect { stacks_max, max_map_count } => {
            let error = StackError::MapCount { stacks, max_map_count };
            let start = place.limit().get() as *mut _;
            // SAFETY: the first pages of a stack that nobody uses yet.
            let protect = || unsafe { rustix::mm::mprotect(start, bytes, MprotectFlags::empty()) };
            if stacks < stacks_max { protect().map_err(|_| error) } else { Err(error) }
        }
    };
    if installed.is_err() {
        CARVED.fetch_sub(1, Ordering::Relaxed);
    }
    installed
}

// SAFETY: `base` and `limit` bound memory of a slab that stays mapped for ever (invariant 2), used
// by nobody else (invariants 3 and 5), guarded at the low end (invariant 1), with at least 12 KiB
// between guard and base; `limit` is page aligned, and `base` is 16 below a page's end.
unsafe impl corosensei::stack::Stack for Stack {
    fn base(&self) -> corosensei::stack::StackPointer {
        self.place.base()
    }

    fn limit(&self) -> corosensei::stack::StackPointer {
        self.place.limit()
    }
}
