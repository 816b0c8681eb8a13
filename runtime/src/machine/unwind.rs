//! From the registers of a stack that stands still to its frames, without running anything on it.
//!
//! A stack is unwound once for all that stand at the same place. Frames that have been seen make a
//! tree, by return address from the innermost outwards; a node knows where, seen from the stack
//! pointer at the start, the words are that lead to its caller. So a known stack is recognised by
//! reading one or two words a frame, and only what is new goes through the unwind tables.
//!
//! Why that is exact: how a frame is unwound depends on its instruction and on the frame pointer
//! register alone, and a node stands for one instruction and one place of that register (if it points
//! into the stack) with one chain below it. So all stacks at a node are laid out alike up to there.
//!
//! What is read may change meanwhile. Then the result is wrong, and so may nodes below be that nobody
//! will ask for again; the caller throws the result away. Nothing is written and nothing can fault.

use std::collections::HashMap;
use std::sync::Arc;

use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64};
use framehop::{FrameAddress, Unwinder as _};
use gleak_snapshot::Registers;

use crate::machine::code::{self, Code};
use crate::machine::fiber;
use crate::machine::slabs::Place;
use crate::machine::stack;
use crate::sync::Lock;

/// More frames than this are not looked at.
const FRAMES_MAX: usize = 4096;
/// Words that the unwinding of one frame may look at.
const READS_MAX: usize = 4;
/// Frames of more stacks are not remembered from one time to the next.
const KEPT_MAX: usize = 1 << 18;

/// Words of a stack that stands still, from the stack pointer up.
pub(crate) trait Words {
    /// The word at an address; none outside of the stack.
    fn word(&self, address: u64) -> Option<u64>;
}

/// The memory of a task's stack, which the task may be writing to.
impl Words for Place {
    fn word(&self, address: u64) -> Option<u64> {
        stack::word(*self, address)
    }
}

/// A stack that has been seen: its outermost frame, from which the others are found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Chain {
    last: u32,
    /// Whether that is the task's entry.
    pub(crate) whole: bool,
}

/// All stacks seen so far.
pub(crate) struct Unwinder {
    code: Arc<Code>,
    cache: CacheX86_64,
    nodes: Vec<Node>,
    children: HashMap<Step, u32>,
    root: u64,
}

/// What tells the children of a node apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Step {
    /// The frame that this one has called; `NONE` for the innermost.
    inner: u32,
    /// The instruction, or the return address.
    address: u64,
    /// Where the frame pointer register points to, seen from the start, if that is in the stack.
    frame: Option<u64>,
}

struct Node {
    step: Step,
    caller: Caller,
    /// The child that was asked for last.
    last: u32,
}

/// How to come from a frame to its caller. Distances are from the stack pointer at the start.
#[derive(Clone, Copy)]
enum Caller {
    /// By the tables.
    Unknown,
    /// By words: the return address lies here, and the caller's frame pointer there.
    Words { above: u64, saved: Option<u64> },
}

const NONE: u32 = u32::MAX;

/// On the way outwards.
struct Walk<'w, W> {
    words: &'w W,
    start: u64,
    sp: u64,
    bp: u64,
}

/// What was learned the last time. Taken away while it is in use.
static KEPT: Lock<Option<Unwinder>> = Lock::new(None);

impl Unwinder {
    /// For the code that is loaded now.
    pub(crate) fn current() -> Unwinder {
        let code = code::current();
        let kept = KEPT.lock().take();
        kept.filter(|kept| Arc::ptr_eq(&kept.code, &code)).unwrap_or_else(|| Unwinder {
            code,
            cache: CacheX86_64::new(),
            nodes: Vec::new(),
            children: HashMap::new(),
            root: fiber::root() as u64,
        })
    }

    /// Keeps what it has learned for the next time.
    pub(crate) fn keep(self) {
        if self.nodes.len() <= KEPT_MAX {
            let before = KEPT.lock().replace(self);
            drop(before);
        }
    }

    pub(crate) fn code(&self) -> &Code {
        &self.code
    }

    /// The stack that stands there; none when it cannot be read at all.
    pub(crate) fn unwind(&mut self, from: Registers, words: &impl Words) -> Option<Chain> {
        let mut walk = Walk { words, start: from.sp, sp: from.sp, bp: from.bp };
        let mut node = self.child(NONE, from.ip, &walk)?;
        for _ in 0..FRAMES_MAX {
            let Some(address) = self.caller(node, &mut walk) else { break };
            if address == self.root {
                return Some(Chain { last: node, whole: true });
            }
            match self.child(node, address, &walk) {
                Some(next) => node = next,
                None => break,
            }
        }
        Some(Chain { last: node, whole: false })
    }

    /// The instructions of a stack, innermost first: that at which it stands, and a byte of each call
    /// that is to return.
    pub(crate) fn frames(&self, chain: Chain) -> Vec<u64> {
        let mut frames = Vec::new();
        let mut next = chain.last;
        while let Some(node) = self.nodes.get(next as usize) {
            let Step { inner, address, .. } = node.step;
            frames.push(if inner == NONE { address } else { address - 1 });
            next = inner;
        }
        frames.reverse();
        frames
    }

    /// None for what is no code: then it is no frame either.
    fn child<W: Words>(&mut self, inner: u32, address: u64, walk: &Walk<'_, W>) -> Option<u32> {
        let frame = walk.bp.checked_sub(walk.start).filter(|_| walk.words.word(walk.bp).is_some());
        let step = Step { inner, address, frame };
        let guess = self.nodes.get(inner as usize).map_or(NONE, |node| node.last);
        if self.nodes.get(guess as usize).is_some_and(|node| node.step == step) {
            return Some(guess);
        }
        let known = self.children.get(&step).copied();
        let child = match known {
            Some(child) => child,
            None => {
                let inside = if inner == NONE { address } else { address.checked_sub(1)? };
                self.code.module_of(inside)?;
                let child = u32::try_from(self.nodes.len()).ok().filter(|it| *it != NONE)?;
                self.nodes.push(Node { step, caller: Caller::Unknown, last: NONE });
                self.children.insert(step, child);
                child
            }
        };
        if let Some(node) = self.nodes.get_mut(inner as usize) {
            node.last = child;
        }
        Some(child)
    }

    /// The return address of a frame; the walk then stands in its caller.
    fn caller<W: Words>(&mut self, node: u32, walk: &mut Walk<'_, W>) -> Option<u64> {
        let Node { step, caller, .. } = &self.nodes[node as usize];
        let Step { inner, address, .. } = *step;
        if let Caller::Words { above, saved } = *caller {
            if let Some(saved) = saved {
                walk.bp = walk.words.word(walk.start.wrapping_add(saved))?;
            }
            let above = walk.start.wrapping_add(above);
            walk.sp = above.wrapping_add(8);
            return walk.words.word(above);
        }
        let at = if inner == NONE {
            FrameAddress::InstructionPointer(address)
        } else {
            FrameAddress::from_return_address(address)?
        };
        let mut registers = UnwindRegsX86_64::new(address, walk.sp, walk.bp);
        let mut reads = Reads { count: 0, at: [0; READS_MAX] };
        let read = &mut |address| {
            reads.note(address);
            walk.words.word(address).ok_or(())
        };
        let tables = &self.code.tables;
        let found =
            tables.unwind_frame(at, &mut registers, &mut self.cache, read).ok().flatten()?;
        // A stack grows downwards: who does not come nearer to its base never gets there.
        if registers.sp() <= walk.sp {
            return None;
        }
        if let Some(caller) = reads.caller(walk.start, registers.sp()) {
            self.nodes[node as usize].caller = caller;
        }
        (walk.sp, walk.bp) = (registers.sp(), registers.bp());
        Some(found)
    }
}

/// Addresses that were read on the way from one frame to its caller.
struct Reads {
    count: usize,
    at: [u64; READS_MAX],
}

impl Reads {
    fn note(&mut self, address: u64) {
        if let Some(at) = self.at.get_mut(self.count) {
            *at = address;
        }
        self.count += 1;
    }

    /// None for what is not the usual: a return address right below the caller's frame, and at most
    /// one more word, the frame pointer register.
    fn caller(&self, start: u64, sp: u64) -> Option<Caller> {
        let above = sp.checked_sub(8)?.checked_sub(start)?;
        let read = self.at.get(..self.count)?;
        let mut others = read.iter().filter(|at| **at != sp - 8);
        let saved = others.next().map(|at| at.wrapping_sub(start));
        let usual = others.next().is_none() && read.contains(&(sp - 8));
        usual.then_some(Caller::Words { above, saved })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look as if they were not in a row.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            self.0 >> 20
        }
    }

    struct Made {
        base: u64,
        words: Vec<u64>,
    }

    impl Words for Made {
        fn word(&self, address: u64) -> Option<u64> {
            let offset = address.checked_sub(self.base).filter(|it| it.is_multiple_of(8))?;
            self.words.get(usize::try_from(offset / 8).ok()?).copied()
        }
    }

    /// Any instruction, words that are code, places in the stack, or anything.
    fn made(code: &Code, numbers: &mut Numbers) -> (Registers, Made) {
        let base = 0x7000_0000_0000;
        let modules = code.modules();
        let mut instruction = || {
            let module = &modules[numbers.next() as usize % modules.len()];
            module.some_code(numbers.next())
        };
        let ip = instruction();
        let words = (0..200).map(|at| match at % 3 {
            0 => instruction(),
            1 => base + ip % 1600,
            _ => ip.rotate_left(at),
        });
        let words = words.collect();
        let (sp, bp) = (base + numbers.next() % 800, base + numbers.next() % 2000);
        (Registers { ip, sp, bp }, Made { base, words })
    }

    #[test]
    fn whatever_is_read_it_ends_and_says_that_it_is_not_whole() {
        let mut unwinder = Unwinder::current();
        let code = Arc::clone(&unwinder.code);
        let mut numbers = Numbers(7);
        for _ in 0..20_000 {
            let (registers, words) = made(&code, &mut numbers);
            if let Some(chain) = unwinder.unwind(registers, &words) {
                let frames = unwinder.frames(chain);
                assert!(!chain.whole && frames[0] == registers.ip);
            }
        }
        for edge in [0, 1, u64::MAX, u64::MAX - 7] {
            let nothing = Made { base: edge, words: vec![edge; 3] };
            for ip in [edge, code.modules()[0].some_code(40)] {
                let _ = unwinder.unwind(Registers { ip, sp: edge, bp: edge }, &nothing);
            }
        }
    }

    #[test]
    fn a_stack_that_is_known_teaches_nothing_new() {
        let mut unwinder = Unwinder::current();
        let code = Arc::clone(&unwinder.code);
        let made: Vec<_> = (1..200).map(|seed| made(&code, &mut Numbers(seed))).collect();
        let chains = |unwinder: &mut Unwinder| -> Vec<_> {
            made.iter().map(|(registers, words)| unwinder.unwind(*registers, words)).collect()
        };
        let first = chains(&mut unwinder);
        let nodes = unwinder.nodes.len();
        assert_eq!(chains(&mut unwinder), first);
        assert_eq!(unwinder.nodes.len(), nodes);
    }
}
